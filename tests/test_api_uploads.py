"""Files that are broken in every way known: each is refused with a reason, and the reader that saw it lives on."""

from __future__ import annotations

import psutil

from diagram.errors import DiascribeError
from pipeline.settings import Settings
from tests.api_client import client, wait_until
from tests.samples import bombs, broken, good
from vision.load import open_upload


def readers():
    return {
        process.pid
        for process in psutil.Process().children()
        if any("multiprocessing.spawn" in word for word in process.cmdline())
    }


ODD = {"PNG-I16", "JPEG-CMYK", "GIF-animated", "one-pixel", "PNG-transparent-palette"}


def test_broken_files_are_refused_and_odd_ones_read_by_the_same_process():
    with client() as api:
        wait_until(lambda: api.get("/ready").status_code == 200)
        before = readers()
        refused = 0
        for name, data in (*broken(), *bombs()):
            if not refused_by_itself(data):
                continue  # what a decoder makes a picture of is read: slow, and nothing new
            reply = api.post("/v1/describe", files={"file": (name, data, "image/png")})
            assert reply.status_code in (413, 422), (name, reply.text)
            assert reply.json()["detail"], name
            refused += 1
        assert refused > 40
        odd = {name: data for name, data in good() if name in ODD}
        assert set(odd) == ODD
        for name, data in odd.items():
            reply = api.post("/v1/describe", files={"file": ("x.exe", data, "application/x-msdownload")})
            assert reply.status_code == 200, (name, reply.text)
            assert reply.json()["image"]["width"] > 0
        assert readers() == before


def refused_by_itself(data: bytes) -> bool:
    """Whether the loader, asked here, finds no picture in it."""
    try:
        open_upload(data, Settings().limits).page(0)
    except DiascribeError:
        return True
    return False
