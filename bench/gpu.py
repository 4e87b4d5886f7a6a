"""Memory and speed of Qwen2.5-VL-3B at its true size, with random weights: neither depends on their values.

    python bench/gpu.py [--out FILE] [--folder DIR] [--runs N] [--tiny] [--compiler NAME]

On a GPU: writes random weights of the true shapes into DIR, caps this process at 8 GiB, loads them in NF4 through the
product's own engine and prints, for 0, 1 and 3 text examples and several picture sizes, forecast and measured peak
memory, time to the first token, tokens per second, the share of picture preparation; plain `generate` beside it, and
the engine with compiled decoding; and the bandwidth limit, weights read once a token. Without a GPU
the forecast is printed, what one forward pass of the true shapes takes as counted tensor by tensor on the processor,
and the tokens that a reply takes; and that the rest was not run. --tiny runs the same code with a model of
some hundred thousand weights, wherever: it shows that the code works, its figures say nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import platform
import sys
import tempfile
import time
import weakref
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from diagram.model import Diagram, Example  # noqa: E402
from vlm.engines.native import Options  # noqa: E402
from vlm.engines.qwen import QwenEngine  # noqa: E402
from vlm.memory import Layout, image_tokens, predict, weight_bytes  # noqa: E402
from vlm.pictures import fitted  # noqa: E402
from vlm.prompt import to_read  # noqa: E402
from vlm.stack import import_stack  # noqa: E402

import_stack()
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

GIB = 2**30
CAP = 8 * GIB
SIZES = [(1024, 768), (1920, 1080), (4000, 3000), (10_000, 10_000)]
EXAMPLES = (0, 1, 3)
REPLY = 256
TEXT = {
    "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16,
    "num_key_value_heads": 2, "vocab_size": 151936, "max_position_embeddings": 128000,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0, "mrope_section": [16, 24, 24]},
}  # fmt: skip
VISION = {
    "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 2048,
    "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31],
}  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, help="write the figures here as JSON")
    options.add_argument("--folder", type=Path, help="where the random weights are kept (7 GB)")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--tiny", action="store_true", help="a tiny model, on whatever there is")
    options.add_argument("--compiler", default="inductor", help="of torch.compile, for the compiled decoding")
    chosen = options.parse_args()
    torch, transformers = import_stack()
    gpu = torch.cuda.is_available()
    found: dict[str, Any] = {"date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}", "forecast": forecast(torch)}
    found["counted"] = count_tensors(torch, chosen.tiny)
    found["reply"] = reply_cost()
    found["chip"] = torch.cuda.get_device_name() if gpu else platform.processor() or platform.machine()
    if gpu:
        torch.cuda.set_per_process_memory_fraction(min(1.0, CAP / torch.cuda.mem_get_info()[1]))
    else:
        print("There is no GPU here: measured memory, speed and the comparison were NOT run.")
    if gpu or chosen.tiny:
        with tempfile.TemporaryDirectory() as scratch:
            folder = chosen.folder or Path(scratch)
            if not (folder / "config.json").is_file():
                tiny(folder) if chosen.tiny else true_size(torch, transformers, folder)
            compare(torch, transformers, folder, chosen, found)
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def compare(torch: Any, transformers: Any, folder: Path, chosen: argparse.Namespace, found: dict[str, Any]) -> None:
    """All that needs a model in memory; the figures go into `found`."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    how = {"device": device, "precision": "nf4", **({"least": 4, "most": 64} if chosen.tiny else {})}
    if device == "cuda":
        how["max_vram"] = CAP / GIB
    sizes, counts, tokens = (SIZES[::3], EXAMPLES[::2], 8) if chosen.tiny else (SIZES, EXAMPLES, REPLY)
    found["measured"] = measure(torch, folder, chosen.runs, Options(**how), sizes, counts, tokens)
    print(f"decoding compiled by {chosen.compiler}:")
    compiled = Options(**how, compiler="eager" if chosen.tiny else chosen.compiler)
    found["compiled"] = measure(torch, folder, chosen.runs, compiled, sizes[:1], counts[:1], tokens)
    found["plain"] = plain(torch, transformers, folder, chosen.runs, device, tokens)
    ours, fast = (max(row["tokens_per_second"] for row in found[name]) for name in ("measured", "compiled"))
    print(f"tokens/s: plain generate {found['plain']['tokens_per_second']:.1f}, ours {ours:.1f}, compiled {fast:.1f}")
    if device == "cuda":
        found["bandwidth"] = bandwidth(torch)
        print(f"limit by bandwidth {found['bandwidth']['tokens_per_second']:.0f} tokens/s")


def reply_cost() -> dict[str, float]:
    """Tokens per node of a reply, by design; see bench/reply_tokens.py."""
    from bench.reply_tokens import costs, show

    found = costs()
    print(show(found))
    return {name: round(mean, 2) for name, (mean, _) in found.items()}


