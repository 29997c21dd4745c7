"""How does the company's agent introduce itself? The agent card of A2A 1.0, with a skill for each operation.

Written as the JSON that it is, so that telling it needs no SDK. The public card names what the API's description names
to everybody; the extended one only what its caller may do.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from daeri.operations.company import Company
from daeri.operations.operation import Operation
from daeri.wording import Lang

PROTOCOL: Final = "1.0"
PATH: Final = "/a2a"
ASK: Final = "ask"
TEXT: Final = "text/plain"
JSON: Final = "application/json"
BEARER: Final = "key"


def card(company: Company, operations: Iterable[Operation], base: str, version: str, lang: Lang) -> dict[str, Any]:
    """Return the card of a server at an address."""
    agent = company.agents[0]
    name = company.name.to(lang)
    return {
        "name": f"{name} {agent.label.to(lang)}",
        "description": agent.instructions or _description(name, lang),
        "version": version,
        "supportedInterfaces": [
            {"url": f"{base}{PATH}", "protocolBinding": binding, "protocolVersion": PROTOCOL}
            for binding in ("JSONRPC", "HTTP+JSON")
        ],
        "provider": {"organization": name, "url": base},
        "documentationUrl": f"{base}/docs",
        "capabilities": {"streaming": True, "pushNotifications": True, "extendedAgentCard": True},
        "securitySchemes": {BEARER: {"httpAuthSecurityScheme": {"scheme": "bearer"}}},
        "securityRequirements": [{"schemes": {BEARER: {"list": []}}}],
        "defaultInputModes": [TEXT, JSON],
        "defaultOutputModes": [TEXT, JSON],
        "skills": [_ask(company, lang), *(_skill(operation, lang) for operation in operations)],
    }


def _ask(company: Company, lang: Lang) -> Mapping[str, Any]:
    examples = [example for operation in company.operations.values() for example in operation.examples[:1]]
    return {
        "id": ASK,
        "name": "묻고 맡기기" if lang == "ko" else "Ask and delegate",
        "description": _description(company.name.to(lang), lang),
        "tags": ["agent"],
        "examples": examples[:10],
        "inputModes": [TEXT],
        "outputModes": [TEXT, JSON],
    }


def _skill(operation: Operation, lang: Lang) -> Mapping[str, Any]:
    call = f'\n\nCall it with a data part: {{"operation": "{operation.name}", "arguments": {{…}}}}'
    tags = [operation.catalog, operation.effect, *(["approval"] if operation.approval else [])]
    return {
        "id": operation.name,
        "name": operation.label.to(lang),
        "description": operation.description + call,
        "tags": tags,
        "examples": list(operation.examples),
        "inputModes": [JSON],
        "outputModes": [JSON, TEXT],
    }


def _description(name: str, lang: Lang) -> str:
    if lang == "ko":
        return (
            f"{name}의 기록에 대해 묻고 일을 맡길 수 있어요. 부르는 사람의 권한 안에서만 답하고, 바꾸는 일은 "
            "회사의 결재를 거쳐요. 결재는 사람이 자기 화면에서만 해요."
        )
    return (
        f"Ask about the records of {name} and give it work, in Korean or English. It answers within the rights of "
        "whoever calls; changes go through the company's approval line, decided by people in their own sessions only."
    )
