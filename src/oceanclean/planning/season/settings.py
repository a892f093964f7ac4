"""What a person may change about the season report; ``config/models/season.yaml`` overrides these defaults."""

from __future__ import annotations

from pydantic import Field, model_validator

from oceanclean.settings import Settings


class Cost(Settings):
    """A price with its source; without a value the figures that need it are left out, and the report says so."""

    value: float | None = Field(default=None, ge=0, le=1e9)
    source: str = Field(default="", max_length=300, description="where the figure comes from, shown beside it")

    @model_validator(mode="after")
    def _sourced(self) -> Cost:
        if self.value is not None and not self.source.strip():
            raise ValueError("a price needs a source: say where the figure comes from")
        return self


class CostSettings(Settings):
    """What a season costs."""

    currency: str = Field(default="", max_length=12, description="as it is to be written, such as EUR or USD")
    vessel_day: Cost = Field(default_factory=Cost, description="one vessel, one day at sea: charter, crew, gear")
    fuel_per_litre: Cost = Field(default_factory=Cost, description="one litre of fuel")
    disposal_per_kg: Cost = Field(default_factory=Cost, description="unloading and disposal of one kilogram")

    @model_validator(mode="after")
    def _named_currency(self) -> CostSettings:
        if self.given and not self.currency.strip():
            raise ValueError("name the currency of the prices")
        return self

    @property
    def given(self) -> bool:
        """Any price was given."""
        return any(c.value is not None for c in (self.vessel_day, self.fuel_per_litre, self.disposal_per_kg))


class SeasonSettings(Settings):
    """Settings of the season report."""

    area_deg: float = Field(default=0.25, gt=0, le=10, description="side of the squares that catches are summed over")
    match_h: float = Field(default=6.0, ge=0, le=72, description="a haul without a task: hours to its order, at most")
    mean_days: int = Field(default=7, ge=2, le=60, description="days of the running mean")
    trend_days: int = Field(default=7, ge=4, le=90, description="days with gear out below which no trend is given")
    confidence: float = Field(default=0.95, ge=0.5, le=0.999, description="of the intervals of hit rate and trend")
    costs: CostSettings = Field(default_factory=CostSettings)
