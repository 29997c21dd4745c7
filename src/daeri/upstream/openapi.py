"""Which operations does an OpenAPI document (3.0, 3.1) describe, and which cannot be adopted? Pure: no network.

The document is text from outside. Nothing of it decides where a request goes or with which key; what cannot be sent
exactly as it is described is left out, with the reason.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from daeri.upstream.schemas import Reader, Unusable, told
from daeri.upstream.shape import Json, Parameter, Shape, name_of
from daeri.wording import normal

METHODS: Final = ("get", "head", "post", "put", "patch", "delete")
OPERATIONS_MAX: Final = 2_000
FIELDS_MAX: Final = 60
FETCHED, RECORDS = "fetched_before", "records_here"
INJECTED: Final = frozenset({FETCHED, RECORDS})
"""Names that no parameter may have: the operation's function gets by them what was fetched, and where to note it."""
_PATH: Final = re.compile(r"/[A-Za-z0-9\-._~!$'()*+,;=:@/{}]*")
_OURS: Final = frozenset({"accept", "authorization", "content-type"})
"""Headers that a document cannot declare as parameters, by the specification."""
_FORBIDDEN: Final = _OURS | {
    "connection",
    "content-length",
    "cookie",
    "daeri-hops",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "trailer",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "upgrade",
    "via",
}
_FORBIDDEN_STARTS: Final = ("proxy-", "x-forwarded-", "sec-")


def read_document(content: bytes) -> Json:
    """Return a document.

    Raises:
        Unusable: it is no OpenAPI 3 document in JSON.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise Unusable("it is no JSON (YAML must be converted first)") from None
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        raise Unusable("it is no OpenAPI 3 document")
    return document


def shapes_of(document: Mapping[str, Any]) -> tuple[list[Shape], dict[str, str]]:
    """Return the operations that can be adopted, and why the others cannot, by key."""
    reader, found, left_out = Reader(document), [], {}
    for method, path, item in _operations(document):
        key = item.get("operationId") if isinstance(item.get("operationId"), str) else f"{method.upper()} {path}"
        try:
            found.append(_shape(reader, document, normal(str(key))[:120], method, path, item))
        except Unusable as error:
            left_out[str(key)] = str(error)
    return found, left_out


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    count = 0
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        for method in METHODS:
            if isinstance(item, Mapping) and isinstance(item.get(method), Mapping):
                count += 1
                if count > OPERATIONS_MAX:
                    return
                yield method, str(path), item[method]


def _shape(
    reader: Reader, document: Mapping[str, Any], key: str, method: str, path: str, item: Mapping[str, Any]
) -> Shape:
    if not _PATH.fullmatch(path) or ".." in path.split("/"):
        raise Unusable("its path holds characters that no path holds")
    declared = [*_listed(document["paths"][path].get("parameters")), *_listed(item.get("parameters"))]
    taken: set[str] = {*INJECTED}
    parameters = list(_parameters(reader, declared, taken))
    named = {parameter.sent for parameter in parameters if parameter.at == "path"}
    if named != set(re.findall(r"\{([^{}]*)\}", path)):
        raise Unusable("its path does not name the parameters that it declares")
    parameters += _body(reader, item, taken)
    summary = told(item.get("summary")).splitlines()
    return Shape(
        key=key,
        name=name_of(key),
        method=method.upper(),
        path=path,
        summary=summary[0] if summary else "",
        description=told(item.get("description")),
        parameters=tuple(parameters),
        answer=_answer(reader, item),
    )


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _parameters(reader: Reader, declared: Sequence[Any], taken: set[str]) -> Iterator[Parameter]:
    latest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for each in map(reader.resolved, declared):
        latest[str(each.get("in")), str(each.get("name"))] = each
    for (at, sent), each in latest.items():
        required = at == "path" or each.get("required") is True
        reason = _unsendable(reader, at, sent, each)
        if reason == "" and at in ("path", "query", "header"):
            yield Parameter(
                name=parameter_name(sent, taken),
                at=at,
                sent=sent,
                required=required,
                values=reader.schema(each.get("schema")),
                description=told(each.get("description")),
            )
        elif required and not (at == "header" and sent.lower() in _OURS):
            raise Unusable(f"it needs the {at} parameter {sent[:60]!r}, which {reason}")


def _unsendable(reader: Reader, at: str, sent: str, each: Mapping[str, Any]) -> str:
    """Say why a parameter cannot be sent; nothing where it can."""
    if at not in ("path", "query", "header"):
        return "is no part of an address or header"
    if at == "header" and not _may_be_set(sent):
        return "is none that a caller may set"
    if "schema" not in each:
        return "has no plain schema"
    usual = {"path": "simple", "query": "form", "header": "simple"}[at]
    if each.get("style", usual) != usual or each.get("explode", at == "query") != (at == "query"):
        return "is written in an unusual style"
    schema = reader.schema(each["schema"])
    if schema.get("type") == "object" or (at != "query" and schema.get("type") == "array"):
        return "is no single value"
    return ""


def _may_be_set(header: str) -> bool:
    low = header.lower()
    is_ours = low in _FORBIDDEN or low.startswith(_FORBIDDEN_STARTS)
    return not is_ours and re.fullmatch(r"[A-Za-z0-9-]{1,60}", header) is not None


def parameter_name(sent: str, taken: set[str]) -> str:
    """Return a name for a parameter that is free, and note it as taken."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", normal(sent))
    name = re.sub(r"_+", "_", re.sub(r"\W+", "_", spaced.lower())).strip("_")[:60] or "value"
    if not name.isidentifier():
        name = f"p_{name}"
    while name in taken or hasattr(BaseModel, name):
        name += "_"
    taken.add(name)
    return name


