"""Every screen in Chromium, on the sample company's real server: accessible, quiet, fitting, from one host."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from daeri.clock import Clock
from daeri.records.prompts import PromptBook
from daeri.records.store import Store
from databases import copied, database_of
from screens import CHROMIUM, CROSSED, LANGS, QUIET, TOO_WIDE, Looks, check
from servers import Server

NARROWEST = 320
REQUESTS_MAX = 6
BYTES_MAX = 100 * 1024

LEAVE = {"start": "2027-03-04", "end": "2027-03-05"}
TAXI = {"amount": 32000, "category": "교통비"}


@dataclass
class Site:
    """The server, with something of every state to look at: paths by name, and who looks."""

    server: Server
    paths: dict[str, tuple[str, str]] = field(default_factory=dict)

    def post(self, login: str, path: str, body: dict, **headers: str) -> dict:
        answer = self.server.call("POST", path, body, key=self.server.keys()[login], headers=headers)
        assert answer.status < 300, answer.body
        return answer.body

    def asked(self, question: str, session: str | None = None) -> dict:
        body = {"input": question} | ({"session_id": session} if session else {})
        return self.post("deputy", "/v1/runs?wait=20", body)

    def filed(self, operation: str, arguments: dict) -> str:
        return str(self.post("deputy", f"/v1/ops/{operation}", arguments)["approval_id"])

    def prompted(self) -> None:
        """Let it look as if a model had been asked."""

        async def keep() -> None:
            store = Store(database_of(self.server.folder))
            parts = {name: f"{name}: " + "Every figure comes from an operation. " * 9 for name in ("system", "user")}
            await PromptBook(store, Clock()).keep({**parts, "instructions": "짧게 답해 주세요."})
            await store.close()

        asyncio.run(keep())

    def decided(self, approval_id: str, decision: str, comment: str) -> None:
        body = {"decision": decision, "comment": comment}
        self.post("lead", f"/v1/approvals/{approval_id}/decisions", body)


def furnish(site: Site) -> None:
    answered = site.asked("김대리 휴가 며칠 남았어?")
    site.asked("How many leave days do I have left?", answered["session_id"])
    site.asked("박서연 팀장 연봉 얼마야?", answered["session_id"])
    waiting = site.asked("Request leave next Thursday and Friday", answered["session_id"])
    assert waiting["status"] == "waiting_approval", waiting
    approved, rejected = site.filed("expense.request", TAXI), site.filed("expense.request", TAXI | {"amount": 41000})
    site.decided(approved, "approve", "확인했어요")
    site.decided(rejected, "reject", "영수증을 붙여 주세요")
    held, other = (site.filed("expense.request", TAXI | {"amount": amount}) for amount in (42000, 43000))
    site.decided(held, "hold", "확인하고 있어요")
    draft = site.post("deputy", "/v1/drafts", {"operation": "expense.request", "arguments": TAXI})["draft_id"]
    site.post("lead", "/v1/absences", {"deputy": 1, "starts_at": "2027-01-04", "ends_at": "2027-01-08"})
    site.prompted()
    site.post("deputy", "/v1/ops/memory.remember", {"text": "답은 표로 받고 싶다"})
    site.post("deputy", "/v1/ops/files.write", {"name": "직급별 인원 2026년 11월 집계.csv", "text": "직급,인원\n"})
    site.paths |= {
        "memory": ("deputy", "/memory"),
        "ask": ("deputy", "/ask"),
        "conversation": ("deputy", f"/ask/{answered['session_id']}"),
        "box": ("lead", "/approvals"),
        "empty box": ("lead", "/approvals?box=cc"),
        "waiting document": ("lead", f"/approvals/{waiting['approvals'][0]}"),
        "own document": ("deputy", f"/approvals/{waiting['approvals'][0]}"),
        "approved document": ("lead", f"/approvals/{approved}?done=approve"),
        "rejected document": ("deputy", f"/approvals/{rejected}"),
        "held document": ("lead", f"/approvals/{held}?done=hold"),
        "several": ("lead", f"/approvals/several?id={held}&id={other}"),
        "in progress": ("deputy", "/approvals?box=in_progress"),
        "drafts": ("deputy", "/drafts"),
        "draft": ("deputy", f"/drafts/{draft}"),
        "absences": ("lead", "/absences"),
        "consents": ("lead", "/consents"),
        "delegations": ("lead", "/delegations"),
        "kinds of records": ("lead", "/records"),
        "records": ("lead", "/records/employee?rank=대리&sort=-hired_on"),
        "orders": ("lead", "/records/sales_order"),
        "no records": ("lead", "/records/employee?q=zzz"),
        "row": ("lead", "/records/employee/1"),
        "files": ("deputy", "/files"),
        "no files": ("lead", "/files"),
        "runs": ("deputy", "/runs"),
        "run": ("deputy", f"/runs/{answered['run_id']}"),
        "operations": ("deputy", "/ops"),
        "operation": ("deputy", "/ops/leave.request"),
        "audit": ("admin", "/audit?person=deputy"),
        "models": ("admin", "/models?by=person"),
        "prompts": ("admin", "/prompts"),
        "not found": ("deputy", "/records/nope"),
        "sign-in": ("", "/login"),
    }


NAMES = (
    "memory",
    "ask",
    "conversation",
    "box",
    "empty box",
    "waiting document",
    "own document",
    "approved document",
    "rejected document",
    "held document",
    "several",
    "in progress",
    "drafts",
    "draft",
    "absences",
    "consents",
    "delegations",
    "kinds of records",
    "records",
    "orders",
    "no records",
    "row",
    "files",
    "no files",
    "runs",
    "run",
    "operations",
    "operation",
    "audit",
    "models",
    "prompts",
    "not found",
    "sign-in",
)


@pytest.fixture(scope="module")
def site(read_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(Server(copied(read_demo, tmp_path_factory.mktemp("site") / "demo"), "demo").start())
    furnish(site)
    yield site
    site.server.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(site: Site, chromium: Browser) -> Iterator[dict[tuple[str, str], BrowserContext]]:
    """A browser of their own for each person in each language; "" is a guest."""
    contexts = {}
    for lang in ("ko", "en"):
        for login in ("", "deputy", "lead", "admin"):
            context = chromium.new_context(locale="ko-KR" if lang == "ko" else "en-GB")
            if login:
                page = context.new_page()
                page.goto(f"{site.server.url}/login")
                page.locator(f"button[value={login}]").click()
                page.wait_for_url(re.compile("/(ask|approvals)"))
                page.close()
            contexts[login, lang] = context
    yield contexts
    for context in contexts.values():
        context.close()


@dataclass
class Heard:
    """What a page said and asked for."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def listen(page: Page) -> Heard:
    heard = Heard()
    page.on("pageerror", lambda error: heard.complaints.append(str(error)))
    page.on("console", lambda line: heard.complaints.append(line.text) if line.type in {"error", "warning"} else None)
    page.on("request", lambda request: heard.requests.append(request.url))
    return heard


