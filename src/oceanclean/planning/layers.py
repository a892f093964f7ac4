"""What the map draws besides the model: pictures of density, doubt, looks and waves, the coast, the detections."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.planning import colour, notation
from oceanclean.planning.colour import Scale
from oceanclean.planning.evidence import CLIMATOLOGY, FORECAST, LAND
from oceanclean.planning.raster import Canvas, hatch
from oceanclean.planning.settings import PlanningSettings
from oceanclean.products import names

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from oceanclean.region import Region

#: Larger tables of figures under the pointer are left out: they would fill the page.
MAX_VALUES_BYTES = 2_500_000


@dataclass(frozen=True)
class Frame:
    """One time of the slider."""

    time: str
    hours: float
    density: str
    waves: str
    values: str


@dataclass(frozen=True)
class Layers:
    """Pictures as data URIs with their places, scales and the coast.

    Attributes:
        bounds: (south, west, north, east) of the density pictures, degrees.
        frames: pictures by time, the first at the issue time.
        doubt: picture of the density's standard deviation at the issue time.
        seen: picture of the cells that no sensor saw.
        wave_bounds: as ``bounds``, for the waves, or None without waves.
        density_scale: scale of density and doubt; ``wave_scale`` of the waves.
        grid: what the page needs to look a figure up under the pointer.
        coast: land rings as (lat, lon), outer ring first.
        limits: (south, west, north, east) that the map may show: where the coast was cut.
    """

    bounds: tuple[float, float, float, float]
    frames: list[Frame]
    doubt: str
    seen: str
    wave_bounds: tuple[float, float, float, float] | None
    density_scale: Scale
    doubt_scale: Scale
    wave_scale: Scale
    grid: dict[str, Any]
    coast: list[list[list[tuple[float, float]]]]
    limits: tuple[float, float, float, float]


def make_layers(
    region: Region, density_map: xr.Dataset, forecast: xr.Dataset, forcing: xr.Dataset | None, issue_time: str,
    settings: PlanningSettings,
) -> Layers:  # fmt: skip
    """Draw every layer of the map.

    Args:
        region: for its coast and its waters.
        density_map: ``DensityMap`` at the issue time.
        forecast: ``DensityForecast`` on the same or another grid.
        forcing: ``Forcing`` with wave height, or None.
        issue_time: ISO 8601 UTC; hours count from here.
        settings: step of the frames, size and range of the pictures.
    """
    density_scale, doubt_scale = density_scales(region, density_map, forecast, settings)
    wave_scale = Scale("Significant wave height", "m", 0.0, settings.wave_max_m, "YlGnBu", (0.0, 0.95), False, 17)
    canvas = Canvas.of(density_map, settings.max_image_px)
    times = frame_times(forecast, issue_time, settings.frame_step_h)
    waves = forcing if forcing is not None and names.WAVE_HEIGHT in forcing else None
    wave_canvas = Canvas.of(waves, min(300, settings.max_image_px)) if waves is not None else None
    keep_values = density_map["origin"].size * len(times) * 4 / 3 < MAX_VALUES_BYTES
    frames = []
    for index, when in enumerate(times):
        values = _density_at(density_map, forecast, when, first=index == 0)
        codes = density_scale.codes(values)
        frames.append(
            Frame(
                time=notation.iso(notation.moment(str(when))), hours=_hours(when, issue_time),
                density=_picture(density_scale, canvas, values, density_map),
                waves=_waves(wave_scale, wave_canvas, waves, when),
                values=base64.b64encode(codes.tobytes()).decode() if keep_values else "",
            )
        )  # fmt: skip
    coast, limits = coast_of(region, settings)
    return Layers(
        bounds=canvas.bounds, frames=frames, density_scale=density_scale, doubt_scale=doubt_scale,
        wave_scale=wave_scale,
        doubt=_picture(doubt_scale, canvas, density_map[names.DENSITY_STD].to_numpy(), density_map),
        seen=_seen(canvas, density_map["origin"].to_numpy()),
        wave_bounds=wave_canvas.bounds if wave_canvas else None, grid=_grid(density_map), coast=coast, limits=limits,
    )  # fmt: skip


def density_scales(
    region: Region, density_map: xr.Dataset, forecast: xr.Dataset, settings: PlanningSettings
) -> tuple[Scale, Scale]:
    """Scales of density and doubt: the same for every frame, so that colours can be compared.

    They begin half above the region's background: what is below says nothing and is not drawn.
    """
    top, floor = settings.density_max_kg_km2, region.settings.background.mean_kg_km2
    if top is None:
        values = [density_map[names.DENSITY].to_numpy(), forecast[names.DENSITY].to_numpy()]
        above = np.concatenate([v[v > 2 * floor] for v in values])  # NaN compares false
        top = colour.round_up(float(np.quantile(above, 0.995))) if above.size else max(10 * floor, 1.0)
    low = min(float(f"{max(top / 10**settings.density_decades, 1.5 * floor):.1g}"), top / 10)
    return (
        Scale("Floating debris", "kg/km²", low, top, "magma_r", (0.08, 0.92)),
        Scale("Doubt (standard deviation)", "kg/km²", low, top, "viridis_r", (0.0, 0.95)),
    )


def frame_times(forecast: xr.Dataset, issue_time: str, step_h: float) -> list[np.datetime64]:
    """Times of the slider: the issue time, then the forecast's times nearest to each step."""
    start = np.datetime64(notation.moment(issue_time).replace(tzinfo=None), "s")
    available = forecast["time"].to_numpy().astype("datetime64[s]")
    later = available[available > start]
    if not later.size:
        return [start]
    count = int((later[-1] - start) / np.timedelta64(1, "s") / 3600.0 / step_h + 1e-6)
    wanted = [start + np.timedelta64(round(3600 * step_h * (i + 1)), "s") for i in range(count)]
    chosen = {later[int(np.abs(later - w).argmin())] for w in wanted}
    return [start, *sorted(chosen)]


