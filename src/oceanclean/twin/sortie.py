"""A collect order executed on the true debris.

Rules of the execution, the same for every planner:

* A vessel is where its order says from ``arrive`` to ``leave``; between orders nothing is simulated (the order's times
  are taken as kept). If the task has a forecast track, the search starts from that track.
* By day a crew sees rafts within ``sight_m``; loose pieces, and everything by night, are only caught when swept over.
* It steers for the raft with most mass for the way, at search speed until 300 m off, then at collecting speed with the
  gear out. With nothing in sight it searches on an outward spiral around the ordered place.
* What lies within half a swath of the track is caught with the vessel's efficiency, until the hold is full; what was
  swept once is not sought again. Caught mass is gone for every later order.
* Above the vessel's limits of true wave height or wind it waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from oceanclean.errors import MissingDataError
from oceanclean.products.plan import Plan
from oceanclean.region import metres_per_degree
from oceanclean.settings import KNOT_M_S

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from oceanclean.settings import VesselSettings
    from oceanclean.twin.settings import ScoreSettings

GEAR_OUT_M = 300.0
AFLOAT = 1


@dataclass
class TrueDebris:
    """True particles: positions hour by hour, and the mass that is left of each."""

    start: np.datetime64
    lon: NDArray[np.float32]
    lat: NDArray[np.float32]
    status: NDArray[np.int8]
    left_kg: NDArray[np.float64]
    raft: NDArray[np.int64]
    kind: NDArray[np.int64] | None = None

    @classmethod
    def read(cls, truth: Path) -> TrueDebris:
        """Read ``debris.nc`` of a truth folder.

        Raises:
            MissingDataError: no such file.
        """
        import xarray as xr

        path = truth / "debris.nc"
        if not path.is_file():
            raise MissingDataError(path, "debris.nc", "no such file", "the truth of a simulated sea",
                                   "Give the truth folder that the twin wrote.")  # fmt: skip
        with xr.open_dataset(path, engine="h5netcdf") as data:
            return cls(data["time"].to_numpy()[0], data["lon"].to_numpy(), data["lat"].to_numpy(),
                       data["status"].to_numpy(), data["mass"].to_numpy().copy(), data["raft"].to_numpy(),
                       data["kind"].to_numpy().astype(int) if "kind" in data else None)  # fmt: skip

    def hour(self, time: np.datetime64) -> float:
        """Hours from the first field."""
        return float((time - self.start) / np.timedelta64(1, "s")) / 3600

    def at(self, time: np.datetime64, some: NDArray | slice = slice(None)) -> tuple[NDArray, NDArray, NDArray]:
        """Longitudes, latitudes and whether afloat of some particles; hours outside the run hold its ends."""
        hour = np.clip(self.hour(time), 0, len(self.lon) - 1.001)
        low, share = int(hour), hour - int(hour)
        lon = (1 - share) * self.lon[low, some] + share * self.lon[low + 1, some]
        lat = (1 - share) * self.lat[low, some] + share * self.lat[low + 1, some]
        return lon, lat, (self.status[low, some] == AFLOAT) & (self.status[low + 1, some] == AFLOAT)


def naive_utc(time: Any) -> np.datetime64:
    """UTC time of any kind as naive datetime64."""
    import pandas as pd

    stamp = pd.Timestamp(time)
    return (stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp).to_datetime64()


class TrueWeather:
    """True wind and wave height at a place and time, nearest neighbour."""

    def __init__(self, truth: Path) -> None:
        import xarray as xr

        with xr.open_dataset(truth / "wind.nc", engine="h5netcdf") as wind:
            self._wind_axes = _axes(wind)
            self._wind = np.hypot(wind["u10"].to_numpy(), wind["v10"].to_numpy())
        with xr.open_dataset(truth / "waves.nc", engine="h5netcdf") as waves:
            self._wave_axes = _axes(waves)
            self._height = waves["VHM0"].to_numpy()

    def workable(self, vessel: VesselSettings, time: np.datetime64, lon: float, lat: float) -> bool:
        """Whether waves and wind are within the vessel's limits."""
        height = self.wave_height(time, lon, lat)
        speed = self._wind[_nearest(self._wind_axes, time, lon, lat)]
        return bool(height <= vessel.max_wave_height_m and speed <= vessel.max_wind_kn * KNOT_M_S)

    def wave_height(self, time: np.datetime64, lon: float, lat: float) -> float:
        """Significant wave height in m."""
        return float(self._height[_nearest(self._wave_axes, time, lon, lat)])


