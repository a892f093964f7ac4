"""Container files: they name what exists, hold no secret, give no rights away; Docker agrees where it is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_compose_names_what_it_defines_and_no_secret(compose: dict) -> None:
    """Volumes and services exist, every dependency is waited for by a health check, ports stay on this machine."""
    services = compose["services"]
    assert {"app", "worker", "prefect", "postgres"} == set(services)
    for service in services.values():
        for volume in service["volumes"]:
            assert volume.split(":")[0] in compose["volumes"]
        for other in service.get("depends_on", {}):
            assert "healthcheck" in services[other]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or value.startswith("${POSTGRES_PASSWORD:?")
    assert ":${POSTGRES_PASSWORD:?" in services["prefect"]["environment"]["PREFECT_SERVER_DATABASE_CONNECTION_URL"]


def test_docker_takes_the_compose_file(tmp_path: Path) -> None:
    """By ``docker compose``, or by ``docker-compose`` 1.29 of Debian, which needs no Docker but knows no ``name``."""
    text = (ROOT / "compose.yaml").read_text()
    docker, old = shutil.which("docker"), shutil.which("docker-compose")
    command = [docker or "", "compose"]
    if not docker or subprocess.run([*command, "version"], capture_output=True, check=False).returncode:
        if not old:
            pytest.skip("docker compose is not installed")
        command, text = [old], re.sub(r"^name:.*\n", "", text, flags=re.MULTILINE)
    (tmp_path / "compose.yaml").write_text(text)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    environment = {**os.environ, "POSTGRES_PASSWORD": "x"}
    done = subprocess.run([*command, "--file", str(tmp_path / "compose.yaml"), "config", "--quiet"], env=environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    del environment["POSTGRES_PASSWORD"]
    done = subprocess.run([*command, "--file", str(tmp_path / "compose.yaml"), "config", "--quiet"], env=environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert "set it in .env" in done.stderr


def test_the_image_copies_what_exists_and_runs_without_rights() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [w for line in lines if line.startswith("COPY") and "--from" not in line
              for w in line.split()[1:-1] if not w.startswith("--")]  # fmt: skip
    assert copied
    assert all((ROOT / name).exists() for name in copied)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) <= allowed
    assert "USER 10001" in lines


def test_the_chart_s_templates_use_values_that_exist() -> None:
    chart = ROOT / "deploy" / "helm" / "oceanclean"
    values = yaml.safe_load((chart / "values.yaml").read_text())
    used = set()
    for path in (chart / "templates").glob("*.yaml"):
        used |= set(re.findall(r"\.Values\.([A-Za-z.]+)", path.read_text()))
    assert used
    for dotted in used:
        found = values
        for key in dotted.split("."):
            assert key in found, dotted
            found = found[key]
