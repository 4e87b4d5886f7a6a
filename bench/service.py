"""The service under load: mixed traffic of 50 clients for a minute; /health, throughput, and what the framework costs.

    python bench/service.py [--seconds 60] [--clients 50]

Starts a server of its own, with an empty history and no reuse, on pictures of data/examples. Prints a table, written to
bench/results/service.md too, with the load of the machine: on a busy one the figures say little. Asked: no answer but
200 and 429, /health p99 < 100 ms, throughput of /v1/describe >= 90 % of cores / time of one picture, framework < 10 ms
a request (time of an answer beyond its stages, one client, nothing else at work). The time of one picture is taken
before and after each mix: hosts are not equally fast all the time. "As many at once as cores" is what the machine can
do with nothing else to do: pictures that are read side by side slow each other down. The clients run on
the same cores and are as plain as can be. One that is refused waits as long as Retry-After says; --impatient: it asks
again after 0.2 s, whatever that says. Two mixes, in this order unless --mix names one:
  each   every client does everything: three pictures to one of Mermaid's verdicts to one search in the history
  apart  of 50 clients, 30 send pictures, one after another; 10 ask for verdicts and 10 search, all of them twice a
         second, which alone takes a tenth of two cores: so much is never left for pictures
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

ROOT = Path(__file__).resolve().parent.parent
PICTURE = (ROOT / "data" / "examples" / "order.png").read_bytes()
RESULTS = ROOT / "bench" / "results" / "service.md"
OPERATIONS = ("/ready", "/load", "/gpu", "/model", "/models", "/metrics")
FORM = "multipart/form-data; boundary=-"
UPLOAD = (
    b'---\r\nContent-Disposition: form-data; name="file"; filename="order.png"\r\nContent-Type: image/png\r\n\r\n'
    + PICTURE
    + b"\r\n-----\r\n"
)
MIXES = ("each", "apart")
TURNS = ("/v1/validate", "/v1/history", "/v1/describe", "/v1/describe", "/v1/describe")
MERMAID = json.dumps({"source": "flowchart TB\n  a --> b"}).encode()
ASKS = {
    "/v1/describe": ("POST", "/v1/describe", UPLOAD, FORM),
    "/v1/validate": ("POST", "/v1/validate", MERMAID, "application/json"),
    "/v1/history": ("GET", "/v1/history?query=order"),
}


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--alone", type=int, default=20, help="Pictures read one by one first.")
    parser.add_argument("--mix", choices=MIXES)
    parser.add_argument("--impatient", action="store_true", help="Clients that do not heed Retry-After.")
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
                threading.Thread(target=server.stderr.read, daemon=True).start()
                return await measure(int(url.rpartition(":")[2]), server.pid, cores, began, chosen)
            finally:
                server.terminate()
    return 1


async def measure(port: int, server: int, cores: int, began: float, chosen: argparse.Namespace) -> int:
    busy = os.getloadavg()[0]
    while not answers(port, "/health"):
        await asyncio.sleep(0.02)
    alive = time.perf_counter() - began
    while not answers(port, "/ready"):
        await asyncio.sleep(0.1)
    alone, framework, processor = read_alone(port, server, chosen.alone)
    together, processor_together = read_together(port, server, cores, chosen.alone)
    rows = [
        Row("to /health from the start, s", alive, "< 5", alive < 5),
        Row("one picture alone, s", alone),
        Row("  its processor time, s", processor),
        Row("framework a request, ms", framework * 1000, "< 10", framework < 0.010),
        Row("as many at once as cores, 1/s", together),
        Row("  processor time of a picture, s", processor_together),
    ]
    counts = []
    for mix in (chosen.mix,) if chosen.mix else MIXES:
        codes, more = await load(port, server, cores, mix, together, chosen)
        rows += [Row(f"MIX: {mix}"), *more]
        counts.append(json.dumps({f"{path} {code}": n for (path, code), n in sorted(codes.items())}))
    head = f"--seconds {chosen.seconds:g} --clients {chosen.clients} --alone {chosen.alone}"
    head += f" --mix {chosen.mix}" if chosen.mix else ""
    head += " --impatient" * chosen.impatient
    lines = [f"python bench/service.py {head}", f"{cores} cores, load before {busy:.1f}", ""]
    lines += [str(row) for row in rows]
    told = "\n".join(line.rstrip() for line in [*lines, "", *counts])
    print(told)
    RESULTS.write_text(f"# The service under load\n\n```\n{told}\n```\n", "utf-8")
    return 0 if all(row.good for row in rows) else 1


async def load(
    port: int, server: int, cores: int, mix: str, together: float, chosen: argparse.Namespace
) -> tuple[Counter[tuple[str, int]], list[Row]]:
    """Answers by path and status, and what came of one minute of a mix."""
    codes: Counter[tuple[str, int]] = Counter()
    alone = read_alone(port, server, chosen.alone)[0]
    until = time.perf_counter() + chosen.seconds
    health: list[float] = []
    others: list[float] = []

    def watch() -> None:
        with Plain(port) as http:
            for path in itertools.cycle(OPERATIONS):
                for asked, took in (("/health", health), (path, others)):
                    start = time.perf_counter()
                    codes[asked, http.ask("GET", asked)[0]] += 1
                    took.append(time.perf_counter() - start)
                if time.perf_counter() > until:
                    return
                time.sleep(0.25)

    async def client(number: int) -> None:
        turns = itertools.islice(itertools.cycle(TURNS), number % len(TURNS), None)
        mine = TURNS[number % len(TURNS)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            path = next(turns) if mix == "each" else mine
            code = 429
            while code == 429 and time.perf_counter() < until:
                writer.write(message(*ASKS[path]))
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(number_of(b"content-length", head))
                codes[path, code := status(head)] += 1
                if code == 429:
                    await asyncio.sleep(0.2 if chosen.impatient else number_of(b"retry-after", head))
            if path != "/v1/describe":
                await asyncio.sleep(0.5)
        writer.close()

    before, start = spent(server), time.perf_counter()
    watching = threading.Thread(target=watch)
    watching.start()
    await asyncio.gather(*(client(number) for number in range(chosen.clients)))
    seconds = time.perf_counter() - start
    used = {who: took - before.get(who, 0.0) for who, took in spent(server).items()}
    watching.join()
    alone = (alone + read_alone(port, server, chosen.alone)[0]) / 2
    best = cores / alone
    described = codes["/v1/describe", 200]
    rate = described / seconds
    p99, p99_others = (sorted(some)[int(len(some) * 0.99)] for some in (health, others))
    wrong = {f"{path} {code}": n for (path, code), n in codes.items() if code not in (200, 429)}
    return codes, [
        Row("seconds until all were answered", seconds),
        Row("described a second", rate, f">= {0.9 * best:.2f}", rate >= 0.9 * best),
        Row("  one picture alone, before and after, s", alone),
        Row("  of cores / one picture, %", 100 * rate / best),
        Row("  of as many at once, %", 100 * rate / together),
        Row("  processor time of a picture, s", used["readers"] / described),
        *(Row(f"  time of {who}, %", 100 * used[who] / seconds / cores) for who in sorted(used)),
        Row("  time unused, %", 100 * (1 - sum(used.values()) / seconds / cores)),
        Row("/health p99, ms", p99 * 1000, "< 100", p99 < 0.1),
        Row("/ready, /load, …, p99, ms", p99_others * 1000),
        Row("answers but 200 and 429", sum(wrong.values()), "0", not wrong),
    ]


@dataclass(frozen=True)
class Row:
    """A line of the table; a heading where there is no value."""

    name: str
    value: float | None = None
    asked: str = ""
    good: bool = True

    def __str__(self) -> str:
        if self.value is None:
            return f"\n{self.name}"
        return f"{self.name:40s} {self.value:8.2f}  {self.asked:10s} {'' if self.good else 'MISSED'}".rstrip()


def read_alone(port: int, server: int, times: int) -> tuple[float, float, float]:
    """Seconds of an answer, what of it is beyond its stages, and seconds of processor time; medians and mean."""
    took, beyond = [], []
    with Plain(port) as http:
        for _ in range(3):
            http.ask(*ASKS["/v1/describe"])
        before = spent(server)["readers"]
        for _ in range(times):
            start = time.perf_counter()
            code, found = http.ask(*ASKS["/v1/describe"])
            took.append(time.perf_counter() - start)
            assert code == 200, found
            beyond.append(took[-1] - sum(v for k, v in json.loads(found)["timings"].items() if k != "total"))
        processor = (spent(server)["readers"] - before) / times
    return statistics.median(took), statistics.median(beyond), processor


def read_together(port: int, server: int, many: int, times: int) -> tuple[float, float]:
    """Pictures a second and seconds of processor time of one, with `many` clients, each with one picture at a time."""

    def client() -> None:
        with Plain(port) as http:
            for _ in range(times // 2):
                code, found = http.ask(*ASKS["/v1/describe"])
                assert code == 200, found

    before, start = spent(server)["readers"], time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    read = many * (times // 2)
    return read / (time.perf_counter() - start), (spent(server)["readers"] - before) / read


def spent(server: int) -> dict[str, float]:
    """Seconds of processor time so far: of the readers, of the server itself, of its drawing processes, of us."""
    used: Counter[str] = Counter({"readers": 0.0})
    root = psutil.Process(server)
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            who = "the server" if process == root else "readers" if "spawn_main" in command else "its validator"
            times = process.cpu_times()
            used[who] += times.user + times.system
    times = psutil.Process().cpu_times()
    used["the clients"] = times.user + times.system
    whole = psutil.cpu_times()
    used["other programs"] = whole.user + whole.nice + whole.system - used.total()
    used["other machines of the host"] = getattr(whole, "steal", 0.0)
    return dict(used)


def message(method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    """A request as it is sent."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\nContent-Type: {kind}\r\n\r\n"
    return head.encode() + body


def status(head: bytes) -> int:
    return int(head[9:12])


def number_of(name: bytes, head: bytes) -> int:
    """A header that is a number."""
    return int(re.search(rb"(?i)\r\n%s: (\d+)" % name, head)[1])  # type: ignore[index]


class Plain:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._file = self._socket.makefile("rb")

    def ask(self, *asked: Any) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._socket.sendall(message(*asked))
        lines: list[bytes] = []
        while (line := self._file.readline()) != b"\r\n":
            if not line:
                raise ConnectionError("the server has closed the connection")
            lines.append(line)
        head = b"".join(lines)
        return status(head), self._file.read(number_of(b"content-length", head))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()


def answers(port: int, path: str) -> bool:
    try:
        with Plain(port) as http:
            return http.ask("GET", path)[0] == 200
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
