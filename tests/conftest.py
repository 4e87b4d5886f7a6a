"""What tests share: indexes in a folder of their own, never in the checkout; a database server;
the page and a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests import postgres_server, torchvision_mended

torchvision_mended.hide()  # who needs it runs in a process of its own


@pytest.fixture(scope="session", autouse=True)
def index_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The index of the bundled training diagrams, built by the first test that describes a picture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIASCRIBE_INDEX_DIR", str(tmp_path_factory.mktemp("index")))
        patch.setenv("DIASCRIBE_EXAMPLES_DIR", str(tmp_path_factory.mktemp("own")))
        patch.setenv("DIASCRIBE_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        patch.setenv("DIASCRIBE_REUSE", "0")  # what reads pictures is to be tested, not what was read before
        yield


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The URL of a real server: of the environment, else one started for the tests."""
    if url := os.environ.get("DIASCRIBE_DATABASE_URL"):
        yield url
        return
    pytest.importorskip("psycopg")
    folder = postgres_server.programs()
    if folder is None:
        pytest.skip("DIASCRIBE_DATABASE_URL names no server, and no PostgreSQL with pgvector is installed")
    with postgres_server.running(folder) as url:
        yield url


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with an API of its own; what tests of one file leave there, no other file sees."""
    from tests.page_server import running

    with running(
        DIASCRIBE_STATE_DIR=str(tmp_path_factory.mktemp("state")),
        DIASCRIBE_EXAMPLES_DIR=str(tmp_path_factory.mktemp("own")),
    ) as (_, page):
        yield page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, for the tests of one file."""
    from tests.page_server import browser

    with browser() as started:
        yield started
