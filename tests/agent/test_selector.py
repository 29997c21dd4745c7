"""Are the operations that a request is about chosen, fast, and without knowing their names?"""

import re
from datetime import date
from pathlib import Path

import daeri.agent
from daeri.agent.analyzer import analyze
from daeri.agent.selector import select
from daeri.operations import Operation
from daeri.sample import hanbit

TODAY = date(2026, 11, 21)


def spoken() -> list[Operation]:
    """The operations that people ask for: those that load data have no examples."""
    return [operation for operation in hanbit().operations.values() if operation.examples]


def test_each_example_finds_its_own_operation_first() -> None:
    operations = spoken()
    missed = [
        (operation.name, example)
        for operation in operations
        for example in operation.examples
        if select(analyze(example, TODAY), operations, 1)[0].operation is not operation
    ]
    assert len(missed) <= len([1 for operation in operations for _ in operation.examples]) * 0.05, missed


def test_a_compound_request_gets_the_operations_of_both_parts() -> None:
    chosen = select(analyze("김대리 휴가 며칠 남았고 이번 달 매출은 얼마야?", TODAY), spoken(), 4)
    assert {"leave.balance", "sales.total"} <= {each.operation.name for each in chosen}


def test_the_order_does_not_depend_on_the_order_of_the_operations() -> None:
    analysis = analyze("이번 달 우리 팀 매출 얼마야?", TODAY)
    forward = [each.operation.name for each in select(analysis, spoken(), 8)]
    assert forward == [each.operation.name for each in select(analysis, spoken()[::-1], 8)]


def test_no_operation_of_the_sample_company_is_known_by_name() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in Path(daeri.agent.__file__).parent.glob("*.py"))
    names = [operation.name for operation in spoken()]
    assert [name for name in names if re.search(rf"\b{re.escape(name)}\b", code)] == []
