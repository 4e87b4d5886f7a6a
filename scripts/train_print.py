"""Teach the recogniser of print (`vision/ocr_print.py`) and write its weights.

    python scripts/train_print.py [--minutes 90] [--from CHECKPOINT.pt] [--out vision/print.onnx]

Everything is drawn by `print_lines.py`: no pictures are needed, but many typefaces (Debian: fonts-liberation,
fonts-croscore, fonts-roboto-unhinted, fonts-open-sans, fonts-paratype, fonts-crosextra-carlito, fonts-noto-core, …).
Needs the extra "train". The checkpoint beside the weights (`.pt`) can be gone on from.
"""

from __future__ import annotations

import argparse
import copy
import math
import multiprocessing
import queue
import random
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch import Tensor, nn

from scripts.print_lines import ALPHABET, SMALLEST, Lines, typefaces, usual_words
from vision.ocr_print import HEIGHT, WEIGHTS, normal

POOL = 512  # lines drawn before they are sorted into batches of like widths
AREA = 64 * 200  # pixels of width in a batch
EASY = 8.0  # pixels by which the smallest print is larger at first, less and less over LEARNING seconds
LEARNING = 240.0
RATE = 2.5e-3
AVERAGE = 0.998  # of the weights that are kept, over steps


@dataclass(frozen=True)
class Batch:
    """lines: (n, 1, HEIGHT, w); widths: of each line; texts: their signs, by number from 1."""

    lines: np.ndarray
    widths: list[int]
    texts: list[list[int]]


