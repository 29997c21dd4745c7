"""Did this form come from our own page, and what does it say?

Cookies, the token in every form, the origin of a post, the headers every page carries. Not here: who the person is
(records.identity) and what the form asks for (the screens).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from daeri.errors import InvalidRequest, PermissionDenied
from daeri.web.texts import TEXTS
from daeri.wording import normal

FORM_BYTES_MAX: Final = 256 * 1024
"""The longest form a person fills is an opinion or a question; the largest sensible one is far below this."""

PAGE_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Cookie",
}


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookies of this server: their names, and how they are set.

    Over https names carry `__Host-`, which ties them to this host and path; plain http on a loopback address cannot.
    """

    secure: bool

    @property
    def session(self) -> str:
        """The name of the session cookie; the gateway's guard reads the same one."""
        return "__Host-daeri" if self.secure else "daeri_session"

    @property
    def form(self) -> str:
        """The name of the cookie that ties a form to a browser nobody has signed in on."""
        return "__Host-daeri-form" if self.secure else "daeri_form"

    def set(self, response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
        """Set one; without `seconds` it ends with the browser."""
        response.set_cookie(name, value, max_age=seconds, secure=self.secure, httponly=True, samesite="lax", path="/")

    def drop(self, response: Response, name: str) -> None:
        """Remove one."""
        response.delete_cookie(name, secure=self.secure, httponly=True, samesite="lax", path="/")


def new_seed() -> str:
    """Make the random value of a form cookie."""
    return secrets.token_urlsafe(32)


def form_token(secret: str) -> str:
    """Derive the token of a person's forms from a secret only their browser holds (a session or a form cookie)."""
    return hmac.new(secret.encode(), b"daeri form", hashlib.sha256).hexdigest()


async def own_form(request: Request, token: str, *, file_bytes: int = 0) -> FormData:
    """Return the posted form; one file may come with it where `file_bytes` says how large.

    Raises:
        PermissionDenied: it came from another site, or without this person's token.
        InvalidRequest: it is too large.
    """
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > FORM_BYTES_MAX + file_bytes:
        raise InvalidRequest
    if not _is_from_here(request):
        raise PermissionDenied(TEXTS["error.form"])
    form = await request.form(max_files=1 if file_bytes else 0)
    if not hmac.compare_digest(str(form.get("form_token", "")).encode(), token.encode()):
        raise PermissionDenied(TEXTS["error.form"])
    return form


def _is_from_here(request: Request) -> bool:
    """Say whether a page of this server sent the request, as far as the browser tells.

    Sec-Fetch-Site is the browser's own verdict and stays true behind a proxy that changes the host; without it (plain
    http away from this machine, old browsers) the origin is compared.
    """
    verdict = request.headers.get("sec-fetch-site")
    if verdict is not None:
        return verdict in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def field(form: FormData, name: str) -> str:
    """Read one text field in the one normal form; "" when it was not sent."""
    value = form.get(name)
    return normal(value).replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def local_path(address: str | None, default: str) -> str:
    """Return an address if it leads to a page of this server, else the default: no open redirects."""
    if not address or not address.startswith("/") or address.startswith(("//", "/\\")) or "\\" in address:
        return default
    parts = urlsplit(address)
    return default if parts.scheme or parts.netloc else address
