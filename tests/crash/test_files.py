"""What becomes of a file whose server is killed while it is written? It is there once and whole, or not at all."""

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from approvals.racing import furnished
from crash.test_gaps import most_at_night
from daeri.crash import VARIABLE
from databases import look
from servers import Answer, Gone, Server
from worlds import OWNER

KEPT = "file.kept"
HERE = str(Path(__file__).parents[1])


@dataclass
class House:
    """A server that is killed and started again."""

    server: Server
    key: str
    point: Path
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def dies(self) -> None:
        assert self.server.process is not None
        assert self.server.process.wait(30) == -9
        assert not self.point.exists()
        self.server.start()

    def posts(self, path: str, body: dict[str, str], key: str = "") -> Answer:
        headers = {"Idempotency-Key": key} if key else {}
        return self.server.call("POST", path, body, key=self.key, headers=headers)

    def writes(self, name: str, text: str, key: str = "") -> Answer:
        return self.posts("/v1/ops/files.write", {"name": name, "text": text}, key)

    def reads(self, name: str) -> Answer:
        return self.posts("/v1/ops/files.read", {"file": name})


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("files") / "data"
    point = folder.parent / "point"
    more = {
        "DAERI_COMPANY": "crash.filing:company",
        "PYTHONPATH": f"{HERE}:{os.environ.get('PYTHONPATH', '')}",
        VARIABLE: str(point),
    }
    keys = furnished(folder)
    server = Server(folder, more=more)
    yield House(server.start(), keys[OWNER].first, point)
    server.stop()


@pytest.mark.parametrize(
    "point", most_at_night("file.drafted", "file.kept", "call.whole", "call.committed", by_day=KEPT)
)
def test_a_write_whose_server_is_killed_is_made_once_when_it_is_repeated(house: House, point: str) -> None:
    name, text = f"{point}.txt", f"written at {point}"
    house.point.write_text(point)
    with suppress(Gone):
        house.writes(name, text, point)
    house.dies()
    before = look(house.server.folder, "SELECT count(*) FROM own_file WHERE name = :name", name=name)
    assert before == [(1 if point == "call.committed" else 0,)]
    assert house.writes(name, text, point).status == 200
    assert house.reads(name).body["result"]["text"] == text
    rows = look(house.server.folder, "SELECT version, size FROM own_file WHERE name = :name", name=name)
    assert rows == [(1, len(text))]


@pytest.mark.parametrize("point", most_at_night("file.kept", "call.committed", by_day=KEPT))
def test_a_file_that_is_written_anew_holds_the_old_or_the_new_content_never_half(house: House, point: str) -> None:
    name = f"anew-{point}.txt"
    assert house.writes(name, "old").status == 200
    house.point.write_text(point)
    with suppress(Gone):
        house.writes(name, "new " * 10_000)
    house.dies()
    told = house.reads(name).body["result"]
    assert (told["text"], told["length"]) == (("new " * 5_000, 40_000) if point == "call.committed" else ("old", 3))


@pytest.mark.parametrize("point", most_at_night("call.whole", "call.committed", by_day="call.whole"))
def test_a_run_whose_server_is_killed_while_it_deletes_a_file_ends_and_deletes_it_once(
    house: House, point: str
) -> None:
    name = f"gone{next(house.numbers)}.txt"
    house.writes(name, "x")
    house.point.write_text(point)
    asked = {"input": f"내 파일 {name} 지워줘"}
    with suppress(Gone):
        house.posts("/v1/runs", asked, name)
    house.dies()
    run_id = house.posts("/v1/runs", asked, name).body["run_id"]
    house.server.until(f"/v1/runs/{run_id}", house.key, lambda run: run["status"] == "succeeded", 30)
    assert look(house.server.folder, "SELECT count(*) FROM own_file WHERE name = :name", name=name) == [(0,)]
    done = "SELECT count(*) FROM step WHERE run_id = :id AND name = 'files.delete' AND status = 'done'"
    assert look(house.server.folder, done, id=run_id) == [(1,)]
