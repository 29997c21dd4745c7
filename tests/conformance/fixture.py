"""The company that the public conformance suite of MCP asks for: `python -m conformance.fixture PORT` serves it.

What the suite calls by name is declared as any company would: operations where an operation can say it, else extras.
The suite knows no keys, so one is put on each request here, outside of Daeri.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import BaseModel

from daeri.errors import InvalidRequest, Refused
from daeri.gateway import Options
from daeri.gateway.jsonrpc import Caller
from daeri.gateway.mcp import Exchange, ExtraPrompt, ExtraResource, Extras, ExtraTool, text
from daeri.operations import Catalog, anyone, having
from daeri.records import Records
from daeri.wording import Lang, Text
from gateway.gateway_house import opened, with_keys
from worlds import furnish

SECRET = secrets.token_bytes(32)


def _png() -> bytes:
    """One red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")
    )


def _wav() -> bytes:
    """A tenth of a second of silence."""
    data = b"\x80" * 800
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", len(data)
    )
    return head + data


PNG, WAV = base64.b64encode(_png()).decode(), base64.b64encode(_wav()).decode()
IMAGE = {"type": "image", "data": PNG, "mimeType": "image/png"}


class Words(BaseModel):
    """A text, said as it is."""

    words: str

    def say(self, lang: Lang) -> str:
        del lang
        return self.words


def _operation(name: str) -> Catalog:
    """A catalog whose one operation `run` goes by the catalog's own name."""
    return Catalog(name, Text(name, name))


simple, failing, greeting, paying = (
    _operation(name) for name in ("test_simple_text", "test_error_handling", "greet", "payday")
)


@simple.read(label=Text("간단한 글", "Simple text"), allow=anyone)
async def run(records: Records) -> Words:
    """Answer with a simple text."""
    del records
    return Words(words="This is a simple text response for testing.")


async def _refuse(records: Records) -> Words:
    """Refuse, always."""
    del records
    raise Refused(Text("일부러 낸 오류예요", "This tool intentionally returns an error for testing"))


_refuse.__name__ = "run"
failing.read(label=Text("오류", "Error"), allow=anyone)(_refuse)


async def _greet(records: Records, name: str) -> Words:
    """Greet somebody."""
    del records
    return Words(words=f"Hello, {name}!")


_greet.__name__ = "run"
greeting.read(label=Text("인사", "Greet"), allow=anyone)(_greet)


async def _pays(records: Records) -> Words:
    """Tell when wages are paid; for the personnel office alone, whose prompts come and go with the role."""
    del records
    return Words(words="On the 25th.")


_pays.__name__ = "run"
paying.read(label=Text("급여일", "Payday"), allow=having("hr"))(_pays)

CATALOGS = (simple, failing, greeting, paying)


def asks(name: str, words: str, kind: str = "string") -> dict[str, Any]:
    """An elicitation of one field."""
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return {"method": "elicitation/create", "params": {"message": words, "requestedSchema": schema}}


