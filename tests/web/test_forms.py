import pytest
from starlette.requests import Request

from daeri.errors import InvalidRequest, PermissionDenied
from daeri.web import forms

pytestmark = pytest.mark.anyio

TOKEN = forms.form_token("a session")


def posted(body=f"form_token={TOKEN}", **headers):
    sent = {"host": "daeri.test", "content-type": "application/x-www-form-urlencoded", "content-length": str(len(body))}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }

    async def receive():
        return {"type": "http.request", "body": body.encode(), "more_body": False}

    return Request(scope, receive)


async def test_our_own_form_is_read():
    form = await forms.own_form(posted(origin="http://daeri.test", sec_fetch_site="same-origin"), TOKEN)
    assert forms.field(form, "form_token") == TOKEN


@pytest.mark.parametrize(
    "request_",
    [
        posted("form_token=wrong"),
        posted("input=hello"),
        posted(origin="https://evil.test"),
        posted(origin="null"),
        posted(sec_fetch_site="cross-site"),
        posted(sec_fetch_site="same-site"),
    ],
    ids=["wrong token", "no token", "other origin", "opaque origin", "cross-site", "sister site"],
)
async def test_a_form_from_elsewhere_is_refused(request_):
    with pytest.raises(PermissionDenied):
        await forms.own_form(request_, TOKEN)


@pytest.mark.parametrize("length", ["300000", "", "many"])
async def test_a_form_too_large_or_of_unknown_size_is_refused(length):
    with pytest.raises(InvalidRequest):
        await forms.own_form(posted(content_length=length), TOKEN)


def test_the_token_differs_between_sessions():
    assert forms.form_token("one") != forms.form_token("two")


@pytest.mark.parametrize(
    "address",
    ["https://evil.test", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/\\/evil.test", "", None, "ask"],
)
def test_it_never_leads_to_another_host(address):
    assert forms.local_path(address, "/home") == "/home"


def test_it_leads_back_to_a_page_of_its_own():
    assert forms.local_path("/records/employee?q=김", "/") == "/records/employee?q=김"


def test_text_is_read_in_one_normal_form():
    decomposed = "\u1100\u1175\u11b7"
    assert forms.field({"name": f" {decomposed}\u200b\r\n씨 "}, "name") == "김\n씨"


def test_cookies_are_bound_to_the_host_over_https():
    assert forms.Cookies(secure=True).session == "__Host-daeri"
    assert forms.Cookies(secure=False).session == "daeri_session"
