"""Which scene and model led to which order, and who put that model into use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oceanclean.chain.facts import approval_of
from oceanclean.chain.run import DailyRun
from oceanclean.chain.standing import before_allocation, stored
from oceanclean.errors import InputError
from oceanclean.learning.registry import PROMOTED, REGISTERED, Registry
from oceanclean.store import StageRecord, read_json


def lineage(run: DailyRun, vessel: str = "", sequence: int | None = None) -> dict[str, Any]:
    """Follow a planned day, or one order of it, back to files and people.

    Args:
        run: a planned day.
        vessel: of the order; "" for the whole day.
        sequence: the order's number in the vessel's day.

    Returns:
        ``order`` (None for the day), ``plan``, ``stages`` (each with its key and what it was made from), ``scenes``
        (file digest, time, model, who put it into use, whether the order's patch lies in its footprint), ``forecaster``
        and ``sources``.

    Raises:
        MissingDataError: the day was not planned.
        InputError: no such order.
    """
    ingested, detected, mapped, forecasted = before_allocation(run)
    allocated, published = stored(run, "allocate"), stored(run, "publish")
    plan = read_json(published.path(published.facts["files"]["plan"]))
    order = _order(plan, vessel, sequence) if vessel else None
    place = _place(plan, order) if order else None
    stages = [ingested, *detected, mapped, forecasted, allocated, published]
    events = Registry.of(run.work).events()
    return {
        "order": order,
        "plan": {"region": run.region_name, "issue_time": run.issue_time, "digest": allocated.digest,
                 **approval_of(run, allocated)},
        "stages": [{"stage": s.stage, "key": s.key, "gave": s.digest} for s in stages],
        "scenes": [_scene(d, events, place) for d in detected if "segmentation.json" in d.outputs],
        "looks": mapped.facts.get("looks", []), "prior": mapped.facts.get("prior", ""),
        "forecaster": {"file": forecasted.facts.get("forecaster", "") or "physics with published priors",
                       "put_into_use": _use(events, "forecaster", forecasted.facts)},
        "sources": ingested.facts.get("digests", {}),
    }  # fmt: skip


def _order(plan: dict[str, Any], vessel: str, sequence: int | None) -> dict[str, Any]:
    for one in plan["vessels"]:
        if one["vessel_id"] == vessel:
            found = [o for o in one["orders"] if sequence is None or o.get("sequence") == sequence]
            if sequence is None:
                found = [o for o in found if o["action"] == "collect"]
            if found:
                return {"vessel_id": vessel, **found[0]}
            raise InputError("plan", "sequence", sequence, f"one of {[o.get('sequence') for o in one['orders']]}",
                             "Name an order of the vessel.")  # fmt: skip
    names = [v["vessel_id"] for v in plan["vessels"]]
    raise InputError("plan", "vessel", repr(vessel), f"one of {names}", "Name a vessel of the plan.")


def _place(plan: dict[str, Any], order: dict[str, Any]) -> tuple[float, float] | None:
    """Where the order's patch was at the issue time; where the order is, if it has no patch."""
    patch = next((t for t in plan["tasks"] if t["task_id"] and t["task_id"] == order.get("task_id")), order)
    lon, lat = patch.get("lon"), patch.get("lat")
    return None if lon is None or lat is None else (float(lon), float(lat))


def _scene(record: StageRecord, events: Sequence[dict[str, Any]], place: tuple[float, float] | None) -> dict[str, Any]:
    looked = read_json(record.path("segmentation.json"))
    scene = looked["scene"]
    return {
        "scene_id": scene["scene_id"], "acquired": scene["acquired"], "file_sha256": scene["sha256"],
        "model": looked["model"], "model_sha256": looked["model_sha256"], "threshold": looked["threshold"],
        "put_into_use": _use(events, "segmenter", record.facts),
        "holds_the_patch": None if place is None else _holds(record.path(looked["raster"]), *place),
    }  # fmt: skip


def _use(events: Sequence[dict[str, Any]], kind: str, facts: dict[str, Any]) -> str:
    """Who brought a version into use, in words."""
    version, arm = facts.get("version", 0), facts.get("arm", "champion")
    if arm == "settings":
        return "named in config/models"
    if not version:
        return "ships with the package"
    wanted = PROMOTED if arm == "champion" else REGISTERED
    own = [e for e in events if e["kind"] == kind and e["version"] == version and e["action"] == wanted]
    if not own:
        return f"version {version}, {arm}; the registry does not know it"
    last = own[-1]
    return f"version {version}, {arm}: {wanted} {last['time']} by {last['by']}: {last['why']}"


def _holds(raster: Path, lon: float, lat: float) -> bool:
    import rasterio
    from rasterio.warp import transform_bounds

    with rasterio.open(raster) as source:
        west, south, east, north = transform_bounds(source.crs, "EPSG:4326", *source.bounds)
    return bool(west <= west + (lon - west) % 360 <= east and south <= lat <= north)


def lineage_text(found: dict[str, Any]) -> str:
    """The same for people."""
    plan, order = found["plan"], found["order"]
    lines = [f"Plan {plan['region']} {plan['issue_time']}, digest {plan['digest'][:12]}: {plan['status']}"
             + (f" by {plan['approved_by']} {plan['approved_at']}" if plan["approved_by"] else "")]  # fmt: skip
    if order:
        what = f"{order['action']} {order.get('task_id', '')}".strip()
        lines.append(f"Order {order['vessel_id']} {order.get('sequence')}: {what} {order['arrive']}")
    for scene in found["scenes"]:
        where = {True: ", holds the order's patch", False: ", elsewhere", None: ""}[scene["holds_the_patch"]]
        lines.append(f"  scene {scene['scene_id']} {scene['acquired']} file {scene['file_sha256'][:12]}{where}")
        lines.append(f"    seen by {scene['model']} {scene['model_sha256'][:12]}, threshold {scene['threshold']}: "
                     f"{scene['put_into_use']}")  # fmt: skip
    lines.append(f"  prior: {found['prior'] or 'none'}; looks in the map: {', '.join(found['looks']) or 'none'}")
    lines.append(f"  drift: {found['forecaster']['file']} ({found['forecaster']['put_into_use']})")
    lines += [f"  stage {s['stage']}: made from {s['key'][:12]}, gave {s['gave'][:12]}" for s in found["stages"]]
    return "\n".join(lines)
