"""What is 한빛상사 made of? Names, teams, goods and habits to draw from. Data only, all invented."""

from typing import Final, NamedTuple

from daeri.sample.customers import Region
from daeri.sample.expense import Category
from daeri.sample.people import Rank, Title
from daeri.sample.sales_records import Group


class Division(NamedTuple):
    """A division (본부) and its teams, each with how many people it has, its lead included."""

    name: str
    english_name: str
    teams: tuple[tuple[str, str, int], ...]


class Known(NamedTuple):
    """A person whom examples, demo accounts and rules call by name."""

    name: str
    english_name: str
    rank: Rank
    title: Title | None
    team: str
    login: str | None = None
    roles: tuple[str, ...] = ()


class Good(NamedTuple):
    """A product with its price; `cost_percent` of it is what it costs the company."""

    name: str
    english_name: str
    group: Group
    price: int
    cost_percent: int


class Habit(NamedTuple):
    """What people spend on: how often it comes up, from and to how much, in steps of so many won."""

    category: Category
    weight: int
    low: int
    high: int
    step: int
    purposes: tuple[str, ...]


COMPANY: Final = ("한빛상사", "Hanbit Trading")
SALES_DIVISION: Final = "영업본부"
DIVISIONS: Final = (
    Division(
        SALES_DIVISION,
        "Sales Division",
        (
            ("영업1팀", "Sales Team 1", 12),
            ("영업2팀", "Sales Team 2", 12),
            ("영업3팀", "Sales Team 3", 11),
            ("해외영업팀", "Overseas Sales Team", 10),
            ("온라인사업팀", "Online Business Team", 10),
            ("영업지원팀", "Sales Support Team", 8),
        ),
    ),
    Division(
        "경영지원본부",
        "Management Support Division",
        (
            ("인사팀", "HR Team", 9),
            ("재무팀", "Finance Team", 10),
            ("총무팀", "General Affairs Team", 8),
            ("법무팀", "Legal Team", 5),
            ("구매팀", "Purchasing Team", 9),
        ),
    ),
    Division(
        "기술본부",
        "Technology Division",
        (
            ("정보시스템팀", "IT Team", 11),
            ("제품개발팀", "Product Development Team", 16),
            ("품질관리팀", "Quality Control Team", 12),
        ),
    ),
    Division(
        "마케팅본부",
        "Marketing Division",
        (
            ("마케팅기획팀", "Marketing Planning Team", 9),
            ("브랜드팀", "Brand Team", 8),
            ("고객지원팀", "Customer Support Team", 16),
        ),
    ),
    Division(
        "물류본부",
        "Logistics Division",
        (
            ("물류1팀", "Logistics Team 1", 15),
            ("물류2팀", "Logistics Team 2", 14),
            ("자재팀", "Materials Team", 11),
            ("배송관리팀", "Delivery Team", 18),
        ),
    ),
)
SELLING_TEAMS: Final = ("영업1팀", "영업2팀", "영업3팀", "해외영업팀", "온라인사업팀")

KNOWN: Final = (
    Known("한서준", "Han Seojun", "대표이사", "대표이사", COMPANY[0], None, ("executive",)),
    Known("최현우", "Choi Hyunwoo", "상무", "본부장", SALES_DIVISION, "director", ("executive", "sales")),
    Known("강민재", "Kang Minjae", "상무", "본부장", "경영지원본부", None, ("executive",)),
    Known("임지영", "Lim Jiyoung", "이사", "본부장", "기술본부", None, ("executive",)),
    Known("오태윤", "Oh Taeyoon", "이사", "본부장", "마케팅본부", None, ("executive",)),
    Known("신동혁", "Shin Donghyuk", "상무", "본부장", "물류본부", None, ("executive",)),
    Known("박서연", "Park Seoyeon", "부장", "팀장", "영업1팀", "lead", ("sales",)),
    Known("송유진", "Song Yujin", "부장", "팀장", "재무팀", None, ("finance",)),
    Known("배수아", "Bae Sua", "부장", "팀장", "인사팀", None, ("hr",)),
    Known("김하은", "Kim Haeun", "대리", None, "영업1팀", "deputy", ("sales",)),
    Known("김도현", "Kim Dohyun", "대리", None, "재무팀"),
    Known("이지후", "Lee Jihoo", "과장", None, "인사팀", "hr", ("hr",)),
    Known("정도윤", "Jung Doyun", "차장", None, "정보시스템팀", "admin", ("admin", "auditor")),
)
DEPUTY: Final = "김하은"
LEAD_SURNAME: Final = "박"
"""Only 박서연 leads a team with this surname, so that "박팀장" means one person."""
RARE_DEPUTY_SURNAME: Final = "김"
"""Only the two people of `KNOWN` are 대리 with this surname: "김대리" is exactly two people."""

