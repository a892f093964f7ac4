"""The watching flow: a page is written, and each alarm, and only an alarm, becomes an event."""

from __future__ import annotations

from pathlib import Path

from oceanclean.learning.monitor import Figure, Report


def test_each_alarm_becomes_an_event(monkeypatch, tmp_path: Path) -> None:
    from flows import monitor

    figures = [
        Figure("input_psi", "reflectance B8", 0.9, "1", "alarm", "drift"),
        Figure("peak_mib", "", 900.0, "MiB", "ok", "memory"),
        Figure("separation_km", "after 24 h", None, "km", "unknown", "skill"),
    ]
    events, tables = [], []
    monkeypatch.setattr(monitor, "watch", lambda *_: Report("demo", "2026-06-15T11:00:00Z", figures))
    monkeypatch.setattr(monitor, "emit_event", lambda **event: events.append(event))
    monkeypatch.setattr(monitor, "create_table_artifact", lambda **table: tables.append(table))
    assert monitor.monitor.fn("demo", str(tmp_path)) == "alarm"
    (event,) = events
    assert event["resource"]["prefect.resource.id"] == "oceanclean.region.demo"
    assert (event["resource"]["of"], event["payload"]["value"]) == ("reflectance B8", 0.9)
    assert len(tables[0]["table"]) == len(figures)
    assert "reflectance B8" in (tmp_path / "monitor" / "demo" / "index.html").read_text()
