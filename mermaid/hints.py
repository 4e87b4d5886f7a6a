"""Words for what Mermaid's parsers complain about: its token names in plain English, and what to do about a mistake.

Knows the shapes of common mistakes, those of language models included. Never changes a text.
"""

from __future__ import annotations

import re
from typing import Final

_TOKENS: Final = {
    "SEMI": "a line break", "NEWLINE": "a line break", "NL": "a line break", "EOF": "the end of the text",
    "SPACE": "a space", "AMP": "“&”", "START_LINK": "an arrow", "LINK": "an arrow", "LINK_ID": "an arrow",
    "ARROW": "an arrow", "SQE": "“]”", "SQS": "“[”", "PE": "“)”", "PS": "“(”", "DIAMOND_STOP": "“}”",
    "DIAMOND_START": "“{”", "STADIUMEND": "“])”", "SUBROUTINEEND": "“]]”", "CYLINDEREND": "“)]”",
    "DOUBLECIRCLEEND": "“)))”", "TRAPEND": "“/]”", "INVTRAPEND": "“\\]”", "TAGEND": "“]”", "PIPE": "“|”",
    "UNICODE_TEXT": "text", "TEXT": "text", "EDGE_TEXT": "text on the arrow", "NODE_STRING": "a node",
    "STR": "a quoted text", "MD_STR": "a quoted text",
    "COLON": "“:”", "DOWN": "a node", "DEFAULT": "a node", "NUM": "a number", "COMMA": "“,”",
    "MINUS": "“-”", "ID": "a name", "TXT": "“: text”", "ACTOR": "a participant", "taskData": "“: …” after the task",
    "STRUCT_STOP": "“}”", "MEMBER": "a member", "EOF_IN_STRUCT": "the end of the text",
    "EDGE_STATE": "“[*]”", "end": "“end”",
    "subgraph": "“subgraph”", "END": "“end”", "TAGSTART": "", "INVALID": "", "1": "the end of the text",
}  # fmt: skip

_BAD_ARROW = re.compile(r"(?<![-=.<>])(?:->(?!>)|=>(?!>)|—>|–>|→|⟶)")
_SMART = re.compile("[“”„«»‘’]")
_OPEN_LABEL = re.compile(r"[\w\]]\s*(\[|\(|\{)\s*[^\"\]\)\}]*[()\[\]{}\"][^\"]*")
_UNCLOSED = re.compile(r'\w[\[({]+"[^"]*"\s*(?:$|[-=.~]{2}|&|;)')
_END_NODE = re.compile(r"(?:^|[\s>&])end\s*(?:$|[\[({]|--|==|-\.|:::)|(?:-->|---|==>|-\.->)\s*(?:\|[^|]*\|)?\s*end\b")


def said(token: str) -> str:
    """A token's name as a reader would say it; "" for tokens that say nothing to a reader."""
    bare = token.strip("'\"")
    return _TOKENS.get(bare, f"“{bare}”" if bare.islower() else "")


def hint_for(source: str, message: str, line: int, text: str) -> str:
    """One sentence on how to mend the mistake, "" when nothing fits."""
    body = re.sub(r"(?s)\A\s*---\n.*?\n---\s*\n", "", source).lstrip()
    flowchart = bool(re.match(r"(?:%%[^\n]*\n\s*)*(?:flowchart|graph|swimlane)\b", body))
    if not source.strip():
        return "The text is empty; a flowchart starts with “flowchart TB”."
    if "```" in source:
        return "Leave only the code between the fences (```) in the text."
    if "No diagram type detected" in message or "UnknownDiagram" in message:
        return "Start with the diagram type, for example “flowchart TB” or “sequenceDiagram”, on a line of its own."
    if "Edge limit" in message:
        return "Mermaid draws 500 flows at most; split the diagram."
    if "only be one root" in message or "only one root" in message:
        return "A mindmap has one root: indent every other line below it."
    if flowchart:
        return _flowchart_hint(source, text)
    if "```" in text:
        return "Remove the code fence."
    if re.match(r"\s*sequenceDiagram", body) and re.search(r"->(?!>)|-->(?!>)", text) and ":" not in text:
        return "A message is written “A->>B: text”."
    if re.search(r"\b(loop|alt|opt|par|critical|rect|box)\b", source) and source.count("\nend") == 0 and line:
        return "Close every loop, alt, opt and par with “end” on a line of its own."
    return ""


def _flowchart_hint(source: str, text: str) -> str:
    opened = len(re.findall(r"(?m)^\s*subgraph\b", source))
    ended = len(re.findall(r"(?m)^\s*end\s*;?\s*$", source))
    if _BAD_ARROW.search(re.sub(r'"[^"]*"', '""', text)):
        return "Write arrows as “-->”."
    if _SMART.search(text) and '"' not in text:
        return 'Use straight quotes (") around the label.'
    if re.search(r"--\s*$|-->\s*$|-\.->\s*$|==>\s*$|\|\s*$|&\s*$", text):
        return "The arrow needs a node after it."
    if _END_NODE.search(text):
        return '“end” is a reserved word: write “End”, or use another id such as n1["end"].'
    if _UNCLOSED.search(text):
        return "Close the bracket after the label."
    if _OPEN_LABEL.search(text):
        return 'Put the label into double quotes: id["label"]; write a quote inside as #quot;.'
    if opened > ended:
        return "Close every subgraph with “end” on a line of its own."
    if ended > opened:
        return "There is an “end” without a subgraph."
    if re.match(r"\s*\w+\s+\w+", text) and not re.match(
        r"\s*(?:class|style|click|linkStyle|classDef|subgraph|direction)\b", text
    ):
        return 'An id has no spaces; write n1["the text"] and use n1 in the arrows.'
    return 'Close every bracket, and put labels into double quotes: id["label"].'
