"""How does an error look to a client of OpenAI's API? The body its libraries read, with our whole problem beside it."""

from http import HTTPStatus
from typing import Any, ClassVar, Final

from daeri.errors import DaeriError, NotFound, PermissionDenied, ValidationFailed
from daeri.models.relay import RelayRefused
from daeri.wording import Lang, Text

PATHS: Final = ("/v1/chat/completions", "/v1/responses", "/v1/models", "/v1/embeddings")
"""Whatever goes wrong below these is told in OpenAI's shape."""

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "rate_limit_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    412: "conflict_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
_CODES: Final = {"unauthenticated": "invalid_api_key"}


class UnknownModel(NotFound):
    """There is no such model, or none that the caller may know of."""

    title = Text("그런 모델이 없어요", "There is no such model")
    help = Text("GET /v1/models에 쓸 수 있는 이름이 있어요.", "GET /v1/models lists the names you may use.")
    openai_code: ClassVar[str] = "model_not_found"


class Unsupported(ValidationFailed):
    """The request asks an agent for something that only a raw model does."""

    title = Text("에이전트가 할 수 없는 요청이에요", "An agent does not support this")
    help = Text("이 항목을 빼거나 모델을 직접 써 주세요.", "Leave it out, or use a raw model.")
    openai_code: ClassVar[str] = "unsupported_parameter"


def is_openai(path: str) -> bool:
    """Say whether errors below a path are told in OpenAI's shape."""
    return path.startswith(PATHS)


def status_of(error: DaeriError) -> int:
    """Return the status that OpenAI's libraries know the case by."""
    if isinstance(error, RelayRefused) and error.http_status is not None:
        return error.http_status
    # What does not fit a schema is 400 there.
    return HTTPStatus.BAD_REQUEST if error.status == HTTPStatus.UNPROCESSABLE_ENTITY else error.status


def error_body(error: DaeriError, lang: Lang, request_id: str = "") -> dict[str, Any]:
    """Render an error as OpenAI does; `daeri` holds it as every other protocol has it."""
    problem = error.problem(lang, request_id)
    status = status_of(error)
    message = str(problem["detail"])
    if isinstance(error, RelayRefused) and error.upstream:
        message = error.upstream
    elif isinstance(error, PermissionDenied | NotFound | Unsupported):
        message = f"{message.rstrip('.')}. {problem['help']}"
    pointers = [item["pointer"] for item in problem["errors"]]
    return {
        "error": {
            "message": message,
            "type": _TYPES.get(
                status, "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "api_error"
            ),
            "param": pointers[0].lstrip("/").replace("/", ".") if pointers else None,
            "code": getattr(error, "openai_code", _CODES.get(error.code, error.code)),
            "daeri": problem,
        }
    }
