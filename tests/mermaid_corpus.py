"""Mermaid sources, valid and broken, for comparing verdicts: every diagram type, spoiled as people and language
models spoil it. `corpus()` gives name → source; nothing here says what is valid, that is Mermaid's to say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

BASES: dict[str, str] = {
    "flow-simple": "flowchart TB\n  A[Start] --> B{Ready?}\n  B -->|yes| C(Go)\n  B -->|no| A\n",
    "flow-russian": 'graph LR\n  н1["Начало"] --> н2{"Готово?"}\n  н2 -- да --> н3(["Конец"])\n',
    "flow-shapes": "flowchart LR\n"
    " a([x]) --> b[[y]] --> c[(z)] --> d((w)) --> e>v] --> f{{u}} --> g[/t/] --> h[\\s\\]\n",
    "flow-new-shapes": 'flowchart TB\n a@{ shape: doc, label: "Doc" }\n b@{ shape: cyl }\n a --> b\n',
    "flow-subgraph": "flowchart TB\n subgraph one [Отдел]\n  direction LR\n  a --> b\n end\n one --> c\n",
    "flow-styles": "flowchart TB\n a:::red --> b\n classDef red fill:#f00\n style b stroke:#333\n"
    " linkStyle 0 stroke:#f66\n",
    "flow-chain": "flowchart TB\n a & b --> c & d -.-> e ==> f\n f ~~~ g\n g x--x h o--o i <--> j\n",
    "flow-comment": "---\ntitle: T\n---\n%% comment\nflowchart TB\n %% another\n a --> b\n",
    "flow-init": "%%{init: {'theme':'dark'}}%%\nflowchart TB\n a --> b\n",
    "flow-quotes": 'flowchart TB\n a["x #quot;y#quot; #35;1"] --> b["end"]\n a -->|"(maybe)"| b\n',
    "flow-markdown": 'flowchart TB\n a["`**bold** text`"] --> b\n',
    "flow-edge-id": "flowchart TB\n a e1@--> b\n e1@{ animate: true }\n",
    "flow-click": 'flowchart TB\n a --> b\n click a "https://example.org" "tip"\n',
    "swimlane": "swimlane-beta LR\n subgraph l1[A]\n  a --> b\n end\n subgraph l2[B]\n  c\n end\n b --> c\n",
    "sequence": "sequenceDiagram\n participant A as Алиса\n A->>+B: Hi\n B-->>-A: Yo\n Note over A,B: note\n",
    "sequence-blocks": "sequenceDiagram\n loop Daily\n  A->>B: x\n end\n alt ok\n  B->>A: y\n"
    " else bad\n  B->>A: z\n end\n",
    "sequence-par": "sequenceDiagram\n autonumber\n par one\n  A->>B: 1\n and two\n  A->>C: 2\n"
    " end\n rect rgb(1,2,3)\n A->>A: s\n end\n",
    "class": "classDiagram\n class Animal {\n  +int age\n  +eat() void\n }\n Animal <|-- Duck : is\n",
    "class-relations": 'classDiagram\n A "1" *-- "many" B\n A o-- C\n A ..> D\n class A~T~\n'
    ' <<interface>> A\n note for A "n"\n',
    "state": "stateDiagram-v2\n [*] --> Idle\n Idle --> Busy : go\n state Busy {\n  [*] --> x\n }\n Busy --> [*]\n",
    "state-choice": "stateDiagram-v2\n state c <<choice>>\n a --> c\n c --> b : x\n note right of a : n\n",
    "er": 'erDiagram\n CUSTOMER ||--o{ ORDER : places\n CUSTOMER {\n  string name PK "the name"\n  int age\n }\n',
    "journey": "journey\n title My day\n section Work\n  Tea: 5: Me\n  Code: 3: Me, Cat\n",
    "gantt": "gantt\n title T\n dateFormat YYYY-MM-DD\n section S\n a :a1, 2024-01-01, 30d\n b :after a1, 20d\n",
    "gantt-done": "gantt\n dateFormat HH:mm\n axisFormat %H\n section S\n"
    " a :done, crit, t1, 10:00, 2h\n m :milestone, 12:00, 0d\n",
    "pie": 'pie showData title Pets\n "Dogs" : 386\n "Cats" : 85.9\n',
    "quadrant": "quadrantChart\n title R\n x-axis Low --> High\n y-axis Low --> High\n"
    " quadrant-1 Expand\n A: [0.3, 0.6]\n",
    "requirement": "requirementDiagram\n requirement r {\n id: 1\n text: t\n risk: high\n verifymethod: test\n }\n"
    " element e {\n type: sim\n }\n e - satisfies -> r\n",
    "git": 'gitGraph\n commit id: "a"\n branch dev\n checkout dev\n commit\n checkout main\n merge dev tag: "v1"\n',
    "mindmap": "mindmap\n root((center))\n  Один\n   Two[x]\n  Three\n",
    "timeline": "timeline\n title H\n 2002 : LinkedIn\n 2004 : Facebook : Google\n",
    "sankey": "sankey-beta\nA,B,10\nB,C,5\n",
    "xychart": 'xychart-beta\n title "S"\n x-axis [jan, feb]\n y-axis "R" 0 --> 100\n bar [50, 60]\n line [40, 70]\n',
    "block": 'block-beta\n columns 3\n a["A"] b:2\n block:c:3\n  d e\n end\n a --> d\n',
    "packet": 'packet-beta\n0-15: "Source"\n16-31: "Dest"\n',
    "kanban": "kanban\n todo[To do]\n  t1[Task]\n done[Done]\n  t2[Other]@{ assigned: 'me' }\n",
    "architecture": "architecture-beta\n group api(cloud)[API]\n service db(database)[DB] in api\n"
    " service s(server)[S] in api\n db:L -- R:s\n",
    "radar": 'radar-beta\n axis a["A"], b["B"], c["C"]\n curve x["X"]{1, 2, 3}\n max 5\n',
    "treemap": 'treemap-beta\n"Root"\n    "Leaf": 10\n    "Other": 20\n',
    "c4": 'C4Context\n title S\n Person(a, "User", "d")\n System(b, "Sys")\n Rel(a, b, "uses", "HTTP")\n',
    "info": "info\n",
}

Spoil = Callable[[str], str]


def _last_line(text: str, change: Callable[[str], str]) -> str:
    lines = text.rstrip("\n").split("\n")
    lines[-1] = change(lines[-1])
    return "\n".join(lines) + "\n"


SPOILS: dict[str, Spoil] = {
    "as-is": lambda text: text,
    "fenced": lambda text: f"Here you are:\n```mermaid\n{text}```\n",
    "prose": lambda text: f"The diagram below shows it.\n\n{text}",
    "cut-off": lambda text: text[: len(text) * 2 // 3],
    "tail": lambda text: text + "This is what the process looks like.\n",
    "html": lambda text: text.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;"),
    "smart-quotes": lambda text: re.sub(r'"([^"]*)"', r"“\1”", text),
    "no-header": lambda text: text.split("\n", 1)[-1],
    "bracket-lost": lambda text: re.sub(r"[\])}](?=[^\])}]*\Z)", "", text, count=1),
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "tabs": lambda text: text.replace("\n ", "\n\t"),
    "doubled": lambda text: text + text,
    "spaced-arrows": lambda text: text.replace("-->", "- ->").replace("->>", "- >>"),
    "indented": lambda text: "    " + text.replace("\n", "\n    "),
    "unicode-arrows": lambda text: text.replace("-->", "→").replace("->>", "⇒"),
    "comment-tail": lambda text: _last_line(text, lambda line: line + " %% note"),
}

MISTAKES: dict[str, str] = {
    "empty": "",
    "blank": " \n\n",
    "only-header": "flowchart TB\n",
    "unknown": "diagram\n a --> b\n",
    "parens-in-label": "flowchart TB\n A[Проверить (ещё раз)] --> B\n",
    "quotes-in-label": 'flowchart TB\n A[Say "hi"] --> B\n',
    "end-node": "flowchart TB\n start --> end\n",
    "end-shape": "flowchart TB\n a --> end[Конец]\n",
    "End-node": "flowchart TB\n start --> End\n",
    "thin-arrow": "flowchart TB\n a -> b\n",
    "id-with-space": "flowchart TB\n my node --> b\n",
    "dangling": "flowchart TB\n a --> b\n b -->\n",
    "two-arrows": "flowchart TB\n a --> --> b\n",
    "label-no-close": "flowchart TB\n a -->|yes b\n",
    "sub-no-end": "flowchart TB\n subgraph x\n a --> b\n",
    "end-too-many": "flowchart TB\n a --> b\n end\n",
    "semicolons": "graph TD;A-->B;B-->C;\n",
    "bad-direction": "flowchart XX\n a --> b\n",
    "capital": "Flowchart TD\n a --> b\n",
    "no-direction": "flowchart\n a --> b\n",
    "class-undefined": "flowchart TB\n a:::nope --> b\n",
    "style-nothing": "flowchart TB\n a --> b\n style\n",
    "hash": "flowchart TB\n a[# 1] --> b\n",
    "pipe": "flowchart TB\n a[x|y] --> b\n",
    "braces": "flowchart TB\n a{x{y}} --> b\n",
    "angle": "flowchart TB\n a[x < y > z] --> b\n",
    "br": "flowchart TB\n a[x<br>y<br/>z] --> b\n",
    "emoji": "flowchart TB\n a[🙂] --> b[✅ done]\n",
    "percent": "flowchart TB\n a[50%] --> b\n",
    "at": "flowchart TB\n a[me@x.ru] --> b\n",
    "colon": "flowchart TB\n a[x: y] --> b\n",
    "number-list": "flowchart TB\n a[1. Check] --> b\n",
    "x-arrow": "flowchart TB\n a---oops\n",
    "seq-no-colon": "sequenceDiagram\n A->>B hi\n",
    "seq-no-end": "sequenceDiagram\n loop x\n A->>B: y\n",
    "seq-arrow": "sequenceDiagram\n A-->B: x\n A->B: y\n A-)B: z\n A-xB: w\n",
    "seq-else": "sequenceDiagram\n else x\n A->>B: y\n",
    "class-brace": "classDiagram\n class A {\n +x\n",
    "state-arrow": "stateDiagram-v2\n a -> b\n",
    "er-bad": "erDiagram\n A ||-o{ B : x\n",
    "er-no-label": "erDiagram\n A ||--o{ B\n",
    "gantt-no-date": "gantt\n section S\n a\n",
    "pie-no-colon": 'pie\n "a" 3\n',
    "pie-negative": 'pie\n "a" : -3\n',
    "two-roots": "mindmap\n a\n b\n",
    "git-checkout": "gitGraph\n checkout nope\n",
    "git-typo": "gitGraph\n comit\n",
    "packet-gap": 'packet-beta\n0-3: "a"\n6-8: "b"\n',
    "sankey-two": "sankey-beta\nA,B\n",
    "front-bad": "---\ntitle: [x\n---\nflowchart TB\n a --> b\n",
    "front-open": "---\ntitle: x\nflowchart TB\n a --> b\n",
    "init-bad": "%%{init: {theme: }}%%\nflowchart TB\n a --> b\n",
    "edges-501": "flowchart TB\n" + "".join(f" a{i} --> a{i + 1}\n" for i in range(501)),
    "deep": "flowchart TB\n" + "".join(f"subgraph s{i}\n" for i in range(60)) + "a\n" + "end\n" * 60,
    "nul": "flowchart TB\n a[\x00] --> b\n",
    "bom": "\ufeffflowchart TB\n a --> b\n",
    "zero-width": "flowchart TB\n a\u200b --> b\n",
    "nbsp": "flowchart TB\n\u00a0a\u00a0-->\u00a0b\n",
    "rtl": "flowchart TB\n א[שלום] --> ב\n",
    "cjk": "flowchart TB\n 节点[开始] --> 结束\n",
    "fullwidth": "flowchart TB\n a［x］ --> b\n",
    "xml": '<?xml version="1.0"?><bpmn/>',
    "json": '{"nodes": []}',
    "dot": "digraph { a -> b }",
    "plantuml": "@startuml\na -> b\n@enduml\n",
}


def corpus() -> Iterator[tuple[str, str]]:
    """(name, source), without repetitions."""
    seen: set[str] = set()
    for name, base in BASES.items():
        for spoil, change in SPOILS.items():
            source = change(base)
            if source not in seen:
                seen.add(source)
                yield f"{name}/{spoil}", source
    for name, source in MISTAKES.items():
        if source not in seen:
            seen.add(source)
            yield f"mistake/{name}", source
