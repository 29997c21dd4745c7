import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daeri.gateway import Options
from gateway.gateway_house import Keys, opened

pytestmark = pytest.mark.anyio


async def signed_in(house) -> dict[str, str]:
    token, _ = await house.identity.sign_in_demo("owner")
    return {"Cookie": f"daeri_session={token}"}


async def test_a_request_id_is_made_and_told(house):
    response = await house.get("owner", "/v1/me")
    assert re.fullmatch(r"req_[0-9A-Z]{26}", response.headers["x-request-id"])


@pytest.mark.parametrize("sent", ["a b", "x" * 61, "<script>", "줄"])
async def test_a_request_id_that_is_not_sane_is_replaced(house, sent):
    response = await house.get("owner", "/v1/me", headers={"X-Request-Id": sent.encode()})
    assert response.headers["x-request-id"].startswith("req_")


async def test_a_sane_request_id_is_kept_in_answer_problem_and_audit(house):
    response = await house.post("owner", "/v1/ops/work.find", {"employee": 999}, headers={"X-Request-Id": "from-me.1"})
    assert response.headers["x-request-id"] == "from-me.1"
    assert response.json()["request_id"] == "from-me.1"
    assert (await house.world.audited())[-1]["request_id"] == "from-me.1"


async def test_api_answers_carry_safe_headers(house):
    response = await house.get("owner", "/v1/me")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "strict-transport-security" not in response.headers


@pytest.mark.parametrize(
    "authorization", ["Bearer nonsense", "Bearer ", "Basic YTpi", "dk_live_x", "Bearer " + "x" * 600]
)
async def test_a_wrong_credential_is_401_with_a_challenge(house, authorization):
    response = await house.http.get("/v1/me", headers={"Authorization": authorization})
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["code"] == "unauthenticated"


async def test_no_credential_is_401(house):
    assert (await house.http.get("/v1/me")).status_code == 401


async def test_a_wrong_key_does_not_fall_back_to_the_cookie(house):
    headers = {**await signed_in(house), "Authorization": "Bearer wrong"}
    assert (await house.http.get("/v1/me", headers=headers)).status_code == 401


async def test_a_session_cookie_reads_and_writes_from_our_own_pages(house):
    cookie = await signed_in(house)
    assert (await house.http.get("/v1/me", headers=cookie)).json()["login"] is None
    own = {**cookie, "Origin": "http://daeri.test", "Sec-Fetch-Site": "same-origin"}
    response = await house.http.post("/v1/ops/work.find", json={"employee": 1}, headers=own)
    assert response.status_code == 200


@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://daeri.test.evil.test"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/ops/work.find", "/v1/runs", "/rpc"])
async def test_a_write_from_another_sites_page_is_refused_with_a_cookie(house, foreign, path):
    headers = {**await signed_in(house), **foreign}
    response = await house.http.post(path, json={"employee": 1}, headers=headers)
    assert response.status_code == 403
    assert response.json()["code"] == "permission-denied"


async def test_a_key_may_be_used_from_any_origin_since_browsers_never_send_it_by_themselves(house):
    response = await house.post("owner", "/v1/ops/work.find", {"employee": 1}, headers={"Origin": "http://else.test"})
    assert response.status_code == 200


async def test_a_signed_out_session_is_401(house):
    token, _ = await house.identity.sign_in_demo("owner")
    await house.identity.sign_out(token)
    assert (await house.http.get("/v1/me", headers={"Cookie": f"daeri_session={token}"})).status_code == 401


async def test_a_body_over_the_limit_is_413_before_it_is_read(house):
    response = await house.post("owner", "/v1/ops/work.find", {"employee": "x" * 1_100_000})
    assert response.status_code == 413
    assert response.json()["code"] == "payload-too-large"
    assert response.headers["x-request-id"]


async def test_a_body_without_a_length_is_counted(house):
    async def parts():
        for _ in range(20):
            yield b" " * 100_000

    response = await house.call("owner", "POST", "/v1/ops/work.find", content=parts())
    assert response.status_code == 413


async def test_headers_over_the_limit_are_431(house):
    response = await house.get("owner", "/v1/me", headers={"X-Long": "x" * 40_000})
    assert response.status_code == 431
    assert response.json()["code"] == "headers-too-large"


