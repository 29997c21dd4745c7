"""Who may do and see what, and which rule says so? Explains the verdicts of the door and the shelf; decides nothing.

Every verdict is asked of the very rules that decide (`Door.operation`, `Rules.visible`, `Rules.projection`), so an
explanation cannot differ from what happens. No value of a field is ever read here, hidden or not, but a row's title
and the column that says whom a row is about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy.sql.elements import False_, True_

from daeri.clock import Clock
from daeri.errors import NotFound, PermissionDenied, ValidationFailed
from daeri.operations.agents import Agent
from daeri.operations.arguments import resolve
from daeri.operations.company import Company
from daeri.operations.invoke import Door
from daeri.operations.operation import Having, Operation, anyone
from daeri.operations.policy_cases import Case, Outcome, read_case
from daeri.operations.policy_impact import impact
from daeri.operations.policy_lint import Finding, lint
from daeri.operations.sources import Sources
from daeri.records import audit
from daeri.records.access import missing
from daeri.records.actor import Actor, is_kept_from, sight
from daeri.records.keys import Id
from daeri.records.people import Someone, person_body
from daeri.records.record import Record, Relation, label_of, mark_of
from daeri.records.rules import Rule, naming, seen_when
from daeri.records.standing import account, is_disabled
from daeri.records.store import Store
from daeri.wording import Lang, Text

ASKERS: Final = ("admin", "auditor", "hr")
"""Roles that may ask about other people."""
ACTION: Final = "policies.explain"

_GONE: Final = Text(
    "퇴사했거나 계정이 꺼져 있어서 아무것도 할 수 없어요",
    "This person has left or the account is off, so nothing is allowed",
)
_SIGHTS: Final[Mapping[str, str]] = {"open": "visible", "own": "own", "hidden": "hidden"}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        person_id: whose rights.
        agent: the agent that acts for them, None for the person alone.
        operation: one operation; with neither operation nor type, all of both are explained.
        type, id: one record type, and a row of it.
    """

    person_id: int
    agent: str | None = None
    operation: str | None = None
    type: str | None = None
    id: Id | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose rights are explained: the person, and what is left of them behind a key and an agent."""

    person: Someone
    active: bool
    plain: Actor
    keyed: Actor
    actor: Actor
    agent: Agent | None
    roles_shown: bool = True


class Policies:
    """Explains, checks and compares the rules of a company."""

    def __init__(self, door: Door, store: Store, clock: Clock) -> None:
        """Take the door whose verdicts are explained, the database and the clock."""
        self.company: Company = door.company
        self._door = door
        self._store = store
        self._clock = clock
        self._sources = Sources()

    @staticmethod
    def may_ask_about_others(actor: Actor) -> bool:
        """Say whether the actor may ask about anyone but themself."""
        return any(actor.has(role) for role in ASKERS) and actor.may_call(ACTION, "read")

    async def ask(self, actor: Actor, sent: Mapping[str, str | None], lang: Lang) -> dict[str, Any]:
        """Explain what was asked in words: `person` is an id, a login or a name, `id` a number or a row's name.

        Raises:
            ValidationFailed: a name fits nothing, or several.
            NotFound, PermissionDenied: as explain.
        """
        question = await self._store.read(lambda connection: self._read(connection, actor, sent))
        return await self.explain(actor, question, lang)

    async def explain(self, actor: Actor, question: Question, lang: Lang) -> dict[str, Any]:
        """Return the verdicts with the rule that decided each, and where it is written.

        Raises:
            PermissionDenied: about someone else, without a role for it; or the asker's key may not read the records.
            NotFound: no such person, agent, operation or record type; or a row that the asker may not see.
        """
        self._check_asker(actor, question.person_id)
        body = await self._store.read(lambda connection: self._explained(connection, actor, question, lang))
        if question.person_id != actor.person_id or question.id is not None:
            await self._audit(actor, question)
        return body

    def lint(self) -> list[Finding]:
        """Return what the company's declarations leave open or forget."""
        return lint(self.company, self._sources)

    async def test(self, cases: Sequence[Mapping[str, Any]], lang: Lang) -> list[Outcome]:
        """Check expectations against the rules, as whoever runs the machine.

        Raises:
            ValidationFailed: a case is not well formed; the pointer names it.
        """
        read = [read_case(number, case, self.company.records) for number, case in enumerate(cases)]
        return await self._store.read(lambda connection: [self._tried(connection, case, lang) for case in read])

    async def impact(self, actor: Actor, edited: Company, lang: Lang) -> dict[str, Any]:
        """Tell what an edited company's rules would change for whom, counting only what the actor may see.

        Raises:
            PermissionDenied: the actor has no role for it.
        """
        if not self.may_ask_about_others(actor):
            raise self._not_yours()
        told = await self._store.read(lambda connection: impact(connection, self.company, edited, actor, lang))
        entry = audit.Entry.by(actor, self._clock.now(), "policies.impact")
        await self._store.note(lambda connection: audit.append(connection, entry))
        return told

    def _check_asker(self, actor: Actor, person_id: int) -> None:
        if person_id != actor.person_id and not self.may_ask_about_others(actor):
            raise self._not_yours()

    def _not_yours(self) -> PermissionDenied:
        roles = [self._role(role) for role in ASKERS]
        return PermissionDenied(
            Text(
                f"다른 사람의 권한은 {' · '.join(role.ko for role in roles)}만 물어볼 수 있어요. "
                "내 권한은 언제든 볼 수 있어요",
                f"Only {', '.join(role.en for role in roles)} may ask about other people. "
                "You may always ask about yourself",
            )
        )

    def _role(self, name: str) -> Text:
        return self.company.roles.get(name, Text(name, name))

    def _read(self, connection: Connection, actor: Actor, sent: Mapping[str, str | None]) -> Question:
        named, kind, key = sent.get("person"), sent.get("type"), sent.get("id")
        if key is not None and kind is None:
            raise ValidationFailed(
                Text("대상 번호에는 기록 종류도 필요해요", "An id needs the record type beside it (type)")
            )
        person_id = actor.person_id if named is None else self._person(connection, actor, named)
        row = None
        if kind is not None and key is not None:
            row = resolve(connection, self.company.rules, actor, self._record(kind), "id", key)
        return Question(person_id, sent.get("agent"), sent.get("operation"), kind, row)

    def _person(self, connection: Connection, actor: Actor, named: str) -> int:
        """Return the id of a person by id, login or name; those who may not ask learn nothing of anyone."""
        if named in (str(actor.person_id), actor.login):
            return actor.person_id
        if not self.may_ask_about_others(actor):
            raise self._not_yours()
        known = connection.execute(select(account.c.person_id).where(account.c.login == named)).scalar_one_or_none()
        if known is not None:
            return int(known)
        return int(resolve(connection, self.company.rules, actor, self.company.people.person, "person", named))

    def _record(self, kind: str) -> type[Record]:
        record = self.company.records.get(kind)
        if record is None:
            raise NotFound(Text(f"'{kind}' 기록은 없어요", f"There are no '{kind}' records"))
        return record

    def _explained(self, connection: Connection, asker: Actor, question: Question, lang: Lang) -> dict[str, Any]:
        subject = self._subject(connection, asker, question)
        everything = question.operation is None and question.type is None
        operations = list(self.company.operations.values()) if everything else []
        if question.operation is not None:
            operations = [self._operation_named(question.operation)]
        kinds = sorted(self.company.records) if everything else [question.type] if question.type else []
        rows = [(self._record(kind), question.id) for kind in kinds]
        return {
            "person": person_body(subject.person),
            "active": subject.active,
            "agent": question.agent,
            "scopes": [list(scope) for scope in subject.keyed.scopes] or None,
            "roles": self._roles(subject, lang) if subject.roles_shown else None,
            "operations": [self._operation(subject, operation, lang) for operation in operations],
            "records": [self._row(connection, asker, subject, record, key, lang) for record, key in rows],
        }

    def _roles(self, subject: Subject, lang: Lang) -> list[dict[str, str]]:
        return [{"role": role, "label": self._role(role).to(lang)} for role in sorted(subject.actor.roles)]

    def _subject(self, connection: Connection, asker: Actor | None, question: Question) -> Subject:
        people = self.company.people
        agent = None if question.agent is None else self.company.agent(question.agent)
        oneself = asker is not None and asker.person_id == question.person_id
        if asker is not None and not oneself:
            self._check_seen(connection, asker, people.person, question.person_id)
        person = people.one(connection, question.person_id)
        plain = Actor(person.id, person.name, person.team_id, person.roles, person.login, known_as=person.known_as)
        keyed = plain
        if oneself and asker is not None:
            keyed, plain = asker, replace(asker, scopes=())
        roles = mark_of(people.person.__table__.c.roles.info)
        return Subject(
            person=person,
            active=not person.left and not is_disabled(connection, person.id),
            plain=plain,
            keyed=keyed,
            actor=keyed if agent is None else agent.acting_for(keyed),
            agent=agent,
            roles_shown=oneself or asker is None or sight(asker, roles) == "open",
        )

    def _check_seen(self, connection: Connection, asker: Actor, record: type[Record], key: Id) -> str:
        """Return a row's title as the asker sees it.

        Raises:
            NotFound: the asker may not see the row, or there is none.
            PermissionDenied: the asker's key may not read such records at all, or the row's key is hidden from them.
        """
        if not asker.may_call(f"{record.__tablename__}.list", "read"):
            raise PermissionDenied(Text("이 키로는 볼 수 없는 기록이에요", "This key may not read these records"))
        rules = self.company.rules
        shown = [
            column
            for name in record.__title__
            if sight(asker, mark_of((column := record.__table__.c[name]).info)) == "open"
        ]
        row_key = naming(rules, asker, record)
        named = [column for column in shown if column.key != "id"]
        found = select(*row_key.columns, *named).where(row_key.at(key), rules.visible(record, asker))
        row = connection.execute(found).first()
        if row is None:
            raise missing(record)
        return " ".join(str(value) for value in row[len(row_key.columns) :] if value) or f"#{key}"

    # ---- operations

    def _operation_named(self, name: str) -> Operation:
        known = self.company.operations
        found = known.get(name) or known.get(name.replace("__", "."))
        if found is None:
            raise NotFound(Text(f"'{name}' 작업이 없어요", f"There is no operation '{name}'"))
        return found

    def _operation(self, subject: Subject, operation: Operation, lang: Lang) -> dict[str, Any]:
        allowed, why = self._allowed(subject, operation)
        approval = operation.approval
        needs = operation.allow.roles if isinstance(operation.allow, Having) and not allowed else ()
        return {
            "name": operation.name,
            "label": operation.label.to(lang),
            "effect": operation.effect,
            "verdict": "allow" if allowed else "deny",
            "why": why.to(lang),
            "needs": self._needs(needs, lang),
            "checks": [check for check in self._checks(subject, operation, lang) if check],
            "approval": None if approval is None else self._rule(approval.line_on(self._clock.today()), lang),
            "at": self._sources.of(operation.function),
        }

    def _allowed(self, subject: Subject, operation: Operation) -> tuple[bool, Text]:
        """Ask the door itself."""
        if not subject.active:
            return False, _GONE
        try:
            self._door.operation(subject.actor, operation.name)
        except PermissionDenied as refused:
            return False, refused.detail
        if operation.approval is not None:
            return True, Text("할 수 있어요. 결재선이 먼저 결정해요", "Allowed; the approval line decides first")
        return True, Text("할 수 있어요", "Allowed")

    def _checks(self, subject: Subject, operation: Operation, lang: Lang) -> list[dict[str, Any] | None]:
        """Return what each limit says: the person, the key, the agent. All of them must allow."""
        effect, name = operation.effect, operation.name
        key = None
        if subject.keyed.scopes:
            patterns = " + ".join(", ".join(scope) for scope in subject.keyed.scopes)
            key = _check("key", subject.keyed.may_call(name, effect), {"name": "scope", "says": patterns, "at": None})
        agent = None
        if subject.agent is not None:
            acting = subject.agent.acting_for(subject.plain)
            allowed = acting.may_call(name, effect) and operation.allow(acting)
            agent = _check("agent", allowed, {"name": subject.agent.name, "says": self._limits(subject.agent, lang)})
        person = _check("person", subject.active and operation.allow(subject.plain), self._allow(operation, lang))
        return [person, key, agent]

    def _limits(self, agent: Agent, lang: Lang) -> str:
        scope = Text(f"범위 {', '.join(agent.scope)}", f"scope {', '.join(agent.scope)}")
        if agent.roles is None:
            return scope.to(lang)
        roles = ", ".join(self._role(role).to(lang) for role in sorted(agent.roles))
        return Text(f"{scope.ko} · 쓸 수 있는 역할 {roles or '없음'}", f"{scope.en} · roles {roles or 'none'}").to(lang)

    def _allow(self, operation: Operation, lang: Lang) -> dict[str, Any]:
        """Name the rule that says who may call an operation: roles, or the company's own function."""
        allow, at = operation.allow, self._sources.of(operation.function)
        if isinstance(allow, Having):
            says = " · ".join(self._role(role).to(lang) for role in allow.roles)
            return {"name": f"having({', '.join(allow.roles)})", "says": says, "at": at}
        if allow is anyone:
            return {"name": "anyone", "says": Text("로그인한 누구나", "Everyone who is signed in").to(lang), "at": at}
        return self._rule(allow, lang)

    def _rule(self, rule: Any, lang: Lang) -> dict[str, Any]:
        """Name a rule: its function, its docstring, its place."""
        says = " ".join((rule.__doc__ or "").split())
        return {
            "name": getattr(rule, "__name__", type(rule).__name__),
            "says": says or Text("설명이 없어요", "No description").to(lang),
            "at": self._sources.of(rule),
        }

    # ---- rows and fields

    def _row(
        self,
        connection: Connection,
        asker: Actor | None,
        subject: Subject,
        record: type[Record],
        key: Id | None,
        lang: Lang,
    ) -> dict[str, Any]:
        title = None if key is None or asker is None else self._check_seen(connection, asker, record, key)
        rules, actor = self.company.rules, subject.actor
        seen = self._verdict(connection, subject, record, rules.visible(record, actor), key)
        changed = self._verdict(connection, subject, record, rules.changeable(record, actor), key)
        if seen == "deny":
            changed = "deny"
        return {
            "type": record.__tablename__,
            "label": label_of(record).to(lang),
            "id": key,
            "title": title,
            "rows": self._ruled(seen, rules.rows.get(record), _SEEN, lang),
            "change": self._ruled(changed, rules.changes.get(record), _CHANGED, lang),
            "browse": self._browse(subject, record, lang),
            "fields": self._fields(connection, subject, record, key, seen, lang),
            "at": self._sources.of(record),
        }

    @staticmethod
    def _verdict(
        connection: Connection, subject: Subject, record: type[Record], rule: ColumnElement[bool], key: Id | None
    ) -> str:
        """Say whether a condition holds for the row, or without one: for all rows, some, or none."""
        if not subject.active:
            return "deny"
        if key is None:
            return "allow" if isinstance(rule, True_) else "deny" if isinstance(rule, False_) else "some"
        fits = select(*record.__key__.columns).where(record.__key__.at(key), rule)
        return "deny" if connection.execute(fits).first() is None else "allow"

    def _ruled(self, verdict: str, rule: Rule | None, says: Mapping[str, Text], lang: Lang) -> dict[str, Any]:
        if rule is None:
            why = Text("규칙이 없어서 아무도 할 수 없어요", "There is no rule, so nobody may")
            return {"verdict": verdict, "why": why.to(lang), "rule": None}
        return {"verdict": verdict, "why": says[verdict].to(lang), "rule": self._rule(rule, lang)}

    @staticmethod
    def _browse(subject: Subject, record: type[Record], lang: Lang) -> dict[str, str]:
        """Say whether the key and the agent let such records be read directly, beside operations."""
        if subject.active and subject.actor.may_call(f"{record.__tablename__}.list", "read"):
            open_ = Text("기록 화면과 API로 볼 수 있어요", "Open on the records screen and in the API")
            return {"verdict": "allow", "why": open_.to(lang)}
        limit = Text("이 에이전트나 키로는 볼 수 없는 기록이에요", "This agent or key may not read these records")
        return {"verdict": "deny", "why": (limit if subject.active else _GONE).to(lang)}

    def _fields(
        self, connection: Connection, subject: Subject, record: type[Record], key: Id | None, seen: str, lang: Lang
    ) -> list[dict[str, Any]]:
        projection = self.company.rules.projection(record, subject.actor)
        fields = []
        for column in record.__table__.columns:
            mark, name = mark_of(column.info), column.key
            verdict = _SIGHTS[sight(subject.actor, mark)]
            if verdict == "own" and not self._is_seen(connection, subject.actor, record, key, name):
                verdict = "hidden"
            if verdict == "hidden" and name in projection.masked:
                verdict = "masked"
            if seen == "deny":
                verdict = "hidden"
            is_kept = is_kept_from(subject.actor, mark)
            closing = () if verdict not in ("hidden", "masked") or is_kept else mark.roles
            fields.append(
                {
                    "name": name,
                    "label": (mark.label or Text(name, name)).to(lang),
                    "verdict": verdict,
                    "why": self._why(subject.actor, record, name, verdict, seen).to(lang),
                    "readers": None if mark.readers is None else [_reader(each, lang) for each in mark.readers],
                    "data_class": mark.data_class,
                    "mask": None if mark.mask is None else mark.mask.example,
                    "needs": self._needs(closing, lang),
                    "at": self._sources.of_field(record, name),
                }
            )
        return fields

    def _is_seen(self, connection: Connection, actor: Actor, record: type[Record], key: Id | None, name: str) -> bool:
        """Say whether a field that the actor sees on some rows is seen on this one, or on any where none is named."""
        projection = self.company.rules.projection(record, actor)
        if name not in projection.own or key is None:
            return name in projection.own
        owner, mark = projection.owner_key, mark_of(record.__table__.c[name].info)
        if name not in projection.related and (
            owner is None or owner not in projection.keys or owner in projection.masked - set(projection.own)
        ):
            return False  # the projection cannot tell whose row it is
        seen = select(*record.__key__.columns).where(record.__key__.at(key), seen_when(record, actor, mark))
        return connection.execute(seen).first() is not None

    def _why(self, actor: Actor, record: type[Record], name: str, verdict: str, seen: str) -> Text:
        mark, rules = mark_of(record.__table__.c[name].info), self.company.rules
        if seen == "deny":
            return Text("행을 볼 수 없어요", "The row is not visible")
        if verdict in ("hidden", "masked"):
            return rules.hidden_reason(record, name, mark, actor)
        if mark.readers is None:
            return Text("행을 보는 사람은 누구나 봐요", "Whoever sees the row sees it")
        if verdict == "own" and not mark.relations:
            return Text("본인의 기록이라서 봐요", "Only on rows about the person themself")
        if verdict == "own" or not any(actor.has(role) for role in mark.roles):
            related = [rules.reader(record, reader) for reader in mark.readers if reader not in mark.roles]
            ko, en = " · ".join(each.ko for each in related), ", ".join(each.en for each in related)
            return Text(f"행과의 관계로 봐요 ({ko})", f"By a relation to the row ({en})")
        roles = [self._role(role) for role in mark.roles]
        ko, en = " · ".join(role.ko for role in roles), ", ".join(role.en for role in roles)
        return Text(f"역할이 있어서 봐요 ({ko})", f"By a role ({en})")

    def _needs(self, roles: Sequence[str], lang: Lang) -> list[dict[str, str]]:
        """Say which roles would open it."""
        return [{"role": role, "label": self._role(role).to(lang)} for role in roles]

    # ---- tests

    def _tried(self, connection: Connection, case: Case, lang: Lang) -> Outcome:
        found = select(account.c.person_id).where(account.c.login == case.person)
        person_id = connection.execute(found).scalar_one_or_none()
        if person_id is None:
            people = self.company.people.person.__table__.c
            by_login = select(people.id).where(people.login == case.person)
            person_id = connection.execute(by_login).scalar_one_or_none()
        if person_id is None:
            return Outcome(case, "missing", Text(f"'{case.person}' 계정이 없어요", f"No account '{case.person}'"))
        question = Question(int(person_id), case.agent, case.operation, case.type, case.id)
        subject = self._subject(connection, None, question)
        if case.operation is not None:
            told = self._operation(subject, self._operation_named(case.operation), lang)
            return Outcome(case, told["verdict"], Text(told["why"], told["why"]))
        return self._tried_row(connection, subject, case, lang)

    def _tried_row(self, connection: Connection, subject: Subject, case: Case, lang: Lang) -> Outcome:
        record = self._record(case.type or "")
        key = record.__key__
        if case.id is not None and (
            not key.columns or not connection.execute(select(*key.columns).where(key.at(case.id))).first()
        ):
            return Outcome(case, "missing", missing(record).detail)
        told = self._row(connection, None, subject, record, case.id, lang)
        part = told["change" if case.change else "rows"]
        if case.field is None or part["verdict"] == "deny":
            at = (part["rule"] or {}).get("at") or ""
            verdict = "deny" if part["verdict"] == "deny" else "allow"
            return Outcome(case, verdict, Text(f"{part['why']} {at}", f"{part['why']} {at}"))
        field = next((one for one in told["fields"] if one["name"] == case.field), None)
        if field is None:
            return Outcome(case, "missing", Text(f"'{case.field}' 항목은 없어요", f"There is no field '{case.field}'"))
        visible = field["verdict"] == "visible" or (field["verdict"] == "own" and case.id is not None)
        why = f"{field['why']} {field['at']}"
        closed = "masked" if field["mask"] is not None else "hidden"
        return Outcome(case, "allow" if visible else closed, Text(why, why))

    async def _audit(self, actor: Actor, question: Question) -> None:
        """Note who asked about whom: a row's title was shown, and a person's rights."""
        records: list[list[Any]] = [[self.company.people.person.__tablename__, question.person_id]]
        if question.type is not None and question.id is not None:
            records.append([question.type, question.id])
        detail = {"agent": question.agent, "operation": question.operation, "people": [question.person_id]}
        entry = audit.Entry.by(actor, self._clock.now(), ACTION, records=records, detail=detail)
        await self._store.write(lambda connection: audit.append(connection, entry))


_SEEN: Final[Mapping[str, Text]] = {
    "allow": Text("볼 수 있어요", "Visible"),
    "some": Text("행에 따라 달라요", "Depends on the row"),
    "deny": Text("볼 수 없어요", "Not visible"),
}
_CHANGED: Final[Mapping[str, Text]] = {
    "allow": Text("바꿀 수 있어요", "May be changed"),
    "some": Text("행에 따라 달라요", "Depends on the row"),
    "deny": Text("바꿀 수 없어요", "May not be changed"),
}


def _reader(reader: str | Relation, lang: Lang) -> str:
    return reader if isinstance(reader, str) else reader.label.to(lang)


def _check(by: str, allowed: bool, rule: Mapping[str, Any]) -> dict[str, Any]:
    return {"by": by, "verdict": "allow" if allowed else "deny", "rule": {"at": None, **rule}}
