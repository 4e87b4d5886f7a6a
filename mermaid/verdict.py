"""The verdict worker: Mermaid's own parser in V8, without a browser. Runs as `python -m mermaid.verdict` under `pool`.

Answers a source with `{"valid", "type"}` or `{"valid": false, "message", "line", "column", "expected"}`; line and
column count from 1 and 0 in the text that Mermaid parses, which `validate` maps back to the user's.
"""

from __future__ import annotations

import contextlib
import json
import lzma
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from mermaid.worker import Answer, TaskError, limit, resident, serve

BUNDLE: Final = Path(__file__).with_name("vendor") / "parser.js.xz"
HEAP: Final = 400_000_000
DATA: Final = 1_000_000_000
TIDY: Final = 130_000_000
"""Bytes of resident memory above which V8 is asked to collect its garbage after an answer."""
# What Mermaid touches of a browser while it parses; nothing of it does anything.
_SHIM: Final = """
globalThis.window = globalThis.self = globalThis;
globalThis.setTimeout = (f) => { Promise.resolve().then(f); return 0; };
globalThis.clearTimeout = () => {}; globalThis.setInterval = () => 0;
globalThis.document = { addEventListener() {}, querySelector: () => null, head: {}, body: {}, documentElement: {},
  createElement: () => ({ style: {}, setAttribute() {}, appendChild() {} }) };
globalThis.addEventListener = globalThis.removeEventListener = () => {};
globalThis.matchMedia = () => ({ matches: false, addEventListener() {} });
globalThis.console ??= { log() {}, error() {}, warn() {}, info() {}, debug() {}, trace() {} };
globalThis.structuredClone ??= (x) => JSON.parse(JSON.stringify(x));
globalThis.navigator = { userAgent: '' };
globalThis.URL ??= class {
  constructor(text) {
    const parts = /^([a-z][a-z0-9+.-]*:)(?:\\/\\/([^/?#]*))?/i.exec(String(text).trim());
    if (!parts) throw new TypeError('Invalid URL');
    this.href = String(text).trim(); this.protocol = parts[1].toLowerCase(); this.host = this.hostname = parts[2] ?? '';
  }
  static canParse(text) { try { return Boolean(new URL(text)); } catch { return false; } }
  toString() { return this.href; }
};
globalThis.location = { href: '', protocol: 'file:', host: '', pathname: '', search: '', origin: '' };
"""
_VERDICT: Final = """
mermaid.initialize({ startOnLoad: false, theme: 'null' });
globalThis.verdict = async (text) => {
  mermaid.mermaidAPI.reset();
  try {
    return JSON.stringify({ valid: true, type: (await mermaid.parse(text)).diagramType });
  } catch (error) {
    const hash = error?.hash ?? {}, loc = hash.loc;
    return JSON.stringify({ valid: false, message: String(error?.message ?? error),
      line: loc?.first_line ?? (hash.line === undefined ? null : hash.line + 1), column: loc?.first_column ?? null,
      expected: (hash.expected ?? []).map(String), got: hash.token == null ? null : String(hash.token) });
  }
};
"""
_LABELS: Final = """
globalThis.labels = async (text) => {
  const db = (await mermaid.mermaidAPI.getDiagramFromText(text)).db;
  return JSON.stringify({ vertices: [...db.getVertices().values()].map((v) => [v.id, v.text ?? null, v.classes]),
    edges: db.getEdges().map((e) => [e.start, e.end, e.text ?? '']),
    subgraphs: db.getSubGraphs().map((s) => [s.id, s.title]) });
};
"""


@lru_cache(maxsize=1)
def _context() -> Any:
    try:
        from py_mini_racer import MiniRacer
    except (ImportError, OSError) as error:
        raise TaskError("missing", "the Mermaid parser needs the package “mini-racer”") from error
    context = MiniRacer()
    context.set_hard_memory_limit(HEAP)
    context.eval(_SHIM)
    context.eval(lzma.decompress(BUNDLE.read_bytes()).decode())
    context.eval(_VERDICT + _LABELS)
    return context


def verdict(request: Mapping[str, Any], body: bytes) -> Answer:
    """What Mermaid says of a source; with `{"labels": true}` what it reads in a flowchart."""
    name = "labels" if request.get("labels") else "verdict"
    text = json.dumps(body.decode("utf-8", "replace"))
    context = _context()
    answer = json.loads(context.eval(f"{name}({text})").get())
    if resident() > TIDY:
        context.low_memory_notification()
    return answer, b""


if __name__ == "__main__":
    limit("data", DATA)
    with contextlib.suppress(TaskError):  # said again, and answered, at the first call
        _context()
    serve(verdict)
