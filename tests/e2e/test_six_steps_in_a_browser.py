"""The main job as people do it: Chromium, two people, and a server that is killed while the run waits."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from databases import copied, look
from servers import Server

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
CHROMIUM += ["--disable-component-update", "--disable-sync", "--disable-quic"]


@pytest.fixture(scope="module")
def server(read_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(copied(read_demo, tmp_path_factory.mktemp("browser") / "demo"), "demo").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


def signed_in(server: Server, chromium: Browser, login: str, lang: str = "ko-KR") -> Page:
    page = chromium.new_context(locale=lang, base_url=server.url).new_page()
    page.set_default_timeout(20_000)
    page.goto("/login")
    page.locator(f'button[name=person][value="{login}"]').click()
    page.wait_for_url(re.compile(r"/(ask|approvals)"))
    return page


def ask(page: Page, text: str) -> None:
    page.goto("/ask")
    page.locator("#question").fill(text)
    page.locator("#question").press("Enter")
    page.wait_for_url(re.compile(r"/ask/ses_"))


def leaves(server: Server) -> int:
    query = 'SELECT count(*) FROM "leave" WHERE employee_id = (SELECT id FROM employee WHERE login = :login)'
    return int(look(server.folder, query, login="deputy")[0][0])


def test_the_main_job_from_question_to_stamp(server: Server, chromium: Browser) -> None:
    deputy = signed_in(server, chromium, "deputy")
    main = deputy.locator("main")

    ask(deputy, "김대리 휴가 며칠 남았어?")
    expect(main).to_contain_text("7.5일")
    expect(main).to_contain_text("leave.balance")
    expect(main).to_contain_text("김도현 대리")
    for part in ("분석", "계획", "실행"):
        expect(main).to_contain_text(part)

    before = leaves(server)
    ask(deputy, "다음 주 목금 연차 올려줘")
    expect(main).to_contain_text("5.5일")
    expect(main).to_contain_text("박서연")
    session = deputy.url
    waiting = server.call("GET", "/v1/approvals?box=drafted", key=server.keys()["deputy"]).body["data"]
    assert [item["status"] for item in waiting] == ["in_progress"]

    server.kill()
    server.start()
    deputy.goto(session)
    expect(main).to_contain_text("5.5일")
    assert leaves(server) == before

    lead = signed_in(server, chromium, "lead")
    lead.goto("/approvals")
    expect(lead.locator("main")).to_contain_text("연차 휴가 신청")
    expect(lead.locator("main")).to_contain_text("대리")
    lead.locator(f'a[href*="{waiting[0]["approval_id"]}"]').first.click()
    sheet = lead.locator("main")
    expect(sheet).to_contain_text("다음 주 목금 연차 올려줘")
    expect(sheet).to_contain_text("김하은")
    expect(sheet.get_by_role("img", name=re.compile("박서연.*승인"))).to_have_count(0)
    lead.locator("#comment").fill("다녀오세요")
    lead.locator('button[value="approve"]').click()
    expect(sheet.get_by_role("img", name=re.compile("박서연.*승인"))).to_be_visible()
    expect(sheet).to_contain_text(re.compile(r"DR-\d{4}-\d{6}"))
    assert leaves(server) == before + 1

    expect(main).to_contain_text(re.compile("승인|박서연"))
    run_id = waiting[0]["run_id"]
    server.until(f"/v1/runs/{run_id}", server.keys()["deputy"], lambda run: run["status"] == "succeeded")
    deputy.goto(session)
    expect(main).to_contain_text("박서연")
    assert leaves(server) == before + 1


def test_the_waiting_page_turns_into_the_answer_by_itself(server: Server, chromium: Browser) -> None:
    deputy = signed_in(server, chromium, "deputy", "en-US")
    keys = server.keys()
    ask(deputy, "Request a half day off next Tuesday")
    main = deputy.locator("main")
    expect(main.locator('a[href^="/approvals/apr_"]').first).to_be_visible()
    waiting = server.call("GET", "/v1/approvals?box=waiting", key=keys["lead"]).body["data"]
    path = f"/v1/approvals/{waiting[0]['approval_id']}/decisions"
    assert server.call("POST", path, {"decision": "reject", "comment": "Busy week"}, key=keys["lead"]).status == 200
    expect(main).to_contain_text("Busy week")


def test_a_colleagues_salary_is_refused_in_words(server: Server, chromium: Browser) -> None:
    deputy = signed_in(server, chromium, "deputy")
    ((salary,),) = look(server.folder, "SELECT salary FROM employee WHERE login = 'lead'")
    ask(deputy, "박서연 팀장 연봉 얼마야?")
    expect(deputy.locator("main")).to_contain_text("본인")
    expect(deputy.locator("main")).to_contain_text("인사")
    assert f"{salary:,}" not in deputy.content()
    deputy.goto("/records/employee?q=박서연")
    expect(deputy.locator("main")).to_contain_text("박서연")
    expect(deputy.locator("main")).to_contain_text("가려짐")
    assert f"{salary:,}" not in deputy.content()
