"""A vision-language model in this process, through transformers: Qwen2.5-VL and the other native ones of the registry.

Weights come from a folder and are loaded at the first request, in NF4 (vision tower, embeddings and head unquantised)
or bf16, on the GPU or the CPU, with sdpa attention. Every request is measured against the free memory before it runs
(`vlm.memory`); a real out-of-memory error frees the caches, and the request is tried once more with smaller pictures.
Requests take turns. Replies are decoded under the schema (`vlm.grammar`), so that a finished one always parses.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from PIL import Image

from diagram.errors import EngineError, EngineUnavailableError, MissingDependencyError
from vlm.engine import Finish, Message, OnText, Reply, Schema
from vlm.grammar import Grammar
from vlm.memory import Estimate, Fit, Layout, fit, image_tokens, predict, weight_bytes
from vlm.pictures import fitted, flattened
from vlm.stack import import_stack

_RESERVE: Final = 512 << 20  # of free memory that is left to others: the driver, the desktop, the built-in reader
_KEPT: Final = ["model.visual", "lm_head"]  # not quantised; leaving lm_head out of this list crashes where it is tied
_OTHERS: Final = ["model.vision_tower", "model.multi_modal_projector", "model.connector", "lm_head"]


@dataclass(frozen=True, slots=True)
class Options:
    """How a model is run. device: "auto", "cpu" or "cuda". max_vram, max_ram: GiB. lora: a folder with an adapter.

    unit, least, most: a token is a square of `unit` pixels; a picture gets between `least` and `most` of them.
    """

    precision: Literal["nf4", "bf16"] = "nf4"
    device: str = "auto"
    max_vram: float | None = None
    max_ram: float | None = None
    lora: Path | None = None
    unit: int = 28
    least: int = 256
    most: int = 1280


class QwenEngine:
    """One model. folder: its files, in the layout of the hub. name: to be shown."""

    def __init__(self, folder: Path, options: Options | None = None, name: str = "") -> None:
        self.name = name or folder.name
        self._folder, self._options = folder, options or Options()
        self._lock = threading.Lock()  # around loading, unloading and running: one at a time
        self._loaded: _Loaded | None = None
        self.state: str = "absent"
        self.why = ""
        self.loaded = 0.0

    def load(self) -> None:
        """Load the weights, if they are not yet.

        Raises:
            EngineError: they cannot be loaded; `state` and `why` keep the reason.
        """
        with self._lock:
            self._ready()

    def unload(self) -> None:
        """Free the memory, after the request that is running, if any."""
        with self._lock:
            self._loaded = None
            self.state, self.why = "absent", ""
            _free()

    def generate(
        self,
        messages: Sequence[Message],
        *,
        schema: Schema | None = None,
        max_tokens: int = 4096,
        on_text: OnText | None = None,
        cancel: threading.Event | None = None,
    ) -> Reply:
        """The model's reply; see `vlm.engine.Engine`."""
        start = time.perf_counter()
        with self._lock:
            loaded = self._ready()
            waited = time.perf_counter() - start
            planned = loaded.plan(messages, max_tokens)
            try:
                reply = loaded.run(planned, schema, max_tokens, on_text, cancel)
            except loaded.torch.OutOfMemoryError as error:
                memory = str(error).splitlines()[0]
                del error
                _free()
                smaller = planned.max_pixels // 2
                planned = Fit(planned.messages, smaller, planned.estimate, (
                    *planned.notes, f"memory ran out; pictures of at most {smaller / 1e6:.2f} megapixels",
                ))  # fmt: skip
                try:
                    reply = loaded.run(planned, schema, max_tokens, on_text, cancel)
                except loaded.torch.OutOfMemoryError as again:
                    again.__traceback__ = None
                    _free()
                    hint = "Use a smaller model or smaller pictures."
                    raise EngineUnavailableError(f"memory ran out: {memory}", hint=hint) from None
        timings = {"wait": waited, **reply.timings}
        return Reply(
            reply.text,
            reply.finish,
            self.name,
            reply.prompt_tokens,
            reply.tokens,
            (*planned.notes, *reply.notes),
            timings,
        )

    def _ready(self) -> _Loaded:
        if self._loaded is None:
            self.state, self.why = "loading", ""
            try:
                self._loaded = _Loaded(self._folder, self._options)
            except BaseException as error:
                self.state, self.why = "failed", str(error) or type(error).__name__
                _free()
                raise
            self.state = "ready"
        return self._loaded


