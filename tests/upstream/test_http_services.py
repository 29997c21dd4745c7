"""Is an HTTP service adopted as its operator wrote it, by rules, with approval, and are bad services kept at bay?"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from daeri.errors import (
    Conflict,
    DeclarationError,
    NotFound,
    PermissionDenied,
    RateLimited,
    Timeout,
    Unreachable,
    ValidationFailed,
)
from daeri.log import binding
from daeri.operations.provenance import Origins, Read, own_words
from daeri.upstream.services import AT_ONCE, Services
from upstream.service_house import ENVIRONMENT, declared, opened, pin, result
from upstream.stock import INJECTED, Asked, Stock, answer, breaks, described, document, slow, table_of, well, written
from worlds import COLLEAGUE, HR, LEAD, OWNER, STRANGER, World

pytestmark = pytest.mark.anyio


@pytest.fixture
def stock() -> Iterator[Stock]:
    server = Stock()
    yield server
    server.stop()


@pytest.fixture
async def table(stock: Stock, tmp_path: Path) -> Path:
    table = written(tmp_path, table_of(stock.url))
    await pin(table)
    return table


@pytest.fixture
async def world(furnished: Path, tmp_path: Path, table: Path) -> AsyncIterator[World]:
    async with opened(furnished, tmp_path, table) as world:
        yield world


async def filed(world: World, person: int = OWNER, **more: Any) -> str:
    arguments = {"sku": "A-1", "quantity": 2} | more
    return (await world.held(await world.actor(person), "stock.reserve", arguments)).approval_id


async def decided(world: World, approval_id: str, person: int = LEAD) -> dict[str, Any]:
    await world.approvals.decide(await world.actor(person), approval_id, "approve", None)
    await world.approvals.errands.sweep()
    return dict(await world.approvals.show(await world.actor(OWNER), approval_id))


async def test_what_reads_answers_what_was_pinned_and_nothing_besides(world: World, stock: Stock) -> None:
    assert await result(world, OWNER, "stock.find_items", q="나사 & 못", limit=5) == [
        {"sku": "A-1", "count": 3, "place": "1동"},
        {"sku": "B-2", "count": 0},
    ]
    (asked,) = stock.asked
    assert asked.path == "/items?q=%EB%82%98%EC%82%AC%20%26%20%EB%AA%BB&limit=5"
    assert asked.headers["Authorization"] == "Bearer s3cret-key"
    assert "Idempotency-Key" not in asked.headers


async def test_what_a_service_tells_is_untrusted_and_its_key_is_in_no_row(world: World) -> None:
    done = await world.done(await world.actor(OWNER), "stock.get_item", {"sku": "A-1"})
    assert done.result["data"]["place"] == INJECTED
    assert done.sources[0]["untrusted"] is True
    assert "s3cret" not in json.dumps(await world.audited(), default=str)


async def test_every_operation_of_a_service_is_marked_as_telling_what_anyone_may_have_written(world: World) -> None:
    assert all(operation.outside for name, operation in world.company.operations.items() if name.startswith("stock."))


async def test_only_what_the_operator_named_is_there(world: World) -> None:
    names = {name for name in world.company.operations if name.startswith("stock.")}
    assert names == {"stock.find_items", "stock.get_item", "stock.reserve"}
    with pytest.raises(NotFound):
        await world.done(await world.actor(OWNER), "stock.drop_reservations", {"sku": "A-1"})


@pytest.mark.parametrize("person", [OWNER, COLLEAGUE, STRANGER])
async def test_whoever_lacks_the_role_may_not_call_and_who_has_it_may(
    furnished: Path, tmp_path: Path, stock: Stock, person: int
) -> None:
    table = written(tmp_path, table_of(stock.url).replace('roles = ["*"]', 'roles = ["hr"]'))
    await pin(table)
    async with opened(furnished, tmp_path, table) as world:
        with pytest.raises(PermissionDenied):
            await result(world, person, "stock.find_items")
        with pytest.raises(PermissionDenied):
            await filed(world, person)
        assert stock.asked == []
        assert len(await result(world, HR, "stock.find_items")) == 2


async def test_nothing_is_adopted_that_nobody_may_call(tmp_path: Path, stock: Stock) -> None:
    table = written(tmp_path, table_of(stock.url).replace('roles = ["*"]', ""))
    await pin(table)
    assert not any(name.startswith("stock.") for name in Services(table, ENVIRONMENT, declared).company.operations)


async def test_a_write_is_sent_once_after_its_approval_with_a_key_and_its_receipt_is_told(
    world: World, stock: Stock
) -> None:
    approval_id = await filed(world, unit_price="1200.5", until="2026-12-24", tags=["급함"])
    assert stock.asked == []
    body = await decided(world, approval_id)
    assert body["status"] == "applied"
    (asked,) = stock.asked
    assert (asked.method, asked.path) == ("POST", "/items/A-1/reservations")
    assert asked.body == {"quantity": 2, "unitPrice": 1200.5, "until": "2026-12-24", "tags": ["급함"]}
    assert asked.headers["Idempotency-Key"].startswith("err_")
    (row,) = await world.sql("SELECT result FROM approval WHERE id = :id", id=approval_id)
    assert json.loads(row["result"])["receipt"] == {"data": {"number": "R-7"}}
    await world.approvals.errands.sweep()
    assert len(stock.asked) == 1


@pytest.mark.parametrize("person", [COLLEAGUE, STRANGER])
async def test_a_colleague_and_a_stranger_can_neither_see_nor_decide_a_reservation(world: World, person: int) -> None:
    approval_id = await filed(world)
    with pytest.raises(NotFound):
        await world.approvals.show(await world.actor(person), approval_id)
    with pytest.raises((NotFound, PermissionDenied)):
        await world.approvals.decide(await world.actor(person), approval_id, "approve", None)


async def test_a_line_of_the_company_decides_by_the_arguments(furnished: Path, tmp_path: Path, stock: Stock) -> None:
    table = written(tmp_path, table_of(stock.url) + 'approval = "stock"\n')
    await pin(table)
    async with opened(furnished, tmp_path, table) as world:
        lines = [
            (await world.door.dry_run(await world.actor(OWNER), "stock.reserve", {"sku": "A", "quantity": many})).line
            for many in (2, 80)
        ]
    assert [line[0]["person"]["id"] for line in lines] == [LEAD, 5]
    assert stock.asked == []


async def test_a_dry_run_tells_what_would_be_sent_and_sends_nothing(world: World, stock: Stock) -> None:
    draft = await world.door.dry_run(await world.actor(OWNER), "stock.reserve", {"sku": "A-1", "quantity": 3})
    assert [(change.label.to("ko"), change.after) for change in draft.preview] == [
        ("재고에 보낼 것", "POST /items/{sku}/reservations"),
        ("상품 코드", "A-1"),
        ("quantity", "3"),
    ]
    assert stock.asked == []


@pytest.mark.parametrize(
    "sku", ["..", ".", "../admin", "a/b", "a\\b", "..;", " .. ", "", "a\r\nX: y", "a\x00b", "..;/admin", "\x85"]
)
async def test_no_value_becomes_another_path(world: World, stock: Stock, sku: str) -> None:
    with pytest.raises(ValidationFailed):
        await result(world, OWNER, "stock.get_item", sku=sku)
    assert stock.asked == []


@pytest.mark.parametrize("sku", ["%2e%2e", "a?b=c", "a#b", "a b", "가나", "a%2Fb", "a;b=c", "...", "@evil", "a&b"])
async def test_a_value_stays_one_part_of_its_path(world: World, stock: Stock, sku: str) -> None:
    from urllib.parse import unquote  # noqa: PLC0415 - used once

    assert (await result(world, OWNER, "stock.get_item", sku=sku))["count"] == 3
    (asked,) = stock.asked
    assert asked.path.count("/") == 2
    assert unquote(asked.path.removeprefix("/items/")) == sku
    assert not set(asked.path) & set("?# ")


@pytest.mark.parametrize("depot", ["a\r\nX-Evil: 1", "a\nb", "가", "a\x00"])
async def test_no_value_becomes_another_header(world: World, stock: Stock, depot: str) -> None:
    with pytest.raises(ValidationFailed):
        await result(world, OWNER, "stock.find_items", x_depot=depot)
    assert stock.asked == []


@pytest.mark.parametrize("sent", [{"quantity": 0}, {"quantity": 101}, {"quantity": "2"}, {"tags": [1]}, {"more": 1}])
async def test_arguments_must_fit_what_was_pinned(world: World, sent: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        await filed(world, **sent)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[" * 100_000, "application/json"),
        (b"x" * 30_000, "application/json"),
        (b'{"sku": 1}', "application/json"),
        (b'["no object"]', "application/json"),
        (b"{bad", "application/json"),
        (b'{"count": NaN}', "application/json"),
        (b'{"count": "3"}', "application/json"),
        (b"%PDF-1.4", "application/pdf"),
        (b"\xff\xfe", "text/plain"),
        (b'{"parts":[' * 60 + b"]}" * 60, "application/json"),
    ],
)
async def test_a_hostile_answer_is_refused_without_its_words(
    world: World, stock: Stock, body: bytes, kind: str
) -> None:
    stock.behaves = lambda handler, _: answer(handler, 200, body, kind)
    with pytest.raises(Unreachable) as refused:
        await result(world, OWNER, "stock.get_item", sku="A-1")
    assert "no object" not in str(refused.value)


async def test_a_refusal_is_told_by_its_number_alone(world: World) -> None:
    with pytest.raises(NotFound) as refused:
        await result(world, OWNER, "stock.get_item", sku="none")
    assert "IGNORE" not in json.dumps(refused.value.problem("ko"), ensure_ascii=False)


async def test_a_slow_service_is_given_up_in_its_time(world: World, stock: Stock) -> None:
    stock.behaves = slow
    with pytest.raises(Timeout):
        await result(world, OWNER, "stock.get_item", sku="A-1")


async def test_a_compressed_answer_that_nobody_asked_for_is_not_unpacked(world: World, stock: Stock) -> None:
    def bomb(handler: Any, _: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"\x1f\x8b")

    stock.behaves = bomb
    with pytest.raises(Unreachable):
        await result(world, OWNER, "stock.get_item", sku="A-1")


@pytest.mark.parametrize("write", [False, True])
async def test_no_redirect_is_followed(world: World, stock: Stock, write: bool) -> None:
    other = Stock()

    def leads_away(handler: Any, _: Any) -> None:
        handler.send_response(307)
        handler.send_header("Location", f"{other.url}/items/A-1")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    stock.behaves = leads_away
    if write:
        assert (await decided(world, await filed(world)))["status"] == "apply_unknown"
    else:
        with pytest.raises(Unreachable):
            await result(world, OWNER, "stock.get_item", sku="A-1")
    assert (len(stock.asked), other.asked) == (1, [])
    other.stop()


async def test_a_write_that_is_refused_failed_and_one_without_an_answer_is_unknown(world: World, stock: Stock) -> None:
    stock.behaves = lambda handler, _: answer(handler, 409, {"detail": INJECTED})
    body = await decided(world, await filed(world))
    assert (body["status"], "IGNORE" in body["failure"]) == ("apply_failed", False)
    stock.behaves = breaks
    assert (await decided(world, await filed(world, sku="B-2")))["status"] == "apply_unknown"
    stock.behaves = lambda handler, _: answer(handler, 503, {})
    assert (await decided(world, await filed(world, sku="C-3")))["status"] == "apply_unknown"
    assert len(stock.asked) == 3


async def test_a_write_that_never_left_failed_and_is_sent_when_it_is_tried_again(
    furnished: Path, tmp_path: Path, stock: Stock
) -> None:
    stock.stop()
    table = written(tmp_path, table_of(stock.url))
    await pin(table)
    async with opened(furnished, tmp_path, table) as world:
        body = await decided(world, await filed(world))
    assert body["status"] == "apply_failed"


async def test_a_write_whose_answer_is_odd_is_done_all_the_same(world: World, stock: Stock) -> None:
    stock.behaves = lambda handler, _: answer(handler, 201, b"{bad")
    assert (await decided(world, await filed(world)))["status"] == "applied"


async def test_a_description_that_changed_is_refused_until_it_is_pinned_again(
    furnished: Path, tmp_path: Path, stock: Stock, table: Path
) -> None:
    async with opened(furnished, tmp_path, table) as world:
        approval_id = await filed(world)
        await result(world, OWNER, "stock.find_items")
        changed = document()
        item = changed["paths"]["/items/{sku}/reservations"]["post"]
        item["requestBody"]["content"]["application/json"]["schema"]["properties"]["quantity"]["maximum"] = 10_000
        described(tmp_path, changed)
        stock.asked.clear()
        body = await decided(world, approval_id)
        assert (body["status"], stock.asked) == ("apply_failed", [])
        assert len(await result(world, OWNER, "stock.find_items")) == 2  # this one is as it was
    await pin(table)
    async with opened(furnished, tmp_path, table) as world:
        assert (await decided(world, await filed(world, quantity=5_000)))["status"] == "applied"


async def test_words_that_changed_are_a_change_too(furnished: Path, tmp_path: Path, table: Path) -> None:
    async with opened(furnished, tmp_path, table) as world:
        changed = document()
        changed["paths"]["/items"]["get"]["summary"] = INJECTED
        described(tmp_path, changed)
        with pytest.raises(Conflict) as refused:
            await result(world, OWNER, "stock.find_items")
        assert refused.value.extra == {"changed": ["summary"]}
        assert INJECTED not in world.company.operations["stock.find_items"].description


async def test_an_approval_does_not_carry_over_to_what_was_pinned_later(
    furnished: Path, tmp_path: Path, stock: Stock, table: Path
) -> None:
    async with opened(furnished, tmp_path, table) as world:
        before = world.company.operations["stock.reserve"].shape
    changed = document()
    paths = changed["paths"]
    paths["/orders/{sku}"] = {"post": paths["/items/{sku}/reservations"].pop("post")}
    described(tmp_path, changed)
    await pin(table)
    async with opened(furnished, tmp_path, table) as world:
        assert world.company.operations["stock.reserve"].shape != before
    assert stock.asked == []


async def test_pins_that_were_changed_by_hand_are_refused(tmp_path: Path, table: Path) -> None:
    lock = tmp_path / "services.toml.lock"
    lock.write_text(lock.read_text().replace("Find items", "Send items"))
    with pytest.raises(DeclarationError, match="by hand"):
        Services(table, ENVIRONMENT, declared)


async def test_a_service_that_was_never_pinned_offers_nothing(tmp_path: Path, stock: Stock) -> None:
    table = written(tmp_path, table_of(stock.url))
    assert not any(name.startswith("stock.") for name in Services(table, ENVIRONMENT, declared).company.operations)


async def test_a_document_at_an_address_is_read_there_and_changes_are_seen(
    furnished: Path, tmp_path: Path, stock: Stock
) -> None:
    table = written(tmp_path, table_of(stock.url).replace('"stock.json"', f'"{stock.url}/openapi.json"'))
    await pin(table)
    stock.behaves = lambda handler, asked: (
        answer(handler, 200, document() | {"paths": {}}) if asked.path == "/openapi.json" else well(handler, asked)
    )
    async with opened(furnished, tmp_path, table) as world:
        with pytest.raises(Conflict):
            await result(world, OWNER, "stock.find_items")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('effect = "read"\napproval = "nobody"\n', "no approval line"),
        ('control = ["amount"]\n', "no parameter 'amount'"),
    ],
)
async def test_what_the_operator_got_wrong_is_left_out(tmp_path: Path, stock: Stock, wrong: str, said: str) -> None:
    from daeri.upstream.operations import select  # noqa: PLC0415 - used once
    from daeri.upstream.pins import pins_of  # noqa: PLC0415 - same
    from daeri.upstream.table import table_in  # noqa: PLC0415 - same

    table = written(tmp_path, table_of(stock.url) + wrong)
    await pin(table)
    chosen = select("stock", table_in(table).services["stock"], pins_of(table)["stock"], declared)
    assert said in chosen.left_out["reserveItem"]


@pytest.mark.parametrize(
    "line",
    [
        'addresses = [{ url = "http://user:pw@host" }]',
        'addresses = [{ url = "file:///etc/passwd" }]',
        'addresses = [{ url = "http://host/?a=b" }]',
        'addresses = [{ url = "http://host", weight = 0 }]',
        'colour = "red"',
        'key = "NOT_SET_ANYWHERE"',
        "seconds = 600",
    ],
)
async def test_a_table_that_cannot_be_meant_is_refused(tmp_path: Path, line: str) -> None:
    name = line.partition(" ")[0]
    kept = [each for each in table_of("http://127.0.0.1:1").splitlines() if not each.startswith(f"{name} ")]
    kept.insert(2, line)
    table = written(tmp_path, "\n".join(kept))
    with pytest.raises(DeclarationError):
        await pin(table)


async def test_how_sensitive_an_answer_is_goes_with_it_and_a_sensitive_receipt_stays_untold(
    furnished: Path, tmp_path: Path, stock: Stock
) -> None:
    personal = '[services.stock.operations.getItem]\ndata = "personal"\n'
    table = written(tmp_path, table_of(stock.url) + 'data = "secret"\n' + personal)
    await pin(table)
    async with opened(furnished, tmp_path, table) as world:
        done = await world.done(await world.actor(OWNER), "stock.get_item", {"sku": "A-1"})
        assert done.sources[0]["classes"] == ["personal"]
        done = await world.done(await world.actor(OWNER), "stock.find_items", {})
        assert "classes" not in done.sources[0]
        approval_id = await filed(world)
        assert (await decided(world, approval_id))["status"] == "applied"
        (row,) = await world.sql("SELECT result FROM approval WHERE id = :id", id=approval_id)
    assert "R-7" not in row["result"]


async def test_a_call_that_goes_round_in_a_loop_ends(world: World, stock: Stock) -> None:
    with binding(hops=2):
        await result(world, OWNER, "stock.find_items")
    assert stock.asked[-1].headers["Daeri-Hops"] == "3"
    with binding(hops=3), pytest.raises(Unreachable, match="loop"):
        await result(world, OWNER, "stock.find_items")
    assert len(stock.asked) == 1


async def test_a_service_that_hangs_takes_no_more_than_its_share(world: World, stock: Stock) -> None:
    stock.behaves = slow
    asked = (result(world, OWNER, "stock.get_item", sku=f"{number}") for number in range(AT_ONCE + 3))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in outcomes].count(RateLimited) == 3
    assert len(stock.asked) <= AT_ONCE
    stock.behaves = well


async def test_what_an_agent_fills_in_by_itself_shows_on_the_document(world: World) -> None:
    held = await world.held(await world.deputy(OWNER), "stock.reserve", {"sku": "A-1", "quantity": 2})
    (row,) = await world.sql("SELECT provenance FROM approval WHERE id = :id", id=held.approval_id)
    traced = json.loads(row["provenance"])
    assert {name for name, each in traced.items() if each["control"]} == set(traced)
    assert not traced["sku"]["vouched"]


async def test_a_lost_write_is_sent_again_with_its_key_only_where_the_service_acts_once_for_it(
    furnished: Path, tmp_path: Path, stock: Stock
) -> None:
    other = Stock(breaks)
    stock.behaves = breaks
    for safely in ("false", "true"):
        table = written(tmp_path, table_of(stock.url, other.url) + f"idempotent = {safely}\n")
        await pin(table)
        folder = tmp_path / safely
        folder.mkdir()
        async with opened(furnished, folder, table) as world:
            assert (await decided(world, await filed(world)))["status"] == "apply_unknown"
        sent = [asked.headers["Idempotency-Key"] for asked in (*stock.asked, *other.asked)]
        assert (len(sent), len(set(sent))) == (2 if safely == "true" else 1, 1)
        stock.asked.clear()
        other.asked.clear()
    other.stop()


@pytest.mark.parametrize("status", [404, 410, 422])
async def test_what_another_server_says_after_a_lost_write_proves_nothing_of_it(
    furnished: Path, tmp_path: Path, stock: Stock, status: int
) -> None:
    other, tried = Stock(), list[str]()

    def behaves(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        tried.append(asked.path)
        if len(tried) == 1:
            breaks(handler, asked)
        else:
            answer(handler, status, {})

    stock.behaves = other.behaves = behaves
    table = written(tmp_path, table_of(stock.url, other.url) + "idempotent = true\n")
    await pin(table)
    async with opened(furnished, tmp_path, table) as world:
        assert (await decided(world, await filed(world)))["status"] == "apply_unknown"
        assert len(tried) == 2
    other.stop()


@pytest.mark.parametrize("status", [401, 403, 409, 429])
async def test_a_refusal_of_one_try_proves_nothing_of_an_earlier_one(
    furnished: Path, tmp_path: Path, stock: Stock, status: int
) -> None:
    stock.behaves = lambda handler, _: answer(handler, status, {})
    for safely, wanted in (("true", "apply_unknown"), ("false", "apply_failed")):
        table = written(tmp_path, table_of(stock.url) + f"idempotent = {safely}\n")
        await pin(table)
        folder = tmp_path / safely
        folder.mkdir()
        async with opened(furnished, folder, table) as world:
            assert (await decided(world, await filed(world)))["status"] == wanted


async def test_to_a_service_of_others_an_agent_that_has_read_says_only_its_persons_words(
    furnished: Path, tmp_path: Path, stock: Stock
) -> None:
    table = written(tmp_path, table_of(stock.url).replace("ours = true", ""))
    await pin(table)
    async with opened(furnished, tmp_path, table) as world:
        deputy, owner = await world.deputy(OWNER), await world.actor(OWNER)
        with pytest.raises(PermissionDenied):
            await world.done(deputy, "stock.find_items", {"q": "52000003"})
        assert stock.asked == []
        await world.done(owner, "stock.find_items", {"q": "나사"})
        rows = [row for row in await world.audited() if row["action"] == "stock.find_items"]
        assert [row["outcome"] for row in rows] == ["refused", "leaving", "done"]
        assert rows[1]["detail"]["host"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("heard", "is_sent"),
    [
        (Origins(informed=False), True),
        (Origins(said=("재고에 나사 있어?",)), True),
        (Origins(said=("재고 있어?",)), False),
        (Origins(reads=(Read("work.find", outside=False, result={"salary": "나사"}),)), False),
        (
            Origins(
                said=("김하은 인사 기록",),
                named=frozenset({("employee", 3)}),
                reads=(Read("hr.get", outside=False, result={"x": "나사"}, records=frozenset({("employee", 3)})),),
            ),
            False,
        ),
        (None, True),
    ],
)
async def test_what_an_agent_may_tell_others_depends_on_what_it_heard(
    tmp_path: Path, stock: Stock, heard: Origins | None, is_sent: bool
) -> None:
    table = written(tmp_path, table_of(stock.url).replace("ours = true", ""))
    await pin(table)
    services = Services(table, ENVIRONMENT, declared)
    left = []

    async def leaving(host: str) -> None:
        left.append(host)

    operation = services.company.operations["stock.find_items"]
    asking: Any = SimpleNamespace(arguments=operation.input(q="나사"), lang="ko", origins=heard, leaving=leaving)
    make: Any = services.parts[operation.signature.injected["fetched_before"]]
    with nullcontext() if is_sent else pytest.raises(PermissionDenied):
        await make(asking)
    assert (len(left), len(stock.asked)) == ((1, 1) if is_sent else (0, 0))
    await services.close()


HEARD = Origins(said=("재고에 나사와 SCREW, 못 3개 있어? 내일까지",), values=frozenset({"3", "2026-11-22"}))


@pytest.mark.parametrize(
    ("arguments", "are_own"),
    [
        ({"q": "나사"}, True),
        ({"q": "SCREW", "most": 3, "is_new": True, "is_old": True, "until": "2026-11-22"}, True),
        ({"words": ["나사", "재고"]}, True),
        ({"words": []}, True),
        ({"q": "나사 나사"}, False),
        ({"q": "나 사"}, False),
        ({"q": "screw"}, False),
        ({"q": "볼트"}, False),
        ({"most": 4}, False),
        ({"q": "3"}, True),
        ({"q": "0003"}, False),
        ({"q": "3.000"}, False),
        ({"words": ["나사", "나사"]}, False),
        ({"q": "나사", "name": "나사"}, False),
        ({"least": 3, "most": 3}, False),
        ({"flags": [True, False, True]}, False),
        ({"words": [["나사"]]}, False),
        ({"words": [[], []]}, False),
        ({"filter": {"나사": "못"}}, False),
    ],
)
def test_what_goes_to_a_service_of_others_is_said_to_the_letter_and_once(
    arguments: dict[str, Any], are_own: bool
) -> None:
    assert own_words(arguments, HEARD) is are_own
