"""What is done beside the daily plan: archive and skill each night, a season report each month, a weekly refit."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.errors import InputError, MissingDataError
from oceanclean.settings import RegionSettings, load_model_settings, load_region_settings
from oceanclean.store import write_aside, write_json

if TYPE_CHECKING:
    import geopandas as gpd


def month_before(day: date) -> tuple[date, date]:
    """First and last day of the month before a day's."""
    last = day.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def catch_reports(region: RegionSettings, work: Path) -> tuple[gpd.GeoDataFrame, list[str]]:
    """The crews' reports in ``<work>/catches/<region>/``, and sentences about them."""
    from oceanclean.sources.catches import read_catches

    files = sorted(p for p in (work / "catches" / region.name).glob("*") if p.name.endswith((".csv", ".csv.gz")))
    return read_catches(files, timezone=region.timezone)


def season_of(
    region_name: str, first: date, last: date, work: Path, folder: Path, config: Path | None = None
) -> dict[str, Path]:
    """Write the season report of a stretch of days; the folder is replaced whole.

    Args:
        region_name: a file of ``config/regions``.
        first: first local day.
        last: last local day.
        work: folder of runs; catch reports stand in ``catches/<region>`` of it.
        folder: where the report will stand.
        config: configuration folder, or None for the default.

    Raises:
        MissingDataError: neither a run nor a haul in these days.
    """
    from oceanclean.planning.season import SeasonSettings, season_report

    region = load_region_settings(region_name, config)
    table, notes = catch_reports(region, work)
    with write_aside(folder) as aside:
        aside.mkdir(parents=True)
        made = season_report(
            region, work=work, catches=table, start=first, end=last, folder=aside, notes=notes,
            settings=load_model_settings("season", SeasonSettings, config),
        )  # fmt: skip
        names = {kind: path.name for kind, path in made.items()}
    return {kind: folder / name for kind, name in names.items()}


def refit_forecaster(
    data: Path, folder: Path, work: Path, config: Path | None = None, *, time: str = ""
) -> dict[str, Any]:
    """Fit the drift forecaster anew on all tracks there are, and score it on drifters it was not fitted on.

    The candidate becomes the registry's challenger, which shadows the daily runs, unless one is on trial already. It is
    never promoted here: that is a person's, on evidence.

    Args:
        data: folder of hourly tracks, see :mod:`oceanclean.drift.drifters`.
        folder: the candidate's folder; replaced whole.
        work: work folder, with the registry of models.
        config: configuration folder, or None for the default.
        time: the clock, ISO 8601 UTC, for the registry's log.

    Returns:
        ``file``, ``figures`` of the blocked protocol, ``challenger``: its version or None, ``said``: why.

    Raises:
        MissingDataError: no tracks.
    """
    from oceanclean import drift
    from oceanclean.learning.registry import Registry

    if not data.is_dir() or not any(data.iterdir()):
        raise MissingDataError(data, "tracks", "none", "drifter tracks with the forcing along them",
                               "Put tracks there; see docs/drift.md.")  # fmt: skip
    with write_aside(folder) as aside:
        aside.mkdir(parents=True)
        settings = drift.load_settings(config=config)
        drift.train_forecaster(data, aside / "forecaster.skops", settings)
        figures = drift.evaluate_drift(data, protocol="blocked", settings=settings)
        write_json(aside / "figures.json", figures)
    file, registry = folder / "forecaster.skops", Registry.of(work)
    made, said = None, "another challenger is on trial"
    if registry.model("forecaster", "challenger") is None:
        try:
            made = registry.register("forecaster", file, by="weekly refit", why=f"fitted on {data.name}", time=time)
            said = f"challenger, version {made.version}"
        except InputError as error:  # the same tracks give the same model, which stands there already
            said = f"not registered: {error}"
    return {"file": file, "figures": figures, "challenger": made.version if made else None, "said": said}
