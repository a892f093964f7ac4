"""The plan as people read it: one model, from which the page and every file are written.

Plain values only, so that the model is also the published ``plan.json`` (schema: ``docs/plan.schema.json``). Positions
are degrees in EPSG:4326 rounded to 1e-6 (0.1 m), longitudes in [−180, 180); times are ISO 8601 UTC; the unit of any
other number ends its name. Text from outside is free of control characters but not escaped: writers escape.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SCHEMA = "oceanclean-plan/2"


@dataclass(frozen=True)
class Alternate:
    """Where to turn if the patch is gone: the nearest worthwhile patch that no vessel is sent to."""

    task_id: str
    lat: float
    lon: float
    distance_nm: float
    course_deg: float
    transit_h: float
    mass_kg: float


@dataclass(frozen=True)
class Search:
    """Expanding square (IAMSAR Manual vol. III, pattern SS) where a patch is not seen: legs turn right by 90°.

    A search out to ``radius_nm`` comes upon the patch with the chance ``covers``; legs are (course, length in nm);
    ``hours`` at transit speed.
    """

    radius_nm: float
    covers: float
    spacing_nm: float
    legs: list[tuple[float, float]]
    distance_nm: float
    hours: float


@dataclass(frozen=True)
class Stretch:
    """A straight part of the way to an order: its true course, its length, and the position where it ends."""

    course_deg: float
    distance_nm: float
    lat: float
    lon: float


@dataclass(frozen=True)
class Order:
    """One line of a vessel's day; quantities hold at ``leave``.

    It begins at ``lat``, ``lon`` and ends at ``end_lat``, ``end_lon``: a sweep drifts with its patch. ``way`` leads to
    it from the end of the order before; ``distance_nm`` is its length with all bends, ``first_course_deg`` the course
    of its first stretch. ``forecasts_in_reach`` is the share of the forecasts that have the patch within reach;
    ``finding_chance`` that share times the probability that what was seen is debris, None for a patch not seen.
    """

    sequence: int
    waypoint: str
    action: str
    task_id: str
    place: str
    lat: float
    lon: float
    end_lat: float
    end_lon: float
    arrive: str
    leave: str
    window_start: str | None
    window_end: str | None
    distance_nm: float
    first_course_deg: float | None
    way: list[Stretch]
    expected_kg: float
    p10_kg: float
    p90_kg: float
    forecasts_in_reach: float | None
    finding_chance: float | None
    hold_kg: float
    endurance_left_h: float
    fuel_left_l: float | None
    wave_height_m: float | None
    wind_kn: float | None
    daylight: bool
    drift_course_deg: float | None
    drift_speed_kn: float | None
    evidence: str
    reason: str
    go_no_go: str
    leave_by: str | None
    spare_h: float | None
    search: Search | None
    alternate: Alternate | None


@dataclass(frozen=True)
class Leg:
    """The way to the order ``sequence``, sailed around land: (lon, lat) vertices, first and last are the orders'."""

    sequence: int
    line: list[tuple[float, float]]


@dataclass(frozen=True)
class Vessel:
    """A vessel's card."""

    number: int
    vessel_id: str
    name: str
    file_name: str
    callsign: str
    mmsi: str
    master: str
    contact: str
    home_port: str
    status: str
    reason: str
    depart: str | None
    back: str | None
    expected_kg: float
    p10_kg: float
    p90_kg: float
    distance_nm: float
    hours: float
    binding: list[str]
    transit_kn: float
    collect_kn: float
    swath_m: float
    hold_kg: float
    hold_before_kg: float
    hold_after_kg: float
    endurance_before_h: float
    endurance_after_h: float
    fuel_before_l: float | None
    fuel_after_l: float | None
    max_wave_height_m: float
    max_wind_kn: float
    daylight_only: bool
    lat: float
    lon: float
    orders: list[Order] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)


@dataclass(frozen=True)
class TrackPoint:
    """Mean position of a drifting patch at a time."""

    time: str
    lat: float
    lon: float


@dataclass(frozen=True)
class Task:
    """A patch of debris, where it is at the issue time.

    ``left_for`` (``names.LEFT_FOR``) and ``reason`` say why no vessel goes; ``debris_probability`` is that of the
    surest detection of debris near it, None where it was not seen today or nothing was detected.
    """

    task_id: str
    lat: float
    lon: float
    mass_kg: float
    p10_kg: float
    p90_kg: float
    radius_m: float
    density_kg_km2: float
    served_by: str
    left_for: str
    reason: str
    evidence: str
    observed: bool
    observation_age_h: float | None
    debris_probability: float | None
    track: list[TrackPoint] = field(default_factory=list)


