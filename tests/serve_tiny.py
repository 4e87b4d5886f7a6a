"""`transformers serve` as it is, with a torchvision that was made for another build of torch put right first."""

from __future__ import annotations

from tests.torchvision_mended import mend


def main() -> None:
    mend()
    from transformers.cli.transformers import app

    app()


if __name__ == "__main__":
    main()
