"""The doors, each as one small adapter: how the same things are asked of every protocol, and what came of it.

A new door is one class here (`Way`): it says in `cannot` what it has no form for, with the reason, and writes a method
for everything else. The table of behaviours (behaviours.py) does the rest.
"""

import asyncio
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from daeri.errors import DaeriError
from daeri.operations.listing import ListQuery
from daeri.operations.outcome import Replayed
from daeri.runs.answer_format import read_format
from daeri.runs.functions import place_of, read_functions
from daeri.runs.request import Terms
from gateway.mcp_client import headers_of, message

CAPABILITIES = {
    "call": "call an operation",
    "key": "repeat a call under an idempotency key",
    "dry_run": "ask what a call would do",
    "operations": "list the operations there are for the caller",
    "lang": "ask in English",
    "ask": "ask an agent in words",
    "run": "look at a run",
    "cancel": "stop a run",
    "session": "go on with a conversation",
    "form": "ask for an answer in a form",
    "functions": "lend functions of one's own",
    "approval": "look at a document",
    "box": "list a box of documents",
    "withdraw": "take a document back",
    "decide": "decide on a document",
    "record": "look at a row of a record",
    "records": "list rows of a record",
}


@dataclass
class Got:
    """What came of it: the resource, or the code of the problem."""

    body: Any = None
    code: str = ""
    held: str = ""
    replayed: bool = False
    problem: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.code or ("held" if self.held else "done")


class Way:
    """A door. `who` is one of the house's people, or a key; None comes without one."""

    name: ClassVar[str]
    cannot: ClassVar[Mapping[str, str]] = {}

    def __init__(self, house: Any) -> None:
        self.house = house

    def key(self, who: str | None) -> str | None:
        return self.house.keys.get(who, who) if who is not None else None

    async def call(self, who, operation, arguments=None, *, key=None, lang="ko") -> Got:
        raise NotImplementedError

    async def dry_run(self, who, operation, arguments) -> Got:
        raise NotImplementedError

    async def operations(self, who) -> Got:
        raise NotImplementedError

    async def ask(self, who, words, *, session=None, agent=None, key=None, form=None, tools=None) -> Got:
        raise NotImplementedError

    async def results(self, who, run_id, **returned: str) -> Got:
        """Tell what calls returned, by their ids."""
        raise NotImplementedError

    async def run(self, who, run_id) -> Got:
        raise NotImplementedError

    async def cancel(self, who, run_id) -> Got:
        raise NotImplementedError

    async def approval(self, who, approval_id) -> Got:
        raise NotImplementedError

    async def box(self, who, box) -> Got:
        raise NotImplementedError

    async def withdraw(self, who, approval_id) -> Got:
        raise NotImplementedError

    async def decide(self, who, approval_id, decision, comment=None, version=None) -> Got:
        raise NotImplementedError

    async def record(self, who, kind, key) -> Got:
        raise NotImplementedError

    async def records(self, who, kind, filters=None, search=None) -> Got:
        raise NotImplementedError


def outcome(body: Mapping[str, Any], *, replayed: bool = False) -> Got:
    """What a body of a call means."""
    held = str(body["approval_id"]) if body.get("status") == "in_progress" and "line" in body else ""
    return Got(dict(body), held=held, replayed=replayed)


def refused(problem: Mapping[str, Any]) -> Got:
    return Got(code=str(problem["code"]), problem=problem)


