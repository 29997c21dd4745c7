"""How does a person ask and check who may do what? `policy explain|lint|test|impact`."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from typer import Argument, Exit, Option, Typer

from daeri.cli.command import Desk, command, group
from daeri.cli.terminal import Terminal, person
from daeri.cli.trouble import Code, Trouble
from daeri.cli.words import Words, both

VERDICTS: Final[Mapping[str, tuple[str, Words]]] = {
    "allow": ("✓", Words("됨", "allowed")),
    "deny": ("✗", Words("안 됨", "denied")),
    "some": ("~", Words("행에 따라", "some rows")),
    "visible": ("✓", Words("보임", "visible")),
    "own": ("✓", Words("본인 것만", "own only")),
    "masked": ("*", Words("가림", "masked")),
    "hidden": ("·", Words("숨김", "hidden")),
    "missing": ("?", Words("없음", "missing")),
}
BOOKKEEPING: Final = ("id", "version")
CASES_FILE: Final = Path("policies.toml")

CompanyOption = Annotated[
    str | None,
    Option("--company", metavar="MODULE:CALLABLE", help=both("회사 정의", "The company's declarations")),
]


def add_to(app: Typer) -> None:
    """Declare the commands."""
    below = group(app, "policy", both("권한: 설명, 점검, 시험, 영향", "Permissions: explain, lint, test, impact"))
    command(below, "explain", both("누가 왜 볼 수 있고 할 수 있는지", "Who may see and do what, and why"))(explain)
    command(below, "lint", both("빠뜨린 규칙을 찾아요", "Find rules that were forgotten"), speaks=False)(check)
    command(below, "test", both("기대한 권한인지 시험해요", "Test permissions by a file"), speaks=False)(
        try_expectations
    )
    command(below, "impact", both("규칙을 바꾸면 누구에게 무엇이 달라지는지", "What edited rules would change"))(impact)


def explain(
    desk: Desk,
    who: Annotated[
        str | None, Option("--person", metavar="WHO", help=both("번호, 아이디, 이름 (없으면 나)", "Id, login or name"))
    ] = None,
    agent: Annotated[str | None, Option("--agent", help=both("대신하는 에이전트", "The agent acting for them"))] = None,
    operation: Annotated[str | None, Option("--op", metavar="NAME", help=both("작업", "Operation"))] = None,
    on: Annotated[
        str | None,
        Option("--on", metavar="TYPE[/ID]", help=both("기록 종류와 번호나 이름", "Record type, and an id or name")),
    ] = None,
    field: Annotated[str | None, Option("--field", metavar="NAME", help=both("한 항목만", "One field only"))] = None,
) -> None:
    """Ask the server for the verdicts and show each with its rule."""
    kind, _, key = (on or "").partition("/")
    sent = {"person": who, "agent": agent, "operation": operation, "type": kind, "id": key}
    told = desk.api.get("/v1/policies/explain", [(name, value) for name, value in sent.items() if value])
    if field is not None:
        for record in told["records"]:
            record["fields"] = [one for one in record["fields"] if one["name"] == field]
        if not any(record["fields"] for record in told["records"]):
            raise Trouble(
                "usage",
                Words(f"'{field}' 항목은 없어요", f"There is no field '{field}'"),
                fix=Words("--on 으로 기록 종류를 적어 주세요:  --on employee", "Name the record type:  --on employee"),
                code=Code.USAGE,
            )
    terminal = desk.terminal
    if terminal.as_json:
        terminal.data(told)
        return
    _show_subject(terminal, told)
    _show_operations(terminal, told["operations"])
    for record in told["records"]:
        _show_record(terminal, record, alone=field is not None)


def check(desk: Desk, company: CompanyOption = None) -> None:
    """Read the company's declarations and name what looks forgotten; exit 1 if anything does."""
    from daeri.cli.company import company_of  # noqa: PLC0415 - imports the company; talking commands never do
    from daeri.operations.policy_lint import lint  # noqa: PLC0415 - same

    terminal = desk.terminal
    found = [finding.body(terminal.lang) for finding in lint(company_of(company))]
    if terminal.as_json:
        terminal.data({"data": found})
    elif not found:
        terminal.tell(terminal.word(Words("✓ 빠뜨린 규칙이 없어요", "✓ No rule was forgotten")), "green")
    else:
        for each in found:
            terminal.tell(f"✗ {each['where']}  {each['says']}  ({each['at'] or '-'})")
            terminal.talk(f"    {each['fix']}", "dim")
        terminal.talk(Words(f"고칠 곳 {len(found)}개", f"{len(found)} to mend"))
    if found:
        raise Exit(Code.FAILED)


