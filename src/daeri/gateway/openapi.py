"""How is the API described? One OpenAPI 3.1 document: the fixed routes, and a path of its own for each operation.

Built from the same models that the routes read bodies with, so that the description cannot differ from what is taken.
The table of fixed routes is in endpoints.py.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from daeri.gateway.conversations import CONVERSATION_ENDPOINTS, CONVERSATION_SCHEMAS
from daeri.gateway.document_endpoints import DOCUMENT_ENDPOINTS
from daeri.gateway.endpoints import (
    ALWAYS,
    DRY_RUN,
    ENDPOINTS,
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    TAGS,
    Endpoint,
    Parameter,
)
from daeri.gateway.files import FILE_ENDPOINTS
from daeri.gateway.keys import FORM, KEY_ENDPOINTS, KEY_SCHEMAS
from daeri.gateway.kinds import endpoints_of, schemas_of
from daeri.gateway.metrics import METRICS_ENDPOINTS
from daeri.gateway.office_endpoints import OFFICE_ENDPOINTS, OFFICE_SCHEMAS
from daeri.gateway.openai.described import OPENAI_ENDPOINTS, OPENAI_SCHEMAS
from daeri.gateway.oversight_endpoints import OVERSIGHT_ENDPOINTS, OVERSIGHT_SCHEMAS
from daeri.gateway.problems import KNOWN, MEDIA_TYPE
from daeri.gateway.schemas import SCHEMAS
from daeri.operations.company import Company
from daeri.operations.operation import Operation

FIXED: Final = (
    *ENDPOINTS,
    *DOCUMENT_ENDPOINTS,
    *CONVERSATION_ENDPOINTS,
    *FILE_ENDPOINTS,
    *KEY_ENDPOINTS,
    *METRICS_ENDPOINTS,
    *OFFICE_ENDPOINTS,
    *OPENAI_ENDPOINTS,
    *OVERSIGHT_ENDPOINTS,
)
SUMMARY_MAX: Final = 60
COMPONENT: Final = "#/components/schemas/{model}"
CALLED: Final = (
    "permission-denied",
    "not-found",
    "conflict",
    "payload-too-large",
    "unsupported-media-type",
    "validation-failed",
)
"""Problems that a call of an operation may answer with beside those."""

Document = dict[str, Any]


def document(company: Company, version: str, server: str = "/") -> Document:
    """Return the description of a company's API."""
    schemas: dict[str, Any] = {
        **SCHEMAS,
        **OVERSIGHT_SCHEMAS,
        **CONVERSATION_SCHEMAS,
        **KEY_SCHEMAS,
        **OFFICE_SCHEMAS,
        **OPENAI_SCHEMAS,
    }
    schemas |= _bodies(FIXED)
    paths: dict[str, Any] = {}
    for endpoint in FIXED:
        paths.setdefault(endpoint.path, {})[endpoint.method] = _described(endpoint)
    schemas |= schemas_of(company, schemas["Row"], schemas["RowPage"])
    for endpoint in endpoints_of(company):
        paths.setdefault(endpoint.path, {})[endpoint.method] = _described(endpoint)
    for operation in company.operations.values():
        paths[f"/v1/ops/{operation.name}"] = {"post": _called(operation, schemas)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{company.name.en} · Daeri",
            "summary": f"{company.name.ko}의 기록과 업무를 권한과 결재선 안에서 다루는 API",
            "description": (
                "Everything here is done as a person, within what that person may do; what needs an approval becomes "
                "a document first (202). Errors are problems (RFC 9457), worded by Accept-Language (ko, en)."
            ),
            "version": version,
            "contact": {"name": f"{company.name.en} administrators", "url": server},
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server, "description": "This server"}],
        "tags": _tags(company),
        "security": [{"key": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {_response_name(code): _problem(code) for code in KNOWN},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key (dk_live_…) of a person."},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "daeri_session",
                    "description": "A signed-in browser; `__Host-daeri` over https.",
                },
            },
        },
    }


