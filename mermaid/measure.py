"""Widths of text as it will be drawn, so that no label is clipped: DejaVu Sans, the font that ships beside this module.

The native renderer lays boxes out around these widths and draws with the same font; wide characters (CJK, emoji) count
one em. DejaVu is among the widest of common fonts, so a viewer that lacks it has room to spare. Knows no diagrams.
"""

from __future__ import annotations

import copy
import struct
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mermaid.entities import meant

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

FONT: Final = Path(__file__).with_name("fonts") / "DejaVuSans.ttf"
FAMILY: Final = "DejaVu Sans"
_SIZE: Final = 128
_HEIGHT: Final = 1.164
"""Ascent plus descent of the font, in em."""
_BOLD: Final = 1.13
"""How much wider the bold cut is than the regular one, rounded up."""


@lru_cache(maxsize=1)
def _font() -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(str(FONT), _SIZE, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=16_384)
def _advance(text: str) -> float:
    """The advance width of one line, in em."""
    if text.isascii():
        return _font().getlength(text) / _SIZE
    text = meant(text)
    wide = sum(1 for character in text if unicodedata.east_asian_width(character) in "WF")
    narrow = "".join(character for character in text if unicodedata.east_asian_width(character) not in "WF")
    return wide + _font().getlength(narrow) / _SIZE


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Width of one line in the unit of `size` (the font size)."""
    return _advance(text) * size * (_BOLD if bold else 1.0)


def wrap(text: str, size: float, limit: float | None, *, bold: bool = False) -> list[str]:
    """Lines of a text, broken at spaces so that none is wider than `limit` (a word that is wider stays whole)."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" ") if limit is not None else [paragraph]:
            longer = f"{line} {word}" if line else word
            if line and limit is not None and width(longer, size, bold=bold) > limit:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return lines


def _result(kind: Any, wide: float = 0.0, high: float = 0.0, length: float = 0.0, lines: int = 1) -> Any:
    """What merman is told of a text."""
    from merman import MermanTextMeasureResult

    return MermanTextMeasureResult(
        result_kind=kind,
        width=wide,
        height=high,
        length=length,
        line_count=lines,
        bbox_left=None,
        bbox_right=None,
        raw_width=None,
    )


def measurer() -> Any:
    """A text measurer for merman (`MermanTextMeasurer`); what it is not sure of it leaves to merman."""
    import merman
    from merman import MermanTextMeasurementOperation as Op
    from merman import MermanTextMeasurementResultKind as Kind

    lengths = {
        Op.COMPUTED_LENGTH, Op.SIMPLE_B_BOX_WIDTH, Op.RAW_B_BOX_WIDTH, Op.TSPAN_B_BOX_WIDTH, Op.WRAP_PROBE_B_BOX_WIDTH,
        Op.BOUNDING_CLIENT_RECT_WIDTH, Op.CANVAS_MEASURE_TEXT_WIDTH,
    }  # fmt: skip
    heights = {Op.TSPAN_B_BOX_HEIGHT, Op.SIMPLE_B_BOX_HEIGHT, Op.RAW_B_BOX_HEIGHT}
    metrics = {Op.MEASURE, Op.WRAPPED, Op.MERMAID_CALCULATE_TEXT_DIMENSIONS}

    class Measurer(merman.MermanTextMeasurer):  # type: ignore[misc]
        def measure(self, request: Any) -> Any:
            return self.answer(request)

        def answer(self, request: Any) -> Any:
            size, text = request.font_size, request.text
            bold = request.font_weight in ("bold", "bolder", "600", "700", "800", "900")
            if request.operation in lengths:
                longest = max((width(line, size, bold=bold) for line in text.split("\n")), default=0.0)
                return _result(Kind.LENGTH, length=longest)
            if request.operation in heights:
                return _result(Kind.LENGTH, length=size * _HEIGHT * (text.count("\n") + 1) if text else 0.0)
            if request.operation in metrics:
                limit = None if request.white_space.name == "NOWRAP" else request.max_width
                lines = wrap(text, size, limit, bold=bold)
                longest = max(width(line, size, bold=bold) for line in lines)
                return _result(Kind.METRICS, wide=longest, high=len(lines) * request.line_height, lines=len(lines))
            return None

    _quicken()
    return Measurer()