def _axes(data: xr.Dataset) -> tuple[NDArray, NDArray, NDArray]:
    """Times, latitudes and longitudes of a field."""
    return data["time"].to_numpy(), data["latitude"].to_numpy(), data["longitude"].to_numpy()


def _nearest(axes: tuple[NDArray, NDArray, NDArray], time: np.datetime64, lon: float, lat: float) -> tuple[int, ...]:
    return tuple(int(np.argmin(np.abs(axis - value))) for axis, value in zip(axes, (time, lat, lon), strict=True))


def sun_is_up(time: np.datetime64, lon: float, lat: float) -> bool:
    """Whether the sun stands above the horizon (declination and hour angle, Cooper 1969; error below 1°)."""
    day = float((time - time.astype("datetime64[Y]")) / np.timedelta64(1, "D")) + 1
    declination = np.radians(23.45) * np.sin(2 * np.pi * (284 + day) / 365)
    clock = float((time - time.astype("datetime64[D]")) / np.timedelta64(1, "h"))
    angle = np.radians(15 * (clock - 12) + lon)
    phi = np.radians(lat)
    height = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(angle)
    return bool(height > 0)


def execute(
    order: Any, plan: Plan, vessel: VesselSettings, room_kg: float, debris: TrueDebris, weather: TrueWeather,
    s: ScoreSettings,
) -> Caught:  # fmt: skip
    """One collect order carried out on the debris, which keeps what is left."""
    begin, end = naive_utc(order.arrive), naive_utc(order.leave)
    lon, lat = order.geometry.x, order.geometry.y
    some = _reachable(debris, begin, end, lon, lat, 25_000.0)
    step = np.timedelta64(round(s.step_s * 1000), "ms")
    track = _track(plan, order)
    work = _Work(debris, vessel, s, some, room_kg, np.zeros(2), np.ones(len(some), dtype=bool),
                 np.zeros(len(some)))  # fmt: skip
    waited, time = 0.0, begin
    east_north = np.array([float(v) for v in metres_per_degree(lat)])
    first = _centre(track, begin)
    while time + step <= end and work.caught < room_kg:
        if weather.workable(vessel, time, lon, lat):
            x, y, afloat = debris.at(time, some)
            place = np.stack([x - lon, y - lat], axis=1) * east_north
            centre = (_centre(track, time) - first) * east_north
            work.go_on(place, afloat, centre, bright=sun_is_up(time, lon, lat))
        else:
            waited += s.step_s / 3600
        time += step
    kinds = np.bincount(debris.kind[some], work.taken) if debris.kind is not None and work.caught > 0 else None
    return Caught(work.caught, waited, work.swept, None if kinds is None else int(kinds.argmax()))


class Caught(NamedTuple):
    """What a collect order brought: mass in kg, hours waited for weather, metres sailed with the gear out.

    ``kind`` is the class of debris that most of the mass is of (index into the twin's classes), None if unknown.
    """

    kg: float
    hours_waited: float
    swept_m: float
    kind: int | None


@dataclass
class _Work:
    """A vessel at work: where it is (metres east and north of the order's place), what it has swept and caught."""

    debris: TrueDebris
    vessel: VesselSettings
    s: ScoreSettings
    some: NDArray[np.int64]
    room_kg: float
    ship: NDArray[np.float64]
    sought: NDArray[np.bool_]
    taken: NDArray[np.float64]
    caught: float = 0.0
    searched: float = 0.0
    swept: float = 0.0

    def go_on(self, place: NDArray, afloat: NDArray[np.bool_], centre: NDArray, *, bright: bool) -> None:
        """One time step: steer for a raft in sight, or search; catch what is swept with the gear out."""
        left = self.debris.left_kg[self.some]
        wanted = self.sought & afloat & (left > 0)
        sight = self.s.sight_m if bright else 0.0
        raft = self.debris.raft[self.some]
        target = target_of(place, left, raft, wanted, self.ship, sight)
        searching = target is None
        if target is None:
            self.searched += self.s.step_s * _search_speed(self.vessel, self.s)
            target = centre + spiral(self.searched, sight or self.vessel.swath_m / 2)
        fast = searching or bool(np.hypot(*(target - self.ship)) > GEAR_OUT_M)
        speed = _search_speed(self.vessel, self.s) if fast else self.vessel.collect_speed_kn * KNOT_M_S
        ahead = towards(self.ship, target, speed * self.s.step_s)
        if not (fast and bright):  # the gear is out: collecting, or searching by night
            self._sweep(wanted & (distance_to_leg(place, self.ship, ahead) <= self.vessel.swath_m / 2), left)
            self.swept += float(np.hypot(*(ahead - self.ship)))
        self.ship = ahead

    def _sweep(self, swept: NDArray[np.bool_], left: NDArray) -> None:
        take = np.where(swept, left * self.vessel.efficiency, 0.0)
        total = float(take.sum())
        if total > 0:
            take *= min(1.0, (self.room_kg - self.caught) / total)
        self.debris.left_kg[self.some] -= take
        self.taken += take
        self.caught += float(take.sum())
        self.sought &= ~swept


