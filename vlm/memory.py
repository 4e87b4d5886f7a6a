"""How much memory a request will take, before it is run, and what to give up so that it fits.

Counted from the model's configuration: weights by precision, keys and values per token, and the widest moment of the
forward pass (the vision tower over all patches, or the language model over the prompt), with attention that never
holds the whole matrix (sdpa), but in towers that add the places of patches to it. The steps that `fit` takes, in this
order, each told in `Fit.notes`:

1. parts of the request that are marked as spare are left out, the last first (examples);
2. pictures are made smaller, down to a fifth of what the model takes.

What still does not fit is a `MemoryShortError`. Imports nothing heavy; knows nothing of torch and of devices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from diagram.errors import EngineUnavailableError
from vlm.engine import Message
from vlm.pictures import fitted

NF4_BYTES: Final = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes of a weight in NF4 with double quantisation: 4 bits, one byte per 64, four per 64 × 256."""
_CONVOLVED: Final = 4  # pixels a side of what a tower without patches makes of a picture at first, and how wide
_CONVOLVED_WIDTH: Final = 128
_MATRIX: Final = 2 + 2 + 4 + 2  # bytes of a number in a matrix of attention: itself, its bias, its softmax twice
_SHARES: Final = (1.0, 0.8, 0.6, 0.4, 0.2)  # of the most pixels that the model takes


