"""Whom does the server believe where it calls out over TLS? The authorities that this machine trusts, read once."""

import ssl
from functools import cache


@cache
def certificates() -> ssl.SSLContext:
    """Return what connections over HTTPS are checked with, the same for all of them.

    SSL_CERT_FILE or SSL_CERT_DIR name other authorities, such as a company's own. Reading them takes some 25 ms of the
    event loop, so no request makes its own.
    """
    return ssl.create_default_context()
