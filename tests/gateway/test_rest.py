import pytest

from worlds import COLLEAGUE, HR

pytestmark = pytest.mark.anyio


async def test_me_is_the_person_of_the_key(house):
    body = (await house.get("owner", "/v1/me")).json()
    assert body["person"] == {"id": 1, "name": "김하은", "rank": "대리", "title": "", "team": "영업1팀"}


async def test_operations_are_those_the_caller_may_use(house):
    body = (await house.get("owner", "/v1/ops")).json()
    names = {item["name"] for item in body["data"]}
    assert "work.request" in names
    assert "work.headcount" not in names
    assert set(body) == {"data", "next_cursor", "has_more"}
    described = (await house.get("owner", "/v1/ops/work.request")).json()
    assert described["effect"] == "write"
    assert described["approval"] is True
    assert described["input_schema"]["additionalProperties"] is False


async def test_a_read_answers_with_its_source(house):
    response = await house.post("owner", "/v1/ops/work.find", {"employee": "김민준"}, headers={"Accept-Language": "en"})
    body = response.json()
    assert response.status_code == 200
    assert body["result"] == {"value": "김민준"}
    assert body["say"] == "It is 김민준."
    assert body["sources"][0]["records"][0]["title"] == "김민준 사원"


async def test_a_held_call_is_202_with_the_documents_address(house):
    response = await house.post("owner", "/v1/ops/work.request", {"start": "2026-12-01"})
    body = response.json()
    assert response.status_code == 202
    assert body["status"] == "in_progress"
    assert response.headers["location"] == f"/v1/approvals/{body['approval_id']}"
    assert body["line"][0]["person"]["name"] == "박서연"


async def test_a_dry_run_shows_the_effect_and_leaves_nothing(house):
    response = await house.post("owner", "/v1/ops/work.request?dry_run=true", {"start": "2026-12-01"})
    body = response.json()
    assert response.status_code == 200
    assert body["dry_run"] is True
    assert body["preview"]
    assert body["line"]
    assert (await house.get("owner", "/v1/approvals?box=drafted")).json()["data"] == []


async def test_a_misspelt_dry_run_does_not_act(house):
    response = await house.post("owner", "/v1/ops/work.request?dryrun=true", {"start": "2026-12-01"})
    assert response.status_code == 422
    assert (await house.get("owner", "/v1/approvals?box=drafted")).json()["data"] == []


async def test_a_business_refusal_is_409_in_the_companys_words(house):
    response = await house.post("owner", "/v1/ops/work.request", {"start": "2026-12-01", "days": "11"})
    assert response.status_code == 409
    assert response.json()["detail"] == "열흘까지만 쓸 수 있어요"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"start": "soon"}, "/start"),
        ({}, "/start"),
        ({"start": "2026-12-01", "actor": 3}, "/actor"),
        ({"start": "2026-12-01", "days": -1}, "/days"),
    ],
)
async def test_arguments_that_do_not_fit_are_named(house, body, pointer):
    response = await house.post("owner", "/v1/ops/work.request", body)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_the_same_key_files_one_document_and_replays_its_answer(house):
    headers = {"Idempotency-Key": "k-1"}
    first = await house.post("owner", "/v1/ops/work.request", {"start": "2026-12-01"}, headers=headers)
    again = await house.post("owner", "/v1/ops/work.request", {"start": "2026-12-01"}, headers=headers)
    assert (again.status_code, again.json(), again.headers["location"]) == (
        first.status_code,
        first.json(),
        first.headers["location"],
    )
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await house.get("owner", "/v1/approvals?box=drafted")).json()["data"]) == 1


