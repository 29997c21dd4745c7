"""The policy explorer in Chromium on the sample company: accessible in both themes, and never wider than the window."""

import re

import pytest
from playwright.sync_api import sync_playwright

from databases import copied
from screens import CHROMIUM, LANGS, QUIET, TOO_WIDE, check
from servers import Server

WIDTHS = (320, 900)
ADDRESSES = (
    ("deputy", "/policies"),
    ("hr", "/policies?person=deputy&type=employee&id=박서연&agent=assistant"),
    ("hr", "/policies?person=deputy&operation=employee.load"),
    ("hr", "/policies?type=employee&id=9999"),
    ("admin", "/policies"),
)


@pytest.fixture(scope="module")
def server(read_demo, tmp_path_factory):
    server = Server(copied(read_demo, tmp_path_factory.mktemp("site") / "demo"), "demo").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.mark.parametrize(("lang", "looks"), LANGS)
@pytest.mark.parametrize(("login", "address"), ADDRESSES)
def test_the_explorer_is_accessible_and_fits(server, chromium, login, address, lang, looks):
    context = chromium.new_context(locale="ko-KR" if lang == "ko" else "en-GB")
    page, complaints = context.new_page(), []
    page.goto(f"{server.url}/login")
    page.locator(f"button[value={login}]").click()
    page.wait_for_url(re.compile("/(ask|approvals)"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(server.url + address)
    assert page.locator("html").get_attribute("lang") == lang
    check(page, looks)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate(TOO_WIDE) <= 0, f"scrolls at {width}"
    assert complaints == []
    context.close()


def test_the_form_asks_without_javascript(server, chromium):
    context = chromium.new_context(locale="ko-KR", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.url}/login")
    page.locator("button[value=hr]").click()
    page.goto(f"{server.url}/policies")
    page.locator("#person").fill("deputy")
    page.locator("#type").select_option("employee")
    page.locator("#id").fill("박서연")
    page.get_by_role("button", name="확인").click()
    said = page.locator("main").inner_text()
    assert "연봉은 본인 · 인사 담당만 볼 수 있어요" in said
    assert "daeri policy explain --person deputy --on 'employee/박서연'" in said
    context.close()
