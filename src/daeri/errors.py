"""What can go wrong, in one tree: each class is one stable code that every protocol renders in its own way.

A class says what happened (title) and what to do (help) in Korean and English; an instance adds the detail.
Nothing here knows HTTP bodies or JSON-RPC envelopes: protocols read `code`, `status` and `rpc_code`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from daeri.wording import Lang, Text, fit_josa


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid input field: a JSON pointer (RFC 6901) and what is wrong there."""

    pointer: str
    detail: Text | str

    def to(self, lang: Lang) -> str:
        """Word the detail; a plain string is the same in both languages."""
        return self.detail if isinstance(self.detail, str) else self.detail.to(lang)


class DaeriError(Exception):
    """The base of every error that Daeri tells a caller about."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    rpc_code: ClassVar[int] = -32603
    retryable: ClassVar[bool] = False
    title: ClassVar[Text] = Text("서버에서 문제가 생겼어요", "Something went wrong on the server")
    help: ClassVar[Text] = Text(
        "잠시 뒤 다시 해 보시고, 계속되면 요청 번호를 관리자에게 알려 주세요.",
        "Try again shortly; if it goes on, give the request id to your administrator.",
    )

    def __init__(
        self, detail: Text | None = None, *, errors: Sequence[FieldError] = (), extra: dict[str, Any] | None = None
    ) -> None:
        """Take the detail of this case, field errors, and further members of the problem body."""
        self.detail = detail if detail is not None else self.title
        self.errors = tuple(errors)
        self.extra = extra or {}
        super().__init__(self.detail.en)

    def about(self, what: Text) -> Self:
        """Return the same error, its detail headed by what it is about."""
        again = type(self).__new__(type(self))
        detail = Text(f"{what.ko}: {self.detail.ko}", f"{what.en}: {self.detail.en}")
        again.__dict__ |= self.__dict__ | {"detail": detail}
        again.args = (detail.en,)
        return again

    def problem(self, lang: Lang, request_id: str = "") -> dict[str, Any]:
        """Render as an RFC 9457 problem object (members of UX section 5)."""
        detail = fit_josa(self.detail.ko) if lang == "ko" else self.detail.en
        body: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title.to(lang),
            "status": self.status,
            "detail": detail,
            "code": self.code,
            "errors": [{"pointer": e.pointer, "detail": e.to(lang)} for e in self.errors],
            "help": self.help.to(lang),
            "retryable": self.retryable,
        }
        if request_id:
            body["request_id"] = request_id
        return body | self.extra


class InvalidRequest(DaeriError):
    """The request cannot be read at all."""

    code, status, rpc_code = "invalid-request", 400, -32600
    title = Text("요청을 읽을 수 없어요", "The request cannot be read")
    help = Text("요청의 형식을 확인해 주세요.", "Check the form of the request.")


class ValidationFailed(DaeriError):
    """The arguments do not fit the operation's input."""

    code, status, rpc_code = "validation-failed", 422, -32602
    title = Text("입력값을 확인해 주세요", "Some input is not valid")
    help = Text("표시된 항목을 고쳐서 다시 보내 주세요.", "Mend the fields named in errors and send it again.")


class Unauthenticated(DaeriError):
    """Nobody is signed in, or the key is unknown, expired or revoked."""

    code, status, rpc_code = "unauthenticated", 401, -32061
    title = Text("로그인이 필요해요", "Sign-in needed")
    help = Text("다시 로그인하거나 API 키를 확인해 주세요.", "Sign in again, or check the API key.")


class PermissionDenied(DaeriError):
    """The person, the agent or the key may not do this."""

    code, status, rpc_code = "permission-denied", 403, -32063
    title = Text("이 일을 할 권한이 없어요", "You may not do this")
    help = Text("필요하면 담당 부서나 관리자에게 요청해 주세요.", "Ask the department in charge or an administrator.")


class KeyRevoked(PermissionDenied):
    """Work goes on without its person, and the key that it was asked with was revoked."""

    title = Text(
        "이 일을 요청한 API 키를 끝내서 여기서 멈췄어요. 이어서 하려면 로그인하거나 다른 키로 다시 요청해 주세요",
        "It was stopped, as the API key that it was asked with was revoked; ask again, signed in or by another key",
    )
    help = Text(
        "끝낸 키로 맡긴 일은 다음 단계에서 멈추고, 이미 올린 결재 문서는 그대로 남아요.",
        "What was asked with a revoked key stops at its next step; what it has filed stays with its approvers.",
    )


class FieldHidden(PermissionDenied):
    """A field that the asker may not see was read, filtered, sorted or counted by."""

    title = Text("이 항목은 볼 수 없어요", "This field is hidden from you")


class NotFound(DaeriError):
    """There is no such thing, or the asker may not know of it: both answer alike."""

    code, status, rpc_code = "not-found", 404, -32064
    title = Text("찾을 수 없어요", "Not found")
    help = Text(
        "이름이나 번호를 확인해 주세요. 볼 권한이 없을 때도 이렇게 답해요.",
        "Check the name or number. Things you may not see answer like this too.",
    )


