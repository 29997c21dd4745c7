"""Is what an existing database holds described right, cautiously, and without reading it through?"""

import hashlib
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from adopt import nasty
from adopt.adopt_house import heard, look
from daeri.adopt.describe import Described
from daeri.adopt.guess import by_name, by_values
from daeri.adopt.names import TAKEN_CLASSES, class_name, field_name
from daeri.adopt.reflect import Table
from daeri.records.looking import Unreadable

STAFF = Table("사원", None, is_view=False, columns=())
GOODS = Table("product", None, is_view=False, columns=())


def table(file: Path, script: str) -> Path:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(script)
    return file


def test_keys_are_found_whatever_they_are_made_of(described: Described) -> None:
    keys = {entry.kind: entry.key for entry in described.entries}
    assert keys["사원"] == ("사번",)
    assert keys["근태"] == ("사번", "일자")
    assert keys["판매_내역"] == ("order", "line_no")
    assert keys["codes"] == ("grp", "code")
    assert keys["Order_2"] == keys["2024_매출"] == ("id",)
    assert keys["log"] == keys["매출"] == keys["everything"] == ()


def test_relations_are_found_to_oneself_and_of_several_columns(described: Described) -> None:
    staff = next(entry for entry in described.entries if entry.kind == "사원")
    refers = {field.name: field.refers.table for field in staff.fields if field.refers}
    assert refers == {"부서코드": "부서", "상사": "사원"}
    reasons = next(entry for entry in described.entries if entry.kind == "근태_사유")
    assert [relation.targets for relation in reasons.relations] == [("사번", "일자")]
    assert described.staff is staff
    assert reasons.owner is None
    assert next(entry for entry in described.entries if entry.kind == "근태").owner == "사번"


def test_a_broken_view_is_told_and_left_out(described: Described) -> None:
    assert described.unread == {"broken": "no such table: main.gone"}


def test_names_can_be_written_and_are_given_once(described: Described) -> None:
    classes = [entry.name for entry in described.entries]
    assert len({name.casefold() for name in classes}) == len(classes)
    for entry in described.entries:
        names = [field.name for field in entry.fields]
        assert entry.name.isidentifier()
        assert entry.name not in TAKEN_CLASSES
        assert all(name.isidentifier() for name in names)
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("class", "class_"), ("None", "None_"), ("id", "id_"), ("version", "version_"), ("metadata", "metadata_"),
        ("records", "records_"), ("copy", "copy_"), ("model_dump", "model_dump_"), ("_hidden", "hidden"),
        ("__init__", "init"), ("1월", "n1월"), ("단가(원)", "단가_원"), ("e-mail", "e_mail"), ("ﬁle", "file"),
        ("㎡", "m2"), ("!!!", "column"), ("", "column"), ("Mapped", "Mapped_"), ("int", "int_"), ("a\nb", "a_b"),
    ],
)  # fmt: skip
def test_a_column_gets_the_nearest_name_that_python_takes(column: str, name: str) -> None:
    assert field_name(column, may_be_id=False) == name


@pytest.mark.parametrize(
    ("table_name", "name"),
    [("T_ORDER", "TOrder"), ("order_items", "OrderItems"), ("class", "Class"), ("Text", "Text"), ("사원", "사원"),
     ("2024", "N2024"), ("판매/내역", "판매_내역"), ("--", "Table")],
)  # fmt: skip
def test_a_table_gets_the_name_of_a_class(table_name: str, name: str) -> None:
    assert class_name(table_name) == name


@pytest.mark.parametrize(
    "column",
    [
        "성명", "이름", "사원명", "주민등록번호", "주민번호", "JUMIN_NO", "ihidnum", "휴대폰", "전화번호",
        "HP_NO", "mbtlnum",
        "tel_no", "이메일", "EMAIL_ADDR", "e_mail", "생년월일", "BIRTH_DT", "brthdy", "주소", "자택주소",
        "ADDR1", "zip_cd",
        "급여", "연봉", "기본급", "SALARY", "base_pay", "monthlyPay", "계좌번호", "ACCT_NO", "bank_account", "EMP_NM",
        "custName", "user_name", "full_name", "ceo_nm", "name", "성별", "gender", "여권번호", "passport_no",
        "비상연락처",
        "ip_addr", "담당자", "예금주", "login_ip", "수당", "password", "pwd_hash", "비밀번호", "사진",
    ],
)  # fmt: skip
def test_what_names_a_person_or_is_theirs_looks_personal(column: str) -> None:
    assert by_name(STAFF, column, None) is not None


@pytest.mark.parametrize(
    "column",
    [
        "name", "product_name", "상품명", "부서명", "code", "email_yn", "phone_type", "address_id", "수량",
        "단가", "status",
        "created_at", "file_name", "금액", "이메일수신여부", "pay_method", "contact_id", "weight", "title",
        "품명", "거래일",
    ],
)  # fmt: skip
def test_what_names_a_thing_does_not(column: str) -> None:
    assert by_name(GOODS, column, None) is None


def test_a_comment_tells_what_a_cryptic_name_does_not() -> None:
    assert by_name(GOODS, "COL_07", "휴대폰 번호") is not None
    assert by_name(GOODS, "COL_08", "수량") is None


