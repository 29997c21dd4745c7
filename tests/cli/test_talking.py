"""The main job by the command line: ask, hold, approve, refuse; across a killed server, with and without one."""

import json
import subprocess
from pathlib import Path

from cli.processes import Server, daeri, environment, typed, until


def salary_of(server: Server, who: str) -> str:
    found = server.json("records", "employee", f"name={who}", "--as", "hr")["data"]
    return str(found[0]["salary"])


def test_an_answer_is_data_and_how_it_came_about_is_talk(server: Server) -> None:
    asked = daeri("ask", "김대리 휴가 며칠 남았어?", "--dir", server.folder)
    assert asked.returncode == 0
    assert "김하은 대리" in asked.stdout
    assert "남은 연차" in asked.stdout
    assert "✓ 분석  ✓ 도구  ✓ 계획" in asked.stderr
    assert "✓ leave.balance" in asked.stderr
    assert "[1] leave.balance" in asked.stderr
    assert "김도현 대리" in asked.stderr


def test_a_quiet_answer_is_the_answer_alone(server: Server) -> None:
    asked = server.run("ask", "-q", "휴가 며칠 남았어?")
    assert asked.returncode == 0
    assert asked.stdout.strip()
    assert asked.stderr == ""


def test_english_is_spoken_where_it_is_asked_for(server: Server) -> None:
    asked = server.run("ask", "How many leave days do I have left?", "--lang", "en")
    assert asked.returncode == 0
    assert "days" in asked.stdout
    assert "✓ analyze  ✓ tools  ✓ plan" in asked.stderr


def test_a_colleagues_salary_is_refused_and_appears_nowhere(server: Server) -> None:
    asked = server.run("ask", "박서연 팀장 연봉 얼마야?")
    assert asked.returncode == 3
    assert "인사 담당" in asked.stdout
    secret = salary_of(server, "박서연")
    assert secret.isdigit()
    assert secret not in asked.stdout + asked.stderr
    listed = server.run("records", "employee", f"salary={secret}")
    assert listed.returncode == 3
    assert "permission-denied" in listed.stderr


def test_a_request_waits_through_a_killed_server_and_is_done_once_it_is_approved(
    server: Server, tmp_path: Path
) -> None:
    asked = server.run("ask", "다음 주 목금 연차 올려줘")
    assert asked.returncode == 4
    assert asked.stdout.startswith("결재를 올렸어요")
    assert "7.5일 → 5.5일" in asked.stderr
    assert "박서연 팀장" in asked.stderr
    assert "daeri run watch run_" in asked.stderr
    run = server.json("run", "list")["data"][0]
    said, talk = tmp_path / "said", tmp_path / "talk"
    with said.open("w") as out, talk.open("w") as err:
        watching = subprocess.Popen(
            typed("run", "watch", run["run_id"][-6:], "--dir", server.folder), stdout=out, stderr=err, env=environment()
        )
        until(talk, "결재를 기다리고 있어요")
        server.kill()
        until(talk, "연결이 끊겼어요")
        server.start()
        box = server.run("approve", "list", "--as", "lead")
        assert "김하은 대리 [대리]" in box.stdout
        document = run["approvals"][0]
        shown = server.run("approve", "show", document[-8:], "--as", "lead")
        assert "다음 주 목금 연차 올려줘" in shown.stdout
        assert "7.5일 → 5.5일" in shown.stdout
        approved = server.run("approve", "yes", document[-8:-2], "--as", "lead", "-m", "확인했습니다")
        assert approved.returncode == 0, approved.stderr
        assert "DR-2026-000001" in approved.stdout
        assert watching.wait(60) == 0
    assert "✓ 승인 박서연" in talk.read_text()
    assert "5.5일" in said.read_text()
    assert server.json("approve", "show", "DR-2026-000001")["history"][-1]["act"] == "apply"
    again = server.run("approve", "yes", document, "--as", "lead")
    assert again.returncode == 1
    assert "conflict" in again.stderr


def test_a_rejection_needs_words_and_the_drafter_hears_them(server: Server) -> None:
    held = server.json("op", "call", "leave.request", "start=2027-01-14")
    document = held["approval_id"]
    assert server.run("approve", "no", document, "--as", "lead").returncode == 2
    rejected = server.run("approve", "no", document, "--as", "lead", "-m", "일정을 조정해 주세요")
    assert rejected.returncode == 0, rejected.stderr
    assert "일정을 조정해 주세요" in server.run("approve", "show", document).stdout


