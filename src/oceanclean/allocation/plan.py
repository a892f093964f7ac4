"""The door of the room: from a forecast and a fleet to a plan."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from oceanclean.allocation import bound as bounds
from oceanclean.allocation import controls
from oceanclean.allocation.crews import Crew, crews_of
from oceanclean.allocation.explain import binding_limits, why_patch_unserved, why_vessel_stays
from oceanclean.allocation.legs import settle_legs
from oceanclean.allocation.model import Day, build_day
from oceanclean.allocation.nearest import nearest_first_kg
from oceanclean.allocation.options import AllocationSettings
from oceanclean.allocation.orders import Catch, Tables, Writer, catch_of, length
from oceanclean.allocation.pairs import pair_up
from oceanclean.allocation.ports import harbours_of, opening_hours
from oceanclean.allocation.risk import cvar, for_bad_cases
from oceanclean.allocation.rolling import keep_or_change, yesterdays_routes
from oceanclean.allocation.schedule import Trip, away, tell
from oceanclean.allocation.sea import Sea, sea_of
from oceanclean.allocation.sea_routing import SeaRouter
from oceanclean.allocation.search import Solution, repack, route_value, solve
from oceanclean.decisions import Decisions
from oceanclean.products import Plan, VesselSummary, validate_table

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr
    from numpy.typing import NDArray

    from oceanclean.region import Region


#: Where the search is given a time, the bound has the same, and at least this, in seconds.
LEAST_BOUND_S = 5.0


def allocate(
    tracks: xr.Dataset,
    forecast: xr.Dataset | None,
    forcing: xr.Dataset,
    fleet: gpd.GeoDataFrame,
    region: Region,
    *,
    issue_time: str | np.datetime64 | pd.Timestamp,
    horizon_h: float,
    settings: AllocationSettings | None = None,
    seed: int = 1,
    previous_plan: Plan | None = None,
    seconds: float | None = None,
    decisions: Decisions | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> Plan:
    """Send each vessel where the debris will be.

    Args:
        tracks: ``DebrisTracks``: the ensemble's particles.
        forecast: ``DensityForecast``, to check the tracks' mass against; may be None.
        forcing: ``Forcing`` with wave height and wind.
        fleet: ``FleetState``.
        region: coast, ports, closed areas.
        issue_time: UTC; the plan begins here.
        horizon_h: hours planned, cut to what the tracks cover.
        settings: of the room.
        seed: same inputs, settings and seed give the same plan, unless ``seconds`` is given.
        previous_plan: yesterday's, kept where it is nearly as good.
        seconds: wall time of the search, and again of the bound; without it, they end after ``search.iterations`` and
            ``search.bound_rounds`` of the settings.
        decisions: pins, bans, held vessels, closures and limits by people. What cannot be obeyed is told in
            ``degraded`` with the reason, and the rest is planned. Task ids are those of ``previous_plan``, without one
            those of this forecast.
        progress: called with the share done and the value so far.

    Returns:
        A plan in which every vessel has a route or a reason, and every patch a vessel or a reason.

    Raises:
        ProductError: fleet or tracks break their contract.
    """
    settings = settings or AllocationSettings()
    sea = sea_of(
        tracks, forecast, forcing, region, issue_time=issue_time, horizon_h=horizon_h, settings=settings, seed=seed
    )
    return allocate_on(
        sea, fleet, region, settings=settings, seed=seed, previous_plan=previous_plan, seconds=seconds,
        decisions=decisions, progress=progress,
    )  # fmt: skip


def allocate_on(
    sea: Sea, fleet: gpd.GeoDataFrame, region: Region, *, settings: AllocationSettings, seed: int = 1,
    previous_plan: Plan | None = None, seconds: float | None = None, decisions: Decisions | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> Plan:  # fmt: skip
    """As :func:`allocate`, on patches, weather and ways that are known already.

    Args:
        sea: made by :func:`~oceanclean.allocation.sea.sea_of` from the same region, settings and seed.
        fleet: ``FleetState``.
        region: coast, ports, closed areas.
        settings: of the room.
        seed: of the search.
        previous_plan: yesterday's.
        seconds: wall time of the search, or None.
        decisions: what people decided.
        progress: as for :func:`allocate`.

    Returns:
        As :func:`allocate`.

    Raises:
        ProductError: the fleet breaks its contract.
    """
    clock, decisions = time.perf_counter(), decisions or Decisions()
    if len(fleet):
        validate_table("FleetState", fleet, "fleet")
    exclusions = controls.decided_exclusions(region, decisions)
    if closed := _impassable(exclusions, sea.issue, sea.horizon_s):
        # debris drifts through waters that vessels may not enter; only the vessels' ways go round them
        sea = replace(sea, router=SeaRouter.of_region(region, closed))
    fleet, fleet_notes = controls.decided_fleet(fleet, decisions)
    gate = opening_hours(region.settings.ports, region.settings.timezone, sea.issue, sea.horizon_s)
    harbours, port_notes = harbours_of(region.ports, sea.router, settings.sea, gate)
    harbours, closed_notes = controls.decided_harbours(harbours, decisions)
    crews, pair_notes = pair_up(crews_of(fleet, harbours, sea.router, settings.sea), sea.router)
    notes = [*sea.notes, *fleet_notes, *port_notes, *closed_notes, *(n for c in crews for n in c.notes), *pair_notes]
    able = [c for c in crews if not c.stays]
    # a problem needs a vessel; without one the first stands in, and its route is not sailed
    day = build_day(sea.patches, able or crews[:1], harbours, sea.router, sea.weather, exclusions, sea.issue,
                    sea.horizon_s, settings, region.harm) if len(crews) and len(harbours.name) else None  # fmt: skip
    solution = Solution([[] for _ in (day.crews if day else [])], 0.0, [], 0, 0.0)
    bound: float | None = 0.0
    nearest: float | None = None
    if day is not None:
        day, pins = controls.obey(day, decisions, previous_plan, notes)
        if able and day.problem.tasks:
            solution, bound = _solved(day, pins, settings, seed, seconds, previous_plan, progress)
            solution = settle_legs(day, solution, notes)
            notes += controls.unmet(day, pins, solution.routes)
            nearest = nearest_first_kg(day)
    plan = _Assembly(sea, crews, notes, day, solution, able, settings, region, seed, bound).plan()
    plan.nearest_kg = nearest
    plan.solver["total_seconds"] = round(time.perf_counter() - clock, 2)
    return plan


def _solved(
    day: Day, pins: controls.Orders, settings: AllocationSettings, seed: int, seconds: float | None,
    previous: Plan | None, progress: Callable[[float, float], None] | None,
) -> tuple[Solution, float | None]:  # fmt: skip
    """The best plan found and a bound on all plans (None where none is asked for), both without the pins' promises."""
    problem = controls.searched(day.problem, pins)
    warm = yesterdays_routes(day, previous) if previous is not None else None
    solution = solve(problem, settings.search, seed=seed, seconds=seconds, warm=warm, progress=progress,
                     promised=pins.promised)  # fmt: skip
    if warm is not None:
        solution = keep_or_change(problem, solution, warm, settings, seed, seconds, pins.promised)
    kept = warm is not None and any(warm)
    solution = controls.without_promises(day.problem, solution, pins)
    if settings.risk_aversion > 0:  # no bound is known on a blend of mean and bad cases
        if settings.risk_measure == "cvar" and not pins.pinned:
            solution = for_bad_cases(day, solution, settings, seed)
        return solution, None
    if settings.search.bound_rounds == 0:
        return solution, None
    bound, found = bounds.upper_bound(
        day.problem, solution.columns, solution.value, settings.search.bound_rounds,
        seconds=None if seconds is None else max(seconds, LEAST_BOUND_S),
    )  # fmt: skip
    if not kept and not pins.pinned:  # routes that the bound came upon may go well together
        solution = repack(day.problem, solution, found, settings.search, seed)
    return solution, bound