def _tags(company: Company) -> list[Document]:
    """Return the groups: Daeri's own, and each catalog that is not a part of one of them."""
    fixed = {tag["name"]: dict(tag) for tag in TAGS}
    told = {
        item.name: {"name": item.name, "description": f"{item.label.ko} ({item.label.en})"} for item in company.catalogs
    }
    return list((told | fixed).values())


def _described(endpoint: Endpoint) -> Document:
    described: Document = {
        "operationId": endpoint.name,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": endpoint.description,
        "responses": {
            **{str(status): response for status, response in endpoint.responses.items()},
            **_errors_of(endpoint),
        },
    }
    own = {item.name for item in endpoint.parameters if item.place == "path"}
    in_path = [item for item in _in_path(endpoint.path) if item.name not in own]
    parameters = [_parameter(item) for item in (*in_path, *endpoint.parameters)]
    own_words = endpoint.public or endpoint.is_openai
    if endpoint.method == "get" and not own_words and "application/json" in _contents(endpoint):
        described["responses"].setdefault("304", {"description": "It is still what If-None-Match names."})
        parameters += [_parameter(IF_NONE_MATCH)] if IF_NONE_MATCH not in endpoint.parameters else []
    if parameters:
        described["parameters"] = parameters
    taken = endpoint.taken if endpoint.body is None else endpoint.body.__name__
    if taken:
        media = FORM if endpoint.is_urlencoded else "application/json"
        described["requestBody"] = _request_body(taken, required=endpoint.body_required, media=media)
    if endpoint.form is not None:
        content = {"multipart/form-data": {"schema": dict(endpoint.form)}}
        described["requestBody"] = {"required": True, "content": content}
    if endpoint.public:
        described["security"] = []
    return described


def _contents(endpoint: Endpoint) -> set[str]:
    return set(endpoint.responses.get(200, {}).get("content", {}))


def _called(operation: Operation, schemas: dict[str, Any]) -> Document:
    """Describe one operation as a path of its own, with its own input and output."""
    stem = "".join(part.title() for part in re.split(r"[._]", operation.name))
    taken = _add(schemas, operation.input, f"{stem}Input", "validation")
    given = _add(schemas, operation.output, f"{stem}Output", "serialization")
    result = {
        "title": f"{stem}Result",
        "type": "object",
        "required": ["operation", "result", "say", "sources", "masked"],
        "properties": {**schemas["CallResult"]["properties"], "result": {"$ref": COMPONENT.format(model=given)}},
    }
    schemas[f"{stem}Result"] = result
    either = [{"$ref": COMPONENT.format(model=name)} for name in (f"{stem}Result", "DryRun")]
    responses: Document = {"200": _json("Done; or, with dry_run, what would be done.", {"anyOf": either})}
    if operation.approval is not None:
        responses["202"] = _json(
            "Filed: it waits for its approval line. Location names the document.",
            {"$ref": COMPONENT.format(model="HeldCall")},
        )
    parameters = [
        DRY_RUN,
    ]
    if operation.effect != "read":
        parameters.append(IDEMPOTENCY_KEY)
    problems = (*ALWAYS, *CALLED, *(() if operation.effect == "read" else ("idempotency-mismatch",)))
    needs_body = any(field.is_required() for field in operation.input.model_fields.values())
    return {
        "operationId": operation.name,
        "tags": [operation.catalog],
        "summary": f"{operation.label.ko} ({operation.label.en})"[:SUMMARY_MAX],
        "description": _description(operation),
        "x-daeri-risk": operation.effect,
        "x-daeri-approval": operation.approval is not None,
        "parameters": [_parameter(item) for item in parameters],
        "requestBody": _request_body(taken, required=needs_body),
        "responses": {**responses, **_errors(problems)},
    }


def _description(operation: Operation) -> str:
    effect = {
        "read": "It changes nothing.",
        "write": "It changes records.",
        "irreversible": "It cannot be undone.",
    }[operation.effect]
    approval = " People on its approval line decide first (결재)." if operation.approval is not None else ""
    asked = "".join(f"\n- {example}" for example in operation.examples[:4])
    return f"{operation.description}\n\n{effect}{approval}" + (f"\n\nAsked as:{asked}" if asked else "")