SURNAMES: Final = (
    ("김", "Kim", 21), ("이", "Lee", 15), ("박", "Park", 8), ("최", "Choi", 5), ("정", "Jung", 5), ("강", "Kang", 3),
    ("조", "Cho", 3), ("윤", "Yoon", 3), ("장", "Jang", 3), ("임", "Lim", 3), ("한", "Han", 2), ("오", "Oh", 2),
    ("서", "Seo", 2), ("신", "Shin", 2), ("권", "Kwon", 2), ("황", "Hwang", 2), ("안", "Ahn", 2), ("송", "Song", 2),
    ("전", "Jeon", 2), ("홍", "Hong", 1), ("유", "Yoo", 1), ("고", "Ko", 1), ("문", "Moon", 1), ("양", "Yang", 1),
    ("손", "Son", 1), ("배", "Bae", 1), ("백", "Baek", 1), ("허", "Heo", 1), ("남", "Nam", 1), ("심", "Shim", 1),
)  # fmt: skip
"""Surname, in English, and how common it is."""
GIVEN_NAMES: Final = (
    ("가온", "Gaon"), ("건우", "Gunwoo"), ("경민", "Kyungmin"), ("규리", "Gyuri"), ("나연", "Nayeon"),
    ("다은", "Daeun"),
    ("다현", "Dahyun"), ("도경", "Dokyung"), ("동현", "Donghyun"), ("민경", "Minkyung"), ("민서", "Minseo"),
    ("민지", "Minji"), ("보경", "Bokyung"), ("상우", "Sangwoo"), ("서영", "Seoyoung"), ("서진", "Seojin"),
    ("선우", "Sunwoo"), ("성민", "Sungmin"), ("세영", "Seyoung"), ("소연", "Soyeon"), ("수민", "Sumin"),
    ("수빈", "Subin"), ("승호", "Seungho"), ("시우", "Siwoo"), ("아름", "Areum"), ("연우", "Yeonwoo"),
    ("영진", "Youngjin"), ("예린", "Yerin"), ("예지", "Yeji"), ("우진", "Woojin"), ("원준", "Wonjun"), ("유나", "Yuna"),
    ("윤서", "Yoonseo"), ("은비", "Eunbi"), ("은우", "Eunwoo"), ("인영", "Inyoung"), ("재민", "Jaemin"),
    ("재현", "Jaehyun"), ("정민", "Jungmin"), ("주원", "Joowon"), ("준호", "Junho"), ("지민", "Jimin"),
    ("지안", "Jian"), ("지우", "Jiwoo"), ("진영", "Jinyoung"), ("찬우", "Chanwoo"), ("채원", "Chaewon"),
    ("태민", "Taemin"), ("하린", "Harin"), ("하준", "Hajun"), ("한결", "Hangyeol"), ("해인", "Haein"),
    ("현서", "Hyunseo"), ("현정", "Hyunjung"), ("혜원", "Hyewon"), ("호준", "Hojun"), ("효진", "Hyojin"),
    ("희수", "Heesu"),
)  # fmt: skip

