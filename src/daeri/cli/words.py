"""Which words does the command line say? A sentence in Korean and English, and the words that several commands share.

A sentence that only one command says stands in that command. Nothing here prints.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from typer import Typer
from typer.core import TyperGroup
from typer.main import get_command

Lang = Literal["ko", "en"]

_BETWEEN: Final = "\x1e"
_NO_LOCALE: Final = ("", "C", "POSIX")


class Words(NamedTuple):
    """One sentence in both languages.

    A light twin of `daeri.wording.Text`: importing that one would cost every command the loading of Babel.
    """

    ko: str
    en: str

    def to(self, lang: Lang) -> str:
        """Return the sentence in one language."""
        return self.ko if lang == "ko" else self.en


def both(ko: str, en: str) -> str:
    """Write a help text in both languages; `command_line` chooses one before it is shown."""
    return f"{ko}{_BETWEEN}{en}"


def chosen(text: str | None, lang: Lang) -> str | None:
    """Return one language of a help text that `both` made; others as they are."""
    if text is None or _BETWEEN not in text:
        return text
    ko, en = text.split(_BETWEEN)
    return ko if lang == "ko" else en


def command_line(app: Typer, lang: Lang) -> TyperGroup:
    """Return the tree of commands with its help in one language."""
    tree = get_command(app)
    if not isinstance(tree, TyperGroup):
        msg = "the command line has subcommands"
        raise TypeError(msg)
    _translate(tree, lang)
    return tree


def _translate(group: TyperGroup, lang: Lang) -> None:
    for command in (group, *group.commands.values()):
        command.help = chosen(command.help, lang)
        command.short_help = chosen(command.short_help, lang)
        command.epilog = chosen(command.epilog, lang)
        for parameter in command.params:
            for name in ("help", "rich_help_panel"):
                if hasattr(parameter, name):
                    setattr(parameter, name, chosen(getattr(parameter, name), lang))
        if command is not group and isinstance(command, TyperGroup):
            _translate(command, lang)


def language(arguments: Sequence[str], environment: Mapping[str, str]) -> Lang:
    """Choose the language before anything is parsed: --lang, then DAERI_LANG, then the locale; else Korean."""
    for at, argument in enumerate(arguments):
        if argument == "--":
            break
        name, _, value = argument.partition("=")
        if name == "--lang":
            value = value or next(iter(arguments[at + 1 : at + 2]), "")
            return "en" if value == "en" else "ko"
    locale = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    wanted = environment.get("DAERI_LANG") or ("" if locale.split(".")[0] in _NO_LOCALE else locale)
    return "ko" if not wanted or wanted.lower().startswith("ko") else "en"


RUN_STATUS: Final[Mapping[str, Words]] = {
    "queued": Words("대기 중", "queued"),
    "running": Words("실행 중", "running"),
    "waiting_approval": Words("결재 대기", "waiting for approval"),
    "waiting_input": Words("답변 대기", "waiting for input"),
    "waiting_run": Words("다른 에이전트 대기", "waiting for an agent"),
    "succeeded": Words("완료", "succeeded"),
    "failed": Words("실패", "failed"),
    "cancelled": Words("취소됨", "cancelled"),
    "expired": Words("만료", "expired"),
}
DOCUMENT_STATUS: Final[Mapping[str, Words]] = {
    "draft": Words("임시저장", "draft"),
    "in_progress": Words("결재 진행 중", "in progress"),
    "approved": Words("승인", "approved"),
    "applied": Words("승인·반영됨", "approved and applied"),
    "rejected": Words("반려", "rejected"),
    "withdrawn": Words("회수", "withdrawn"),
    "expired": Words("만료", "expired"),
    "apply_failed": Words("반영 실패", "approved, not applied"),
    "apply_unknown": Words("결과 확인 필요", "approved, outcome unknown"),
}
LINE_STATUS: Final[Mapping[str, tuple[str, Words]]] = {
    "waiting": ("▶", Words("결재 차례", "their turn")),
    "upcoming": ("·", Words("예정", "upcoming")),
    "approved": ("✓", Words("승인", "approved")),
    "rejected": ("✗", Words("반려", "rejected")),
    "skipped": ("-", Words("생략", "skipped")),
    "held": ("‖", Words("보류", "on hold")),
    "opposed": ("!", Words("반대 의견", "against, as an opinion")),
    "after": ("◷", Words("후결 대기", "decided without them, still to look")),
    "objected": ("!", Words("후결 이의", "objected afterwards")),
    "read": ("✓", Words("읽음", "read")),
    "received": ("✓", Words("접수", "accepted")),
    "returned": ("✗", Words("반송", "sent back")),
    "answered": ("✓", Words("답변", "answered")),
}
MANNERS: Final[Mapping[str, Words]] = {
    "delegated": Words("전결", "decided finally, delegated"),
    "deputy": Words("대결", "decided by a deputy"),
    "early": Words("선결", "decided early"),
    "after": Words("후결", "seen afterwards"),
    "escalated": Words("상위 결재", "decided above"),
    "consent": Words("사전 승인", "by standing consent"),
    "self": Words("1인 결재", "decided alone"),
    "lapsed": Words("기한 지남", "lapsed"),
    "dropped": Words("결재선에서 빠짐", "taken out"),
}
ACTS: Final[Mapping[str, Words]] = {
    "draft": Words("기안", "drafted"),
    "approve": Words("승인", "approved"),
    "reject": Words("반려", "rejected"),
    "withdraw": Words("회수", "withdrawn"),
    "apply": Words("반영", "applied"),
    "apply_failed": Words("반영 실패", "could not be applied"),
    "apply_unknown": Words("결과 모름", "outcome unknown"),
    "return_step": Words("전단계 반려", "returned one step"),
    "hold": Words("보류", "put on hold"),
    "release": Words("보류 해제", "taken off hold"),
    "undo": Words("결재 취소", "took the approval back"),
    "consult": Words("협의 요청", "asked for an opinion"),
    "answer": Words("답변", "answered"),
    "comment": Words("의견", "commented"),
    "read": Words("확인", "read"),
    "accept": Words("접수", "accepted"),
    "send_back": Words("반송", "sent back"),
    "assign": Words("담당 지정", "passed on"),
    "share": Words("열람 지정", "shared"),
    "change_line": Words("결재선 변경", "changed the line"),
    "replace": Words("결재자 교체", "replaced an approver"),
    "escalate": Words("상위로 올림", "went up"),
    "lapse": Words("기한 지남", "lapsed"),
    "retry": Words("다시 반영", "tried again"),
    "settle": Words("결과 확인", "settled"),
}
BOXES: Final[Mapping[str, Words]] = {
    "waiting": Words("결재할 문서", "waiting for you"),
    "upcoming": Words("예정", "upcoming"),
    "drafted": Words("기안함", "drafted by you"),
    "in_progress": Words("진행함", "in progress"),
    "done": Words("완료함", "done"),
    "rejected": Words("반려함", "rejected"),
    "cc": Words("참조함", "copied to you"),
}
STEP_KINDS: Final[Mapping[str, Words]] = {
    "analyze": Words("분석", "analyze"),
    "select": Words("도구", "tools"),
    "recall": Words("기억", "recall"),
    "summarize": Words("요약", "sum up"),
    "plan": Words("계획", "plan"),
    "execute": Words("실행", "execute"),
    "answer": Words("답변", "answer"),
}
STEP_STATUS: Final[Mapping[str, tuple[str, Words]]] = {
    "done": ("✓", Words("완료", "done")),
    "waiting": ("!", Words("결재 대기", "waiting for approval")),
    "refused": ("✗", Words("거절", "refused")),
}
EFFECTS: Final[Mapping[str, Words]] = {
    "read": Words("조회", "read"),
    "write": Words("변경", "write"),
    "irreversible": Words("되돌릴 수 없음", "irreversible"),
}
HIDDEN: Final = Words("(가려짐)", "(hidden)")
CAUSE: Final = Words("이유", "Why")
FIX: Final = Words("해결", "Fix")
MORE: Final = Words("자세히", "More")
NEXT: Final = Words("다음", "Next")

_USAGE: Final[Sequence[tuple[re.Pattern[str], str]]] = (
    (re.compile(r"No such command '(.*)'\. Did you mean (.*)\?$"), "'{0}'라는 명령은 없어요. 혹시 {1}?"),
    (re.compile(r"No such command '(.*)'\.$"), "'{0}'라는 명령은 없어요"),
    (re.compile(r"No such option: (\S+) \(Possible options: (.*)\)$"), "{0} 옵션은 없어요. 혹시 {1}?"),
    (re.compile(r"No such option: (\S+)$"), "{0} 옵션은 없어요"),
    (re.compile(r"Missing command\.$"), "할 일을 적어 주세요"),
    (re.compile(r"Missing argument '(.*)'\.$"), "{0} 자리에 값을 적어 주세요"),
    (re.compile(r"Missing option '(.*)'\.$"), "{0} 옵션이 필요해요"),
    (re.compile(r"Option '(.*)' requires an argument\.$"), "{0} 뒤에 값을 적어 주세요"),
    (re.compile(r"Invalid value for '(.*?)': (.*)$"), "{0}의 값이 맞지 않아요: {1}"),
    (
        re.compile(r"Got unexpected extra arguments? \((.*)\)$"),
        "모르는 값이 더 있어요: {0} (문장은 따옴표로 감싸 주세요)",
    ),
)


def usage(message: str, lang: Lang) -> str:
    """Word a mistake in the command line; what has no Korean wording stays in the parser's own English."""
    if lang == "en":
        return message
    for pattern, wording in _USAGE:
        found = pattern.search(message)
        if found:
            return wording.format(*found.groups())
    return message