@pytest.mark.parametrize(
    "values",
    [["-", "900101-2345678"], ["문의 010-1234-5678 로"], ["a@b.co.kr"], ["02-555-1234"], ["1234-5678-9012-3456"],
     ["김하은", "이준호", "박서연", "최민수", "정다은"]],
)  # fmt: skip
def test_values_tell_what_no_name_does(values: list[str]) -> None:
    assert by_values(values) is not None


@pytest.mark.parametrize(
    "values",
    [["2026-11-21", "2026-11-22"], ["D110", "D120"], ["사과즙", "배즙", "포도즙", "귤차", "유자차"], [1, 2, None], [],
     ["영업팀", "인사팀", "총무팀", "개발팀", "기획팀"], ["220-81-62517"]],
)  # fmt: skip
def test_ordinary_values_do_not(values: list[object]) -> None:
    assert by_values(values) is None


def test_a_column_that_refers_to_a_personal_key_is_personal_too(tmp_path: Path) -> None:
    file = table(
        tmp_path / "a.db",
        "CREATE TABLE person (rrn TEXT PRIMARY KEY);"
        "CREATE TABLE visit (id INTEGER PRIMARY KEY, who TEXT REFERENCES person(rrn))",
    )
    visit = next(entry for entry in look(file).entries if entry.kind == "visit")
    assert [field.name for field in visit.personal] == ["who"]


def test_a_view_does_not_carry_personal_data_out_under_another_name(described: Described) -> None:
    by_kind = {entry.kind: {field.name for field in entry.personal} for entry in described.entries}
    assert by_kind["급여_현황"] == {"n", "amt"}
    assert by_kind["사원_연락처"] == {"성명", "hp"}
    assert by_kind["매출"] == set()


def test_nothing_is_written_and_no_lock_is_held(tmp_path: Path) -> None:
    file = nasty.build(tmp_path / "erp.db")
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    look(file)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert [each.name for each in tmp_path.iterdir()] == ["erp.db"]


def test_a_large_table_is_never_read_through(tmp_path: Path) -> None:
    file = table(
        tmp_path / "large.db",
        """
        CREATE TABLE huge (id INTEGER PRIMARY KEY, at TEXT, note TEXT);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
        INSERT INTO huge SELECT i, '2026-01-01', 'n' || i FROM n;
        CREATE VIEW heavy AS SELECT note, count(*) AS n FROM huge GROUP BY note;
        """,
    )
    with heard() as told:
        began = time.perf_counter()
        entries = {entry.kind: entry for entry in look(file).entries}
        taken = time.perf_counter() - began
    for statement in told.about("huge"):
        reads = "FROM huge" in statement
        assert not reads or "LIMIT" in statement, statement
    assert not [statement for statement in told.about("heavy") if "FROM heavy" in statement]
    assert entries["huge"].rows == 1000
    assert entries["huge"].more
    assert taken < 2  # counting alone would take longer than all that is asked


def test_two_hundred_tables_are_described_in_seconds(tmp_path: Path) -> None:
    script = ";".join(
        f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, emp_nm TEXT, other INTEGER REFERENCES t{(number + 1) % 200})"
        for number in range(200)
    )
    began = time.perf_counter()
    described = look(table(tmp_path / "many.db", script))
    assert len(described.entries) == 200
    assert all(len(entry.personal) == 1 for entry in described.entries)
    assert time.perf_counter() - began < 20


def test_a_table_called_like_one_of_daeris_own_is_a_clash(tmp_path: Path) -> None:
    account = "CREATE TABLE Account (id INTEGER PRIMARY KEY)"
    file = table(tmp_path / "a.db", f"{account}; CREATE INDEX ix_audit_person_id ON Account (id)")
    assert look(file).clashes == ["Account", "ix_audit_person_id"]


def test_text_of_another_encoding_is_left_out_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE 고객 (no INTEGER PRIMARY KEY, memo TEXT)")
        connection.execute("INSERT INTO 고객 VALUES (1, CAST(? AS TEXT))", ("한글".encode("euc-kr"),))
        connection.commit()
    (entry,) = look(file).entries
    assert [column.name for column, _ in entry.left_out] == ["memo"]
    assert "UTF-8" in entry.notes[-1].ko


def test_comments_in_sqlites_own_text_become_labels(described: Described) -> None:
    units = next(entry for entry in described.entries if entry.kind == "부서")
    assert units.label.ko == "조직"
    label = units.fields[0].label
    assert label is not None
    assert label.ko == "부서 코드"


@pytest.mark.parametrize(
    ("url", "trouble"),
    [
        ("sqlite:///no/such/erp.db", "missing"),
        ("sqlite://", "missing"),
        ("mysql://root:geheim@db/erp", "driver"),
        ("nonsense://x", "driver"),
        ("://", "url"),
        ("postgresql://reader:geheim@127.0.0.1:1/erp", "refused"),
        ("postgresql://reader:geheim@127.0.0.1:bad/erp", "url"),
        ("postgresql://127.0.0.1:1/erp?password=geheim", "refused"),
    ],
)
def test_an_address_that_does_not_work_is_told_without_its_password(url: str, trouble: str) -> None:
    with pytest.raises(Unreadable) as told:
        look(url)
    assert told.value.trouble == trouble
    assert "geheim" not in f"{told.value.said.ko} {told.value.said.en} {told.value.place}"


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("this is no database, only some text that is long enough to be read as one" * 20)
    with pytest.raises(Unreadable, match="Not a SQLite database"):
        look(file)
