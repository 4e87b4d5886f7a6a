"""Pictures that a model could not read at its size are cut, and the graphs of the tiles become one."""

from PIL import Image

from diagram.model import Description, Diagram, Edge, Example, Lane, Node
from pipeline.model_reader import ModelReader
from vlm.engine import Reply
from vlm.engines.scripted import ScriptedEngine
from vlm.prompt import Line
from vlm.reply import encode
from vlm.tiles import MOST_TILES, cut, lines_in, merged, part

MOST = 1280 * 784


def lines(height, count=5):
    return [Line("x", (0, i * height, 50, (i + 1) * height)) for i in range(count)]


def test_only_what_would_be_too_small_is_cut():
    assert cut((900, 900), lines(6), MOST) == [(0, 0, 900, 900)]
    assert len(cut((3000, 1000), lines(30), MOST)) == 1
    assert len(cut((9000, 9000), [], MOST)) == 1
    assert len(cut((10_000, 10_000), lines(20), MOST)) == MOST_TILES


def test_tiles_overlap_and_cover_the_picture():
    tiles = cut((4000, 1500), lines(12), MOST)
    assert len(tiles) > 1
    for x in range(0, 4000, 50):
        for y in range(0, 1500, 50):
            assert any(t[0] <= x <= t[2] and t[1] <= y <= t[3] for t in tiles)
    first, second = tiles[:2]
    assert first[2] > second[0]
    assert all((t[2] - t[0]) * (t[3] - t[1]) < 4000 * 1500 for t in tiles)


# Four steps in a row; the third stands where the two tiles overlap.
SEEN = Diagram(
    "bpmn",
    (
        Node("a", "task", "Take order", (100, 400, 500, 600)),
        Node("b", "task", "Check", (1000, 400, 1300, 600)),
        Node("c", "task", "Pack goods", (1900, 400, 2200, 600)),
        Node("d", "task", "Check", (3300, 400, 3700, 600)),
    ),
    (Edge("1", "a", "b"), Edge("2", "b", "c"), Edge("3", "c", "d")),
)
TILES = [(0, 0, 2300, 1000), (1700, 0, 4000, 1000)]
LEFT = Diagram(
    "bpmn",
    (Node("1", "task", "Take order", lane="l"), Node("2", "task", "Check"), Node("3", "task", "Pack goods")),
    (Edge("x", "1", "2"), Edge("y", "2", "3", "ok")),
    (Lane("l", "Sales"),),
)
RIGHT = Diagram(
    "bpmn",
    (Node("1", "task", "Pack goods"), Node("2", "task", "Check"), Node("3", "end_event", "Sent"),
     Node("4", "task", "goods")),
    (Edge("x", "1", "2"), Edge("y", "2", "3"), Edge("z", "4", "2")),
    (Lane("k", "Sales"),),
)  # fmt: skip


def test_a_node_in_two_tiles_is_one_and_namesakes_are_two():
    found = merged([LEFT, RIGHT], SEEN, TILES)
    assert [node.text for node in found.nodes] == ["Take order", "Check", "Pack goods", "Check", "Sent"]
    names = {node.id: (node.text, place) for place, node in enumerate(found.nodes)}
    flows = [(names[edge.source], names[edge.target], edge.text) for edge in found.edges]
    assert flows == [
        (("Take order", 0), ("Check", 1), ""), (("Check", 1), ("Pack goods", 2), "ok"),
        (("Pack goods", 2), ("Check", 3), ""), (("Check", 3), ("Sent", 4), ""),
    ]  # fmt: skip
    assert [lane.name for lane in found.lanes] == ["Sales"]
    assert found.nodes[0].lane == found.lanes[0].id


def test_a_part_has_the_places_of_its_tile():
    right = part(SEEN, TILES[1])
    assert [(node.id, node.bbox) for node in right.nodes] == [
        ("c", (200, 400, 500, 600)),
        ("d", (1600, 400, 2000, 600)),
    ]
    assert [(edge.source, edge.target) for edge in right.edges] == [("c", "d")]
    assert lines_in([Line("q", (1800, 5, 1900, 20)), Line("p", (5, 5, 9, 9))], TILES[1])[0].bbox == (100, 5, 200, 20)


class Vision:
    def describe(self, image, examples=()):
        return Description(SEEN)


def test_the_reader_asks_for_each_tile_and_tells():
    small = [Line(node.text, (node.bbox[0], 490, node.bbox[2], 501)) for node in SEEN.nodes]
    image = Image.new("RGB", (4000, 1000), "white")
    tiles = cut(image.size, small, MOST)
    answers = [encode(part(SEEN, tile)) for tile in tiles]
    engine = ScriptedEngine(answers)
    found = ModelReader(engine, Vision(), lambda _: small).describe(image)
    assert len(engine.requests) == len(tiles) > 1
    assert [request[1].images[0].size for request in engine.requests] == [(t[2] - t[0], t[3] - t[1]) for t in tiles]
    assert found.warnings[0] == f"read in {len(tiles)} tiles"
    assert sorted(node.text for node in found.diagram.nodes) == ["Check", "Check", "Pack goods", "Take order"]
    assert len(found.diagram.edges) == 3
    assert {found.evidence[node.id] for node in found.diagram.nodes} <= {"both", "vision"}


def test_a_picture_that_memory_makes_too_small_is_read_again_in_tiles():
    fine = [Line(node.text, (node.bbox[0], 490, node.bbox[2], 505)) for node in SEEN.nodes]
    image = Image.new("RGB", (2000, 500), "white")
    assert len(cut(image.size, fine, MOST)) == 1
    tiles = cut(image.size, fine, MOST // 5)
    assert len(tiles) > 1
    note = "memory is short: pictures of at most 0.20 megapixels"
    first = Reply(encode(SEEN), notes=(note,), pixels=MOST // 5)
    engine = ScriptedEngine([first, *(Reply(encode(part(SEEN, tile)), notes=(note,)) for tile in tiles)])
    example = Example("x", "", "", SEEN)
    found = ModelReader(engine, Vision(), lambda _: fine, lambda *_: [example]).describe(image)
    assert "example" in engine.requests[0][1].text
    assert all("example" not in request[1].text for request in engine.requests[1:])
    assert found.examples == ()
    assert len(engine.requests) == 1 + len(tiles)
    assert found.warnings[:2] == (f"read in {len(tiles)} tiles", note)
