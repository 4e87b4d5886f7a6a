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


def globbed(word: str, folder: Path) -> list[str]:
    """The word, or the files it stands for, as a shell puts them."""
    found = sorted(folder.glob(word)) if "*" in word else []
    return [str(path.relative_to(folder)) for path in found] or [word]


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: " ".join(line.split()[1:5]))
def test_every_command_works(line, checkout):
    words = shlex.split(line, comments=True)[1:]
    if words[0] == "validate":  # what an earlier line wrote
        run([*DIASCRIBE, "draw", "A -> B", "--out", words[1]], checkout)
    done = run([*DIASCRIBE, *(found for word in words for found in globbed(word, checkout))], checkout)
    assert done.returncode == 0, done.stderr
    assert done.stdout or list((checkout / "out").iterdir())


def test_the_output_shown_is_the_output():
    done = run([*DIASCRIBE, "describe", "data/examples/order.png"], ROOT)
    shown = f"```text\n{done.stdout}```\n"
    if os.environ.get("DIASCRIBE_GOLDEN"):
        assert not os.environ.get("CI"), "CI does not rewrite what it checks"
        README.write_text(re.sub(r"```text\n.*?```\n", lambda _: shown, TEXT, count=1, flags=re.DOTALL), "utf-8")
    assert shown in README.read_text("utf-8")


@pytest.mark.parametrize("name", re.findall(r"\]\(data/examples/([\w.]+)\.svg\)", TEXT))
def test_the_drawings_shown_are_drawn_from_the_texts_shown(name):
    picture, text = (ROOT / "data" / "examples" / f"{name}{suffix}" for suffix in (".svg", ".txt"))
    assert f"```\n{text.read_text('utf-8').strip()}\n```\n" in TEXT
    done = run([*DIASCRIBE, "draw", str(text), "--renderer", "native"], ROOT)
    if os.environ.get("DIASCRIBE_GOLDEN"):
        assert not os.environ.get("CI"), "CI does not rewrite what it checks"
        picture.write_text(done.stdout, "utf-8")
    assert done.stdout == picture.read_text("utf-8")


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
