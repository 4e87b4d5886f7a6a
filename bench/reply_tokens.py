"""Tokens that a model must write for a graph: rows with their flows (ours) against two other designs of the same JSON.

    python bench/reply_tokens.py [TOKENIZER_FOLDER]

Without a folder of a real tokenizer, one of 16,000 tokens is made from the descriptions of the training diagrams with
the splitting pattern of Qwen's: its figures are too high by what a larger vocabulary saves, alike for all designs.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from diagram.model import Diagram  # noqa: E402
from vlm.reply import WORDS, encode  # noqa: E402

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def objects(diagram: Diagram) -> str:
    """Objects with short keys; flows apart."""
    number = {item.id: i for i, item in enumerate((*diagram.lanes, *diagram.nodes), 1)}
    nodes = []
    for node in diagram.nodes:
        row = {"i": number[node.id], "t": WORDS[node.type], "x": node.text}
        row |= {"l": number[node.lane]} if node.lane else {}
        row |= {"g": node.trigger} if node.trigger else {}
        nodes.append(row)
    edges = [
        {"s": number[e.source], "d": number[e.target]}
        | ({"x": e.text} if e.text else {})
        | ({"k": e.kind} if e.kind != "sequence" else {})
        for e in diagram.edges
    ]
    lanes = [{"i": number[lane.id], "x": lane.name, "p": number.get(lane.parent, 0)} for lane in diagram.lanes]
    return compact({"kind": diagram.kind, "language": diagram.language, "lanes": lanes, "nodes": nodes, "edges": edges})


def apart(diagram: Diagram) -> str:
    """Rows, but flows apart from the nodes."""
    data = json.loads(encode(diagram))
    edges = []
    for row in data["nodes"]:
        for flow in row.pop(4):
            edges.append([row[0], *(flow if isinstance(flow, list) else [flow])])
    return compact({**data, "edges": edges})


def compact(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def public(diagram: Diagram) -> str:
    return compact(diagram.to_json())


def costs(folder: Path | None = None) -> dict[str, tuple[float, float]]:
    """Tokens per node by design: the mean, and what 95 % of the graphs stay below."""
    rows = [json.loads(line) for line in (ROOT / "data/train/metadata.jsonl").read_text("utf-8").splitlines()]
    rows = list({row["process"]: row for row in rows}.values())
    graphs = [row["graph"] if isinstance(row["graph"], dict) else json.loads(row["graph"]) for row in rows]
    tokenizer = loaded(folder) if folder is not None else made([row["description"] for row in rows])
    designs = {"rows with flows": encode, "rows, flows apart": apart, "objects": objects, "the public JSON": public}
    found = {}
    for name, write in designs.items():
        cost = sorted(
            len(tokenizer.encode(write(diagram)).ids) / len(diagram.nodes) for diagram in map(Diagram.from_json, graphs)
        )
        found[name] = statistics.mean(cost), cost[len(cost) * 95 // 100]
    return found


def show(found: dict[str, tuple[float, float]]) -> str:
    lines = ["tokens per node of a reply (flows and lanes included): mean, 95 % of graphs are below"]
    return "\n".join([*lines, *(f"{name:18} {mean:6.1f} {most:6.1f}" for name, (mean, most) in found.items())])


def main() -> None:
    print(show(costs(Path(sys.argv[1]) if len(sys.argv) > 1 else None)))


def loaded(folder: Path) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def made(texts: list[str]) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    # Code of all three forms, so that punctuation runs are tokens as they are in real vocabularies.
    forms = ['[[1,"a",0],[2,"b",1,[3]],[4,"c",0,[[5,"d"]]]]', '[{"i":1,"t":"a"},{"s":1,"d":2,"x":"b"},{"i":3}]'] * 200
    trainer = trainers.BpeTrainer(vocab_size=16000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([*texts, *forms, *WORDS.values()], trainer)
    return tokenizer


if __name__ == "__main__":
    main()
