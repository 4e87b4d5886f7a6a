"""The command line starts without loading anything heavy."""

import subprocess
import sys

HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "bitsandbytes",
    "streamlit",
    "cv2",
    "onnxruntime",
    "scipy",
    "faiss",
)


def loaded_by(code: str) -> set[str]:
    report = f"{code}\nimport sys; print(); print(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_command_line_loads_nothing_heavy():
    assert loaded_by("import pipeline.cli") == set()


def test_help_loads_nothing_heavy():
    code = "import sys, pipeline.cli\nsys.argv = ['diascribe', '--help']\n"
    code += "try: pipeline.cli.main()\nexcept SystemExit: pass"
    assert loaded_by(code) == set()


def test_drawing_loads_nothing_of_what_reads_pictures(tmp_path):
    arguments = ["draw", "1. Sign", "--renderer", "native", "--out", str(tmp_path / "a.svg")]
    assert loaded_by(f"import pipeline.cli\ntry: pipeline.cli.main({arguments})\nexcept SystemExit: pass") == set()
    assert "Sign" in (tmp_path / "a.svg").read_text()
