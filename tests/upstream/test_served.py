"""Served by a real process: every door has a service's operations, and its writes happen once whatever dies."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from approvals.racing import Keys, furnished
from daeri.cli import main
from daeri.crash import VARIABLE
from databases import look
from servers import Gone, Server
from upstream.stock import Stock, described, document, table_of, written
from worlds import AUDITOR, LEAD, OWNER

POINT = "point"
HERE = str(Path(__file__).parents[1])
LONG_AGO = "2026-01-01 00:00:00.000000"
SECRET = "s3cret-key-of-stock"


@dataclass
class House:
    """A server, the service that it calls, and everyone's keys."""

    server: Server
    keys: dict[int, Keys]
    folder: Path
    stock: Stock

    def call(self, person: int, path: str, body: Any = None, method: str = "POST") -> Any:
        return self.server.call(method, path, body, key=self.keys[person].first)

    def posted(self, sku: str) -> list[str]:
        """Return the keys with which reservations of an item arrived."""
        path = f"/items/{sku}/reservations"
        return [asked.headers["Idempotency-Key"] for asked in self.stock.asked if asked.path == path]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("served")
    stock = Stock()
    once = table_of(stock.url)
    safely = once.replace("services.stock", "services.depot") + "idempotent = true\n"
    table = written(folder, once + safely)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STOCK_KEY", SECRET)
        assert main(["service", "pin", "--file", str(table), "--quiet"]) == 0
    keys = furnished(folder / "data")
    more = {
        "DAERI_COMPANY": "approvals.racing:company",
        "DAERI_SERVICES": str(table),
        "STOCK_KEY": SECRET,
        "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}",
        VARIABLE: str(folder / POINT),
    }
    server = Server(folder / "data", more=more)
    yield House(server.start(), keys, folder, stock)
    server.stop()
    stock.stop()


def test_every_door_has_the_operations_of_a_service(house: House) -> None:
    listed = house.call(OWNER, "/v1/ops", method="GET").body["data"]
    assert {"stock.find_items", "stock.reserve"} <= {each["name"] for each in listed}
    called = house.call(OWNER, "/v1/ops/stock.get_item", {"sku": "A-1"})
    assert (called.status, called.body["result"]["data"]["count"]) == (200, 3)
    asked = {"jsonrpc": "2.0", "id": 1, "method": "stock.get_item", "params": {"sku": "A-1"}}
    assert house.call(OWNER, "/rpc", asked).body["result"]["result"]["data"]["count"] == 3
    looped = house.server.call(
        "POST", "/v1/ops/stock.get_item", {"sku": "A"}, key=house.keys[OWNER].first, headers={"Daeri-Hops": "3"}
    )
    assert looped.status == 502
    described_there = house.server.call("GET", "/openapi.json").body
    assert SECRET not in json.dumps(described_there)


@pytest.mark.parametrize("point", ["errand.called", pytest.param("errand.claimed", marks=pytest.mark.night)])
@pytest.mark.parametrize("service", ["stock", "depot"])
def test_a_write_whose_server_dies_is_sent_again_only_where_the_service_acts_once_for_a_key(
    house: House, service: str, point: str
) -> None:
    sku = f"{service}-{point}"
    filed = house.call(OWNER, f"/v1/ops/{service}.reserve", {"sku": sku, "quantity": 1})
    assert filed.status == 202
    path = f"/v1/approvals/{filed.body['approval_id']}"
    (house.folder / POINT).write_text(point)
    with suppress(Gone):
        house.call(LEAD, f"{path}/decisions", {"decision": "approve"})
    assert house.server.process is not None
    assert house.server.process.wait(30) == -9
    sent = len(house.posted(sku))
    assert sent == (1 if point == "errand.called" else 0)
    look(house.server.folder, f"UPDATE errand SET called_at = '{LONG_AGO}' WHERE state = 'calling'")
    house.server.start()
    wanted = "applied" if service == "depot" else "apply_unknown"
    house.server.until(path, house.keys[OWNER].first, lambda body: body["status"] == wanted)
    assert len(house.posted(sku)) == (sent if service == "stock" else sent + 1)
    assert len(set(house.posted(sku))) <= 1
    assert house.call(LEAD, f"{path}/decisions", {"decision": "approve"}).status == 409


