"""What tests say to a model and read of its answers."""

from dataclasses import replace
from datetime import UTC, datetime

from daeri.models.wire import InvalidToolCall, TextDelta, ToolCall
from daeri.testing.model_server import Asked, Silence, says

NOW = datetime(2026, 11, 21, 5, 2, tzinfo=UTC)
KEY = "sk-or-v1-very-secret"
QUESTION = [{"role": "user", "content": "남은 연차 며칠이야?"}]
ANSWER = "김하은 대리는 연차가 7.5일 남았어요. 🙂"
BALANCE = Asked("leave.balance", {"employee": "김하은"}, "call_a")
BUDGET = Asked("budget.left", {"team": "영업1팀", "year": 2026}, "call_b")
TOOLS = [{"type": "function", "function": {"name": "leave.balance", "parameters": {"type": "object"}}}]


async def reply(client, model, **request):
    return [item async for item in client.stream(model, QUESTION, **request)]


def text_of(items):
    return "".join(item.text for item in items if isinstance(item, TextDelta))


def calls_in(items):
    return [item for item in items if isinstance(item, ToolCall | InvalidToolCall)]


def falls_silent():
    whole = says(ANSWER)
    return replace(whole, steps=(*whole.steps[:3], Silence()))