class Python(Way):
    """The services themselves, as the screens call them: what every other door is compared with."""

    name = "python"

    async def _told(self, who, work) -> Got:
        try:
            actor = await self.house.identity.actor_of_key(self.key(who) or "", self.name)
            return await work(actor)
        except DaeriError as error:
            return refused(error.problem("ko"))

    async def call(self, who, operation, arguments=None, *, key=None, lang="ko"):
        async def work(actor):
            came = await self.house.world.door.call(actor, operation, arguments or {}, lang=lang, idempotency_key=key)
            return outcome(came.body(lang), replayed=isinstance(came, Replayed))

        return await self._told(who, work)

    async def dry_run(self, who, operation, arguments):
        async def work(actor):
            return Got((await self.house.world.door.dry_run(actor, operation, arguments)).body())

        return await self._told(who, work)

    async def operations(self, who):
        async def work(actor):
            return Got([item.name for item in self.house.world.door.operations(actor)])

        return await self._told(who, work)

    async def ask(self, who, words, *, session=None, agent=None, key=None, form=None, tools=None):
        async def work(actor):
            lent = read_functions(tools or [], None)
            runs, terms = self.house.world.runs, Terms(answer_format=read_format(form), functions=lent)
            run = await runs.create(actor, words, agent=agent, session_id=session, idempotency_key=key, terms=terms)
            return Got(await runs.wait(actor, run["run_id"], 0))

        return await self._told(who, work)

    async def results(self, who, run_id, **returned):
        async def work(actor):
            told = {place_of(call)[1]: text for call, text in returned.items()}
            return Got(await self.house.world.runs.returned(actor, run_id, told))

        return await self._told(who, work)

    async def run(self, who, run_id):
        async def work(actor):
            return Got(await self.house.world.runs.get(actor, run_id))

        return await self._told(who, work)

    async def cancel(self, who, run_id):
        async def work(actor):
            return Got(await self.house.world.runs.cancel(actor, run_id))

        return await self._told(who, work)

    async def approval(self, who, approval_id):
        async def work(actor):
            return Got(await self.house.world.approvals.show(actor, approval_id))

        return await self._told(who, work)

    async def box(self, who, box):
        async def work(actor):
            return Got((await self.house.world.approvals.box(actor, box))["data"])

        return await self._told(who, work)

    async def withdraw(self, who, approval_id):
        async def work(actor):
            return Got(await self.house.world.approvals.withdraw(actor, approval_id))

        return await self._told(who, work)

    async def decide(self, who, approval_id, decision, comment=None, version=None):
        async def work(actor):
            return Got(await self.house.world.approvals.decide(actor, approval_id, decision, comment, version=version))

        return await self._told(who, work)

    async def record(self, who, kind, key):
        async def work(actor):
            return Got(await self.house.world.shelf.get(actor, kind, key, "ko"))

        return await self._told(who, work)

    async def records(self, who, kind, filters=None, search=None):
        async def work(actor):
            listed = ListQuery(filters=[(name, "eq", value) for name, value in (filters or {}).items()], search=search)
            return Got((await self.house.world.shelf.page(actor, kind, listed, "ko"))["data"])

        return await self._told(who, work)


class Rest(Way):
    """REST, as curl would speak it."""

    name = "rest"

    async def _send(self, who, method, path, body=None, headers=None, params=None):
        key = self.key(who)
        sent = {**({"Authorization": f"Bearer {key}"} if key is not None else {}), **(headers or {})}
        more = {"json": body} if body is not None else {}
        return await self.house.http.request(method, path, headers=sent, params=params, **more)

    async def _got(self, *sent, **more) -> Got:
        response = await self._send(*sent, **more)
        return Got(response.json()) if response.status_code < 400 else refused(response.json())

    async def call(self, who, operation, arguments=None, *, key=None, lang="ko"):
        headers = {"Accept-Language": lang} | ({"Idempotency-Key": key} if key else {})
        response = await self._send(who, "POST", f"/v1/ops/{operation}", arguments or {}, headers)
        if response.status_code >= 400:
            return refused(response.json())
        return outcome(response.json(), replayed="idempotency-replayed" in response.headers)

    async def dry_run(self, who, operation, arguments):
        return await self._got(who, "POST", f"/v1/ops/{operation}?dry_run=true", arguments)

    async def operations(self, who):
        got = await self._got(who, "GET", "/v1/ops")
        return got if got.code else Got([item["name"] for item in got.body["data"]])

    async def ask(self, who, words, *, session=None, agent=None, key=None, form=None, tools=None):
        body = {"input": words} | ({"session_id": session} if session else {}) | ({"agent": agent} if agent else {})
        body |= ({"response_format": form} if form else {}) | ({"tools": tools} if tools else {})
        headers = {"Idempotency-Key": key} if key else {}
        return await self._got(who, "POST", "/v1/runs?wait=0.001", body, headers)

    async def results(self, who, run_id, **returned):
        return await self._got(who, "POST", f"/v1/runs/{run_id}/results", {"results": _results(returned)})

    async def run(self, who, run_id):
        return await self._got(who, "GET", f"/v1/runs/{run_id}")

    async def cancel(self, who, run_id):
        return await self._got(who, "POST", f"/v1/runs/{run_id}/cancel", {})

    async def approval(self, who, approval_id):
        return await self._got(who, "GET", f"/v1/approvals/{approval_id}")

    async def box(self, who, box):
        got = await self._got(who, "GET", f"/v1/approvals?box={box}")
        return got if got.code else Got(got.body["data"])

    async def withdraw(self, who, approval_id):
        return await self._got(who, "POST", f"/v1/approvals/{approval_id}/withdraw", {})

    async def decide(self, who, approval_id, decision, comment=None, version=None):
        body = {"decision": decision} | ({"comment": comment} if comment else {})
        headers = {"If-Match": f'"{version}"'} if version is not None else {}
        return await self._got(who, "POST", f"/v1/approvals/{approval_id}/decisions", body, headers)

    async def record(self, who, kind, key):
        return await self._got(who, "GET", f"/v1/records/{kind}/{key}")

    async def records(self, who, kind, filters=None, search=None):
        params = {**(filters or {}), **({"q": search} if search else {})}
        got = await self._got(who, "GET", f"/v1/records/{kind}", params=params)
        return got if got.code else Got(got.body["data"])


