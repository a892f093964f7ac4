"""What is watched, how it stands, as a page for people and as text for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oceanclean.learning.input_drift import Sketch, largest_distance, stability_index
from oceanclean.learning.settings import MonitoringSettings, Threshold
from oceanclean.policy import under_policy

_STATES = ("ok", "unknown", "warn", "alarm")


@dataclass(frozen=True)
class Figure:
    """A watched figure.

    Attributes:
        name: as Prometheus knows it, e.g. ``input_psi``.
        of: what it is about, e.g. a band; "" where the name says it.
        value: None where nothing is known.
        unit: of the value.
        state: ``ok``, ``warn``, ``alarm``, or ``unknown``.
        meaning: in words.
        series: (day, value), oldest first.
    """

    name: str
    of: str
    value: float | None
    unit: str
    state: str
    meaning: str
    series: tuple[tuple[str, float], ...] = ()


@dataclass
class Report:
    """All figures of a region.

    Attributes:
        region: name.
        issue_time: of the last day looked at.
        figures: in the order of the page.
        said: what could not be judged, and why.
    """

    region: str
    issue_time: str
    figures: list[Figure] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def worst(self) -> str:
        """The worst state of any figure."""
        return max((f.state for f in self.figures), key=_STATES.index, default="unknown")

    def in_state(self, state: str) -> list[Figure]:
        """Figures in a state."""
        return [f for f in self.figures if f.state == state]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"region": self.region, "issue_time": self.issue_time, "worst": self.worst, "said": self.said,
                "figures": [dict(f.__dict__) for f in self.figures]}  # fmt: skip


def figure(
    name: str, meaning: str, unit: str, series: Sequence[tuple[str, float]], bound: Threshold | None, *, of: str = "",
    recent: int = 7,
) -> Figure:  # fmt: skip
    """A figure from its days: the mean of the last ones, judged by a threshold.

    Args:
        name: for Prometheus.
        meaning: in words.
        unit: of the values.
        series: (day, value), oldest first.
        bound: None where nothing is judged.
        of: what it is about.
        recent: days that are averaged.
    """
    values = [v for _, v in series][-recent:]
    if not values:
        return Figure(name, of, None, unit, "unknown", meaning)
    value = sum(values) / len(values)
    return Figure(name, of, value, unit, bound.state(value) if bound else "ok", meaning, tuple(series))


def input_figures(
    reference: Mapping[str, Sequence[Sketch]], days: Mapping[str, Sequence[tuple[str, Sketch]]],
    settings: MonitoringSettings,
) -> list[Figure]:  # fmt: skip
    """Stability index and distance of every variable of the recent days against the reference.

    Args:
        reference: variable to sketches.
        days: variable to (day, sketch), oldest first.
        settings: bins, thresholds, days looked at together.
    """
    found = []
    for variable, sketches in sorted(days.items()):
        before = reference.get(variable)
        if not before or not sketches:
            continue
        recent = [s for _, s in sketches[-settings.recent_days :]]
        psi, ks = stability_index(before, recent, settings.bins), largest_distance(before, recent)
        medians = tuple((day, float(s["quantiles"][50])) for day, s in sketches)
        found.append(Figure("input_psi", variable, psi, "1", settings.psi.state(psi),
                            "population stability index of the input against the reference; the line is the median",
                            medians))  # fmt: skip
        found.append(Figure("input_ks", variable, ks, "1", settings.ks.state(ks),
                            "largest difference of the distribution functions of input and reference"))  # fmt: skip
    return found


def prometheus_text(reports: Sequence[Report]) -> str:
    """The figures in Prometheus' text format: ``oceanclean_<name>{region, of}`` and ``oceanclean_state``."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    state = Gauge("oceanclean_state", "0 ok, 1 unknown, 2 warn, 3 alarm", ["region", "figure", "of"], registry=registry)
    for report in reports:
        for f in report.figures:
            state.labels(report.region, f.name, f.of).set(_STATES.index(f.state))
            if f.value is None:
                continue
            if f.name not in gauges:
                gauges[f.name] = Gauge(f"oceanclean_{f.name}", f"{f.meaning} ({f.unit})", ["region", "of"],
                                       registry=registry)  # fmt: skip
            gauges[f.name].labels(report.region, f.of).set(f.value)
    return generate_latest(registry).decode()


def page(report: Report) -> str:
    """The figures as one HTML page that loads nothing from elsewhere."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True,
                              lstrip_blocks=True, undefined=StrictUndefined)  # fmt: skip
    environment.filters.update(line=_line, shown=_shown)
    groups: dict[str, list[Figure]] = {}
    for f in report.figures:
        groups.setdefault(f.name, []).append(f)
    text: str = environment.get_template("monitor.html.j2").render(report=report, groups=groups)
    return under_policy(text)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _line(series: Sequence[tuple[str, float]], width: int = 160, height: int = 28) -> str:
    """Points of a small line chart, empty with fewer than two days."""
    values = [v for _, v in series]
    if len(values) < 2:
        return ""
    low, span = min(values), (max(values) - min(values)) or 1.0
    step = width / (len(values) - 1)
    return " ".join(f"{i * step:.1f},{height - 2 - (height - 4) * (v - low) / span:.1f}" for i, v in enumerate(values))
