"""Every class that the registry calls native: a tiny random one of it sees a picture and says something."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="pip install 'diascribe[vlm]'")
pytestmark = pytest.mark.filterwarnings("default")

from tests.run_native import run  # noqa: E402
from tests.tiny_models import BUILD  # noqa: E402
from tests.tiny_natives import FOLDERS  # noqa: E402
from tests.torchvision_mended import installed  # noqa: E402
from vlm import registry  # noqa: E402
from vlm.stack import import_stack  # noqa: E402

NEEDS = {model.loader: model.needs for model in registry.load().values()}


def test_all_are_there():
    assert {model.loader for model in registry.load().values() if model.run == "native"} == set(BUILD)


@pytest.mark.parametrize("loader", [loader for loader in BUILD if not NEEDS[loader]])
def test_its_class_generates_from_a_picture(loader):
    torch, transformers = import_stack()
    torch.manual_seed(0)
    config, given = BUILD[loader](torch, transformers)
    model = getattr(transformers, loader)(config)
    model.eval()
    with torch.inference_mode():
        out = model.generate(**given, max_new_tokens=3, do_sample=False)
    assert given["input_ids"].shape[1] < out.shape[1] <= given["input_ids"].shape[1] + 3


@pytest.mark.parametrize("loader", [loader for loader in FOLDERS if not NEEDS[loader]])
def test_the_engine_runs_it_from_a_folder_as_the_hub_has_it(loader):
    """GOT, which reads pictures only, is run by test_ocr_model.py."""
    pytest.importorskip("bitsandbytes", reason="pip install 'diascribe[vlm]'")
    pytest.importorskip("llguidance", reason="pip install 'diascribe[vlm]'")
    check(run(loader))


@pytest.mark.parametrize("loader", [loader for loader in FOLDERS if NEEDS[loader]])
def test_the_engine_runs_it_with_the_packages_that_it_needs(loader):
    """In a process of its own, where a torchvision that fits no torch of this kind is put right."""
    where = Path(__file__).parent.parent
    if not all(map(installed, NEEDS[loader])):
        pytest.skip(f"pip install {' '.join(NEEDS[loader])}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.torchvision_mended", "tests.run_native", loader],
        cwd=where, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    check(json.loads(done.stdout.splitlines()[-1]))


def check(found):
    assert json.loads(found["text"])["a"] in ("x", "yy")
    assert found["finish"] == "stop"
    assert found["prompt"] > found["words"]  # it saw the picture
    assert found["weights"] > 0
    assert 0 < found["small"] < 10 * found["huge"]
    assert bool(found["packed"]) == (found["precision"] == "nf4")
    assert not [name for name in found["packed"] if "vis" in name or "head" in name]  # kept as they are
    assert found["huge"] < 30 * found["small"]  # a picture of any size is made small
