"""What may go from the audit goes from its front, on record, and the rest still proves itself."""

import asyncio
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from daeri.errors import BrokenChain, Conflict
from daeri.records import audit
from daeri.records.anchors import Anchors, prove
from daeri.records.pruning import Keep, Plan, plan, prune
from daeri.records.store import Store
from daeri.verify_audit import PRUNE, main
from records.audit_house import Kept, anchored, build_chain, entry
from worlds import NOW

KEEP = Keep(days=365, rights_days=730)
LATER = NOW + timedelta(days=365, seconds=40)
"""Then the entries up to the fortieth are older than a year."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return build_chain(tmp_path_factory.mktemp("chain"), 60)


@pytest.fixture
def folder(kept: Kept, tmp_path: Path) -> Path:
    return shutil.copytree(kept.folder, tmp_path / "copy")


def planned(folder: Path, keep: Keep = KEEP, now: datetime = LATER) -> Plan:
    async def look(_: Anchors, store: Store) -> Plan:
        return await store.read(lambda connection: plan(connection, keep, now))

    found: Plan = asyncio.run(anchored(folder, look))
    return found


def pruned(folder: Path, keep: Keep = KEEP, now: datetime = LATER) -> Plan:
    wanted = planned(folder, keep, now)

    async def go(anchors: Anchors, store: Store) -> None:
        await store.write(lambda connection: prune(connection, wanted, anchors.signer(connection), now, "root"))
        await anchors.note()

    asyncio.run(anchored(folder, go))
    return wanted


def proved(folder: Path) -> audit.Proof:
    async def look(anchors: Anchors, store: Store) -> audit.Proof:
        return await prove(store, anchors.files, anchors.public)

    proof: audit.Proof = asyncio.run(anchored(folder, look))
    return proof


def run(folder: Path, statement: str) -> None:
    async def edit(_: Anchors, store: Store) -> None:
        await store.write(lambda connection: connection.execute(text(statement)))

    asyncio.run(anchored(folder, edit))


def written(folder: Path, one: audit.Entry) -> int:
    async def write(_: Anchors, store: Store) -> int:
        return await store.write(lambda connection: audit.append(connection, one))

    seq: int = asyncio.run(anchored(folder, write))
    return seq


def told(kept: Kept, seq: int) -> datetime:
    return datetime.fromisoformat(kept.rows[seq - 1]["at"])


def test_only_rows_that_were_kept_long_enough_would_go_and_nothing_goes_before_it_is_said(
    kept: Kept, folder: Path
) -> None:
    found = planned(folder)
    assert (found.first, found.rows) == (1, found.last)
    assert all(told(kept, seq) <= LATER - timedelta(days=365) for seq in range(1, found.last + 1))
    assert told(kept, found.held_by) > LATER - timedelta(days=365)
    assert "365" in found.why.en
    assert proved(folder).first == 1


def test_nothing_goes_while_everything_is_young(folder: Path) -> None:
    assert planned(folder, now=NOW).rows == 0


def test_what_is_left_verifies_and_says_what_went(kept: Kept, folder: Path) -> None:
    gone = pruned(folder)
    proof = proved(folder)
    assert (proof.first, proof.noted) == (gone.last + 1, proof.last - 1)
    assert list(proof.keys.values()) == [kept.key, kept.last_key]

    async def look(_: Anchors, store: Store) -> list[dict[str, object]]:
        return await store.read(audit.recent)

    row = next(row for row in asyncio.run(anchored(folder, look)) if row["action"] == PRUNE)
    detail = row["detail"]
    assert (detail["first"], detail["to"], detail["rows"], detail["by"]) == (1, gone.last, gone.rows, "root")
    assert detail["hash"] == kept.rows[gone.last - 1]["hash"]


def test_the_stand_alone_verifier_takes_a_pruned_database_under_either_key(kept: Kept, folder: Path) -> None:
    pruned(folder)
    for key in (kept.key, kept.last_key):
        assert main([str(folder / "daeri.db"), "--key", key, "--notes", str(folder / "audit.anchors")]) == 0


def test_it_can_be_pruned_again_and_a_second_time_takes_up_where_the_first_ended(folder: Path) -> None:
    first = pruned(folder)
    second = pruned(folder, now=LATER + timedelta(seconds=15))
    assert second.first == first.last + 1
    assert proved(folder).first == second.last + 1


@pytest.mark.parametrize(
    ("statement", "bad"),
    [
        ("delete from audit where seq <= {first} + 2", "{first}"),
        ("update audit set outcome = 'x' where seq = {first} + 3", "{first} + 3"),
        ("update audit set detail = replace(detail, 'root', 'toor') where action = 'audit.prune'", "{prune}"),
        ("update audit set action = 'audit.prunes' where action = 'audit.prune'", "{prune}"),
        ("delete from audit where action = 'audit.prune'", "{prune}"),
    ],
)
def test_edits_of_what_is_left_are_found_and_named(folder: Path, statement: str, bad: str) -> None:
    gone = pruned(folder)
    numbers = {"first": gone.last + 1, "prune": proved(folder).last - 1}
    run(folder, statement.format(**numbers))
    with pytest.raises(BrokenChain) as broken:
        proved(folder)
    assert broken.value.seq == sum(map(int, bad.format(**numbers).split(" + ")))


def test_rows_taken_away_without_a_pruning_are_found(folder: Path) -> None:
    run(folder, "delete from audit where seq <= 10")
    with pytest.raises(BrokenChain) as broken:
        proved(folder)
    assert broken.value.seq == 1


def test_a_base_that_another_key_signed_is_found(kept: Kept, folder: Path) -> None:
    pruned(folder)

    def forge(connection: Connection) -> None:
        row = audit.recent(connection, 2)[1]
        detail = row["detail"] | {"to": row["detail"]["to"]}
        detail["signature"] = detail["signature"][:-2] + ("00" if detail["signature"][-2:] != "00" else "11")
        connection.execute(text("delete from audit where seq >= :seq"), {"seq": row["seq"]})
        audit.append(
            connection, audit.Entry(LATER, 0, None, "system", PRUNE, "done", detail=detail)
        )  # hashed anew, but the signature is not

    async def go(_: Anchors, store: Store) -> None:
        await store.write(forge)

    asyncio.run(anchored(folder, go))
    assert main([str(folder / "daeri.db"), "--key", kept.key]) == 5


def test_rows_about_rights_are_kept_longer_and_end_what_goes(folder: Path) -> None:
    added = audit.Entry(NOW + timedelta(days=200), 0, None, "cli", "key.add", "done")
    seq = written(folder, added)
    asyncio.run(anchored(folder, lambda anchors, _: anchors.note()))
    found = planned(folder, now=NOW + timedelta(days=200 + 729))
    assert (found.held_by, "rights" in found.why.en or "roles" in found.why.en) == (seq, True)
    assert planned(folder, now=NOW + timedelta(days=200 + 731)).held_by != seq


def test_a_change_of_roles_is_about_rights(folder: Path) -> None:
    wrote = {"wrote": [["employee", 7, "change", ["roles"]]]}
    changed = audit.Entry(NOW + timedelta(days=200), 1, None, "rest", "people.promote", "done", detail=wrote)
    seq = written(folder, changed)
    asyncio.run(anchored(folder, lambda anchors, _: anchors.note()))
    assert planned(folder, now=NOW + timedelta(days=200 + 729)).held_by == seq


def test_rows_of_documents_still_in_progress_stay_however_old(kept: Kept, folder: Path) -> None:
    waiting = next(row for row in kept.rows if row["approval_id"] == "apr_007")
    found = planned(folder, Keep(365, 365, ["apr_007"]), NOW + timedelta(days=9_000))
    assert (found.held_by, found.last) == (waiting["seq"], waiting["seq"] - 1)


def test_only_what_a_note_covers_goes(folder: Path) -> None:
    seq = written(folder, entry(200))
    found = planned(folder, Keep(365, 365), NOW + timedelta(days=9_000))
    assert found.last < seq


def test_a_plan_that_is_no_longer_true_is_refused(folder: Path) -> None:
    old = planned(folder)
    pruned(folder)

    async def go(anchors: Anchors, store: Store) -> None:
        await store.write(lambda connection: prune(connection, old, anchors.signer(connection), LATER, "root"))

    with pytest.raises(Conflict):
        asyncio.run(anchored(folder, go))