def try_expectations(
    desk: Desk,
    file: Annotated[
        Path, Argument(metavar="[FILE]", help=both("기대를 적은 TOML", "TOML file of expectations"))
    ] = CASES_FILE,
    company: CompanyOption = None,
) -> None:
    """Try every expectation of a file on the data folder; exit 5 if one fails."""
    from daeri.cli import accounts  # noqa: PLC0415 - opens the data; talking commands never do
    from daeri.cli.company import company_of  # noqa: PLC0415 - same
    from daeri.operations.invoke import Door  # noqa: PLC0415 - same
    from daeri.operations.policy import Policies  # noqa: PLC0415 - same
    from daeri.operations.policy_impact import apart  # noqa: PLC0415 - same

    terminal, cases = desk.terminal, _cases(file)

    async def tried(daeri: Any) -> list[Any]:
        policies = daeri.policies
        if company is not None:
            with apart():
                edited = company_of(company)
            policies = Policies(Door(edited, daeri.store, daeri.clock), daeri.store, daeri.clock)
        return [outcome.body(terminal.lang) for outcome in await policies.test(cases, terminal.lang)]

    outcomes = accounts.on(desk.place, tried)
    failed = [each for each in outcomes if not each["passed"]]
    if terminal.as_json:
        terminal.data({"passed": len(outcomes) - len(failed), "failed": len(failed), "data": outcomes})
    else:
        for each in outcomes:
            got, expected = _verdict(terminal, each["got"]), _verdict(terminal, each["expect"])
            if each["passed"]:
                terminal.talk(f"✓ {each['about']}: {got}", "dim")
            else:
                said = Words(f"기대 {expected}, 실제 {got}", f"expected {expected}, got {got}")
                terminal.tell(f"✗ {each['about']}: {terminal.word(said)}  ({each['why']})", "red")
        passed = len(outcomes) - len(failed)
        terminal.tell(
            terminal.word(Words(f"{len(outcomes)}개 중 {passed}개 통과", f"{passed} of {len(outcomes)} passed"))
        )
    if failed:
        raise Exit(Code.NOT_VERIFIED)


def impact(
    desk: Desk,
    company: Annotated[
        str, Option("--company", metavar="MODULE:CALLABLE", help=both("바꾼 회사 정의", "The edited declarations"))
    ],
) -> None:
    """Compare an edited company's rules with the present ones over the data, as the person whose key is used."""
    from daeri.cli import accounts  # noqa: PLC0415 - opens the data; talking commands never do
    from daeri.cli.company import company_of  # noqa: PLC0415 - same
    from daeri.operations.policy_impact import apart  # noqa: PLC0415 - same

    terminal, key = desk.terminal, desk.place.credential()

    async def compared(daeri: Any) -> dict[str, Any]:
        actor = await daeri.identity.actor_of_key(key, "cli")
        with apart():
            edited = company_of(company)
        told: dict[str, Any] = await daeri.policies.impact(actor, edited, terminal.lang)
        return told

    told = accounts.on(desk.place, compared)
    if terminal.as_json:
        terminal.data(told)
        return
    if not told["records"] and not told["operations"]:
        same = Words(f"{told['people']}명 모두 그대로예요", f"Nothing changes for any of {told['people']} people")
        terminal.tell(terminal.word(same), "green")
    for record in told["records"]:
        _show_impact(terminal, record)
    for operation in told["operations"]:
        gain, lose = operation["gain"]["count"], operation["lose"]["count"]
        said = Words(
            f"{gain}명이 더 할 수 있고 {lose}명이 못 하게 돼요", f"{gain} more may call it, {lose} no longer may"
        )
        terminal.tell(f"{operation['label']} ({operation['name']}): {terminal.word(said)}")
        _names(terminal, "+", operation["gain"])
        _names(terminal, "-", operation["lose"])


def _cases(file: Path) -> list[dict[str, Any]]:
    """Read the expectations: `[[case]]` tables.

    Raises:
        Trouble: no such file, or not such a file.
    """
    shape = Words(
        '이렇게 적어 주세요:  [[case]]  person="deputy"  type="employee"  id=3  field="salary"  expect="hidden"',
        'Write it like this:  [[case]]  person="deputy"  type="employee"  id=3  field="salary"  expect="hidden"',
    )
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")).get("case")
    except (OSError, ValueError) as error:
        raise Trouble(
            "usage",
            Words(f"기대 파일을 읽지 못했어요: {file}", f"The expectations cannot be read: {file}"),
            why=Words(str(error), str(error)),
            fix=shape,
            code=Code.USAGE,
        ) from error
    if not isinstance(found, list) or not all(isinstance(case, dict) for case in found):
        what = Words(f"[[case]] 가 없어요: {file}", f"There is no [[case]] in {file}")
        raise Trouble("usage", what, fix=shape, code=Code.USAGE)
    return found


def _verdict(terminal: Terminal, verdict: str) -> str:
    return terminal.word(VERDICTS[verdict][1])


def _marked(terminal: Terminal, verdict: str) -> str:
    return f"{VERDICTS[verdict][0]} {_verdict(terminal, verdict)}"


