"""What do the tests of adoption ask for? The ERP as it is found, and the module that was written for it."""

from pathlib import Path
from types import ModuleType

import pytest

from adopt import nasty
from adopt.adopt_house import imported, look, written
from daeri.adopt.describe import Described


@pytest.fixture(scope="session")
def erp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nasty.build(tmp_path_factory.mktemp("erp") / "erp.db")


@pytest.fixture(scope="session")
def described(erp: Path) -> Described:
    return look(erp)


@pytest.fixture(scope="session")
def source(erp: Path) -> str:
    return written(erp, "erp")


@pytest.fixture(scope="session")
def company_module(source: str, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return imported(source, tmp_path_factory.mktemp("module"), "adopted_erp")