@dataclass(frozen=True)
class ClosedArea:
    """An area where no vessel collects: (lon, lat) corners."""

    name: str
    reason: str
    starts: str | None
    ends: str | None
    polygon: list[tuple[float, float]]


@dataclass(frozen=True)
class Port:
    """A port."""

    name: str
    lat: float
    lon: float


@dataclass(frozen=True)
class Source:
    """A source of data: what it is, up to when it reaches, when it could be read."""

    name: str
    cut_off: str | None
    available_at: str | None
    age_h: float | None
    note: str


@dataclass(frozen=True)
class Model:
    """A model behind a number on the page."""

    stage: str
    name: str
    version: str
    note: str


@dataclass(frozen=True)
class Seen:
    """How the sea was seen: shares of the sea's cells, hours."""

    observed_share: float
    carried_share: float
    climatology_share: float
    youngest_h: float | None


@dataclass(frozen=True)
class Change:
    """One vessel's plan against the plan before."""

    vessel_id: str
    name: str
    kind: str
    text: str


@dataclass(frozen=True)
class Outcome:
    """What a vessel of the plan before was expected to bring by now, and what it reported; None: no report."""

    vessel_id: str
    name: str
    expected_kg: float
    caught_kg: float | None
    hauls: int


@dataclass(frozen=True)
class Decision:
    """What a person decided over the planner; ``cost_kg`` is what the plan without it would bring more."""

    kind: str
    text: str
    reason: str
    cost_kg: float | None
    kept: bool | None


@dataclass(frozen=True)
class Hand:
    """All that people decided; ``free_kg`` is expected of the plan without any of it, ``cost_kg`` what all costs."""

    by: str
    free_kg: float
    cost_kg: float
    decisions: list[Decision] = field(default_factory=list)


@dataclass(frozen=True)
class WhatIf:
    """The plan if something were otherwise; ``change_kg`` against the plan as it is.

    ``differs``: the change is larger than the search's own noise (``PlanView.what_if_noise`` of the expected catch).
    """

    kind: str
    text: str
    expected_kg: float
    change_kg: float
    differs: bool
    vessels_sent: int


@dataclass(frozen=True)
class Header:
    """Which plan this is."""

    title: str
    region: str
    simulated: bool
    timezone: str
    run_id: str
    issue_time: str
    valid_to: str
    generated_at: str | None
    status: str
    prepared_by: str
    approved_by: str
    approved_at: str | None
    approval_note: str
    plan_digest: str
    software: str


@dataclass(frozen=True)
class Bottom:
    """The bottom line."""

    verdict: str
    expected_kg: float
    p10_kg: float
    p90_kg: float
    bound_kg: float | None
    gap: float | None
    bound_statement: str
    nearest_kg: float | None
    nearest_statement: str
    main_risk: str
    vessels_sent: int
    vessels_total: int
    tasks_served: int
    tasks_total: int
    task_mass_share: float
    last_back: str | None
    max_wave_height_m: float | None


@dataclass(frozen=True)
class PlanView:
    """Everything the page and the files say."""

    schema: str
    header: Header
    bottom: Bottom
    degraded: list[str]
    seen: Seen
    vessels: list[Vessel]
    tasks: list[Task]
    closed_areas: list[ClosedArea]
    ports: list[Port]
    sources: list[Source]
    models: list[Model]
    solver: dict[str, str]
    changes: list[Change]
    outcomes: list[Outcome]
    hand: Hand | None
    what_if: list[WhatIf]
    what_if_noise: float
    lineage: dict[str, str]

    @property
    def sent(self) -> list[Vessel]:
        """Vessels that go out."""
        return [v for v in self.vessels if v.status == "sent"]

    @property
    def unserved(self) -> list[Task]:
        """Patches that no vessel is sent to, heaviest first."""
        return sorted((t for t in self.tasks if not t.served_by), key=lambda t: (-t.mass_kg, t.task_id))

    def vessel(self, vessel_id: str) -> Vessel | None:
        """The vessel of that identifier."""
        return next((v for v in self.vessels if v.vessel_id == vessel_id), None)
