"""Keys, sessions and tokens: what is made never exceeds its maker, ends with it, and is nobody else's to see."""

from datetime import timedelta

import pytest

from daeri.errors import PermissionDenied, Unauthenticated
from daeri.gateway import Options
from daeri.gateway.keys import ACCESS_TOKEN, AGENT, EXCHANGE
from gateway.gateway_house import opened
from worlds import HR, OWNER

pytestmark = pytest.mark.anyio

BASE = "http://daeri.test"


async def made(house, who="owner", **wanted):
    response = await house.post(who, "/v1/keys", {"name": "mine", **wanted})
    assert response.status_code == 201, response.text
    return response.json()


async def by(house, key, method, path, **more):
    return await house.http.request(method, path, headers={"Authorization": f"Bearer {key}"}, **more)


async def exchanged(house, key, agent="assistant", **more):
    sent = {
        "grant_type": EXCHANGE,
        "subject_token": key,
        "subject_token_type": ACCESS_TOKEN,
        "actor_token": agent,
        "actor_token_type": AGENT,
        **more,
    }
    return await house.http.post("/v1/token", data=sent)


async def test_a_key_is_told_once_and_works(house):
    key = await made(house, scopes=["work.find"], days=1)
    assert key["key"].startswith(key["prefix"])
    assert (await by(house, key["key"], "POST", "/v1/ops/work.find", json={"employee": OWNER})).status_code == 200
    assert (await by(house, key["key"], "GET", "/v1/keys")).status_code == 403
    listed = (await house.get("owner", "/v1/keys")).json()["data"]
    mine = next(item for item in listed if item["id"] == key["id"])
    assert mine["last_used_at"] is not None
    assert "key" not in mine
    stored = await house.world.sql("SELECT hash FROM api_key WHERE id = :id", id=key["id"])
    assert key["key"] not in str(stored)


async def test_a_key_ends_by_its_days_and_by_its_owner_alone(house):
    short, long = await made(house, days=1), await made(house)
    house.world.clock.at += timedelta(days=1)
    assert (await by(house, short["key"], "GET", "/v1/me")).status_code == 401
    for who in ("colleague", "lead"):
        assert (await house.call(who, "DELETE", f"/v1/keys/{long['id']}")).status_code == 404
    ended = await house.call("owner", "DELETE", f"/v1/keys/{long['id']}")
    assert ended.json()["revoked_at"] is not None
    assert (await by(house, long["key"], "GET", "/v1/me")).status_code == 401
    assert long["id"] not in str((await house.get("owner", "/v1/keys")).json())


async def test_a_key_made_by_a_key_has_its_limits_and_ends_with_it(house):
    first = await made(house, scopes=["work.*", "key.*"])
    second = (await by(house, first["key"], "POST", "/v1/keys", json={"name": "second", "scopes": ["*"]})).json()
    third = (await by(house, second["key"], "POST", "/v1/keys", json={"name": "third"})).json()
    for key in (second, third):
        assert (await by(house, key["key"], "POST", "/v1/ops/work.find", json={"employee": 1})).status_code == 200
        assert (await by(house, key["key"], "GET", "/v1/records/w_employee")).status_code == 403
    await house.call("owner", "DELETE", f"/v1/keys/{first['id']}")
    for key in (first, second, third):
        assert (await by(house, key["key"], "GET", "/v1/me")).status_code == 401


async def test_only_who_decides_makes_a_key_that_decides(house):
    humble = await made(house, decides=False)
    refused = await by(house, humble["key"], "POST", "/v1/keys", json={"name": "x", "decides": True})
    assert refused.status_code == 403
    agents = await house.post("owner", "/v1/keys", {"name": "x", "decides": True, "agent": "assistant"})
    assert agents.status_code == 403