def _impassable(exclusions: gpd.GeoDataFrame, issue: np.datetime64, horizon_s: float) -> list[Any]:
    """Polygons that nobody sails through at any time of the plan."""
    start = pd.Timestamp(issue, tz="UTC")
    end = start + pd.Timedelta(seconds=horizon_s)
    return [
        row.geometry for row in exclusions.itertuples()
        if row.no_passage and not (row.starts > end) and not (row.ends < start)
    ]  # fmt: skip


def _fuel_of(crew: Crew) -> float:
    """Litres on board, NaN where they are not counted."""
    return float(crew.row["fuel"]) if crew.row["fuel_capacity"] > 0 else float("nan")


class _Assembly:
    """Puts a plan together from the solution."""

    def __init__(
        self, sea: Sea, crews: list[Crew], notes: list[str], day: Day | None, solution: Solution, able: list[Crew],
        settings: AllocationSettings, region: Region, seed: int, bound: float | None,
    ) -> None:  # fmt: skip
        self.bound, self.crews, self.notes = bound, crews, notes
        self.sea, self.day, self.solution, self.able = sea, day, solution, able
        self.settings, self.region, self.seed = settings, region, seed
        self.issue = pd.Timestamp(sea.issue, tz="UTC")
        self.task_ids = [f"T{k + 1:02d}" for k in range(len(sea.patches.x))]
        self.tables = Tables()
        self.catches: dict[int, Catch] = {}

    def plan(self) -> Plan:
        """The plan."""
        summaries = self._mates([self._vessel(crew) for crew in self.crews])
        total = sum((c.total for c in self.catches.values()), np.zeros(max(1, self.sea.patches.kg.shape[0])))
        expected = float(total.mean())
        bound, gap = self.proven(expected)
        return Plan(
            orders=self._frame(self.tables.orders, "Orders"), tasks=self._tasks(), routes=self._routes(),
            task_tracks=self._tracks(), vessels=summaries, issue_time=self.issue.isoformat(),
            horizon_h=self.sea.horizon_s / 3600.0, expected_kg=expected, p10_kg=float(np.quantile(total, 0.1)),
            p90_kg=float(np.quantile(total, 0.9)), bound_kg=bound,
            gap=gap, solver=self._solver(total),
            task_mass_share=self.sea.patches.share_of_mass, degraded=list(dict.fromkeys(self.notes)),
        )  # fmt: skip

    def proven(self, expected: float) -> tuple[float | None, float | None]:
        """Bound on the expected catch, and the part of the bound that the plan lacks at most; None where unknown.

        Where places count differently, only the gap is known: it is that of the weighted catch.
        """
        if self.bound is None:
            return None, None
        if len(self.region.harm):
            return None, max(0.0, 1.0 - self.solution.value / self.bound) if self.bound > 0 else None
        bound = max(expected, self.bound)
        return bound, (bound - expected) / bound if bound > 0 else None

    def _mates(self, summaries: list[VesselSummary]) -> list[VesselSummary]:
        """Vessels that tow with a leader get its orders, once they have joined it; the catch stands with the leader."""
        status = {s.vessel_id: s for s in summaries}
        told = []
        for crew, summary in zip(self.crews, summaries, strict=True):
            lead = status.get(crew.mate)
            if not crew.mate or not crew.stays or lead is None or lead.status != "sent":
                told.append(summary)
                continue
            told.append(self._sails_along(crew, lead))
        return told

    def _sails_along(self, crew: Crew, lead: VesselSummary) -> VesselSummary:
        tables, leader = self.tables, next(c for c in self.crews if c.vessel_id == lead.vessel_id)
        tables.orders[:] = [o for o in tables.orders if o["vessel_id"] != crew.vessel_id]
        tables.routes[:] = [r for r in tables.routes if r["vessel_id"] != crew.vessel_id]
        assert self.day is not None  # noqa: S101
        writer = Writer(replace(self.day, crews=[crew]), 0, tables, self.task_ids)
        writer.hold, writer.fuel = float(crew.row["hold_used"]), _fuel_of(crew)
        endurance, before = float(crew.row["endurance"]) * 3600.0, len(tables.orders)
        if leader.meets_s > 0:
            writer.order("depart", crew.xy, 0.0, 0.0, endurance, reason=f"Sails to {lead.vessel_id}.")
            line = writer.leg(crew.xy, leader.xy)
            writer.order("wait", leader.xy, leader.meets_s, leader.meets_s, endurance - leader.meets_s, way=line,
                         reason=f"Joins {lead.vessel_id} and takes the net's other end.")  # fmt: skip
            writer.draw(line)
        shift = writer.sequence
        for table in (tables.orders, tables.routes):
            for row in [r for r in table if r["vessel_id"] == lead.vessel_id]:
                copy = {**row, "vessel_id": crew.vessel_id, "sequence": row["sequence"] + shift}
                if "reason" in row:
                    copy |= {"reason": f"With {lead.vessel_id}: {row['reason']}", "hold_kg": 0.0,
                             "fuel_left_l": float("nan"), "expected_kg": 0.0, "expected_p10_kg": 0.0,
                             "expected_p90_kg": 0.0}  # fmt: skip
                table.append(copy)
        mine = tables.orders[before:]
        metres = sum(o["distance_m"] for o in mine)
        return VesselSummary(
            crew.vessel_id, "sent", "", 0.0, 0.0, 0.0, metres, lead.hours, [f"tows with {lead.vessel_id}"]
        )

    def _vessel(self, crew: Crew) -> VesselSummary:
        if crew.stays or self.day is None:
            return self._stays(crew, crew.stays or "The region has no port.")
        v = self.able.index(crew)
        tasks = self.solution.routes[v]
        if not tasks:
            served = {s for route in self.solution.routes for s in route}
            reason = (
                "There is no debris in the forecast."
                if not self.day.problem.tasks
                else why_vessel_stays(self.day, v, served)
            )
            return self._stays(crew, reason, v)
        trip = tell(self.day.problem, v, tasks)
        catch = catch_of(self.day, v, trip)
        self.catches[v] = catch
        before = len(self.tables.orders)
        Writer(self.day, v, self.tables, self.task_ids).trip(trip, catch)
        metres = sum(o["distance_m"] for o in self.tables.orders[before:])
        last = trip.stops[-1]
        rests = trip.end_rested or any(s.rested for s in trip.stops)
        binding = binding_limits(self.day, v, tasks, trip.end_arrive, last.hold_left, last.deadline, trip.end_fuel,
                                 rests)  # fmt: skip
        low, high = (float(np.quantile(catch.total, q)) for q in (0.1, 0.9))
        hours = away(trip, self.day.problem, v) / 3600.0
        return VesselSummary(crew.vessel_id, "sent", "", float(catch.total.mean()), low, high, metres, hours, binding)

    def _stays(self, crew: Crew, reason: str, v: int | None = None) -> VesselSummary:
        """A vessel without a route: it stays in port, or makes for one if it is at sea."""
        if self.day is None or not np.isfinite(crew.xy).all():
            return VesselSummary(crew.vessel_id, "stays", reason, 0.0, 0.0, 0.0, 0.0, 0.0)
        stand_in = Writer(replace(self.day, crews=[crew]), 0, self.tables, self.task_ids)
        stand_in.hold, stand_in.fuel = float(crew.row["hold_used"]), _fuel_of(crew)
        endurance = float(crew.row["endurance"]) * 3600.0
        if crew.port >= 0 or not crew.ends:
            stand_in.order("stay", crew.xy, 0.0, self.sea.horizon_s, self.sea.horizon_s + endurance, reason=reason)
            return VesselSummary(crew.vessel_id, "stays", reason, 0.0, 0.0, 0.0, 0.0, 0.0)
        lengths = {k: self.sea.router.distance(crew.xy, self.day.harbours.xy[k]) for k in crew.ends}
        port = min(lengths, key=lambda k: lengths[k])
        seconds = lengths[port] / float(crew.row["transit_speed"])
        if v is not None:
            trip: Trip = tell(self.day.problem, v, [])
            port, seconds = trip.end_port, trip.end_arrive
        stand_in.order("depart", crew.xy, 0.0, 0.0, endurance, reason="Makes for port. " + reason)
        line = stand_in.leg(crew.xy, self.day.harbours.xy[port])
        metres = length(line)
        stand_in.order("return", self.day.harbours.xy[port], seconds, seconds, endurance, way=line,
                       reason=f"Ends at {self.day.harbours.name[port]}.")  # fmt: skip
        stand_in.draw(line)
        return VesselSummary(crew.vessel_id, "stays", reason, 0.0, 0.0, 0.0, metres, seconds / 3600.0)

    def _solver(self, total: NDArray[np.float64]) -> dict[str, Any]:
        """What the plan says of how it was made; with aversion to risk also what it aims at."""
        from importlib.metadata import version

        import numba

        s = self.settings.search
        aim: dict[str, Any] = {}
        if self.settings.risk_aversion > 0:
            aim |= {"risk_aversion": self.settings.risk_aversion, "risk_measure": self.settings.risk_measure,
                    "cvar_kg": cvar(total, self.settings.cvar_share)}  # fmt: skip
        if len(self.region.harm):
            aim |= {"weighted_by_harm": True, "weighted_bound_kg": self.bound}
        return aim | {
            "method": "ruin-and-recreate with exact meetings, CP-SAT set packing of the routes met",
            "ortools": version("ortools"), "numba": numba.__version__, "seed": self.seed,
            "iterations": self.solution.iterations, "rounds": s.rounds, "workers": s.workers,
            "seconds": round(self.solution.seconds, 2), "columns": len(self.solution.columns),
            "packing": self.solution.packing, "value_kg": self.solution.value,
            "shares": int(self.day.problem.tasks) if self.day else 0, "patches": len(self.task_ids),
            "history": [[round(t, 2), round(v, 3)] for t, v in self.solution.history],
        }  # fmt: skip

    def _tasks(self) -> gpd.GeoDataFrame:
        """One row a patch."""
        import shapely

        patches, rows = self.sea.patches, []
        values = self._values()
        for k, task_id in enumerate(self.task_ids):
            mass, area = patches.mass[:, k], patches.spread_m2[k, 0]
            served = self._served_by(k)
            left_for, reason = ("", "") if served else self._why(k, values)
            lon, lat = self.sea.router.plane.to_lonlat(patches.x[k, 0], patches.y[k, 0])
            rows.append({
                "task_id": task_id, "mass_kg": float(mass.mean()), "mass_p10_kg": float(np.quantile(mass, 0.1)),
                "mass_p90_kg": float(np.quantile(mass, 0.9)), "radius_m": float(patches.radius_m[k, 0]),
                "density_kg_km2": float(mass.mean() / (2 * area / 1e6)), "served_by": ", ".join(served),
                "left_for": left_for, "reason": reason,
                "geometry": shapely.Point(float(lon), float(lat)),
            })  # fmt: skip
        return self._frame(rows, "Tasks")

    def _values(self) -> list[float]:
        if self.day is None or not self.able:
            return []
        return [route_value(self.day.problem, v, r) or 0.0 for v, r in enumerate(self.solution.routes)]

    def _served_by(self, patch: int) -> list[str]:
        if self.day is None:
            return []
        of = self.day.shares.patch
        return [
            self.able[v].vessel_id for v, route in enumerate(self.solution.routes) if any(of[s] == patch for s in route)
        ]

    def _why(self, patch: int, values: list[float]) -> tuple[str, str]:
        if self.day is None or not self.able:
            return "barred", "No vessel can be sent."
        return why_patch_unserved(self.day, patch, self.solution.routes, values)

    def _routes(self) -> gpd.GeoDataFrame:
        import geopandas as gpd

        columns = ["vessel_id", "sequence", "geometry"]
        return gpd.GeoDataFrame(pd.DataFrame(self.tables.routes, columns=columns), geometry="geometry", crs="EPSG:4326")

    def _tracks(self) -> gpd.GeoDataFrame:
        """Mean drift of each patch."""
        import geopandas as gpd

        patches = self.sea.patches
        count, hours = patches.x.shape
        lon, lat = self.sea.router.plane.to_lonlat(patches.x.ravel(), patches.y.ravel())
        times = self.issue + pd.to_timedelta(np.arange(hours) * patches.step, unit="s")
        return gpd.GeoDataFrame(
            {"task_id": np.repeat(np.array(self.task_ids, dtype=object), hours), "time": np.tile(times, count)},
            geometry=gpd.points_from_xy(lon, lat), crs="EPSG:4326",
        )  # fmt: skip

    def _frame(self, rows: list[dict[str, Any]], product: str) -> gpd.GeoDataFrame:
        """A table with every column of its contract, also when it is empty."""
        import geopandas as gpd

        from oceanclean.products import TABLES

        spec = TABLES[product].columns
        frame = pd.DataFrame(rows, columns=[*spec, "geometry"])
        for name, column in spec.items():
            if column.kind == "time":
                frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[ns, UTC]")
            elif column.kind in ("float", "int"):
                frame[name] = frame[name].astype(float if column.kind == "float" else int)
        return validate_table(product, gpd.GeoDataFrame(frame, geometry="geometry", crs="EPSG:4326"), "plan")
