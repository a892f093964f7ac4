"""The sentences at the top of the page: what to do, how sure, how good, and what may go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oceanclean.planning import notation
from oceanclean.planning.model import Bottom, Order, Task, Vessel

if TYPE_CHECKING:
    from oceanclean.products import Plan

#: Below this share of a limit left, the order is called tight.
TIGHT_SHARE = 0.25
#: Within reach in a smaller share of the forecasts, a patch is the plan's main risk.
DOUBTFUL = 0.7
#: Share of the expected catch from which it matters most that nobody has seen the patches.
UNSEEN_SHARE = 0.5


def bottom_of(plan: Plan, vessels: list[Vessel], tasks: list[Task], timezone: str) -> Bottom:
    """The bottom line of the plan."""
    sent = [v for v in vessels if v.status == "sent"]
    back = max((v.back for v in sent if v.back), default=None)
    waves = [o.wave_height_m for v in sent for o in v.orders if o.wave_height_m is not None]
    return Bottom(
        verdict=verdict(plan, vessels, timezone, back), expected_kg=round(plan.expected_kg, 2),
        p10_kg=round(plan.p10_kg, 2), p90_kg=round(plan.p90_kg, 2),
        bound_kg=None if plan.bound_kg is None else round(plan.bound_kg, 2),
        gap=None if plan.gap is None else round(plan.gap, 6), bound_statement=bound_statement(plan),
        nearest_kg=None if plan.nearest_kg is None else round(plan.nearest_kg, 2),
        nearest_statement=nearest_statement(plan),
        main_risk=main_risk(vessels, tasks), vessels_sent=len(sent), vessels_total=len(vessels),
        tasks_served=sum(1 for t in tasks if t.served_by), tasks_total=len(tasks),
        task_mass_share=round(plan.task_mass_share, 4), last_back=back, max_wave_height_m=max(waves, default=None),
    )  # fmt: skip


def verdict(plan: Plan, vessels: list[Vessel], timezone: str, back: str | None) -> str:
    """What to do, in one sentence."""
    sent = [v for v in vessels if v.status == "sent"]
    if not vessels:
        return "No plan to sail: the fleet has no vessel."
    if not sent:
        reasons = sorted({v.reason for v in vessels if v.reason})
        why = _inside(reasons[0]) if len(reasons) == 1 else "each vessel's reason stands below"
        return f"Keep {'the vessel' if len(vessels) == 1 else 'all vessels'} in port today: {why}."
    stops = {o.task_id for v in sent for o in v.orders if o.action == "collect"}
    home = f"; all are back by {notation.local(back, timezone)}" if back else ""
    return (
        f"Send {len(sent)} of {notation.count(len(vessels), 'vessel')} to "
        f"{notation.count(len(stops), 'patch', 'patches')}: {notation.kilograms(plan.expected_kg)} expected "
        f"(80 % range {notation.interval(plan.p10_kg, plan.p90_kg)}){home}."
    )


def _inside(sentence: str) -> str:
    """A sentence made fit to stand inside another; an acronym keeps its capitals."""
    small = sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() else sentence
    return small.rstrip(".")


def bound_statement(plan: Plan) -> str:
    """What is known of better plans."""
    if plan.bound_kg is None:
        return "No bound is known: a better plan may exist."
    if plan.expected_kg <= 0:
        if plan.bound_kg <= 0.5:
            return "Proven under the model: no plan of this fleet collects anything today."
        return f"Proven under the model: no plan of this fleet collects more than {notation.kilograms(plan.bound_kg)}."
    more = max(0.0, plan.bound_kg / plan.expected_kg - 1.0)
    if more < 5e-4:
        return "Proven optimal under the model: no other plan is expected to collect more."
    return (
        f"At most {notation.percent(more)} more is possible: under the model no plan of this fleet is expected to "
        f"collect more than {notation.kilograms(plan.bound_kg)}."
    )


def nearest_statement(plan: Plan) -> str:
    """What planning brings over sending each vessel to the nearest patch; "" where that is not known."""
    if plan.nearest_kg is None or plan.expected_kg < 1:
        return ""
    gain = plan.expected_kg - plan.nearest_kg
    simple = f"sending each vessel, when free, to the nearest patch ({notation.kilograms(plan.nearest_kg)})"
    if gain < 0.005 * plan.expected_kg:
        return f"Under the same model this plan is expected to bring no more than {simple}."
    part = f" ({notation.percent(gain / plan.nearest_kg)})" if plan.nearest_kg >= 1 else ""
    return f"Under the same model this plan is expected to bring {notation.kilograms(gain)} more{part} than {simple}."


def main_risk(vessels: list[Vessel], tasks: list[Task]) -> str:
    """The one thing to watch."""
    orders = [(v, o) for v in vessels for o in v.orders if o.action == "collect"]
    if not orders:
        return "None at sea: no vessel is sent to a patch."
    doubtful = [(o.forecasts_in_reach, v, o) for v, o in orders if o.forecasts_in_reach is not None]
    if doubtful:
        share, vessel, order = min(doubtful, key=lambda d: (d[0], d[1].number, d[2].sequence))
        if share < DOUBTFUL:
            return (
                f"{order.task_id} may not be where {short(vessel)} looks for it: within reach in "
                f"{notation.percent(share)} of the forecasts, {notation.kilograms(order.expected_kg)} at stake."
            )
    blind = _unseen(orders, tasks)
    if blind:
        return blind
    rough = [
        (1 - o.wave_height_m / v.max_wave_height_m, v, o)
        for v, o in orders
        if o.wave_height_m is not None and v.max_wave_height_m > 0
    ]
    if rough:
        left, vessel, order = min(rough, key=lambda r: (r[0], r[1].number, r[2].sequence))
        if left < TIGHT_SHARE:
            return (
                f"Waves of {order.wave_height_m:.1f} m at {order.task_id} come near the limit of {short(vessel)}, "
                f"{vessel.max_wave_height_m:.1f} m."
            )
    wide = max(orders, key=lambda d: (d[1].p90_kg - d[1].p10_kg, -d[0].number))
    return (
        f"The catch at {wide[1].task_id} is the least certain: "
        f"{notation.interval(wide[1].p10_kg, wide[1].p90_kg)} (80 %)."
    )


def _unseen(orders: list[tuple[Vessel, Order]], tasks: list[Task]) -> str:
    """A sentence where half of the catch or more rests on patches that no look of today shows; else nothing."""
    seen = {t.task_id for t in tasks if t.observed}
    blind = [o for _vessel, o in orders if o.task_id not in seen]
    kg, total = sum(o.expected_kg for o in blind), sum(o.expected_kg for _vessel, o in orders)
    if not blind or total <= 0 or kg < UNSEEN_SHARE * total:
        return ""
    if len(blind) == len(orders):
        return "None of the patches was seen by today's data: all rest on the drift forecast."
    return (
        f"{notation.percent(kg / total)} of the catch ({notation.kilograms(kg)}, {len(blind)} of {len(orders)} orders) "
        "rests on patches that today's data do not show."
    )


def short(vessel: Vessel) -> str:
    """A vessel's name cut to what a sentence bears."""
    return notation.plain(vessel.name, 40)
