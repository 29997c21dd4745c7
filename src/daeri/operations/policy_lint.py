"""Where did a company leave a door open or forget a rule? Its declarations alone are read; no database is opened.

Each finding says where it is written and what to write. What is open on purpose says so in the declaration: a field
that names its data class (`info=labelled(...) | classed("public")`) was thought about.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BinaryExpression, Column
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BooleanClauseList, Grouping

from daeri.operations.company import Company
from daeri.operations.operation import Operation, anyone
from daeri.operations.sources import Sources
from daeri.records.actor import Actor
from daeri.records.plans import is_indexed
from daeri.records.record import Record, label_of, mark_of
from daeri.wording import Lang, Text, fit_josa

# fmt: off
PERSONAL_NAMES: Final = frozenset({
    "account", "address", "birth", "birthday", "email", "mobile", "passport", "phone", "resident", "rrn", "salary",
    "wage",
})
PERSONAL_LABELS: Final = (
    "계좌", "급여", "메일", "생년", "생일", "여권", "연봉", "월급", "전화", "주민", "주소", "휴대폰",
)
# fmt: on
_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend.

    Attributes:
        code: its kind: row-rule, change-rule, personal-field, rule-index, open-write, irreversible.
        where: what it is about ("employee.email", "leave.request").
        at: file and line.
        says, fix: what is wrong, and what to write.
    """

    code: str
    where: str
    at: str | None
    says: Text
    fix: Text

    def body(self, lang: Lang) -> dict[str, Any]:
        """Render as JSON."""
        says = fit_josa(self.says.ko) if lang == "ko" else self.says.en
        return {"code": self.code, "where": self.where, "at": self.at, "says": says, "fix": self.fix.to(lang)}


def lint(company: Company, sources: Sources | None = None) -> list[Finding]:
    """Return everything that looks forgotten in a company's declarations."""
    found = sources or Sources()
    return [
        *_unruled(company, found),
        *_unchanged(company, found),
        *_personal(company, found),
        *_unindexed(company, found),
        *_operations(company, found),
    ]


def declared_records(company: Company) -> list[type[Record]]:
    """Return the company's records, also those without any rule: what its modules and those beside them declare."""
    modules = {record.__module__ for record in company.rules.rows}
    modules |= {operation.function.__module__ for operation in company.operations.values()}
    packages = {module.rpartition(".")[0] for module in modules} - {""}
    ours = [
        record
        for record in _below(Record)
        if record.__module__ in modules or record.__module__.rpartition(".")[0] in packages
    ]
    named = {record.__tablename__: record for record in ours} | company.records
    return [named[name] for name in sorted(named)]


def _below(record: type[Record]) -> Iterator[type[Record]]:
    for one in record.__subclasses__():
        if "__table__" in one.__dict__:
            yield one
        yield from _below(one)


def _unruled(company: Company, sources: Sources) -> Iterator[Finding]:
    for record in declared_records(company):
        if record not in company.rules.rows:
            label = label_of(record)
            yield Finding(
                "row-rule",
                record.__tablename__,
                sources.of(record),
                Text(f"{label.ko}에 행 규칙이 없어서 아무도 볼 수 없어요", f"No row rule: nobody sees any {label.en}"),
                Text(
                    f"@catalog.rows({record.__name__}) 규칙을 쓰거나, 쓰지 않는 기록이면 지우세요",
                    f"Write a rule with @catalog.rows({record.__name__}), or remove the record",
                ),
            )


def _unchanged(company: Company, sources: Sources) -> Iterator[Finding]:
    for record, rule in company.rules.rows.items():
        if record not in company.rules.changes:
            label = label_of(record)
            yield Finding(
                "change-rule",
                record.__tablename__,
                sources.of(rule),
                Text(
                    f"{label.ko}에 변경 규칙이 없어서 아무도 쓸 수 없어요",
                    f"No change rule: nobody may add or change any {label.en}",
                ),
                Text(
                    f"@catalog.changes({record.__name__}) 규칙을 쓰세요. 아무도 못 쓰게 하려면 false()를 돌려주세요",
                    f"Write a rule with @catalog.changes({record.__name__}); return false() if nobody should",
                ),
            )