async def test_an_agents_key_is_narrowed_and_handles_no_keys(house):
    hr = (await house.identity.add_key(HR, "hr", decides=True)).secret
    key = (await by(house, hr, "POST", "/v1/keys", json={"name": "agent", "agent": "reader"})).json()
    me = (await by(house, key["key"], "GET", "/v1/me")).json()
    assert (me["agent"], me["roles"], me["decides"]) == ("reader", [], False)
    assert (await by(house, key["key"], "POST", "/v1/ops/work.headcount", json={})).status_code == 403
    assert (await by(house, key["key"], "POST", "/v1/ops/work.add_project", json={"name": "x"})).status_code == 403
    for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("GET", "/v1/sessions")):
        more = {"json": {"name": "x"}} if method == "POST" else {}
        assert (await by(house, key["key"], method, path, **more)).status_code == 403
    assert (await by(house, hr, "POST", "/v1/keys", json={"name": "x", "agent": "nobody"})).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "x", "days": 0}, "/days"),
        ({"name": "x", "days": "7"}, "/days"),
        ({"name": "x", "scopes": [""]}, "/scopes"),
        ({"name": "x", "scopes": ["a"] * 51}, "/scopes"),
        ({"name": "x", "person_id": 5}, "/person_id"),
        ({"name": "x", "limits": None}, "/limits"),
        ({"name": "x", "decides": 1}, "/decides"),
    ],
)
async def test_a_wish_that_makes_no_key_is_refused_by_its_field(house, wanted, pointer):
    response = await house.post("owner", "/v1/keys", wanted)
    assert response.status_code == 422
    assert [item["pointer"] for item in response.json()["errors"]] == [pointer]


async def test_sessions_are_ones_own_to_see_and_end(house):
    token, _ = await house.identity.sign_in_demo("owner")
    listed = (await house.get("owner", "/v1/sessions")).json()["data"]
    assert [item["how"] for item in listed] == ["demo"]
    path = f"/v1/sessions/{listed[0]['id']}"
    assert (await house.call("colleague", "DELETE", path)).status_code == 404
    cookie = {"Cookie": f"daeri_session={token}"}
    assert (await house.http.get("/v1/me", headers=cookie)).status_code == 200
    assert (await house.call("owner", "DELETE", path)).status_code == 204
    assert (await house.http.get("/v1/me", headers=cookie)).status_code == 401
    assert (await house.call("owner", "DELETE", path)).status_code == 404


async def test_a_token_acts_for_a_person_through_an_agent_and_soon_ends(house):
    response = await exchanged(house, house.keys["owner"], scope="work.* run.*")
    told = response.json()
    assert (response.status_code, told["token_type"], told["expires_in"]) == (200, "Bearer", 900)
    token = told["access_token"]
    me = (await by(house, token, "GET", "/v1/me")).json()
    assert (me["person"]["id"], me["agent"], me["decides"]) == (OWNER, "assistant", False)
    assert (await by(house, token, "GET", "/v1/records/w_employee")).status_code == 403, "not in its scope"
    held = (await by(house, token, "POST", "/v1/ops/work.request", json={"start": "2026-12-01"})).json()
    document = (await house.get("lead", f"/v1/approvals/{held['approval_id']}")).json()
    assert (document["drafter"]["id"], document["agent"]) == (OWNER, "assistant")
    house.world.clock.at += timedelta(minutes=15)
    assert (await by(house, token, "GET", "/v1/me")).status_code == 401


async def test_a_token_never_exceeds_person_agent_or_key(house):
    hr = (await house.identity.add_key(HR, "hr", decides=True)).secret
    token = (await exchanged(house, hr, "reader", scope="*")).json()["access_token"]
    assert (await by(house, token, "POST", "/v1/ops/work.headcount", json={})).status_code == 403
    agents_own = (await house.identity.add_key(HR, "agent", decides=False, scopes=["work.find"])).secret
    refused = await exchanged(house, hr, agents_own, actor_token_type=ACCESS_TOKEN)
    assert refused.json()["error"] == "invalid_request", "a key of no agent names none"
    made_for = (
        await by(house, hr, "POST", "/v1/keys", json={"name": "a", "agent": "assistant", "scopes": ["work.find"]})
    ).json()
    narrow = await exchanged(house, hr, made_for["key"], actor_token_type=ACCESS_TOKEN)
    token = narrow.json()["access_token"]
    assert (await by(house, token, "POST", "/v1/ops/work.find", json={"employee": 1})).status_code == 200
    assert (await by(house, token, "POST", "/v1/ops/work.headcount", json={})).status_code == 403