def samples(words: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": {"type": "text", "text": words}}]
    return {"method": "sampling/createMessage", "params": {"messages": messages, "maxTokens": 100}}


ROOTS = {"method": "roots/list", "params": {}}


def sealed(value: str) -> str:
    return f"{value}.{hmac.new(SECRET, value.encode(), hashlib.sha256).hexdigest()}"


def opened_state(state: str | None) -> str:
    value, _, mark = (state or "").rpartition(".")
    if not hmac.compare_digest(sealed(value), f"{value}.{mark}"):
        raise InvalidRequest(Text("상태가 바뀌었어요", "The state was changed"))
    return value


async def image(_: Exchange) -> dict[str, Any]:
    return {"content": [IMAGE]}


async def audio(_: Exchange) -> dict[str, Any]:
    return {"content": [{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]}


def embedded(uri: str, words: str, kind: str = "text/plain") -> dict[str, Any]:
    return {"type": "resource", "resource": {"uri": uri, "mimeType": kind, "text": words}}


async def resource(_: Exchange) -> dict[str, Any]:
    return {"content": [embedded("test://embedded-resource", "This is an embedded resource content.")]}


async def mixed(_: Exchange) -> dict[str, Any]:
    data = embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json")
    return {"content": [{"type": "text", "text": "Multiple content types test:"}, IMAGE, data]}


async def progressing(exchange: Exchange) -> dict[str, Any]:
    for done in (0, 50, 100):
        await exchange.progress(done, 100)
        await asyncio.sleep(0.05)
    return text("Done.")


async def logging(exchange: Exchange) -> dict[str, Any]:
    for told in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await exchange.log("info", told)
        await asyncio.sleep(0.05)
    return text("Done.")


async def samples_a_prompt(exchange: Exchange) -> dict[str, Any]:
    if "answer" not in exchange.answers:
        return exchange.ask({"answer": samples(str(exchange.arguments.get("prompt")))})
    return text(f"LLM response: {exchange.answers['answer']['content']['text']}")


async def elicits(exchange: Exchange) -> dict[str, Any]:
    if "user_name" not in exchange.answers:
        return exchange.ask({"user_name": asks("name", "What is your name?")})
    return text(f"Hello, {exchange.answers['user_name'].get('content', {}).get('name')}!")


async def samples_once(exchange: Exchange) -> dict[str, Any]:
    if "capital_question" not in exchange.answers:
        return exchange.ask({"capital_question": samples("What is the capital of France?")})
    return text(str(exchange.answers["capital_question"].get("content")))


async def lists_roots(exchange: Exchange) -> dict[str, Any]:
    if "client_roots" not in exchange.answers:
        return exchange.ask({"client_roots": ROOTS})
    return text(str(exchange.answers["client_roots"].get("roots")))


async def keeps_state(exchange: Exchange) -> dict[str, Any]:
    if exchange.state is None:
        return exchange.ask({"confirm": asks("ok", "Please confirm", "boolean")}, sealed("asked"))
    opened_state(exchange.state)
    return text("state-ok")


async def asks_much(exchange: Exchange) -> dict[str, Any]:
    wanted = {
        "user_name": asks("name", "What is your name?"),
        "greeting": samples("Generate a greeting"),
        "client_roots": ROOTS,
    }
    if set(wanted) <= set(exchange.answers):
        opened_state(exchange.state)
        return text("Thank you.")
    return exchange.ask(wanted, sealed("asked"))


async def asks_twice(exchange: Exchange) -> dict[str, Any]:
    if exchange.state is None:
        return exchange.ask({"step1": asks("name", "Step 1: What is your name?")}, sealed("1"))
    if opened_state(exchange.state) == "1":
        return exchange.ask({"step2": asks("color", "Step 2: What is your favorite color?")}, sealed("2"))
    return text("Both steps are done.")


async def asks_what_it_can(exchange: Exchange) -> dict[str, Any]:
    every = {"elicitation": asks("name", "Who?"), "sampling": samples("Say hello"), "roots": ROOTS}
    wanted = {name: request for name, request in every.items() if exchange.can(name) and name not in exchange.answers}
    return exchange.ask(wanted) if wanted else text("Nothing more to ask.")


async def tampered(exchange: Exchange) -> dict[str, Any]:
    if exchange.state is None:
        return exchange.ask({"confirm": asks("ok", "Please confirm", "boolean")}, sealed("asked"))
    opened_state(exchange.state)
    return text("Whole.")


async def needs_sampling(exchange: Exchange) -> dict[str, Any]:
    exchange.need("sampling")
    return text("It can sample.")


async def streams(exchange: Exchange) -> dict[str, Any]:
    await exchange.progress(1)
    return exchange.ask({"user_name": asks("name", "What is your name?")}) if not exchange.answers else text("Hello!")


async def unchanged(exchange: Exchange) -> dict[str, Any]:
    return text(str(sorted(exchange.arguments)))


async def computes(exchange: Exchange) -> dict[str, Any]:
    await exchange.progress(0, 1, "Computing")
    await asyncio.sleep(float(exchange.arguments.get("seconds", 0)))
    return text(f"Computed {exchange.arguments.get('label')}.")


async def fails(_: Exchange) -> dict[str, Any]:
    await asyncio.sleep(1)
    raise Refused(Text("일이 안 됐어요", "The job failed"))


async def breaks(_: Exchange) -> dict[str, Any]:
    raise RuntimeError("This tool intentionally breaks")


async def deletes(exchange: Exchange) -> dict[str, Any]:
    if "confirm" not in exchange.answers:
        return exchange.ask({"confirm": asks("confirm", f"Delete {exchange.arguments.get('filename')}?", "boolean")})
    confirmed = exchange.answers["confirm"].get("content", {}).get("confirm")
    return text("Deleted." if confirmed else "Kept.")


async def asks_two(exchange: Exchange) -> dict[str, Any]:
    if set(exchange.answers) < {"one", "two"}:
        return exchange.ask({"one": asks("name", "The one's name?"), "two": asks("name", "The other's name?")})
    return text("Both are known.")


async def asks_a_name(exchange: Exchange) -> dict[str, Any] | None:
    return None if exchange.answers else exchange.ask({"user_name": asks("name", "What is your name?")})


async def greets_later(exchange: Exchange) -> dict[str, Any]:
    await asyncio.sleep(0.5)
    return text(f"Hello, {exchange.answers['user_name'].get('content', {}).get('name')}!")


SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
HEADED: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "priority": {"type": "integer", "x-mcp-header": "Priority"},
        "verbose": {"type": "boolean", "x-mcp-header": "Verbose"},
    },
}


