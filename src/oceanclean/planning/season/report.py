"""Write the season's reports into one folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from oceanclean.errors import MissingDataError
from oceanclean.planning.runs import read_audit, read_runs
from oceanclean.planning.season.settings import SeasonSettings
from oceanclean.planning.season.tally import tally

if TYPE_CHECKING:
    import geopandas as gpd

    from oceanclean.settings import RegionSettings

#: Plans issued this many days before the season may still hold on its first day.
HELD_DAYS = 7


def season_report(
    region: RegionSettings, *, work: Path, catches: gpd.GeoDataFrame, start: date, end: date, folder: Path,
    settings: SeasonSettings | None = None, notes: Sequence[str] = (),
) -> dict[str, Path]:  # fmt: skip
    """Write the season report and the dashboards; the caller renames ``folder`` when this returns.

    The same arguments give the same bytes: no clock is read, the files carry the season's last day.

    Args:
        region: settings of the region.
        work: folder of runs; the audit log is looked for there too.
        catches: ``Catches``.
        start: first local day.
        end: last local day.
        folder: an existing folder.
        settings: squares, matching, prices; None for the defaults.
        notes: sentences of those who read the catches.

    Returns:
        Name to path: ``season``, ``manager``, ``biologist``, ``compliance`` (HTML), ``pdf``, and each CSV file by its
        name.

    Raises:
        MissingDataError: neither a run nor a haul in these days.
    """
    from oceanclean.planning.season.html import html
    from oceanclean.planning.season.pages import KINDS, documents
    from oceanclean.planning.season.pdf import pdf
    from oceanclean.planning.season.tables import tables

    runs, said = read_runs(work, region.name, start - timedelta(days=HELD_DAYS), end)
    audit = read_audit(work)
    season = tally(region, runs, catches, settings or SeasonSettings(), start, end, audit.decisions,
                   [*notes, *said, *audit.notes])  # fmt: skip
    if not season.runs and season.hauls.empty:
        raise MissingDataError(work, "season", f"no run and no haul from {start} to {end}", "at least one of them",
                               "Check --region, --from and --to.")  # fmt: skip
    made = documents(season)
    paths = {name: _write(folder / name, content) for name, content in tables(season).items()}
    listed = {f"{name}.html": label for name, label in KINDS.items()} | {"season.pdf": "PDF"}
    listed |= {name: name for name in paths}
    for document in made:
        paths[document.name] = _write(folder / f"{document.name}.html", html(document, listed))
    paths["pdf"] = _write(folder / "season.pdf", pdf(made[0], end))
    return paths


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