async def test_a_token_ends_with_the_key_it_was_lent_by(house):
    key = await made(house)
    token = (await exchanged(house, key["key"])).json()["access_token"]
    assert (await by(house, token, "GET", "/v1/me")).status_code == 200
    await house.call("owner", "DELETE", f"/v1/keys/{key['id']}")
    assert (await by(house, token, "GET", "/v1/me")).status_code == 401


@pytest.mark.parametrize("ended", ["person's", "agent's"])
async def test_a_token_ends_with_either_key_it_was_made_from_also_between_a_request_and_its_act(house, ended):
    of = {"person's": await made(house), "agent's": await made(house, agent="assistant", scopes=["work.*", "run.*"])}
    told = await exchanged(house, of["person's"]["key"], of["agent's"]["key"], actor_token_type=ACCESS_TOKEN)
    token = told.json()["access_token"]
    assert (await by(house, token, "GET", "/v1/me")).status_code == 200
    actor = await house.identity.actor_of_key(token, "rest")
    await house.call("owner", "DELETE", f"/v1/keys/{of[ended]['id']}")
    assert (await by(house, token, "GET", "/v1/me")).status_code == 401
    with pytest.raises(PermissionDenied):
        await house.world.door.call(actor, "work.request", {"start": "2026-12-01"})


async def test_a_token_for_one_address_opens_no_other(house):
    token = (await exchanged(house, house.keys["owner"], resource="http://daeri.test/mcp")).json()["access_token"]
    assert (await by(house, token, "GET", "/v1/me")).status_code == 401
    assert (await by(house, token, "POST", "/rpc", json={"jsonrpc": "2.0", "method": "me", "id": 1})).status_code == 401
    assert (await house.identity.actor_of_key(token, "mcp")).agent == "assistant"
    with pytest.raises(Unauthenticated):
        await house.identity.actor_of_key(token, "a2a")
    whole = (await exchanged(house, house.keys["owner"], audience="http://daeri.test/")).json()["access_token"]
    assert (await by(house, whole, "GET", "/v1/me")).status_code == 200
    for wrong in ({"resource": "https://elsewhere.test"}, {"resource": f"{BASE}/mcp", "audience": f"{BASE}/a2a"}):
        assert (await exchanged(house, house.keys["owner"], **wrong)).json()["error"] == "invalid_target"


async def test_whoever_holds_a_token_may_give_it_back_and_nothing_else_ends(house):
    token = (await exchanged(house, house.keys["owner"])).json()["access_token"]
    for shown in ("dk_tok_unknown", house.keys["owner"], "junk"):
        assert (await house.http.post("/oauth/revoke", data={"token": shown})).status_code == 200
    assert (await by(house, token, "GET", "/v1/me")).status_code == 200
    given = await house.http.post("/oauth/revoke", data={"token": token, "token_type_hint": "access_token"})
    assert (given.status_code, given.headers["cache-control"]) == (200, "no-store")
    assert (await by(house, token, "GET", "/v1/me")).status_code == 401
    assert (await house.get("owner", "/v1/me")).status_code == 200
    revoked = [row for row in await house.world.audited() if row["action"] == "key.revoke"]
    assert [(row["person_id"], row["agent"]) for row in revoked] == [(OWNER, "assistant")]


async def test_what_is_no_token_of_ours_is_given_back_without_a_write_and_not_without_end(keyed, tmp_path, monkeypatch):
    async with opened(keyed, tmp_path, Options(), limits=["address=3/minute"]) as house:
        writes, write = [], house.world.store.write

        async def noted(work):
            writes.append(work)
            return await write(work)

        monkeypatch.setattr(house.world.store, "write", noted)
        shown = ("dk_tok_unknown", "dk_tok_" + "x" * 600, "junk", "junk")
        answers = [await house.http.post("/oauth/revoke", data={"token": token}) for token in shown]
        assert [answer.status_code for answer in answers] == [200, 400, 200, 429]
        assert "retry-after" in answers[3].headers
        assert writes == []


async def test_a_token_that_is_lent_again_tells_the_end_that_it_has(house):
    first = (await exchanged(house, house.keys["owner"])).json()
    house.world.clock.at += timedelta(minutes=10)
    second = (await exchanged(house, first["access_token"])).json()
    assert (first["expires_in"], second["expires_in"]) == (900, 300)
    short = await house.identity.add_key(OWNER, "short", decides=False, life=timedelta(seconds=70))
    below = (await by(house, short.secret, "POST", "/v1/keys", json={"name": "below"})).json()
    assert (await exchanged(house, below["key"])).json()["expires_in"] == 70
    house.world.clock.at += timedelta(seconds=300)
    assert (await by(house, second["access_token"], "GET", "/v1/me")).status_code == 401