class Turning:
    """Lets the caller's role come and go, so that tools and prompts do."""

    house: Any = None

    async def turn(self, _: Exchange) -> dict[str, Any]:
        rows = await self.house.world.sql("SELECT roles FROM w_employee WHERE id = 1")
        roles = "[]" if "hr" in str(rows[0]["roles"]) else '["hr"]'
        await self.house.world.sql("UPDATE w_employee SET roles = :roles WHERE id = 1", roles=roles)
        return text(roles)


turning = Turning()


def tool(name: str, run: Any, **more: Any) -> ExtraTool:
    return ExtraTool(name, Text(name, name), f"{name}, for the conformance suite.", run, **more)


def form(name: str, properties: dict[str, Any], *required: str) -> ExtraTool:
    """A tool that shows one form and tells what came back."""
    schema = {"type": "object", "properties": properties, "required": list(required)}

    async def shows(exchange: Exchange) -> dict[str, Any]:
        if "form" not in exchange.answers:
            message = str(exchange.arguments.get("message", "Please fill this in"))
            params = {"mode": "form", "message": message, "requestedSchema": schema}
            return exchange.ask({"form": {"method": "elicitation/create", "params": params}})
        told = exchange.answers["form"]
        return text(f"Elicitation completed: action={told['action']}, content={told.get('content')}")

    return tool(name, shows)


WORD: Mapping[str, Any] = {"type": "string"}
DEFAULTS: dict[str, Any] = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
OPTIONS = ["option1", "option2", "option3"]
TITLED = [{"const": f"value{number}", "title": f"{nth} Option"} for number, nth in enumerate(("First", "Second"), 1)]
ENUMS: dict[str, Any] = {
    "untitledSingle": {"type": "string", "enum": OPTIONS},
    "titledSingle": {"type": "string", "oneOf": TITLED},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": OPTIONS}},
    "titledMulti": {"type": "array", "items": {"anyOf": TITLED}},
}

TOOLS = (
    tool("test_sampling", samples_a_prompt),
    form("test_elicitation", {"username": WORD, "email": WORD}, "username", "email"),
    form("test_elicitation_sep1034_defaults", DEFAULTS),
    form("test_elicitation_sep1330_enums", ENUMS),
    tool("test_image_content", image),
    tool("test_audio_content", audio),
    tool("test_embedded_resource", resource),
    tool("test_multiple_content_types", mixed),
    tool("test_tool_with_progress", progressing),
    tool("test_logging_tool", logging),
    tool("test_tool_with_logging", logging),
    tool("test_missing_capability", needs_sampling),
    tool("test_streaming_elicitation", streams),
    tool("test_trigger_tool_change", turning.turn),
    tool("test_trigger_prompt_change", turning.turn),
    tool("test_input_required_result_elicitation", elicits),
    tool("test_input_required_result_sampling", samples_once),
    tool("test_input_required_result_list_roots", lists_roots),
    tool("test_input_required_result_request_state", keeps_state),
    tool("test_input_required_result_multiple_inputs", asks_much),
    tool("test_input_required_result_multi_round", asks_twice),
    tool("test_input_required_result_tampered_state", tampered),
    tool("test_input_required_result_capabilities", asks_what_it_can),
    tool("json_schema_2020_12_tool", unchanged, input_schema=SCHEMA),
    tool("test_x_mcp_header", unchanged, input_schema=HEADED),
    tool("slow_compute", computes, lasting="may"),
    tool("failing_job", fails, lasting="must"),
    tool("protocol_error_job", breaks, lasting="may"),
    tool("confirm_delete", deletes, lasting="may"),
    tool("multi_input", asks_two, lasting="may"),
    tool("test_tool_with_task", greets_later, lasting="must", first=asks_a_name),
)


