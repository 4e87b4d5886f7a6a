"""The client for Node against a running server: every resource, by its own test."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.api_client import wait_until
from tests.model_server import model_server, streamed
from tests.test_api_serve import ROOT, ask, serving

FOLDER = ROOT / "clients" / "js"


def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < 18:
        pytest.skip(f"node {version.strip()} is older than 18")
    return found


def test_every_resource_is_called(tmp_path):
    program = node()
    with model_server() as model:
        model.script = [streamed("It is ", "a shop.")] * 100
        # What reads is the built-in reader; what is asked is the model.
        env = {"DIASCRIBE_SERVER_URL": model.url, "DIASCRIBE_SERVER_MODEL": "tiny", "DIASCRIBE_ENGINE": "vision",
               "DIASCRIBE_STATE_DIR": str(tmp_path)}  # fmt: skip
        with serving(**env) as (_, port):
            wait_until(lambda: ask(port, "/ready")[0] == 200)
            done = subprocess.run(
                [program, "--test", "test.mjs"],
                cwd=FOLDER,
                env={**os.environ, "DIASCRIBE_URL": f"http://127.0.0.1:{port}", "MODEL": "1"},
                capture_output=True,
                text=True,
                check=False,
                timeout=500,
            )
    assert done.returncode == 0, done.stdout + done.stderr


CROWD = """
import { readFile } from "node:fs/promises";
import { Diascribe } from "./diascribe.mjs";
const picture = await readFile("../../data/examples/order.png");
for (const patience of [0, 120]) {
  const api = new Diascribe({ url: process.env.DIASCRIBE_URL, patience });
  const told = await Promise.allSettled([1, 2, 3].map(() => api.ocr(picture)));
  console.log(told.map((one) => one.reason?.status ?? one.status).sort().join(" "));
}
// Ends the crowd's calls when `when` says so: when all of them are under way, or at a refusal, when one is waiting.
async function ended(when) {
  const stop = new AbortController();
  let sent = 0;
  const fetch = async (...asked) => {
    const reply = globalThis.fetch(...asked);
    sent += 1;
    if (when === "sent" ? sent === 3 : (await reply).status === 429) stop.abort();
    return reply;
  };
  const api = new Diascribe({ url: process.env.DIASCRIBE_URL, patience: 120, fetch });
  const crowd = [1, 2, 3].map(() => api.ocr(picture, { signal: stop.signal }).catch((error) => error.name));
  return (await Promise.all(crowd)).map((one) => (typeof one === "string" ? one : "read")).sort().join(" ");
}
console.log(await ended("sent"));
console.log(await ended("refused"));
"""


def test_a_call_that_is_refused_waits_as_it_is_told(tmp_path):
    program = node()
    with serving(DIASCRIBE_API_WAITING="0", DIASCRIBE_STATE_DIR=str(tmp_path)) as (_, port):
        wait_until(lambda: ask(port, "/ready")[0] == 200)
        done = subprocess.run(
            [program, "--input-type=module", "--eval", CROWD],
            cwd=FOLDER,
            env={**os.environ, "DIASCRIBE_URL": f"http://127.0.0.1:{port}"},
            capture_output=True,
            text=True,
            check=True,
            timeout=500,
        )
    at_once, patient, sent, refused = done.stdout.splitlines()
    assert at_once in ("429 429 fulfilled", "429 fulfilled fulfilled")
    assert patient == "fulfilled fulfilled fulfilled"
    assert sent == "AbortError AbortError AbortError"
    assert refused.startswith("AbortError")  # a quick machine may have read the others
