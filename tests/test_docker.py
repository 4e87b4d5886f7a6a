"""The container files are true: settings and stages exist, nothing listens beyond this machine, nobody is root."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from api.settings import Service
from pipeline.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
STAGES = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
KNOWN = {f"DIASCRIBE_{name}".upper() for name in Settings.model_fields} | {
    f"DIASCRIBE_API_{name}".upper() for name in Service.model_fields
}


def environment(service):
    return service.get("environment", {})


def test_every_service_can_be_started_and_reaches_no_further_than_this_machine():
    profiles = {profile for one in COMPOSE["services"].values() for profile in one.get("profiles", [])}
    assert profiles == {"gpu", "vllm", "postgres", "workers"}
    assert [name for name, one in COMPOSE["services"].items() if not one.get("profiles")] == ["diascribe"]
    targets = {name for _, name in STAGES}
    for name, one in COMPOSE["services"].items():
        assert one.get("image"), name
        assert one.get("build", {}).get("target", "cpu") in targets
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", [])), name
        assert not one.get("privileged")
        for other in one.get("depends_on", {}):
            assert other in COMPOSE["services"]
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith(".") or source in COMPOSE["volumes"]
        if "build" in one:
            assert one["read_only"] is True
            assert any(place.startswith("/tmp") for place in one["tmpfs"])
            assert one["cap_drop"] == ["ALL"]


def test_every_setting_that_is_given_exists():
    named = {name for one in COMPOSE["services"].values() for name in environment(one)}
    named |= set(re.findall(r"\b(DIASCRIBE_[A-Z_]+)=", DOCKERFILE))
    assert {name for name in named if name.startswith("DIASCRIBE_")} <= KNOWN
    given = re.findall(r"DIASCRIBE_[A-Z_]+", (ROOT / "docs" / "scaling.md").read_text("utf-8"))
    assert set(given) <= KNOWN


def test_the_last_stage_is_the_default_and_runs_as_nobody_special():
    assert STAGES[-1][1] == "cpu"
    stages = re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)[1:]
    for (_, name), text in zip(STAGES, stages, strict=True):
        if name.endswith("-packages"):
            continue
        assert text.index("USER diascribe") > text.rindex("RUN "), name
        for word in ("HEALTHCHECK", "VOLUME /var/lib/diascribe", '"tini"', "EXPOSE 8000 8501"):
            assert word in text, (name, word)
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for path in source.split():
            assert (ROOT / path).exists(), path


@pytest.fixture
def diascribe(tmp_path):
    """A folder with the program of this checkout, and the environment to run it in."""
    program = tmp_path / "bin" / "diascribe"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom pipeline.cli import main\nmain()\n")
    program.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    state = {f"DIASCRIBE_{name}_DIR": str(tmp_path / name) for name in ("INDEX", "EXAMPLES", "STATE")}
    return {**os.environ, **state, "PATH": path, "PYTHONPATH": str(ROOT), "DIASCRIBE_API_PORT": port,
            "DIASCRIBE_API_WORKERS": "1"}  # fmt: skip


SCRIPT = ["sh", str(ROOT / "scripts" / "container.sh")]


def test_a_container_runs_any_command(diascribe):
    done = subprocess.run([*SCRIPT, "models", "list"], env=diascribe, capture_output=True, text=True, check=True)
    assert "qwen2.5-vl-3b" in done.stdout


@pytest.mark.slow
def test_a_container_serves_and_ends_when_told_to(diascribe):
    pytest.importorskip("streamlit")
    process = subprocess.Popen(SCRIPT, env=diascribe, start_new_session=True)
    healthy = [sys.executable, str(ROOT / "scripts" / "healthy.py")]
    try:
        for _ in range(240):
            time.sleep(0.5)
            assert process.poll() is None
            if subprocess.run(healthy, env=diascribe, check=False).returncode == 0:
                break
        port = diascribe["DIASCRIBE_API_PORT"]
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_the_scripts_are_sound():
    for script in ("container.sh", "system-packages.sh"):
        subprocess.run(["sh", "-n", str(ROOT / "scripts" / script)], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", str(ROOT / "scripts" / "container.sh")], check=True)
