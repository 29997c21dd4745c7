"""What does the agent know of Korean and English that no company has to declare? Word lists only, no logic.

Three kinds: words that change nothing about what is asked (they may be passed over), words of one sense (business
language that people use in turn), and names of persons. What is in none of them, and not in an operation's own words,
counts as not understood: that is how the agent knows when to decline. Never add here a word that can change the answer,
such as 전체, 평균, 제외, 만, not, except, average.
"""

from typing import Final


def listed(words: str) -> tuple[str, ...]:
    """Words written one after the other, as one reads them."""
    return tuple(words.split())


PASSED_KO: Final = frozenset(
    listed(
        """
    혹시 그럼 그러면 그냥 지금 현재 이제 일단 우선 저기 안녕 안녕하세요 날 감사 부탁 뭐 무엇 무슨 어떤 어느
    얼마 얼마나 며칠 누구 누가 누구누구 언제 어디 것 거 때 대해 대해서 관해 관해서 관련 관한 대한 정도 현황
    정보 내용 상황 상태 내역 목록 리스트 명단 여기 이거 이것 그거 그것 해당 질문 답변 대답 데이터 날짜 일자
    기간 동안 사이
    """
    )
)
"""Korean words that may be passed over, with any particle."""

PASSED_KO_EXACTLY: Final = frozenset(
    listed(
        """
    좀 제발 자 음 네 예 응 고마워 고마워요 감사합니다 각각 잘 해요 하려고요 하려는데 뭔지 뭔가 뭘 몇 왜 어떻게
    어때 어떄 어떤지 어떻게돼 어떻게되나 어떻게되나요 게 걸 건 건지 수 중 중에 중에서 쯤 좀더 바로 빨리 당장
    다시 한번 여기서 이번 및 그리고 또 또한 그다음 다음으로 다음에 님 씨 분 할 하고 해 하는 하려고 하고싶어
    되는 된 될 돼 되나 돼요 되나요 되지 가능 좋겠 좋을까 볼 봐 할게 할게요 할래 할래요 하고싶어요 합시다 하자
    합니다 입니다 인가요 인지 인데 근데 그런데 아 오 어 대리야 건수 개수 으로 로 까지 부터 에 의 은 는 이 가 을
    를 와 과 이야 야 예요 이에요 이지 지 이랑 랑 에서 에게 한테 께 도 요 있는지 있나 있나요 어느정도 얼만큼
    얼마만큼 궁금 싶어 싶어요 싶은데 싶습니다 줘 줘요 주세요 줄래 줄래요 주라
    """
    )
)
"""Korean words, particles and endings that may be passed over when they stand exactly so."""

PASSED_KO_VERBS: Final = frozenset(
    listed(
        """
    알리다 보이다 보다 말하다 말씀하다 가르치다 가르쳐다 찾다 찾아보다 궁금하다 알다 싶다 되다 있다 하다 주다
    드리다 부탁하다 바라다 확인하다 조회하다 검색하다 정리하다 요약하다 뽑다 대답하다 답하다 설명하다 이다
    계시다 나오다 나다 도와다 돕다 해주다 알려주다 보여주다
    """
    )
)
"""Korean verbs of asking and telling, in the citation form."""

PASSED_EN: Final = frozenset(
    listed(
        """
    a an the of for to in on at with from as is are was were be been am do does did has have had having i me my
    mine myself we us you your it its this that these those there here please pls kindly can could would will
    shall may might should must tell show give list get find let lets know want wants like need look lookup
    check see say display fetch pull bring help what whats what's which who whos who's whom whose when where
    how why many much long and also then so now currently current right today's hi hello hey thanks thank ok
    okay any some about regarding concerning 's s t re ve ll d m out up me? details detail info information
    data record records status he she they him her them his their just go ahead could you would i'd i'll i'm
    don't dont mind were there exactly day days date dates time
    """
    )
)
"""English words that may be passed over."""

PASSED_EN_DISCOURSE: Final = frozenset({"wonder", "wondering", "curious", "question", "ask", "answer", "tells"})

SENSES: Final = tuple(
    tuple(line.split())
    for line in """
    남다 잔여 남은 remaining remain left balance
    휴가 연차 연차휴가 vacation leave pto
    쓰다 사용 사용하다 썼다 쓸래 쓸게 use used take taken took spend spent
    매출 매출액 판매액 판매금액 수주액 sales revenue
    팔다 판매 판매하다 팔리다 sold sell selling
    신청 신청하다 올리다 상신 상신하다 기안 기안하다 request apply submit file raise
    직원 사원 임직원 구성원 인원 employee employees staff people member members headcount
    팀원 멤버 teammate teammates
    팀 부서 소속 team department
    연봉 급여 월급 봉급 salary pay wage
    전화 전화번호 연락처 phone telephone
    휴대폰 휴대전화 핸드폰 폰번호 mobile cell cellphone
    내선 내선번호 extension
    이메일 메일 메일주소 email e-mail mail
    입사 입사하다 입사일 hired hire joined join
    상사 상급자 manager boss superior supervisor
    고객 거래처 고객사 customer customers client clients
    제품 상품 품목 product products item
    재고 재고량 stock inventory
    주문 발주 오더 order orders
    단가 가격 값 price
    비용 경비 지출 expense expenses cost spending
    구매 구입 구매하다 구입하다 사다 purchase buy
    결재 결재하다 승인 승인하다 approval approve approvals
    결재선 결재라인 line
    대기 대기하다 기다리다 밀리다 pending waiting await
    정산 정산하다 환급 reimburse reimbursement
    가장 제일 most
    많다 많이 높다 크다 most highest biggest largest
    합계 총 총액 누적 누계 total sum cumulative
    월별 매월 monthly by_month
    팀별 부서별 by_team by_department
    소멸 소멸하다 만료 만료되다 expire expires expiry
    취소 취소하다 철회 철회하다 cancel
    출장 출장비 trip travel
    식대 식비 밥값 meal meals
    회식 회식비
    택시비 택시 taxi
    교통비 transport transportation
    노트북 laptop laptops notebook
    모니터 monitor monitors
    의자 chair chairs
    책상 desk desks
    쉬다 가다 휴무 off away 비우다
    이름 성함 성명 name names
    공휴일 휴일 holiday holidays
    생일 생일자 birthday
    규정 규칙 rule rules policy
    일정 스케줄 schedule
    거절 반려 반려하다 rejected reject
    내역 이력 history
    """.strip().splitlines()
)
"""One line, one sense: words that people use in turn. A question in the one finds an operation that says the other."""

