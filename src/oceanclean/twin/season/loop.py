"""One planner's season in one sea: day after day what is seen is written, the day is planned and carried out.

Everything of a planner stands in its own folder: ``work`` is all that the chain's process is told (configuration,
what is seen, its runs, catch reports); ``days`` holds a record and the state after each day, so that a season goes on
where it was cut. The truth stands beside, in the seed's folder.
"""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.products.plan import Plan
from oceanclean.store import write_aside, write_json
from oceanclean.twin.catches import HEADER
from oceanclean.twin.season import planners, seen
from oceanclean.twin.season.chain_link import Chain, steps_of
from oceanclean.twin.season.earlier import FOLDER as EARLIER
from oceanclean.twin.season.scenario import Scenario, write_config
from oceanclean.twin.season.sea import Sea
from oceanclean.twin.season.seaway import Seaway
from oceanclean.twin.season.ship import Haul, Ship, haul_record
from oceanclean.twin.season.stages import score_day
from oceanclean.twin.season.voyage import Voyage

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Way:
    """A way of planning.

    Attributes:
        title: for people.
        chain: last stage of the chain that it needs: ``allocate``, ``forecast``, or "" for none.
        given: stage that is replaced by the truth: ``detection``, ``drift``, ``tracks``, or "".
        still: debris is taken to stay where it was seen.
        models: settings of the chain that go with it.
    """

    title: str
    chain: str = ""
    given: str = ""
    still: bool = False
    models: Mapping[str, Any] = field(default_factory=dict)


_SURE = {"rates": None, "found": 1.0, "visible_share": 0.95, "false_per_km2": 0.0, "std_cover": 0.02,
         "limit_cover": 0.01}  # fmt: skip
WAYS: dict[str, Way] = {
    "chain": Way("the chain", "allocate"),
    "perfect-detection": Way(
        "the chain, true cover in every scene", "allocate", "detection",
        models={"density": {"sensors": {"sentinel2": _SURE}, "implausible_share": 1.0}},
    ),
    "perfect-drift": Way(
        "the chain, true currents, wind and waves", "allocate", "drift",
        models={"drift": {"residual": {"sigma_m_s": 0.05, "tau_h": 4.0, "coherent_share": 0.0}}},
    ),
    "persistence": Way("the chain, debris stays where it was seen", "allocate", still=True),
    "clairvoyant": Way(
        "the allocation on the true future of every particle", "allocate", "tracks",
        models={"allocation": {"tasks": {"patch_radius_m": 1500, "search_radius_m": 1500, "max_patches": 120}}},
    ),
    "greedy": Way("greedy on today's map", "forecast"),
    "nearest": Way("nearest sighting"),
    "lawn-mower": Way("steady coverage"),
}  # fmt: skip


