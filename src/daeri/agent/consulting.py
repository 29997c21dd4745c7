"""How does an agent ask a model? Within a budget, only models that may see the context, noted and traced.

A reply to the same request that is remembered (`models/kept.py`) is given again at no cost. Only replies that call
nothing but reads are remembered: whoever asks twice for a change is thought about twice.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from daeri.agent.context import tokens_of
from daeri.agent.planner import Situation
from daeri.models.kept import Request
from daeri.models.route import Models, Sight
from daeri.models.wire import Finished, InvalidToolCall, Item, Json, TextDelta, ToolCall, Usage
from daeri.operations.budgets import ANSWER_TOKENS, Budgets, ending
from daeri.records.prompts import PromptBook
from daeri.records.usage import UseBook
from daeri.runs.functions import AUTO, REQUIRED
from daeri.tracing import span


@dataclass(slots=True)
class Reply:
    """What a model said: its text, its calls, and those that cannot be read."""

    items: list[Item] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All of its text."""
        return "".join(item.text for item in self.items if isinstance(item, TextDelta))

    @property
    def calls(self) -> list[ToolCall]:
        """The calls that can be made."""
        return [item for item in self.items if isinstance(item, ToolCall)]

    @property
    def broken(self) -> list[InvalidToolCall]:
        """The calls that cannot be read."""
        return [item for item in self.items if isinstance(item, InvalidToolCall)]


class Prompts:
    """By which words models are asked: the same templates for all agents, and each agent's instructions."""

    def __init__(self, templates: Mapping[str, str], book: PromptBook) -> None:
        """Take the templates, by their names, and where each version of them is kept."""
        self._templates = templates
        self._book = book
        self._versions: dict[str, str] = {}

    async def version(self, instructions: str) -> str:
        """Return the version that the templates and an agent's instructions are; it is kept from its first use on."""
        if instructions not in self._versions:
            parts = {**self._templates, "instructions": instructions}
            self._versions[instructions] = await self._book.keep(parts)
        return self._versions[instructions]


class Consultant:
    """Asks models for agents."""

    def __init__(self, models: Models, book: UseBook, budgets: Budgets, prompts: Prompts) -> None:
        """Take the models, where use is noted, what may be spent, and by which prompts they are asked."""
        self._prompts = prompts
        self.models = models
        self._book = book
        self._budgets = budgets

    async def ask(
        self,
        situation: Situation,
        sight: Sight,
        messages: Sequence[Json],
        tools: Sequence[Json],
        *,
        reads: frozenset[str],
    ) -> Reply:
        """Ask for the next reply; its text is said as it comes.

        Args:
            situation: where the run stands; what was asked and used is written into it.
            sight: which models may be asked, and what they are not sent.
            messages: the context, from which that is left out already.
            tools: what the model may call.
            reads: the names among them that change nothing.

        Raises:
            ModelUnavailable: no model answered.
            BudgetExceeded: what may be spent is spent.
        """
        version = await self._prompts.version(situation.instructions)
        options = _options(situation, tools)
        request = Request(messages, tools, situation.actor.authority, options)
        kept = self.models.replies.find(request, sight.names)
        if kept:
            return await self._again(situation, sight, kept, version)
        reply = Reply()
        first = sight.names[0]
        use = self._book.begin(situation.actor, first, "plan", situation.run_id)
        asked = sum(tokens_of(message.get("content") or "") for message in messages)
        price = self.models.price(first)
        usd = price.of(asked, ANSWER_TOKENS) if price is not None else None
        reservation = await self._budgets.begin(use, situation.actor, asked + ANSWER_TOKENS, usd)
        asking = span(f"chat {first}", "client", gen_ai__operation__name="chat", gen_ai__request__model=first)
        with ending(reservation), asking as told:
            told.note(gen_ai__provider__name=self.models.provider(first))
            coming = self.models.stream(
                messages, tools, name=sight.first, among=sight.names, options=options, rank=situation.rank
            )
            async with aclosing(coming) as items:
                async for item in items:
                    reply.items.append(item)
                    if isinstance(item, TextDelta):
                        await situation.say(item.text)
                    elif isinstance(item, Usage):
                        _add_usage(situation.usage, item)
                        reservation.came_to(item.input_tokens, item.output_tokens, item.cost_usd)
                        told.note(gen_ai__usage__input_tokens=item.input_tokens)
                        told.note(gen_ai__usage__output_tokens=item.output_tokens)
                    elif isinstance(item, Finished):
                        reservation.answered_by(item.name)
                        answered = self.models.provider(item.name)  # perhaps not the one that was asked first
                        told.note(gen_ai__response__model=item.name, gen_ai__provider__name=answered)
                        self._note(situation, sight, item.name, prompts=version)
        if reads.issuperset(call.name for call in reply.calls):
            self.models.replies.keep(request, reply.items)
        return reply

    async def _again(self, situation: Situation, sight: Sight, kept: Sequence[Item], version: str) -> Reply:
        """Give a remembered reply."""
        (name,) = (item.name for item in kept if isinstance(item, Finished))
        use = self._book.begin(situation.actor, name, "plan", situation.run_id)
        self._book.note(use._replace(outcome="cached", cost_usd=Decimal(0)))
        _add_usage(situation.usage, Usage(0, 0, Decimal(0)))
        self._note(situation, sight, name, prompts=version, cached=True)
        reply = Reply(list(kept))
        if reply.text:
            await situation.say(reply.text)
        return reply

    def _note(self, situation: Situation, sight: Sight, model: str, **more: Any) -> None:
        """Write a request down for the trace: who answered, by which prompts, and what of its context it was sent."""
        situation.usage["model"] = model
        told: dict[str, Any] = {"model": model, **more}
        told |= {"classes": sorted(situation.classes)} if situation.classes else {}
        situation.asked.append(told | ({"withheld": sorted(sight.withheld)} if sight.withheld else {}))


def _options(situation: Situation, tools: Sequence[Json]) -> dict[str, Any]:
    """Return what a request says beside its messages and tools, as chat completions word it."""
    options: dict[str, Any] = {}
    if situation.answer_format is not None:
        options["response_format"] = situation.answer_format.asked
    if tools and situation.choice == REQUIRED:
        options["tool_choice"] = REQUIRED
    elif tools and situation.choice != AUTO:
        options["tool_choice"] = {"type": "function", "function": {"name": situation.choice}}
    return options


def _add_usage(total: dict[str, Any], usage: Usage) -> None:
    """Add up a run's tokens; the cost is unknown as soon as one reply's is."""
    first = "input_tokens" not in total
    total["input_tokens"] = total.get("input_tokens", 0) + usage.input_tokens
    total["output_tokens"] = total.get("output_tokens", 0) + usage.output_tokens
    before = Decimal(0) if first else total.get("cost_usd")
    known = before is not None and usage.cost_usd is not None
    total["cost_usd"] = float(Decimal(str(before)) + Decimal(str(usage.cost_usd))) if known else None
