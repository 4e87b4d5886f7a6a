"""What `make run` shows: the two bundled pictures described, every output written to a folder.

run.py [OUT]    OUT: the folder, `out` unless given
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.batch import write
from pipeline.build import describer
from pipeline.describe import describe_page
from pipeline.formats import FORMATS
from pipeline.overlay import draw_overlay, png
from pipeline.settings import Settings
from vision.load import open_upload

EXAMPLES = Path(__file__).resolve().parent.parent / "data" / "examples"


def main(out: Path) -> None:
    settings = Settings()
    reader = describer(settings)
    for path in sorted(EXAMPLES.glob("*.png")):
        image, found = describe_page(open_upload(path, settings.limits), 0, settings, reader)
        for form in FORMATS.values():
            write(out / f"{path.stem}{form.suffix}", form.write(found).encode())
        write(out / f"{path.stem}.overlay.png", png(draw_overlay(image, found)))
        print(f"==== {path.name}\n")
        print(FORMATS["text"].write(found))
        print(FORMATS["table"].write(found))
        for warning in found.warnings:
            print(f"warning: {warning}")
    kinds = ", ".join(form.suffix for form in FORMATS.values())
    print(f"Each picture's outputs ({kinds}, .overlay.png) are in {out.resolve()}")
    print("Your own: .venv/bin/diascribe describe PICTURE   (--help tells more)")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
