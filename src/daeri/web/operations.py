"""What can be called, and what would happen if I did?

The list of the operations a person may call, and a form for each: a preview that changes nothing comes first, and only
from it can a change be made or filed.
"""

import json
import re
import secrets
from typing import Any, Final

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import DaeriError
from daeri.operations.arguments import parameter_label
from daeri.operations.operation import Operation
from daeri.operations.outcome import Held
from daeri.web import forms
from daeri.web.desk import Api, Desk, Visitor, see_other, spoken, told_by
from daeri.wording import Lang

_INTEGER: Final = re.compile(r"-?\d{1,18}")


class OperationForm:
    """The form of an operation, as it is filled in, previewed and refused."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk

    def operation(self, visitor: Visitor, name: str) -> Operation:
        """Return an operation that the visitor may call.

        Raises:
            NotFound: there is none.
            PermissionDenied: they may not.
        """
        return self._desk.services.door.operation(visitor.signed, name)

    def told(self, operation: Operation, visitor: Visitor) -> dict[str, Any]:
        """Describe an operation, with some examples in the visitor's language."""
        told = operation.body(visitor.lang)
        return told | {"examples": spoken(told["examples"], visitor.lang)[:3]}

    async def refused(
        self, request: Request, visitor: Visitor, operation: Operation, error: DaeriError, **state: Any
    ) -> Response:
        """Render the form with what is wrong with it."""
        return await self.page(request, visitor, operation, status=error.status, **(state | told_by(error, visitor)))

    async def page(
        self, request: Request, visitor: Visitor, operation: Operation, *, status: int = 200, **state: Any
    ) -> Response:
        """Render the form; `state` is what was sent and what came of it (sent, saved, draft, done, wrong, problem)."""
        told = self.told(operation, visitor)
        usual: dict[str, Any] = {"sent": {}, "saved": None, "draft": None, "done": None, "wrong": {}, "problem": None}
        shown = usual | state
        path = f"/v1/ops/{operation.name}" + ("" if operation.effect == "read" else "?dry_run=true")
        return await self._desk.page(
            request,
            visitor,
            "operation.html",
            status=status,
            operation=told,
            inputs=_inputs(told["input_schema"], visitor.lang),
            key=secrets.token_urlsafe(16),
            address=f"/drafts/{shown['saved']['draft_id']}" if shown["saved"] else f"/ops/{operation.name}",
            api=Api(path, "POST", json.dumps(shown["sent"], ensure_ascii=False)),
            **shown,
        )


class OperationScreens:
    """The list of operations and the form of one."""

    def __init__(self, desk: Desk) -> None:
        """Stand on the desk."""
        self._desk = desk
        self._form = OperationForm(desk)

    def add_to(self, router: APIRouter) -> None:
        """Put the screens at their paths."""
        self._desk.add(router, "/ops", self.listed)
        self._desk.add(router, "/ops/{name}", self.show)
        self._desk.add(router, "/ops/{name}", self.call, methods=["POST"])

    async def listed(self, request: Request, visitor: Visitor) -> Response:
        """List what the person may call, by catalog."""
        door = self._desk.services.door
        permitted = {operation.name for operation in door.operations(visitor.signed)}
        catalogs = [
            (
                catalog.name,
                catalog.label.to(visitor.lang),
                [
                    self._form.told(operation, visitor)
                    for operation in catalog.operations.values()
                    if operation.name in permitted
                ],
            )
            for catalog in door.company.catalogs
        ]
        return await self._desk.page(
            request,
            visitor,
            "operations.html",
            catalogs=[each for each in catalogs if each[2]],
            api=Api("/v1/ops"),
        )

    async def show(self, request: Request, visitor: Visitor) -> Response:
        """Show one operation with its form."""
        operation = self._form.operation(visitor, request.path_params["name"])
        return await self._form.page(request, visitor, operation)

    async def call(self, request: Request, visitor: Visitor) -> Response:
        """Preview the call, make it, or keep it as a draft."""
        form = await request.form()
        operation, door = self._form.operation(visitor, request.path_params["name"]), self._desk.services.door
        actor, act, lang = visitor.signed, forms.field(form, "act"), visitor.lang
        arguments = arguments_of(form, operation)
        try:
            if operation.approval is not None and act == "save":
                saved = await self._desk.services.office.drafts.save(actor, operation.name, arguments, lang=lang)
                return see_other(f"/drafts/{saved['draft_id']}")
            if operation.effect != "read" and act != "call":
                draft = await door.dry_run(actor, operation.name, arguments, lang=lang)
                return await self._form.page(request, visitor, operation, sent=arguments, draft=draft.body(lang))
            outcome = await door.call(
                actor,
                operation.name,
                arguments,
                lang=lang,
                idempotency_key=forms.field(form, "key") or None if operation.effect != "read" else None,
            )
        except DaeriError as error:
            return await self._form.refused(request, visitor, operation, error, sent=arguments)
        body = outcome.body(lang)
        if isinstance(outcome, Held) or "approval_id" in body:
            return see_other(f"/approvals/{body['approval_id']}")
        return await self._form.page(request, visitor, operation, sent=arguments, done=body)


def _inputs(schema: dict[str, Any], lang: Lang) -> list[dict[str, Any]]:
    """Turn an input schema into what a form shows of each argument."""
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "label": parameter_label(name, shape.get("description")).to(lang),
            "description": shape.get("description", ""),
            "required": name in required,
            "default": shape.get("default"),
            **_control(shape, schema.get("$defs", {})),
        }
        for name, shape in schema.get("properties", {}).items()
    ]


def _control(shape: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Choose the control for one argument: a choice, a day, yes or no, else text."""
    options = [shape, *shape.get("anyOf", ())]
    options += [definitions.get(each["$ref"].rpartition("/")[2], {}) for each in options if "$ref" in each]
    for option in options:
        if "enum" in option:
            return {"control": "choice", "choices": option["enum"]}
        if option.get("format") == "date":
            return {"control": "date", "choices": []}
        if option.get("type") == "boolean":
            return {"control": "choice", "choices": ["true", "false"]}
    return {"control": "text", "choices": []}


def arguments_of(form: FormData, operation: Operation) -> dict[str, Any]:
    """Read the form's arguments: what was left empty is left out, whole numbers and yes or no become JSON's own."""
    arguments: dict[str, Any] = {}
    for name, shape in operation.input.model_json_schema().get("properties", {}).items():
        text = forms.field(form, f"arg.{name}")
        if not text:
            continue
        kinds = {option.get("type") for option in [shape, *shape.get("anyOf", ())]}
        if "integer" in kinds and _INTEGER.fullmatch(text):
            arguments[name] = int(text)
        elif "boolean" in kinds and text in {"true", "false"}:
            arguments[name] = text == "true"
        elif kinds & {"array", "object"} and text[0] in "[{":
            arguments[name] = _json(text)
        else:
            arguments[name] = text
    return arguments


def _json(text: str) -> Any:
    """Read a list or an object as it is written in JSON; what is none stays text, for the operation to refuse."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