async def static_text(_: Caller, __: Mapping[str, str]) -> str:
    return "This is the content of the static text resource."


async def watched(_: Caller, __: Mapping[str, str]) -> str:
    return time.strftime("%H:%M")


async def minute(caller: Caller, variables: Mapping[str, str]) -> str:
    return await watched(caller, variables)


async def static_binary(_: Caller, __: Mapping[str, str]) -> bytes:
    return _png()


async def templated(_: Caller, variables: Mapping[str, str]) -> str:
    return f'{{"id":"{variables["id"]}","templateTest":true,"data":"Data for ID: {variables["id"]}"}}'


RESOURCES = (
    ExtraResource("test://static-text", "static-text", Text("글", "Text"), "text/plain", static_text),
    ExtraResource("test://static-binary", "static-binary", Text("그림", "Picture"), "image/png", static_binary),
    ExtraResource("test://watched-resource", "watched", Text("시각", "Time"), "text/plain", watched, mark=minute),
    ExtraResource("test://template/{id}/data", "template", Text("틀", "Template"), "application/json", templated),
)


def told(*contents: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content} for content in contents]}


def words(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


async def simple_prompt(_: Exchange) -> dict[str, Any]:
    return told(words("This is a simple prompt for testing."))


async def argued(exchange: Exchange) -> dict[str, Any]:
    given = exchange.arguments
    return told(words(f"Prompt with arguments: arg1='{given.get('arg1')}', arg2='{given.get('arg2')}'"))


async def embedding(exchange: Exchange) -> dict[str, Any]:
    uri = str(exchange.arguments.get("resourceUri"))
    return told(
        embedded(uri, "Embedded resource content for testing."), words("Please process the embedded resource above.")
    )


async def pictured(_: Exchange) -> dict[str, Any]:
    return told(IMAGE, words("Please analyze the image above."))


async def asking_prompt(exchange: Exchange) -> dict[str, Any]:
    if "user_context" not in exchange.answers:
        return exchange.ask({"user_context": asks("context", "What context should the prompt use?")})
    return told(words(str(exchange.answers["user_context"].get("content"))))


def prompt(name: str, fill: Any, *arguments: str) -> ExtraPrompt:
    return ExtraPrompt(name, Text(name, name), fill, [(argument, f"The {argument}.", True) for argument in arguments])


PROMPTS = (
    prompt("test_simple_prompt", simple_prompt),
    prompt("test_prompt_with_arguments", argued, "arg1", "arg2"),
    prompt("test_prompt_with_embedded_resource", embedding, "resourceUri"),
    prompt("test_prompt_with_image", pictured),
    prompt("test_input_required_result_prompt", asking_prompt),
)

EXTRAS = Extras(TOOLS, RESOURCES, PROMPTS)


async def serve(port: int, folder: Path) -> None:
    """Serve until the process is ended."""
    for name in ("keys", "house"):
        (folder / name).mkdir()
    keyed = with_keys(furnish(folder / "world.db"), folder / "keys")
    options = Options(version="1.0.0", hosts=("127.0.0.1", "localhost"))
    async with opened(keyed, folder / "house", options, catalogs=list(CATALOGS), extras=EXTRAS) as house:
        turning.house = house
        await house.parts.open()
        key = f"Bearer {house.keys['owner']}".encode()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                scope["headers"] = [*scope["headers"], (b"authorization", key)]
            await house.app(scope, receive, send)

        await uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_level="warning")).serve()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(serve(int(sys.argv[1]), Path(place)))
