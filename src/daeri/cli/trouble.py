"""What can stop a command? One exception that says what, why, what to do and where to read more, with its exit code."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

from daeri.cli.words import Words


class Code(IntEnum):
    """The exit codes, as every command uses them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_ALLOWED = 3
    WAITING = 4
    NOT_VERIFIED = 5
    UNREACHABLE = 6
    STOPPED = 130


CODE_OF_PROBLEM: Final[Mapping[str, Code]] = {
    "invalid-request": Code.USAGE,
    "validation-failed": Code.USAGE,
    "unauthenticated": Code.NOT_ALLOWED,
    "permission-denied": Code.NOT_ALLOWED,
}


class Trouble(Exception):
    """A command cannot go on; shown to the person as what, why, fix and more."""

    def __init__(
        self,
        slug: str,
        what: Words,
        *,
        why: Words | None = None,
        fix: Words | None = None,
        code: Code = Code.FAILED,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        """Take the stable code `daeri explain` knows, the sentences, and the exit code.

        Args:
            slug: e.g. "server-unreachable".
            what: what happened.
            why: what is known of the reason.
            fix: what to do, a command if there is one.
            code: the exit code of the process.
            body: the server's problem object, given out as it is with --json.
        """
        self.slug, self.what, self.why, self.fix, self.code = slug, what, why, fix, code
        self.body = body
        super().__init__(what.en)

    def as_json(self, words: "Mapping[str, str]") -> dict[str, Any]:
        """Return the problem as JSON: the server's own, or one of the same shape."""
        return dict(self.body) if self.body is not None else {"code": self.slug, **words}


def of_problem(status: int, problem: Mapping[str, Any]) -> Trouble:
    """Turn an RFC 9457 problem of the server, worded in the caller's language already, into a Trouble."""
    code = str(problem.get("code") or f"http-{status}")
    title = str(problem.get("title") or f"HTTP {status}")
    detail = str(problem.get("detail") or "")
    reasons = [detail] if detail and detail != title else []
    reasons += [f"{_field(item)}: {item.get('detail', '')}" for item in problem.get("errors") or []]
    reasons += _candidates(problem.get("candidates"))
    why = "\n".join(reasons)
    fix = str(problem.get("help") or "")
    return Trouble(
        code,
        Words(title, title),
        why=Words(why, why) if why else None,
        fix=Words(fix, fix) if fix else None,
        code=CODE_OF_PROBLEM.get(code, Code.FAILED),
        body=problem,
    )


def _field(item: Mapping[str, Any]) -> str:
    return str(item.get("pointer", "")).removeprefix("/") or "?"


def _candidates(found: Any) -> list[str]:
    if not isinstance(found, Sequence) or isinstance(found, str):
        return []
    return [f"· {item.get('title', '')} (id {item.get('id')})" for item in found if isinstance(item, Mapping)]
