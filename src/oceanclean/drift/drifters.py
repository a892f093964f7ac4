"""Hourly drifter tracks with the forcing along them: reading a folder, mending what is clear, saying what was mended.

A row is one hour of one drifter. Columns: ``time``, ``lon``, ``lat`` (or ``longitude``, ``latitude``), a drifter
(``buoy``, ``drifter_id``, ``id``), current products as pairs ``u_NAME, v_NAME``, wind as ``ueast_atmos, vnorth_atmos``
(or ``u_wind, v_wind``), and, where there are, ``seg`` (deployment), ``type``, ``ueast_drifter, vnorth_drifter`` (else
from the positions), ``u_stokes, v_stokes``, ``drogued`` (blank: as said before). Velocities are metres per second and
complex: eastward + i northward.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift import fixes
from oceanclean.errors import InputError, MissingDataError
from oceanclean.region import metres_per_degree

if TYPE_CHECKING:
    import pandas as pd

Complex = NDArray[np.complex128]
Index = NDArray[np.int64]
_OBSERVED = (("ueast_drifter", "vnorth_drifter"), ("u_drifter", "v_drifter"), ("ve", "vn"))
_WIND = (("ueast_atmos", "vnorth_atmos"), ("u_wind", "v_wind"), ("u10", "v10"))
_STOKES = (("u_stokes", "v_stokes"),)
#: A middling speed beyond these is in another unit (cm/s, knots of a gale on the mean), m s-1.
_MIDDLING = {"observed": 3.0, "wind": 40.0, "stokes": 2.0, "product": 3.0}
#: Times this close to a whole hour mean it: receivers report seconds after it, s.
_JITTER_S = 300.0
_DROGUED = {"true": 1.0, "1": 1.0, "1.0": 1.0, "yes": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0, "no": 0.0}
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
    return _as_tracks(table, tuple(report), str(folder))


def _tables(files: list[Path], report: list[str]) -> list[pd.DataFrame]:
    """Every table with the columns under one name each; raw fixes to the hour, with waves where there are."""
    import pandas as pd

    raws = [(file, _raw(file, report)) for file in files]
    waves = [raw for _, raw in raws if fixes.is_waves(raw)]
    sea = pd.concat(waves, ignore_index=True) if waves else None
    tables = []
    for file, raw in raws:
        if fixes.is_waves(raw):
            continue
        if fixes.is_raw(raw):
            report.append(f"{file.name}: fixes without currents or wind along the track, brought to whole hours")
            table = fixes.hourly(raw, sea, file, lambda part, file=file: _times(part, file, report), report)  # type: ignore[misc]
            tables.append(table.assign(wind=0j))
        else:
            tables.append(_read(raw, file, report))
    return tables


def _raw(file: Path, report: list[str]) -> pd.DataFrame:
    """A table as text, without the header lines that stand again further down."""
    import pandas as pd

    raw = pd.read_csv(file, dtype=str)
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
    table["time"] = _on_the_hour(_times(raw, file, report), file, report)
    for name, aliases in (("lon", fixes.LON), ("lat", fixes.LAT)):
        table[name] = pd.to_numeric(raw[fixes.column(raw, aliases, file)], errors="coerce")
    pairs = {"observed": _pair(raw, _OBSERVED), "wind": _pair(raw, _WIND), "stokes": _pair(raw, _STOKES)}
    taken = {name for aliases in (_OBSERVED, _WIND, _STOKES) for pair in aliases for name in pair}
    columns = [str(c) for c in raw]
    products = [c[2:] for c in columns if c.startswith("u_") and "v_" + c[2:] in raw and c not in taken]
    if not products or pairs["wind"] is None:
        raise InputError(file, "u_NAME, v_NAME; ueast_atmos, vnorth_atmos", f"columns {list(raw.columns)}",
                         "at least one current product and the wind", "Add the columns.")  # fmt: skip
    wanted = [*pairs.items(), *((f"product {name}", (f"u_{name}", f"v_{name}")) for name in products)]
    for name, pair in wanted:
        if pair:
            table[name] = _velocity(raw, name, pair, file, report)
    _check_places(table, file, report)
    return _without_drogue_loss(table, raw, file, report)


def _velocity(raw: pd.DataFrame, name: str, pair: tuple[str, str], file: Path, report: list[str]) -> pd.Series:
    """One velocity, without the values that are fill values or torrents; they are counted in the report.

    Raises:
        InputError: the middling speed is that of another unit.
    """
    import pandas as pd

    u, v = (pd.to_numeric(raw[c], errors="coerce").where(lambda x: x.abs() < _NO_UNIT) for c in pair)
    velocity = u + 1j * v
    _check_unit(velocity, name, pair, file)
    velocity = velocity.where(velocity.abs() <= _CEILING[name.split()[0]])
    given = raw[list(pair)].apply(pd.to_numeric, errors="coerce").notna().all(axis=1)
    masked = int((given & velocity.isna()).sum())
    if masked:
        most = _CEILING[name.split()[0]]
        report.append(f"{file.name}: {masked} values of {', '.join(pair)} beyond {most:g} m/s taken as missing")
    return velocity


def _check_unit(velocity: pd.Series, name: str, pair: tuple[str, str], file: Path) -> None:
    """Refuse a velocity whose middling speed nothing at sea has.

    Raises:
        InputError: names file, columns and the speed found.
    """
    middling, most = float(velocity.abs().median()), _MIDDLING[name.split()[0]]
    if middling > most:
        raise InputError(file, ", ".join(pair), f"a median speed of {middling:.3g}", f"m s-1, at most {most:g}",
                         "Convert the columns to m s-1 (from cm/s: divide by 100; from knots: by 1.944).")  # fmt: skip


def _check_places(table: pd.DataFrame, file: Path, report: list[str]) -> None:
    """Blank places that are not on Earth; refuse a table whose axes are swapped.

    Raises:
        InputError: most latitudes lie beyond the poles.
    """
    beyond = table["lat"].abs().gt(90) | table["lon"].abs().gt(360)
    if table["lat"].abs().median() > 90:
        raise InputError(file, "lat", f"{float(table['lat'].median()):.6g} in the middle", "degrees north, -90 to 90",
                         "lon and lat look swapped: exchange the columns.")  # fmt: skip
    if beyond.any():
        report.append(f"{file.name}: {int(beyond.sum())} places that are not on Earth dropped")
        table.loc[beyond, "lat"] = np.nan


def _pair(raw: pd.DataFrame, pairs: tuple[tuple[str, str], ...]) -> tuple[str, str] | None:
    return next((pair for pair in pairs if pair[0] in raw and pair[1] in raw), None)


def _times(raw: pd.DataFrame, file: Path, report: list[str]) -> pd.Series:
    """UTC times without zone; a table without zone is taken as UTC and said so."""
    import pandas as pd

    given = raw[fixes.column(raw, fixes.TIME, file)]
    stamps = pd.to_datetime(given, utc=True, errors="coerce", format="ISO8601")
    if stamps.isna().all():
        stamps = pd.to_datetime(given, utc=True, errors="coerce", format="mixed", dayfirst=True)
    if not given.dropna().str.contains(r"(?:Z|[+-]\d\d:?\d\d)$").any():
        report.append(f"{file.name}: times have no zone, taken as UTC")
    if stamps.isna().any():
        report.append(f"{file.name}: {int(stamps.isna().sum())} rows without a readable time dropped")
    return stamps.dt.tz_localize(None)


def _on_the_hour(times: pd.Series, file: Path, report: list[str]) -> pd.Series:
    """Times within a few minutes of a whole hour brought to it: else every row would be a run of its own."""
    whole = times.dt.round("h")
    off = (times - whole).abs().dt.total_seconds()
    near = off.gt(0) & off.le(_JITTER_S)
    if near.any():
        report.append(f"{file.name}: {int(near.sum())} times at most {_JITTER_S / 60:g} min off the hour brought to it")
    return times.where(~near, whole)


def _without_drogue_loss(table: pd.DataFrame, raw: pd.DataFrame, file: Path, report: list[str]) -> pd.DataFrame:
    """Start a new segment where a drifter loses its drogue: it is another kind of float from then on.

    A blank says nothing: the last word before it holds.
    """
    if "drogued" not in raw:
        return table
    said = raw["drogued"].str.strip().str.lower().map(_DROGUED)
    order = table["time"].sort_values(kind="stable").index
    state = said[order].groupby(table["segment"][order]).ffill().reindex(said.index)
    lost = said.eq(1.0).groupby(table["segment"]).transform("any") & state.eq(0.0)
    if lost.any():
        report.append(f"{file.name}: {int(lost.sum())} rows after drogue loss kept as segments of their own")
        table["segment"] = table["segment"].where(~lost, table["segment"] + " undrogued")
        table["kind"] = table["kind"].where(~lost, table["kind"] + " undrogued")
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
    starts = np.flatnonzero(new)
    if starts.size == 0 or table.empty:
        raise InputError(folder, "rows", "no usable row", "hourly fixes with forcing", "Check the tables.")
    ends = np.append(starts[1:], hours.size) - 1
    run = np.cumsum(new) - 1
    first, last = starts[run], ends[run]
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
    )  # fmt: skip


def _from_positions(lon: NDArray[np.float64], lat: NDArray[np.float64], first: Index, last: Index) -> Complex:
    """Velocity from the neighbouring fixes, centred where both exist; a lone fix counts as still."""
    rows = np.arange(lon.size)
    before, after = np.maximum(rows - 1, first), np.minimum(rows + 1, last)
    east, north = metres_per_degree(lat)
    seconds = np.maximum(after - before, 1) * 3600.0
    turn = (lon[after] - lon[before] + 180) % 360 - 180
    velocity: Complex = (turn * east + 1j * (lat[after] - lat[before]) * north) / seconds
    return velocity
