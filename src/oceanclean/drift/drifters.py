"""Hourly drifter tracks with the forcing along them: reading a folder, mending what is clear, saying what was mended.

A row is one hour of one drifter. Columns: ``time``, ``lon``, ``lat`` (or ``longitude``, ``latitude``), a drifter
(``buoy``, ``drifter_id``, ``id``), current products as pairs ``u_NAME, v_NAME``, wind as ``ueast_atmos, vnorth_atmos``
(or ``u_wind, v_wind``), and, where there are, ``seg`` (deployment), ``type``, ``ueast_drifter, vnorth_drifter`` (else
from the positions), ``u_stokes, v_stokes``, ``drogued`` (blank: as said before), and what the learned correction may be
offered: ``depth`` (m), ``coast`` (km to the coast), ``shear`` (s-1). Velocities are metres per second and complex:
eastward + i northward.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift import fixes
from oceanclean.drift.stamps import on_the_hour, utc_times
from oceanclean.drift.track_checks import check_halves, check_own_speed, check_places, check_unit
from oceanclean.drift.windage import DROGUED
from oceanclean.errors import InputError, MissingDataError
from oceanclean.region import metres_per_degree

if TYPE_CHECKING:
    import pandas as pd

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Index = NDArray[np.int64]
_OBSERVED = (("ueast_drifter", "vnorth_drifter"), ("u_drifter", "v_drifter"), ("ve", "vn"))
_WIND = (("ueast_atmos", "vnorth_atmos"), ("u_wind", "v_wind"), ("u10", "v10"))
_STOKES = (("u_stokes", "v_stokes"),)
#: Parts of the names of winds and of weather models.
_OF_THE_AIR = ("wind", "atm", "10m", "hrdps", "mshydro", "era5", "gfs", "ecmwf", "arome", "merra", "ncep", "hirlam")
#: What may stand beside a track and is a number, not a vector: name here, names in tables.
_SCALARS: dict[str, tuple[str, ...]] = {
    "depth": ("depth", "depth_m"), "coast": ("coast", "coast_km", "distance_to_coast_km"), "shear": ("shear",),
}  # fmt: skip
#: A number beyond this is a speed in no unit: left out before the unit is judged.
_NO_UNIT = 200.0
#: Speeds beyond which a number is a fill value, m s-1, as in the forcing; too fast a drifter is a jump, see below.
_CEILING = {"observed": _NO_UNIT, "wind": 90.0, "stokes": 3.0, "product": 5.0}
#: Faster than any surface drifter outside the strongest tidal races: a jump of the fix, m s-1.
_JUMP_M_S = 4.0


@dataclass(frozen=True)
class Tracks:
    """Hourly tracks, runs without a gap one after the other.

    Attributes:
        hours: (row) hours since the epoch.
        first: (row) index of the first row of the row's run.
        last: (row) index of its last row.
        drifter: (row) number of the drifter.
        kind: (row) number of its type, -1 where unknown.
        kinds: names of the types.
        lon: (row) degrees east.
        lat: (row) degrees north.
        observed: (row) drifter velocity.
        products: current products by name, each (row).
        wind: (row) wind at 10 m.
        stokes: (row) Stokes drift, or None.
        report: what was mended or left out, in words.
        scalars: depth (m), coast (km), shear (s-1) by name, each (row), NaN where unknown.
    """

    hours: NDArray[np.float64]
    first: Index
    last: Index
    drifter: Index
    kind: Index
    kinds: tuple[str, ...]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    observed: Complex
    products: dict[str, Complex]
    wind: Complex
    stokes: Complex | None
    report: tuple[str, ...] = field(default=())
    scalars: dict[str, Floats] = field(default_factory=dict)

    @property
    def drogued(self) -> NDArray[np.bool_]:
        """(row) True where the table says that the drifter hangs on a drogue."""
        return np.array([kind.split()[-1:] == [DROGUED] for kind in self.kinds])[self.kind]

    def where(self, rows: NDArray[np.bool_]) -> Tracks:
        """The tracks of some rows; a row left out ends its run."""
        at = np.flatnonzero(rows)
        first, last = runs(np.diff(at, prepend=-2) != 1, self.first[at])

        def kept(values: Any) -> Any:
            return {name: v[at] for name, v in values.items()} if isinstance(values, dict) else values[at]

        taken: dict[str, Any] = {"first": first, "last": last}
        for name in (f.name for f in fields(self) if f.name not in ("first", "last", "kinds", "report")):
            values = getattr(self, name)
            taken[name] = None if values is None else kept(values)
        return replace(self, **taken)

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.hours.size

    @property
    def current(self) -> Complex:
        """(row) mean of the current products that have a value; 0 where no product was given at all."""
        if not self.products:
            return np.zeros(self.size, dtype=np.complex128)
        stack = np.stack(list(self.products.values()))
        known = np.isfinite(stack)
        return np.where(known, stack, 0).sum(axis=0) / known.sum(axis=0)

    @property
    def spread(self) -> Complex:
        """(row) half the difference between the first and the last product by name; 0 where only one has a value."""
        if len(self.products) < 2:
            return np.zeros(self.size, dtype=np.complex128)
        ordered = [self.products[name] for name in sorted(self.products)]
        half = 0.5 * (ordered[0] - ordered[-1])
        return np.where(np.isfinite(half), half, 0)


def load_tracks(folder: Path) -> Tracks:
    """Read every ``*.csv`` and ``*.csv.gz`` of a folder.

    Raises:
        MissingDataError: no folder or no table in it.
        InputError: a table lacks a column or has no usable row; names file and column.
    """
    import pandas as pd

    files = sorted([*Path(folder).glob("*.csv"), *Path(folder).glob("*.csv.gz")]) if Path(folder).is_dir() else []
    if not files:
        raise MissingDataError(folder, "*.csv, *.csv.gz", "no table", "hourly drifter tracks with forcing",
                               "Give a folder of tables, see the documentation of drift skill.")  # fmt: skip
    report: list[str] = []
    table = pd.concat(_tables(files, report), ignore_index=True).sort_values(
        ["segment", "time"], kind="stable", ignore_index=True
    )
    table = _without_jumps(_without_repeats(table, report), report)
    return _as_tracks(table, tuple(dict.fromkeys(report)), str(folder))


def _tables(files: list[Path], report: list[str]) -> list[pd.DataFrame]:
    """Every table with the columns under one name each; raw fixes to the hour, with waves where there are."""
    import pandas as pd

    raws = [(file, _raw(file, report)) for file in files]
    for file, raw in raws:
        check_halves([str(c) for c in raw], file)
    waves = [raw for _, raw in raws if fixes.is_waves(raw)]
    sea = pd.concat(waves, ignore_index=True) if waves else None
    tables = []
    for file, raw in raws:
        if fixes.is_waves(raw):
            continue
        if fixes.is_raw(raw):
            report.append(f"{file.name}: fixes without currents or wind along the track, brought to whole hours")
            table = fixes.hourly(raw, sea, file, lambda part, file=file: utc_times(part, file, report), report)  # type: ignore[misc]
            tables.append(table.assign(wind=0j))
        else:
            tables.append(_read(raw, file, report))
    return tables


def _raw(file: Path, report: list[str]) -> pd.DataFrame:
    """A table as text, without the header lines that stand again further down."""
    import pandas as pd

    try:
        raw = pd.read_csv(file, dtype=str)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(file, "file", str(error).strip()[:200], "a CSV table in UTF-8, plain or gzipped",
                         "Correct or remove the file.") from error  # fmt: skip
    header = (raw == np.array(raw.columns)).all(axis=1)
    if header.any():
        report.append(f"{file.name}: {int(header.sum())} repeated header lines dropped")
        raw = raw[~header]
    return raw


def _read(raw: pd.DataFrame, file: Path, report: list[str]) -> pd.DataFrame:
    """One table with forcing along the tracks."""
    import pandas as pd

    table = pd.DataFrame(index=raw.index)
    drifter = fixes.column(raw, fixes.ID, file)
    table["drifter"] = raw[drifter]
    table["segment"] = raw["seg"] if "seg" in raw else raw[drifter]
    table["kind"] = raw.get("type", "")
    table["kind"] = table["kind"].fillna("")
    table["time"] = on_the_hour(utc_times(raw, file, report), file, report)
    for name, aliases in (("lon", fixes.LON), ("lat", fixes.LAT)):
        table[name] = pd.to_numeric(raw[fixes.column(raw, aliases, file)], errors="coerce")
    for name, pair in _vectors(raw, file, report).items():
        table[name] = _velocity(raw, name, pair, file, report)
    for name, usual in _SCALARS.items():
        if found := [alias for alias in usual if alias in raw]:
            table[name] = pd.to_numeric(raw[found[0]], errors="coerce")
    check_places(table, file, report)
    if "wind" not in table:
        report.append(f"{file.name}: no wind along the track (ueast_atmos, vnorth_atmos): the current alone is scored")
        table["wind"] = 0j
    if "observed" in table:
        check_own_speed(table, file)
    return _without_drogue_loss(table, raw, file, report)


def _vectors(raw: pd.DataFrame, file: Path, report: list[str]) -> dict[str, tuple[str, str]]:
    """The pairs of columns of a table by what they are; pairs that could be forcing and are not taken are said.

    Raises:
        InputError: no current product; names the columns.
    """
    columns = [str(c) for c in raw]
    pairs = {"observed": _pair(raw, _OBSERVED), "wind": _pair(raw, _WIND), "stokes": _pair(raw, _STOKES)}
    if pairs["wind"] is None:
        pairs["wind"] = _wind_by_name(columns)
        if pairs["wind"] is not None:
            report.append(f"{file.name}: {', '.join(pairs['wind'])} taken as the wind by their name")
    taken = {name for aliases in (_OBSERVED, _WIND, _STOKES) for pair in aliases for name in pair}
    taken |= set(pairs["wind"] or ())
    products = [c[2:] for c in columns if c.startswith("u_") and "v_" + c[2:] in raw and c not in taken]
    if not products:
        raise InputError(file, "u_NAME, v_NAME", f"columns {columns}", "at least one current product",
                         "Add the columns.")  # fmt: skip
    unused = [c for c in columns if c.startswith("ueast_") and "vnorth_" + c[6:] in raw and c not in taken]
    if unused:
        report.append(f"{file.name}: {', '.join(unused)} not used: currents are read from u_NAME, v_NAME")
    found = {name: pair for name, pair in pairs.items() if pair is not None}
    return found | {f"product {name}": (f"u_{name}", f"v_{name}") for name in products}


def _wind_by_name(columns: list[str]) -> tuple[str, str] | None:
    """A pair of columns that is named after the atmosphere or one of its models, where the usual names are absent."""
    for east, north in (("u_", "v_"), ("ueast_", "vnorth_")):
        for name in (c[len(east) :] for c in columns if c.startswith(east)):
            if north + name in columns and any(word in name.lower() for word in _OF_THE_AIR):
                return east + name, north + name
    return None


def _velocity(raw: pd.DataFrame, name: str, pair: tuple[str, str], file: Path, report: list[str]) -> pd.Series:
    """One velocity, without the values that are fill values or torrents; they are counted in the report.

    Raises:
        InputError: the middling speed is that of another unit.
    """
    import pandas as pd

    u, v = (pd.to_numeric(raw[c], errors="coerce").where(lambda x: x.abs() < _NO_UNIT) for c in pair)
    velocity = u + 1j * v
    check_unit(velocity, name.split()[0], pair, file)
    velocity = velocity.where(velocity.abs() <= _CEILING[name.split()[0]])
    given = raw[list(pair)].apply(pd.to_numeric, errors="coerce").notna().all(axis=1)
    masked = int((given & velocity.isna()).sum())
    if masked:
        most = _CEILING[name.split()[0]]
        report.append(f"{file.name}: {masked} values of {', '.join(pair)} beyond {most:g} m/s taken as missing")
    return velocity


def _pair(raw: pd.DataFrame, pairs: tuple[tuple[str, str], ...]) -> tuple[str, str] | None:
    return next((pair for pair in pairs if pair[0] in raw and pair[1] in raw), None)


def _without_drogue_loss(table: pd.DataFrame, raw: pd.DataFrame, file: Path, report: list[str]) -> pd.DataFrame:
    """Start a new segment where a drifter loses its drogue: it is another kind of float from then on.

    A blank says nothing: the last word before it holds.
    """
    if "drogued" not in raw:
        return table
    said = raw["drogued"].str.strip().str.lower().map(fixes.DROGUE_WORDS)
    order = table["time"].sort_values(kind="stable").index
    state = said[order].groupby(table["segment"][order]).ffill().reindex(said.index)
    lost = said.eq(1.0).groupby(table["segment"]).transform("any") & state.eq(0.0)
    if lost.any():
        report.append(f"{file.name}: {int(lost.sum())} rows after drogue loss kept as segments of their own")
        table["segment"] = table["segment"].where(~lost, table["segment"] + " undrogued")
        table["kind"] = table["kind"].where(~lost, (table["kind"] + " undrogued").str.strip())
    hangs = state.eq(1.0)
    table["kind"] = table["kind"].where(~hangs, (table["kind"] + f" {DROGUED}").str.strip())
    return table


def _without_repeats(table: pd.DataFrame, report: list[str]) -> pd.DataFrame:
    """Drop rows without time, place, current or wind, and fixes that stand twice."""
    products = [c for c in table if str(c).startswith("product ")]
    usable = table[["time", "lon", "lat", "wind"]].notna().all(axis=1)
    if products:
        usable &= table[products].notna().any(axis=1)
    if "stokes" in table and not products:
        usable &= table["stokes"].notna()
    if (~usable).any():
        report.append(f"{int((~usable).sum())} rows without time, position, current or wind dropped")
    table = table[usable]
    twice = table.duplicated(["segment", "time"])
    if twice.any():
        report.append(f"{int(twice.sum())} duplicated fixes dropped")
    return table[~twice].reset_index(drop=True)


def _without_jumps(table: pd.DataFrame, report: list[str]) -> pd.DataFrame:
    """Drop fixes that no drifter can have reached and left again within the hour."""
    east, north = metres_per_degree(table["lat"].to_numpy())
    same = table["segment"].eq(table["segment"].shift())
    seconds = table["time"].diff().dt.total_seconds()
    turn = (table["lon"].diff() + 180) % 360 - 180
    speed = np.hypot(turn * east, table["lat"].diff() * north) / seconds
    fast = (same & (speed > _JUMP_M_S)).to_numpy()
    jump = fast & np.append(fast[1:], False)  # there and back: the fix between is wrong
    if "observed" in table:
        jump |= np.abs(table["observed"].to_numpy()) > _JUMP_M_S
    if jump.any():
        report.append(f"{int(jump.sum())} fixes dropped as jumps (faster than {_JUMP_M_S:g} m/s)")
    return table[~jump].reset_index(drop=True)


def _as_tracks(table: pd.DataFrame, report: tuple[str, ...], folder: str) -> Tracks:
    hours = table["time"].to_numpy().astype("datetime64[s]").astype(np.int64) / 3600.0
    new = (table["segment"] != table["segment"].shift()).to_numpy() | (np.abs(np.diff(hours, prepend=-1e9) - 1) > 1e-6)
    if table.empty:
        raise InputError(folder, "rows", "no usable row", "hourly fixes with forcing", "Check the tables.")
    first, last = runs(new)
    kinds, kind = np.unique(table["kind"].fillna("").to_numpy(dtype=str), return_inverse=True)
    lon, lat = table["lon"].to_numpy(), table["lat"].to_numpy()
    observed = table["observed"].to_numpy() if "observed" in table else np.full(hours.size, np.nan + 0j)
    unseen = ~np.isfinite(observed)
    observed = np.where(unseen, _from_positions(lon, lat, first, last), observed)
    if unseen.any():
        report = (*report, f"velocity of {int(unseen.sum())} rows taken from their positions")
    drifter = np.unique(table["drifter"].to_numpy(dtype=str), return_inverse=True)[1]
    return Tracks(
        hours, first, last, drifter, kind.astype(np.int64), tuple(str(k) for k in kinds), lon, lat, observed,
        {str(c)[8:]: table[c].to_numpy() for c in table if str(c).startswith("product ")},
        table["wind"].to_numpy(), table["stokes"].to_numpy() if "stokes" in table else None, report,
        {name: table[name].to_numpy(dtype=np.float64) for name in _SCALARS if name in table},
    )  # fmt: skip


def runs(new: NDArray[np.bool_], within: Index | None = None) -> tuple[Index, Index]:
    """First and last row of every row's run.

    Args:
        new: (row) True where a run begins.
        within: (row) any number that differs between runs that must stay apart.
    """
    begins = new if within is None else new | (np.diff(within, prepend=-1) != 0)
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], begins.size) - 1
    run = np.cumsum(begins) - 1
    return starts[run], ends[run]


def _from_positions(lon: NDArray[np.float64], lat: NDArray[np.float64], first: Index, last: Index) -> Complex:
    """Velocity from the neighbouring fixes, centred where both exist; a lone fix counts as still."""
    rows = np.arange(lon.size)
    before, after = np.maximum(rows - 1, first), np.minimum(rows + 1, last)
    east, north = metres_per_degree(lat)
    seconds = np.maximum(after - before, 1) * 3600.0
    turn = (lon[after] - lon[before] + 180) % 360 - 180
    velocity: Complex = (turn * east + 1j * (lat[after] - lat[before]) * north) / seconds
    return velocity
