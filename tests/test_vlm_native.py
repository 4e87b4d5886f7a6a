"""Every class that the registry calls native: a tiny random one of it sees a picture and says something."""

import pytest

pytest.importorskip("transformers", reason="pip install 'diascribe[vlm]'")
pytestmark = pytest.mark.filterwarnings("default")

from tests.tiny_models import BUILD  # noqa: E402
from vlm import registry  # noqa: E402
from vlm.stack import import_stack  # noqa: E402


def test_all_are_there():
    assert {model.loader for model in registry.load().values() if model.run == "native"} == set(BUILD)


@pytest.mark.parametrize("loader", BUILD)
def test_it_generates_from_a_picture(loader):
    torch, transformers = import_stack()
    if loader.startswith("FastVlm"):
        pytest.importorskip("timm", reason="pip install timm", exc_type=ImportError)
    torch.manual_seed(0)
    config, given = BUILD[loader](torch, transformers)
    model = getattr(transformers, loader)(config)
    model.eval()
    with torch.inference_mode():
        out = model.generate(**given, max_new_tokens=3, do_sample=False)
    assert given["input_ids"].shape[1] < out.shape[1] <= given["input_ids"].shape[1] + 3
