"""Write the archive into one folder: index page, feed, a summary for each region, and the plans' pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oceanclean.errors import MissingDataError
from oceanclean.planning import assets
from oceanclean.planning.archive.days import Shelf, shelves
from oceanclean.planning.archive.feed import feed
from oceanclean.planning.archive.summary import summary
from oceanclean.planning.notation import slug
from oceanclean.planning.runs import Run, read_runs
from oceanclean.planning.season.html import environment, style_hash
from oceanclean.planning.season.match import Clock, match, orders_of

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd


def write_archive(
    work: Path, folder: Path, *, catches: gpd.GeoDataFrame | None = None, match_h: float = 6.0, base: str = "",
    copy: bool = False, notes: Sequence[str] = (), stands_at: Path | None = None,
) -> dict[str, Path]:  # fmt: skip
    """Write the archive; the caller renames ``folder`` when this returns.

    Args:
        work: folder of runs.
        folder: an existing folder.
        catches: ``Catches`` of any region; a haul counts for the regions whose box it lies in.
        match_h: see :func:`oceanclean.planning.season.match.match`.
        base: where the archive will stand, for the feed's links.
        copy: take the plans' pages along, so that the folder can be served or sent alone; else they are linked where
            the runs stand.
        notes: sentences of those who read the catches.
        stands_at: where ``folder`` will stand after it is renamed, for the links; ``folder`` by default.

    Returns:
        Name to path: ``index``, ``feed``, ``summary:<region>``.

    Raises:
        MissingDataError: there is no run.
    """
    runs, said = read_runs(work)
    if not runs:
        raise MissingDataError(work, "runs", "no run", "at least one day that was planned",
                               "Plan a day first, or name the work folder with --work.")  # fmt: skip
    links = {str(r.folder): _link(r, folder, stands_at or folder, copy) for r in runs if r.plan}
    found = shelves(runs, _hauls(runs, catches, match_h), links)
    texts = {shelf.region: summary(shelf) for shelf in found}
    paths = {"index": folder / "index.html", "feed": folder / "atom.xml"}
    paths["index"].write_bytes(_index(found, texts, [*notes, *said]))
    paths["feed"].write_bytes(feed(found, base))
    for region, text in texts.items():
        paths[f"summary:{region}"] = folder / f"summary-{slug(region)}.txt"
        paths[f"summary:{region}"].write_text(text, encoding="utf-8")
    return paths


def _link(run: Run, folder: Path, stands_at: Path, copy: bool) -> str:
    """Where the plan's page is, relative to the archive; its copy is made here."""
    page = run.folder / "publish" / "plan.html"
    if not page.is_file():
        return ""
    if not copy:
        return Path(os.path.relpath(page.resolve(), stands_at.resolve())).as_posix()
    name = f"plans/{slug(run.region)}-{run.folder.name}.html"
    (folder / "plans").mkdir(exist_ok=True)
    shutil.copyfile(page, folder / name)
    return name


def _hauls(runs: Sequence[Run], catches: gpd.GeoDataFrame | None, match_h: float) -> dict[str, pd.DataFrame]:
    """Region to its hauls."""
    if catches is None or catches.empty:
        return {}
    found = {}
    for region in dict.fromkeys(r.region for r in runs):
        own = [r for r in runs if r.region == region]
        inside = catches[_in_box(catches, own[-1])]
        if len(inside):
            clock = Clock(own[-1].timezone, float(own[-1].ledger.get("settings", {}).get("plan_hour", 0)))
            found[region] = match(inside, orders_of(own, clock), own, match_h, clock)
    return found


def _in_box(catches: gpd.GeoDataFrame, run: Run) -> pd.Series:
    box = run.ledger.get("settings", {}).get("bbox")
    if not box:
        return catches.geometry.y.notna()
    east = (catches.geometry.x - box["west"]) % 360
    width = (box["east"] - box["west"]) % 360 or 360
    return (east <= width) & catches.geometry.y.between(box["south"], box["north"])


def _index(found: Sequence[Shelf], texts: dict[str, str], notes: Sequence[str]) -> bytes:
    style = assets.own("plan.css") + assets.own("report.css")
    text: str = environment().get_template("archive.html.j2").render(
        shelves=found, texts=texts, notes=notes, style=style, style_hash=style_hash(style)
    )  # fmt: skip
    return text.encode()