def _results(returned: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"call_id": call, "output": text} for call, text in returned.items()]


class Rpc(Rest):
    """JSON-RPC 2.0 over HTTP."""

    name = "rpc"

    async def _rpc(self, who, method, params, headers=None) -> Got:
        sent = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        answer = (await self._send(who, "POST", "/rpc", sent, headers)).json()
        return refused(answer["error"]["data"]) if "error" in answer else Got(answer["result"])

    async def call(self, who, operation, arguments=None, *, key=None, lang="ko"):
        params = {"name": operation, "arguments": arguments or {}} | ({"idempotency_key": key} if key else {})
        got = await self._rpc(who, "ops.call", params, {"Accept-Language": lang})
        return got if got.code else outcome(got.body, replayed=bool(key) and self._seen(who, key))

    _keys: ClassVar[set[tuple[Any, ...]]] = set()

    def _seen(self, who, key) -> bool:
        """JSON-RPC says nothing of a replay, so that it is one is known from the request alone."""
        mark = (id(self.house), who, key)
        seen = mark in self._keys
        self._keys.add(mark)
        return seen

    async def dry_run(self, who, operation, arguments):
        return await self._rpc(who, "ops.call", {"name": operation, "arguments": arguments, "dry_run": True})

    async def operations(self, who):
        got = await self._rpc(who, "ops.list", {})
        return got if got.code else Got([item["name"] for item in got.body["data"]])

    async def ask(self, who, words, *, session=None, agent=None, key=None, form=None, tools=None):
        params = {"input": words, "wait": 0.001, "session_id": session, "agent": agent, "idempotency_key": key}
        params |= {"response_format": form, "tools": tools}
        return await self._rpc(who, "runs.create", {name: value for name, value in params.items() if value is not None})

    async def results(self, who, run_id, **returned):
        return await self._rpc(who, "runs.results", {"run_id": run_id, "results": _results(returned)})

    async def run(self, who, run_id):
        return await self._rpc(who, "runs.get", {"run_id": run_id})

    async def cancel(self, who, run_id):
        return await self._rpc(who, "runs.cancel", {"run_id": run_id})

    async def approval(self, who, approval_id):
        return await self._rpc(who, "approvals.get", {"approval_id": approval_id})

    async def box(self, who, box):
        got = await self._rpc(who, "approvals.list", {"box": box})
        return got if got.code else Got(got.body["data"])

    async def withdraw(self, who, approval_id):
        return await self._rpc(who, "approvals.withdraw", {"approval_id": approval_id})

    async def decide(self, who, approval_id, decision, comment=None, version=None):
        params = {"approval_id": approval_id, "decision": decision, "comment": comment, "version": version}
        return await self._rpc(who, "approvals.decide", params)

    async def record(self, who, kind, key):
        return await self._rpc(who, "records.get", {"type": kind, "id": key})

    async def records(self, who, kind, filters=None, search=None):
        params = {"type": kind, "filters": filters or {}} | ({"q": search} if search else {})
        got = await self._rpc(who, "records.list", params)
        return got if got.code else Got(got.body["data"])