async def test_the_same_key_with_another_body_is_refused(house):
    headers = {"Idempotency-Key": "k-1"}
    await house.post("owner", "/v1/ops/work.request", {"start": "2026-12-01"}, headers=headers)
    other = await house.post("owner", "/v1/ops/work.request", {"start": "2026-12-02"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency-mismatch"


async def test_the_same_key_of_another_person_is_another_key(house):
    headers = {"Idempotency-Key": "k-1"}
    await house.post("owner", "/v1/ops/work.request", {"start": "2026-12-01"}, headers=headers)
    other = await house.post("colleague", "/v1/ops/work.request", {"start": "2026-12-02"}, headers=headers)
    assert other.status_code == 202


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ключ".encode()])
async def test_an_idempotency_key_that_cannot_be_kept_is_refused(house, key):
    response = await house.post("owner", "/v1/runs", {"input": "안녕"}, headers={"Idempotency-Key": key})
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"nonsense", 400),
        (b"[1, 2]", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b'{"employee": NaN}', 400),
        (b'{"employee": 1e999}', 400),
        (b'{"employee": 1, "employee": 2}', 400),
        (b'{"employee": "\xff"}', 400),
        (b'{"employee": "\\ud800"}', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 40 + b"1" + b"}" * 40, 400),
        (b'{"employee": ' + b"9" * 5000 + b"}", 400),
        (b'{"employee": 99999999999999999999}', 400),
        (b"", 422),
        (b'{"employee": [1]}', 422),
        (b'{"employee": -1}', 422),
        (b'{"employee": "' + b"\x00" + b'"}', 400),
        (b'{"employee": "99999999999999999999"}', 422),
    ],
)
async def test_bodies_that_are_not_what_we_take_are_refused_and_never_a_fault(house, content, status):
    response = await house.call(
        "owner", "POST", "/v1/ops/work.find", content=content, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == status, response.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_only_json_bodies_are_taken(house, kind):
    response = await house.call(
        "owner", "POST", "/v1/ops/work.find", content=b'{"employee": 1}', headers={"Content-Type": kind}
    )
    assert response.status_code == 415


async def test_a_document_is_seen_by_its_drafter_and_its_line_only(house):
    path = f"/v1/approvals/{await house.held()}"
    assert (await house.get("owner", path)).status_code == 200
    assert (await house.get("lead", path)).json()["may"]["decide"] is True
    assert (await house.get("colleague", path)).status_code == 404
    assert (await house.get("stranger", path)).status_code == 404
    assert (await house.post("stranger", f"{path}/decisions", {"decision": "approve"})).status_code == 404


async def test_boxes_page_by_cursor_and_link_to_the_next_page(house):
    filed = [await house.held(start=f"2026-12-0{number}") for number in (1, 2, 3)]
    first = await house.get("lead", "/v1/approvals?box=waiting&limit=2")
    assert [item["approval_id"] for item in first.json()["data"]] == filed[:2]
    assert 'rel="next"' in first.headers["link"]
    following = first.headers["link"].split(">")[0].lstrip("<")
    second = (await house.get("lead", following)).json()
    assert [item["approval_id"] for item in second["data"]] == filed[2:]
    assert second["has_more"] is False


async def test_an_approval_at_the_version_that_was_read_is_applied(house):
    path = f"/v1/approvals/{await house.held()}"
    tag = (await house.get("lead", path)).headers["etag"]
    decided = await house.post("lead", f"{path}/decisions", {"decision": "approve"}, headers={"If-Match": tag})
    assert decided.status_code == 200
    assert decided.json()["status"] == "applied"
    assert decided.headers["etag"] != tag


@pytest.mark.parametrize("tag", ['"9"', '"none"', '"7", "8"', "junk", 'W/"9"'])
async def test_a_decision_on_another_version_is_412(house, tag):
    path = f"/v1/approvals/{await house.held()}"
    decided = await house.post("lead", f"{path}/decisions", {"decision": "approve"}, headers={"If-Match": tag})
    assert decided.status_code == 412
    assert decided.json()["code"] == "stale-version"
    assert (await house.get("lead", path)).json()["status"] == "in_progress"


@pytest.mark.parametrize("tag", ["*", 'W/"1"', '"1"', '"7", "1"', "1"])
async def test_weak_tags_lists_and_any_are_honoured(house, tag):
    path = f"/v1/approvals/{await house.held()}"
    decided = await house.post("lead", f"{path}/decisions", {"decision": "approve"}, headers={"If-Match": tag})
    assert decided.status_code == 200


async def test_what_a_caller_has_already_is_not_sent_again_and_what_they_may_no_longer_see_is_no_such_thing(house):
    path = "/v1/records/w_employee?fields=name,salary"
    first = await house.get("lead", path)
    mark = {"If-None-Match": first.headers["etag"]}
    same = await house.get("lead", path, headers=mark)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    owners = await house.get("owner", path, headers=mark)
    assert owners.status_code == 200, "they see other fields, so another's mark is not theirs"
    assert owners.content != first.content
    await house.world.sql("UPDATE w_employee SET name = '김하나' WHERE id = 1")
    changed = await house.get("lead", path, headers=mark)
    assert changed.status_code == 200
    assert "김하나" in changed.text
    assert (await house.http.get(path, headers=mark)).status_code == 401
    box = "/v1/approvals?box=waiting"
    empty = (await house.get("lead", box)).headers["etag"]
    await house.held()
    assert (await house.get("lead", box, headers={"If-None-Match": empty})).status_code == 200


async def test_a_change_of_rights_changes_what_a_caller_has(house):
    path = "/v1/ops"
    before = (await house.get("hr", path)).headers["etag"]
    assert (await house.get("hr", path, headers={"If-None-Match": before})).status_code == 304
    await house.world.sql("UPDATE w_employee SET roles = '[]' WHERE id = :id", id=HR)
    after = await house.get("hr", path, headers={"If-None-Match": before})
    assert after.status_code == 200
    assert after.headers["etag"] != before


async def test_an_unchanged_document_is_304(house):
    path = f"/v1/approvals/{await house.held()}"
    shown = await house.get("lead", path)
    same = await house.get("lead", path, headers={"If-None-Match": f"W/{shown.headers['etag']}"})
    assert same.status_code == 304
    assert same.content == b""
    assert (await house.get("lead", path, headers={"If-None-Match": '"0"'})).status_code == 200
    assert (await house.get("stranger", path, headers={"If-None-Match": "*"})).status_code == 404


async def test_a_row_read_before_a_right_was_lost_or_in_another_language_is_not_what_a_caller_has(house):
    await house.world.sql("UPDATE w_employee SET roles = '[\"hr\"]' WHERE id = :id", id=COLLEAGUE)
    for who, path in (("colleague", "/v1/records/w_employee/1"), ("lead", f"/v1/approvals/{await house.held()}")):
        read = await house.get(who, path)
        known = {"If-None-Match": read.headers["etag"]}
        assert (await house.get(who, path, headers=known)).status_code == 304
        version = {"If-None-Match": f'"{read.json()["version"]}"'}
        assert (await house.get(who, path, headers=version)).status_code == 200
        assert {"Authorization", "Accept-Language"} <= set(read.headers["vary"].split(", "))
    mark = (await house.get("colleague", "/v1/records/w_employee/1")).headers["etag"]
    await house.world.sql("UPDATE w_employee SET roles = '[]' WHERE id = :id", id=COLLEAGUE)
    after = await house.get("colleague", "/v1/records/w_employee/1", headers={"If-None-Match": mark})
    assert after.status_code == 200
    assert "salary" in after.json()["_hidden"]
    english = known | {"Accept-Language": "en"}
    assert (await house.get(who, path, headers=english)).status_code == 200
    stranger = await house.get("stranger", path, headers=known)
    assert stranger.status_code == 404


async def test_the_drafter_withdraws_once(house):
    path = f"/v1/approvals/{await house.held()}"
    assert (await house.post("lead", f"{path}/withdraw")).status_code == 403
    assert (await house.post("owner", f"{path}/withdraw")).json()["status"] == "withdrawn"
    assert (await house.post("owner", f"{path}/withdraw")).status_code == 409


@pytest.mark.parametrize(
    "body", [{}, {"decision": "maybe"}, {"decision": "approve", "drafter": 3}, {"decision": 1}, {"decision": "reject"}]
)
async def test_a_decision_that_does_not_fit_is_422(house, body):
    path = f"/v1/approvals/{await house.held()}/decisions"
    assert (await house.post("lead", path, body)).status_code == 422


async def test_records_are_listed_within_the_rules(house):
    body = (await house.get("owner", "/v1/records/w_employee?limit=200")).json()
    assert {row["team_id"] for row in body["data"]} == {1}
    own = next(row for row in body["data"] if row["id"] == 1)
    other = next(row for row in body["data"] if row["id"] == 2)
    assert own["salary"] == 47_000_001
    assert "salary" not in other
    assert "salary" in other["_hidden"]


async def test_records_filter_sort_search_and_page(house):
    page = await house.get("owner", "/v1/records/w_employee?limit=1&sort=-name&rank.ne=사장")
    assert page.json()["has_more"] is True
    names, path = [row["name"] for row in page.json()["data"]], page.headers["link"].split(">")[0].lstrip("<")
    while path:
        page = await house.get("owner", path)
        names += [row["name"] for row in page.json()["data"]]
        path = page.headers.get("link", "").split(">")[0].lstrip("<")
    assert names == sorted(names, reverse=True)
    assert len(names) == 4
    found = (await house.get("owner", "/v1/records/w_employee?q=김하은")).json()["data"]
    assert [row["id"] for row in found] == [1]
    between = (await house.get("owner", "/v1/records/w_project?cost.gte=100&cost.lt=300")).json()["data"]
    assert [row["id"] for row in between] == [1]


async def test_a_row_that_is_hidden_answers_as_one_that_is_missing(house):
    hidden = await house.get("owner", "/v1/records/w_employee/3", headers={"X-Request-Id": "same"})
    missing = await house.get("owner", "/v1/records/w_employee/99", headers={"X-Request-Id": "same"})
    assert hidden.status_code == missing.status_code == 404
    assert hidden.json() == missing.json()


async def test_the_record_types_are_listed(house):
    types = (await house.get("owner", "/v1/records")).json()["data"]
    assert {"w_employee", "w_project"} <= {item["type"] for item in types}
    assert "w_vault" not in {item["type"] for item in types}


async def test_a_run_is_accepted_and_read(house):
    accepted = await house.post("owner", "/v1/runs", {"input": "안녕"})
    assert accepted.status_code == 202
    run_id = accepted.json()["run_id"]
    assert accepted.headers["location"] == f"/v1/runs/{run_id}"
    run = (await house.get("owner", f"/v1/runs/{run_id}?wait=5")).json()
    assert (run["status"], run["answer"]) == ("succeeded", "들었어요: 안녕")
    assert [item["run_id"] for item in (await house.get("owner", "/v1/runs")).json()["data"]] == [run_id]


async def test_a_run_can_be_waited_for_when_it_is_asked(house):
    run = (await house.post("owner", "/v1/runs?wait=5", {"input": "휴가 올려줘"})).json()
    assert run["status"] == "waiting_approval"
    approval_id = run["approvals"][0]
    await house.post("lead", f"/v1/approvals/{approval_id}/decisions", {"decision": "approve"})
    ended = (await house.get("owner", f"/v1/runs/{run['run_id']}?wait=5")).json()
    assert ended["status"] == "succeeded"


async def test_the_wait_ends_when_its_seconds_are_over(house):
    run = (await house.post("owner", "/v1/runs?wait=0.05", {"input": "천천히"})).json()
    assert run["status"] == "queued"


async def test_another_persons_run_does_not_exist(house):
    run_id = (await house.post("owner", "/v1/runs", {"input": "안녕"})).json()["run_id"]
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
        assert (await house.call("colleague", method, f"/v1/runs/{run_id}{path}")).status_code == 404
    assert (await house.get("colleague", "/v1/runs")).json()["data"] == []


async def test_a_run_is_accepted_once_for_a_key(house):
    headers = {"Idempotency-Key": "ask-1"}
    first = await house.post("owner", "/v1/runs", {"input": "안녕"}, headers=headers)
    again = await house.post("owner", "/v1/runs", {"input": "안녕"}, headers=headers)
    other = await house.post("owner", "/v1/runs", {"input": "아니"}, headers=headers)
    assert first.json()["run_id"] == again.json()["run_id"]
    assert other.json()["code"] == "idempotency-mismatch"


async def test_a_run_is_cancelled_once(house):
    run_id = (await house.post("owner", "/v1/runs", {"input": "천천히"})).json()["run_id"]
    assert (await house.post("owner", f"/v1/runs/{run_id}/cancel")).json()["status"] == "cancelled"
    assert (await house.post("owner", f"/v1/runs/{run_id}/cancel")).status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"input": ""}, 422),
        ({"input": 3}, 422),
        ({"input": "x" * 8001}, 422),
        ({"input": "안녕", "model": "gpt"}, 422),
        ({"input": "안녕", "agent": "nobody"}, 404),
        ({"input": "안녕", "session_id": "ses_none"}, 404),
    ],
)
async def test_requests_to_agents_that_do_not_fit_are_refused(house, body, status):
    assert (await house.post("owner", "/v1/runs", body)).status_code == status