def _search_speed(vessel: VesselSettings, s: ScoreSettings) -> float:
    """m/s."""
    return min(vessel.transit_speed_kn, s.search_speed_factor * vessel.collect_speed_kn) * KNOT_M_S


def _reachable(
    debris: TrueDebris, begin: np.datetime64, end: np.datetime64, lon: float, lat: float, reach: float
) -> NDArray[np.int64]:
    """Particles within ``reach`` metres of the order at its begin or end."""
    east, north = (float(v) for v in metres_per_degree(lat))
    near = np.zeros(len(debris.left_kg), dtype=bool)
    for time in (begin, end):
        x, y, afloat = debris.at(time)
        near |= afloat & (np.hypot((x - lon) * east, (y - lat) * north) < reach)
    return np.nonzero(near)[0]


Track = tuple["NDArray[np.float64]", "NDArray[np.float64]", "NDArray[np.float64]"]


def _track(plan: Plan, order: Any) -> Track:
    """Times (s), longitudes and latitudes of where the plan says the task is; the order's place if it has no track."""
    rows = plan.task_tracks[plan.task_tracks["task_id"] == order.task_id].sort_values("time")
    if len(rows) == 0:
        return np.zeros(1), np.array([order.geometry.x]), np.array([order.geometry.y])
    times = np.array([naive_utc(t) for t in rows["time"]]).astype("datetime64[s]").astype(float)
    return times, rows.geometry.x.to_numpy(), rows.geometry.y.to_numpy()


def _centre(track: Track, time: np.datetime64) -> NDArray[np.float64]:
    """(lon, lat) of a task at a time."""
    now = time.astype("datetime64[s]").astype(float)
    return np.array([np.interp(now, track[0], track[1]), np.interp(now, track[0], track[2])])


def target_of(
    place: NDArray, left: NDArray, raft: NDArray, wanted: NDArray[np.bool_], ship: NDArray, sight: float
) -> NDArray[np.float64] | None:
    """Nearest particle (east, north in m) of the raft in sight with most mass for the way; None if there is none."""
    away = np.hypot(*(place - ship).T)
    seen = wanted & (raft >= 0) & (away <= sight)
    if not seen.any():
        return None
    ids, where = np.unique(raft[seen], return_inverse=True)
    mass = np.bincount(where, left[seen])
    nearest = np.full(len(ids), np.inf)
    np.minimum.at(nearest, where, away[seen])
    best = ids[np.argmax(mass / (nearest + 200.0))]
    own = np.nonzero(seen & (raft == best))[0]
    return np.asarray(place[own[np.argmin(away[own])]], dtype=float)


def spiral(length: float, spacing: float) -> NDArray[np.float64]:
    """Point (east, north) after ``length`` metres of an Archimedean spiral whose arms are two spacings apart."""
    pitch = 2 * spacing / (2 * np.pi)
    turn = np.sqrt(2 * length / pitch)
    return pitch * turn * np.array([np.cos(turn), np.sin(turn)])


def towards(ship: NDArray, goal: NDArray, way: float) -> NDArray[np.float64]:
    """Place after sailing ``way`` metres towards a goal, and a little past it when it is near."""
    leg = goal - ship
    distance = float(np.hypot(*leg))
    return np.asarray(ship + leg * (way / distance) if distance > 1e-6 else ship, dtype=float)


def distance_to_leg(place: NDArray, a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """Distance of points (n, 2) to the leg from a to b, metres."""
    leg = b - a
    length = float(leg @ leg)
    share = np.clip((place - a) @ leg / length, 0, 1) if length > 0 else np.zeros(len(place))
    return np.asarray(np.hypot(*(place - a - share[:, None] * leg).T))
