"""`daeri policy` on a served demo and on its folder: what it says, and the exit codes scripts rely on."""

import json
import os
import sys
import textwrap
from pathlib import Path

import pytest

from cli.conftest import built, folder, server
from cli.processes import daeri

__all__ = ["built", "folder", "server"]

TESTS = Path(__file__).parent.parent

CASES = """
    [[case]]
    person = "deputy"
    operation = "leave.request"
    expect = "allow"

    [[case]]
    note = "연봉은 본인과 인사만"
    person = "deputy"
    type = "employee"
    id = {lead}
    field = "salary"
    expect = "{expect}"
"""


@pytest.fixture(scope="module")
def lead(server):
    (found,) = server.json("records", "employee", "name=박서연", "--as", "hr")["data"]
    return found


def test_a_field_is_explained_in_one_line_with_who_may_see_it(server, lead):
    asked = server.run("policy", "explain", "--op", "employee.salary", "--on", "employee/박서연", "--field", "salary")
    assert asked.returncode == 0, asked.stderr
    assert "숨김  salary: 연봉은 본인 · 인사 담당만 볼 수 있어요" in asked.stdout
    assert "봐야 한다면: 역할 hr (인사 담당)" in asked.stdout
    assert "daeri/sample/organisation.py:" in asked.stdout
    assert str(lead["salary"]) not in asked.stdout + asked.stderr


def test_a_mask_is_told_by_its_example_never_by_a_value(server, lead):
    asked = server.run("policy", "explain", "--on", f"employee/{lead['id']}", "--field", "mobile")
    assert "가림 010-****-1234  mobile: 휴대전화 번호는 본인 · 인사 담당 · 상위 조직장만 볼 수 있어요" in asked.stdout
    assert lead["mobile"] not in asked.stdout
    assert lead["mobile"][-4:] not in asked.stdout.replace("010-****-1234", "")


def test_hr_asks_about_someone_by_login_and_sees_the_rule(server, lead):
    asked = server.run("policy", "explain", "--as", "hr", "--person", "deputy", "--on", f"employee/{lead['id']}")
    assert asked.returncode == 0, asked.stderr
    assert "the_directory: Everyone sees everyone who works here" in asked.stdout
    assert "✗ 안 됨  kept_by_hr: HR keeps people and teams." in asked.stdout
    assert str(lead["salary"]) not in asked.stdout
    body = server.json("policy", "explain", "--as", "hr", "--person", "deputy", "--on", f"employee/{lead['id']}")
    assert body["records"][0]["title"] == "박서연 부장"


def test_asking_about_others_without_a_role_is_not_allowed(server):
    refused = server.run("policy", "explain", "--person", "lead")
    assert refused.returncode == 3
    assert "내 권한은 언제든 볼 수 있어요" in refused.stderr
    unknown = server.run("policy", "explain", "--on", "employee/1", "--field", "wage")
    assert (unknown.returncode, "'wage' 항목은 없어요" in unknown.stderr) == (2, True)


def test_english_is_spoken_where_it_is_asked_for(server):
    asked = server.run("policy", "explain", "--op", "employee.salary", "--lang", "en")
    assert asked.returncode == 0
    assert "✓ allowed  employee.salary" in asked.stdout


def test_lint_names_what_was_forgotten_and_exits_1():
    ours = {"DAERI_COMPANY": "shelf.shelf_house:declared", "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    found = daeri("policy", "lint", **ours)
    assert found.returncode == 1
    assert "✗ w_vault" in found.stdout
    assert "@catalog.rows(Vault)" in found.stderr
    listed = json.loads(daeri("policy", "lint", "--json", "--lang", "en", **ours).stdout)
    assert {"code", "where", "at", "says", "fix"} == set(listed["data"][0])


def test_lint_finds_nothing_in_the_sample():
    found = daeri("policy", "lint", "--company", "daeri.sample:hanbit")
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize(("expect", "code"), [("hidden", 0), ("allow", 5)])
def test_expectations_pass_or_exit_5(server, lead, tmp_path, expect, code):
    file = tmp_path / "policies.toml"
    file.write_text(textwrap.dedent(CASES).format(lead=lead["id"], expect=expect), encoding="utf-8")
    tried = server.run("policy", "test", file)
    assert tried.returncode == code, tried.stderr
    assert ("2개 중 2개 통과" if code == 0 else "기대 됨, 실제 숨김") in tried.stdout
    assert str(lead["salary"]) not in tried.stdout + tried.stderr
    assert server.run("policy", "test", file, "--company", "daeri.sample:hanbit").returncode == code


@pytest.mark.parametrize("text", ["", "case = 1", "[[case]\n", '[[case]]\nperson = "deputy"\nexpect = "allow"'])
def test_a_file_that_holds_no_expectations_is_a_mistake(server, tmp_path, text):
    file = tmp_path / "policies.toml"
    file.write_text(text, encoding="utf-8")
    assert server.run("policy", "test", file).returncode == 2
    assert server.run("policy", "test", tmp_path / "none.toml").returncode == 2


EDITED = """
    from daeri.operations import Catalog, Company
    from daeri.sample import hanbit
    from sqlalchemy import true

    def everyone(actor):
        '''Everyone sees every expense.'''
        return true()

    def company():
        present = hanbit()
        (record,) = [one for kind, one in present.records.items() if kind == "expense"]
        catalogs = [
            Catalog(one.name, one.label, {**one.row_rules, record: everyone}, one.change_rules, one.operations)
            if record in one.row_rules else one
            for one in present.catalogs
        ]
        return Company(present.name, catalogs, present.agents, present.roles)
"""


@pytest.mark.night
def test_impact_says_who_would_newly_see_what(folder, tmp_path):
    (tmp_path / "wider.py").write_text(textwrap.dedent(EDITED), encoding="utf-8")
    line = ("policy", "impact", "--company", "wider:company", "--dir", folder)
    told = daeri(*line, "--as", "hr", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    body = json.loads(daeri(*line, "--as", "hr", "--json", cwd=tmp_path).stdout)
    assert body["people"] == 240
    assert {one["type"] for one in body["records"]} <= {"expense"}  # of what HR sees itself, others gain little
    refused = daeri(*line, "--as", "deputy", cwd=tmp_path)
    assert refused.returncode == 3
    assert "인사 담당" in refused.stderr
    missing = daeri("policy", "impact", "--company", "nowhere:company", "--dir", folder, "--as", "hr", cwd=tmp_path)
    assert missing.returncode == 2
