"""The four reports of a season: for officials, the project manager, the biologist, the compliance officer."""

from __future__ import annotations

from oceanclean.planning.notation import count, kilograms, percent
from oceanclean.planning.season import charts, compliance, nature
from oceanclean.planning.season.document import Document, Figure, Picture, Section, Table, join, table
from oceanclean.planning.season.tally import HitRate, Season, kind_of
from oceanclean.products.names import FLOATING

#: Reports by file name, with what each is for.
KINDS = {
    "season": "Season report", "manager": "Project manager", "biologist": "Biologist",
    "compliance": "Compliance officer",
}  # fmt: skip

_WHAT_A_DAY_IS = (
    "A day begins at the hour at which the region's plans are made, on its own clock. Orders that a later plan "
    "overtook do not count as expected."
)
_NO_PRICES = (
    "No figure: the prices in config/models/season.yaml (costs) are empty, or nothing can be counted with them. They "
    "are left for you to fill in, each with its source."
)
_WHAT_WAS_SEEN = (
    "Areas of pixels called so by the segmenter; it confuses classes, and months with more clear sky show more."
)
_WHAT_IS_CLOSED = (
    "Protected areas are the region's exclusion_zones. A haul is inside when its middle is, at a time when the area is "
    "closed. Mapped debris is the mean over the season's maps, cells by their centres."
)
_WHAT_DIGESTS_ARE = (
    "Digests are the first twelve figures of SHA-256; the whole ledger is the run's run.json, the lineage its STAC "
    "catalogue."
)

_DAYS = {
    "day": ("Day", "text"), "plan": ("Plan", "text"), "vessels_sent": ("Vessels sent", "d"), "hauls": ("Hauls", "d"),
    "gear_h": ("Gear out, h", ",.1f"), "caught_kg": ("Caught, kg", ",.0f"), "expected_kg": ("Expected, kg", ",.0f"),
    "p10_kg": ("80 % from", ",.0f"), "p90_kg": ("80 % to", ",.0f"), "inside": ("Inside", "text"),
}  # fmt: skip
_VESSELS = {
    "vessel": ("Vessel", "text"), "days_out": ("Days out", "d"), "hauls": ("Hauls", "d"),
    "gear_h": ("Gear out, h", ",.1f"), "caught_kg": ("Caught, kg", ",.0f"), "kg_per_h": ("kg an hour", ",.0f"),
    "expected_kg": ("Expected, kg", ",.0f"), "fuel_l": ("Fuel, l", ",.0f"),
}  # fmt: skip
_AREAS = {
    "area": ("Square (south-west corner)", "text"), "hauls": ("Hauls", "d"), "gear_h": ("Gear out, h", ",.1f"),
    "caught_kg": ("Caught, kg", ",.0f"), "share": ("Share", ".0%"),
}  # fmt: skip


def documents(season: Season) -> list[Document]:
    """All four, in the order of :data:`KINDS`."""
    return [_officials(season), _manager(season), _biologist(season), _compliance(season)]


def _document(season: Season, name: str, verdict: str, figures: list[Figure], sections: list[Section]) -> Document:
    when = f"{season.start.day} {season.start:%b %Y} to {season.end.day} {season.end:%b %Y}"
    return Document(name, KINDS[name], season.region.title, when, season.region.simulated, verdict, figures,
                    season.notes if name == "season" else [], sections)  # fmt: skip


def _officials(season: Season) -> Document:
    out = int((season.days["hauls"] > 0).sum())
    verdict = (
        f"{kilograms(season.caught_kg)} of debris taken from the sea in {count(len(season.hauls), 'haul')} on "
        f"{count(out, 'day')} of {len(season.days)}, by {count(int((season.vessels['hauls'] > 0).sum()), 'vessel')}."
    )
    figures = [
        Figure("Caught", kilograms(season.caught_kg), _of_expected(season)),
        Figure("Hauls", str(len(season.hauls)), f"{season.hauls['gear_h'].sum():,.0f} h with the gear out"),
        Figure("Best day", *_best_day(season)),
        Figure("Trend", *_trend(season)),
        Figure("Forecast", _rate(season.by_order), "of reported orders inside their 80 % interval"),
    ]
    sections = [
        _day_section(season), _forecast_section(season), _vessel_section(season), _area_section(season),
    ]  # fmt: skip
    return _document(season, "season", verdict, figures, sections)


