"""What can only go wrong on HTTP? The errors that no other protocol knows, beside those of daeri.errors."""

from typing import Final

from daeri.errors import DaeriError, InvalidRequest
from daeri.wording import Text


class MethodNotAllowed(InvalidRequest):
    """The address exists, and does not take this method."""

    code, status = "method-not-allowed", 405
    title = Text("이 주소에서는 쓸 수 없는 메서드예요", "This address does not take that method")
    help = Text("Allow 헤더에 있는 메서드를 써 주세요.", "Use one of the methods in the Allow header.")


class PayloadTooLarge(InvalidRequest):
    """The body is longer than this server takes."""

    code, status = "payload-too-large", 413
    title = Text("요청 본문이 너무 커요", "The request body is too large")
    help = Text("나누어 보내거나 내용을 줄여 주세요.", "Send less, or in several requests.")


class UnsupportedMediaType(InvalidRequest):
    """The body is not JSON."""

    code, status = "unsupported-media-type", 415
    title = Text("JSON 본문만 받아요", "Only JSON bodies are taken")
    help = Text("Content-Type을 application/json으로 보내 주세요.", "Send it with Content-Type: application/json.")


class Misdirected(InvalidRequest):
    """The request names a host that this server is not."""

    code, status = "misdirected-request", 421
    title = Text("이 서버의 주소가 아니에요", "This server does not answer to that host name")
    help = Text("서버 설정의 호스트 이름을 확인해 주세요.", "Check the host names in the server's settings.")


class HeadersTooLarge(InvalidRequest):
    """The headers are longer than this server takes."""

    code, status = "headers-too-large", 431
    title = Text("요청 헤더가 너무 커요", "The request headers are too large")
    help = Text("쿠키와 헤더를 줄여 주세요.", "Send fewer or shorter cookies and headers.")


REFUSALS: Final[tuple[type[DaeriError], ...]] = (
    MethodNotAllowed,
    PayloadTooLarge,
    UnsupportedMediaType,
    Misdirected,
    HeadersTooLarge,
)
"""All of them, in the order of their status."""

BAD_TOKEN: Final = Text("토큰을 받아들일 수 없어요", "The token is not accepted")
"""What is said of every signed token that does not hold, whatever is wrong with it."""
