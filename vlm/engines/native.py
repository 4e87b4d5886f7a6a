"""A model of transformers in memory: weights, tokenizer, image processor; what fits, and one round of replies.

Loads from a folder, in NF4 (embeddings and head unquantised, the vision tower as asked) or bf16, with sdpa attention,
to one device, whose share of memory accelerate is told (`max_memory`).
Knows nothing of turns between requests and of what to do when memory is short: that is `vlm.engines.qwen`.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from PIL import Image

from diagram.errors import EngineError, MissingDependencyError
from vlm.engine import Message, Reply, Schema
from vlm.engines.processors import BARE, processor, resizer
from vlm.engines.room import Room
from vlm.engines.watch import Row, Watch
from vlm.grammar import Grammar
from vlm.memory import Estimate, Fit, Layout, MemoryShortError, fit, image_tokens, predict, weight_bytes
from vlm.pictures import fitted, flattened, shrunk
from vlm.stack import import_stack

_KEPT: Final = ["model.visual", "lm_head"]  # not quantised; leaving lm_head out of this list crashes where it is tied
_OTHERS: Final = [
    "model.vision_tower",
    "model.vision_model",
    "model.multi_modal_projector",
    "model.connector",
    "lm_head",
]
_SEEING: Final = ("visual", "vision", "image_embed", "projector", "connector", "aligner")  # in the names of weights
_OWN_WAY: Final = 2048 * 2048  # pixels; models that cut pictures in their own way look at no more
_PROBE: Final = 12  # tokens by which compiled decoding is held against plain decoding
_BUCKET: Final = 2048  # static caches come in multiples of so many tokens, so that few shapes are compiled


@dataclass(frozen=True, slots=True)
class Options:
    """How a model is run. device: "auto", "cpu" or "cuda". max_vram, max_ram: GiB. lora: a folder with an adapter.

    unit, least, most: a token is a square of `unit` pixels; a picture gets between `least` and `most` of them.
    together: requests that are answered in one round where they wait together and fit. compiler: of `torch.compile`
    ("inductor", "cudagraphs" …), which then runs single tokens over a cache of fixed size; "": none. loader: a class of
    transformers; "": the one that the configuration names.
    """

    precision: Literal["nf4", "bf16"] = "nf4"
    device: str = "auto"
    max_vram: float | None = None
    max_ram: float | None = None
    lora: Path | None = None
    unit: int = 28
    least: int = 256
    most: int = 1280
    together: int = 4
    compiler: str = ""
    loader: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a model runs. tower_nf4: its vision tower in 4 bit too. note: what was given up for it."""

    device: Literal["cpu", "cuda"]
    tower_nf4: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A request of a round as it will be run."""

    planned: Fit
    schema: Schema | None
    max_tokens: int
    row: Row


def ways(options: Options) -> list[Way]:
    """Where a model may run, the best first; the next is taken when the memory does not suffice."""
    torch, _ = import_stack()
    if options.device == "cpu" or (options.device == "auto" and not torch.cuda.is_available()):
        return [Way("cpu")]
    found = [Way("cuda")]
    if options.precision == "nf4":
        found.append(Way("cuda", tower_nf4=True, note="memory is short: the vision tower in 4 bit"))
    if options.device == "auto":
        found.append(Way("cpu", note="memory of the GPU is short: on the CPU, which is slow"))
    return found


def is_memory_error(error: BaseException) -> bool:
    """Whether this says that memory ran out, of the GPU or of the machine."""
    torch, _ = import_stack()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "allocate memory" in str(error)
    )


def free_caches() -> None:
    """Give memory back to the system and the GPU."""
    gc.collect()
    torch, _ = import_stack()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class Loaded:
    """See above. told: called with the share of the weights that is in memory.

    Raises:
        MemoryShortError: the weights do not fit. EngineError: they cannot be loaded. MissingDependencyError: packages.
    """

    def __init__(self, folder: Path, options: Options, way: Way, told: Callable[[float], None]) -> None:
        self.torch, self.transformers = import_stack()
        self._options, self._way = options, way
        self._fast = options.compiler
        self._cache: Any = None
        try:
            self._config = self.transformers.AutoConfig.from_pretrained(str(folder), local_files_only=True)
            self._processor = processor(self.transformers, str(folder), self._config.model_type)
            self._counts_squares = "qwen" in self._config.model_type  # a token for each square of a picture
            self._resized = resizer(options.unit)
            self._layout = self._measure()
            self._room = self._reserve()
            with _telling(self.transformers, told):
                self._model = self._load(folder)
        except (EngineError, MissingDependencyError):
            raise
        except ImportError as error:
            hint = "install it with: pip install 'diascribe[vlm]'"
            raise MissingDependencyError(f"a package is missing: {error}", hint=hint) from error
        except Exception as error:  # transformers, tokenizers and safetensors raise of all kinds
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            if is_memory_error(error):
                raise MemoryShortError(f"{folder} does not fit into memory: {reason}") from None
            hint = "Check the folder, or fetch the model again with: diascribe models download"
            raise EngineError(f"the model in {folder} cannot be loaded: {reason}", hint=hint) from error
        self._grammar = Grammar(self._processor.tokenizer, self._vocabulary())
        self.why_plain = ""
        if self._fast:
            self._check_compiled()

    @property
    def joins(self) -> bool:
        """Whether several requests can be answered in one round."""
        return self._counts_squares and not self._fast

    def plan(self, messages: Sequence[Message], max_tokens: int) -> Fit:
        """The request as it fits into the free memory.

        Raises:
            MemoryShortError: it does not, whatever is left out.
        """
        return fit(
            messages,
            self._room.for_requests(),
            self.most,
            lambda tried, pixels: self._estimate(tried, pixels, max_tokens),
        )

    def fit_together(self, estimates: Sequence[Estimate]) -> bool:
        """Whether these fit into the free memory at once; shorter ones are filled up to the longest."""
        return len(estimates) * max(one.working for one in estimates) <= self._room.for_requests()

    def run(self, jobs: Sequence[Job]) -> list[Reply]:
        """The replies of one round, in order. Without names and notes; rows tell what came and how it ended."""
        start = time.perf_counter()
        inputs = self._inputs([job.planned for job in jobs])
        prepared = time.perf_counter()
        prompt = inputs["input_ids"].shape[1]
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        ends = self._ends()
        watch = Watch([job.row for job in jobs], ends, self._decode)
        stops = type("Watching", (self.transformers.StoppingCriteria,), {"__call__": watch.stop})()
        more: dict[str, Any] = {}
        if any(job.schema is not None for job in jobs):
            more["logits_processor"] = [self._grammar.processor([job.schema for job in jobs], prompt)]
        most = max(job.max_tokens for job in jobs)
        with self.torch.inference_mode():
            self._generate(
                **inputs, max_new_tokens=most, do_sample=False, temperature=None, top_p=None, top_k=None,
                pad_token_id=self._filling(ends), streamer=watch, stopping_criteria=[stops], **more,
            )  # fmt: skip
        done = time.perf_counter()
        return [
            Reply(
                self._decode(job.row.tokens),
                job.row.finish or "length",
                "",
                length,
                len(job.row.tokens),
                (),
                {"prepare": prepared - start, "first_token": job.row.first or 0.0, "generate": done - prepared},
            )
            for job, length in zip(jobs, lengths, strict=True)
        ]

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._processor.tokenizer.decode(tokens, skip_special_tokens=True)
        return text

    def _generate(self, **inputs: Any) -> None:
        """`generate`, with compiled single tokens where that is asked for and holds."""
        if not self._fast:
            self._model.generate(**inputs)
            return
        plain: Any = self._model.forward
        length = inputs["input_ids"].shape[1] + inputs["max_new_tokens"]
        length = -(-length // _BUCKET) * _BUCKET
        if self._cache is None or self._cache[0] != length:
            self._cache = length, self.transformers.StaticCache(self._config.get_text_config(), max_cache_len=length)
            self._compiled = self.torch.compile(plain, backend=self._fast, dynamic=False)
        self._cache[1].reset()

        def forward(*args: Any, **kwargs: Any) -> Any:
            tokens = kwargs.get("input_ids")
            return (self._compiled if tokens is not None and tokens.shape[1] == 1 else plain)(*args, **kwargs)

        forward.__signature__ = inspect.signature(plain)  # type: ignore[attr-defined]  # generate looks at it
        self._model.forward = forward
        try:
            self._model.generate(**inputs, past_key_values=self._cache[1], disable_compile=True)
        finally:
            self._model.forward = plain

    @property
    def most(self) -> int:
        """Pixels of a picture that the model takes."""
        return self._options.most * self._options.unit**2 if self._counts_squares else _OWN_WAY

    def _load(self, folder: Path) -> Any:
        more: dict[str, Any] = {}
        if self._options.precision == "nf4":
            kept = _KEPT if "qwen" in self._config.model_type else _OTHERS
            if self._way.tower_nf4:
                kept = ["lm_head"]
            more["quantization_config"] = self.transformers.BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=self.torch.bfloat16, llm_int8_skip_modules=kept,
            )  # fmt: skip
        loader = self._class()
        # "eager" holds whole matrices; it is left to towers that know nothing else, whose pictures have a fixed size.
        attention = "sdpa" if loader._supports_sdpa else {"text_config": "sdpa", "vision_config": "eager"}
        room = {self.torch.cuda.current_device() if self._way.device == "cuda" else "cpu": self._room.for_weights()}
        try:
            model = loader.from_pretrained(
                str(folder), dtype=self.torch.bfloat16, device_map="sequential", max_memory=room,
                attn_implementation=attention, local_files_only=True, use_safetensors=True, **more,
            )  # fmt: skip
        except ValueError as error:
            if "dispatched" in str(error):  # what bitsandbytes cannot do, and so says accelerate
                raise self._room.short() from None
            raise
        if {weights.device.type for weights in model.parameters()} != {self._way.device}:  # some left on disk
            raise self._room.short()
        if self._options.precision == "nf4" and not _is_nested(model):
            raise EngineError("the weights were not quantised twice", hint="use bitsandbytes 0.50")
        if self._options.lora is not None:
            import peft

            model = peft.PeftModel.from_pretrained(model, str(self._options.lora), local_files_only=True)
        model.eval()
        return model

    def _class(self) -> Any:
        """The class of the model."""
        name = self._options.loader or (self._config.architectures or [""])[0]
        found = getattr(self.transformers, name, None) if name else None
        if found is None:
            raise EngineError(f"transformers has no class {name or 'for this model'}", hint="Run it on a server.")
        return found

    def _inputs(self, planned: Sequence[Fit], device: str = "") -> Any:
        """What `generate` takes. device: to count what it takes; "": the model's."""
        texts, images = [], []
        if (bare := BARE.get(self._config.model_type)) is not None:
            return self._bare(planned[0], bare, device)
        for one in planned:
            turns, shown = [], []
            for message in one.messages:
                parts: list[dict[str, str]] = []
                for part in message.parts:
                    if isinstance(part, str):
                        parts.append({"type": "text", "text": part})
                        continue
                    parts.append({"type": "image"})
                    shown.append(self._sized(part, one.max_pixels))
                turns.append({"role": message.role, "content": parts})
            texts.append(self._processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
            images.append(shown)
        more: dict[str, Any] = {}
        given: Any = [image for shown in images for image in shown]
        if self._counts_squares and given:
            more["images_kwargs"] = {"do_resize": False}
        elif not self._counts_squares:
            given = images if given else None
        if len(texts) > 1:
            more["text_kwargs"] = {"padding": True, "padding_side": "left"}
        inputs = self._processor(text=texts, images=given or None, return_tensors="pt", **more)
        if self._counts_squares and given:
            unit = self._options.unit
            wanted = sum((image.width // unit) * (image.height // unit) for image in given)
            assert wanted == int(inputs["image_grid_thw"].prod(dim=1).sum()) // self._layout.patches_per_token
        return inputs.to(device or self._model.device)

    def _bare(self, planned: Fit, text: str, device: str) -> Any:
        """For models that know one task: the picture, and the words that they were trained with."""
        shown = [self._sized(image, planned.max_pixels) for message in planned.messages for image in message.images]
        if not shown:
            raise EngineError("this model reads pictures and takes no questions", hint="Choose one that chats.")
        inputs = self._processor(images=shown[-1], text=text or None, return_tensors="pt")
        return inputs.to(device or self._model.device, dtype=self._model.dtype)

    def _sized(self, image: Image.Image, most: int) -> Image.Image:
        """The picture in the size that was counted on."""
        image = flattened(image)
        if not self._counts_squares:
            return shrunk(image, most)
        unit = self._options.unit
        size = fitted(image.size, unit, min(self._options.least * unit * unit, most), most)
        coarse = max(1, min(image.width // size[0], image.height // size[1]) // 3)  # of what is many times as large
        return self._resized(image.reduce(coarse) if coarse > 1 else image, size)

    def _estimate(self, messages: Sequence[Message], pixels: int, max_tokens: int) -> Estimate:
        options = self._options
        nf4, tower_nf4 = options.precision == "nf4", self._way.tower_nf4
        if not self._counts_squares:
            inputs = self._inputs([Fit(tuple(messages), pixels, Estimate(0, 0, 0))], "cpu")
            shown = [value for name, value in inputs.items() if "pixel_values" in name]
            parts = [
                part for value in shown for part in value.reshape(-1, *value.shape[-3:])
            ]  # pictures, or their parts
            towers = [part.numel() // self._layout.patch_values for part in parts]
            tokens = inputs["input_ids"].shape[1]
            return predict(self._layout, 0, tokens, max_tokens, nf4=nf4, tower_nf4=tower_nf4, towers=towers)
        sizes = [image.size for message in messages for image in message.images]
        pictures = image_tokens(sizes, options.unit, min(options.least * options.unit**2, pixels), pixels)
        words = sum(len(self._processor.tokenizer(message.text)["input_ids"]) + 8 for message in messages)
        return predict(self._layout, pictures, words, max_tokens, nf4=nf4, tower_nf4=tower_nf4)

    def _reserve(self) -> Room:
        """The memory for it, where the weights fit."""
        options, on_cpu = self._options, self._way.device == "cpu"
        weights = weight_bytes(self._layout, nf4=options.precision == "nf4", tower_nf4=self._way.tower_nf4)
        room = Room(self.torch, self._way.device, options.max_ram if on_cpu else options.max_vram, weights)
        if weights > room.for_weights():
            raise room.short()
        room.cap()
        return room

    def _measure(self) -> Layout:
        """The layout of the model, its weights counted on the meta device."""
        with self.torch.device("meta"):
            empty = self._class()._from_config(self._config, dtype=self.torch.bfloat16)
        counts = {"language": 0, "embedding": 0, "vision": 0}
        for name, weights in empty.named_parameters():  # tied ones once
            sees = any(word in name for word in _SEEING)
            part = "vision" if sees else "language" if ".layers." in name else "embedding"
            counts[part] += weights.numel()
        return Layout.of(self._config.to_dict(), counts)

    def _vocabulary(self) -> int:
        return int(self._config.get_text_config().vocab_size)

    def _ends(self) -> set[int]:
        ends = self._model.generation_config.eos_token_id
        found = set(ends) if isinstance(ends, list) else {ends, self._processor.tokenizer.eos_token_id}
        return {end for end in found if end is not None}

    def _filling(self, ends: set[int]) -> int | None:
        """What replies that are over are filled up with."""
        filling: int | None = self._processor.tokenizer.pad_token_id
        return min(ends, default=None) if filling is None else filling

    def _check_compiled(self) -> None:
        """Whether compiled decoding says the same as plain decoding here; else it is not used."""
        said = []
        compiler = self._fast
        for self._fast in ("", compiler):
            row = Row(_PROBE, None, None)
            turn = Message("user", ("Count from one to twenty.",))
            try:
                self.run([Job(Fit((turn,), self.most, Estimate(0, 0, 0)), None, _PROBE, row)])
            except Exception as error:  # compilers fail in all ways
                self.why_plain = f"decoding cannot be compiled here: {type(error).__name__}"
                break
            said.append(row.tokens)
        if not self.why_plain and said[0] != said[1]:
            self.why_plain = "compiled decoding does not say the same here; it is not used"
        if self.why_plain:
            self._fast, self._cache = "", None


def _counted(rows: Sequence[Any], told: Callable[[float], None]) -> Iterator[Any]:
    for place, row in enumerate(rows, 1):
        yield row
        told(place / len(rows))


@contextlib.contextmanager
def _telling(transformers: Any, told: Callable[[float], None]) -> Iterator[None]:
    """Tell how far the weights have come, instead of drawing bars."""

    def hook(factory: Any, args: Any, kwargs: Any) -> Any:
        bar = factory(*args, **{**kwargs, "disable": True})
        if kwargs.get("desc") != "Loading weights" or not args:
            return bar
        rows = list(args[0])
        return _counted(rows, told)

    before = transformers.utils.logging.set_tqdm_hook(hook)
    try:
        yield
    finally:
        transformers.utils.logging.set_tqdm_hook(before)


def _is_nested(model: Any) -> bool:
    states = [
        state for module in model.modules() if (state := getattr(getattr(module, "weight", None), "quant_state", None))
    ]
    return bool(states) and all(state.nested for state in states)
