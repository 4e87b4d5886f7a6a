"""Tests build indexes in a folder of their own, never in the checkout."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def index_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The index of the bundled training diagrams, built by the first test that describes a picture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIASCRIBE_INDEX_DIR", str(tmp_path_factory.mktemp("index")))
        patch.setenv("DIASCRIBE_EXAMPLES_DIR", str(tmp_path_factory.mktemp("own")))
        yield
