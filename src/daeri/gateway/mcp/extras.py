"""What may a company offer over MCP beside its operations? Tools, resources and prompts that touch no records.

An operation is the only way to a record. What is given here is for everything else: a picture, a form to fill, a text
that clients read. Daeri's own tools that talk while they work stand on the same `Exchange`.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from daeri.gateway.jsonrpc import Caller
from daeri.wording import Text

Json = Mapping[str, Any]
Result = dict[str, Any]
Lasting = Literal["never", "may", "must"]


class Exchange(Protocol):
    """One request of a client, as a tool or a prompt of one's own gets it."""

    caller: Caller
    arguments: dict[str, Any]
    answers: dict[str, Any]
    """What the client's person or model answered to what was asked before, by its name."""
    state: str | None
    """What was given along with the question; the client could have changed it."""

    async def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tell how far the work is, where the client wants to know; of a task, its message is what the task says."""

    async def log(self, level: str, text: str) -> None:
        """Tell what happens, where the client wants to know as much as that; the protocol has no such for tasks."""

    def can(self, *path: str) -> bool:
        """Say whether the client declared a capability ("sampling"; "elicitation", "url")."""

    def need(self, *path: str) -> None:
        """Refuse a client that did not declare a capability."""

    def ask(self, requests: Json, state: str | None = None) -> Result:
        """Ask the client, which comes back with the answers."""


@dataclass(frozen=True, slots=True)
class ExtraTool:
    """A tool: what it answers with is a result in the protocol's own shape.

    Attributes:
        run: does the work. It may ask the client instead, and is called again with the answers and its own state.
        lasting: whether the work outlives its request, as a task of a client that follows tasks. With "may" a client
            that follows none waits for it; with "must" it is refused. Such work is written down and done by any server
            of the company, with the rights that its person has by then, and begun again where that server is lost:
            so doing it twice must do no harm.
        first: what a lasting tool looks at within each request before the work: a question back, or None to go on.
    """

    name: str
    title: Text
    description: str
    run: Callable[[Exchange], Awaitable[Result]]
    input_schema: Json = field(default_factory=lambda: {"type": "object", "properties": {}})
    hints: Json = field(default_factory=dict)
    lasting: Lasting = "never"
    first: Callable[[Exchange], Awaitable[Result | None]] | None = None


@dataclass(frozen=True, slots=True)
class ExtraResource:
    """A resource; its address may hold {variables}, which `read` gets. Bytes are sent as they are.

    Attributes:
        mark: returns something that is another once the resource is, cheaply, as clients that watch it have it looked
            at every few seconds; without one it cannot be watched.
    """

    uri: str
    name: str
    title: Text
    media_type: str
    read: Callable[[Caller, Mapping[str, str]], Awaitable[str | bytes]]
    mark: Callable[[Caller, Mapping[str, str]], Awaitable[str]] | None = None

    def variables(self, uri: str) -> dict[str, str] | None:
        """Return the variables of an address of this shape; None where it has another."""
        shape = "".join(
            f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{\w+\})", self.uri)
        )
        found = re.fullmatch(shape, uri)
        return None if found is None else found.groupdict()


@dataclass(frozen=True, slots=True)
class ExtraPrompt:
    """A prompt: what it fills is a list of messages, or a question back."""

    name: str
    title: Text
    fill: Callable[[Exchange], Awaitable[Result]]
    arguments: Sequence[tuple[str, str, bool]] = ()
    """Name, description, whether it must be given."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Extras:
    """All of them."""

    tools: Sequence[ExtraTool] = ()
    resources: Sequence[ExtraResource] = ()
    prompts: Sequence[ExtraPrompt] = ()

    def tool(self, name: str) -> ExtraTool | None:
        """Return a tool by name."""
        return next((tool for tool in self.tools if tool.name == name), None)

    def prompt(self, name: str) -> ExtraPrompt | None:
        """Return a prompt by name."""
        return next((prompt for prompt in self.prompts if prompt.name == name), None)

    def resource(self, uri: str) -> tuple[ExtraResource, dict[str, str]] | None:
        """Return the resource at an address, with its variables."""
        for each in self.resources:
            found = each.variables(uri)
            if found is not None:
                return each, found
        return None


def text(value: str) -> Result:
    """Answer with words."""
    return {"content": [{"type": "text", "text": value}]}
