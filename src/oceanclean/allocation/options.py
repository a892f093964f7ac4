"""Settings of the allocation room (``config/models/allocation.yaml`` overrides what stands here)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from oceanclean.settings import Settings


class TaskSettings(Settings):
    """How the forecast's particles become collection tasks."""

    max_patches: int = Field(default=60, ge=1, le=1000, description="patches that are told apart")
    max_shares: int = Field(default=200, ge=1, le=5000, description="visits on offer, over all patches")
    shares_per_patch: int = Field(default=8, ge=1, le=100, description="visits on offer in one patch")
    patch_radius_m: float = Field(default=4000, gt=0, description="radius to which patches are split where they can be")
    share_h: float = Field(default=2.0, gt=0, description="hours in which a large vessel of the fleet sweeps one share")
    max_visit_h: float = Field(
        default=4.0, gt=0, description="longest visit to one share; a slow vessel takes part of it"
    )
    search_radius_m: float = Field(
        default=4000, ge=0, description="distance from the planned place within which a patch is found"
    )
    least_kg: float = Field(default=1.0, ge=0, description="a share that never holds as much is not offered")
    least_afloat: float = Field(
        default=0.2, ge=0, le=1, description="share of a patch afloat below which it is given up"
    )
    later_weight: float = Field(
        default=0.2, ge=0, description="weight of later positions against the first when particles are grouped"
    )


class SeaSettings(Settings):
    """What vessels can do at sea."""

    sweep_use: float = Field(
        default=0.85, gt=0, le=1, description="share of the time on a patch spent sweeping, not turning"
    )
    sight_m: float = Field(default=1500.0, ge=0, description="how far a crew sees a windrow by day; 0: no lookout")
    drone_sight_m: float = Field(default=4000.0, ge=0, description="the same with a drone on board")
    search_speed_factor: float = Field(default=2.0, ge=1, description="speed between windrows over collecting speed")
    windrow_share: float = Field(default=0.5, ge=0, le=1, description="part of the debris that floats in windrows")
    windrow_kg_km2: float = Field(default=15_000.0, gt=0, description="density inside a windrow, mouth's width around")
    transit_wave_factor: float = Field(
        default=1.5, ge=1, description="sails up to this multiple of its working wave height"
    )
    bulk_kg_m3: float = Field(default=100.0, gt=0, description="debris by room in the hold, where that is counted")
    currents: bool = Field(default=True, description="currents and waves change the speed over ground")
    reserve_h: float = Field(default=1.0, ge=0, description="endurance kept back")
    reserve_share: float = Field(default=0.05, ge=0, lt=1, description="part of the endurance kept back, if more")
    port_calls: int = Field(default=3, ge=0, le=20, description="port calls allowed on the way")
    end_at: Literal["home", "any"] = Field(default="home", description="port at which a trip ends")
    least_take: float = Field(default=0.25, ge=0, le=1, description="part of a share that must still fit into the hold")
    in_port_m: float = Field(default=3000, ge=0, description="distance to a port within which a vessel counts as in it")
    snap_m: float = Field(default=10000, ge=0, description="farthest that a position on land is moved to the sea")
    twilight_deg: float = Field(default=-0.833, ge=-18, le=10, description="solar elevation above which it is day")
    slot_min: float = Field(default=10.0, gt=0, le=60, description="resolution of weather and daylight windows")


class SearchSettings(Settings):
    """How long and how wide the search looks."""

    iterations: int = Field(default=12000, ge=1, description="ruin-and-recreate steps, over all rounds and workers")
    rounds: int = Field(default=2, ge=1, le=50)
    workers: int = Field(default=2, ge=1, le=64, description="independent searches side by side; part of the result")
    hot: float = Field(default=0.01, gt=0, description="first temperature, part of the plan's value")
    cold: float = Field(default=0.0003, gt=0, description="last temperature, part of the plan's value")
    removed: int = Field(default=2, ge=1, description="stops torn out at once, on average")
    string: int = Field(default=3, ge=1, description="longest string torn out of one route")
    blink: float = Field(default=0.01, ge=0, lt=1, description="chance to overlook a place")
    candidates: int = Field(default=80, ge=1, description="unserved tasks tried in one step")
    places: int = Field(default=2, ge=1, description="places tried exactly for each task")
    wide: float = Field(default=0.1, gt=0, le=1, description="steps in which unserved tasks are tried in all routes")
    columns: int = Field(default=6000, ge=1, description="remembered routes handed to the packing")
    packing_effort: float = Field(default=4.0, gt=0, description="deterministic time of the packing, about seconds")
    bound_rounds: int = Field(default=20, ge=0, description="pricing rounds of the bound; 0: no bound")


class AllocationSettings(Settings):
    """All settings of the room."""

    version: int = 1
    tasks: TaskSettings = TaskSettings()
    sea: SeaSettings = SeaSettings()
    search: SearchSettings = SearchSettings()
    value_of_metre_kg: float = Field(default=1e-5, ge=0, description="catch given up to save a metre sailed, kg")
    value_of_litre_kg: float = Field(default=0.0, ge=0, description="catch given up to save a litre of fuel, kg")
    risk_aversion: float = Field(default=0.0, ge=0, le=1, description="0 counts the mean catch, 1 the bad cases only")
    risk_measure: Literal["quantile", "cvar"] = Field(
        default="quantile",
        description="bad cases: each patch's 20 % quantile, or the mean of the fleet's worst members (CVaR)",
    )
    cvar_share: float = Field(default=0.2, gt=0, le=1, description="part of the members that CVaR takes the mean of")
    keep_bonus: float = Field(
        default=0.05, ge=0, le=1, description="added part of a catch where yesterday's vessel keeps its patch"
    )
