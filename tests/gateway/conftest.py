"""The small company behind real protocols."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from daeri.gateway import Options
from gateway.gateway_house import House, Keys, opened, with_keys
from gateway.planned_house import Furnished, furnished_with_keys


@pytest.fixture(scope="session")
def keyed(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The furnished database, with accounts and keys of the people in it."""
    return with_keys(furnished, tmp_path_factory.mktemp("keyed"))


@pytest.fixture(scope="session")
def furniture(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """The data folder of a company whose agents ask a model."""
    return furnished_with_keys(tmp_path_factory.mktemp("planned") / "data")


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    """The key of an identity provider."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def stranger() -> rsa.RSAPrivateKey:
    """A key that the provider does not have."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
async def house(keyed: Keys, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(keyed, tmp_path, Options(version="1.2.3")) as one:
        yield one
