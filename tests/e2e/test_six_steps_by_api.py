"""The main job by API only, against a real server that is killed while the run waits."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from databases import look
from servers import Server

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("six") / "demo", "demo", is_typed=True).start()
    yield server
    server.stop()


def leaves_of(server: Server, login: str) -> int:
    query = 'SELECT count(*) FROM "leave" WHERE employee_id = (SELECT id FROM employee WHERE login = :login)'
    return int(look(server.folder, query, login=login)[0][0])


def ask(server: Server, key: str, text: str) -> dict:
    accepted = server.call("POST", "/v1/runs?wait=20", {"input": text}, key=key)
    assert accepted.status in (200, 202), accepted.body
    return accepted.body


def test_a_question_is_answered_with_its_source_and_says_which_kim_it_took(server: Server) -> None:
    key = server.keys()["deputy"]
    run = ask(server, key, "김대리 휴가 며칠 남았어?")
    assert run["status"] == "succeeded"
    assert "일" in run["answer"]
    assert "김하은" in run["answer"] or any("김하은" in choice["label"] for choice in run["choices"])
    assert any("김도현" in choice["label"] for choice in run["choices"]), run["choices"]
    source = run["citations"][0]
    assert source["operation"] == "leave.balance"
    assert source["records"]
    assert source["as_of"].endswith("Z")
    assert [step["kind"] for step in run["steps"]] == ["analyze", "select", "plan", "execute", "answer"]


def test_a_leave_request_waits_over_a_kill_and_is_booked_once_when_the_lead_approves(server: Server) -> None:
    keys = server.keys()
    before = leaves_of(server, "deputy")
    run = ask(server, keys["deputy"], "다음 주 목금 연차 올려줘")
    assert run["status"] == "waiting_approval", run
    approval_id = run["approvals"][0]

    server.kill()
    server.start()

    waiting = server.call("GET", f"/v1/runs/{run['run_id']}", key=keys["deputy"]).body
    assert waiting["status"] == "waiting_approval"
    assert leaves_of(server, "deputy") == before

    box = server.call("GET", "/v1/approvals?box=waiting", key=keys["lead"]).body["data"]
    document = next(item for item in box if item["approval_id"] == approval_id)
    assert document["drafter"]["name"] == "김하은"
    assert document["agent"] == "assistant"
    assert document["preview"]
    assert document["because"]
    assert document["question"] == "다음 주 목금 연차 올려줘"

    shown = server.call("GET", f"/v1/approvals/{approval_id}", key=keys["lead"])
    assert [each["label"] for each in shown.body["provenance"]] == ["첫날", "마지막 날", "종류", "사유"]
    decision = {"decision": "approve", "comment": "다녀오세요"}
    etag = {"If-Match": shown.headers["etag"]}
    decided = server.call("POST", f"/v1/approvals/{approval_id}/decisions", decision, key=keys["lead"], headers=etag)
    assert decided.status == 200, decided.body
    assert decided.body["status"] == "applied"
    assert decided.body["number"].startswith(f"DR-{NOW.astimezone(ZoneInfo('Asia/Seoul')).year}-")

    again = server.call("POST", f"/v1/approvals/{approval_id}/decisions", decision, key=keys["lead"])
    assert again.status == 409

    ended = server.until(
        f"/v1/runs/{run['run_id']}", keys["deputy"], lambda body: body["status"] not in ("queued", "running")
    )
    assert ended["status"] == "succeeded", ended
    assert "박서연" in ended["answer"]
    assert leaves_of(server, "deputy") == before + 1


def test_nobody_but_the_line_decides_and_an_outsider_finds_no_document(server: Server) -> None:
    keys = server.keys()
    document = server.call("GET", "/v1/approvals?box=drafted", key=keys["deputy"]).body["data"][0]
    path = f"/v1/approvals/{document['approval_id']}"
    assert server.call("GET", path, key=keys["hr"]).status == 404
    refused = server.call("POST", f"{path}/decisions", {"decision": "approve"}, key=keys["hr"])
    assert refused.status == 404


def test_a_colleagues_salary_is_refused_in_words_and_appears_nowhere(server: Server) -> None:
    keys = server.keys()
    ((salary,),) = look(server.folder, "SELECT salary FROM employee WHERE login = 'lead'")
    run = ask(server, keys["deputy"], "박서연 팀장 연봉 얼마야?")
    assert run["status"] == "succeeded"
    assert "본인" in run["answer"]
    assert "인사" in run["answer"]
    traces = [run["answer"], str(run), server.log.read_text()]
    tables = ("run", "step", "event", "audit", "approval")
    traces += [str(look(server.folder, f"SELECT * FROM {table}")) for table in tables]
    for form in (str(salary), f"{salary:,}", f"{salary // 10000:,}만"):
        assert not any(form in trace for trace in traces), form


def test_the_audit_chain_verifies_and_names_a_row_changed_by_hand(server: Server) -> None:
    def verify() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "daeri.cli", "audit", "verify", "--dir", str(server.folder)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert verify().returncode == 0
    server.stop()
    ((row,),) = look(server.folder, "SELECT min(seq) FROM audit WHERE action = 'leave.request'")
    look(server.folder, "UPDATE audit SET person_id = person_id + 1 WHERE seq = :row", row=row)
    broken = verify()
    assert broken.returncode == 5
    assert str(row) in broken.stdout + broken.stderr
