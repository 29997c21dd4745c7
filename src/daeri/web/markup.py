"""How do values become words and marks on a page?

Here live the template environment and what templates call: texts, moments, spans, cost, the marks in an answer. Not
here: which page is shown (the screens) and which words exist (the table in texts).
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from daeri.clock import SEOUL
from daeri.web.texts import TEXTS, say
from daeri.wording import Lang, moment, won

STATIC: Final = Path(__file__).parent / "static"
_MARK: Final = re.compile(r"\[(\d{1,2})\]")
_BOLD: Final = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_LONG_NAME = 4
_SECOND_MS = 1000
_MICRO = 1_000_000


class Words:
    """What a template says in one reader's language, at one moment."""

    def __init__(self, lang: Lang, now: datetime) -> None:
        """Speak `lang`; measure how long ago things were from `now`."""
        self.lang = lang
        self._now = now

    def __call__(self, key: str, **values: object) -> str:
        """Look a text up in the language table."""
        return say(self.lang, key, **values)

    def moment(self, instant: str) -> str:
        """Say an RFC 3339 instant in full, in Seoul time."""
        return moment(datetime.fromisoformat(instant), self.lang)

    def short(self, instant: str) -> str:
        """Say the day alone, as it stands under a stamp."""
        day = datetime.fromisoformat(instant).astimezone(SEOUL)
        return f"{day.year}. {day.month}. {day.day}." if self.lang == "ko" else f"{day:%d %b %Y}".lstrip("0")

    def ago(self, instant: str) -> str:
        """Say how long ago an instant was; beyond a week, when it was."""
        past = self._now - datetime.fromisoformat(instant)
        if past < timedelta(minutes=1):
            return self("ago.now")
        if past < timedelta(hours=1):
            return self("ago.minutes", n=past // timedelta(minutes=1))
        if past < timedelta(days=1):
            return self("ago.hours", n=past // timedelta(hours=1))
        return self("ago.days", n=past.days) if past < timedelta(days=7) else self.moment(instant)

    def time(self, instant: str | None) -> Markup:
        """Mark an instant up: how long ago to read, the exact moment behind it."""
        if instant is None:
            return Markup("")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            instant, self.moment(instant), self.ago(instant)
        )

    def exact(self, instant: str) -> Markup:
        """Mark an instant up with the exact moment to read."""
        return Markup('<time datetime="{}">{}</time>').format(instant, self.moment(instant))

    def is_past(self, instant: str) -> bool:
        """Say whether an instant is over."""
        return datetime.fromisoformat(instant) <= self._now

    def took(self, milliseconds: float | None) -> str:
        """Say a span of work: milliseconds below a second, else seconds."""
        if milliseconds is None:
            return self("unknown")
        if milliseconds < 1:
            return self("ms.less")
        if milliseconds < _SECOND_MS:
            return self("ms", n=round(milliseconds))
        return self("seconds", n=f"{milliseconds / _SECOND_MS:.1f}")

    def count(self, number: int | None) -> str:
        """Say a count with thousands apart, or that it is unknown: never a zero nobody measured."""
        return self("unknown") if number is None else f"{number:,}"

    def rows(self, done: dict[str, Any]) -> str:
        """Say what a call read: how many rows, and that something was left out if it was."""
        told = self("step.rows", n=done["rows"])
        return told + self("step.masked", fields=", ".join(done["masked"])) if done["masked"] else told

    def step(self, step: dict[str, Any]) -> str:
        """Say what a step came to, in one line."""
        output = step["output"]
        if "done" in output:
            return self.rows(output["done"])
        if "refused" in output:
            return str(output["refused"]["detail"])
        key = f"said.{step['summary']}"
        return self(key) if step["kind"] == "answer" and key in TEXTS else str(step["summary"])

    def classes(self, names: Sequence[str]) -> str:
        """Name data classes."""
        return ", ".join(self(f"level.{name}") for name in names)

    def asked(self, asked: Mapping[str, Any]) -> str:
        """Say which model was asked, what its context held, and what of that it was not sent."""
        parts = [self("runs.asked", model=asked["model"])]
        parts += [
            self(f"runs.asked.{name}", classes=self.classes(asked[name]))
            for name in ("classes", "withheld")
            if asked.get(name)
        ]
        parts += [self("runs.asked.cached")] if asked.get("cached") else []
        return " · ".join(
            [*parts, *([self("runs.asked.prompts", version=asked["prompts"])] if "prompts" in asked else [])]
        )

    def cost(self, usd: float | None) -> str:
        """Say what a model cost in US dollars, or that nobody knows."""
        if usd is None:
            return self("unknown")
        return f"${round(usd * _MICRO) / _MICRO:,.6f}".rstrip("0").rstrip(".") if usd else "$0"

    def operator(self, name: str) -> str:
        """Name a comparison; one that nobody knows stays as it was typed."""
        return self(f"operator.{name}") if f"operator.{name}" in TEXTS else name

    def won(self, amount: int) -> str:
        """Say an amount of won."""
        return won(amount, self.lang)

    def called(self, person: dict[str, Any]) -> str:
        """Name a person as colleagues do: with the title, else the rank."""
        return f"{person['name']} {person['title'] or person['rank']}".strip()


def answer(text: str, run_id: str, known: int) -> Markup:
    """Mark an agent's words up: `[1]` leads to its source if there is one, `**words**` are strong, all else is text.

    A mark never begins a line: it is joined to the word before it.
    """

    def link(found: re.Match[str]) -> str:
        number = int(found.group(1))
        if not 1 <= number <= known:
            return found.group()
        return f'&#8288;<sup><a href="#{run_id}-s{number}">[{number}]</a></sup>'

    return Markup(_MARK.sub(link, _BOLD.sub(r"<strong>\1</strong>", str(escape(text.strip())))))  # noqa: S704


def pretty(value: object) -> str:
    """Show a JSON value to people who read JSON; text stays text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)


def entry(value: object) -> object:
    """Write a value as people enter it in a form: yes and no, lists and objects as JSON has them."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list | dict) else value


def asset_address() -> Callable[[str], str]:
    """Make the function that gives a static file's address with a mark of its content, so browsers may keep it."""
    marks = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:12] for file in STATIC.iterdir() if file.is_file()
    }
    return lambda name: f"/static/{name}?v={marks[name]}"


def environment() -> Environment:
    """Make the template environment; a name a template uses and nobody gives is an error, never empty text."""
    made = Environment(
        loader=PackageLoader("daeri.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["pretty"] = pretty
    made.filters["entry"] = entry
    made.globals["answer"] = answer
    made.globals["asset"] = asset_address()
    made.globals["texts"] = TEXTS
    made.globals["long_name"] = _LONG_NAME
    return made
