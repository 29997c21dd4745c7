"""Which routes of documents are there, as the API's description tells them? Beside `endpoints.py`, made alike."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daeri.gateway.endpoints import CURSOR, LIMIT, SORT, Endpoint, Parameter, Q, described_json, media

_OLD: Final = Parameter("old", "query", {"type": "boolean", "default": False}, "지난 판도 (earlier editions too).")
UPLOAD_FORM: Final[Mapping[str, Any]] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "folder": {"type": "string", "example": "규정/인사"},
        "level": {"enum": ["public", "internal", "confidential", "secret"], "default": "confidential"},
        "department": {"type": "string", "example": "인사팀"},
        "in_force_from": {"type": "string", "format": "date"},
    },
}
_WORDS: Final = Parameter(
    "q", "query", {"type": "string"}, "질문이나 낱말 (a question or words).", "연차 규정이 어떻게 돼?"
)
_HOW_MANY: Final = Parameter(
    "limit", "query", {"type": "integer", "minimum": 1, "default": 5}, "개수 (how many), at most 50.", 5
)
_SENT: Final = ("payload-too-large", "unsupported-media-type", "validation-failed", "invalid-request")

DOCUMENT_ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "post",
        "/v1/documents",
        "documents.upload",
        "documents",
        "문서 올리기 (add a document)",
        "Takes a file (PDF, DOCX, XLSX, PPTX, HWP, HWPX, HTML, Markdown, TXT, CSV, EML) and begins to read it: the "
        "answer is the run to watch, with the document. One of the same name and folder gets a new edition.",
        {202: described_json("The run that reads it.", "DocumentRun")},
        form=UPLOAD_FORM,
        problems=(*_SENT, "permission-denied", "not-found", "conflict"),
    ),
    Endpoint(
        "get",
        "/v1/documents",
        "documents.list",
        "documents",
        "문서 목록 (documents)",
        "The files that the caller may see; only editions in force unless old=true.",
        {200: described_json("A page of files.", "RowPage")},
        (
            LIMIT,
            CURSOR,
            SORT,
            Q,
            Parameter("folder", "query", {"type": "string"}, "폴더 (folder).", "규정/인사"),
            _OLD,
        ),
        problems=("validation-failed", "not-found"),
    ),
    Endpoint(
        "get",
        "/v1/documents/{key}",
        "documents.text",
        "documents",
        "문서 본문 (the text of a document)",
        "The document's passages in order, from its beginning or around one that was found.",
        {200: described_json("The text.", "DocumentText")},
        (Parameter("passage", "query", {"type": "string"}, "구절 번호 (passage to begin around).", "12"), LIMIT),
        problems=("validation-failed", "not-found", "permission-denied"),
    ),
    Endpoint(
        "delete",
        "/v1/documents/{key}",
        "documents.delete",
        "documents",
        "문서 지우기 (remove a document)",
        "Removes one edition of a document and all that is found by it.",
        {
            204: {"description": "It is gone."},
            202: described_json("An agent asked: it waits for its person. Location names the document.", "HeldCall"),
        },
        problems=("permission-denied", "not-found", "conflict", "validation-failed"),
    ),
    Endpoint(
        "get",
        "/v1/documents/{key}/original",
        "documents.original",
        "documents",
        "원본 받기 (the file itself)",
        "The file as it was brought in.",
        {200: media("The file.", "application/octet-stream")},
        problems=("not-found", "validation-failed"),
    ),
    Endpoint(
        "get",
        "/v1/search",
        "documents.find",
        "documents",
        "문서에서 찾기 (search the documents)",
        "The passages that answer best, best first, among the documents that the caller may see. `found` says whether "
        "the best one is good enough to be an answer.",
        {200: described_json("The passages.", "Hits")},
        (
            Parameter(
                "q", "query", {"type": "string"}, "질문이나 낱말 (a question or words).", "연차 규정이 어떻게 돼?"
            ),
            Parameter(
                "limit", "query", {"type": "integer", "minimum": 1, "default": 5}, "개수 (how many), at most 50.", 5
            ),
            Parameter("folder", "query", {"type": "string"}, "폴더 (folder), with those below it.", "규정"),
            _OLD,
        ),
        problems=("validation-failed", "permission-denied", "not-found"),
    ),
)
