"""Every act on a document, drafts, absences and consents by the command line."""

from datetime import timedelta

from cli.processes import Server
from daeri.records import Clock

TAXI = ("expense.request", "amount:=32000", "category=교통비")


def filed(server: Server, *more: str) -> str:
    made = server.run("op", "call", *TAXI, *more)
    assert made.returncode == 4, made.stderr
    return made.stdout.split()[-1]


def test_a_document_is_held_released_and_shared(server: Server) -> None:
    document = filed(server)
    assert server.run("approve", "hold", document, "--as", "lead").returncode == 2
    held = server.run("approve", "hold", document, "--as", "lead", "-m", "영수증을 확인할게요")
    assert held.returncode == 0, held.stderr
    assert held.stdout.startswith("보류: ")
    assert server.run("approve", "release", document, "--as", "lead").returncode == 0
    shared = server.json("approve", "share", document, "1")
    assert [each["person"]["id"] for each in shared["beside"] if each["part"] == "view"] == [1]
    shown = server.run("approve", "show", document, "--as", "lead")
    assert "영수증을 확인할게요" in shown.stdout
    assert "지금 할 수 있는 일" in shown.stderr
    for box, login in (("in_progress", "deputy"), ("waiting", "lead")):
        listed = server.json("approve", "list", "--box", box, "--as", login)["data"]
        assert document in [each["approval_id"] for each in listed]


def test_a_rejected_document_is_drafted_anew_and_filed_with_other_values(server: Server) -> None:
    document = filed(server)
    server.run("approve", "no", document, "--as", "lead", "-m", "금액이 달라요")
    begun = server.run("approve", "redraft", document)
    assert begun.returncode == 0, begun.stderr
    draft = begun.stdout.strip()
    assert "amount" in server.run("draft", "show", draft).stdout
    assert draft in server.run("draft", "list").stdout
    assert server.run("draft", "file", draft, "--as", "lead").returncode == 1
    new = server.run("draft", "file", draft, "amount:=31000")
    assert new.returncode == 4, new.stderr
    body = server.json("approve", "show", new.stdout.strip())
    assert (body["round"], body["previous_id"], body["raw_arguments"]["amount"]) == (2, document, 31000)


def test_a_draft_is_kept_and_thrown_away(server: Server) -> None:
    draft = server.run("draft", "save", *TAXI).stdout.strip()
    assert draft.startswith("drf_")
    assert server.run("draft", "discard", draft).returncode == 0
    assert server.run("draft", "show", draft).returncode == 1


def test_several_are_read_before_they_are_approved(server: Server) -> None:
    documents = [filed(server), filed(server, "amount:=33000")]
    read = server.run("approve", "several", *documents, "--as", "lead")
    assert read.returncode == 2
    assert "아직 아무것도 승인하지 않았어요" in read.stderr
    assert {server.json("approve", "show", one)["version"] for one in documents} == {1}
    done = server.run("approve", "several", *documents, "--yes", "--as", "lead")
    assert done.returncode == 0, done.stderr
    assert {server.json("approve", "show", one)["status"] for one in documents} == {"applied"}


def test_a_deputy_is_set_shown_and_ended(server: Server) -> None:
    deputy = server.json("records", "employee", "title=본부장", "--as", "lead")["data"][0]
    period = ("--until", "2027-01-10", "--from", "2027-01-04")
    made = server.json("absence", "set", str(deputy["id"]), *period, "--as", "lead")
    assert made["deputy"]["name"] == deputy["name"]
    assert made["absence_id"] in server.run("absence", "list", "--as", "lead").stdout
    assert made["absence_id"] not in server.run("absence", "list").stdout
    assert server.run("absence", "end", made["absence_id"]).returncode == 1
    assert server.run("absence", "end", made["absence_id"], "--as", "lead").returncode == 0


def test_a_consent_to_what_is_not_there_is_refused_and_none_is_listed(server: Server) -> None:
    refused = server.run("consent", "give", "org.none", "--until", "2027-01-10", "-n", "2", "--as", "lead")
    assert refused.returncode == 1
    assert "not-found" in refused.stderr
    assert server.json("consent", "list", "--as", "lead")["data"] == []
    assert server.run("consent", "revoke", "con_0", "--as", "lead").returncode == 1


def test_a_table_of_delegated_decisions_that_is_not_there_is_not_found(server: Server) -> None:
    assert isinstance(server.json("delegation", "list")["data"], list)
    assert server.run("delegation", "show", "none").returncode == 1


def test_a_bundle_is_read_and_approved_with_every_call_in_sight(server: Server) -> None:
    days = [(Clock().today() + timedelta(days=each)) for each in (20, 30)]
    first, second = (f"{day.year}년 {day.month}월 {day.day}일" for day in days)
    asked = server.run("ask", f"USB 저장장치 예외 {first}까지 신청하고 원격 접속 예외 {second}까지 신청해줘")
    assert asked.returncode == 4, asked.stderr
    (waiting, *_) = server.json("approve", "list", "--box", "drafted")["data"]
    assert waiting["title"] == "정보보호 예외 신청 외 1건"
    for said in (asked.stderr, server.run("approve", "show", waiting["approval_id"]).stdout):
        assert "USB 저장장치" in said
        assert "원격 접속" in said
    done = server.run("approve", "yes", waiting["approval_id"], "--as", "admin")
    assert "원격 접속" in done.stderr
    listed = server.run("approve", "several", waiting["approval_id"], "--as", "lead")
    assert "USB 저장장치" in listed.stdout
    assert "원격 접속" in listed.stdout


def test_who_decides_reads_that_the_key_of_a_document_was_revoked(server: Server) -> None:
    key = server.json("key", "create", "deputy")
    made = server.run("op", "call", *TAXI, DAERI_KEY=key["key"])
    document = made.stdout.split()[-1]
    assert "폐기" not in server.run("approve", "show", document, "--as", "lead").stdout
    assert server.run("key", "revoke", key["id"]).returncode == 0
    assert "이 문서를 올린 키는 폐기됐어요" in server.run("approve", "show", document, "--as", "lead").stdout
    assert "[폐기된 키]" in server.run("approve", "list", "--as", "lead").stdout
