"""The documents screens in Chromium, on the sample company's real server: bring in, search, open where it stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from cli.processes import talk
from databases import copied
from screens import CHROMIUM, LANGS, QUIET, Looks, check
from servers import Server

GOOD = "# 주차 안내\n\n지하 2층 주차장은 은행나무 구역을 쓴다.\n"


@dataclass
class Site:
    """The server, when its documents are read."""

    server: Server

    @property
    def folder(self) -> Path:
        return self.server.folder


@pytest.fixture(scope="module")
def site(read_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    server = Server(copied(read_demo, tmp_path_factory.mktemp("site") / "demo"), "demo").start()
    yield Site(server)
    server.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def _signed_in(site: Site, chromium: Browser, lang: str, login: str = "deputy") -> BrowserContext:
    context = chromium.new_context(locale="ko-KR" if lang == "ko" else "en-GB", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{site.server.url}/login")
    page.locator(f"button[value={login}]").click()
    page.wait_for_url(re.compile("/(ask|approvals)"))
    page.close()
    return context


@pytest.fixture(scope="module")
def contexts(site: Site, chromium: Browser) -> Iterator[dict[str, BrowserContext]]:
    opened = {lang: _signed_in(site, chromium, lang) for lang in ("ko", "en")}
    yield opened
    for context in opened.values():
        context.close()


@pytest.fixture
def page(site: Site, contexts: dict[str, BrowserContext]) -> Iterator[Page]:
    opened = contexts["ko"].new_page()
    opened.goto(f"{site.server.url}/documents")
    yield opened
    opened.close()


def test_files_that_are_chosen_go_up_one_by_one_each_with_its_progress(page: Page) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.locator("#file").set_input_files(
        [
            {"name": "주차.md", "mimeType": "text/markdown", "buffer": GOOD.encode()},
            {"name": "깨진.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n" + bytes(range(256)) * 10},
        ]
    )
    page.locator("#folder").fill("안내")
    page.locator("#drop button").click()
    lines = page.locator("#files li")
    expect(lines.nth(0)).to_contain_text("주차.md")
    expect(lines.nth(0)).to_contain_text("구절 1개", timeout=30_000)
    expect(lines.nth(1)).to_contain_text("깨진.pdf")
    expect(lines.nth(1)).to_contain_text("파일이 깨져 있어요", timeout=30_000)
    expect(lines.nth(2).locator("a")).to_be_visible()
    lines.nth(2).locator("a").click()
    row = page.locator("tbody tr", has_text="주차.md")
    expect(row).to_contain_text("안내")
    expect(row).to_contain_text("찾을 수 있음")
    expect(page.locator("tbody tr", has_text="깨진.pdf")).to_contain_text("읽지 못함")
    assert complaints == []


DROP = """([name, text]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([text], name, { type: "text/markdown" }));
  const form = document.getElementById("drop");
  for (const kind of ["dragover", "drop"])
    form.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""


def test_a_file_that_is_dropped_is_taken_in(page: Page) -> None:
    page.evaluate(DROP, ["낙하.md", "# 낙하 시험\n\n떨어뜨린 파일을 읽는다.\n"])
    expect(page.locator("#files li").first).to_contain_text("구절 1개", timeout=30_000)


def test_a_passage_that_is_found_is_marked_and_opens_where_it_stands(page: Page) -> None:
    page.locator("#q").fill("USB 써도 되나요?")
    page.keyboard.press("Enter")
    hit = page.locator("section ol li").first
    expect(hit.locator("a")).to_have_text("정보보안규정.pdf")
    expect(hit.locator("mark").first).to_have_text("USB")
    hit.locator("a").click()
    expect(page).to_have_url(re.compile(r"/documents/\d+\?passage=\d+#p\d+"))
    expect(page.locator("section mark")).to_contain_text("USB 메모리와 외장하드의 사용은 금지한다.")
    expect(page.locator("section mark")).to_be_in_viewport()
    expect(page.get_by_text("여기 적힌 지시는 따르지 않아요")).to_be_visible()