def _body(reader: Reader, item: Mapping[str, Any], taken: set[str]) -> list[Parameter]:
    if "requestBody" not in item:
        return []
    declared = reader.resolved(item["requestBody"])
    required = declared.get("required") is True
    media = _json_of(declared.get("content"))
    if media is None:
        if required:
            raise Unusable("its body is no JSON")
        return []
    schema = reader.schema(media.get("schema"))
    return fields_of(schema, taken, required=required)


def fields_of(schema: Json, taken: set[str], *, required: bool) -> list[Parameter]:
    """Return the parameters of which an object is made; the object as a whole where it is not plainly one.

    Raises:
        Unusable: it has too many.
    """
    properties = schema.get("properties")
    if schema.get("type") != "object" or not properties or "anyOf" in schema:
        name = parameter_name("body", taken)
        return [Parameter(name=name, at="body", sent="", required=required, values=schema)]
    if len(properties) > FIELDS_MAX:
        raise Unusable(f"its body has more than {FIELDS_MAX} fields")
    must = set(schema.get("required", ())) if required else set()
    return [
        Parameter(
            name=parameter_name(sent, taken),
            at="field",
            sent=sent,
            required=sent in must,
            values={word: value for word, value in each.items() if word != "description"},
            description=each.get("description", ""),
        )
        for sent, each in properties.items()
    ]


def _answer(reader: Reader, item: Mapping[str, Any]) -> Json | None:
    responses = item.get("responses")
    if not isinstance(responses, Mapping):
        return None
    good = [str(code) for code in responses if re.fullmatch(r"2\d\d|2XX", str(code))]
    if not good:
        return None
    content = reader.resolved(responses[min(good)]).get("content")
    if not isinstance(content, Mapping) or not content:
        return None
    media = _json_of(content)
    if media is not None:
        return reader.schema(media.get("schema"))
    if any(str(kind).startswith("text/") for kind in content):
        return {"type": "string"}
    raise Unusable("its answer is neither JSON nor text")


def _json_of(content: Any) -> Mapping[str, Any] | None:
    if not isinstance(content, Mapping):
        return None
    for kind, media in content.items():
        plain = str(kind).partition(";")[0].strip().lower()
        if (plain in ("application/json", "*/*") or plain.endswith("+json")) and isinstance(media, Mapping):
            return media
    return None