class MemoryShortError(EngineUnavailableError):
    """A request or the weights do not fit into the memory that is free."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What of a model's configuration decides on memory. Weights are counts, of the language model's linear layers, of
    embeddings and head, and of the vision tower."""

    hidden: int
    intermediate: int
    layers: int
    kv_width: int
    vocabulary: int
    vision_hidden: int
    vision_intermediate: int
    patch_values: int
    patches_per_token: int
    language_weights: int
    embedding_weights: int
    vision_weights: int
    tower_heads: int = 0  # of towers that hold the whole matrix of a picture's attention

    @classmethod
    def of(cls, config: Mapping[str, Any], weights: Mapping[str, int]) -> Layout:
        """From a configuration (`config.to_dict()`) and counts "language", "embedding", "vision"."""
        text, vision = config.get("text_config", config), config["vision_config"]
        vision = vision.get("sam_config", vision)
        hidden, heads = text["hidden_size"], text["num_attention_heads"]
        head = text.get("head_dim") or hidden // heads
        patch = vision.get("patch_size", _CONVOLVED)
        patch = patch[0] if isinstance(patch, list | tuple) else patch
        own = config["model_type"].startswith("qwen") if "model_type" in config else True
        wide = _CONVOLVED_WIDTH if patch == _CONVOLVED else vision.get("embed_dim") or vision["hidden_size"]
        return cls(
            hidden=hidden,
            intermediate=text["intermediate_size"],
            layers=text["num_hidden_layers"],
            kv_width=2 * (text.get("num_key_value_heads") or heads) * head,
            vocabulary=text["vocab_size"],
            vision_hidden=wide,
            vision_intermediate=vision.get("intermediate_size")
            or vision.get("mlp_dim")
            or int(wide * vision.get("mlp_ratio", 4)),
            patch_values=3 * (vision.get("temporal_patch_size", 2) if own else 1) * patch**2,
            patches_per_token=vision.get("spatial_merge_size", 2) ** 2,
            language_weights=weights["language"],
            embedding_weights=weights["embedding"],
            vision_weights=weights["vision"],
            tower_heads=vision["num_attention_heads"] if "global_attn_indexes" in vision else 0,
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes that a request takes: of weights, of keys and values at its end, and of its widest forward pass."""

    weights: int
    cache: int
    activations: int

    @property
    def working(self) -> int:
        """What is needed over the weights, which are there already."""
        return self.cache + self.activations


@dataclass(frozen=True, slots=True)
class Fit:
    """A request as it will be run. notes: what was given up."""

    messages: tuple[Message, ...]
    max_pixels: int
    estimate: Estimate
    notes: tuple[str, ...] = ()


def weight_bytes(layout: Layout, *, nf4: bool, tower_nf4: bool = False) -> int:
    """Bytes of the weights; embeddings and head stay in bf16, the tower too unless `tower_nf4`."""
    small = NF4_BYTES if nf4 else 2.0
    tower = NF4_BYTES if tower_nf4 else 2.0
    return int(layout.language_weights * small + layout.embedding_weights * 2 + layout.vision_weights * tower)


def predict(
    layout: Layout,
    image_tokens: int,
    text_tokens: int,
    max_tokens: int,
    *,
    nf4: bool,
    tower_nf4: bool = False,
    towers: Sequence[int] | None = None,
) -> Estimate:
    """What a request takes: `image_tokens` of all its pictures, `text_tokens` of its texts, and the reply.

    towers: patches of each picture, or part of one, that the tower sees; None: as many as the image tokens come from.
    """
    prompt = image_tokens + text_tokens
    cache = (prompt + max_tokens) * layout.layers * layout.kv_width * 2
    patches = image_tokens * layout.patches_per_token if towers is None else sum(towers)
    whole = layout.tower_heads * sum(count**2 for count in towers or ()) * _MATRIX
    # Bytes of one token, of one patch, at their widest moment, as counted by bench/gpu.py. Language: what came in, the
    # residual and its norm, then query, key, value and output, or gate, up and their product, all in bf16; and places.
    # Tower: the picture in float32 and bf16; then query and key turned by their places in float32, or its gate and up.
    language = prompt * 2 * (max(6 * layout.hidden, 4 * layout.hidden + 3 * layout.intermediate) + 256)
    turned, gated = 34 * layout.vision_hidden, 2 * (2 * layout.vision_hidden + 3 * layout.vision_intermediate)
    vision = patches * (6 * layout.patch_values + max(turned, gated))
    unpacked = 2 * layout.hidden * layout.intermediate if nf4 else 0  # one layer at a time is put into bf16
    scores = 2 * 4 * layout.vocabulary  # of the last token, and what the grammar makes of them
    return Estimate(
        weight_bytes(layout, nf4=nf4, tower_nf4=tower_nf4), cache, max(language, vision + whole) + unpacked + scores
    )


def image_tokens(sizes: Sequence[tuple[int, int]], unit: int, least: int, most: int) -> int:
    """Tokens of pictures of these sizes, in models that spend one on each square of `unit` pixels."""
    tokens = 0
    for size in sizes:
        width, height = fitted(size, unit, least, most)
        tokens += (width // unit) * (height // unit)
    return tokens


def fit(
    messages: Sequence[Message],
    budget: int,
    most: int,
    estimate: Callable[[Sequence[Message], int], Estimate],
) -> Fit:
    """The request with as little given up as makes it fit `budget` bytes over the weights.

    most: pixels of a picture that the model takes. estimate: of messages whose pictures have at most so many pixels.

    Raises:
        MemoryShortError: nothing that may be given up makes it fit.
    """
    tried = tuple(messages)
    left_out = 0
    while (found := estimate(tried, most)).working > budget and (fewer := with_fewer(tried)) is not None:
        tried, left_out = fewer, left_out + 1
    notes = (f"memory is short: {left_out} examples left out",) if left_out else ()
    for share in _SHARES:
        pixels = int(most * share)
        found = estimate(tried, pixels)
        if found.working <= budget:
            smaller = (f"memory is short: pictures of at most {pixels / 1e6:.2f} megapixels",) if share < 1 else ()
            return Fit(tried, pixels, found, notes + smaller)
    need, have = found.working / 2**30, max(0, budget) / 2**30
    raise MemoryShortError(
        f"the request needs {need:.2f} GiB over the weights, {have:.2f} GiB are free",
        hint="Use a smaller model, or allow more with DIASCRIBE_MAX_VRAM.",
    )


def with_fewer(messages: Sequence[Message]) -> tuple[Message, ...] | None:
    """The messages without the last of their spare parts; None: there is none."""
    for place in reversed(range(len(messages))):
        if messages[place].spare:
            return (*messages[:place], messages[place].without_spare(), *messages[place + 1 :])
    return None