def _seen(terminal: Terminal, field: Mapping[str, Any]) -> str:
    """Say what is seen of a field: a mask by its example."""
    return _verdict(terminal, field["verdict"]) + (f" {field['mask']}" if field["verdict"] == "masked" else "")


def _needs(terminal: Terminal, needs: Sequence[Mapping[str, str]]) -> str:
    if not needs:
        return ""
    roles = ", ".join(f"{each['role']} ({each['label']})" for each in needs)
    return terminal.word(Words(f"봐야 한다면: 역할 {roles}", f"if they should: role {roles}"))


def _show_subject(terminal: Terminal, told: Mapping[str, Any]) -> None:
    roles = told["roles"]
    held = "" if roles is None else ", ".join(each["role"] for each in roles) or terminal.word(Words("없음", "none"))
    said = terminal.word(Words("역할", "roles"))
    through = f" [{told['agent']}]" if told["agent"] else ""
    terminal.talk(f"{person(told['person'])}{through}" + (f"  {said}: {held}" if held else ""), "bold")


def _show_operations(terminal: Terminal, operations: Sequence[Mapping[str, Any]]) -> None:
    for operation in operations:
        why, at = operation["why"], operation["at"] or "-"
        needs = _needs(terminal, operation["needs"])
        line = [_marked(terminal, operation["verdict"]), operation["name"], why, needs, f"({at})"]
        terminal.tell("  ".join(part for part in line if part))
        if len(operations) == 1:
            for limit in operation["checks"]:
                rule = limit["rule"]
                terminal.tell(
                    f"    {_marked(terminal, limit['verdict'])}  {limit['by']}: {rule['name']}  {rule['says']}"
                )


def _show_record(terminal: Terminal, record: Mapping[str, Any], *, alone: bool) -> None:
    fields = [one for one in record["fields"] if alone or one["name"] not in BOOKKEEPING]
    if alone:
        for one in fields:
            needs, at = _needs(terminal, one["needs"]), one["at"] or "-"
            line = [_seen(terminal, one), f"{one['name']}: {one['why']}", needs, f"({at})"]
            terminal.tell("  ".join(part for part in line if part))
        return
    named = record["type"] + (f"/{record['id']}" if record["id"] is not None else "")
    terminal.tell(f"{named}  {record['label']} {record['title'] or ''}".rstrip(), "bold")
    for name, part in ((Words("보기", "see"), record["rows"]), (Words("바꾸기", "change"), record["change"])):
        rule = part["rule"]
        said = part["why"] if rule is None else f"{rule['name']}: {rule['says']} ({rule['at'] or '-'})"
        terminal.tell(f"  {terminal.word(name)}  {_marked(terminal, part['verdict'])}  {said}")
    if record["browse"]["verdict"] != "allow":
        terminal.tell(f"  {_marked(terminal, 'deny')}  {record['browse']['why']}")
    columns = [Words("항목", "field"), Words("판정", "verdict"), Words("까닭", "why"), Words("적힌 곳", "declared at")]
    rows = []
    for one in fields:
        why = "  ".join(part for part in (one["why"], _needs(terminal, one["needs"])) if part)
        rows.append([one["name"], f"{VERDICTS[one['verdict']][0]} {_seen(terminal, one)}", why, one["at"] or "-"])
    terminal.table([terminal.word(column) for column in columns], rows)


def _show_impact(terminal: Terminal, record: Mapping[str, Any]) -> None:
    for sentence in record["says"]:
        terminal.tell(sentence)
    _names(terminal, "+", record["gain"])
    _names(terminal, "-", record["lose"])
    for one in record["fields"]:
        _names(terminal, f"+ {one['name']}", one["gain"])
        _names(terminal, f"- {one['name']}", one["lose"])
    columns = [Words("역할", "role"), Words("예", "e.g."), Words("행", "rows"), Words("항목", "fields")]
    rows = [
        [
            each["label"],
            person(each["person"]),
            f"+{each['rows_gained']} -{each['rows_lost']}",
            " ".join([f"+{name}" for name in each["fields_gained"]] + [f"-{name}" for name in each["fields_lost"]]),
        ]
        for each in record["roles"]
    ]
    terminal.table([terminal.word(column) for column in columns], rows)
    before, after = record["rules"]["before"], record["rules"]["after"]
    said = f"{after['name']} ({after['at'] or '-'})" if after else terminal.word(Words("규칙 없음", "no rule"))
    terminal.talk(f"  {before['name']} ({before['at'] or '-'}) → {said}", "dim")


def _names(terminal: Terminal, sign: str, named: Mapping[str, Any]) -> None:
    if named["count"]:
        more = named["count"] - len(named["people"])
        rest = terminal.word(Words(f" 외 {more}명", f" and {more} more")) if more else ""
        terminal.tell(f"  {sign} {', '.join(person(one) for one in named['people'])}{rest}")