class Socket(Rpc):
    """JSON-RPC 2.0 over a WebSocket, one for each call."""

    name = "ws"

    async def _rpc(self, who, method, params, headers=None) -> Got:
        key = self.key(who)
        sent = {"Authorization": f"Bearer {key}"} if key is not None else {}
        heard = await self._talk(
            sent | (headers or {}), {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        )
        return refused(heard["error"]["data"]) if "error" in heard else Got(heard["result"])

    async def _talk(self, headers: Mapping[str, str], message: Any) -> Any:
        """Open a WebSocket, say one thing and hear one; where it is not opened, that is what is heard."""
        said: asyncio.Queue[Any] = asyncio.Queue()
        heard: asyncio.Queue[Any] = asyncio.Queue()
        scope = {
            "type": "websocket",
            "scheme": "ws",
            "path": "/ws",
            "query_string": b"",
            "headers": [
                (name.lower().encode(), value.encode()) for name, value in ({"Host": "daeri.test"} | headers).items()
            ],
            "client": ("127.0.0.1", 1),
            "server": ("daeri.test", 80),
            "extensions": {"websocket.http.response": {}},
        }
        said.put_nowait({"type": "websocket.connect"})
        serving = asyncio.create_task(self.house.app(scope, said.get, heard.put))
        async with asyncio.timeout(20):
            if (await heard.get())["type"] != "websocket.accept":
                return {"error": {"data": json.loads((await heard.get())["body"])}}
            said.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})
            answer = json.loads((await heard.get())["text"])
            said.put_nowait({"type": "websocket.disconnect", "code": 1000})
            await serving
        return answer


class OpenAi(Rest):
    """OpenAI's Responses API, as its libraries speak it."""

    name = "openai"
    cannot: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("call", "dry_run", "operations", "approval", "box", "withdraw", "decide", "record", "records"),
        "OpenAI's API asks agents and models; it knows no operations, rows or documents",
    )

    async def _got(self, *sent, **more) -> Got:
        response = await self._send(*sent, **more)
        if response.status_code >= 400:
            return refused(response.json()["error"]["daeri"])
        body = response.json()
        said = [item for item in body["output"] if item["type"] == "message"]
        texts = [part.get("text", part.get("refusal")) for item in said for part in item["content"]]
        calls = [
            {"call_id": item["call_id"], "name": item["name"], "arguments": json.loads(item["arguments"])}
            for item in body["output"]
            if item["type"] == "function_call"
        ]
        run_id = "run_" + body["id"].removeprefix("resp_").partition("_")[0]
        told = {"run_id": run_id, "answer": (texts or [None])[0], "calls": calls}
        return Got(told | body.get("daeri", {"status": body["status"]}))

    async def ask(self, who, words, *, session=None, agent=None, key=None, form=None, tools=None):
        body = {"model": f"agent/{agent or 'assistant'}", "input": words}
        if form:  # a response has the members of the schema beside its type
            body["text"] = {"format": {"type": form["type"], **form["json_schema"]}}
        body |= {"tools": [{"type": "function", **each["function"]} for each in tools]} if tools else {}
        headers = {"Idempotency-Key": key} if key else {}
        more = {"daeri": {"session_id": session}} if session else {}
        return await self._got(who, "POST", "/v1/responses", body | more, headers)

    async def results(self, who, run_id, **returned):
        items = [{"type": "function_call_output", **each} for each in _results(returned)]
        previous = run_id.replace("run_", "resp_")
        body = {"model": "agent/assistant", "input": items, "previous_response_id": previous}
        return await self._got(who, "POST", "/v1/responses", body)

    async def run(self, who, run_id):
        return await self._got(who, "GET", f"/v1/responses/{run_id.replace('run_', 'resp_')}")

    async def cancel(self, who, run_id):
        return await self._got(who, "POST", f"/v1/responses/{run_id.replace('run_', 'resp_')}/cancel")


