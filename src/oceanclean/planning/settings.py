"""What a person may change about the page; ``config/models/planning.yaml`` overrides these defaults."""

from __future__ import annotations

from pydantic import Field

from oceanclean.settings import Settings


class PlanningSettings(Settings):
    """Settings of the planning room."""

    frame_step_h: float = Field(default=6, gt=0, le=48, description="hours between two pictures of the forecast")
    density_max_kg_km2: float | None = Field(
        default=None, gt=0, description="top of the colour scale; null: from the data, rounded up to 1, 2 or 5"
    )
    density_decades: float = Field(default=2.5, gt=0.5, le=6, description="decades that the colour scale spans")
    wave_max_m: float = Field(default=4.0, gt=0, le=20, description="top of the colour scale of wave height")
    coast_tolerance_deg: float = Field(default=0.002, ge=0, le=0.2, description="simplification of the coast line")
    map_margin: float = Field(default=0.9, ge=0, le=3, description="land drawn beyond the waters, in widths of the box")
    max_image_px: int = Field(default=640, ge=100, le=4000, description="longest side of a density picture")
    max_detections: int = Field(default=600, ge=0, le=20_000, description="detections drawn on the map, largest first")
    max_thumbnails: int = Field(default=12, ge=0, le=60, description="detections shown with their pixels")
    thumbnail_m: float = Field(default=800, ge=100, le=10_000, description="side of the ground that a thumbnail shows")
    max_pictures: int = Field(default=2, ge=0, le=20, description="scene pictures shown in the page")
    picture_px: int = Field(default=900, ge=200, le=3000, description="width of a scene picture in the page")
    evidence_km: float = Field(default=15, gt=0, le=200, description="a detection this near a patch is its evidence")
    alternate_h: float = Field(default=4, gt=0, le=48, description="an alternate lies within this transit time")
    found_within_m: float = Field(
        default=4000, gt=0, description="distance that the chance of finding is meant for (allocation: search_radius_m)"
    )
    sight_m: float = Field(default=1500, gt=0, description="how far debris is seen to either side of the track by day")
    search_h: float = Field(default=3, gt=0, le=24, description="longest search, hours at transit speed")
    search_covers: float = Field(
        default=0.8, gt=0, lt=1, description="chance that the search square comes upon the patch"
    )
    what_if_iterations: int = Field(default=600, ge=0, description="search of each row of the what-if table; 0: none")
    what_if_noise: float = Field(
        default=0.02, ge=0, lt=1, description="share of the expected catch within which the table tells no difference"
    )
    decided_iterations: int = Field(
        default=600, ge=1, description="search of a plan under people's decisions, from the plan without them"
    )
    priced_singly: int = Field(default=4, ge=0, le=50, description="as many decisions are priced one by one at most")
    price_iterations: int = Field(default=600, ge=1, description="search of a plan made only for a decision's price")
    message_characters: int = Field(default=1200, ge=300, le=10_000, description="limit of a satellite message")
    overview_dpi: int = Field(default=120, ge=50, le=300, description="resolution of plan.png")
    papers: bool = Field(default=True, description="write plan.pdf and an assignment sheet for each vessel")
    max_page_bytes: int = Field(
        default=8_000_000, ge=500_000, description="limit of the page: pictures are made fewer and coarser to keep it"
    )
