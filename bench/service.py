"""The service under load: mixed traffic of 50 clients for a minute; /health, throughput, and what the framework costs.

    python bench/service.py [--seconds 60] [--clients 50]

Starts a server of its own, with an empty history and no reuse, on pictures of data/examples. Prints a table, written to
bench/results/service.md too, with the load of the machine: on a busy one the figures say little. Asked: no answer but
200 and 429, /health p99 < 100 ms, throughput of /v1/describe >= 90 % of cores / time of one picture, framework < 10 ms
a request (time of an answer beyond its stages, one client, nothing else at work).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
PICTURE = (ROOT / "data" / "examples" / "order.png").read_bytes()
RESULTS = ROOT / "bench" / "results" / "service.md"
OPERATIONS = ("/ready", "/load", "/gpu", "/model", "/models", "/metrics")
MERMAID = {"source": "flowchart TB\n  a --> b"}


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--alone", type=int, default=20, help="Pictures read one by one first.")
    chosen = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "DIASCRIBE_STATE_DIR": folder, "DIASCRIBE_REUSE": "0", "DIASCRIBE_ENGINE": "vision"}
        command = [sys.executable, "-c", "from pipeline.cli import main; main()", "serve", "--no-page", "--port", "0"]
        began = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) as server:
            try:
                assert server.stderr is not None
                url = next(word for word in server.stderr.readline().split() if word.startswith("http"))
                asyncio.get_running_loop().run_in_executor(None, server.stderr.read)
                return await measure(url, cores, began, chosen)
            finally:
                server.terminate()
    return 1


async def measure(url: str, cores: int, began: float, chosen: argparse.Namespace) -> int:
    busy = os.getloadavg()[0]
    limits = httpx.Limits(max_connections=chosen.clients + 10, max_keepalive_connections=chosen.clients + 10)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as http:
        while not await answers(http, "/health"):
            await asyncio.sleep(0.02)
        alive = time.perf_counter() - began
        while not await answers(http, "/ready"):
            await asyncio.sleep(0.1)
        for _ in range(3):
            await describe(http)
        took, beyond = [], []
        for _ in range(chosen.alone):
            start = time.perf_counter()
            found = (await describe(http)).json()
            took.append(time.perf_counter() - start)
            beyond.append(took[-1] - sum(v for k, v in found["timings"].items() if k != "total"))
        alone, framework = statistics.median(took), statistics.median(beyond)

        until = time.perf_counter() + chosen.seconds
        health: list[float] = []
        others: list[float] = []
        codes: Counter[tuple[str, int]] = Counter()

        async def watch() -> None:
            paths = itertools.cycle(OPERATIONS)
            while time.perf_counter() < until:
                start = time.perf_counter()
                codes["/health", (await http.get("/health")).status_code] += 1
                health.append(time.perf_counter() - start)
                start, path = time.perf_counter(), next(paths)
                codes[path, (await http.get(path)).status_code] += 1
                others.append(time.perf_counter() - start)
                await asyncio.sleep(0.02)

        async def client(number: int) -> None:
            while time.perf_counter() < until:
                if number % 5 == 0:
                    path, reply = "/v1/validate", await http.post("/v1/validate", json=MERMAID)
                elif number % 5 == 1:
                    path, reply = "/v1/history", await http.get("/v1/history", params={"query": "order"})
                else:
                    path, reply = "/v1/describe", await describe(http)
                codes[path, reply.status_code] += 1
                if reply.status_code == 429:
                    await asyncio.sleep(0.2)
                elif path != "/v1/describe":
                    await asyncio.sleep(0.5)

        start = time.perf_counter()
        await asyncio.gather(watch(), *(client(number) for number in range(chosen.clients)))
        seconds = time.perf_counter() - start
    rate = codes["/v1/describe", 200] / seconds
    p99, p99_others = (sorted(some)[int(len(some) * 0.99)] for some in (health, others))
    wrong = {f"{path} {code}": n for (path, code), n in codes.items() if code not in (200, 429)}
    rows = [
        ("to /health from the start, s", alive, "< 5", alive < 5),
        ("one picture alone, s", alone, "", True),
        ("framework a request, ms", framework * 1000, "< 10", framework < 0.010),
        ("described a second", rate, f">= {0.9 * cores / alone:.2f}", rate >= 0.9 * cores / alone),
        ("/health p99, ms", p99 * 1000, "< 100", p99 < 0.1),
        ("/ready, /load, …, p99, ms", p99_others * 1000, "", True),
        ("answers but 200 and 429", sum(wrong.values()), "0", not wrong),
    ]
    head = f"--seconds {chosen.seconds:g} --clients {chosen.clients} --alone {chosen.alone}"
    lines = [f"python bench/service.py {head}", f"{seconds:.0f} s, {cores} cores, load before {busy:.1f}", ""]
    lines += [f"{name:32s} {value:10.2f}  {asked:10s} {'' if good else 'MISSED'}" for name, value, asked, good in rows]
    lines += ["", json.dumps({f"{path} {code}": n for (path, code), n in sorted(codes.items())})]
    told = "\n".join(line.rstrip() for line in lines)
    print(told)
    RESULTS.write_text(f"# The service under load\n\n```\n{told}\n```\n", "utf-8")
    return 0 if all(row[3] for row in rows) else 1


async def describe(http: httpx.AsyncClient) -> httpx.Response:
    return await http.post("/v1/describe", files={"file": ("order.png", PICTURE, "image/png")})


async def answers(http: httpx.AsyncClient, path: str) -> bool:
    try:
        return (await http.get(path)).status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
