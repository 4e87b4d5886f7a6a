"""What is installed holds what is not Python: the font, the parsers, the reader's network and settings."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".ttf", ".xz", ".onnx", ".npz", ".json", ".yaml", ".html", ".js", ".css", ".svg", ".toml", ".woff2"}


def test_the_wheel_holds_fonts_bundles_and_weights(tmp_path: Path) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("no git checkout")
    source = tmp_path / "source"
    for name in tracked.stdout.splitlines():
        if not name.startswith(("data/", "tests/", "bench/")) and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    build = "from setuptools.build_meta import build_wheel; print(build_wheel('..'))"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    packages = {name.split("/")[0] for name in held if name.endswith("/__init__.py")}
    wanted = {
        name for name in tracked.stdout.splitlines() if Path(name).suffix in SUFFIXES and name.split("/")[0] in packages
    }
    assert {"mermaid/fonts/DejaVuSans.ttf", "mermaid/vendor/mermaid.js.xz", "mermaid/vendor/parser.js.xz"} <= wanted
    assert wanted <= held
    assert {"mermaid/fonts/LICENSE-DejaVu.txt", "mermaid/vendor/LICENSES.md"} <= held
    assert (
        "diascribe = pipeline.cli:main"
        in zipfile.ZipFile(wheel).read(next(name for name in held if name.endswith("entry_points.txt"))).decode()
    )