@pytest.mark.parametrize(("lang", "looks"), LANGS)
@pytest.mark.parametrize("name", NAMES)
def test_a_screen_is_accessible_quiet_and_fits_in_every_theme_and_width(
    site: Site, signed_in: dict[tuple[str, str], BrowserContext], name: str, lang: str, looks: Looks
) -> None:
    login, path = site.paths[name]
    page = signed_in[login, lang].new_page()
    heard = listen(page)
    page.goto(site.server.url + path)
    assert page.locator("html").get_attribute("lang") == lang
    page.wait_for_load_state("load")
    check(page, looks)
    page.set_viewport_size({"width": NARROWEST, "height": 844})
    assert page.evaluate(TOO_WIDE) <= 0, "scrolls at 320"
    not_ours = [url for url in heard.requests if not url.startswith(site.server.url)]
    assert not_ours == []
    assert len(heard.requests) <= REQUESTS_MAX, heard.requests
    expected = ["404 (Not Found)"] if name == "not found" else []
    assert [text for text in heard.complaints if not any(part in text for part in expected)] == []
    page.close()


def test_what_opens_on_a_screen_is_accessible_too(site: Site, signed_in: dict[tuple[str, str], BrowserContext]) -> None:
    page = signed_in["deputy", "ko"].new_page()
    page.goto(f"{site.server.url}/records/employee")
    page.locator(".filters summary").first.click()
    page.locator(".api summary").click()
    page.locator(".account summary").click()
    check(page, CROSSED)
    page.keyboard.press("Escape")
    expect(page.locator(".account .sheet")).to_be_hidden()
    expect(page.locator(".account summary")).to_be_focused()
    page.close()


