"""Commands of models, feedback, tokens, data checks and the checklist: what they print, and their exit status."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from oceanclean.cli.app import app
from oceanclean.errors import InputError, MissingDataError, RefusedError
from oceanclean.vision.zoo import SHIPPED

ROOT = Path(__file__).resolve().parents[2]
BY = ["--by", "A. Analyst", "--why", "June labels"]


def run(*words: str) -> str:
    """Output of a command; a known error comes through as it does to `main`."""
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def work(tmp_path: Path) -> list[str]:
    return ["--work", str(tmp_path / "work")]


def test_a_model_s_way_through_the_registry_by_command(work: list[str], tmp_path: Path) -> None:
    """Empty, registered, refused, its log; a promotion without evidence is not to be had."""
    assert "No model is registered" in run("models", "list", *work)
    shutil.copy(SHIPPED, tmp_path / "segmenter.keras")
    shutil.copy(SHIPPED.with_suffix(".json"), tmp_path / "segmenter.json")
    assert "version 1 is the challenger" in run("models", "register", "segmenter", str(tmp_path), *BY, *work)
    with pytest.raises(InputError, match="--data / --shadow"):
        run("models", "promote", "segmenter", *BY, *work)
    with pytest.raises(RefusedError, match="Too early"):
        run("models", "promote", "segmenter", "--shadow", "demo", *BY, *work)
    assert "Too early" in run("models", "trial", "segmenter", *work)
    assert "no longer on trial" in run("models", "refuse", "segmenter", *BY, *work)
    with pytest.raises(InputError, match="previous"):
        run("models", "rollback", "segmenter", *BY, *work)
    told = run("models", "list", "--log", *work)
    assert "registered" in told
    assert "not promoted" in told
    assert "A. Analyst: June labels" in told
    assert "3 events, chain of digests whole." in told
    rows = json.loads(run("models", "list", "--json", *work))
    assert [(r["version"], r["aliases"]) for r in rows] == [(0, ["champion"]), (1, [])]


def test_feedback_by_command(work: list[str], tmp_path: Path) -> None:
    seen = tmp_path / "seen.csv"
    seen.write_text("time,lat,lon,verdict\n2026-06-15T12:00Z,16.0,-87.2,confirmed\n")
    add = ["feedback", "add", str(seen), "--kind", "sightings", "--by", "Garza", *work]
    assert "version 1: 1 new, 0 replaced, 0 known" in run(*add)
    assert "0 new, 0 replaced, 1 known" in run(*add)
    seen.write_text(seen.read_text().replace("confirmed", "false"))
    with pytest.raises(InputError, match="--why"):
        run(*add)
    assert "version 2: 0 new, 1 replaced" in run(*add, "--why", "looked again")
    assert "demo" in run("feedback", "list", *work)
    assert "# Labels: version 1 to" in run("feedback", "report", "--since", "1", *work)
    with pytest.raises(MissingDataError, match="labels"):
        run("feedback", "export", "--out", str(tmp_path / "out"), *work)
    with pytest.raises(InputError, match="--region"):
        run("feedback", "export", "--kind", "forecaster", "--out", str(tmp_path / "out"), *work)


def test_tokens_by_command(work: list[str]) -> None:
    """Made, listed without its secret, revoked."""
    token = run("tokens", "add", "--owner", "Bridge", "--role", "planner", "--days", "30", *work).strip()
    listed = run("tokens", "list", *work)
    assert "planner" in listed
    assert "Bridge" in listed
    assert token.split("_", 2)[2] not in listed
    assert "no longer taken" in run("tokens", "revoke", token.split("_")[1], *work)
    assert json.loads(run("tokens", "list", "--json", *work)) == []


def test_training_data_is_checked_by_command(tmp_path: Path) -> None:
    """A wrong scale, a band of one value and labels on nothing are told; a good set passes and leaves its sketches."""
    import numpy as np
    import rasterio

    from oceanclean.products.names import BANDS

    def patch(folder: Path, image: np.ndarray, labels: np.ndarray) -> Path:
        (folder / "patches").mkdir(parents=True)
        shape = {"driver": "GTiff", "height": 16, "width": 16, "crs": "EPSG:32616",
                 "transform": rasterio.transform.from_origin(0, 0, 10, 10)}  # fmt: skip
        with rasterio.open(folder / "patches" / "S2_a_0.tif", "w", count=len(BANDS), dtype="float32", **shape) as out:
            out.write(image.astype(np.float32))
        with rasterio.open(folder / "patches" / "S2_a_0_cl.tif", "w", count=1, dtype="uint8", **shape) as out:
            out.write(labels.astype(np.uint8), 1)
        return folder

    rng = np.random.default_rng(0)
    image, labels = rng.uniform(0.01, 0.1, (len(BANDS), 16, 16)), rng.integers(0, 8, (16, 16))
    good = patch(tmp_path / "good", image, labels)
    sketches = tmp_path / "sketches.json"
    assert "marine debris" in run("data", "check", "segmenter", "--data", str(good), "--write", str(sketches))
    brighter = patch(tmp_path / "brighter", image + 0.08, labels)
    with pytest.raises(RefusedError, match="11 variables changed"):
        run("data", "check", "segmenter", "--data", str(brighter), "--against", str(sketches))
    unscaled = image * 10_000
    unscaled[3] = 77.0
    bad = patch(tmp_path / "bad", unscaled, np.full((16, 16), 7))
    done = CliRunner().invoke(app, ["data", "check", "segmenter", "--data", str(bad)])
    assert isinstance(done.exception, RefusedError)
    for said in ("wrong scale", "B4 has one value everywhere", "no pixel is labelled as marine debris"):
        assert said in done.output


def test_what_a_compliance_officer_is_told(work: list[str], tmp_path: Path) -> None:
    """A line a check; one that is broken ends with status 6 and is named."""
    from PIL import Image

    told = run("audit", *work, "--config", str(ROOT / "config"))
    assert "kept    People: photos are kept with consent" in told
    photos = tmp_path / "work" / "intake" / "photos"
    photos.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(photos / "a.jpg")
    command = [sys.executable, "-m", "oceanclean", "audit", *work]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert "Not kept: People: photos are kept with consent" in done.stderr