def _add(schemas: dict[str, Any], model: type[BaseModel], name: str, mode: Any) -> str:
    """Put a model's schema, and those it refers to, under names that no other operation uses."""
    schema = model.model_json_schema(mode=mode, ref_template=COMPONENT.format(model=name + "{model}"))
    for inner, described in schema.pop("$defs", {}).items():
        schemas[f"{name}{inner}"] = {**described, "title": f"{name}{inner}"}
    schemas[name] = {**schema, "title": name}
    return name


def _bodies(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    models = {endpoint.body for endpoint in endpoints if endpoint.body is not None}
    ordered = [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)]
    _, schema = models_json_schema(ordered, ref_template=COMPONENT)  # type: ignore[arg-type]
    found: dict[str, Any] = schema.get("$defs", {})
    return found


def _in_path(path: str) -> list[Parameter]:
    shapes: Mapping[str, Any] = {"key": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}}
    return [
        Parameter(name, "path", shapes.get(name, {"type": "string"}), _PATH_WORDS.get(name, name))
        for name in re.findall(r"\{(\w+)\}", path)
    ]


_PATH_WORDS: Final[Mapping[str, str]] = {
    "run_id": "실행 번호 (run), e.g. run_01KAJ…",
    "approval_id": "결재 문서 (approval document), e.g. apr_01KAJ…",
    "draft_id": "임시저장 (draft), e.g. drf_01KAJ…",
    "absence_id": "부재 (absence), e.g. abs_01KAJ…",
    "consent_id": "사전 승인 (standing consent), e.g. con_01KAJ…",
    "name": "작업 이름 (operation), e.g. leave.balance",
    "response": "응답 번호 (response), e.g. resp_01KAJ…",
    "model": "모델 이름 (model), e.g. agent/assistant",
    "kind": "기록 종류 (record type), e.g. employee",
    "key": "행 번호 (row id), e.g. 12",
    "code": "문제 코드나 확인 번호 (code), e.g. not-found",
}


def _parameter(item: Parameter) -> Document:
    described: Document = {
        "name": item.name,
        "in": item.place,
        "required": item.place == "path",
        "description": item.description,
        "schema": item.schema,
    }
    return described | ({"example": item.example} if item.example is not None else {})


def _request_body(model: str, *, required: bool, media: str = "application/json") -> Document:
    schema = {"$ref": COMPONENT.format(model=model)}
    return {"required": required, "content": {media: {"schema": schema}}}


def _json(description: str, schema: Mapping[str, Any]) -> Document:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _response_name(code: str) -> str:
    return "".join(part.title() for part in code.split("-"))


def _problem(code: str) -> Document:
    error = KNOWN[code]
    schema = {"$ref": COMPONENT.format(model="Problem")}
    return {
        "description": f"{error.title.en} ({code}). {error.help.en}",
        "content": {MEDIA_TYPE: {"schema": schema}},
    }


def _errors_of(endpoint: Endpoint) -> Document:
    codes = (*(ALWAYS if not endpoint.public else ()), *endpoint.problems)
    errors = _errors(codes, endpoint.problems_as)
    if endpoint.is_openai:
        for status in errors:
            errors[status]["content"].pop(MEDIA_TYPE)
    return errors


def _errors(codes: Iterable[str], schema: str | None = None) -> Document:
    """Return the error responses by status; several codes of one status share a description."""
    by_status: dict[str, list[str]] = {}
    for code in codes:
        known = by_status.setdefault(str(KNOWN[code].status), [])
        if code not in known:
            known.append(code)
    errors: Document = {}
    for status, several in sorted(by_status.items()):
        first = {"$ref": f"#/components/responses/{_response_name(several[0])}"}
        errors[status] = first if len(several) == 1 and schema is None else _problems(several, schema)
    return errors


def _problems(codes: Iterable[str], own: str | None) -> Document:
    told = " ".join(f"{KNOWN[code].title.en} ({code})." for code in codes)
    forms = {MEDIA_TYPE: "Problem"} | ({"application/json": own} if own is not None else {})
    content = {kind: {"schema": {"$ref": COMPONENT.format(model=model)}} for kind, model in forms.items()}
    return {"description": told, "content": content}