class Convolution(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, stride: Any = 1) -> None:
        layer = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        super().__init__(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Network(nn.Module):
    """(n, 1, HEIGHT, w) -> (n, w / 2, signs): convolutions that keep two steps of width for one, then two layers of
    bidirectional LSTM (Shi et al. 2015)."""

    def __init__(self, signs: int, state: int = 96) -> None:
        super().__init__()
        self.look = nn.Sequential(
            Convolution(1, 24),
            Convolution(24, 48, 2),
            Convolution(48, 48),
            Convolution(48, 96, (2, 1)),
            Convolution(96, 96),
            Convolution(96, 160, (2, 1)),
            Convolution(160, 160),
            nn.Conv2d(160, 2 * state, (HEIGHT // 8, 1), bias=False),
            nn.BatchNorm2d(2 * state),
            nn.ReLU(inplace=True),
        )
        self.follow = nn.LSTM(2 * state, state, 2, bidirectional=True, batch_first=True)
        self.name = nn.Linear(2 * state, signs)

    def forward(self, lines: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            seen = self.look(lines).squeeze(2).transpose(1, 2)
        return self.name(self.follow(seen.float())[0])


class Chances(nn.Module):
    """What `vision.ocr_print` runs: chances instead of scores."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, lines: Tensor) -> Tensor:
        return self.network(lines).softmax(-1)


def batches(source: Lines) -> Iterator[Batch]:
    """Lines of like widths together, in any order."""
    number = {sign: i + 1 for i, sign in enumerate(ALPHABET)}
    while True:
        pool = [(normal(crop), text) for crop, text in (source.draw() for _ in range(POOL))]
        pool.sort(key=lambda pair: pair[0].shape[1])
        made = []
        while pool:
            count = max(8, min(96, AREA // pool[min(63, len(pool) - 1)][0].shape[1]))
            part, pool = pool[:count], pool[count:]
            lines = np.ones((len(part), 1, HEIGHT, math.ceil(part[-1][0].shape[1] / 4) * 4), np.float32)
            for row, (line, _) in zip(lines, part, strict=True):
                row[0] = np.median(line)
                row[0, :, : line.shape[1]] = line
            made.append(
                Batch(lines, [line.shape[1] for line, _ in part], [[number[s] for s in text] for _, text in part])
            )
        random.shuffle(made)
        yield from made


def draw(out: multiprocessing.Queue[Batch], seed: int, smallest: Synchronized[float]) -> None:
    """A process that draws for the one that learns."""
    torch.set_num_threads(1)
    source = Lines(seed, {language: usual_words(language) for language in ("en", "ru")}, typefaces())
    source.smallest = smallest.value
    for batch in batches(source):
        out.put(batch)
        source.smallest = smallest.value


def learn(network: Network, optimiser: torch.optim.Optimizer, batch: Batch) -> float:
    """One step; the loss for a sign."""
    scores = network(torch.from_numpy(batch.lines)).log_softmax(-1).transpose(0, 1)
    steps = torch.tensor([min(scores.shape[0], (width + 1) // 2) for width in batch.widths])
    sizes = torch.tensor([len(text) for text in batch.texts])
    signs = torch.tensor([sign for text in batch.texts for sign in text])
    loss = nn.functional.ctc_loss(scores, signs, steps, sizes, zero_infinity=True)
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 2.0)
    optimiser.step()
    return float(loss.detach())


def move(network: Network, other: Network, share: float) -> None:
    """Bring a network's weights nearer to another's by a share of the way; counts of steps become the other's."""
    for own, new in zip(network.state_dict().values(), other.state_dict().values(), strict=True):
        own.copy_(own.lerp(new, share) if own.dtype.is_floating_point else new)


def train(network: Network, minutes: float, *, fresh: bool) -> Network:
    """The running average of the weights after so many minutes; what they have learned is printed twice a minute."""
    context = multiprocessing.get_context("spawn")
    drawn: multiprocessing.Queue[Batch] = context.Queue(60)
    smallest = context.Value("d", SMALLEST + EASY * fresh)
    context.Process(target=draw, args=(drawn, random.randrange(10**6), smallest), daemon=True).start()
    network.train()
    average = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, betas=(0.9, 0.98), weight_decay=0.01)
    start = told = time.monotonic()
    steps = seen = 0
    losses: list[float] = []
    while (spent := time.monotonic() - start) < 60 * minutes:
        smallest.value = SMALLEST + EASY * fresh * max(0.0, 1 - spent / LEARNING)
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (steps + 1) / 300) * (1 + math.cos(math.pi * spent / (60 * minutes))) / 2
        try:
            batch = drawn.get(timeout=120)
        except queue.Empty:
            raise SystemExit("nothing is drawn: are wordfreq, fontconfig and fonts installed?") from None
        losses.append(learn(network, optimiser, batch))
        steps, seen = steps + 1, seen + len(batch.texts)
        keep = min(AVERAGE, (steps + 1) / (steps + 50))
        move(average, network, 1 - keep)
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(f"{spent / 60:.1f} min, {seen} lines: {np.mean(losses):.3f} a sign", flush=True)
            losses.clear()
    return average


def write(network: Network, out: Path) -> None:
    """The network as ONNX, weights in half precision, with its alphabet."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    example = torch.zeros(1, 1, HEIGHT, 160)
    axes = {"line": {3: "width"}, "chances": {1: "steps"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this exporter is the older one: the newer fails on LSTM layers and any width
        torch.onnx.export(
            Chances(network.eval()).eval(),
            (example,),
            str(out),
            input_names=["line"],
            output_names=["chances"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    model = onnx.load(out)
    halved = []
    for weights in model.graph.initializer:
        if weights.data_type == TensorProto.FLOAT and math.prod(weights.dims) > 1000:
            name = weights.name
            weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights).astype(np.float16), f"{name}.half"))
            halved.append(helper.make_node("Cast", [weights.name], [name], to=TensorProto.FLOAT))
    for node in reversed(halved):
        model.graph.node.insert(0, node)
    entry = model.metadata_props.add()
    entry.key, entry.value = "alphabet", ALPHABET
    onnx.checker.check_model(model)
    onnx.save(model, out)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--minutes", type=float, default=90.0)
    asked.add_argument("--from", dest="start", type=Path, help="checkpoint to go on from; the mean of both is kept")
    asked.add_argument("--out", type=Path, default=WEIGHTS)
    given = asked.parse_args()
    network = Network(len(ALPHABET) + 1)
    if given.start:
        network.load_state_dict(torch.load(given.start))
    taught = train(copy.deepcopy(network), given.minutes, fresh=given.start is None)
    move(network, taught, 0.5 if given.start else 1.0)  # midway lies a better one (Wortsman et al. 2022)
    torch.save(network.state_dict(), given.out.with_suffix(".pt"))
    write(network, given.out)
    print(f"wrote {given.out}, {given.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
