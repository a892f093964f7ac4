"""Drifting buoys from the tables of an ERDDAP server (``tabledap``), a file for each day of UTC."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from oceanclean.errors import InputError, MissingDataError
from oceanclean.sources.services.contract import Found, Service, service
from oceanclean.sources.services.web import Web, shown
from oceanclean.sources.times import iso

#: A day older than this no longer gains fixes.
_SETTLED = pd.Timedelta(days=3)
_COLUMNS = {"id": "ID", "time": "time", "latitude": "latitude", "longitude": "longitude"}


@service("erddap")
class Erddap(Service):
    """Rows of a table within a degree of the region."""

    needed = frozenset({"url", "dataset"})
    options = needed | {"columns", "longitudes", "history_h", "every_h"}

    def search(self) -> list[Found]:
        """The days of the window; recent ones are asked for again every ``every_h`` hours (default 1)."""
        own = self.option("history_h")
        first = self.want.start if own is None else self.want.until - pd.Timedelta(hours=float(own))
        first = first.floor("D")
        slot = min(self.want.now, self.want.until).floor(f"{int(self.option('every_h', 1))}h")
        found = []
        for day in pd.date_range(first, self.want.until.floor("D"), freq="D"):
            settled = self.want.now - day > _SETTLED
            found.append(Found(
                name=f"drifters_{day:%Y%m%d}.csv", version="settled" if settled else f"{slot:%Y%m%dT%H}",
                observed=iso(day), origin=f"{shown(self.option('url'))}/tabledap/{self.option('dataset')}",
                facts={"first": iso(day), "last": iso(min(day + pd.Timedelta(days=1), self.want.until))},
            ))  # fmt: skip
        return found

    def _columns(self) -> dict[str, str]:
        return {str(k): str(v) for k, v in self.option("columns", _COLUMNS).items()}

    def _queries(self, found: Found) -> list[str]:
        """Addresses of the day's rows: two where the region crosses the table's seam in longitude."""
        west, south, east, north = self.want.bounds
        columns = self._columns()
        spans = _spans(west - 1, east + 1, seam=360.0 if str(self.option("longitudes", "180")) == "360" else 180.0)
        out = []
        for low, high in spans:
            limits = {"time": (found.facts["first"], found.facts["last"]), "longitude": (f"{low:g}", f"{high:g}"),
                      "latitude": (f"{max(south - 1, -90):g}", f"{min(north + 1, 90):g}")}  # fmt: skip
            tests = [f"{columns[k]}>={low_end}" for k, (low_end, _) in limits.items()]
            tests += [f"{columns[k]}<{high_end}" for k, (_, high_end) in limits.items()]
            query = quote(",".join(columns.values()), safe=",") + "".join("&" + quote(t, safe="=:-.") for t in tests)
            out.append(f"{str(self.option('url')).rstrip('/')}/tabledap/{self.option('dataset')}.csv?{query}")
        return out

    def fetch(self, found: Found, scratch: Path) -> None:
        """The day's rows as the server gives them; a day without a row is an empty file."""
        scratch.mkdir(parents=True, exist_ok=True)
        web = self.web()
        for number, url in enumerate(self._queries(found)):
            (scratch / f"{number}.csv").write_text(_table(web, url), encoding="utf-8")

    def normalise(self, found: Found, scratch: Path, target: Path) -> None:
        """One table under our column names, the server's units row kept."""
        columns = self._columns()
        with target.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            units = False
            for part in sorted(scratch.glob("*.csv")):
                rows = list(csv.reader(io.StringIO(part.read_text(encoding="utf-8"))))
                if not rows:
                    continue
                if rows[0] != list(columns.values()):
                    raise InputError(found.origin, "columns", rows[0][:8], f"{list(columns.values())}",
                                     "Correct option columns.")  # fmt: skip
                writer.writerows(rows[1:2] if not units else [])
                units = True
                writer.writerows(rows[2:])


def _table(web: Web, url: str) -> str:
    """The CSV text of a query; empty where the server has no such row.

    Raises:
        MissingDataError: the server fails, knows no such table, or the table breaks off.
    """
    answer = web.get(url)
    text = answer.text
    if answer.status_code == 404:
        if "no matching results" in text.lower() or "nrows = 0" in text.lower():
            return ""
        raise MissingDataError(shown(url), "answer", f"status 404: {web.said(text)[:120]}", "a table",
                               "Check url and dataset of the source.")  # fmt: skip
    lines = text.splitlines()
    widths = {len(row) for row in csv.reader(lines)}
    if len(lines) < 2 or len(widths) != 1 or not text.endswith("\n"):
        raise MissingDataError(shown(url), "table", f"{len(lines)} lines, the last broken off or of another width",
                               "whole CSV rows under header and units", "It is fetched again next time.")  # fmt: skip
    return text


def _spans(west: float, east: float, seam: float) -> list[tuple[float, float]]:
    """A stretch of longitudes in a table's own turn, cut where the turn ends."""
    if east - west >= 360:
        return [(seam - 360, seam)]
    low = seam - 360 + (west - (seam - 360)) % 360
    high = low + (east - west)
    return [(low, high)] if high <= seam else [(low, seam), (seam - 360, high - 360)]
