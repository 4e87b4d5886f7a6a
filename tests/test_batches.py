"""Batches through the API: submitted, followed, exported, cancelled, tried again; what is not accepted is refused."""

from __future__ import annotations

import csv
import http.server
import io
import json
import stat
import threading
import zipfile

import openpyxl
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline import archives
from pipeline.archives import ArchiveError
from pipeline.settings import Settings
from pipeline.webhook import Webhook, WebhookError, signature
from tests.api_client import client, wait_until


def picture(number: int, *, words: bool = False) -> bytes:
    """Two boxes and an arrow like no others; without words it is read quickly, and no diagram is seen in it."""
    image = Image.new("RGB", (420, 340), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(18)
    for top, letter in ((30, "a"), (210, "b")):
        draw.rectangle((110, top, 310, top + 80), outline="black", width=2)
        if words:
            draw.text((150, top + 28), f"Step {number} {letter}", fill="black", font=font)
    draw.line((210, 110, 210, 200), fill="black", width=2)
    draw.polygon(((204, 198), (216, 198), (210, 210)), fill="black")
    image.putpixel((number % 400, 2 + number // 400), (250, 250, 250))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def packed(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, data in entries:
            archive.writestr(entry, data)
    return out.getvalue()


def many(*files: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("files", (name, data, "image/png")) for name, data in files]


@pytest.fixture(scope="module")
def http_(tmp_path_factory):
    settings = Settings(state_dir=tmp_path_factory.mktemp("batches"), reuse=True, database_url="", examples=0)
    with client(settings, webhook_secret="secret", webhook_private=True, batch_items=50) as made:
        yield made


def finished(http_, ident: str) -> dict:
    wait_until(lambda: http_.get(f"/v1/batches/{ident}").json()["finished"])
    return http_.get(f"/v1/batches/{ident}").json()


def test_a_batch_is_described_followed_and_exported(http_):
    first = picture(1, words=True)
    files = many(
        ("один.png", first), ("=two.png", picture(2, words=True)), ("bad.png", b"no picture"), ("again.png", first)
    )
    made = http_.post("/v1/batches", files=files, data={"language": "en", "k": "0"})
    assert made.status_code == 202, made.text
    ident = made.json()["id"]
    assert made.headers["location"] == f"/v1/batches/{ident}"
    lines = [json.loads(line) for line in http_.get(f"/v1/batches/{ident}/results").text.splitlines()]
    assert sorted(line["number"] for line in lines) == [1, 2, 3, 4]
    by = {line["number"]: line for line in lines}
    assert [by[n]["state"] for n in (1, 2, 3, 4)] == ["done", "done", "failed", "done"]
    assert len(by[1]["description"]["nodes"]) == 2
    assert "picture" in by[3]["error"]
    assert not (by[1]["earlier"] and by[4]["earlier"])  # whichever of the two was read first
    state = http_.get(f"/v1/batches/{ident}").json()
    told = [state[key] for key in ("state", "total", "queued", "running", "done", "failed", "cancelled", "eta")]
    assert told == ["done", 4, 0, 0, 3, 1, 0, 0.0]
    assert state["rate"] > 0
    items = http_.get(f"/v1/batches/{ident}/items", params={"state": "failed"}).json()["items"]
    assert [(item["name"], item["error"]["retryable"]) for item in items] == [("bad.png", False)]
    assert items[0]["error"]["hint"]

    archive = zipfile.ZipFile(io.BytesIO(http_.get(f"/v1/batches/{ident}/export").content))
    assert set(archive.namelist()) == {
        *(
            f"{stem}.{end}"
            for stem in ("0001-один", "0002-_two", "0004-again")
            for end in ("json", "md", "mmd", "bpmn")
        ),
        "overview.csv",
        "overview.xlsx",
    }
    assert json.loads(archive.read("0001-один.json"))["nodes"] == by[1]["description"]["nodes"]
    assert archive.read("0001-один.mmd").startswith(b"flowchart")
    rows = list(csv.DictReader(io.TextIOWrapper(archive.open("overview.csv"), "utf-8")))
    assert [(row["No"], row["State"], row["Nodes"]) for row in rows] == [
        ("1", "done", "2"),
        ("2", "done", "2"),
        ("3", "failed", "0"),
        ("4", "done", "2"),
    ]
    assert rows[1]["Name"] == "'=two.png"
    sheet = openpyxl.load_workbook(io.BytesIO(archive.read("overview.xlsx"))).active
    assert [cell.value for cell in sheet[2]][:3] == [1, "один.png", "done"]
    assert http_.get(f"/v1/batches/{ident}/export?format=csv").text.splitlines()[1].startswith("1,один.png,done")

    again = http_.post("/v1/batches", files=files[:2], data={"language": "en", "k": "0"}).json()["id"]
    assert finished(http_, again)["done"] == 2
    items = http_.get(f"/v1/batches/{again}/items").json()["items"]
    assert [item["earlier"] for item in items] == [True, True]
    assert items[0]["result"] in {by[1]["result"], by[4]["result"]}
    fresh = http_.post("/v1/batches", files=files[:1], data={"language": "en", "k": "0", "fresh": "true"}).json()["id"]
    assert finished(http_, fresh)["done"] == 1
    assert http_.get(f"/v1/batches/{fresh}/items").json()["items"][0]["earlier"] is False
    assert http_.get(f"/v1/history/{items[1]['result']}").json()["name"] == "=two.png"
    listed = http_.get("/v1/batches").json()
    assert [batch["id"] for batch in listed["batches"]][:3] == [fresh, again, ident]
    http_.delete(f"/v1/history/{items[1]['result']}")
    gone = http_.get(f"/v1/batches/{again}/results?wait=false").text
    assert "deleted from the history" in gone
    assert http_.delete(f"/v1/batches/{again}").status_code == 204
    missing = http_.get(f"/v1/batches/{again}")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:diascribe:problem:no-such-batch")


def test_every_page_of_a_file_is_an_item(http_):
    pages = [Image.open(io.BytesIO(picture(number, words=True))) for number in (71, 72, 73)]
    scan = io.BytesIO()
    pages[0].save(scan, "TIFF", save_all=True, append_images=pages[1:])
    files = many(("scan.tiff", scan.getvalue()), ("one.png", picture(74)))
    ident = http_.post("/v1/batches", files=files, data={"language": "en", "k": "0"}).json()["id"]
    state = finished(http_, ident)
    assert (state["total"], state["done"]) == (4, 4)
    items = http_.get(f"/v1/batches/{ident}/items").json()["items"]
    assert [(item["number"], item["name"], item["page"]) for item in items] == [
        (1, "scan.tiff", 1),
        (2, "one.png", 1),
        (3, "scan.tiff", 2),
        (4, "scan.tiff", 3),
    ]
    lines = [json.loads(line) for line in http_.get(f"/v1/batches/{ident}/results").text.splitlines()]
    labels = {line["page"]: line["description"]["nodes"][0]["text"][:7] for line in lines if line["page"] > 1}
    assert labels == {2: "Step 72", 3: "Step 73"}
    names = zipfile.ZipFile(io.BytesIO(http_.get(f"/v1/batches/{ident}/export").content)).namelist()
    assert {"0001-scan.json", "0003-scan-p2.json", "0004-scan-p3.json"} <= set(names)

    again = http_.post("/v1/batches", files=files[:1], data={"language": "en", "k": "0"}).json()["id"]
    assert (finished(http_, again)["total"], finished(http_, again)["done"]) == (3, 3)
    assert all(item["earlier"] for item in http_.get(f"/v1/batches/{again}/items").json()["items"])
    for one in (ident, again):
        assert http_.delete(f"/v1/batches/{one}").status_code == 204


def test_pages_beyond_what_a_batch_may_have_are_told_of(http_):
    scan = io.BytesIO()
    blank = [Image.new("1", (60, 60), 1) for _ in range(60)]
    blank[0].save(scan, "TIFF", save_all=True, append_images=blank[1:])
    ident = http_.post("/v1/batches", files=many(("long.tiff", scan.getvalue())), data={"k": "0"}).json()["id"]
    assert finished(http_, ident)["total"] == 50
    first = json.loads(http_.get(f"/v1/batches/{ident}/results").text.splitlines()[0])
    assert any("50 of 60 pages" in warning for warning in first["description"]["warnings"])


def test_the_same_key_makes_one_batch(http_):
    files, key = many(("a.png", picture(3))), {"idempotency-key": "order-17"}
    first, second = (http_.post("/v1/batches", files=files, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["idempotent-replayed"] == "true"
    other = http_.post("/v1/batches", files=many(("b.png", picture(4))), headers=key)
    assert (other.status_code, other.json()["type"]) == (409, "urn:diascribe:problem:key-reused")
    finished(http_, first.json()["id"])


def test_a_cancelled_batch_stops_and_failed_items_are_tried_again(http_):
    files = many(*((f"{n}.png", picture(100 + n)) for n in range(40)), ("bad.png", b"no picture"))
    ident = http_.post("/v1/batches", files=files).json()["id"]
    wait_until(lambda: http_.get(f"/v1/batches/{ident}").json()["done"] >= 2)
    stopped = http_.post(f"/v1/batches/{ident}/cancel").json()
    assert stopped["state"] == "cancelled"
    assert stopped["cancelled"] > 0
    assert stopped["queued"] == stopped["running"] == 0
    wait_until(lambda: http_.get("/load").json()["busy"] == 0)
    assert http_.get(f"/v1/batches/{ident}").json()["done"] == stopped["done"]
    assert len(http_.get(f"/v1/batches/{ident}/results").text.splitlines()) == 41

    failing = http_.post("/v1/batches", files=files[-2:]).json()["id"]
    assert finished(http_, failing)["failed"] == 1
    assert http_.post(f"/v1/batches/{failing}/retry").json()["retried"] == 1
    assert finished(http_, failing)["failed"] == 1
    assert http_.post(f"/v1/batches/{failing}/cancel").json()["state"] == "done"


def test_a_zip_is_unpacked(http_):
    data = packed(("in/a.png", picture(5)), ("in/b.png", picture(6)), ("__MACOSX/a.png", b"x"), (".DS_Store", b"x"))
    made = http_.post("/v1/batches", files={"files": ("all.zip", data)}).json()
    assert made["total"] == 2
    assert finished(http_, made["id"])["done"] == 2
    names = [item["name"] for item in http_.get(f"/v1/batches/{made['id']}/items").json()["items"]]
    assert names == ["in/a.png", "in/b.png"]


def link() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("link.png")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


HOSTILE = {
    "traversal": (packed(("../../etc/passwd", b"x")), "leads out"),
    "backslash": (packed(("..\\..\\boot.ini", b"x")), "leads out"),
    "absolute": (packed(("/etc/passwd", b"x")), "leads out"),
    "drive": (packed(("C:/windows/x.png", b"x")), "leads out"),
    "link": (packed((link(), b"/etc/passwd")), "link"),
    "nested": (packed(("a.zip", packed(("a.png", b"x")))), "archive in it"),
    "bomb": (packed(("a.png", bytes(21 * 2**20))), "more than 20.0 MiB"),
    "many": (packed(*((f"{n}.png", b"x") for n in range(60))), "60 files"),
    "cut": (packed(("a.png", picture(7)))[:-30], "broken"),
    "false": (b"PK\x03\x04 nothing of the kind", "broken"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_zip_is_refused_and_leaves_nothing(http_, name):
    data, told = HOSTILE[name]
    folder = http_.app.state.shared.settings.state_dir / "uploads" / "incoming"
    reply = http_.post("/v1/batches", files={"files": ("x.zip", data)})
    assert reply.status_code == 422, reply.text
    assert told in reply.json()["detail"]
    assert reply.json()["hint"]
    assert list(folder.iterdir()) == []


def test_a_zip_that_lies_about_its_sizes_unpacks_no_more_than_accepted():
    data = bytearray(packed(("a.png", bytes(5_000_000))))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")  # says that it unpacks to ten bytes
    with pytest.raises(ArchiveError):
        list(archives.files(io.BytesIO(bytes(data)), most_files=5, most_bytes=1000, most_total=1000))


@pytest.mark.parametrize(
    ("request_", "status", "told"),
    [
        ({"files": many(("a.png", b"x" * (20 * 2**20 + 1)))}, 413, "20"),
        ({"files": many(("a.png", picture(1))), "data": {"k": "99"}}, 422, "k"),
        ({"files": many(("a.png", picture(1))), "data": {"engine": "gpt"}}, 422, "unknown engine"),
        ({"files": many(("a.png", picture(1))), "data": {"colour": "red"}}, 422, "colour"),
        ({"files": many(*((f"{n}.png", b"x") for n in range(51)))}, 422, "50"),
        ({"data": {"k": "1"}, "files": {"other": b""}}, 422, "file"),
        ({"data": {"files": "text"}, "files": many(("a.png", b"x"))}, 422, "text, not a file"),
        ({"json": {"files": []}}, 415, "json"),
        ({"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, 400, "form"),
        ({"content": b"broken", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400, "form"),
        (
            {
                "content": b'--x\r\ncontent-disposition: form-data; name="files"; filename="a"\r\n\r\nhalf',
                "headers": {"content-type": "multipart/form-data; boundary=x"},
            },
            400,
            "end is missing",
        ),
        ({"files": many(("a.png", b"x")), "data": {"webhook": "ftp://example.org/"}}, 422, "http"),
    ],
)
def test_what_is_not_accepted_is_said(http_, request_, status, told):
    reply = http_.post("/v1/batches", **request_)
    assert (reply.status_code, told in reply.json()["detail"]) == (status, True), reply.text
    assert list((http_.app.state.shared.settings.state_dir / "uploads" / "incoming").iterdir()) == []


def test_the_webhook_is_called_and_signed(http_):
    got = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204 if len(got) > 1 else 500)  # the first time it fails
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/done?x=1"
        ident = http_.post("/v1/batches", files=many(("a.png", picture(8))), data={"webhook": url}).json()["id"]
        wait_until(lambda: len(got) >= 2)
        server.shutdown()
    headers, body = got[1]
    sign = {key.lower(): value for key, value in headers.items()}["x-diascribe-signature"]
    when = int(sign.split(",")[0][2:])
    assert sign == signature("secret", body, when)
    assert json.loads(body)["batch"]["id"] == ident
    assert json.loads(body)["batch"]["done"] == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:9/",
        "http://10.1.2.3/x",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0/",
        "http://2130706433/",
        "https://user:pass@127.0.0.1/",
        "file:///etc/passwd",
        "http:///nothing",
        "http://[broken/",
    ],
)
def test_private_addresses_are_not_called(url):
    with pytest.raises(WebhookError) as refused:
        Webhook("secret").check(url)
    assert refused.value.hint


def test_without_a_secret_no_webhook_is_taken():
    with pytest.raises(WebhookError, match="secret"):
        Webhook("").check("https://example.org/")
