"""What these tests look at, read once for all of them."""

import pytest
from tidy.sources import Module, read_modules, read_texts


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    return read_modules()


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    return read_texts()
