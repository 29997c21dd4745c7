import pytest
from starlette.responses import HTMLResponse

from daeri.errors import ALL_ERRORS
from daeri.gateway import Options
from daeri.gateway.problems import KNOWN
from daeri.gateway.refusals import REFUSALS
from gateway.gateway_house import opened

pytestmark = pytest.mark.anyio

MEMBERS = {"type", "title", "status", "detail", "code", "errors", "help", "retryable", "request_id"}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/nothing", 404, "not-found"),
        ("/v1/ops/no.such", 404, "not-found"),
        ("/v1/records/nothing", 404, "not-found"),
        ("/v1/records/w_employee/0", 404, "not-found"),
        ("/v1/records/w_employee/3", 404, "not-found"),
        ("/v1/records/w_employee/99999999999999999999", 404, "not-found"),
        ("/v1/records/w_employee/1e1", 404, "not-found"),
        ("/v1/records/w_employee/%EF%BC%91", 404, "not-found"),
        ("/v1/runs/run_0", 404, "not-found"),
        ("/v1/approvals/apr_0", 404, "not-found"),
        ("/v1/ops/work.headcount", 403, "permission-denied"),
        ("/v1/records/w_employee?salary.gte=1", 403, "permission-denied"),
        ("/v1/records/w_employee?sort=-salary", 403, "permission-denied"),
        ("/v1/records/w_employee?nosuch=1", 422, "validation-failed"),
        ("/v1/records/w_employee?id.like=1", 422, "validation-failed"),
        ("/v1/records/w_employee?id=one", 422, "validation-failed"),
        ("/v1/records/w_employee?cursor=junk", 422, "validation-failed"),
        ("/v1/records/w_employee?limit=0", 422, "validation-failed"),
        ("/v1/records/w_employee?limit=ten", 422, "validation-failed"),
        ("/v1/records/w_employee?limit=5&limit=6", 422, "validation-failed"),
        ("/v1/approvals?box=everything", 422, "validation-failed"),
        ("/v1/approvals?bxo=done", 422, "validation-failed"),
        ("/v1/runs?limit=-1", 422, "validation-failed"),
        ("/v1/runs/run_0?wait=long", 422, "validation-failed"),
    ],
)
@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_every_refusal_is_a_problem_in_the_language_asked_for(house, path, status, code, lang):
    response = await house.get("owner", path, headers={"Accept-Language": lang})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["content-language"] == lang
    body = response.json()
    assert set(body) >= MEMBERS
    assert (body["code"], body["status"], body["type"]) == (code, status, f"/problems/{code}")
    assert (body["title"], body["help"]) == (KNOWN[code].title.to(lang), KNOWN[code].help.to(lang)) or code == (
        "permission-denied"
    )


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("fr, en;q=0.3, ko;q=0.2", "en"),
        ("de", "ko"),
        ("en;q=0, ko;q=0", "ko"),
        ("en;q=junk", "ko"),
        ("*", "ko"),
        (",;,=q,;;;", "ko"),
    ],
)
async def test_the_language_follows_the_weights(house, header, lang):
    response = await house.get("owner", "/v1/nothing", headers={"Accept-Language": header})
    assert response.headers["content-language"] == lang


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/runs", "GET, HEAD, POST"),
        ("PUT", "/v1/ops/work.find", "GET, HEAD, POST"),
        ("POST", "/v1/me", "GET, HEAD"),
        ("GET", "/v1/runs/run_0/cancel", "POST"),
        ("GET", "/rpc", "POST"),
        ("PUT", "/v1/records/w_employee/1", "DELETE, GET, HEAD, PATCH"),
        ("OPTIONS", "/v1/runs", "GET, HEAD, POST"),
        ("OPTIONS", "/v1/approvals/several", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_405_and_names_all_that_are_right(house, method, path, allowed):
    response = await house.call("owner", method, path)
    assert response.status_code == 405
    assert response.headers["allow"] == allowed
    assert response.json()["code"] == "method-not-allowed"


@pytest.mark.parametrize("code", sorted(KNOWN))
async def test_every_code_has_a_page_and_a_description(house, code):
    body = (await house.http.get(f"/problems/{code}", headers={"Accept-Language": "en"})).json()
    assert body["code"] == code
    assert body["title"] == KNOWN[code].title.en
    page = await house.http.get(f"/problems/{code}", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert KNOWN[code].help.ko in page.text


async def test_an_unknown_code_has_none(house):
    assert (await house.http.get("/problems/nothing")).status_code == 404


def test_no_two_errors_share_a_code():
    assert len(KNOWN) == len(ALL_ERRORS) + len(REFUSALS)


async def test_a_browser_gets_the_page_that_the_screens_make(keyed, tmp_path):
    async def page(request, error):
        asks = "text/html" in request.headers.get("accept", "")
        return HTMLResponse(f"<h1>{error.code}</h1>", error.status) if asks else None

    async with opened(keyed, tmp_path, Options(), error_page=page) as house:
        shown = await house.http.get("/nowhere", headers={"Accept": "text/html"})
        assert (shown.status_code, shown.text) == (404, "<h1>not-found</h1>")
        assert shown.headers["x-request-id"]
        told = await house.http.get("/nowhere")
        assert told.json()["code"] == "not-found"
