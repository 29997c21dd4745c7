"""Whom does the server believe where it calls out? Whom this machine's authorities vouch for; they are read once."""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from daeri.outbound.certificates import certificates
from daeri.outbound.guard import Unsent, resolved, sent

pytestmark = pytest.mark.anyio
HERE = IPv4Address("127.0.0.1")
READS = {"load_verify_locations", "set_default_verify_paths"}
"""What reading authorities is, in whatever library."""


@pytest.fixture
def server_files(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this machine, which is its own authority, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "company authority")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(HERE)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    shown, kept = tmp_path / "authority.pem", tmp_path / "key.pem"
    shown.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    kept.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return shown, kept


@asynccontextmanager
async def serving(context: ssl.SSLContext | None) -> AsyncIterator[str]:
    """A server that answers everyone alike."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, str(HERE), 0, ssl=context)
    scheme = "http" if context is None else "https"
    async with server:
        yield f"{scheme}://{HERE}:{server.sockets[0].getsockname()[1]}/"


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing of what was read before, and nothing left for others."""
    certificates.cache_clear()
    yield
    certificates.cache_clear()


@pytest.mark.usefixtures("fresh")
async def test_who_is_vouched_for_is_believed_and_nobody_else(
    server_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server_files)
    async with serving(context) as url:
        target = await resolved(url, private=True)
        with pytest.raises(Unsent, match="CERTIFICATE_VERIFY_FAILED"):
            await sent("GET", target)
        monkeypatch.setenv("SSL_CERT_FILE", str(server_files[0]))
        certificates.cache_clear()
        assert await sent("GET", target) == (200, b"ok")


@pytest.mark.usefixtures("fresh")
async def test_the_authorities_are_read_once_however_often_the_server_calls_out() -> None:
    read = []

    def note(_: object, event: str, called: object) -> None:
        if event == "c_call" and getattr(called, "__name__", "") in READS:
            read.append(called)

    async with serving(None) as url:
        target = await resolved(url, private=True)
        sys.setprofile(note)
        try:
            assert [await sent("GET", target) for _ in range(3)] == [(200, b"ok")] * 3
        finally:
            sys.setprofile(None)
    assert len(read) == 1