def tiny(folder: Path) -> None:
    from tests.tiny_qwen import make

    make(folder)


def forecast(torch: Any) -> list[dict[str, Any]]:
    """What the product expects each request to take; the weights are counted on the meta device."""
    layout = counted(torch)
    rows = []
    small, large = (weight_bytes(layout, nf4=nf4) / GIB for nf4 in (True, False))
    print(f"weights: {small:.2f} GiB in NF4, {large:.2f} in bf16")
    print("examples  picture        image tokens  forecast GiB")
    for count in EXAMPLES:
        for size in SIZES:
            tokens = image_tokens([size], 28, 256 * 784, 1280 * 784)
            found = predict(layout, tokens, 600 + 700 * count, 4096, nf4=True)
            total = (found.weights + found.working) / GIB
            rows.append({"examples": count, "size": size, "image_tokens": tokens, "gib": round(total, 3)})
            print(f"{count:8}  {size[0]:5} x {size[1]:5} {tokens:12}  {total:10.2f}")
    return rows


def count_tensors(torch: Any, small: bool) -> list[dict[str, Any]]:
    """Peaks of all tensors of a forward pass beside the forecast, in GiB, without weights: the language model at its
    true size without computing anything, one block of the vision tower at its true width for real."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    _, transformers = import_stack()
    width, height = fitted((200, 150) if small else (1024, 768), 28, 4 * 784, 1280 * 784)
    tokens, words = (width // 28) * (height // 28), 100 if small else 1300
    text, vision = TEXT | {"num_hidden_layers": 2 if small else 36}, VISION | {"depth": 1, "fullatt_block_indexes": [0]}
    config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True)
    layout = dataclasses.replace(counted(torch), layers=text["num_hidden_layers"])
    torch.set_default_dtype(torch.bfloat16)
    with (fake := FakeTensorMode(allow_non_fake_inputs=True)):
        whole = transformers.AutoModelForImageTextToText.from_config(config, attn_implementation="sdpa").eval()
    tower = transformers.AutoModel.from_config(config.vision_config, attn_implementation="sdpa").eval()
    torch.set_default_dtype(torch.float32)
    with torch.inference_mode(), Peak() as seen:
        pixels = torch.rand(4 * tokens, 1176)
        tower(pixels.to(torch.bfloat16), grid_thw=torch.tensor([[1, height // 14, width // 14]]))
    with fake, torch.inference_mode(), Peak() as said:
        given = torch.zeros(1, tokens + words, TEXT["hidden_size"], dtype=torch.bfloat16)
        kept = whole.model.language_model(inputs_embeds=given, use_cache=True)
    del kept
    scores = 2 * 4 * layout.vocabulary
    pictures = predict(layout, tokens, 0, 0, nf4=False).activations - scores
    prompt = predict(layout, 0, tokens + words, 0, nf4=False)
    rows = []
    for what, peak, forecast in (
        (f"vision tower, {4 * tokens} patches", seen.most, pictures),
        (f"language model, {tokens + words} tokens", said.most, prompt.working - scores),
    ):
        rows.append({"what": what, "counted_gib": peak / GIB, "forecast_gib": forecast / GIB})
        print(f"{what}: {peak / GIB:.3f} GiB counted, {forecast / GIB:.3f} forecast ({forecast / peak - 1:+.0%})")
    return rows


class Peak(TorchDispatchMode):
    """Bytes of all tensors that are made within and still there, at their most."""

    def __init__(self) -> None:
        super().__init__()
        self._now, self.most, self._live = 0, 0, set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        from torch.utils import _pytree

        made = function(*args, **(kwargs or {}))
        for tensor in _pytree.tree_leaves(made):
            if hasattr(tensor, "untyped_storage") and (store := tensor.untyped_storage())._cdata not in self._live:
                self._live.add(store._cdata)
                self._now += store.nbytes()
                self.most = max(self.most, self._now)
                weakref.finalize(store, self._gone, store._cdata, store.nbytes())
        return made

    def _gone(self, key: int, size: int) -> None:
        self._live.discard(key)
        self._now -= size


def counted(torch: Any) -> Layout:
    _, transformers = import_stack()
    config = transformers.Qwen2_5_VLConfig(text_config=TEXT, vision_config=VISION, tie_word_embeddings=True)
    with torch.device("meta"):
        empty = transformers.AutoModelForImageTextToText.from_config(config)
    counts = {"language": 0, "embedding": 0, "vision": 0}
    for name, weights in empty.named_parameters():
        counts["vision" if ".visual." in name else "language" if ".layers." in name else "embedding"] += weights.numel()
    return Layout.of(config.to_dict(), counts)


def true_size(torch: Any, transformers: Any, folder: Path) -> None:
    """Random weights of the true shapes beside the tests' small tokenizer."""
    from tests.tiny_qwen import SPECIAL, make

    make(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL}
    config = transformers.Qwen2_5_VLConfig(
        text_config=TEXT | {"eos_token_id": ids["<|im_end|>"]}, vision_config=VISION, tie_word_embeddings=True,
        image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
    )  # fmt: skip
    torch.set_default_dtype(torch.bfloat16)
    model = transformers.Qwen2_5_VLForConditionalGeneration(config)
    torch.set_default_dtype(torch.float32)
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.save_pretrained(folder)