def test_a_refused_form_says_so_where_it_is_accessible(
    site: Site, signed_in: dict[tuple[str, str], BrowserContext]
) -> None:
    page = signed_in["lead", "ko"].new_page()
    page.goto(site.server.url + site.paths["waiting document"][1])
    page.locator("button[value=reject]").click()
    expect(page.locator("#comment")).to_be_focused()
    expect(page.get_by_role("alert")).to_have_text("반려하는 까닭을 적어 주세요.")
    check(page, CROSSED)
    page.close()


def test_what_opens_on_a_document_is_accessible_and_reached_by_keyboard(
    site: Site, signed_in: dict[tuple[str, str], BrowserContext]
) -> None:
    page = signed_in["lead", "ko"].new_page()
    page.goto(site.server.url + site.paths["held document"][1])
    closed = page.locator(".paper details:not([open]) > summary")
    assert closed.count() >= 3
    while closed.count():
        closed.first.focus()
        page.keyboard.press("Enter")
    check(page, CROSSED)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate(TOO_WIDE) <= 0
    page.locator("#act").select_option("release")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="하기", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("처리했어요: 보류 해제")
    page.close()


def test_a_printed_document_is_one_sheet_of_paper_with_its_code_and_no_buttons(
    site: Site, signed_in: dict[tuple[str, str], BrowserContext]
) -> None:
    page = signed_in["lead", "ko"].new_page()
    page.goto(site.server.url + site.paths["approved document"][1])
    page.emulate_media(media="print")
    code = page.locator("a[href^='/verify/']").inner_text()
    for hidden in (".side", ".api", ".crumbs", ".note"):
        assert not any(each.is_visible() for each in page.locator(hidden).all())
    assert page.pdf(format="A4").count(b"/Type /Page\n") == 1
    page.emulate_media(media="screen")
    page.goto(f"{site.server.url}/verify/{code}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("결재 문서가 맞아요")
    check(page, CROSSED)
    page.close()


def test_a_preview_shows_what_would_change_and_is_accessible(
    site: Site, signed_in: dict[tuple[str, str], BrowserContext]
) -> None:
    page = signed_in["deputy", "ko"].new_page()
    page.goto(f"{site.server.url}/ops/leave.request")
    page.locator("#arg-start").fill(LEAVE["start"])
    page.locator("#arg-end").fill(LEAVE["end"])
    page.locator("button[value=try]").click()
    expect(page.get_by_role("heading", name="미리 보기")).to_be_visible()
    expect(page.locator(".diff")).to_contain_text("남은 연차")
    check(page, CROSSED)
    page.close()


def test_a_page_with_all_it_needs_is_small(site: Site, signed_in: dict[tuple[str, str], BrowserContext]) -> None:
    page = signed_in["deputy", "ko"].new_page()
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    page.goto(site.server.url + "/ask", wait_until="networkidle")
    assert sum(sizes) <= BYTES_MAX
    page.close()


@pytest.fixture
def asking(site: Site, chromium: Browser) -> Iterator[Page]:
    """The question box of someone who has asked nothing yet."""
    context = chromium.new_context(locale="ko-KR", viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{site.server.url}/login")
    page.locator("button[value=hr]").click()
    page.wait_for_url(re.compile("/(ask|approvals)"))
    page.goto(f"{site.server.url}/ask")
    yield page
    context.close()


def test_an_answer_comes_about_on_the_page_with_its_four_parts(asking: Page) -> None:
    asking.locator("#question").fill("김하은 대리 휴가 며칠 남았어?")
    asking.keyboard.press("Enter")
    turn = asking.locator(".turn").last
    expect(turn).to_have_attribute("data-status", "succeeded", timeout=15_000)
    expect(asking).to_have_url(re.compile("/ask/ses_"))
    expect(turn.locator(".steps b")).to_contain_text(["분석", "도구 고르기", "계획", "실행"])
    expect(turn.locator(".answer")).to_contain_text("김하은")
    expect(turn.locator(".sources code").first).to_have_text("leave.balance")
    expect(asking.locator("#question")).to_be_focused()


def test_a_conversation_is_asked_again_in_other_words_and_what_opens_in_it_is_accessible(asking: Page) -> None:
    asking.locator("#question").fill("김하은 대리 휴가 며칠 남았어?")
    asking.keyboard.press("Enter")
    turn = asking.locator(".turn").last
    expect(turn).to_have_attribute("data-status", "succeeded", timeout=15_000)
    turn.get_by_text("고치기", exact=True).click()
    turn.get_by_label("고쳐서 다시 묻기").fill("박서연 팀장 휴가 며칠 남았어?")
    turn.get_by_role("button", name="고쳐서 다시 묻기").click()
    expect(asking.locator(".bubble")).to_have_text(["박서연 팀장 휴가 며칠 남았어?"])
    expect(asking.locator(".turn").last).to_have_attribute("data-status", "succeeded", timeout=15_000)
    closed = asking.locator("#talk details:not([open]) > summary")
    while closed.count():
        closed.first.click()
    check(asking, CROSSED)
    asking.set_viewport_size({"width": 320, "height": 844})
    assert asking.evaluate(TOO_WIDE) <= 0
    asking.get_by_label("제목").fill("남은 휴가")
    asking.get_by_role("button", name="제목 바꾸기").click()
    expect(asking).to_have_title(re.compile("남은 휴가"))


def test_a_person_has_something_remembered_corrected_and_forgotten(asking: Page) -> None:
    asking.goto(re.sub("/ask.*", "/memory", asking.url))
    asking.get_by_label("기억할 내용").fill("보고는 짧게")
    asking.get_by_role("button", name="기억하기").click()
    kept = asking.get_by_role("listitem").filter(has=asking.get_by_label(re.compile("기억 [0-9]+")))
    expect(kept.get_by_role("textbox")).to_have_value("보고는 짧게")
    kept.get_by_role("textbox").fill("보고는 자세히")
    kept.get_by_role("button", name="고치기").click()
    expect(kept.get_by_role("textbox")).to_have_value("보고는 자세히")
    kept.get_by_role("button", name="잊기").click()
    expect(kept).to_have_count(0)


def test_a_word_being_typed_stays_when_an_answer_arrives(asking: Page) -> None:
    asking.locator("#question").fill("우리 회사 직원 몇 명이야?")
    asking.keyboard.press("Enter")
    asking.locator(".turn").wait_for()
    asking.keyboard.type("next")
    expect(asking.locator(".turn").last).to_have_attribute("data-status", "succeeded", timeout=15_000)
    expect(asking.locator("#question")).to_have_value("next")


def test_shift_enter_starts_a_line_and_sends_nothing(asking: Page) -> None:
    asking.locator("#question").fill("one")
    asking.keyboard.press("Shift+Enter")
    asking.keyboard.type("two")
    expect(asking.locator("#question")).to_have_value("one\ntwo")
    expect(asking.locator(".turn")).to_have_count(0)


COMPOSE = """([text, orders]) => {
  const field = document.getElementById("question");
  field.focus();
  field.value = text;
  const key = (composing) => field.dispatchEvent(new KeyboardEvent("keydown", {
    key: "Enter", keyCode: composing ? 229 : 13, isComposing: composing, bubbles: true, cancelable: true }));
  field.dispatchEvent(new CompositionEvent("compositionstart"));
  for (const order of orders) {
    if (order === "end") { field.dispatchEvent(new CompositionEvent("compositionend")); }
    else key(order === "composing");
  }
}"""


@pytest.mark.parametrize(
    "orders",
    [["composing", "end", "plain"], ["composing", "end"], ["end", "plain"], ["end", "plain", "plain"]],
    ids=["Chrome on macOS", "Chrome on Windows", "Safari", "pressed twice"],
)
def test_enter_while_a_syllable_is_composed_sends_once_and_whole(asking: Page, orders: list[str]) -> None:
    posts: list[str] = []
    asking.on("request", lambda request: posts.append(request.post_data or "") if request.method == "POST" else None)
    asking.evaluate(COMPOSE, ["영업2팀에 누가 있어", orders])
    expect(asking.locator(".turn").last).to_have_attribute("data-status", "succeeded", timeout=15_000)
    assert len(posts) == 1
    expect(asking.locator(".bubble")).to_have_text("영업2팀에 누가 있어")
    expect(asking.locator("#question")).to_have_value("")


def test_what_was_typed_is_not_lost_when_the_server_is_gone(asking: Page) -> None:
    asking.route("**/ask", lambda route: route.abort())
    asking.locator("#question").fill("들리나요?")
    asking.keyboard.press("Enter")
    expect(asking.locator("#trouble")).to_contain_text("보내지 못했어요")
    expect(asking.locator("#question")).to_have_value("들리나요?")


def test_without_javascript_a_question_is_answered_all_the_same(site: Site, chromium: Browser) -> None:
    context = chromium.new_context(locale="ko-KR", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.server.url}/login")
    page.locator("button[value=hr]").click()
    page.goto(f"{site.server.url}/ask")
    page.locator("#question").fill("김하은 대리 휴가 며칠 남았어?")
    page.locator("#send").click()
    expect(page.locator(".turn .answer")).to_contain_text("김하은")
    context.close()


def test_a_waiting_turn_becomes_the_answer_by_itself_when_it_is_approved(site: Site, chromium: Browser) -> None:
    context = chromium.new_context(locale="ko-KR", viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{site.server.url}/login")
    page.locator("button[value=deputy]").click()
    page.goto(f"{site.server.url}/ask")
    page.locator("#question").fill("어제 택시비 3만 2천원 경비 올려줘")
    page.keyboard.press("Enter")
    turn = page.locator(".turn").last
    expect(turn).to_have_attribute("data-status", "waiting_approval", timeout=15_000)
    document = turn.locator(".draft h2 a").get_attribute("href")
    expect(turn.locator(".draft")).to_contain_text("박서연 팀장")
    site.decided(str(document).rpartition("/")[2], "approve", "")
    expect(turn).to_have_attribute("data-status", "succeeded", timeout=15_000)
    expect(turn.locator(".answer")).to_contain_text("승인")
    context.close()


def test_a_stamp_is_pressed_on_the_document_by_the_one_who_approves(site: Site, chromium: Browser) -> None:
    approval_id = site.filed("expense.request", TAXI | {"amount": 51000})
    context = chromium.new_context(locale="ko-KR", viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{site.server.url}/login?next=/approvals/{approval_id}")
    page.locator("button[value=lead]").click()
    page.locator("#comment").fill("확인했어요")
    page.locator("button[value=approve]").click()
    stamp = page.get_by_role("img", name=re.compile("박서연 팀장 승인"))
    expect(stamp).to_be_visible()
    assert page.evaluate("() => getComputedStyle(document.querySelector('.stamp')).borderRadius") == "50%"
    expect(page.get_by_role("status").first).to_contain_text("승인했어요.")
    context.close()


def test_an_open_page_finds_back_to_its_run_after_the_server_was_killed(site: Site, chromium: Browser) -> None:
    context = chromium.new_context(locale="ko-KR")
    page = context.new_page()
    page.goto(f"{site.server.url}/login")
    page.locator("button[value=deputy]").click()
    page.goto(f"{site.server.url}/ask")
    page.locator("#question").fill("어제 택시비 2만 7천원 경비 올려줘")
    page.keyboard.press("Enter")
    turn = page.locator(".turn").last
    expect(turn).to_have_attribute("data-status", "waiting_approval", timeout=15_000)
    document = str(turn.locator(".draft h2 a").get_attribute("href"))
    site.server.kill()
    site.server.start()
    site.decided(document.rpartition("/")[2], "approve", "")
    expect(turn).to_have_attribute("data-status", "succeeded", timeout=20_000)
    context.close()
