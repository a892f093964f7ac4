"""The nightly flow: a page is written, and each alarm, and only an alarm, becomes an event."""

from __future__ import annotations

from pathlib import Path

from oceanclean.learning.monitor import Figure, Report


def test_each_alarm_becomes_an_event(monkeypatch, tmp_path: Path) -> None:
    from flows import upkeep
    from flows.events import BREACH

    figures = [
        Figure("input_psi", "reflectance B8", 0.9, "1", "alarm", "drift"),
        Figure("peak_mib", "", 900.0, "MiB", "ok", "memory"),
        Figure("separation_km", "after 24 h", None, "km", "unknown", "skill"),
    ]
    events, tables = [], []
    monkeypatch.setattr(upkeep, "watch", lambda *_: Report("demo", "2026-06-15T11:00:00Z", figures))
    monkeypatch.setattr(upkeep.chain, "overview", lambda *_: [])
    monkeypatch.setattr(upkeep.chain, "season_of", lambda *_: {"season": tmp_path / "season.html"})
    monkeypatch.setattr(upkeep, "tell", lambda event, region, **facts: events.append((event, region, facts)))
    monkeypatch.setattr(upkeep, "create_table_artifact", lambda **table: tables.append(table))
    monkeypatch.setattr(upkeep, "create_link_artifact", lambda *_, **__: None)
    upkeep.skill.fn("demo", work=str(tmp_path))
    assert events == [(BREACH, "demo", {"figure": "input_psi", "of": "reflectance B8", "value": 0.9})]
    assert [len(t["table"]) for t in tables if t["key"] == "monitor-demo"] == [len(figures)]
    assert "reflectance B8" in (tmp_path / "monitor" / "demo" / "index.html").read_text()
