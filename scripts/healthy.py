"""Whether the API in this container answers; for HEALTHCHECK. Containers that run another command are healthy."""

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

command = Path("/proc/1/cmdline").read_bytes().split(b"\0")
if b"/app/scripts/container.sh" in command and command[-2] != b"/app/scripts/container.sh" and b"serve" not in command:
    sys.exit(0)
try:
    address = f"http://127.0.0.1:{os.environ.get('DIASCRIBE_API_PORT', '8000')}/health"
    with urllib.request.urlopen(address, timeout=4) as answer:
        sys.exit(answer.status != 200)
except (OSError, urllib.error.URLError):
    sys.exit(1)
