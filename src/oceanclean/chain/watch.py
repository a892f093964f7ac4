"""What past runs say of themselves, to be judged: input, skill, calibration, time, memory, age of sources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.chain.outcome import catch_files
from oceanclean.chain.run import DailyRun
from oceanclean.chain.shadow import SKETCHES, STAGE
from oceanclean.chain.trial import all_fixes, brier_losses, checks_of, separations
from oceanclean.errors import InputError, MissingDataError
from oceanclean.learning import LearningSettings, load_learning_settings
from oceanclean.learning.input_drift import Sketch
from oceanclean.learning.monitor import Figure, Report, figure, input_figures, page, prometheus_text
from oceanclean.store import read_json, write_aside, write_json

if TYPE_CHECKING:
    import pandas as pd

    from oceanclean.planning.runs import Run

Series = list[tuple[str, float]]


def watch(work: Path, region: str, config: Path | None = None, *, renew_reference: bool = False) -> Report:
    """Judge a region by its past runs.

    Args:
        work: folder of runs.
        region: name.
        config: configuration folder.
        renew_reference: compare inputs with the last days from now on, not with the first.

    Raises:
        MissingDataError: no finished run of the region.
    """
    from oceanclean.planning.runs import read_runs

    settings = load_learning_settings(config)
    every, notes = read_runs(work, region)
    runs = [r for r in every if r.outcome in ("complete", "degraded")]
    if not runs:
        raise MissingDataError(work / "runs" / region, "runs", "no finished run", "days that were planned",
                               f"Run: oceanclean plan --region {region} --date YYYY-MM-DD")  # fmt: skip
    here = DailyRun(region, runs[-1].issue_time, work, config)
    report = Report(region, runs[-1].issue_time, said=list(notes))
    report.figures += _freshness(runs[-1], settings)
    report.figures += _costs(runs, settings)
    report.figures += _catch_skill(here, runs, settings, report.said)
    report.figures += _detection_skill(here, runs, settings)
    report.figures += _drift_skill(here, runs, settings)
    report.figures += _inputs(here, runs, settings, report.said, renew_reference)
    return report


def write_report(report: Report, folder: Path) -> dict[str, Path]:
    """Write ``index.html``, ``metrics.prom`` and ``report.json``; each whole or not at all."""
    texts = {"index.html": page(report), "metrics.prom": prometheus_text([report])}
    for name, text in texts.items():
        with write_aside(folder / name) as aside:
            aside.write_text(text, encoding="utf-8")
    write_json(folder / "report.json", report.to_json())
    return {name: folder / name for name in (*texts, "report.json")}


def _freshness(run: Run, settings: LearningSettings) -> list[Figure]:
    """Age at the issue time of the youngest data of each kind."""
    issued = datetime.fromisoformat(run.issue_time)
    found = []
    for kind, bound in settings.monitoring.age_h.items():
        cutoff = run.stages.get("ingest", {}).get("facts", {}).get("cutoff", {}).get(kind, "unknown")
        try:
            age = (issued - datetime.fromisoformat(cutoff)).total_seconds() / 3600
        except ValueError:  # "none" or "unknown"
            found.append(Figure("age_hours", kind, None, "h", "alarm" if cutoff == "none" else "unknown",
                                "age of the youngest input at the issue time"))  # fmt: skip
            continue
        found.append(figure("age_hours", "age of the youngest input at the issue time", "h", [(run.issue_time, age)],
                            bound, of=kind))  # fmt: skip
    return found


def _costs(runs: Sequence[Run], settings: LearningSettings) -> list[Figure]:
    """Seconds and memory of days that were computed, not answered from the store."""
    watched, seconds, memory = settings.monitoring, [], []
    for run in runs:
        stages = [s for s in run.ledger.get("stages", []) if s["seconds"] > 0]
        if stages:
            seconds.append((run.issue_time, float(sum(s["seconds"] for s in stages))))
            memory.append((run.issue_time, float(max(s["peak_mib"] for s in stages))))
    return [
        figure(
            "run_seconds", "time of all stages of a day", "s", seconds, watched.run_seconds, recent=watched.recent_days
        ),
        figure("peak_mib", "largest memory of a stage", "MiB", memory, watched.peak_mib, recent=watched.recent_days),
    ]


def _catch_skill(run: DailyRun, runs: Sequence[Run], settings: LearningSettings, said: list[str]) -> list[Figure]:
    """Expected against caught, and how often the catch lay in the 80 % interval."""
    from oceanclean.planning.season import SeasonSettings
    from oceanclean.planning.season.tally import tally
    from oceanclean.sources.catches import read_catches

    watched, ratio, inside = settings.monitoring, [], []
    try:
        catches, notes = read_catches(catch_files(run), timezone=run.region.settings.timezone)
    except InputError as error:
        said.append(f"Catch reports were not used: {error}")
        catches, notes = None, []
    if catches is not None and len(catches):
        days = tally(run.region.settings, runs, catches, SeasonSettings(), runs[0].day, runs[-1].day, notes=notes).days
        for day in days.to_dict("records"):
            if day["inside"]:
                inside.append((str(day["day"]), float(day["inside"] == "yes")))
                told, true = max(float(day["expected_kg"]), 1.0), max(float(day["caught_kg"]), 1.0)
                ratio.append((str(day["day"]), max(told / true, true / told)))
    return [
        figure("catch_ratio", "expected over caught mass or its inverse, the larger", "1", ratio, watched.catch_ratio,
               recent=watched.recent_days),
        figure("interval_coverage", "share of days whose catch lay in the 80 % interval", "1", inside,
               watched.interval_coverage, recent=max(watched.recent_days, 10)),
    ]  # fmt: skip


def _detection_skill(run: DailyRun, runs: Sequence[Run], settings: LearningSettings) -> list[Figure]:
    """Brier score of the day's detections against hauls and judged sightings, and their bias."""
    try:
        checks = checks_of(run, settings)
    except InputError:  # said where the catch is judged
        return _detection_figures([], [], settings)
    losses: Series = []
    bias: Series = []
    for past in runs:
        folders = sorted(past.folder.glob("detect-*"))
        told = [pair for folder in folders for pair in brier_losses(folder, checks, settings)]
        if told:
            p, y = np.array(told).T
            losses.append((past.issue_time, float(np.mean((p - y) ** 2))))
            bias.append((past.issue_time, float(np.mean(p - y))))
    return _detection_figures(losses, bias, settings)


