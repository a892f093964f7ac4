"""The flows beside the daily plan, each without a server: what they call, what they tell, how they end."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def told(monkeypatch) -> list[tuple]:
    """Events and artifacts that a flow leaves, in order; no server is asked."""
    from flows import ingest, upkeep

    left: list[tuple] = []
    monkeypatch.setattr(ingest, "one_at_a_time", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(ingest, "fetch", ingest.fetch.fn)
    for module in (ingest, upkeep):
        monkeypatch.setattr(module, "tell", lambda event, region, **facts: left.append((event, region, facts)))
        for name in ("create_table_artifact", "create_link_artifact", "create_markdown_artifact"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda *a, key, **k: left.append((key, k.get("table", a))))
    return left


@pytest.fixture
def config(tmp_path) -> Path:
    """The demo region with a wind service that nobody serves."""
    import shutil

    shutil.copytree(ROOT / "config", tmp_path / "config")
    path = tmp_path / "config" / "sources" / "demo.yaml"
    content = yaml.safe_load(path.read_text())
    content["wind"][0]["fetch"] = {"service": "zarr", "options": {
        "url": "http://127.0.0.1:9/wind", "web": {"tries": 1}}}  # fmt: skip
    path.write_text(yaml.safe_dump(content))
    return tmp_path / "config"


def test_a_dead_source_ends_the_fetch_degraded_and_is_told(told, config, tmp_path) -> None:
    """The flow does not fail: the plan can be made; who listens for failing sources hears the reason."""
    from flows.ingest import ingest

    state = ingest.fn("demo", "2026-06-15T11:00Z", str(tmp_path / "work"), str(config))
    assert (state.type.value, state.name) == ("COMPLETED", "Degraded")
    events = [t for t in told if t[0] == "oceanclean.source.failed"]
    assert len(events) == 1
    assert "127.0.0.1:9/wind" in events[0][2]["why"]
    (table,) = [t[1] for t in told if t[0] == "ingest-demo"]
    assert table[0]["outcome"] == "failed"


def test_the_watch_makes_a_plan_only_where_none_stands(told, monkeypatch, tmp_path) -> None:
    """A plan that stands is left alone, degraded or not; where none stands the day's own issue time is planned."""
    from datetime import date

    from flows import upkeep

    asked = []
    monkeypatch.setattr(upkeep, "_today", lambda *_: date(2026, 6, 15))
    monkeypatch.setattr(upkeep, "daily", lambda *a: asked.append(a))
    config = str(ROOT / "config")
    state = upkeep.watch_plan.fn("demo", str(tmp_path), config)
    assert state.name == "Late"
    assert asked == [("demo", "2026-06-15T11:00:00Z", str(tmp_path), config)]
    folder = tmp_path / "runs" / "demo" / "2026-06-15T1100Z"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"outcome": "degraded", "degraded": ["No waves."]}))
    assert upkeep.watch_plan.fn("demo", str(tmp_path), config).name == "Completed"
    assert len(asked) == 1


def test_without_runs_or_tracks_the_upkeep_is_skipped_not_failed(told, tmp_path) -> None:
    """A new region has nothing to judge yet: no alarm every night."""
    from flows import upkeep

    config = str(ROOT / "config")
    assert upkeep.skill.fn("demo", 5, str(tmp_path), config).name == "Skipped"
    assert upkeep.report.fn("demo", "2026-05", str(tmp_path), config).name == "Skipped"
    assert upkeep.retraining.fn(None, str(tmp_path), config).name == "Skipped"
