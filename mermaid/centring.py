"""Puts labels where the native renderer leaves them beside their place: names of states, which it draws at the left of
their box, labels of transitions, half a line below their ground, and what relations of entities say, which it moves by
half their width. Knows the markup of merman; what it does not recognise stays as it is.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Final

from mermaid.sanitize import SVG

_LOWERED: Final = re.compile(r"(translate\(\s*[-\d.e]+)[\s,]+[-\d.e]+\s*\)")
_TRANSLATE: Final = re.compile(r"translate\(\s*[-\d.e]+(?=[\s,])")


def centre(root: ET.Element) -> None:
    """Centre the labels of a picture."""
    what = root.get("aria-roledescription")
    if what not in ("stateDiagram", "er"):
        return
    if what == "stateDiagram":
        for group in root.iter(f"{{{SVG}}}g"):
            if len(group) == 2 and "background" in group[0].get("class", ""):
                group[1].set("transform", _LOWERED.sub(r"\1 0)", group[1].get("transform", "")))
    wanted = "statediagram-state" if what == "stateDiagram" else "edgeLabel"
    for group in root.iter(f"{{{SVG}}}g"):
        if wanted not in group.get("class", "").split():
            continue
        label = next((child for child in group if "label" in child.get("class", "").split()), None)
        texts = [] if label is None else list(label.iter(f"{{{SVG}}}text"))
        if label is None or len(texts) != 1 or (what == "er" and texts[0].get("text-anchor") != "middle"):
            continue  # lists of a state begin at the left
        label.set("transform", _TRANSLATE.sub("translate(0", label.get("transform", "")))
        texts[0].set("text-anchor", "middle")
