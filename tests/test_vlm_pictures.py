"""Pictures for Qwen's models come to the very size that was counted on, with qwen-vl-utils and without it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest.importorskip("torch", reason="pip install 'diascribe[vlm]'")

from tests.torchvision_mended import beside_a_broken_one, installed

CODE = """
import hashlib, json, random
from PIL import Image
from vlm.engines.processors import resizer
from vlm.pictures import fitted
from vlm.stack import import_stack
import_stack()
rows = []
for unit in (28, 32):
    resized = resizer(unit)
    for size in [(300, 200), (1024, 768), (1, 1), (9000, 30), (30, 9000), (3500, 2500)]:
        image = Image.frombytes("L", (64, 64), random.Random(0).randbytes(4096)).resize(size).convert("RGB")
        for most in (4, 1280, 20_000):
            wanted = fitted(size, unit, 4 * unit**2, most * unit**2)
            made = resized(image, wanted)
            assert made.size == wanted, (size, wanted, made.size)
            rows.append(hashlib.sha256(made.tobytes()).hexdigest())
print(json.dumps([resized.__qualname__, rows]))
"""


@pytest.mark.skipif(not installed("qwen-vl-utils"), reason="pip install 'diascribe[vlm]'")
def test_qwen_vl_utils_and_pillow_do_the_same_to_the_pixel(tmp_path):
    code = f"from tests.torchvision_mended import mend\nmend()\n{CODE}"
    with_it = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert with_it.returncode == 0, with_it.stderr[-2000:]
    name, pixels = json.loads(with_it.stdout)
    without = beside_a_broken_one(tmp_path, CODE)
    assert without.returncode == 0, without.stderr[-2000:]
    other, same = json.loads(without.stdout)
    assert (name, other) == ("resizer.<locals>.resized", "resizer.<locals>.<lambda>")
    assert pixels == same