MEMBER_RANKS: Final[tuple[tuple[Rank, int], ...]] = (
    ("사원", 32),
    ("대리", 30),
    ("과장", 22),
    ("차장", 12),
    ("부장", 4),
)
SERVICE_YEARS: Final[dict[str, tuple[float, float]]] = {
    "사원": (0.2, 3.4),
    "대리": (3.0, 7.0),
    "과장": (7.0, 12.0),
    "차장": (11.0, 17.0),
    "부장": (15.0, 24.0),
    "이사": (18.0, 26.0),
    "상무": (20.0, 27.0),
    "대표이사": (27.5, 28.0),
}
"""How long people of a rank have been here."""
SALARIES: Final[dict[str, tuple[int, int]]] = {
    "사원": (34_000_000, 40_000_000),
    "대리": (42_000_000, 50_000_000),
    "과장": (52_000_000, 63_000_000),
    "차장": (64_000_000, 78_000_000),
    "부장": (80_000_000, 98_000_000),
    "이사": (115_000_000, 135_000_000),
    "상무": (140_000_000, 170_000_000),
    "대표이사": (240_000_000, 240_000_000),
}
DEPUTY_SALARY: Final = 47_000_000

GOODS: Final = (
    Good("높이조절 책상", "Standing Desk", "사무가구", 420_000, 64),
    Good("메쉬 의자", "Mesh Chair", "사무가구", 185_000, 60),
    Good("회의용 탁자", "Meeting Table", "사무가구", 560_000, 62),
    Good("3단 서랍장", "Three-drawer Cabinet", "사무가구", 128_000, 63),
    Good("철제 책장", "Steel Bookcase", "사무가구", 156_000, 61),
    Good("이동식 파티션", "Movable Partition", "사무가구", 210_000, 66),
    Good("2인용 소파", "Two-seat Sofa", "사무가구", 390_000, 65),
    Good("사물함 6칸", "Six-door Locker", "사무가구", 245_000, 64),
    Good("흑백 레이저 프린터", "Mono Laser Printer", "사무기기", 268_000, 72),
    Good("컬러 복합기", "Colour Multifunction Printer", "사무기기", 1_450_000, 74),
    Good("문서 세단기", "Paper Shredder", "사무기기", 198_000, 68),
    Good("빔 프로젝터", "Projector", "사무기기", 890_000, 73),
    Good("전자 칠판", "Electronic Whiteboard", "사무기기", 2_350_000, 75),
    Good("라벨 프린터", "Label Printer", "사무기기", 142_000, 67),
    Good("바코드 스캐너", "Barcode Scanner", "사무기기", 96_000, 66),
    Good("화상회의 카메라", "Conference Camera", "사무기기", 410_000, 70),
    Good("한빛 모니터 27", "Hanbit Monitor 27", "전산용품", 289_000, 69),
    Good("한빛 모니터 32", "Hanbit Monitor 32", "전산용품", 398_000, 70),
    Good("한빛 노트북 14", "Hanbit Notebook 14", "전산용품", 1_290_000, 78),
    Good("무선 키보드", "Wireless Keyboard", "전산용품", 48_000, 58),
    Good("무선 마우스", "Wireless Mouse", "전산용품", 29_000, 56),
    Good("외장 SSD 1TB", "External SSD 1TB", "전산용품", 135_000, 71),
    Good("USB 허브", "USB Hub", "전산용품", 34_000, 57),
    Good("모니터 암", "Monitor Arm", "전산용품", 72_000, 59),
    Good("공기청정기", "Air Purifier", "생활가전", 310_000, 68),
    Good("가습기", "Humidifier", "생활가전", 89_000, 62),
    Good("제빙기", "Ice Maker", "생활가전", 275_000, 67),
    Good("커피 머신", "Coffee Machine", "생활가전", 640_000, 69),
    Good("정수기", "Water Purifier", "생활가전", 520_000, 70),
    Good("소형 냉장고", "Small Refrigerator", "생활가전", 230_000, 71),
    Good("전자레인지", "Microwave Oven", "생활가전", 118_000, 66),
    Good("스탠드 선풍기", "Stand Fan", "생활가전", 64_000, 61),
    Good("A4 복사지", "A4 Copy Paper", "포장자재", 27_000, 74),
    Good("택배 상자 100매", "Parcel Boxes 100", "포장자재", 58_000, 70),
    Good("완충 포장재", "Bubble Wrap", "포장자재", 33_000, 65),
    Good("OPP 테이프 50개", "Packing Tape 50", "포장자재", 41_000, 66),
    Good("스트레치 필름", "Stretch Film", "포장자재", 38_000, 68),
    Good("안전 봉투 500매", "Padded Envelopes 500", "포장자재", 76_000, 67),
    Good("종이 완충재", "Paper Cushioning", "포장자재", 52_000, 64),
    Good("운반용 팔레트", "Transport Pallet", "포장자재", 24_000, 63),
)
GROUP_CODES: Final[dict[str, str]] = {
    "사무가구": "FU",
    "사무기기": "OM",
    "전산용품": "CS",
    "생활가전": "HA",
    "포장자재": "PK",
}

