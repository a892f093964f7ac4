"""Every notebook runs from top to bottom on a finished day and leaves nothing behind in its file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from oceanclean.notebook import explore, open_day

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def laboratory(planned, seen, tmp_path_factory) -> Path:
    """A work folder with the finished day of the region ``cove`` and, unlike the chain's, the truth beside it."""
    work = tmp_path_factory.mktemp("laboratory") / "work"
    shutil.copytree(planned.work, work)
    shutil.copytree(seen / "truth-elsewhere", work / "twin" / "cove" / "truth")
    return work


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs(path: Path, planned, laboratory, monkeypatch) -> None:
    """All cells run without an error, on the region ``cove`` in the demo's place."""
    monkeypatch.setitem(os.environ, "OCEANCLEAN_REGION", "cove")
    monkeypatch.setitem(os.environ, "OCEANCLEAN_CONFIG", str(planned.config))
    monkeypatch.setitem(os.environ, "OCEANCLEAN_WORK", str(laboratory))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    pictures = [o for c in notebook.cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})]
    assert pictures, "a notebook without a picture"


def test_a_finished_day_opens_as_it_was_planned(planned, laboratory, monkeypatch) -> None:
    """Nothing is computed, all products are there, and names from outside stay text on its card."""
    monkeypatch.setitem(os.environ, "OCEANCLEAN_WORK", str(laboratory))
    before = sorted((p, p.stat().st_mtime_ns) for p in laboratory.rglob("*"))
    day = open_day("cove", work=laboratory, config=planned.config)
    assert len(day.tracks["member"]) > 1
    assert not day.drifters.empty
    assert day.truth.is_dir()
    day.plan.vessels[0].reason = "<script>"
    card = day._repr_html_()
    assert "<script>" not in card
    assert day.plan.vessels[0].vessel_id in card
    assert before == sorted((p, p.stat().st_mtime_ns) for p in laboratory.rglob("*"))


def test_a_finished_day_can_be_explored_on_a_map(planned, laboratory, monkeypatch) -> None:
    """Density, patches and routes are layers of the map; a name from outside stays text."""
    monkeypatch.setitem(os.environ, "OCEANCLEAN_WORK", str(laboratory))
    day = open_day("cove", work=laboratory, config=planned.config)
    day.plan.tasks.loc[0, "reason"], day.plan.tasks.loc[0, "served_by"] = "<script>alert(1)</script>", ""
    html = explore(day).get_root().render()
    sent = [v.vessel_id for v in day.plan.vessels if v.status == "sent"]
    assert sent
    assert all(f"route of {vessel}" in html for vessel in sent)
    assert "data:image/png;base64" in html
    assert "alert(1)" in html
    assert "<script>alert(1)" not in html


def test_every_notebook_is_listed_in_the_documents() -> None:
    """With the question that it answers."""
    page = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
    assert [n.name for n in NOTEBOOKS if f"`{n.name}`" not in page] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    """Outputs are made by whoever runs it; the file holds the text and the code."""
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