class Season:
    """A planner in one sea.

    Attributes:
        name: of the way of planning, a key of :data:`WAYS`.
        sea: the truth.
        folder: of this planner and seed.
        shared: the seed's folder of forecasts.
        seed: of the chain.
    """

    def __init__(self, name: str, sea: Sea, folder: Path, shared: Path, config: Path | None = None) -> None:
        self.name, self.way, self.sea, self.folder, self.shared = name, WAYS[name], sea, folder, shared
        self.scenario: Scenario = sea.scenario
        self.seaway = Seaway.of(sea.region)
        self.work = (folder / "work").resolve()
        if not (self.work / "config").is_dir():
            write_config(self.scenario, self.work / "config", config, self.way.models)
        self.fixes: pd.DataFrame | None = None

    def done(self) -> int:
        """Number of days that are finished."""
        day = 0
        while self._record(day).is_file() and self._state(day).is_file():
            day += 1
        return day

    def run(self, days: int) -> None:
        """Go through the days that are not finished yet."""
        first = self.done()
        if first >= days:
            return
        ships, left_kg, memory = self._resumed(first)
        voyage = Voyage(self.sea, self.seaway, left_kg)
        with Chain(self.work, self.folder / "chain.log") as chain:
            for day in range(first, days):
                clock = time.perf_counter()
                self._see(day, ships, left_kg)
                seen_at = time.perf_counter()
                orders, told = self._plan(day, ships, memory, chain)
                planned, before = time.perf_counter(), left_kg.copy()
                hauls = voyage.day(ships, orders, self.sea.issues[day], self.sea.issues[day + 1])
                self._report(day, hauls)
                timing = {
                    "see_s": seen_at - clock,
                    "plan_s": planned - seen_at,
                    "sail_s": time.perf_counter() - planned,
                }
                stages = self._score(day, before) if self.way.chain else {}
                self._close(day, ships, left_kg, memory, hauls, {**told, "stages": stages, "seconds": timing})

    def _see(self, day: int, ships: list[Ship], left_kg: NDArray[np.float64]) -> None:
        """Write all that is seen by the day's issue; only what this way of planning looks at."""
        place = self.work / "seen"
        seen.write_sightings(self.sea, day, left_kg, place)
        seen.write_fleet(self.sea, day, ships, self.seaway.plane, place)
        if not self.way.chain:
            return
        exact = self.way.given == "drift"
        shared = self.shared / ("exact" if exact else "forecasts")
        seen.link_forecasts(seen.write_shared(self.sea, day, shared, exact=exact), place)
        if self.fixes is None:
            self.fixes = seen.all_fixes(self.sea)
        seen.write_drifters(self.sea, day, self.fixes, place)
        if self.way.given == "tracks":
            seen.give_tracks(self.sea, day, left_kg, self.work / "given")
        else:
            given = self.work / "given" if self.way.given == "detection" else None
            seen.write_scenes(self.sea, day, left_kg, place / "scenes", self.folder / "hidden", given)

    def _plan(
        self, day: int, ships: list[Ship], memory: dict[str, Any], chain: Chain
    ) -> tuple[planners.Orders, dict[str, Any]]:
        """Orders of the day, and what is known of the planning."""
        sea, rules = self.sea, self.scenario.operations
        told: dict[str, Any] = {}
        if self.way.chain:
            self._borrow(day)
            reply = chain.ask(
                region=self.scenario.name, issue_time=sea.issue_time(day), config=self.work / "config",
                seed=sea.seed, until=self.way.chain, still=self.way.still,
                detections=self.work / "given" if self.way.given == "detection" else "",
                tracks=self.work / "given" if self.way.given == "tracks" else "",
                archive=self._archive(),
            )  # fmt: skip
            told = {"degraded": reply["facts"].get("degraded", []), "expected_kg": reply["facts"].get("expected_kg")}
            if self.way.chain == "allocate":
                return steps_of(Plan.load(Path(reply["folder"])), sea, self.seaway.plane), told
        desk = planners.Dispatcher(sea.region, self.seaway, rules, sea.ocean.time, sea.issues[day])
        if self.name == "greedy":
            return planners.greedy(_map_of(Path(reply["folder"]).parent), ships, desk), told
        if self.name == "nearest":
            import pandas as pd

            done = set(memory.get("done", []))
            orders = planners.nearest_sighting(pd.read_csv(self.work / "seen" / "sightings.csv"), done, ships, desk)
            memory["done"] = sorted(done)
            return orders, told
        lanes = planners.lanes_of(sea.region, self.seaway, ships, 2 * rules.sight_m)
        return planners.lawn_mower(ships, desk, lanes), told

    def _archive(self) -> Path | str:
        """Maps of earlier seasons, which lie beside the folders of the seeds; "" where there are none."""
        path = self.shared.parent / EARLIER
        return path.resolve() if path.is_dir() else ""

    def _borrow(self, day: int) -> None:
        """Take over what another planner's chain found in the same scenes.

        The chain itself compares all that went into a detection, the scene's bytes before all, and looks again where
        anything differs: scenes are alike until one of the planners has caught something that is in them.
        """
        run = Path("work", "runs", self.scenario.name, _run_name(self.sea.issue_time(day)))
        for found in sorted(self.folder.parent.glob(f"*/{run}/detect-*/stage.json")):
            own = self.folder / run / found.parent.name
            if not own.exists() and self.way.given not in ("detection", "tracks"):
                with write_aside(own) as aside:
                    shutil.copytree(found.parent, aside)

    def _report(self, day: int, hauls: list[Haul]) -> None:
        """The crews' reports, where the chain of tomorrow finds them."""
        classes = list(self.sea.settings.debris.classes)
        path = self.work / "catches" / self.scenario.name / f"day-{day + 1:03d}.csv"
        swath = {v.id: v.swath_m for v in self.scenario.fleet_settings().vessels}
        with write_aside(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            for haul in hauls:
                times = (seen.sea_time(self.sea.ocean, h) for h in (haul.start_h, haul.end_h, haul.end_h + 0.1))
                mostly = "" if haul.kind is None else classes[haul.kind]
                writer.writerow([
                    haul.vessel_id, haul.task_id, *times, f"{haul.lat:.5f}", f"{haul.lon:.5f}", f"{haul.kg:.1f}",
                    f"{haul.swept_m:.0f}", f"{swath[haul.vessel_id]:g}", f"{haul.wave_height_m:.1f}",
                    f"{haul.fuel_l:.1f}", mostly, "twin", "",
                ])  # fmt: skip

    def _score(self, day: int, left_kg: NDArray[np.float64]) -> dict[str, float]:
        """How well the day's stages knew the truth."""
        run = self.work / "runs" / self.scenario.name / _run_name(self.sea.issue_time(day))
        return score_day(self.sea, day, left_kg, run, self.folder / "hidden")

    def _close(
        self, day: int, ships: list[Ship], left_kg: NDArray[np.float64], memory: dict[str, Any], hauls: list[Haul],
        told: dict[str, Any],
    ) -> None:  # fmt: skip
        """Write the state, then the record that says that the day is finished; tidy up what nobody reads again."""
        end = self.sea.issues[day + 1]
        with write_aside(self._state(day)) as aside, aside.open("wb") as file:
            np.savez_compressed(file, left_kg=left_kg)
        write_json(self._record(day), {
            "day": day, "issue_time": self.sea.issue_time(day), "planner": self.name,
            "caught_kg": sum(h.kg for h in hauls), "hauls": [haul_record(h) for h in hauls],
            "ships": {s.vessel.id: s.record() for s in ships}, "memory": memory,
            "traces": {s.vessel.id: [[round(float(v), 4) for v in p] for p in s.trace] for s in ships},
            "balance": self.sea.balance(end, left_kg), "kg_in_region": float(left_kg[self.sea.within(end)].sum()),
            **told,
        })  # fmt: skip
        self._tidy(day)

    def _tidy(self, day: int) -> None:
        """Remove what only a run of the last days needs; plans and forecasts stay, as the chain learns from them."""
        old = day - seen.KEPT_DAYS
        if old < 0:
            return
        run = self.work / "runs" / self.scenario.name / _run_name(self.sea.issue_time(old))
        for part in [*run.glob("detect-*"), run / "ingest", run / "map"]:
            shutil.rmtree(part, ignore_errors=True)

    def _resumed(self, day: int) -> tuple[list[Ship], NDArray[np.float64], dict[str, Any]]:
        """The fleet, what is left and what the planner remembers before a day."""
        fleet = self.scenario.fleet_settings().vessels
        if day == 0:
            ports = {p.name: self.seaway.plane.xy(p.lon, p.lat) for p in self.sea.region.settings.ports}
            ships = [Ship(v, ports[v.home_port], v.hold_used_kg, v.endurance_h, v.home_port) for v in fleet]
            return ships, self.sea.debris.mass_kg.copy(), {}
        record = json.loads(self._record(day - 1).read_text(encoding="utf-8"))
        with np.load(self._state(day - 1)) as file:
            left_kg = file["left_kg"].astype(float)
        ships = [Ship.resumed(v, record["ships"][v.id]) for v in fleet]
        return ships, left_kg, record["memory"]

    def _record(self, day: int) -> Path:
        return self.folder / "days" / f"{day + 1:03d}.json"

    def _state(self, day: int) -> Path:
        return self.folder / "days" / f"{day + 1:03d}.npz"


def _run_name(issue_time: str) -> str:
    return f"{issue_time[:10]}T{issue_time[11:13]}{issue_time[14:16]}Z"


def _map_of(run: Path) -> NDArray[np.float64]:
    """Today's map of a run, (lat, lon) kg km⁻²."""
    from oceanclean.products.files import load_grid
    from oceanclean.products.names import DENSITY

    return load_grid("DensityMap", run / "map" / "density.nc")[DENSITY].to_numpy().astype(float)