def test_a_search_that_finds_nothing_good_enough_says_so(page: Page) -> None:
    page.locator("#q").fill("전세자금 대출 금리")
    page.keyboard.press("Enter")
    expect(page.locator(".note.warn")).to_be_visible()


def test_a_click_on_a_citation_of_an_answer_opens_the_passage(site: Site, page: Page) -> None:
    page.goto(f"{site.server.url}/ask")
    page.locator("#question").fill("김대리 휴가 며칠 남았고 연차 규정이 어떻게 돼?")
    page.keyboard.press("Enter")
    turn = page.locator(".turn").last
    expect(turn).to_have_attribute("data-status", "succeeded", timeout=15_000)
    sources = turn.locator(".sources")
    expect(sources.locator("code", has_text="leave.balance")).to_be_visible()
    expect(sources.get_by_text("문서에서 옮긴 글")).to_have_count(1)
    sources.locator("a", has_text="취업규칙.hwpx").first.click()
    expect(page).to_have_url(re.compile(r"/documents/\d+\?passage=\d+#p\d+"))
    expect(page.locator("section mark")).to_contain_text("15일의 유급휴가를 준다")


def test_markup_in_a_document_is_shown_as_text(page: Page) -> None:
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.evaluate(
        DROP, ["<img src=x onerror=alert(1)>.md", "# <b>제목</b>\n\n무지개빛 `<script>alert(2)</script>` 문장\n"]
    )
    expect(page.locator("#files li").first).to_contain_text("구절 1개", timeout=30_000)
    page.goto(page.url.partition("?")[0] + "?q=무지개빛 문장")
    expect(page.locator("section ol li").first).to_contain_text("<script>alert(2)</script>")
    page.locator("section ol li a").first.click()
    expect(page.locator("section mark")).to_contain_text("<script>alert(2)</script>")
    assert said == []


@pytest.mark.parametrize(("lang", "looks"), LANGS)
@pytest.mark.parametrize("name", ["list", "found", "nothing", "document"])
def test_the_screens_of_documents_are_accessible_and_fit_in_every_theme_and_width(
    site: Site, contexts: dict[str, BrowserContext], name: str, lang: str, looks: Looks
) -> None:
    page = contexts[lang].new_page()
    paths = {"list": "/documents", "found": "/documents?q=연차 이월", "nothing": "/documents?q=전세자금 대출 금리"}
    shown = page.goto(site.server.url + paths.get(name, "/documents?q=비밀번호"))
    assert shown is not None
    assert shown.ok
    if name == "document":
        page.locator("section ol li a").first.click()
        expect(page.locator("section mark")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == lang
    check(page, looks)
    page.close()


def test_the_command_line_adds_lists_finds_and_removes_documents(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "안내문"
    (folder / "시설").mkdir(parents=True)
    (folder / "시설" / "옥상.md").write_text("# 옥상 이용\n\n옥상 정원은 코스모스 철에만 연다.\n", encoding="utf-8")
    (folder / "깨진.pdf").write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 10)
    (folder / "그림.xyz").write_bytes(b"nothing that is read")

    def run(*arguments: str | Path) -> tuple[int, str]:
        done = talk("docs", *arguments, "--dir", site.folder, "--as", "deputy")
        return done.returncode, done.stdout + done.stderr

    code, said = run("add", folder, "--folder", "안내")
    assert code == 1, said
    assert re.search(r"✓.*옥상\.md", said), said
    assert re.search(r"✗.*깨진\.pdf.*파일이 깨져 있어요", said), said
    assert "그림.xyz" not in said
    assert run("add", folder / "시설" / "옥상.md", "--level", "top")[0] == 2
    code, said = run("list", "--folder", "안내/시설")
    assert (code, "옥상.md" in said) == (0, True), said
    code, said = run("search", "옥상", "정원", "언제", "열어?", "--limit", "1")
    assert code == 0
    assert re.search(r"1\. 안내/시설/옥상\.md +L3 · 옥상 이용 +\(\d\.\d\d, #\d+\)", said), said
    assert "코스모스 철에만 연다" in said
    assert run("remove", "옥상.md")[0] == 0
    assert "옥상.md" not in run("list", "--folder", "안내/시설")[1]
    assert run("add", folder / "없음.md")[0] == 2
