"""What a company forgot is found, with its line and what to write; what it thought about is left alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from daeri.operations import Catalog, Company
from daeri.operations.policy_lint import lint
from daeri.sample import hanbit
from daeri.wording import Text
from worlds import AGENTS, ROLES, company, work


def found(declared=company):
    return {(one.code, one.where): one for one in lint(declared)}


def test_a_record_without_a_row_rule_is_found_with_its_line():
    one = found()["row-rule", "w_vault"]
    line = int(one.at.rpartition(":")[2])
    assert Path("tests/worlds.py").read_text(encoding="utf-8").splitlines()[line - 1] == "class Vault(Record):"
    assert "@catalog.rows(Vault)" in one.fix.ko
    assert "@catalog.rows(Vault)" in one.fix.en


def test_a_record_without_a_change_rule_is_found():
    codes = {where for code, where in found() if code == "change-rule"}
    assert codes == {"w_team"}


def test_a_personal_looking_field_that_everyone_sees_is_found_and_a_marked_one_is_not(monkeypatch):
    (employee,) = [record for record in hanbit().records.values() if record.__tablename__ == "employee"]
    assert not [where for code, where in found(hanbit()) if code == "personal-field"]
    monkeypatch.delitem(employee.__table__.c.email.info, "data_class")
    (one,) = [one for (code, _), one in found(hanbit()).items() if code == "personal-field"]
    assert (one.where, one.at.rpartition(":")[0]) == ("employee.email", "daeri/sample/organisation.py")
    assert one.body("ko")["says"].startswith("이메일은 개인정보로 보이는데")


def test_nothing_is_left_open_or_forgotten_in_the_sample():
    assert lint(hanbit()) == []


def test_a_rule_that_picks_rows_by_a_field_without_an_index_is_found():
    slow = {where: one for (code, where), one in found().items() if code == "rule-index"}
    assert set(slow) == {"w_project.team_id"}
    assert slow["w_project.team_id"].body("ko")["says"].startswith("행 규칙 team_projects가 team_id로 고르는데")
    assert not [where for code, where in found(hanbit()) if code == "rule-index"]


def test_a_write_for_anyone_without_an_approval_is_found():
    open_writes = {where for code, where in found() if code == "open-write"}
    assert open_writes == {"work.add_project", "work.wait_for_network"}


def test_an_irreversible_operation_without_a_preview_is_found():
    assert not [code for code, _ in found() if code == "irreversible"]
    bare = Catalog("bare", Text("맨몸", "Bare"))
    bare.operations["bare.farewell"] = replace(work.operations["work.farewell"], name="bare.farewell", preview=None)
    assert ("irreversible", "bare.farewell") in found(Company(company.name, [work, bare], AGENTS, ROLES))


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_every_finding_says_where_and_what_to_do(lang):
    for one in [*lint(company), *lint(hanbit())]:
        body = one.body(lang)
        assert all(body.values()), body
