"""`python -m ui`: the page alone, beside an API that runs elsewhere."""

from __future__ import annotations

import argparse
import sys

from ui.launch import launch


def main() -> int:
    """Serve the page until told to stop."""
    parser = argparse.ArgumentParser(prog="diascribe ui", description="The page in the browser; it asks an API.")
    parser.add_argument("--api", default="http://127.0.0.1:8000", help="where the API is")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", default=8501, type=int, help="the page's port")
    parser.add_argument("--parent", default=0, type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    return launch(given.api, given.host, given.port, given.parent)


if __name__ == "__main__":
    sys.exit(main())
