"""The skill record as lines that a person reads."""

from __future__ import annotations

from typing import Any


def skill_table(record: dict[str, Any]) -> str:
    """Lay out a record of :func:`oceanclean.drift.skill.evaluate_drift`.

    Args:
        record: the record.

    Returns:
        Text: mean separation of the forecast and of every baseline, doubt, gains, and the leak where it was measured.
    """
    leads = list(record["separation_mean_km"])
    head = f"{'mean separation, km':<26}" + "".join(f"{lead + ' h':>10}" for lead in leads)
    lines = [f"{record['drifters']} drifters, {record['starts']} starts; {record['model']}", "", head]
    lines += [_row("this forecast", record["separation_mean_km"], leads, ".2f")]
    if "shipped" in record:
        lines.append(_row("as shipped, same folds", record["shipped"]["separation_mean_km"], leads, ".2f"))
    for name, row in record["baselines"].items():
        lines.append(_row(name.replace("_", " "), row["separation_mean_km"], leads, ".2f"))
    lines += ["", f"{'this forecast':<26}" + "".join(f"{lead + ' h':>10}" for lead in leads)]
    for name, label, form in (
        ("separation_median_km", "median separation, km", ".2f"), ("skill_score", "skill score", ".3f"),
        ("skill_score_unclipped", "skill score, unclipped", ".3f"), ("coverage_50", "coverage of 50 % region", ".3f"),
        ("coverage_90", "coverage of 90 % region", ".3f"), ("area_90_km2", "90 % region, km2", ".0f"),
        ("energy_score_km", "energy score, km", ".2f"), ("drifters_by_horizon", "drifters", "d"),
        ("starts_by_horizon", "starts", "d"),
    ):  # fmt: skip
        lines.append(_row(label, record[name], leads, form))
    lines += ["", "share of truths in each tenth of the predicted distance (PIT; 0.10 each where the doubt is true)"]
    lines += [f"{lead + ' h':<26}" + "".join(f"{share:>8.2f}" for share in record["pit"][lead]) for lead in leads]
    lines += ["", "mean separation less that of a baseline, km [95 % interval over drifters]; negative is better"]
    for name, gains in record["gain_over"].items():
        cells = [f"{g['difference_km']:+.2f} [{g['interval_km'][0]:+.2f}, {g['interval_km'][1]:+.2f}]"
                 for g in (gains[lead] for lead in leads)]  # fmt: skip
        lines.append(f"{name.replace('_', ' '):<26}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join([*lines, "", _leak_line(record), *(f"note: {note}" for note in record["notes"])])


def _row(label: str, values: dict[str, Any], leads: list[str], form: str) -> str:
    return f"{label:<26}" + "".join(f"{values[lead]:>10{form}}" for lead in leads)


def _leak_line(record: dict[str, Any]) -> str:
    """The health figure: how much better it looks when folds share their days with the fit."""
    if record.get("leak") is None:
        return "leak: not measured (nothing was fitted here); --protocol blocked measures it"
    shares = ", ".join(f"{share:.1f} % at {lead} h" for lead, share in record["leak"]["percent_by_horizon"].items())
    return f"leak: blocked by drifter alone the same forecaster would look better by {shares}"