async def test_head_answers_like_get_without_a_body_of_its_own(house):
    response = await house.call("owner", "HEAD", "/v1/me")
    assert response.status_code == 200


async def test_everyone_is_told_of_the_agents_that_serve_them(house):
    told = (await house.get("stranger", "/v1/agents", headers={"Accept-Language": "en"})).json()["data"]
    assert [(each["name"], each["label"], each["operations"]) for each in told] == [
        ("assistant", "Assistant", ["*"]),
        ("reader", "Reader", ["read"]),
    ]
    assert told[0]["limits"] == {"calls": 20, "seconds": 120, "tokens": None, "usd": None}
    assert (await house.http.get("/v1/agents")).status_code == 401


@pytest.mark.parametrize(("body", "status"), [(b"", 200), (b" \r\n\t", 200), (b"\x0c", 400), (b"\xc2\xa0", 400)])
async def test_a_body_of_nothing_is_an_empty_object_and_other_blanks_are_no_json(house, body, status):
    assert (await house.call("hr", "POST", "/v1/ops/work.headcount", content=body)).status_code == status


@pytest.mark.parametrize(
    "query", ["/v1/usage?by=", "/v1/usage?since=", "/v1/approvals?box=", "/v1/records/w_project?count="]
)
async def test_a_parameter_that_is_one_of_some_words_is_none_of_them_where_it_is_empty(house, query):
    refused = await house.get("owner", query)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["detail"] == "is empty"