def _of_expected(season: Season) -> str:
    """Catch beside what the plans of the days with hauls expected."""
    told = season.days[(season.days["hauls"] > 0) & season.days["expected_kg"].notna()]
    if told.empty:
        return "no plan to compare with"
    return f"plans of these days expected {kilograms(float(told['expected_kg'].sum()))}"


def _best_day(season: Season) -> tuple[str, str]:
    caught = season.days.dropna(subset="caught_kg")
    if caught.empty:
        return "–", "no haul was reported"
    best = caught.iloc[int(caught["caught_kg"].argmax())]
    return kilograms(float(best["caught_kg"])), f"{best['day'].day} {best['day']:%b %Y}"


def _trend(season: Season) -> tuple[str, str]:
    trend = season.trend
    if trend is None:
        return "–", f"fewer than {season.settings.trend_days} days with hauls"
    word = "unclear" if trend.low <= 0 <= trend.high else ("rising" if trend.slope > 0 else "falling")
    interval = f"{percent(season.settings.confidence)} interval {trend.low:+.1f} to {trend.high:+.1f}"
    return word, f"{trend.slope:+.1f} kg an hour of gear, a day; {interval}"


def _rate(rate: HitRate) -> str:
    return f"{rate.inside} of {rate.of}" if rate.of else "–"


def _day_section(season: Season) -> Section:
    says = f"Catch by day: {kilograms(season.caught_kg)} in all; the table below has the figures."
    picture = Picture(charts.by_day(season), says)
    return Section("Catch by day", [_WHAT_A_DAY_IS], picture, table(season.days, _DAYS, 400), len(season.days) > 14)


def _forecast_section(season: Season) -> Section:
    rate, days, confidence = season.by_order, season.by_day, percent(season.settings.confidence)
    if not rate.of:
        return Section("Forecast against catch", ["No reported haul belongs to an order of a plan."])
    inside = (
        f"{rate.inside} of {rate.of} reported orders ({percent(rate.share)}) brought a catch inside their 80 % "
        f"interval; with this many reports the true rate may be anything from {percent(rate.low)} to "
        f"{percent(rate.high)} ({confidence} interval). A rate below 80 % means that the plans promise too narrowly."
    )
    sentences = [inside]
    if days.of:
        sentences.append(f"Whole days: {days.inside} of {days.of} inside.")
    silent = len(season.orders) - rate.of
    if silent:
        sentences.append(f"{count(silent, 'order has', 'orders have')} no report and "
                         f"{'is' if silent == 1 else 'are'} left out.")  # fmt: skip
    done = season.hauls[season.hauls["order"] >= 0].groupby("order")["caught_kg"].sum()
    told = float(season.orders.loc[done.index, "expected_kg"].sum())
    if told:
        sentences.append(f"Of the reported orders {kilograms(told)} were expected and {kilograms(float(done.sum()))} "
                         f"caught ({done.sum() / told:.2f} of the expectation).")  # fmt: skip
    says = f"Each reported order: expected against caught; {_rate(rate)} inside the interval."
    return Section("Forecast against catch", sentences, Picture(charts.told_and_caught(season), says))


def _vessel_section(season: Season) -> Section:
    says = "Catch and expected catch of each vessel; the table below has the figures."
    return Section("Catch by vessel", [], Picture(charts.by_vessel(season), says), table(season.vessels, _VESSELS, 100))


def _area_section(season: Season) -> Section:
    side = f"{season.settings.area_deg:g}°"
    says = "Hauls on the map, closed areas hatched; the table below sums them by square."
    sentences = [f"Squares are {side} wide. Hatched areas are closed to collecting."]
    return Section("Catch by area", sentences, Picture(charts.by_area(season), says), table(season.areas, _AREAS, 30))