def test_a_drafter_takes_a_document_back_and_nobody_else_can(server: Server) -> None:
    document = server.json("op", "call", "leave.request", "start=2027-01-15")["approval_id"]
    assert server.run("approve", "withdraw", document, "--as", "lead").returncode == 3
    assert "회수했어요" in server.run("approve", "withdraw", document).stdout


def test_a_dry_run_tells_the_change_and_the_line_and_leaves_no_document(server: Server) -> None:
    before = server.json("approve", "list", "--box", "drafted")["data"]
    dry = server.run("op", "call", "leave.request", "start=2027-01-18", "--dry-run")
    assert dry.returncode == 0
    assert "박서연 팀장" in dry.stdout
    assert server.json("approve", "list", "--box", "drafted")["data"] == before


def test_arguments_that_do_not_fit_are_named(server: Server) -> None:
    called = server.run("op", "call", "leave.request", "start=someday", "colour=red")
    assert called.returncode == 2
    assert "start:" in called.stderr
    assert "colour:" in called.stderr


def test_a_run_can_be_cancelled(server: Server) -> None:
    asked = server.run("ask", "12월 28일 연차 올려줘")
    assert asked.returncode == 4
    run_id = server.json("run", "list")["data"][0]["run_id"]
    stopped = server.run("run", "cancel", run_id)
    assert stopped.returncode == 0
    assert "daeri approve withdraw" in stopped.stderr
    assert server.json("run", "show", run_id)["status"] == "cancelled"


def test_json_is_what_the_api_gives_and_nothing_else(server: Server) -> None:
    assert {"run_id", "status", "answer", "citations"} <= set(server.json("ask", "휴가 며칠 남았어?"))
    assert {"data", "next_cursor", "has_more"} <= set(server.json("records", "employee", "--limit", "2"))
    assert {"name", "effect", "input_schema"} <= set(server.json("op", "list")["data"][0])
    missing = server.run("op", "show", "no.such", "--json")
    assert missing.stdout == ""
    assert json.loads(missing.stderr)["code"] == "not-found"


def test_someone_without_a_key_is_told_whom_there_is(server: Server) -> None:
    asked = server.run("run", "list", "--as", "nobody")
    assert asked.returncode == 3
    assert "deputy, lead, director" in asked.stderr
    assert server.run("run", "list", "--key", "dk_live_wrong").returncode == 3


def test_without_a_server_one_can_read_but_not_ask(server: Server) -> None:
    server.kill()
    asked = server.run("ask", "휴가 며칠 남았어?")
    assert asked.returncode == 6
    assert "daeri demo --dir" in asked.stderr
    listed = daeri("approve", "list", "--box", "drafted", "--dir", server.folder)
    assert listed.returncode == 0, listed.stderr
    assert "DR-2026-000001" in listed.stdout
    assert "바로 읽어요" in listed.stderr
    assert server.run("run", "list", "--server", "http://127.0.0.1:9").returncode == 6
    server.start()


def test_without_a_model_nothing_was_used_and_that_is_said(server: Server) -> None:
    assert "쓴 모델이 없어요" in server.run("usage").stdout
    told = server.json("usage", "--by", "day")
    assert (told["by"], told["data"], told["total"]["calls"], told["budgets"]) == ("day", [], 0, [])
    assert server.run("usage", "--by", "colour").returncode == 2


def test_conversations_are_found_renamed_forked_edited_and_deleted(server: Server) -> None:
    asked = server.json("ask", "휴가 며칠 남았어?")
    session = asked["session_id"]
    found = server.run("session", "list", "휴가", "남았어")
    assert "휴가 며칠 남았어?" in found.stdout
    assert server.run("session", "rename", session, "올해 휴가").stdout.strip() == "올해 휴가"
    edited = server.json("run", "edit", asked["run_id"], "이번", "달 휴가는?")
    assert edited["session_id"] == session
    shown = server.run("session", "show", session)
    assert "이번 달 휴가는?" in shown.stdout
    assert "며칠 남았어?" not in shown.stdout
    fork = server.json("session", "fork", session)
    assert fork["forked_from"] == session
    assert server.run("session", "delete", session).returncode == 0
    assert server.run("session", "show", session).returncode != 0
    assert "올해 휴가" in server.run("session", "show", fork["session_id"]).stdout