class _Loaded:
    """Weights, tokenizer and image processor in memory."""

    def __init__(self, folder: Path, options: Options) -> None:
        self.torch, self.transformers = import_stack()
        self._options = options
        self._device = options.device
        if self._device == "auto":
            self._device = "cuda" if self.torch.cuda.is_available() else "cpu"
        try:
            self._config = self.transformers.AutoConfig.from_pretrained(str(folder), local_files_only=True)
            self._processor = _processor(self.transformers, str(folder), self._config.model_type)
            self._layout = self._measure()
            self._check_weights_fit()
            self._model = self._load(folder)
        except (EngineError, MissingDependencyError):
            raise
        except ImportError as error:
            hint = "install it with: pip install 'diascribe[vlm]'"
            raise MissingDependencyError(f"a package is missing: {error}", hint=hint) from error
        except self.torch.OutOfMemoryError as error:
            raise EngineUnavailableError(f"{folder} does not fit into memory", hint="Use a smaller model.") from error
        except Exception as error:  # transformers, tokenizers and safetensors raise of all kinds
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            hint = "Check the folder, or fetch the model again with: diascribe models download"
            raise EngineError(f"the model in {folder} cannot be loaded: {reason}", hint=hint) from error
        self._grammar = Grammar(self._processor.tokenizer, self._layout_vocabulary())

    def plan(self, messages: Sequence[Message], max_tokens: int) -> Fit:
        """The request as it fits into the free memory."""
        if self._layout is None:
            return Fit(tuple(messages), self._most, Estimate(0, 0, 0))
        return fit(
            messages, self._budget(), self._most, lambda tried, pixels: self._estimate(tried, pixels, max_tokens)
        )

    def run(
        self,
        planned: Fit,
        schema: Schema | None,
        max_tokens: int,
        on_text: OnText | None,
        cancel: threading.Event | None,
    ) -> Reply:
        """One reply."""
        start = time.perf_counter()
        inputs = self._inputs(planned)
        prepared = time.perf_counter()
        prompt = inputs["input_ids"].shape[1]
        watch = _Watch(self._processor.tokenizer, on_text, cancel, prepared)
        watching = type("Watching", (self.transformers.StoppingCriteria,), {"__call__": watch.stop})()
        more: dict[str, Any] = {}
        if schema is not None:
            more["logits_processor"] = [self._grammar.processor(schema, prompt)]
        with self.torch.inference_mode():
            out = self._model.generate(
                **inputs, max_new_tokens=max_tokens, do_sample=False, temperature=None, top_p=None, top_k=None,
                streamer=watch, stopping_criteria=[watching], **more,
            )  # fmt: skip
        tokens = int(out.shape[1]) - prompt
        text = self._processor.tokenizer.decode(out[0, prompt:], skip_special_tokens=True)
        finish: Finish = "stop"
        if watch.cancelled:
            finish = "cancelled"
        elif tokens >= max_tokens and int(out[0, -1]) not in self._ends():
            finish = "length"
        done = time.perf_counter()
        timings = {"prepare": prepared - start, "first_token": watch.first or 0.0, "generate": done - prepared}
        return Reply(text, finish, "", prompt, tokens, (), timings)

    @property
    def _most(self) -> int:
        return self._options.most * self._options.unit**2

    def _load(self, folder: Path) -> Any:
        more: dict[str, Any] = {}
        if self._options.precision == "nf4":
            kept = _KEPT if "qwen" in self._config.model_type else _OTHERS
            more["quantization_config"] = self.transformers.BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=self.torch.bfloat16, llm_int8_skip_modules=kept,
            )  # fmt: skip
        model = self.transformers.AutoModelForImageTextToText.from_pretrained(
            str(folder), dtype=self.torch.bfloat16, device_map={"": self._device}, attn_implementation="sdpa",
            local_files_only=True, use_safetensors=True, **more,
        )  # fmt: skip
        if self._options.precision == "nf4" and not _is_nested(model):
            raise EngineError("the weights were not quantised twice", hint="use bitsandbytes 0.50")
        if self._options.lora is not None:
            import peft

            model = peft.PeftModel.from_pretrained(model, str(self._options.lora), local_files_only=True)
        model.eval()
        return model

    def _inputs(self, planned: Fit) -> Any:
        turns, images = [], []
        unit = self._options.unit
        for message in planned.messages:
            parts: list[dict[str, str]] = []
            for part in message.parts:
                if isinstance(part, str):
                    parts.append({"type": "text", "text": part})
                    continue
                parts.append({"type": "image"})
                images.append(self._sized(part, planned.max_pixels))
            turns.append({"role": message.role, "content": parts})
        text = self._processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        more = {"do_resize": False} if self._layout is not None and images else {}
        inputs = self._processor(
            text=[text], images=images or None, return_tensors="pt", **({"images_kwargs": more} if more else {})
        )
        if self._layout is not None and images:
            wanted = sum((image.width // unit) * (image.height // unit) for image in images)
            assert wanted == int(inputs["image_grid_thw"].prod(dim=1).sum()) // self._layout.patches_per_token
        return inputs.to(self._model.device)

    def _sized(self, image: Image.Image, most: int) -> Image.Image:
        """The picture in the size that was counted on."""
        image = flattened(image)
        if self._layout is None:
            return image
        unit = self._options.unit
        size = fitted(image.size, unit, min(self._options.least * unit * unit, most), most)
        return image.resize(size, Image.Resampling.BICUBIC) if size != image.size else image

    def _estimate(self, messages: Sequence[Message], pixels: int, max_tokens: int) -> Estimate:
        assert self._layout is not None
        options = self._options
        sizes = [image.size for message in messages for image in message.images]
        pictures = image_tokens(sizes, options.unit, min(options.least * options.unit**2, pixels), pixels)
        words = sum(len(self._processor.tokenizer(message.text)["input_ids"]) + 8 for message in messages)
        return predict(self._layout, pictures, words, max_tokens, nf4=options.precision == "nf4")

    def _budget(self) -> int:
        """Bytes that a request may take now, over the weights."""
        free, limit = self._free(), self._limit()
        if limit is None:
            return free - _RESERVE
        assert self._layout is not None
        weights = weight_bytes(self._layout, nf4=self._options.precision == "nf4")
        return min(free, int(limit * 2**30) - weights)

    def _free(self) -> int:
        if self._device == "cpu":
            import psutil

            return int(psutil.virtual_memory().available)
        free, _ = self.torch.cuda.mem_get_info()
        unused = self.torch.cuda.memory_reserved() - self.torch.cuda.memory_allocated()
        return int(free + unused)

    def _limit(self) -> float | None:
        return self._options.max_ram if self._device == "cpu" else self._options.max_vram

    def _check_weights_fit(self) -> None:
        if self._layout is None:
            return
        need = weight_bytes(self._layout, nf4=self._options.precision == "nf4")
        limit = self._limit()
        have = self._free() - _RESERVE if limit is None else min(self._free(), int(limit * 2**30))
        if need > have:
            raise EngineUnavailableError(
                f"the weights need {need / 2**30:.2f} GiB, {max(0, have) / 2**30:.2f} GiB are free",
                hint="Use a smaller model or nf4, or allow more with DIASCRIBE_MAX_VRAM or DIASCRIBE_MAX_RAM.",
            )

    def _measure(self) -> Layout | None:
        """The layout of a model of the Qwen family, counted on the meta device; None for others: not predicted."""
        if "qwen" not in self._config.model_type:
            return None
        with self.torch.device("meta"):
            empty = self.transformers.AutoModelForImageTextToText.from_config(self._config, dtype=self.torch.bfloat16)
        counts = {"language": 0, "embedding": 0, "vision": 0}
        for name, weights in empty.named_parameters():  # tied ones once
            part = "vision" if ".visual." in name else "language" if ".layers." in name else "embedding"
            counts[part] += weights.numel()
        return Layout.of(self._config.to_dict(), counts)

    def _layout_vocabulary(self) -> int:
        return int(self._config.get_text_config().vocab_size)

    def _ends(self) -> set[int]:
        ends = self._model.generation_config.eos_token_id
        return set(ends) if isinstance(ends, list) else {ends, self._processor.tokenizer.eos_token_id}


class _Watch:
    """Told every token by `generate`: passes the text on, notes the time of the first, says when to stop."""

    def __init__(self, tokenizer: Any, on_text: OnText | None, cancel: threading.Event | None, start: float) -> None:
        self._tokenizer, self._on_text, self._cancel, self._start = tokenizer, on_text, cancel, start
        self._tokens: list[int] = []
        self._given = 0
        self._prompt_seen = False
        self.first: float | None = None

    @property
    def cancelled(self) -> bool:
        return self._cancel is not None and self._cancel.is_set()

    def put(self, value: Any) -> None:
        """A streamer's: the prompt first, then token by token."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        if self.first is None:
            self.first = time.perf_counter() - self._start
        if self._on_text is not None:
            self._tokens += value.reshape(-1).tolist()
            self._tell(final=False)

    def end(self) -> None:
        if self._on_text is not None:
            self._tell(final=True)

    def stop(self, input_ids: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG002 as transformers calls it
        import torch

        return torch.full((input_ids.shape[0],), self.cancelled, dtype=torch.bool, device=input_ids.device)

    def _tell(self, *, final: bool) -> None:
        text = self._tokenizer.decode(self._tokens, skip_special_tokens=True)
        if text.endswith("\ufffd") and not final:  # half a letter
            return
        if len(text) > self._given:
            assert self._on_text is not None
            self._on_text(text[self._given :])
            self._given = len(text)


def _processor(transformers: Any, folder: str, model_type: str) -> Any:
    """The processor of a model, with Pillow instead of torchvision and without what it would need for video.

    Raises:
        EngineError: the folder holds no image processor or no tokenizer.
    """
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES  # type: ignore[attr-defined]

    kind = getattr(transformers, PROCESSOR_MAPPING_NAMES[model_type])
    stills = type(kind.__name__, (kind,), {"check_argument_for_proper_class": lambda *_: None})
    parts: dict[str, Callable[[], Any]] = {
        "tokenizer": lambda: transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True),
        "image_processor": lambda: transformers.AutoImageProcessor.from_pretrained(
            folder, local_files_only=True, backend="pil"
        ),
        "video_processor": lambda: None,
    }
    made = {name: parts[name]() for name in kind.get_attributes()}
    template = getattr(made["tokenizer"], "chat_template", None)
    if not template and (file := Path(folder) / "chat_template.jinja").is_file():
        template = file.read_text("utf-8")
    if not hasattr(made["tokenizer"], "backend_tokenizer") or not template:
        raise EngineError(f"{folder} has no usable tokenizer or chat template", hint="Fetch the model again.")
    return stills(**made, chat_template=template)


def _is_nested(model: Any) -> bool:
    states = [
        state for module in model.modules() if (state := getattr(getattr(module, "weight", None), "quant_state", None))
    ]
    return bool(states) and all(state.nested for state in states)


def _free() -> None:
    """Give memory back to the system and the GPU."""
    gc.collect()
    torch, _ = import_stack()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