def _manager(season: Season) -> Document:
    cost, lost = season.cost, season.lost
    figures = [
        Figure("Caught", kilograms(season.caught_kg), _of_expected(season)),
        Figure("Cost per kg", f"{cost.per_kg:,.2f} {cost.currency}" if cost and cost.per_kg is not None else "–",
               "see below" if cost else "no prices were given"),
        Figure("Vessel days out", str(int(season.vessels["days_out"].sum())), ""),
        Figure("Vessel days lost", str(len(lost)), join([f"{n} {k}" for k, n in lost["kind"].value_counts().items()])),
    ]  # fmt: skip
    verdict = f"{kilograms(season.caught_kg)} caught; {count(len(lost), 'vessel day')} brought nothing."
    sections = [_day_section(season), _cost_section(season), *_lost_sections(season), _vessel_section(season)]
    return _document(season, "manager", verdict, figures, sections)


def _cost_section(season: Season) -> Section:
    cost = season.cost
    if cost is None:
        return Section("Cost", [_NO_PRICES])
    sentences = [f"{cost.total:,.0f} {cost.currency} in all."]
    if cost.missing:
        sentences.append(f"Not in it: {join(list(cost.missing))}.")
    return Section("Cost", sentences, table=Table(["In the total"], [[p] for p in cost.parts]))


def _lost_sections(season: Season) -> list[Section]:
    lost = season.lost
    if lost.empty:
        return [Section("Days lost, and why", ["None."])]
    counted = lost.assign(why=[kind_of(r) for r in lost["reason"]]).groupby(["kind", "why"]).size()
    grouped = counted.sort_values(ascending=False).reset_index(name="days")
    columns = {"kind": ("Kind", "text"), "why": ("Why (figures left out)", "text"), "days": ("Days", "d")}
    single = {"day": ("Day", "text"), "vessel": ("Vessel", "text"), "kind": ("Kind", "text"), "reason": ("Why", "text")}
    return [
        Section("Days lost, and why", [], table=table(grouped, columns, 30)),
        Section("Each day lost", [], table=table(lost, single, 200), folded=len(lost) > 14),
    ]


def _biologist(season: Season) -> Document:
    classes, seen = nature.caught_classes(season), nature.seen_classes(season.runs)
    zones, notes = nature.zones(season)
    told = classes[classes["debris"] != "not told"]
    main = told.groupby("debris")["caught_kg"].sum().sort_values(ascending=False) if len(told) else None
    known = float(told["caught_kg"].sum()) / season.caught_kg if season.caught_kg else 0.0
    figures = [
        Figure("Caught", kilograms(season.caught_kg), ""),
        Figure("Mostly", str(main.index[0]) if main is not None else "–", "by mass of the hauls that name a class"),
        Figure("Class told", percent(known), "of the mass"),
        Figure("Hauls in closed areas", str(int(zones["hauls"].sum())), f"{count(len(zones), 'area')}"),
    ]  # fmt: skip
    verdict = _nature_verdict(season, int(zones["hauls"].sum()), len(zones))
    caught = {"season": ("Season", "text"), "area": ("Square", "text"), "debris": ("Debris", "text"),
              "hauls": ("Hauls", "d"), "caught_kg": ("Caught, kg", ",.0f")}  # fmt: skip
    above = {"month": ("Month", "text"), "scenes": ("Scenes", "d"), "observed_km2": ("Observed, km²", ",.0f"),
             **{k: (k.replace("_", " ") + ", km²", ",.3f") for k in FLOATING}}  # fmt: skip
    closed = {"zone": ("Area", "text"), "reason": ("Why closed", "text"), "hauls": ("Hauls inside", "d"),
              "caught_kg": ("Caught inside, kg", ",.0f"), "mapped_kg": ("Mapped inside, kg", ",.0f"),
              "mapped_share": ("Share of mapped debris", ".1%")}  # fmt: skip
    sections = [
        Section("What was caught, by class, square and season",
                ["The class is what the crew said a haul mostly was; a haul counts with all its mass."],
                Picture(charts.by_class(season), "Catch by class and square; the table below has the figures."),
                table(classes, caught, 60)),
        Section("What the satellites saw", [_WHAT_WAS_SEEN if len(seen) else "No scene was read in these days."],
                table=table(seen, above) if len(seen) else None),
        Section("Closed areas", [*_zone_sentences(len(zones)), *notes],
                Picture(charts.by_area(season), "Hauls and closed areas on the map."),
                table(zones, closed) if len(zones) else None),
    ]  # fmt: skip
    return _document(season, "biologist", verdict, figures, sections)


