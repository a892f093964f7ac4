"""The one model of a plan, composed from the products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oceanclean.planning import cards, evidence, geodesy, hand, notation, provenance, verdict
from oceanclean.planning.model import SCHEMA, ClosedArea, PlanView, Port
from oceanclean.planning.settings import PlanningSettings

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from oceanclean.products import Plan, Segmentation
    from oceanclean.region import Region


def compose(
    plan: Plan,
    *,
    region: Region,
    fleet: gpd.GeoDataFrame,
    density_map: xr.Dataset,
    forcing: xr.Dataset | None,
    segmentations: Sequence[Segmentation],
    detections: gpd.GeoDataFrame | None,
    run: Mapping[str, Any],
    settings: PlanningSettings,
) -> PlanView:
    """Make the model that the page and every file are written from.

    Args:
        plan: the deployment plan.
        region: the region planned for.
        fleet: ``FleetState`` table; names, limits and positions of the vessels.
        density_map: ``DensityMap`` at the issue time.
        forcing: ``Forcing`` of the run, or None.
        segmentations: what was detected in each scene; may be empty.
        detections: all detections in one table (:func:`~oceanclean.planning.evidence.read_detections`), or None.
        run: facts of the run, see ``docs/plan-page.md``.
        settings: settings of the room.

    Returns:
        The model, plain values only.
    """
    ports = _ports(region)
    witness = evidence.Witness(density_map, detections, plan.issue_time, settings.evidence_km, len(segmentations))
    tasks = cards.tasks_of(plan, witness)
    vessels = cards.vessels_of(plan, fleet, ports, cards.Patches(tasks), settings)
    seen = evidence.seen_of(density_map)
    header = provenance.header_of(plan, region, run)
    return PlanView(
        schema=SCHEMA,
        header=header,
        bottom=verdict.bottom_of(plan, vessels, tasks, header.timezone),
        degraded=provenance.degraded_of(plan, run, segmentations, seen),
        seen=seen,
        vessels=vessels,
        tasks=tasks,
        closed_areas=_closed(region),
        ports=ports,
        sources=provenance.sources_of(run, forcing, segmentations, header.issue_time),
        models=provenance.models_of(run, segmentations, plan),
        solver={notation.plain(k, 80): notation.plain(v, 200) for k, v in sorted(plan.solver.items())},
        changes=provenance.changes_of(vessels, run.get("yesterday")),
        outcomes=provenance.outcomes_of(run),
        hand=hand.hand_of(run.get("decided"), vessels, tasks, plan.expected_kg),
        what_if=hand.what_if_of(run.get("what_if"), settings.what_if_noise * plan.expected_kg),
        what_if_noise=settings.what_if_noise,
        lineage=provenance.lineage_of(run),
    )


def _ports(region: Region) -> list[Port]:
    rows = zip(region.ports["name"], region.ports.geometry, strict=True)
    return [Port(notation.plain(name, 80), *geodesy.rounded(point.y, point.x)) for name, point in rows]


def _closed(region: Region) -> list[ClosedArea]:
    found = []
    for row in region.exclusions.itertuples():
        corners = [geodesy.rounded(y, x) for x, y in row.geometry.exterior.coords]
        starts, ends = (
            None if t is None or t != t else notation.iso(t.to_pydatetime()) for t in (row.starts, row.ends)
        )
        found.append(ClosedArea(notation.plain(row.name, 120), notation.plain(row.reason, 300), starts, ends,
                                [(lon, lat) for lat, lon in corners]))  # fmt: skip
    return found