def measure(
    torch: Any,
    folder: Path,
    runs: int,
    options: Options,
    sizes: list[tuple[int, int]],
    counts: tuple[int, ...],
    tokens: int,
) -> list[dict[str, Any]]:
    """The product's engine on every combination; peaks are those of torch's allocator, 0 without a GPU."""
    engine = QwenEngine(folder, options)
    engine.load()
    gpu = options.device == "cuda"
    rows = []
    print("examples  picture        prompt  forecast GiB  peak GiB  off by  first token s  tokens/s  preparation")
    for count in counts:
        for size in sizes:
            request = to_read(Image.new("RGB", size, "white"), examples=examples(count))
            estimate = engine.forecast(request, tokens).estimate
            forecast = (estimate.weights + estimate.working) / GIB
            engine.generate(request, max_tokens=8)
            if gpu:
                torch.cuda.reset_peak_memory_stats()
            replies = [engine.generate(request, max_tokens=tokens) for _ in range(runs)]
            best = min(replies, key=lambda reply: reply.timings["generate"])
            seconds = best.timings["generate"] - best.timings["first_token"]
            peak = torch.cuda.max_memory_allocated() / GIB if gpu else 0.0
            row = {
                "examples": count,
                "size": size,
                "prompt_tokens": best.prompt_tokens,
                "forecast_gib": forecast,
                "peak_gib": peak,
                "first_token_s": best.timings["first_token"],
                "tokens_per_second": ((best.tokens or 1) - 1) / max(seconds, 1e-9),
                "preparation": best.timings["prepare"] / (best.timings["prepare"] + best.timings["generate"]),
                "notes": best.notes,
            }
            rows.append(row)
            off = f"{forecast / peak - 1:7.0%}" if peak else "      -"
            print(
                f"{count:8}  {size[0]:5} x {size[1]:5} {row['prompt_tokens']:7} {forecast:13.2f} {peak:9.2f} {off}"
                f" {row['first_token_s']:14.2f} {row['tokens_per_second']:9.1f} {row['preparation']:11.1%}"
            )
            for note in best.notes:
                print(f"          {note}")
    engine.unload()
    return rows


def examples(count: int) -> list[Example]:
    lines = (ROOT / "data/train/metadata.jsonl").read_text("utf-8").splitlines()[:count]
    rows = [json.loads(line) for line in lines]
    graphs = [row["graph"] if isinstance(row["graph"], dict) else json.loads(row["graph"]) for row in rows]
    return [Example(row["id"], "", "", Diagram.from_json(graph)) for row, graph in zip(rows, graphs, strict=True)]


def plain(torch: Any, transformers: Any, folder: Path, runs: int, device: str, tokens: int) -> dict[str, float]:
    """`generate` of transformers as its documentation shows it: NF4, no schema, text only."""
    quantised = transformers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16, llm_int8_skip_modules=["model.visual", "lm_head"],
    )  # fmt: skip
    model = transformers.AutoModelForImageTextToText.from_pretrained(
        str(folder), dtype=torch.bfloat16, device_map={"": device}, quantization_config=quantised
    )
    prompt = torch.randint(10, 400, (1, 1000), device=device)
    speeds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        out = model.generate(input_ids=prompt, max_new_tokens=tokens, do_sample=False)
        if device == "cuda":
            torch.cuda.synchronize()
        speeds.append((out.shape[1] - prompt.shape[1]) / (time.perf_counter() - start))
    return {"tokens_per_second": max(speeds[1:])}


def bandwidth(torch: Any) -> dict[str, float]:
    """Bytes per second that a copy on this chip reaches, and the tokens per second that this allows."""
    source = torch.empty(GIB // 2, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    target.copy_(source)
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(20):
        target.copy_(source)
    torch.cuda.synchronize()
    speed = 2 * source.numel() * 20 / (time.perf_counter() - start)
    layout = counted(torch)
    a_token = weight_bytes(layout, nf4=True) - 2 * layout.vision_weights
    return {"bytes_per_second": speed, "tokens_per_second": speed / a_token}


if __name__ == "__main__":
    main()