def _hours(when: np.datetime64, issue_time: str) -> float:
    return round((notation.moment(str(when)) - notation.moment(issue_time)).total_seconds() / 3600.0, 3)


def _density_at(
    density_map: xr.Dataset, forecast: xr.Dataset, when: np.datetime64, *, first: bool
) -> NDArray[np.float64]:
    """Density (lat, lon) at a time on the map's grid, kg km⁻²; at the first time the map itself."""
    if first:
        return density_map[names.DENSITY].to_numpy().astype(float)
    chosen = forecast[names.DENSITY].sel(time=when, method="nearest")
    if chosen.shape != density_map[names.DENSITY].shape:
        chosen = chosen.sel(lat=density_map["lat"], lon=density_map["lon"], method="nearest")
    return chosen.to_numpy().astype(float)


def _picture(scale: Scale, canvas: Canvas, values: NDArray[np.float64], density_map: xr.Dataset) -> str:
    """A field on the density grid as a picture; it reaches one cell into the land, which the coast then covers."""
    from scipy.ndimage import binary_dilation

    known = np.isfinite(values)
    land = density_map["origin"].to_numpy() == LAND
    draw = known | (binary_dilation(known, iterations=2) & land)
    return scale.image(scale.codes_of(canvas.smooth(scale.position(values), draw)))


def _waves(scale: Scale, canvas: Canvas | None, forcing: xr.Dataset | None, when: np.datetime64) -> str:
    if canvas is None or forcing is None:
        return ""
    height = forcing[names.WAVE_HEIGHT].sel(time=when, method="nearest").to_numpy().astype(float)
    everywhere = np.ones(height.shape, dtype=bool)
    return scale.image(scale.codes_of(canvas.smooth(scale.position(height), everywhere)))


def _seen(canvas: Canvas, origin: NDArray[np.generic]) -> str:
    """Cells without a look today: lines rise where the forecast fills them, fall where only the background does."""
    drawn = canvas.nearest(origin)
    codes = np.zeros(canvas.shape, dtype=np.uint8)
    for kind, rising, tint, line in ((FORECAST, True, 1, 2), (CLIMATOLOGY, False, 3, 4)):
        codes[drawn == kind] = tint
        codes[(drawn == kind) & hatch(canvas.shape, 12, rising)] = line
    palette = np.zeros((256, 4), dtype=np.uint8)
    palette[1:5] = [(70, 90, 110, 40), (50, 65, 85, 170), (70, 90, 110, 90), (30, 40, 55, 210)]
    return colour.png_uri(codes, palette)


def _grid(density_map: xr.Dataset) -> dict[str, Any]:
    """First centre, step and count of each axis."""
    axes = {}
    for name in ("lat", "lon"):
        axis = density_map[name].to_numpy().astype(float)
        step = float((axis[-1] - axis[0]) / (len(axis) - 1)) if len(axis) > 1 else 1.0
        axes[name] = {"first": round(float(axis[0]), 8), "step": round(step, 10), "count": len(axis)}
    return axes


Rings = list[list[tuple[float, float]]]


def coast_of(region: Region, settings: PlanningSettings) -> tuple[list[Rings], tuple[float, float, float, float]]:
    """Land around the waters, simplified, and the box it was cut to (south, west, north, east)."""
    import shapely

    from oceanclean import coast

    west, south, east, north = region.routing_grid.bounds
    pad_x, pad_y = settings.map_margin * (east - west), 0.6 * settings.map_margin * (north - south)
    south, north = max(south - pad_y, -84.0), min(north + pad_y, 84.0)
    west, east = (west - pad_x, east + pad_x) if east - west + 2 * pad_x < 350 else (west, east)
    land = coast.land(west, south, east, north)
    land = shapely.simplify(land, settings.coast_tolerance_deg, preserve_topology=True)
    rings = []
    for part in _polygons(land):
        if part.area > 1e-6:
            loops = [part.exterior, *part.interiors]
            rings.append([[(round(y, 4), round(x, 4)) for x, y in loop.coords] for loop in loops])
    return rings, (round(south, 4), round(west, 4), round(north, 4), round(east, 4))


def _polygons(geometry: Any) -> Sequence[Any]:
    parts = getattr(geometry, "geoms", [geometry])
    return [p for p in parts if p.geom_type == "Polygon" and not p.is_empty]
