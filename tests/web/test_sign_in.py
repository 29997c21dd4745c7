import pytest
from httpx import ASGITransport, AsyncClient

from web.conftest import Browser, application_of, screens_of, text_of
from worlds import FINANCE, OWNER

pytestmark = pytest.mark.anyio


PASSWORD = "correct horse"


@pytest.fixture
async def account(world):
    """Someone with a password."""
    await world.identity.add_account("finance", FINANCE, password=PASSWORD)
    return "finance"


async def test_a_password_opens_the_door(anybody, account):
    answer = await anybody.post("/login", {"login": account, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await anybody.get("/")).headers["location"] == "/ask"


@pytest.mark.parametrize(("login", "password"), [("finance", "wrong"), ("nobody", PASSWORD), ("", "")])
@pytest.mark.usefixtures("account")
async def test_a_wrong_password_and_an_unknown_person_look_the_same(anybody, login, password):
    answer = await anybody.post("/login", {"login": login, "password": password})
    assert answer.status_code == 401
    assert "아이디나 비밀번호를 확인해 주세요." in text_of(answer)
    assert anybody.client.cookies.get("daeri_session") is None


async def test_a_demo_person_is_picked_without_a_password(anybody):
    assert "김하은 대리" in text_of(await anybody.get("/login"))
    assert (await anybody.sign_in("owner")).status_code == 303
    assert "김하은 대리님" in text_of(await anybody.get("/ask"))


async def test_a_server_that_is_no_demo_shows_nobody_to_pick(world):
    await world.identity.add_account("owner", OWNER, demo=True)
    transport = ASGITransport(application_of(screens_of(world, demo=False)))
    async with AsyncClient(transport=transport, base_url="http://daeri.test") as client:
        assert "김하은" not in (await client.get("/login")).text


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(anybody):
    cookie = (await anybody.sign_in("owner")).headers["set-cookie"]
    assert "daeri_session=" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_over_https_the_cookie_is_bound_to_the_host(world):
    await world.identity.add_account("owner", OWNER, demo=True)
    transport = ASGITransport(application_of(screens_of(world, secure_cookies=True)))
    async with AsyncClient(transport=transport, base_url="https://daeri.test") as client:
        cookie = (await Browser(client).sign_in("owner")).headers["set-cookie"]
    assert cookie.startswith("__Host-daeri=")
    assert "Secure" in cookie


async def test_signing_out_ends_the_session_itself(people):
    browser = people["owner"]
    session = browser.client.cookies["daeri_session"]
    await browser.post("/logout", {}, seen="/ask")
    browser.client.cookies.set("daeri_session", session)
    assert (await browser.get("/ask")).headers["location"].startswith("/login")


@pytest.mark.parametrize("path", ["/ask", "/approvals", "/records/w_employee?q=김", "/runs", "/ops"])
async def test_a_guest_is_sent_to_sign_in_and_comes_back(anybody, path):
    sent = await anybody.get(path)
    assert sent.status_code == 303
    shown = await anybody.get(sent.headers["location"])
    again = shown.text.split('name="next" value="')[1].split('"')[0]
    answer = await anybody.post("/login", {"person": "owner", "next": again})
    assert answer.headers["location"] == path.replace("김", "%EA%B9%80")


@pytest.mark.parametrize("address", ["https://evil.test/", "//evil.test", "/\\evil.test"])
async def test_signing_in_never_leads_to_another_site(anybody, address):
    answer = await anybody.post("/login", {"person": "owner", "next": address})
    assert answer.headers["location"] == "/"


async def test_a_form_without_the_token_of_this_browser_is_refused(anybody, people):
    assert (await anybody.client.post("/login", data={"person": "owner"})).status_code == 403
    mine = people["owner"]
    foreign = await people["lead"].get("/ask")
    token = foreign.text.split('name="form_token" value="')[1].split('"')[0]
    refused = await mine.client.post("/ask", data={"input": "안녕", "form_token": token})
    assert refused.status_code == 403
    assert "오래된 화면" in text_of(refused)


async def test_a_form_posted_from_another_site_is_refused(people):
    answer = await people["owner"].post("/ask", {"input": "안녕"}, seen="/ask", Origin="https://evil.test")
    assert answer.status_code == 403


async def test_the_browser_s_language_is_spoken_until_another_is_chosen(anybody):
    assert "Sign in" in (await anybody.get("/login", **{"accept-language": "en-GB,en;q=0.9,ko;q=0.5"})).text
    assert "로그인" in (await anybody.get("/login", **{"accept-language": "fr"})).text
    await anybody.post("/lang", {"lang": "en", "next": "/login"})
    assert '<html lang="en"' in (await anybody.get("/login")).text


async def test_a_chosen_theme_stays(anybody):
    answer = await anybody.post("/theme", {"theme": "dark", "next": "/login"})
    assert answer.headers["location"] == "/login"
    assert 'data-theme="dark"' in (await anybody.get("/login")).text


@pytest.mark.parametrize(("path", "fields"), [("/lang", {"lang": "fr"}), ("/theme", {"theme": '"><script>'})])
async def test_an_unknown_language_or_theme_changes_nothing(anybody, path, fields):
    await anybody.post(path, fields)
    page = (await anybody.get("/login")).text
    assert '<html lang="ko" data-theme="system">' in page


@pytest.mark.parametrize("provider", [False, True])
async def test_the_companys_own_provider_is_offered_where_there_is_one(world, provider):
    transport = ASGITransport(application_of(screens_of(world, provider=provider)))
    async with AsyncClient(transport=transport, base_url="http://daeri.test") as client:
        html = (await client.get("/login?next=/approvals")).text
    assert ('href="/auth/oidc?next=/approvals"' in html) is provider
