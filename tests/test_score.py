"""The figures of `diascribe eval` are those of the reference scorer, and mean what they say."""

from __future__ import annotations

import copy
import importlib.util
import json
import random
from pathlib import Path

import pytest

from pipeline.evaluate import calibrate
from pipeline.score import macro, micro, score

REFERENCE = Path(__file__).parents[2] / "shared" / "eval" / "score.py"
WORDS = ["Start", "Проверить заявку", "Check order", "End", "", "Оплата", "Ship goods", "Отказ", "Payment received?"]
TYPES = ["task", "start_event", "end_event", "gateway_exclusive", "decision", "data_object", "annotation", "user_task"]


def graph(rng: random.Random) -> dict:
    lanes = [{"id": f"l{i}", "name": rng.choice(WORDS), "nodes": []} for i in range(rng.randrange(3))]
    nodes = []
    for i in range(rng.randrange(12)):
        x, y = rng.randrange(500), rng.randrange(500)
        nodes.append(
            {
                "id": f"n{i}",
                "type": rng.choice(TYPES),
                "text": rng.choice(WORDS) + rng.choice(["", "!", " 2"]),
                "bbox": rng.choice([None, [x, y, x + 80, y + 40]]),
                "lane": rng.choice([None, *[lane["id"] for lane in lanes]]),
                "confidence": rng.random(),
            }
        )
    if lanes and nodes:
        lanes[0]["nodes"].append(rng.choice(nodes)["id"])
    edges = [
        {
            "source": rng.choice(nodes)["id"],
            "target": rng.choice(nodes)["id"],
            "text": rng.choice(WORDS),
            "kind": rng.choice(["sequence", "sequence", "sequence", "message", None]),
        }
        for _ in range(rng.randrange(15) if nodes else 0)
    ]
    return {"nodes": nodes, "edges": edges, "lanes": lanes}


def disturbed(truth: dict, rng: random.Random) -> dict:
    found = copy.deepcopy(truth)
    for node in list(found["nodes"]):
        draw = rng.random()
        if draw < 0.1:
            found["nodes"].remove(node)
        elif draw < 0.3:
            node["text"] = node["text"][1:]
        elif draw < 0.4:
            node["type"] = "task"
        elif draw < 0.5:
            node["bbox"] = None
    for edge in list(found["edges"]):
        draw = rng.random()
        if draw < 0.1:
            found["edges"].remove(edge)
        elif draw < 0.25:
            edge["source"], edge["target"] = edge["target"], edge["source"]
        elif draw < 0.35:
            found["edges"].append(dict(edge))
        elif draw < 0.45:
            edge["text"] = "?"
    rng.shuffle(found["nodes"])
    return found


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference scorer lies outside the project")
def test_the_reference_scorer_agrees(tmp_path):
    spec = importlib.util.spec_from_file_location("reference", REFERENCE)
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    rng = random.Random(7)
    for i in range(300):
        truth = graph(rng)
        found = disturbed(truth, rng) if i % 3 else graph(rng)
        for name, data in (("truth", truth), ("found", found)):
            (tmp_path / name).write_text(json.dumps(data))
        theirs = reference.score_one(reference.load(tmp_path / "truth"), reference.load(tmp_path / "found"))
        ours = score(truth, found)
        assert ours.metrics == {name: theirs[name] for name in ours.metrics}, i
        assert [ours.nodes.hits, ours.nodes.predicted, ours.nodes.true] == theirs["counts"]["node"]
        assert [ours.edges.hits, ours.edges.predicted, ours.edges.true] == theirs["counts"]["edge"]


def test_a_graph_is_like_itself_and_unlike_nothing():
    rng = random.Random(3)
    empty = {"nodes": [], "edges": [], "lanes": []}
    for _ in range(30):
        truth = graph(rng)
        for node in truth["nodes"]:
            node["text"] = f"{node['id']} {node['text']} {node['id'] * 6}"
        same = score(truth, truth)
        assert same.metrics["exact"] == 1
        assert all(value == 1 for value in same.metrics.values() if value is not None)
        assert score(truth, empty).nodes.hits == 0
    assert score(empty, empty).metrics["exact"] == 1


def test_direction_is_the_difference_between_the_two_flow_figures():
    nodes = [{"id": "a", "type": "task", "text": "First"}, {"id": "b", "type": "task", "text": "Second"}]
    truth = {"nodes": nodes, "edges": [{"source": "a", "target": "b", "text": "go"}]}
    turned = {"nodes": nodes, "edges": [{"source": "b", "target": "a", "text": "go"}]}
    one = score(truth, turned)
    assert (one.metrics["edge_f1"], one.metrics["edge_und_f1"], one.metrics["label_acc"]) == (0, 1, 0)


def test_means_leave_out_what_a_picture_has_not():
    task = {"id": "a", "type": "task", "text": "First"}
    whole = score({"nodes": [task]}, {"nodes": [task]})
    none = score({"nodes": [task]}, {"nodes": []})
    assert macro([whole, none])["node_f1"] == 0.5
    assert macro([whole, none])["label_acc"] is None
    assert micro([whole, none])["node_f1"] == pytest.approx(2 / 3)


def test_calibration_measures_how_honest_confidence_is():
    honest = [(0.9, True)] * 9 + [(0.9, False)] + [(0.1, False)] * 9 + [(0.1, True)]
    assert calibrate(honest).ece == pytest.approx(0)
    boaster = calibrate([(1.0, False)] * 4)
    assert boaster.ece == 1
    assert [(b.count, b.accuracy) for b in boaster.bins] == [(4, 0)]
    assert calibrate([]).ece is None
