"""What did the models cost? `daeri usage`, as the server tells it."""

from collections.abc import Callable
from typing import Annotated, Any

from typer import Option, Typer

from daeri.cli.command import Desk, command
from daeri.cli.words import Words, both


def add_to(app: Typer) -> None:
    """Declare the command."""
    command(app, "usage", both("모델 사용량과 비용", "What models were used and cost"))(usage)


def usage(
    desk: Desk,
    by: Annotated[
        str, Option("--by", metavar="GROUP", help="model, person, team, agent, key, run, purpose, day")
    ] = "model",
    since: Annotated[str | None, Option("--since", metavar="DAY", help=both("첫날", "The first day"))] = None,
    until: Annotated[str | None, Option("--until", metavar="DAY", help=both("마지막 날", "The last day"))] = None,
    who: Annotated[
        str | None, Option("--person", metavar="WHO", help=both("번호, 아이디, 이름", "Id, login or name"))
    ] = None,
) -> None:
    """Tell sums of tokens and costs, this month's if no day is given, and how the budgets stand."""
    sent = (("by", by), ("since", since), ("until", until), ("person", who))
    told = desk.api.get("/v1/usage", [(name, value) for name, value in sent if value])
    terminal = desk.terminal
    if terminal.as_json:
        terminal.data(told)
        return
    if not told["data"]:
        terminal.tell(terminal.word(Words("이 기간에 쓴 모델이 없어요", "No model was used in this time")))
    else:
        words = (Words("무엇", "What"), Words("요청", "Requests"), Words("토큰", "Tokens"), Words("비용", "Cost"))
        head = [terminal.word(one) for one in words]
        rows = [[_called(one[told["by"]]), *_sums(one, terminal.word)] for one in told["data"]]
        terminal.table(
            head, [*rows, [terminal.word(Words("합계", "In all")), *_sums(told["total"], terminal.word)]], (1, 2)
        )
    for each in told["budgets"]:
        limits = [f"${each['spent_usd']:.2f}/${each['limit_usd']:.2f}"] if each["limit_usd"] else []
        limits += [f"{each['spent_tokens']:,}/{each['limit_tokens']:,} tokens"] if each["limit_tokens"] else []
        terminal.tell(f"{each['of']} {each['who']} ({each['per']}): {', '.join(limits)} · {each['state']}")


def _called(group: Any) -> str:
    if isinstance(group, dict):
        return " ".join(filter(None, (group["name"], group["title"] or group["rank"])))
    return "-" if group in (None, "") else str(group)


def _sums(one: dict[str, Any], word: Callable[[Words], str]) -> list[str]:
    unknown = word(Words(f"모름 {one['unknown_costs']}건", f"unknown for {one['unknown_costs']}"))
    known = "" if one["cost_usd"] is None else f"${one['cost_usd']:.4f}"
    cost = " + ".join(filter(None, (known, unknown if one["unknown_costs"] else ""))) or "-"
    return [f"{one['calls']:,}", f"{one['input_tokens'] + one['output_tokens']:,}", cost]
