"""What else do Korean companies call things? Everyday words, regulation words and English side by side.

A company adds its own groups (`documents_catalog(terms=…)`); these are what any of them says. A group holds names of
one thing, never of two that a rule could treat differently.
"""

from typing import Final

GENERAL: Final[tuple[tuple[str, ...], ...]] = tuple(
    tuple(name.strip() for name in line.split(","))
    for line in """
    연차, 연차휴가, 연차유급휴가, annual leave, paid leave, vacation, pto
    반차, 반일휴가, half day
    병가, sick leave
    육아휴직, parental leave, childcare leave
    출산휴가, 출산전후휴가, maternity leave
    경조사, 경조휴가, 경조금, congratulations and condolences
    조부모, 할머니, 할아버지, grandparents
    출장비, 여비, travel expenses, travel allowance
    출장, business trip
    숙박비, 호텔비, 숙소비, hotel, lodging
    일비, 일당, daily allowance, per diem
    식대, 식비, 밥값, meal allowance
    야근, 연장근로, 시간외근무, overtime
    수당, allowance
    퇴사, 퇴직, 사직, resignation
    정년, 정년퇴직, retirement age
    수습, 수습기간, probation
    겸직, 부업, 투잡, side job
    재택근무, 재택, 원격근무, remote work, work from home, working from home
    시차출퇴근, 유연근무, flexible hours
    비밀번호, 비번, 패스워드, password
    이동식 저장장치, usb, usb 메모리, 외장하드
    분실, 잃어버리다, lost
    법인카드, 법카, corporate card, company card
    전결, 결재권, 위임전결, delegation of authority
    결재선, 결재 라인, approval line
    결재, 승인, approval, approve
    계약, 계약서, contract
    거래처, 고객사, client, customer
    견적, 견적서, quotation, quote
    검수, 납품 검사, inspection
    출고, 발송, 배송, shipping, shipment, delivery
    당일, same-day, same day
    반품, return of goods
    환불, refund
    보증, 무상 보증, 보증기간, warranty
    재고조사, 재고실사, stocktaking, inventory count
    건강검진, medical checkup, health checkup
    학자금, 등록금, tuition
    교육, 훈련, training
    개인정보, personal data, personal information
    유출, 새다, breach, leak
    보존, 보관, retention
    회의실, meeting room
    장애, 서비스 중단, outage, incident
    백업, backup
    화재, 불나다, fire
    대피, 집결, evacuation
    신입, 신규 입사자, 신규입사자, newcomer, new hire
    노트북, laptop
    모니터, monitor
    급여, 월급, 봉급, salary, pay
    성과급, 인센티브, 보너스, bonus
    규정, 규칙, 지침, regulation, rules, policy
    """.strip().splitlines()
)
