"""Which words tell of people and of what is theirs? Korean, English, and the abbreviations that databases hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from daeri.wording import Text


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of personal data, and the words that name it.

    Attributes:
        told: what it is, for people.
        words: whole words of a name, two or more of them written together.
        parts: Korean parts of a name.
        in_people_only: whether the words mean this only in a table about people.
    """

    told: Text
    words: frozenset[str]
    parts: tuple[str, ...]
    in_people_only: bool = False


# fmt: off
PEOPLE: Final = frozenset({
    "applicant", "candidate", "client", "contact", "cust", "customer", "driver", "emp", "employee", "guest",
    "insured", "mbr", "member", "parent", "patient", "people", "person", "personnel", "resident", "staff",
    "student", "subscriber", "teacher", "tenant", "user", "usr", "worker", "가족", "강사", "거주자", "계약자",
    "고객", "교사", "구성원", "근로자", "담당자", "보호자", "사용자", "사원", "수강생", "연락처", "인력", "인사",
    "임직원", "입주자", "종업원", "주민", "지원자", "직원", "피보험자", "학생", "환자", "회원",
})
"""Words that say that a table is about people."""
STAFF: Final = frozenset({
    "emp", "employee", "personnel", "staff", "worker", "근로자", "사원", "임직원", "종업원", "직원",
})
"""Words that say that a table is about those who work here."""
WHOSE: Final = frozenset({
    "author", "beneficiary", "birth", "buyer", "ceo", "child", "depositor", "drafter", "eng", "family", "first",
    "full", "given", "guardian", "holder", "kor", "last", "maiden", "manager", "mgr", "middle", "nick", "owner",
    "payee", "real", "receiver", "recipient", "recv", "rep", "repr", "representative", "sender", "spouse", "writer",
})
"""Words in front of `name` that make it a person's, beside PEOPLE."""
NAMES: Final = frozenset({"name", "nm", "nam"})
NAMED: Final = (
    "성명", "성함", "예금주", "수취인", "대표자", "담당자", "보호자", "배우자", "신청자", "작성자", "수신자",
    "발신자", "비상연락", "사원명", "직원명", "고객명", "회원명", "환자명", "학생명", "사용자명", "영문명",
    "한글명", "본명", "가족명", "사원이름", "고객이름", "직원이름",
)
"""Parts of a Korean name that say that it is somebody's name."""
KINDS: Final[Mapping[str, Kind]] = {
    "resident": Kind(
        Text("주민등록번호", "resident number"),
        frozenset({
            "alien", "ihidnum", "jumin", "juminno", "licence", "license", "nationalid", "passport", "resident",
            "residentno", "rrn", "ssn",
        }),
        (
            "주민등록", "주민번호", "주민", "외국인등록", "여권", "운전면허", "고유식별", "실명번호",
        ),
    ),
    "phone": Kind(
        Text("전화번호", "phone"),
        frozenset({
            "cell", "cellphone", "contact", "fax", "faxno", "handphone", "hp", "hpno", "mbtl", "mbtlnum", "mobile",
            "mobileno", "phone", "phoneno", "tel", "telephone", "telno",
        }),
        (
            "전화", "휴대폰", "핸드폰", "연락처", "팩스", "손전화",
        ),
    ),
    "email": Kind(
        Text("이메일", "e-mail"),
        frozenset({
            "email", "emailaddr", "emailadres", "mail",
        }),
        (
            "메일", "전자우편",
        ),
    ),
    "address": Kind(
        Text("주소", "address"),
        frozenset({
            "addr", "address", "adres", "postal", "postcode", "street", "zip", "zipcode", "zipno",
        }),
        (
            "주소", "우편번호", "거주지", "자택", "본적",
        ),
    ),
    "birthday": Kind(
        Text("생년월일", "birthday"),
        frozenset({
            "birth", "birthdate", "birthday", "birthdt", "birthymd", "brth", "brthdy", "dob",
        }),
        (
            "생년", "생일", "출생",
        ),
    ),
    "traits": Kind(
        Text("신상", "particulars of a person"),
        frozenset({
            "age", "blood", "disability", "gender", "marital", "nationality", "religion", "sex", "spouse",
        }),
        (
            "나이", "연령", "성별", "혈액형", "장애", "결혼", "종교", "병력", "질병", "국적", "가족", "배우자",
        ),
    ),
    "salary": Kind(
        Text("급여", "pay"),
        frozenset({
            "allowance", "annualpay", "basepay", "bonus", "compensation", "income", "payroll", "pension", "sal",
            "salary", "severance", "wage", "wages",
        }),
        (
            "급여", "연봉", "월급", "기본급", "시급", "수당", "상여", "성과급", "퇴직금", "소득", "연금", "인건비",
        ),
    ),
    "account": Kind(
        Text("계좌·카드", "bank account or card"),
        frozenset({
            "accountno", "acctno", "bankaccount", "cardno", "cardnumber", "creditcard", "iban",
        }),
        (
            "계좌", "카드번호", "통장",
        ),
    ),
    "place": Kind(
        Text("접속 위치", "where somebody was"),
        frozenset({
            "ip", "ipaddr", "ipaddress", "macaddr", "remoteaddr",
        }),
        (
            "접속아이피", "아이피", "위치정보",
        ),
    ),
    "body": Kind(
        Text("신상", "particulars of a person"),
        frozenset({
            "height", "lat", "latitude", "lng", "longitude", "photo", "picture", "signature", "weight",
        }),
        (
            "사진", "위도", "경도", "체중", "서명",
        ),
        in_people_only=True,
    ),
}
SECRET: Final = frozenset({
    "accesstoken", "apikey", "otp", "passwd", "password", "passwordhash", "pin", "privatekey", "pswd", "pw", "pwd",
    "refreshtoken", "salt", "secret", "token",
})
"""Words for what lets somebody in."""
SECRET_PARTS: Final = (
    "비밀번호", "암호", "패스워드", "비번", "인증키", "토큰",
)
ABOUT: Final = frozenset({
    "cnt", "code", "count", "flag", "method", "sent", "status", "type", "yn",
})
"""Last words that say that the column is about something else: `email_yn`, `phone_type`."""
ABOUT_PARTS: Final = (
    "여부", "유형", "구분", "코드", "건수", "상태", "방법", "동의",
)
CODES: Final = frozenset({"id", "seq", "sn"})
"""Last words of a column that only names a row of another table."""
PAY_WITH: Final = frozenset({
    "annual", "base", "gross", "hourly", "monthly", "net",
})
"""Words beside `pay` that make it somebody's."""
SURNAMES: Final = frozenset("김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민진")
NO_NAME_ENDS: Final = frozenset("팀부과실점시군구동읍면리사률율비액일월년원호층품명용형제료권관장")
"""Last syllables of three-syllable words that are hardly names: 인사팀, 김포시, 전기료."""
# fmt: on