def _personal(company: Company, sources: Sources) -> Iterator[Finding]:
    for record in declared_records(company):
        for column in record.__table__.columns:
            mark = mark_of(column.info)
            label = mark.label or Text(column.key, column.key)
            if mark.readers is None and "data_class" not in column.info and _looks_personal(column.key, label):
                yield Finding(
                    "personal-field",
                    f"{record.__tablename__}.{column.key}",
                    sources.of_field(record, column.key),
                    Text(
                        f"{label.ko}은(는) 개인정보로 보이는데, 행을 보는 사람 모두에게 보여요",
                        f"{label.en} looks personal, and whoever sees the row sees it",
                    ),
                    Text(
                        'visible_to("self", ...)를 붙이세요. 모두에게 보여도 되면 classed("public")을 붙이세요',
                        'Add visible_to("self", ...), or classed("public") if it is open on purpose',
                    ),
                )


def _looks_personal(name: str, label: Text) -> bool:
    if name.endswith("_id"):
        return False
    words = {part.lower() for part in _PARTS.findall(name)} | {part.lower() for part in _PARTS.findall(label.en)}
    return bool(words & PERSONAL_NAMES) or any(part in label.ko for part in PERSONAL_LABELS)


def _unindexed(company: Company, sources: Sources) -> Iterator[Finding]:
    """Yield the fields by which a row rule picks rows although no index begins with them."""
    for record, rule in company.rules.rows.items():
        picked = {column for actor in _anyone(company) for column in _picked(record, rule(actor))}
        for column in sorted(picked, key=lambda each: each.key):
            if not is_indexed(column):
                mark = mark_of(column.info).label or Text(column.key, column.key)
                yield Finding(
                    "rule-index",
                    f"{record.__tablename__}.{column.key}",
                    sources.of_field(record, column.key),
                    Text(
                        f"행 규칙 {rule.__name__}이(가) {mark.ko}으로(로) 고르는데 색인이 없어서, "
                        "행이 많으면 모두 읽어요",
                        f"The row rule {rule.__name__} picks rows by {mark.en}, which has no index: "
                        "with many rows, each list reads them all",
                    ),
                    Text(
                        f'index=True를 붙이세요. 자주 정렬하는 항목까지 Index(..., "{column.key}", "정렬 항목")이면 '
                        "더 빨라요",
                        f'Add index=True, or Index(..., "{column.key}", "<the field lists are sorted by>"), '
                        "which serves those at once",
                    ),
                )


def _anyone(company: Company) -> Iterator[Actor]:
    """Yield someone without a role, and someone for each role."""
    for roles in ((), *((role,) for role in company.roles)):
        yield Actor(person_id=1, name="", team_id=1, roles=frozenset(roles))


def _picked(record: type[Record], condition: Any) -> Iterator[Column[Any]]:
    """Yield the record's fields that a condition compares for equality, outside of its subqueries."""
    if isinstance(condition, BooleanClauseList | Grouping):
        for part in condition.get_children():
            yield from _picked(record, part)
    elif isinstance(condition, BinaryExpression) and condition.operator in (operators.eq, operators.in_op):
        column = record.__table__.columns.get(getattr(condition.left, "key", None) or "")
        if column is not None and condition.left.shares_lineage(column):
            yield column  # type: ignore[misc]


def _operations(company: Company, sources: Sources) -> Iterator[Finding]:
    for operation in company.operations.values():
        at = sources.of(operation.function)
        if operation.effect == "write" and operation.allow is anyone and operation.approval is None:
            yield Finding(
                "open-write",
                operation.name,
                at,
                Text(
                    f"{operation.label.ko}: 누구나 결재 없이 기록을 바꿀 수 있어요",
                    f"{operation.label.en}: anyone may change records without an approval",
                ),
                Text(
                    "allow=having(...)으로 좁히거나 approval= 결재선을 붙이세요. "
                    "맞는 일이면 까닭을 docstring에 적은 함수를 allow=에 주세요",
                    "Narrow it with allow=having(...), or give it approval=; if it is meant, pass allow= a function "
                    "whose docstring says why",
                ),
            )
        if operation.effect == "irreversible" and not _is_guarded(operation):
            yield Finding(
                "irreversible",
                operation.name,
                at,
                Text(
                    f"{operation.label.ko}: 되돌릴 수 없는데 미리 보기나 결재선이 없어요",
                    f"{operation.label.en} cannot be undone, and has no preview or no approval line",
                ),
                Text("approval=과 preview=를 모두 붙이세요", "Give it both approval= and preview="),
            )


def _is_guarded(operation: Operation) -> bool:
    return operation.preview is not None and operation.approval is not None
