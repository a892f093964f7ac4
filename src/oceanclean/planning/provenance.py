"""Where the numbers come from: the run's facts made into the model's tables; today's plan against the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oceanclean.planning import geodesy, notation
from oceanclean.planning.model import Change, Header, Model, Outcome, Seen, Source, Vessel

if TYPE_CHECKING:
    import xarray as xr

    from oceanclean.products import Plan, Segmentation
    from oceanclean.region import Region

#: Orders that begin this near yesterday's, in nautical miles, count as kept.
KEPT_NM = 5.0
#: Below this share of the sea seen, nothing is said of the day against others.
MOSTLY_UNSEEN = 0.3


def header_of(plan: Plan, region: Region, run: Mapping[str, Any]) -> Header:
    """Which plan this is."""
    from datetime import timedelta

    issue = notation.moment(str(run.get("issue_time") or plan.issue_time))
    generated = run.get("generated_at")
    return Header(
        title=notation.plain(region.settings.title, 200), region=region.name, simulated=region.settings.simulated,
        timezone=region.settings.timezone, run_id=notation.plain(run.get("run_id"), 120),
        issue_time=notation.iso(issue), valid_to=notation.iso(issue + timedelta(hours=plan.horizon_h)),
        generated_at=notation.iso(notation.moment(str(generated))) if generated else None,
        status=notation.plain(run.get("status") or "DRAFT", 20).upper(),
        prepared_by=notation.plain(run.get("prepared_by"), 120),
        approved_by=notation.plain(run.get("approved_by"), 120),
        approved_at=_time(run.get("approved_at")), approval_note=notation.plain(run.get("approval_note"), 500),
        plan_digest=notation.plain(run.get("plan_digest"), 64),
        software=notation.plain(run.get("software"), 120),
    )  # fmt: skip


def sources_of(
    run: Mapping[str, Any], forcing: xr.Dataset | None, segmentations: Sequence[Segmentation], issue_time: str
) -> list[Source]:
    """Data cut-off times by source: those that the run names, then every scene, then the forcing if nobody named it."""
    issue = notation.moment(issue_time)

    def source(name: str, cut_off: Any, available_at: Any = None, note: Any = "") -> Source:
        cut, available = _time(cut_off), _time(available_at)
        age = round((issue - notation.moment(cut)).total_seconds() / 3600.0, 2) if cut else None
        return Source(notation.plain(name, 160), cut, available, age, notation.plain(note, 400))

    named = run.get("sources") or {}
    found = [
        source(item.get("name", ""), item.get("cut_off"), item.get("available_at"), item.get("note"))
        for item in _records(named, "cut_off")
    ]
    for segmentation in segmentations:
        scene = segmentation.scene
        found.append(source(f"Scene {scene.scene_id}", scene.acquired, scene.available_at,
                            f"{scene.platform}, radiometry {scene.radiometry}"))  # fmt: skip
    if not named and forcing is not None:
        # a forecast reaches past the issue time: what counts is when it could be read
        found.append(source(str(forcing.attrs.get("source", "currents, wind, waves")),
                            forcing.attrs.get("available_at"), forcing.attrs.get("available_at")))  # fmt: skip
    return found


def _time(value: Any) -> str | None:
    """A time as ISO 8601 UTC; None where a source gives none or says it in words."""
    try:
        return notation.iso(notation.moment(str(value))) if value else None
    except ValueError:
        return None


def models_of(run: Mapping[str, Any], segmentations: Sequence[Segmentation], plan: Plan) -> list[Model]:
    """Models behind the numbers."""
    found = [
        Model(*(notation.plain(item.get(k), 200) for k in ("stage", "name", "version", "note")))
        for item in _records(run.get("models") or {}, "version")
    ]
    for model, sha, threshold in sorted({(s.model, s.model_sha256, s.threshold) for s in segmentations}):
        found.append(
            Model("detection", notation.plain(model, 160), notation.plain(sha)[:12], f"threshold {threshold:g}")
        )
    known = {m.stage for m in found}
    if "allocation" not in known and plan.solver:
        text = ", ".join(f"{k} {v}" for k, v in sorted(plan.solver.items()) if isinstance(v, (str, int, float)))
        found.append(Model("allocation", "route columns", "", notation.plain(text, 300)))
    return found


def _records(named: Any, value_key: str) -> list[dict[str, Any]]:
    """A list of records from a list, or from a mapping of name to record or plain value."""
    if isinstance(named, Mapping):
        return [
            {"name": k, "stage": k, **v} if isinstance(v, Mapping) else {"name": k, "stage": k, value_key: v}
            for k, v in named.items()
        ]
    return [dict(item) for item in named]


def lineage_of(run: Mapping[str, Any]) -> dict[str, str]:
    """Digests, seeds and settings by name, as text."""
    return {notation.plain(k, 120): notation.plain(v, 200) for k, v in sorted((run.get("lineage") or {}).items())}


def degraded_of(plan: Plan, run: Mapping[str, Any], segmentations: Sequence[Segmentation], seen: Seen) -> list[str]:
    """What is missing or old today, each sentence once, in the order of the chain; first that most was not seen."""
    said = [*(run.get("degraded") or []), *(t for s in segmentations for t in s.degraded), *plan.degraded]
    clean = [notation.plain(t, 500) for t in said]
    if not segmentations and not any("scene" in t.lower() for t in clean):
        clean.insert(0, "No satellite scene today.")
    if seen.observed_share < MOSTLY_UNSEEN:
        share = notation.percent(seen.observed_share)
        clean.insert(0, f"Only {share} of the sea was seen: on the rest debris is forecast or assumed; whether "
                        "there is more or less of it than usual cannot be told.")  # fmt: skip
    return list(dict.fromkeys(t for t in clean if t))


def changes_of(vessels: list[Vessel], yesterday: Mapping[str, Any] | None) -> list[Change]:
    """Each vessel's day against the plan before (a published ``plan.json``); empty without one."""
    if not yesterday:
        return []
    before = {v["vessel_id"]: v for v in yesterday.get("vessels", [])}
    changes = [_change(v, before.pop(v.vessel_id, None)) for v in vessels]
    gone = [Change(k, notation.plain(v.get("name"), 500), "gone", "No longer in the fleet.") for k, v in before.items()]
    return changes + gone


