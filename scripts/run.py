"""What `make run` shows: the two bundled pictures described, two bundled texts drawn, every output in a folder.

run.py [OUT]    OUT: the folder, `out` unless given
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.build import describer
from pipeline.describe import describe_page
from pipeline.draw import Studio
from pipeline.files import write
from pipeline.formats import FORMATS
from pipeline.overlay import draw_overlay, png
from pipeline.settings import Settings
from vision.load import open_upload

EXAMPLES = Path(__file__).resolve().parent.parent / "data" / "examples"
TEXTS = ("order.en.txt", "leave.ru.txt")


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
    with Studio(workers=1) as studio:
        for name in TEXTS:
            text = (EXAMPLES / name).read_text("utf-8")
            print(f"\n==== {name}\n\n{text}")
            write(out / f"{Path(name).stem}.svg", studio.draw(text, "svg").data)
            write(out / f"{Path(name).stem}.png", studio.draw(text, "png").data)
    print("Drawn from these words (.svg, .png) in the same folder.\n")
    print("Your own: .venv/bin/diascribe describe PICTURE, .venv/bin/diascribe draw TEXT   (--help tells more)")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