async def test_a_token_decides_nothing_whoever_lends_it(house):
    document = await house.held()
    token = (await exchanged(house, house.keys["lead"])).json()["access_token"]
    path = f"/v1/approvals/{document}/decisions"
    refused = await by(house, token, "POST", path, json={"decision": "approve"})
    assert refused.status_code in (403, 404)
    decided = await house.post("lead", path, {"decision": "approve"})
    assert decided.status_code == 200, decided.text


async def test_a_colleague_and_a_stranger_get_nothing_out_of_anothers_token(house):
    token = (await exchanged(house, house.keys["stranger"])).json()["access_token"]
    document = await house.held("owner")
    assert (await by(house, token, "GET", f"/v1/approvals/{document}")).status_code == 404
    lent = (await house.get("stranger", "/v1/keys")).json()["data"]
    mine = next(item for item in lent if item["prefix"].startswith("dk_tok"))
    assert (await house.call("colleague", "DELETE", f"/v1/keys/{mine['id']}")).status_code == 404
    assert (await house.call("stranger", "DELETE", f"/v1/keys/{mine['id']}")).status_code == 200
    assert (await by(house, token, "GET", "/v1/me")).status_code == 401


async def test_where_oauths_clients_look_for_it_errors_have_oauths_status(house):
    sent = {"grant_type": EXCHANGE, "subject_token": house.keys["owner"], "subject_token_type": ACCESS_TOKEN}
    sent |= {"actor_token": "assistant", "actor_token_type": AGENT}
    good = await house.http.post("/oauth/token", data=sent)
    assert (good.status_code, good.headers["cache-control"]) == (200, "no-store")
    for more, error in (
        ({"subject_token": "dk_live_unknown"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"actor_token": "nobody"}, "invalid_request"),
        ({"resource": "https://elsewhere.test"}, "invalid_target"),
    ):
        refused = await house.http.post("/oauth/token", data=sent | more)
        assert (refused.status_code, refused.json()["error"]) == (400, error)


async def test_a_token_of_one_agent_is_not_exchanged_for_another(house):
    token = (await exchanged(house, house.keys["owner"], "reader")).json()["access_token"]
    refused = await exchanged(house, token, "assistant")
    assert (refused.status_code, refused.json()["error"]) == (403, "unauthorized_client")


@pytest.mark.parametrize(
    ("more", "status", "error"),
    [
        ({"subject_token": "dk_live_unknown"}, 401, "invalid_grant"),
        ({"grant_type": "password"}, 422, "unsupported_grant_type"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}, 422, "invalid_request"),
        ({"actor_token": "nobody"}, 404, "invalid_request"),
        ({"actor_token_type": "x"}, 422, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:id_token"}, 422, "invalid_request"),
        ({"client_secret": "x"}, 422, "invalid_request"),
    ],
)
async def test_an_exchange_that_cannot_be_is_refused_in_the_words_of_oauth(house, more, status, error):
    response = await exchanged(house, house.keys["owner"], **more)
    assert (response.status_code, response.json()["error"]) == (status, error)


async def test_every_act_on_keys_is_in_the_audit_without_their_secrets(house):
    key = await made(house)
    await exchanged(house, key["key"])
    await house.call("owner", "DELETE", f"/v1/keys/{key['id']}")
    rows = await house.world.audited()
    assert [row["action"] for row in rows if row["action"].startswith("key.")][-3:] == [
        "key.add",
        "key.add",
        "key.revoke",
    ]
    assert key["key"] not in str(rows)