def outcomes_of(run: Mapping[str, Any]) -> list[Outcome]:
    """The plan before against its catch reports."""
    return [
        Outcome(notation.plain(row["vessel_id"], 40), notation.plain(row["name"]), round(float(row["expected_kg"]), 2),
                None if row["caught_kg"] is None else round(float(row["caught_kg"]), 2), int(row["hauls"]))
        for row in run.get("outcomes") or []
    ]  # fmt: skip


def _change(vessel: Vessel, before: Mapping[str, Any] | None) -> Change:
    def made(kind: str, text: str) -> Change:
        return Change(vessel.vessel_id, vessel.name, kind, text)

    if before is None:
        return made("new", "New in the fleet.")
    if before["status"] != vessel.status:
        word = (
            "Goes out; stayed in the plan before." if vessel.status == "sent" else "Stays; went out in the plan before."
        )
        return made("changed", word)
    if vessel.status != "sent":
        return made("kept", "Stays, as before.")
    first = next((o for o in vessel.orders if o.action == "collect"), None)
    was = next((o for o in before.get("orders", []) if o["action"] == "collect"), None)
    kilos = vessel.expected_kg - float(before["expected_kg"])
    gain = f"expected catch {'+' if kilos >= 0 else '−'}{notation.kilograms(abs(kilos))}"
    if first is None or was is None:
        return made("changed", f"{gain.capitalize()}.")
    course, miles = geodesy.leg(was["lat"], was["lon"], first.lat, first.lon)
    if miles <= KEPT_NM:
        return made("kept", f"First patch within {KEPT_NM:g} nm of the plan before; {gain}.")
    return made("moved", f"First patch {miles:.0f} nm {notation.compass(course)} of the plan before; {gain}.")