class Conflict(DaeriError):
    """The state of things does not allow this now."""

    code, status, rpc_code = "conflict", 409, -32069
    title = Text("지금 상태에서는 할 수 없어요", "Not possible in the present state")
    help = Text("새로 고친 뒤 내용을 확인하고 다시 해 주세요.", "Reload, look at what changed, and try again.")


class Refused(Conflict):
    """A business rule of the company says no; the detail is the rule's own sentence."""

    title = Text("회사 규칙에 맞지 않아요", "A company rule does not allow this")
    help = Text("내용을 고쳐서 다시 해 주세요.", "Change the request and try again.")


class StaleVersion(DaeriError):
    """The thing was changed by someone else since it was read (If-Match failed)."""

    code, status, rpc_code = "stale-version", 412, -32072
    title = Text("그 사이에 내용이 바뀌었어요", "It has changed in the meantime")
    help = Text("최신 내용을 확인하고 다시 결정해 주세요.", "Read the newest version and decide again.")


class IdempotencyMismatch(DaeriError):
    """The same Idempotency-Key came with another request."""

    code, status, rpc_code = "idempotency-mismatch", 422, -32075
    title = Text("같은 멱등 키로 다른 요청이 왔어요", "This idempotency key was used for another request")
    help = Text("새 요청에는 새 Idempotency-Key를 써 주세요.", "Use a new Idempotency-Key for a new request.")


class RateLimited(DaeriError):
    """Too many requests in too short a time."""

    code, status, rpc_code, retryable = "rate-limited", 429, -32076, True
    title = Text("요청이 너무 많아요", "Too many requests")
    help = Text("Retry-After 초만큼 기다렸다가 다시 해 주세요.", "Wait for the seconds in Retry-After and try again.")


class BudgetExceeded(DaeriError):
    """What may be spent on models in this time is spent."""

    code, status, rpc_code = "budget-exceeded", 402, -32077
    title = Text("AI 모델 예산을 다 썼어요", "The budget for AI models is spent")
    help = Text(
        "다음 기간을 기다리거나, 관리자에게 예산을 늘려 달라고 해 주세요. 모델이 필요 없는 작업은 그대로 할 수 있어요.",
        "Wait for the next period, or ask your administrator for more. What needs no model works as before.",
    )


class ModelUnavailable(DaeriError):
    """No language model answered."""

    code, status, rpc_code, retryable = "model-unavailable", 503, -32078, True
    title = Text("AI 모델이 답하지 않아요", "No AI model answered")
    help = Text(
        "잠시 뒤 다시 해 주세요. 관리자는 daeri doctor로 모델 연결을 확인할 수 있어요.",
        "Try again shortly; administrators can check the model with daeri doctor.",
    )


class Unreachable(DaeriError):
    """A server outside gave no proper answer."""

    code, status, rpc_code, retryable = "unreachable", 502, -32082, True
    title = Text("밖의 서버가 답하지 않아요", "A server outside does not answer")
    help = Text("주소를 확인하고 잠시 뒤 다시 해 주세요.", "Check the address, and try again shortly.")


class Timeout(DaeriError):
    """Something took longer than its limit."""

    code, status, rpc_code, retryable = "timeout", 504, -32079, True
    title = Text("시간 안에 끝나지 않았어요", "It took too long")
    help = Text("범위를 줄이거나 잠시 뒤 다시 해 주세요.", "Narrow it down or try again shortly.")


class NotReady(DaeriError):
    """The database is not reachable or not migrated."""

    code, status, rpc_code, retryable = "not-ready", 503, -32603, True
    title = Text("서버가 아직 준비되지 않았어요", "The server is not ready")
    help = Text("daeri doctor로 원인을 확인해 주세요.", "Run daeri doctor to see why.")


class DeclarationError(Exception):
    """A company's declaration is vague or wrong; raised at import with a sentence that says what to write."""


class BrokenChain(Exception):
    """The audit chain does not verify; carries the first bad row.

    Attributes:
        seq: the sequence number of the first row that does not fit.
        reason: what does not fit there, as a sentence.
        row: what that row says of itself (time, action, who), for people to find it.
    """

    def __init__(self, seq: int, reason: Text, row: dict[str, Any]) -> None:
        """Name the first bad row and why it is bad."""
        self.seq, self.reason, self.row = seq, reason, row
        super().__init__(f"audit row {seq}: {reason.en}")


ALL_ERRORS: tuple[type[DaeriError], ...] = (
    InvalidRequest,
    ValidationFailed,
    Unauthenticated,
    PermissionDenied,
    NotFound,
    Conflict,
    StaleVersion,
    IdempotencyMismatch,
    RateLimited,
    BudgetExceeded,
    ModelUnavailable,
    Unreachable,
    Timeout,
    NotReady,
    DaeriError,
)
"""One class for each code, in the order of the documentation (UX section 5)."""