TOTAL: Final = frozenset(
    listed("""전체 모든 모두 전부 다 회사 전사 all every whole entire company overall everyone everybody""")
)
HALVES: Final = frozenset({"오전", "오후", "morning", "afternoon", "am", "pm"})
HALF: Final = frozenset({"반차", "half"})
UNITS: Final = frozenset({"팀", "부서", "본부", "team", "department", "division"})
PAYING: Final = frozenset(
    listed(
        """
    쓰다 =쓰다 사용하다 결제하다 결제 지출하다 지출 들다 총 합계 전부 모두 합쳐서 합해서 total paid pay spent
    spend cost
    """
    )
)
PRICES: Final = ("값", "비", "비용", "요금", "대금")
COMPANY: Final = frozenset({"회사", "전사", "company", "whole", "entire"})
# Verbs of asking for something to be done say nothing about what; alone they do not choose an operation.
ASKING: Final = frozenset(
    listed(
        """
    =신청 올리다 내다 넣다 잡다 처리하다 처리 등록하다 등록 부탁 book request file submit apply take make put
    want need get please create add raise day days
    """
    )
)

SAME: Final = {"반일": "반차", "반휴": "반차", "반나절": "반차", "반일휴가": "반차"}
"""Words that say exactly what another says, so that they may also stand for a value of a choice."""

SURNAMES: Final = tuple(
    listed(
        """
    김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권 황 안 송 류 유 홍 전 고 문 양 손 배 백 허 남 노 심 하 곽 성 차
    주 우 구 민 진 지 엄 채 원 천 방 공 현 함 변 염 추 도 소 석 선 설 마 길 연 위 표 명 기 반 왕 금 옥 육 인 맹
    제 모 탁 국 여 어 은 편 용 남궁 황보 제갈 사공 선우 서문 독고
    """
    )
)

RANKS: Final = tuple(
    listed(
        """
    사원 주임 대리 과장 차장 부장 이사 상무 전무 부사장 사장 대표이사 대표 회장 부회장 인턴 선임 책임 수석
    매니저 프로 연구원 팀장 본부장 실장 부서장 파트장 그룹장 센터장 지점장 소장 감사 고문 계장 반장 부본부장
    부팀장 팀원 상무이사 전무이사
    """
    )
)
"""Ranks (직급) and posts (직책) that follow a name."""

UNIT_ENDINGS: Final = ("팀", "본부", "부서", "사업부", "실", "센터", "파트", "그룹", "지점", "지사")
"""How names of organisational units end."""

_ROMAN: Final = """
김 kim gim, 이 lee yi rhee, 박 park bak pak, 최 choi choe, 정 jung jeong chung, 강 kang gang, 조 cho jo, 윤 yoon yun,
장 jang chang, 임 lim im, 한 han, 오 oh, 서 seo suh, 신 shin sin, 권 kwon, 황 hwang, 안 ahn an, 송 song, 류 ryu,
유 yoo yu you, 홍 hong, 전 jeon, 고 ko go, 문 moon mun, 양 yang, 손 son, 배 bae, 백 baek, 허 heo hur, 남 nam,
노 noh roh, 심 shim, 곽 kwak, 성 sung, 차 cha, 주 joo ju, 우 woo, 구 koo, 민 min, 진 jin, 지 ji, 엄 eom um, 채 chae,
원 won, 천 cheon, 방 bang, 공 kong, 현 hyun, 함 ham, 변 byun
"""
ROMAN_SURNAMES: Final = {
    roman: line.split()[0] for line in _ROMAN.replace("\n", " ").split(",") for roman in line.split()[1:]
}

_ENGLISH_RANKS: Final = """
사원: staff, associate; 대리: assistant manager, deputy, daeri; 과장: manager, gwajang;
차장: deputy general manager, chajang; 부장: general manager, bujang; 이사: director;
상무: managing director, executive director; 팀장: team lead, team leader, timjang;
본부장: head of division, division head
"""
ENGLISH_RANKS: Final = {
    english.strip(): line.split(":")[0].strip()
    for line in _ENGLISH_RANKS.replace("\n", " ").split(";")
    for english in line.split(":")[1].split(",")
}
"""English words for ranks and posts, for "Deputy Kim" and "Manager Lee"."""