def _nature_verdict(season: Season, inside: int, zones: int) -> str:
    if not zones:
        return f"{kilograms(season.caught_kg)} caught; the region has no closed areas in its settings."
    where = "no haul lies" if inside == 0 else f"{count(inside, 'haul lies', 'hauls lie')}"
    return f"{kilograms(season.caught_kg)} caught; {where} inside a closed area."


def _zone_sentences(zones: int) -> list[str]:
    if not zones:
        return ["The region's settings name no closed area (exclusion_zones)."]
    return [_WHAT_IS_CLOSED]


def _compliance(season: Season) -> Document:
    lineage, data = compliance.lineage(season.runs), compliance.data_licences(season.runs)
    software, approved = compliance.software_licences(), compliance.approvals(season.runs, season.decisions)
    signed = int((approved["status"] == "APPROVED").sum())
    unstated = int((data["licence"] == compliance.NO_LICENCE).sum())
    figures = [
        Figure("Runs", str(len(lineage)), join([f"{n} {k}" for k, n in lineage["outcome"].value_counts().items()])),
        Figure("Plans approved", f"{signed} of {len(approved)}", "by a person, in the audit log or on the plan"),
        Figure("Sources", str(len(data)), f"{unstated} without a stated licence"),
        Figure("Packages", str(len(software)),
               f"{int((software['licence'] == compliance.NO_LICENCE).sum())} without a stated licence"),
    ]  # fmt: skip
    verdict = (f"{count(len(approved) - signed, 'plan was', 'plans were')} issued without a recorded approval; "
               f"{count(unstated, 'source states', 'sources state')} no licence.")  # fmt: skip
    sections = [
        Section("Approvals", [], table=table(approved, {
            "issue_time": ("Plan", "text"), "status": ("Status", "text"), "approved_by": ("By", "text"),
            "approved_at": ("At", "text")}, 400)),
        Section("What people decided", [] if season.decisions else ["The audit log is empty or absent."],
                table=_decisions(season) if season.decisions else None),
        Section("Where each plan comes from",
                [_WHAT_DIGESTS_ARE], table=table(lineage, {
            "issue_time": ("Plan", "text"), "outcome": ("Outcome", "text"), "software": ("Version", "text"),
            "code": ("Code", "text"), "seed": ("Seed", "text"), "models": ("Models", "text"),
            "plan_sha256": ("plan.json", "text")}, 400)),
        Section("Data and their licences", ["Stated in config/sources; what is not stated there has to be asked for."],
                table=table(data, {"role": ("Role", "text"), "source": ("Source", "text"),
                                   "licence": ("Licence", "text"), "runs": ("Runs", "d")})),
        Section("Software and its licences", ["As the installed packages state them."],
                table=table(software, {"package": ("Package", "text"), "version": ("Version", "text"),
                                       "licence": ("Licence", "text")}), folded=True),
    ]  # fmt: skip
    return _document(season, "compliance", verdict, figures, sections)


def _decisions(season: Season) -> Table:
    import pandas as pd

    columns = {"time": ("Time", "text"), "by": ("By", "text"), "action": ("What", "text"),
               "issue_time": ("Plan", "text"), "note": ("Note", "text")}  # fmt: skip
    return table(pd.DataFrame([d.__dict__ for d in season.decisions]), columns, 400)