def test_a_server_starts_while_a_service_is_down_and_says_so_when_it_is_called(house: House) -> None:
    house.server.stop()
    house.stock.stop()
    house.server.start()
    called = house.call(OWNER, "/v1/ops/stock.find_items", {})
    assert (called.status, called.body["code"]) == (502, "unreachable")
    told = house.server.call("GET", "/metrics", key=house.keys[AUDITOR].first).body
    assert f'daeri_service_failures{{service="stock",address="{house.stock.url}"}} 1' in str(told)


def test_the_key_of_a_service_is_in_no_log_and_no_row(house: House) -> None:
    assert SECRET not in house.server.log.read_text()
    kept = [file for file in house.server.folder.rglob("*") if file.is_file()]
    assert len(kept) > 3
    assert not [file for file in kept if SECRET.encode() in file.read_bytes()]


def test_inspecting_shows_what_is_adopted_what_is_left_out_and_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STOCK_KEY", SECRET)
    table = written(tmp_path, table_of("http://127.0.0.1:1"))
    monkeypatch.setenv("DAERI_SERVICES", str(table))
    assert main(["service", "inspect", "stock", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["data"]
    assert [each["name"] for each in told["operations"]] == ["stock.find_items", "stock.get_item", "stock.reserve"]
    assert told["left_out"] == {"dropReservations": "not named in adopt"}
    assert not told["pinned"]
    assert list(tmp_path.glob("*.lock")) == []
    assert main(["service", "pin"]) == 0
    changed = document()
    changed["paths"]["/items"]["get"]["summary"] = "Find anything"
    described(tmp_path, changed)
    capsys.readouterr()
    assert main(["service", "inspect", "--lang", "en"]) == 5
    assert "summary: 'Find items in stock' → 'Find anything'" in capsys.readouterr().out


def test_the_doctor_tells_how_services_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told() -> str:
        main(["doctor", "--dir", str(tmp_path / "data"), "--lang", "en"])
        (line,) = (line for line in capsys.readouterr().out.splitlines() if "Service stock" in line)
        return line

    monkeypatch.setenv("STOCK_KEY", SECRET)
    monkeypatch.setenv("DAERI_SERVICES", str(written(tmp_path, table_of("http://127.0.0.1:1"))))
    assert told() == "! Service stock: not pinned yet"
    assert main(["service", "pin", "--quiet"]) == 0
    assert told() == "✓ Service stock: 3 operations"
    changed = document()
    changed["paths"].pop("/items")
    described(tmp_path, changed)
    assert told() == "✗ Service stock: changed since it was pinned: findItems"
    (tmp_path / "stock.json").unlink()
    assert told().startswith("✗ Service stock: its document cannot be read")


def test_pins_that_were_changed_by_hand_are_written_anew_only_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCK_KEY", SECRET)
    monkeypatch.setenv("DAERI_SERVICES", str(written(tmp_path, table_of("http://127.0.0.1:1"))))
    assert main(["service", "pin", "--quiet"]) == 0
    lock = tmp_path / "services.toml.lock"
    kept = lock.read_text()
    lock.write_text(kept.replace("Find items", "Send items"))
    assert main(["service", "inspect"]) == 2
    assert main(["service", "pin", "stock"]) == 2
    assert main(["service", "pin"]) == 0
    assert lock.read_text() == kept


def test_a_name_that_the_service_does_not_have_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STOCK_KEY", SECRET)
    table = written(tmp_path, table_of("http://127.0.0.1:1", more='operations.reserveItm.approval = "lead"'))
    assert main(["service", "inspect", "--file", str(table)]) == 0
    assert "reserveItm: the table governs it" in capsys.readouterr().out


def test_a_document_alone_is_inspected_without_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, "")
    assert main(["service", "inspect", str(tmp_path / "stock.json"), "--lang", "en"]) == 0
    told = capsys.readouterr()
    assert "service.drop_reservations" in told.out
    assert "Nothing is adopted" in told.err


@pytest.mark.parametrize(
    ("text", "code"),
    [("services = 3", 2), ("[services.stock]\ndocument = 'no.json'\naddresses = [{ url = 'http://h' }]", 6)],
)
def test_a_table_that_cannot_be_used_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, code: int
) -> None:
    table = tmp_path / "services.toml"
    table.write_text(text)
    assert main(["service", "pin", "--file", str(table), "--lang", "en"]) == code
    assert "Traceback" not in capsys.readouterr().err
