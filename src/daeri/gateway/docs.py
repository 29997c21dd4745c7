"""How do the API's pages look? Plain HTML without script, and with nothing fetched from anywhere."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any, Final

from daeri.errors import DaeriError
from daeri.operations.company import Company
from daeri.operations.operation import Operation
from daeri.wording import Lang, Text, moment

STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.6 system-ui, "Apple SD Gothic Neo", "Noto Sans KR", sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; word-break: keep-all; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; } h3 { margin-bottom: 0; }
code, pre { font: 0.9rem/1.5 ui-monospace, Consolas, monospace; }
pre { padding: 0.75rem 1rem; border: 1px solid #8886; border-radius: 6px; overflow-x: auto; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: 0.3rem 0.6rem 0.3rem 0; }
th, td { vertical-align: top; border-bottom: 1px solid #8884; }
.mark { border: 1px solid currentColor; border-radius: 4px; padding: 0 0.4rem; font-size: 0.85rem; }
"""
_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
PAGE_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Allows the one style sheet in the page and nothing else."""

_WORDS: Final[Mapping[str, Text]] = {
    "intro": Text(
        "모든 요청은 API 키를 가진 사람의 권한으로 처리해요. 결재가 필요한 작업은 202와 함께 결재 문서가 돼요.",
        "Every request is done as the person of its API key. What needs an approval becomes a document (202).",
    ),
    "start": Text("시작하기", "Start"),
    "read": Text("조회", "read"),
    "write": Text("변경", "write"),
    "irreversible": Text("되돌릴 수 없음", "irreversible"),
    "approval": Text("결재 필요", "needs approval"),
    "name": Text("이름", "name"),
    "type": Text("형식", "type"),
    "about": Text("설명", "description"),
    "required": Text("필수", "required"),
    "code": Text("코드", "Code"),
    "do": Text("이렇게 해 보세요", "What to do"),
}


_STATUS: Final[Mapping[str, Text]] = {
    "applied": Text("승인되어 반영됨", "approved and applied"),
    "apply_failed": Text("승인되었으나 반영되지 않음", "approved, not applied"),
}
_ENDED: Final = Text("완료됨", "completed")


def docs_page(company: Company, here: str, lang: Lang) -> str:
    """Return the page of a company's operations, with an example call of each."""
    words = {name: text.to(lang) for name, text in _WORDS.items()}
    ask = _curl(here, "/v1/runs?wait=30", {"input": "김대리 휴가 며칠 남았어?"})
    rpc_call = {"jsonrpc": "2.0", "method": "get_response", "params": {"prompt": "Hello"}, "id": 1}
    parts = [
        f"<h1>{escape(company.name.to(lang))} · API</h1>",
        f'<p>{escape(words["intro"])} <a href="/openapi.json">openapi.json</a></p>',
        f"<h2>{escape(words['start'])}</h2>{ask}{_curl(here, '/rpc', rpc_call)}",
    ]
    for catalog in company.catalogs:
        parts.append(f"<h2>{escape(catalog.label.to(lang))}</h2>")
        parts += [_operation(item, here, lang, words) for item in catalog.operations.values()]
    return _html(f"{company.name.to(lang)} API", parts, lang)


def problem_page(error: type[DaeriError], lang: Lang) -> str:
    """Return the page that explains a problem's code."""
    words = {name: text.to(lang) for name, text in _WORDS.items()}
    parts = [
        f"<h1>{escape(error.title.to(lang))}</h1>",
        f"<p>{escape(words['code'])}: <code>{escape(error.code)}</code> · HTTP {error.status}</p>",
        f"<h2>{escape(words['do'])}</h2><p>{escape(error.help.to(lang))}</p>",
    ]
    return _html(error.title.to(lang), parts, lang)


def proof_page(found: Mapping[str, Any], company: str, lang: Lang) -> str:
    """Return the page that confirms a printed document; nothing of its content stands on it."""
    times = {name: datetime.fromisoformat(found[name]) for name in ("drafted_at", "completed_at") if found[name]}
    rows = [
        (Text("문서번호", "Number"), found["number"]),
        (Text("양식", "Form"), found["title"]),
        (Text("상태", "Status"), _STATUS.get(found["status"], _ENDED).to(lang)),
        (Text("기안", "Drafted"), moment(times["drafted_at"], lang)),
        (Text("완료", "Completed"), moment(times["completed_at"], lang) if "completed_at" in times else "-"),
        (Text("문서 해시", "Document hash"), found["digest"]),
    ]
    told = "".join(f"<tr><th>{escape(label.to(lang))}</th><td>{escape(str(value))}</td></tr>" for label, value in rows)
    title = Text(f"{company}의 결재 문서가 맞아요", f"This is an approval document of {company}").to(lang)
    compare = Text(
        "종이에 적힌 번호와 해시가 아래와 같은지 확인해 주세요. 내용과 사람은 여기서 보여 주지 않아요.",
        "Compare the number and the hash on the paper with these. Its content and its people are not shown here.",
    )
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(compare.to(lang))}</p>", f"<table>{told}</table>"]
    return _html(title, parts, lang)


def _operation(operation: Operation, here: str, lang: Lang, words: Mapping[str, str]) -> str:
    marks = [words[operation.effect], *([words["approval"]] if operation.approval is not None else [])]
    schema = operation.input.model_json_schema()
    required = set(schema.get("required", ()))
    rows = "".join(
        _row(name, field, words["required"] if name in required else "")
        for name, field in schema.get("properties", {}).items()
    )
    head = "".join(f"<th>{escape(words[name])}</th>" for name in ("name", "type", "about"))
    example = {name: _example(field) for name, field in schema.get("properties", {}).items() if name in required}
    return "".join(
        [
            f'<h3 id="{escape(operation.name)}">{escape(operation.label.to(lang))} ',
            f"<code>{escape(operation.name)}</code></h3><p>",
            " ".join(f'<span class="mark">{escape(mark)}</span>' for mark in marks),
            f"</p><p>{escape(operation.summary)}</p>",
            f"<table><tr>{head}</tr>{rows}</table>" if rows else "",
            _curl(here, f"/v1/ops/{operation.name}", example),
        ]
    )


def _row(name: str, field: Mapping[str, Any], required: str) -> str:
    kind = field.get("type") or " | ".join(_kinds(field.get("anyOf", ())))
    choices = field.get("enum")
    about = " ".join(filter(None, [required, field.get("description", ""), ", ".join(map(str, choices or ()))]))
    return f"<tr><td><code>{escape(name)}</code></td><td>{escape(str(kind))}</td><td>{escape(about)}</td></tr>"


def _kinds(several: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(item.get("format") or item.get("type") or "object") for item in several]


def _example(field: Mapping[str, Any]) -> Any:
    """Return a value of the right form to start from."""
    if field.get("enum"):
        return field["enum"][0]
    if field.get("format") == "date":
        return "2026-11-26"
    kinds: Mapping[str, Any] = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
    kind = field.get("type") or next((item.get("type") for item in field.get("anyOf", ())), "string")
    return kinds.get(str(kind), "…")


def _curl(here: str, path: str, body: Mapping[str, Any]) -> str:
    sent = json.dumps(body, ensure_ascii=False)
    lines = [
        f"curl {here}{path} \\",
        '  -H "Authorization: Bearer $DAERI_KEY" \\',
        '  -H "Content-Type: application/json" \\',
        f"  -d '{sent}'",
    ]
    return "<pre>" + escape("\n".join(lines)) + "</pre>"


def _html(title: str, parts: Iterable[str], lang: Lang) -> str:
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>"
    )
