"""The forecast of memory and what is given up, in order, where it is short."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from diagram.errors import EngineUnavailableError
from diagram.model import Diagram, Example, Node
from vlm.engine import Message
from vlm.memory import Estimate, Layout, fit, image_tokens, predict, weight_bytes
from vlm.pictures import fitted
from vlm.prompt import to_read
from vlm.stack import import_stack

GIB = 2**30
# The configuration of Qwen2.5-VL-3B and its weights, counted on the meta device.
CONFIG = {
    "text_config": {
        "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16,
        "num_key_value_heads": 2, "vocab_size": 151936,
    },
    "vision_config": {"hidden_size": 1280, "intermediate_size": 3420, "patch_size": 14, "spatial_merge_size": 2},
}  # fmt: skip
QWEN_3B = Layout.of(CONFIG, {"language": 2_774_772_736, "embedding": 311_166_976, "vision": 668_683_264})


def test_the_weights_of_qwen_3b_are_those_that_were_counted():
    assert weight_bytes(QWEN_3B, nf4=False) / GIB == pytest.approx(6.99, rel=0.01)
    assert weight_bytes(QWEN_3B, nf4=True) / GIB == pytest.approx(3.16, rel=0.01)
    assert weight_bytes(QWEN_3B, nf4=True, tower_nf4=True) / GIB == pytest.approx(2.24, rel=0.01)


def test_keys_and_values_take_36_kib_a_token():
    assert predict(QWEN_3B, 0, 1000, 0, nf4=True).cache == 1000 * 36 * 1024


@pytest.mark.parametrize(("size", "tokens"), [((1024, 768), 999), ((1920, 1080), 2691), ((10_000, 10_000), 16_384)])
def test_image_tokens_are_those_of_the_model(size, tokens):
    assert image_tokens([size], 28, 3136, 16384 * 784) == pytest.approx(tokens, rel=0.02)


@example(1, 2, 4)
@given(st.integers(1, 12_000), st.integers(1, 12_000), st.integers(4, 2000))
def test_a_prepared_picture_is_within_its_limits(width, height, most):
    w, h = fitted((width, height), 28, 4 * 784, most * 784)
    assert w % 28 == h % 28 == 0
    assert w > 0
    assert h > 0
    assert w * h <= most * 784


@settings(deadline=None)  # the first call imports transformers
@given(st.integers(28, 9000), st.integers(28, 9000))
def test_a_prepared_picture_is_what_the_models_own_arithmetic_makes(width, height):
    pytest.importorskip("transformers")
    import_stack()
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    if max(width, height) > 190 * min(width, height):
        return
    least, most = 256 * 784, 1280 * 784
    theirs = smart_resize(height, width, factor=28, min_pixels=least, max_pixels=most)
    assert fitted((width, height), 28, least, most) == theirs[::-1]


def test_an_ordinary_request_fits_eight_gib():
    found = predict(QWEN_3B, 1280, 3000, 4096, nf4=True)
    assert found.weights + found.working < 6.5 * GIB


def test_the_forecast_of_a_forward_pass_is_what_its_tensors_take():
    """Of the true widths, few layers: see bench/gpu.py, which counts all of them."""
    pytest.importorskip("transformers")
    torch, _ = import_stack()
    from bench.gpu import count_tensors

    for row in count_tensors(torch, small=True):
        assert row["forecast_gib"] == pytest.approx(row["counted_gib"], rel=0.15), row["what"]


def test_towers_that_hold_the_whole_matrix_cost_it():
    config = {**CONFIG, "model_type": "got_ocr2", "vision_config": {
        "hidden_size": 768, "mlp_dim": 3072, "num_attention_heads": 12, "patch_size": 16, "global_attn_indexes": [2],
    }}  # fmt: skip
    layout = Layout.of(config, {"language": 1, "embedding": 1, "vision": 1})
    one = predict(layout, 0, 300, 0, nf4=False, towers=[4096]).activations
    assert one > 12 * 4096**2 * 8
    assert predict(layout, 0, 300, 0, nf4=False, towers=[4096, 4096]).activations > 1.9 * one


def request(count):
    example = Example("x", "", "", Diagram("bpmn", (Node("n", "task", "Check"),)))
    return to_read(Image.new("RGB", (2000, 1000)), examples=[example] * count)


def estimate(messages, pixels):
    """100 bytes an example, a byte a pixel."""
    shown = sum(message.text.count('<data kind="example">') for message in messages)
    return Estimate(0, 100 * shown, pixels)


def test_nothing_is_given_up_where_there_is_room():
    found = fit(request(3), 1300, 1000, estimate)
    assert len(found.messages[1].parts) == len(request(3)[1].parts)
    assert (found.max_pixels, found.notes) == (1000, ())


def test_examples_go_before_pixels():
    found = fit(request(3), 1150, 1000, estimate)
    assert found.messages[1].text.count('kind="example"') == 1
    assert found.max_pixels == 1000
    assert found.notes == ("memory is short: 2 examples left out",)
    found = fit(request(2), 500, 1000, estimate)
    assert "example" not in found.messages[1].text
    assert found.messages[1].images
    assert found.max_pixels == 400
    assert len(found.notes) == 2


def test_what_cannot_fit_is_an_error_that_says_by_how_much():
    with pytest.raises(EngineUnavailableError, match="GiB") as raised:
        fit(request(1), 100, 1000, estimate)
    assert "MAX_VRAM" in raised.value.hint


def test_leaving_out_spare_parts_keeps_the_others():
    picture = Image.new("RGB", (3, 3))
    message = Message("user", ("a", picture, "b", "c"), (2, 3))
    assert message.without_spare().parts == ("a", picture, "c")
    assert message.without_spare().without_spare().parts == ("c",)