class Mcp(Rest):
    """MCP 2026-07-28, one request at a time."""

    name = "mcp"
    cannot: ClassVar[Mapping[str, str]] = {
        "decide": "no decision is made over MCP: deciding needs the person's own session, so there is no tool for it",
        "form": "what a tool of MCP answers has the form that the tool declares",
        "functions": "a client of MCP that has tools is a server of MCP, which Daeri adopts as a service",
    }

    async def _tool(self, who, tool, arguments, *, meta=None, lang="ko") -> tuple[Got, dict[str, Any]]:
        sent = message("tools/call", {"name": tool, "arguments": arguments, **({"_meta": meta} if meta else {})})
        headers = headers_of(sent, None) | {"Accept-Language": lang}
        answer = (await self._send(who, "POST", "/mcp", sent, headers)).json()
        if "jsonrpc" not in answer:
            return refused(answer), {}
        if "error" in answer:
            return refused(answer["error"]["data"]), {}
        result = answer["result"]
        structured = result["structuredContent"]
        failed = result["isError"] and "code" in structured
        return (refused(structured) if failed else Got(structured)), result

    async def call(self, who, operation, arguments=None, *, key=None, lang="ko"):
        meta = {"daeri/idempotency-key": key} if key else None
        got, result = await self._tool(who, operation, arguments or {}, meta=meta, lang=lang)
        if got.code:
            return got
        return outcome(got.body, replayed=bool(result.get("_meta", {}).get("daeri/replayed")))

    async def dry_run(self, who, operation, arguments):
        return (await self._tool(who, operation, arguments, meta={"daeri/dry-run": True}))[0]

    async def operations(self, who):
        sent = message("tools/list")
        answer = (await self._send(who, "POST", "/mcp?tools=all", sent, headers_of(sent, None))).json()
        if "result" not in answer:
            return refused(answer)
        known = self.house.world.company.operations
        return Got([tool["name"] for tool in answer["result"]["tools"] if tool["name"] in known])

    async def ask(self, who, words, *, session=None, agent=None, key=None):
        wanted = {"input": words, "wait": 0.001, "session_id": session, "agent": agent}
        given = {name: value for name, value in wanted.items() if value is not None}
        sent = message("tools/call", {"name": "runs.create", "arguments": given})
        headers = headers_of(sent, None) | ({"Idempotency-Key": key} if key else {})
        answer = (await self._send(who, "POST", "/mcp", sent, headers)).json()
        if "result" not in answer:
            return refused(answer)
        structured = answer["result"]["structuredContent"]
        return refused(structured) if "code" in structured else Got(structured)

    async def run(self, who, run_id):
        return (await self._tool(who, "runs.get", {"run_id": run_id}))[0]

    async def cancel(self, who, run_id):
        return (await self._tool(who, "runs.cancel", {"run_id": run_id}))[0]

    async def approval(self, who, approval_id):
        return (await self._tool(who, "approvals.get", {"approval_id": approval_id}))[0]

    async def box(self, who, box):
        got, _ = await self._tool(who, "approvals.list", {"box": box})
        return got if got.code else Got(got.body["data"])

    async def withdraw(self, who, approval_id):
        return (await self._tool(who, "approvals.withdraw", {"approval_id": approval_id}))[0]

    async def record(self, who, kind, key):
        return (await self._tool(who, "records.get", {"type": kind, "id": key}))[0]

    async def records(self, who, kind, filters=None, search=None):
        arguments = {"type": kind, "filters": filters or {}} | ({"q": search} if search else {})
        got, _ = await self._tool(who, "records.list", arguments)
        return got if got.code else Got(got.body["data"])


