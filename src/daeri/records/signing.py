"""Who vouches for the audit? An Ed25519 key in a file beside the data, which signs notes of the chain's head.

Whoever can write to the database but not read this file cannot rewrite the chain unseen; whoever has both is found by
the notes that were copied elsewhere. The public key is for everybody: `daeri audit key` tells it.
"""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from daeri.errors import NotReady
from daeri.verify_audit import key_id, message
from daeri.wording import Text

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

OWNER_ONLY: Final = 0o600


class AuditKey:
    """A private key that signs."""

    def __init__(self, private: "Ed25519PrivateKey") -> None:
        """Take the key itself."""
        self._private = private

    @classmethod
    def made(cls, path: Path) -> "AuditKey":
        """Make a new key and keep it in a file of its owner's alone.

        Raises:
            FileExistsError: there is one.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - 40 ms that only signers need
            Ed25519PrivateKey,
        )
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - same
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        private = Ed25519PrivateKey.generate()
        content = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return cls(private)

    @classmethod
    def read(cls, path: Path) -> "AuditKey | None":
        """Return the key in a file; None where there is no file.

        Raises:
            NotReady: the file holds no such key, or cannot be read.
        """
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see above
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - same
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - same

        try:
            private = load_pem_private_key(path.read_bytes(), None)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise NotReady(Text(f"감사 키를 읽을 수 없어요: {path}", f"The audit key cannot be read: {path}"))
        return cls(private)

    @cached_property
    def public(self) -> str:
        """The public key, 64 hex digits."""
        return self._private.public_key().public_bytes_raw().hex()

    @cached_property
    def id(self) -> str:
        """The public key's hash."""
        return key_id(self.public)

    def signed(self, kind: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is told with this key's id and signature.

        `kind` (note, key, base, export) goes into what is signed, so that none of them can stand for another.
        """
        content = {**told, "key": self.id}
        return {**content, "signature": self._private.sign(message(kind, content)).hex()}