async def test_an_unexpected_fault_is_500_without_insides_and_is_logged_with_the_request_id(house):
    await house.world.store.close()
    with capture_logs() as logs:
        response = await house.get("owner", "/v1/me", headers={"X-Request-Id": "broken-1"})
    assert response.status_code == 500
    body = response.json()
    assert body["code"] == "internal"
    assert body["request_id"] == response.headers["x-request-id"] == "broken-1"
    assert "shutdown" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    assert logs[-1]["request_id"] == "broken-1"


async def test_hosts_that_are_not_ours_are_refused(keyed: Keys, tmp_path: Path):
    async with opened(keyed, tmp_path, Options(hosts=("daeri.test", "*.corp.test"))) as house:
        assert (await house.get("owner", "/v1/me")).status_code == 200
        assert (await house.get("owner", "/v1/me", headers={"Host": "a.corp.test:8787"})).status_code == 200
        for host in ("evil.test", "daeri.test.evil.test", "corp.test", "", "["):
            assert (await house.get("owner", "/v1/me", headers={"Host": host})).status_code == 421


async def test_only_listed_origins_get_cors_headers(keyed: Keys, tmp_path: Path):
    async with opened(keyed, tmp_path, Options(origins=("https://app.test",))) as house:
        asked = {"Origin": "https://app.test", "Access-Control-Request-Method": "POST"}
        preflight = await house.http.options("/v1/runs", headers=asked)
        assert preflight.headers["access-control-allow-origin"] == "https://app.test"
        assert "access-control-allow-credentials" not in preflight.headers
        other = await house.get("owner", "/v1/me", headers={"Origin": "https://evil.test"})
        assert "access-control-allow-origin" not in other.headers


async def test_a_listed_page_may_use_openais_library(keyed: Keys, tmp_path: Path):
    sent = ("authorization", "content-type", "idempotency-key", "openai-organization", "openai-project")
    about = ("arch", "lang", "os", "package-version", "retry-count", "runtime", "runtime-version", "timeout")
    sent += tuple(f"x-stainless-{name}" for name in about)
    async with opened(keyed, tmp_path, Options(origins=("https://app.test",))) as house:
        asked = {"Origin": "https://app.test", "Access-Control-Request-Method": "POST"}
        asked["Access-Control-Request-Headers"] = ",".join(sent)
        assert (await house.http.options("/v1/chat/completions", headers=asked)).status_code == 200
        told = await house.get("owner", "/v1/models", headers={"Origin": "https://app.test"})
        assert "X-Should-Retry" in told.headers["access-control-expose-headers"]
        asked["Access-Control-Request-Headers"] = "x-forwarded-for"
        assert (await house.http.options("/v1/chat/completions", headers=asked)).status_code == 400


async def test_by_default_no_origin_gets_cors_headers(house):
    response = await house.get("owner", "/v1/me", headers={"Origin": "https://app.test"})
    assert "access-control-allow-origin" not in response.headers


async def test_over_https_only_the_cookie_bound_to_the_host_is_read(keyed: Keys, tmp_path: Path):
    async with opened(keyed, tmp_path, Options(secure_cookies=True)) as house:
        token, _ = await house.identity.sign_in_demo("owner")
        planted = await house.http.get("/v1/me", headers={"Cookie": f"daeri_session={token}"})
        assert planted.status_code == 401
        own = await house.http.get("/v1/me", headers={"Cookie": f"__Host-daeri={token}"})
        assert own.status_code == 200
        assert "max-age" in own.headers["strict-transport-security"]


async def test_the_door_that_a_request_came_by_is_audited(house):
    await house.post("owner", "/v1/ops/work.find", {"employee": 1})
    await house.rpc("owner", "work.find", {"employee": 1})
    await house.http.post("/v1/ops/work.find", json={"employee": 1}, headers=await signed_in(house))
    doors = [entry["door"] for entry in await house.world.audited() if entry["action"] == "work.find"]
    assert doors == ["rest", "rpc", "rest"]


async def test_a_listed_page_may_be_traced_may_use_a2a_and_may_read_how_much_is_left(keyed, tmp_path):
    listed = {"Origin": "https://app.test"}
    async with opened(keyed, tmp_path, Options(origins=("https://app.test",))) as house:
        for header in ("traceparent", "a2a-version", "a2a-extensions"):
            asked = listed | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": header}
            assert (await house.http.options("/v1/runs", headers=asked)).status_code == 200, header
        told = await house.http.get("/v1/me", headers=listed)
    exposed = told.headers["access-control-expose-headers"].lower().split(", ")
    assert {"ratelimit", "ratelimit-policy", "retry-after", "traceresponse", "www-authenticate", "age"} <= set(exposed)