class A2A(Rest):
    """A2A 1.0 over JSON-RPC."""

    name = "a2a"
    cannot: ClassVar[Mapping[str, str]] = {
        "decide": "no decision is made by a message: deciding needs the person's own session",
        "form": "A2A names kinds of media that are taken, and no schema",
        "functions": "A2A knows agents that talk, and no functions of a client's",
        "dry_run": "A2A knows messages and tasks; an agent that only tries has no form there",
        "box": "tasks are listed, boxes of documents are not: they are a person's",
        "record": "A2A speaks with an agent; rows are looked at through an operation or a question",
        "records": "as above",
    }

    async def _rpc(self, who, method, params, lang="ko") -> tuple[Got, dict[str, Any]]:
        sent = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {"A2A-Version": "1.0", "Accept-Language": lang}
        answer = (await self._send(who, "POST", "/a2a", sent, headers)).json()
        if "jsonrpc" not in answer:
            return refused(answer), {}
        if "error" in answer:
            return refused(answer["error"]["data"][0]["metadata"]), {}
        return Got(answer["result"]), answer["result"]

    async def _message(self, who, part, *, key=None, context=None, tenant=None, lang="ko"):
        sent = {"messageId": key or uuid.uuid4().hex, "role": "ROLE_USER", "parts": [part]}
        params = {"message": sent | ({"contextId": context} if context else {})}
        return await self._rpc(who, "SendMessage", params | ({"tenant": tenant} if tenant else {}), lang)

    async def call(self, who, operation, arguments=None, *, key=None, lang="ko"):
        part = {"data": {"operation": operation, "arguments": arguments or {}}, "mediaType": "application/json"}
        got, result = await self._message(who, part, key=key, lang=lang)
        if got.code:
            return got
        if "task" in result:
            approval_id = result["task"]["id"]
            return Got({"approval_id": approval_id}, held=approval_id)
        data = _plain(next(part["data"] for part in result["message"]["parts"] if "data" in part))
        return refused(data["problem"]) if "problem" in data else outcome(data)

    async def operations(self, who):
        got, result = await self._rpc(who, "GetExtendedAgentCard", {})
        return got if got.code else Got([skill["id"] for skill in result["skills"] if skill["id"] != "ask"])

    async def ask(self, who, words, *, session=None, agent=None, key=None):
        got, result = await self._message(who, {"text": words}, key=key, context=session, tenant=agent)
        return got if got.code else await self._run_of(who, result["task"])

    async def run(self, who, run_id):
        got, result = await self._rpc(who, "GetTask", {"id": run_id})
        return got if got.code else await self._run_of(who, result)

    async def cancel(self, who, run_id):
        got, result = await self._rpc(who, "CancelTask", {"id": run_id})
        return got if got.code else await self._run_of(who, result)

    async def approval(self, who, approval_id):
        got, result = await self._rpc(who, "GetTask", {"id": approval_id})
        return got if got.code else Got({"approval_id": result["id"], "status": result["metadata"]["daeri/status"]})

    async def withdraw(self, who, approval_id):
        got, result = await self._rpc(who, "CancelTask", {"id": approval_id})
        return got if got.code else Got({"approval_id": result["id"], "status": result["metadata"]["daeri/status"]})

    async def _run_of(self, _, task) -> Got:
        """A task as far as it tells of its run."""
        texts = [part["text"] for item in task.get("artifacts", ()) for part in item["parts"] if "text" in part]
        said = [part["text"] for part in task["status"].get("message", {}).get("parts", ()) if "text" in part]
        return Got(
            {
                "run_id": task["id"],
                "session_id": task["contextId"],
                "status": task["metadata"]["daeri/status"],
                "answer": (texts or said or [None])[0],
            }
        )


def _plain(value: Any) -> Any:
    """Numbers as they were: protobuf has one kind only."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


WAYS: tuple[type[Way], ...] = (Python, Rest, Rpc, Socket, OpenAi, Mcp, A2A)
"""Every door; the first is what the others are compared with."""

_IDS = re.compile(r"(run|apr|ses|key|sig|psh)_[0-9A-Z]{26}")
_OF_THE_DOOR = ("seq", "door", "credential", "request_id", "previous_hash", "hash", "at")


def audited(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The audit as every door must leave it: without what names the door, and with ids by their order."""
    seen: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        return seen.setdefault(found[0], f"{found[1]}#{len(seen)}")

    def plain(value: Any) -> Any:
        if isinstance(value, str):
            return _IDS.sub(named, value)
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list) else value

    told = [{name: plain(value) for name, value in row.items() if name not in _OF_THE_DOOR} for row in rows]
    for row in told:
        if isinstance(row["detail"], dict):
            row["detail"].pop("from", None)  # the address it came from: only doors on a network have one
        if row["action"].startswith("approval."):
            row.pop("arguments_digest")  # the seal of this very document, with its id in it
    return told
