"""The README tells the truth: its commands run and its output is the real one.

After a change of the output on purpose: DIASCRIBE_GOLDEN=1 make test PYTEST_ARGS=tests/test_readme.py
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TEXT = README.read_text("utf-8")
DIASCRIBE = [sys.executable, "-c", "from pipeline.cli import main; main()"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("diascribe ")]


@pytest.fixture
def checkout(tmp_path):
    """A folder that looks like the project's, to write into."""
    (tmp_path / "data").mkdir()
    shutil.copytree(ROOT / "data" / "examples", tmp_path / "data" / "examples")
    return tmp_path


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: " ".join(line.split()[1:5]))
def test_every_command_works(line, checkout):
    done = run([*DIASCRIBE, *shlex.split(line, comments=True)[1:]], checkout)
    assert done.returncode == 0, done.stderr
    assert done.stdout or list((checkout / "out").iterdir())


def test_the_output_shown_is_the_output():
    done = run([*DIASCRIBE, "describe", "data/examples/order.png"], ROOT)
    shown = f"```text\n{done.stdout}```\n"
    if os.environ.get("DIASCRIBE_GOLDEN"):
        assert not os.environ.get("CI"), "CI does not rewrite what it checks"
        README.write_text(re.sub(r"```text\n.*?```\n", lambda _: shown, TEXT, count=1, flags=re.DOTALL), "utf-8")
    assert shown in README.read_text("utf-8")


def test_the_python_shown_runs():
    (code,) = blocks("python")
    done = run([sys.executable, "-c", code], ROOT)
    assert done.returncode == 0, done.stderr


def test_the_make_targets_and_folders_named_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"(?:^|`)make (\w+)", TEXT, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for folder in re.findall(r"^(\w+)/ ", TEXT, re.MULTILINE):
        assert (ROOT / folder).is_dir(), folder
    for link in re.findall(r"\]\(([\w./]+)\)", TEXT):
        assert (ROOT / link).exists(), link
