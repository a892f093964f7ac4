"""The end of a run in words: what the command line prints and what Prefect's artifacts show."""

from __future__ import annotations

import base64
from typing import Any

from oceanclean.chain.day import DayResult
from oceanclean.products.plan import Plan

#: The order in which the plan's files are named.
_FIRST = ("page", "picture", "geojson", "gpx", "csv", "json")


def kilograms(mass: float) -> str:
    """A mass as people say it: ``1.2 t`` from a tonne on, else ``340 kg``."""
    return f"{mass / 1000:.1f} t" if mass >= 1000 else f"{mass:.0f} kg"


def summary_lines(result: DayResult) -> list[str]:
    """Sentences and file names, one a line."""
    seconds = sum(r.seconds for r in result.records if not r.reused)
    reused = sum(r.reused for r in result.records)
    title = result.run.region.settings.title
    lines = [
        f"Plan for {title}, issued {result.run.issue_time}",
        f"  expected catch {kilograms(result.expected_kg)}, 80 % interval {kilograms(result.p10_kg)} to "
        + kilograms(result.p90_kg),
    ]
    if result.gap is not None and result.gap < 1:
        more = result.gap / (1 - result.gap)  # the gap is a share of the bound, people compare with the plan
        lines.append(f"  proven: no plan of this fleet is expected to bring more than {100 * more:.0f} % on top")
    lines += [f"  degraded: {sentence}" for sentence in result.degraded]
    lines.append(f"  {len(result.records)} stages, {reused} from the store, {seconds:.1f} s")
    named = [k for k in _FIRST if k in result.files] + sorted(k for k in result.files if k not in _FIRST)
    lines += [f"  {kind:10s} {result.files[kind]}" for kind in named]
    return lines


def vessel_rows(result: DayResult) -> list[dict[str, Any]]:
    """One row a vessel for a table."""
    allocate = next(r for r in result.records if r.stage == "allocate")
    return [
        {
            "vessel": v.vessel_id, "status": v.status, "expected kg": round(v.expected_kg),
            "80 % interval": f"{v.p10_kg:.0f} to {v.p90_kg:.0f}", "nm": round(v.distance_m / 1852, 1),
            "hours": round(v.hours, 1), "reason": v.reason,
        }
        for v in Plan.load(allocate.folder).vessels
    ]  # fmt: skip


def image_markdown(result: DayResult) -> str:
    """The plan's picture inside Markdown, so that it shows without a file server."""
    picture = result.files["picture"].read_bytes()
    return f"![deployment plan](data:image/png;base64,{base64.b64encode(picture).decode()})"


def decision_lines(result: DayResult) -> list[str]:
    """What people decided and what it costs, one line a decision; nothing where nothing was decided."""
    allocate = next(r for r in result.records if r.stage == "allocate")
    decided = allocate.facts.get("decided")
    if not decided:
        return []
    free, all_cost = decided["free_kg"], decided["free_kg"] - result.expected_kg
    by = f" by {decided['by']}" if decided["by"] else ""
    lines = [f"  decided{by}: {_price(all_cost)} in all; without decisions {kilograms(free)} are expected"]
    for entry in decided["entries"]:
        price = "priced together" if entry["cost_kg"] is None else _price(max(0.0, entry["cost_kg"]))
        reason = f" ({entry['reason']})" if entry["reason"] else ""
        lines.append(f"    {entry['text']}{reason}: {price}")
    return lines


def _price(mass: float) -> str:
    if abs(mass) < 0.5:
        return "costs nothing"
    return f"costs {kilograms(mass)}" if mass > 0 else f"costs nothing (the search found {kilograms(-mass)} more)"
