"""Training diagrams over HTTP: what is taken in is found by readers that run already, and gone once it is dropped."""

from __future__ import annotations

import io
import json
import shutil

import pytest
from PIL import Image

from diagram.model import Diagram
from pipeline.settings import ROOT, Settings
from tests.api_client import ORDER, client, wait_until
from tests.test_api import problem

KEPT = 12


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    train = folder / "train"
    train.mkdir()
    lines = (ROOT / "data" / "train" / "metadata.jsonl").read_text("utf-8").splitlines()[:KEPT]
    (train / "metadata.jsonl").write_text("\n".join(lines), "utf-8")
    for line in lines:
        shutil.copy(ROOT / "data" / "train" / json.loads(line)["file_name"], train)
    settings = Settings(data_dir=train, examples_dir=folder / "own", index_dir=folder / "index", embedder="builtin")
    with client(settings) as made:
        wait_until(lambda: made.get("/ready").status_code == 200)
        yield made


@pytest.fixture(scope="module")
def graph(api):
    return api.post("/v1/describe", files={"file": ORDER}, data={"k": "0"}).json()


def test_the_index_is_built_in_the_background(api):
    assert api.get("/v1/index").json()["built"] is False
    assert api.post("/v1/index/build").status_code == 202
    assert api.get("/health").status_code == 200
    wait_until(lambda: api.get("/v1/index").json()["build"]["state"] == "done")
    state = api.get("/v1/index").json()
    assert state["built"]
    assert state["examples"] == state["findable"] == state["build"]["done"] == state["build"]["of"] > 0
    assert state["embedder"] == "builtin"


def test_examples_are_listed_a_page_at_a_time(api):
    told = api.get("/v1/examples?limit=5&offset=10").json()
    assert (told["total"], len(told["examples"])) == (KEPT, KEPT - 10)
    first = api.get("/v1/examples?limit=1").json()["examples"][0]
    whole = api.get(f"/v1/examples/{first['id']}").json()
    assert whole.items() >= first.items()
    assert Diagram.from_json(whole["graph"]).nodes
    picture = api.get(f"/v1/examples/{first['id']}/image")
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size > (1, 1)
    assert api.get(f"/v1/examples?query={first['id']}").json()["total"] >= 1
    assert api.get("/v1/examples?own=true").json()["total"] == 0


def test_what_is_added_is_found_at_once_and_gone_once_it_is_dropped(api, graph):
    graph["nodes"][0]["text"] = "Corrected by hand"
    form = {"graph": json.dumps(graph), "title": "Shop", "id": "mine"}
    reply = api.post("/v1/examples", files={"file": ("../x.exe", ORDER)}, data=form)
    assert reply.status_code == 201, reply.text
    assert reply.headers["location"] == "/v1/examples/mine"
    added = reply.json()
    assert (added["id"], added["title"], added["own"], added["split"]) == ("mine", "Shop", True, "train")
    assert added["graph"]["nodes"][0]["text"] == "Corrected by hand"
    assert api.get("/v1/examples/mine/image").content == ORDER
    found = api.post("/v1/search", files={"file": ORDER}, data={"k": "1"}).json()["results"]
    assert [hit["id"] for hit in found] == ["mine"]
    assert "mine" in [one["id"] for one in api.post("/v1/describe", files={"file": ORDER}).json()["examples"]]
    problem(api.post("/v1/examples", files={"file": ORDER}, data=form), 422, "input")
    assert api.post("/v1/examples", files={"file": ORDER}, data={**form, "replace": "true"}).status_code == 201
    assert api.delete("/v1/examples/mine").json()["removed"] == 1
    problem(api.get("/v1/examples/mine"), 404, "not-found")
    hits = api.post("/v1/search", files={"file": ORDER}, data={"k": "3"}).json()["results"]
    assert "mine" not in [hit["id"] for hit in hits]


def test_pictures_of_other_forms_are_kept_as_png_and_get_a_name(api, graph):
    data = io.BytesIO()
    Image.open(io.BytesIO(ORDER)).convert("RGB").save(data, "TIFF")
    reply = api.post("/v1/examples", files={"file": data.getvalue()}, data={"graph": json.dumps(graph)})
    name = reply.json()["id"]
    assert api.get(f"/v1/examples/{name}/image").headers["content-type"] == "image/png"
    assert api.delete(f"/v1/examples/{name}").status_code == 200


NODE = {"id": "n1", "type": "process", "text": "Pack"}
GRAPH = {"kind": "flowchart", "language": "en", "nodes": [NODE], "edges": [], "lanes": []}


@pytest.mark.parametrize(
    ("file", "sent", "name"),
    [
        (ORDER, "{", "input"),
        (ORDER, "", "input"),
        (ORDER, "{}", "input"),
        (ORDER, json.dumps({**GRAPH, "nodes": [{"id": 1}]}), "invalid-diagram"),
        (b"nonsense", json.dumps(GRAPH), "unreadable-image"),
    ],
)
def test_what_cannot_be_an_example_is_refused(api, file, sent, name):
    told = problem(api.post("/v1/examples", files={"file": file}, data={"graph": sent}), 422, name)
    assert "/tmp" not in told["detail"]


def test_what_is_not_there_or_not_ones_own_is_not_dropped(api):
    first = api.get("/v1/examples?limit=1").json()["examples"][0]["id"]
    problem(api.delete(f"/v1/examples/{first}"), 404, "not-found")
    problem(api.delete("/v1/examples/nix"), 404, "not-found")
    problem(api.get("/v1/examples/nix/image"), 404, "not-found")
    problem(api.post("/v1/examples", files={"file": ORDER}), 422, "invalid-request")
