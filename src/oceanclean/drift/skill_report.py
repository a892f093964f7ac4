"""The skill record as lines that a person reads."""

from __future__ import annotations

from typing import Any

#: Scores that every row has; a baseline is a point, its energy score is its mean separation.
_EVERY_ROW = (
    ("separation_mean_km", "mean separation, km", ".2f"), ("separation_median_km", "median separation, km", ".2f"),
    ("skill_score", "skill score", ".3f"), ("skill_score_unclipped", "skill score, unclipped", ".3f"),
    ("energy_score_km", "energy score, km", ".2f"),
)  # fmt: skip
#: Scores of a forecast that gives its doubt.
_DOUBT = (
    ("coverage_50", "coverage of 50 % region", ".3f"), ("coverage_90", "coverage of 90 % region", ".3f"),
    ("area_90_km2", "90 % region, km2", ".0f"), ("drifters_by_horizon", "drifters", "d"),
    ("starts_by_horizon", "starts", "d"),
)  # fmt: skip


def skill_table(record: dict[str, Any]) -> str:
    """Lay out a record of :func:`oceanclean.drift.skill.evaluate_drift`.

    Args:
        record: the record.

    Returns:
        Text: separations, skill and energy score of the forecast and of every baseline, doubt, gains, and the leak
        where it was measured. Horizons without a start are left out.
    """
    leads = [lead for lead, value in record["separation_mean_km"].items() if value is not None]
    rows = {"this forecast": record}
    if "shipped" in record:
        rows["as shipped, same folds"] = record["shipped"]
    rows |= {name.replace("_", " "): row for name, row in record["baselines"].items()}
    lines = [f"{record['drifters']} drifters, {record['starts']} starts; {record['model']}"]
    for score, label, form in _EVERY_ROW:
        lines += ["", _head(label, leads), *(_row(name, row[score], leads, form) for name, row in rows.items())]
    for name, row in rows.items():
        if row is record or row is record.get("shipped"):
            lines += ["", _head(name, leads), *(_row(label, row[score], leads, form) for score, label, form in _DOUBT)]
    lines += ["", "share of truths in each tenth of the predicted distance (PIT; 0.10 each where the doubt is true)"]
    lines += [f"{lead + ' h':<26}" + "".join(f"{share:>8.2f}" for share in record["pit"][lead]) for lead in leads]
    lines += ["", "mean separation less that of a baseline, km [95 % interval over drifters]; negative is better"]
    for name, gains in record["gain_over"].items():
        cells = [f"{g['difference_km']:+.2f} [{g['interval_km'][0]:+.2f}, {g['interval_km'][1]:+.2f}]"
                 for g in (gains[lead] for lead in leads)]  # fmt: skip
        lines.append(f"{name.replace('_', ' '):<26}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join([*lines, "", _leak_line(record), *(f"note: {note}" for note in record["notes"])])


def _head(label: str, leads: list[str]) -> str:
    return f"{label:<26}" + "".join(f"{lead + ' h':>10}" for lead in leads)


def _row(label: str, values: dict[str, Any], leads: list[str], form: str) -> str:
    return f"{label:<26}" + "".join(f"{values[lead]:>10{form}}" for lead in leads)


def _leak_line(record: dict[str, Any]) -> str:
    """The health figure: how much better it looks when folds share their days with the fit."""
    if record.get("leak") is None:
        return "leak: not measured (nothing was fitted here); --protocol blocked measures it"
    shares = ", ".join(f"{share:.1f} % at {lead} h" for lead, share in record["leak"]["percent_by_horizon"].items())
    return f"leak: blocked by drifter alone the same forecaster would look better by {shares}"
