"""What does a run say, as text? Its events become pieces of the answer and, at its end or when it waits, the run.

For protocols that know text and an end but no steps: OpenAI's two. Nothing here decides how either is written.
"""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final, cast

from daeri.gateway.parts import Mark, Part, Run, part_of
from daeri.records.actor import Actor
from daeri.runs.journal import AT_WORK
from daeri.runs.runs import Runs
from daeri.wording import Lang, Text

SETTLED: Final = frozenset({"run.waiting", "stream.end"})
_HANGUL: Final = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
_HELD: Final = Text(
    "결재를 기다리고 있어요: 결재 문서 {ids}. 결재가 끝나면 대리가 이어서 처리해요.",
    "Waiting for approval: document {ids}. The agent goes on when it is decided.",
)
_STOPPED: Final = Text("실행을 멈췄어요.", "The run was stopped.")
_WORKING: Final = Text("아직 처리하고 있어요: 실행 {ids}.", "Still working: run {ids}.")

WHOLE: Final = Part(0, Mark())
"""The first part of a run: all of it, where its caller lends no functions."""


async def hear(
    runs: Runs, actor: Actor, run_id: str, lang: Lang, part: Part = WHOLE, *, live: bool = True
) -> AsyncGenerator[str | Run | None, None]:
    """Yield the text of a part of a run piece by piece, None when nothing was said for a while, and at last the run.

    Text that was said stays said: when a crash made the run word its answer anew, only what is new is yielded. Without
    `live` the pieces are those that the run keeps, which are the same whenever they are heard. A run that waits for
    people is told as it was when it began to wait, though it may have gone on.
    """
    said = told = part.begins.spoken
    held: Mapping[str, Any] | None = None
    heard = runs.events(actor, run_id, part.begins.after, len(said), live=live)
    async with aclosing(cast("AsyncGenerator[dict[str, Any] | None, None]", heard)) as sequence:
        async for event in sequence:
            if event is None:
                yield None
                continue
            if event["type"] in SETTLED:
                held = held if event["status"] == "waiting_approval" else None
                break
            if event["type"] == "approval.requested":
                held = event
            elif event["type"] == "message.restarted":
                told = str(event["text"])
            elif event["type"] == "message.delta":
                told += event["text"]
                if told.startswith(said) and told != said:
                    piece, said = told[len(said) :], told
                    yield piece
    run = await runs.get(actor, run_id, lang)
    run = part_of(run if held is None else runs.as_it_waited(run, held, lang), part.number)
    rest = _rest(run, said.removeprefix(part.begins.spoken), lang)
    if rest:
        yield rest
    yield run


def _rest(run: Run, said: str, lang: Lang) -> str:
    """Return what is to be told of a run beside what was said."""
    whole = "" if refusal_of(run, lang) is not None else text_of(run, lang)
    if whole.startswith(said):
        return whole[len(said) :]
    return f"\n\n{whole}" if whole else ""


def text_of(run: Run, lang: Lang) -> str:
    """Return what is to be told of a run as it stands: its answer, or honestly why there is none yet."""
    status, answer = run["status"], run["answer"] or ""
    if status == "waiting_approval":
        held = _HELD.to(lang).format(ids=", ".join(run["approvals"]))
        return f"{answer}\n\n{held}" if answer else held
    if status == "cancelled":
        return answer or _STOPPED.to(lang)
    if status in AT_WORK:
        return answer or _WORKING.to(lang).format(ids=run["run_id"])
    return answer


def refusal_of(run: Run, lang: Lang) -> str | None:
    """Say why there is no answer in the form that was asked for; None where there is, or where none was asked for."""
    is_there = run["status"] == "succeeded" or run["calls"]
    return None if run["response_format"] is None or is_there else text_of(run, lang)


def told_of(run: Run, ignored: list[str]) -> dict[str, Any]:
    """Return what OpenAI's shapes have no place for: the member `daeri` of a reply.

    `approvals` are the documents the run filed; while status is waiting_approval the last of them is not decided.
    `ignored` names what the request held that an agent takes from its company instead.
    """
    names = ("run_id", "session_id", "status", "approvals", "citations", "choices")
    return {**{name: run[name] for name in names}, "ignored": ignored}


def language_of(text: str) -> Lang:
    """Choose the language of a request that names none: Korean where it has a Korean letter."""
    return "ko" if _HANGUL.search(text) else "en"