async def test_an_oauth_client_finds_where_tokens_are_made_and_ended_and_is_told_no_more_than_there_is(house):
    about = (await house.http.get("/.well-known/oauth-authorization-server")).json()
    assert about["issuer"] == BASE
    assert about["grant_types_supported"] == [EXCHANGE]
    assert "authorization_endpoint" not in about
    sent = {
        "grant_type": about["grant_types_supported"][0],
        "subject_token": house.keys["owner"],
        "subject_token_type": ACCESS_TOKEN,
        "actor_token": "assistant",
        "actor_token_type": AGENT,
    }
    token = (await house.http.post(about["token_endpoint"], data=sent)).json()["access_token"]
    assert (await by(house, token, "GET", "/v1/me")).status_code == 200
    assert (await house.http.post(about["revocation_endpoint"], data={"token": token})).status_code == 200
    assert (await by(house, token, "GET", "/v1/me")).status_code == 401
    other = await house.http.post(about["token_endpoint"], data=sent | {"grant_type": "authorization_code"})
    assert other.json()["error"] == "unsupported_grant_type"
    bare = await house.http.post(about["token_endpoint"], data={"grant_type": "password", "username": "a"})
    assert (bare.status_code, bare.json()["error"]) == (400, "unsupported_grant_type")


async def filed_with_a_key(house, start="2026-12-01"):
    """File a leave with a key made for it; return the document and the key's id."""
    made_key = await made(house, scopes=["work.*", "approval.*"])
    held = await by(house, made_key["key"], "POST", "/v1/ops/work.request", json={"start": start})
    assert held.status_code == 202, held.text
    return held.json()["approval_id"], made_key["id"]


async def test_who_decides_sees_that_the_key_of_a_document_was_revoked_and_decides_all_the_same(house):
    document, key = await filed_with_a_key(house)
    other, _ = await filed_with_a_key(house, "2026-12-02")
    path = f"/v1/approvals/{document}"
    assert (await house.get("lead", path)).json()["key_revoked"] is False
    await house.call("owner", "DELETE", f"/v1/keys/{key}")
    for who in ("lead", "owner"):
        assert (await house.get(who, path)).json()["key_revoked"] is True
    for who in ("colleague", "stranger"):
        assert (await house.get(who, path)).status_code == 404
    box = (await house.get("lead", "/v1/approvals?box=waiting")).json()["data"]
    assert {each["approval_id"]: each["key_revoked"] for each in box} == {document: True, other: False}
    ended = (await house.post("lead", f"{path}/decisions", {"decision": "approve"})).json()
    assert (ended["status"], ended["key_revoked"]) == ("applied", False), "what is decided is decided"


async def test_a_key_that_ended_by_itself_casts_no_doubt_on_its_documents_and_one_above_it_does(house):
    document, key = await filed_with_a_key(house)
    path = f"/v1/approvals/{document}"
    await house.world.sql("UPDATE api_key SET expires_at = created_at WHERE id = :id", id=key)
    assert (await house.get("lead", path)).json()["key_revoked"] is False
    above = (await made(house))["id"]
    await house.world.sql("UPDATE api_key SET parent = :above WHERE id = :id", id=key, above=above)
    await house.call("owner", "DELETE", f"/v1/keys/{above}")
    assert (await house.get("lead", path)).json()["key_revoked"] is True


async def test_a_document_whose_key_was_revoked_is_not_decided_together_with_others(house):
    document, key = await filed_with_a_key(house)
    other, _ = await filed_with_a_key(house, "2026-12-02")
    await house.call("owner", "DELETE", f"/v1/keys/{key}")
    sent = {"approvals": [{"approval_id": each, "version": 1} for each in (document, other)]}
    refused = await house.post("lead", "/v1/approvals/several", sent)
    assert (refused.status_code, refused.json()["detail"]) == (409, "올린 키가 폐기된 문서는 따로 열어 결재해 주세요")
    for each in (document, other):
        assert (await house.get("lead", f"/v1/approvals/{each}")).json()["status"] == "in_progress"


async def test_what_does_not_fit_in_a_body_is_told_in_the_language_asked_for(house):
    sent = {"name": "", "zz": 1}
    korean = (await house.post("owner", "/v1/keys", sent)).json()["errors"]
    english = (await house.post("owner", "/v1/keys", sent, headers={"Accept-Language": "en"})).json()["errors"]
    told = {each["pointer"]: each["detail"] for each in korean}
    assert told["/name"] == "1자 이상 적어 주세요"
    assert told["/zz"] == "여기에는 없는 항목이에요"
    assert {each["pointer"]: each["detail"] for each in english}["/name"] == "String should have at least 1 character"