_ANSWERS: Final = 8192
_HEAD: Final = struct.Struct(">iii")
"""How a question begins: what is asked, in which phase, and the bytes of its text, which follows."""


@lru_cache(maxsize=1)
def _quicken() -> object:
    """Have merman's binding answer what it was asked before by the bytes of the question, which are then not unpacked.

    A layout asks the same widths many times, and unpacking is nearly all that a question costs: without this a chart
    of 200 nodes takes more than twice as long. Of a new question only the text is unpacked. The answer goes back in the
    question's own memory. Where the binding is not built as expected it works as it comes. Returns what merman calls
    from now on, which must never be freed.
    """
    import ctypes

    from merman import merman_uniffi as binding

    try:
        question = binding._UniffiFfiConverterTypeMermanTextMeasureRequest
        answer = binding._UniffiFfiConverterOptionalTypeMermanTextMeasureResult
        measurers = binding._UniffiFfiConverterTypeMermanTextMeasurer._handle_map
        stream, text = binding._UniffiRustBufferStream, binding._UniffiFfiConverterString
        prototype = binding._UNIFFI_CALLBACK_INTERFACE_MERMAN_UNIFFI_MERMAN_TEXT_MEASURER_METHOD0
        table = binding._UniffiTraitImplMermanTextMeasurerImpl._uniffi_vtable
        unexpected = binding._UniffiRustCallStatus.CALL_UNEXPECTED_ERROR
        slot = next(name for name, kind in table._fields_ if kind is prototype)
    except (AttributeError, StopIteration):
        return None
    kinds = {kind: place for place, kind in enumerate(binding.MermanTextMeasurementResultKind, 1)}
    form = struct.Struct(">BidddQ3x")

    def unpacked(result: Any) -> bytes:
        packed = answer.lower(result)
        said = ctypes.string_at(packed.data, packed.len)
        packed.free()
        return said

    def quick(result: Any) -> bytes:
        if result is None:
            return b"\0"
        sizes = result.width, result.height, result.length, result.line_count
        return form.pack(1, kinds[result.result_kind], *sizes)

    samples = [None, *(_result(kind, 1.5, 2.5, 3.5, 4) for kind in kinds)]
    pack = quick if all(quick(sample) == unpacked(sample) for sample in samples) else unpacked
    known: dict[bytes, bytes] = {}
    frames: dict[tuple[bytes, bytes], Any] = {}

    def asks(key: bytes) -> Any:
        """The question. What stands around its text recurs, and is unpacked but once."""
        start = _HEAD.size
        end = start + _HEAD.unpack_from(key)[2]
        frame = key[: start - 4], key[end:]
        seen = frames.get(frame)
        if seen is not None:
            request = copy.copy(seen)
            request.text = key[start:end].decode()
            return request
        request = question.read(stream(key, len(key)))
        if request.text.encode() == key[start:end]:
            if len(frames) >= _ANSWERS:
                frames.clear()
            frames[frame] = request
        return request

    def measure(handle: int, asked: Any, out: Any, status: Any) -> None:
        try:
            key = ctypes.string_at(asked.data, asked.len)
            said = known.get(key)
            if said is None:
                said = pack(measurers.get(handle).measure(asks(key)))
                if len(known) >= _ANSWERS:
                    known.clear()
                known[key] = said
            if len(said) > asked.capacity:
                asked.free()
                asked = binding._UniffiRustBuffer.alloc(len(said))
            ctypes.memmove(asked.data, said, len(said))
            asked.len = len(said)
            out[0] = asked
        except Exception as error:
            status.contents.code = unexpected
            status.contents.error_buf = text.lower(repr(error))

    callback = prototype(measure)
    setattr(table, slot, callback)
    return callback