CUSTOMER_HEADS: Final = (
    ("가온", "Gaon"), ("나루", "Naru"), ("다솔", "Dasol"), ("라온", "Raon"), ("마루", "Maru"), ("보람", "Boram"),
    ("새벽", "Saebyeok"), ("아람", "Aram"), ("온새", "Onsae"), ("찬솔", "Chansol"), ("푸른", "Pureun"),
    ("하람", "Haram"),
)  # fmt: skip
CUSTOMER_TAILS: Final = (
    ("유통", "Retail"), ("물산", "Trading"), ("테크", "Tech"), ("전자", "Electronics"), ("상사", "Corporation"),
    ("산업", "Industries"), ("시스템", "Systems"), ("마트", "Mart"), ("건설", "Construction"), ("교육", "Education"),
)  # fmt: skip
REGIONS: Final[tuple[tuple[Region, int], ...]] = (
    ("서울", 40),
    ("경기", 25),
    ("인천", 8),
    ("대전", 7),
    ("광주", 5),
    ("대구", 6),
    ("부산", 9),
)

HABITS: Final = (
    Habit("식비", 30, 9_000, 90_000, 500, ("거래처 점심", "야근 식사", "외근 점심", "회의 다과")),
    Habit("교통비", 28, 4_800, 64_000, 100, ("외근 택시", "거래처 방문", "주차비", "야근 귀가")),
    Habit("출장비", 10, 60_000, 620_000, 1_000, ("부산 출장", "대전 출장", "광주 전시회", "대구 거래처 방문")),
    Habit("접대비", 9, 80_000, 450_000, 1_000, ("거래처 저녁", "명절 선물", "계약 축하")),
    Habit("회식비", 5, 150_000, 700_000, 1_000, ("팀 회식", "신입 환영", "분기 마감")),
    Habit("소모품비", 9, 8_000, 120_000, 500, ("토너", "문구류", "케이블")),
    Habit("교육비", 4, 90_000, 900_000, 10_000, ("직무 교육", "외국어 과정", "자격증 응시")),
    Habit("통신비", 5, 20_000, 75_000, 1_000, ("업무용 통화료", "출장 데이터")),
)
SELLING_HABITS: Final = frozenset({"접대비", "출장비", "식비", "교통비"})
"""What people who sell spend more often."""

BOUGHT: Final = (
    ("노트북", 1_200_000, 2_600_000),
    ("모니터", 250_000, 480_000),
    ("사무용 의자", 150_000, 420_000),
    ("복합기 임대", 600_000, 1_800_000),
    ("업무용 소프트웨어", 300_000, 4_200_000),
    ("전시회 부스", 2_500_000, 9_500_000),
    ("지게차 정비", 700_000, 3_200_000),
    ("서버", 5_500_000, 18_000_000),
    ("안내 책자 인쇄", 180_000, 900_000),
    ("명함", 40_000, 180_000),
)
"""Things teams buy for themselves, from and to how much."""