def _detection_figures(losses: Series, bias: Series, settings: LearningSettings) -> list[Figure]:
    watched = settings.monitoring
    return [
        figure("detection_brier", "Brier score of detections against hauls and judged sightings", "1", losses,
               watched.detection_brier, recent=watched.recent_days),
        figure("detection_bias", "probability told less share found: above 0 is too sure of debris", "1", bias, None,
               recent=watched.recent_days),
    ]  # fmt: skip


def _drift_skill(run: DailyRun, runs: Sequence[Run], settings: LearningSettings) -> list[Figure]:
    """Distance of drifters from where the champion expected them, by lead."""
    import pandas as pd

    fixes = all_fixes(run)
    by_lead: dict[int, Series] = {h: [] for h in settings.shadow.drifter_leads_h}
    for past in runs:
        path = past.folder / STAGE / "drifters.parquet"
        if not path.is_file():
            continue
        table: pd.DataFrame = pd.read_parquet(path)
        away = separations(table[table["arm"] == "champion"], fixes)
        for lead, mean in away.groupby("lead_h")["separation_km"].mean().items():
            by_lead.setdefault(int(str(lead)), []).append((past.issue_time, float(mean)))
    bounds = {24: settings.monitoring.separation_24h_km}
    return [
        figure("separation_km", "distance of drifters from where they were expected", "km", series, bounds.get(lead),
               of=f"after {lead} h", recent=settings.monitoring.recent_days)
        for lead, series in sorted(by_lead.items())
    ]  # fmt: skip


def _inputs(
    run: DailyRun, runs: Sequence[Run], settings: LearningSettings, said: list[str], renew: bool
) -> list[Figure]:
    """Drift of bands and forcing against the region's reference, which is written once and then stands."""
    days: dict[str, list[tuple[str, Sketch]]] = {}
    for past in runs:
        path = past.folder / STAGE / SKETCHES
        for variable, one in (read_json(path) if path.is_file() else {}).items():
            days.setdefault(variable, []).append((past.issue_time, one))
    path, count = run.work / "monitor" / run.region_name / "reference.json", settings.monitoring.reference_days
    if renew or not path.is_file():
        enough = {v: s for v, s in days.items() if len(s) >= count}
        missing = sorted(set(days) - set(enough))
        if missing:
            most = max(len(days[v]) for v in missing)
            said.append(f"No reference yet for {', '.join(missing)}: {most} of {count} days.")
        if not enough:
            return []
        first = {v: (s[-count:] if renew else s[:count]) for v, s in enough.items()}
        record: dict[str, Any] = {"days": {v: [d for d, _ in s] for v, s in first.items()},
                                  "sketches": {v: [x for _, x in s] for v, s in first.items()}}  # fmt: skip
        write_json(path, record)
    reference = read_json(path)
    known = set(reference["sketches"])
    if set(days) - known and path.is_file():
        said.append(f"Not in the reference: {', '.join(sorted(set(days) - known))}; renew it to watch them.")
    later = {v: [x for x in s if x[0] not in reference["days"].get(v, [])] for v, s in days.items() if v in known}
    return input_figures(reference["sketches"], later, settings.monitoring)
