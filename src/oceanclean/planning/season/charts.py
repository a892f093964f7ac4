"""The report's pictures, as PNG bytes without a time stamp; beside each stands a table that says the same."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.planning.notation import ascii_name
from oceanclean.planning.season.nature import caught_classes
from oceanclean.planning.season.tally import Season

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

INK, QUIET, SEA, LAND = "#14323f", "#5b7480", "#eaf1f4", "#d9d4c7"
CAUGHT, TOLD = "#00647d", "#b34a00"
#: Told apart by the colour-blind (Okabe & Ito 2008, darkened) and by the hatching in a grey print.
CLASSES = ("#00647d", "#b34a00", "#6b5b00", "#8a3d70", "#4a3fa0", "#5b7480", "#00755a", "#8c2f39")
HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo", "--")


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#93abb6")
    axes.tick_params(colors=INK, labelsize=8)
    axes.set_axisbelow(True)
    return figure, axes


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def by_day(season: Season) -> bytes:
    """Bars of the catch, the expected catch with its interval, the running mean."""
    days = season.days
    figure, axes = _figure(9.2, 3.2)
    x = np.arange(len(days))
    axes.bar(x, days["caught_kg"].fillna(0), width=0.62, color=CAUGHT, label="caught")
    told = days["expected_kg"].notna().to_numpy()
    if told.any():
        own = days[told]
        low, high = own["expected_kg"] - own["p10_kg"], own["p90_kg"] - own["expected_kg"]
        axes.errorbar(x[told], own["expected_kg"], [low.clip(lower=0), high.clip(lower=0)], fmt="o", color=TOLD,
                      markersize=5, capsize=4, linewidth=1.6, markerfacecolor="white",
                      label="expected, 80 % interval")  # fmt: skip
    mean_days = season.settings.mean_days
    if len(days) >= mean_days:
        mean = days["caught_kg"].fillna(0).rolling(mean_days).mean()
        axes.plot(x, mean, color=INK, linewidth=1.6, linestyle=(0, (5, 2)), label=f"mean of {mean_days} days")
    step = max(1, len(days) // 14)
    axes.set_xticks(x[::step], [f"{d.day} {d:%b}" for d in days["day"][::step]])
    axes.set_ylabel("kg a day", color=INK, fontsize=9)
    axes.set_xlim(-0.7, max(len(days) - 0.3, 1.7))
    axes.grid(axis="y", color="#d3dde2", linewidth=0.7)
    axes.legend(fontsize=8, frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    return _png(figure)


def told_and_caught(season: Season) -> bytes:
    """Catch of each reported order against what was told, with the 80 % interval."""
    done = season.hauls[season.hauls["order"] >= 0].groupby("order")["caught_kg"].sum()
    told = season.orders.loc[done.index]
    figure, axes = _figure(7.2, 4.4)
    caught, expected = done.to_numpy(float), told["expected_kg"].to_numpy(float)
    bounds = told[["p10_kg", "p90_kg"]].to_numpy(float)
    inside = (caught >= bounds[:, 0]) & (caught <= bounds[:, 1])
    for mask, colour, marker, label in ((inside, CAUGHT, "o", "inside"), (~inside, TOLD, "D", "outside")):
        if mask.any():
            errors = np.abs(bounds[mask].T - expected[mask])
            axes.errorbar(caught[mask], expected[mask], errors, fmt=marker, color=colour, markersize=5, linewidth=1.2,
                          markerfacecolor="white" if marker == "D" else colour, label=label)  # fmt: skip
    top = max(20.0, float(np.max(bounds, initial=0)), float(np.max(caught, initial=0))) * 1.5
    axes.plot([0, top], [0, top], color=QUIET, linewidth=1, linestyle=":", label="caught = expected")
    for scale in (axes.set_xscale, axes.set_yscale):
        scale("symlog", linthresh=10, linscale=0.6)  # a catch of nothing has its place on the scale
    ticks = [0, *(10.0**k for k in range(1, int(np.log10(top)) + 1))]
    axes.set(xlim=(-2, top), ylim=(-2, top), xticks=ticks, yticks=ticks)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda v, _: f"{v:,.0f}")
        axis.set_minor_locator(_no_ticks())
    axes.set_xlabel("caught, kg an order", color=INK, fontsize=9)
    axes.set_ylabel("expected with 80 % interval, kg", color=INK, fontsize=9)
    axes.grid(color="#d3dde2", linewidth=0.7)
    axes.legend(title="catch and interval", fontsize=8, title_fontsize=8, frameon=False, loc="upper left",
                bbox_to_anchor=(1, 1))  # fmt: skip
    return _png(figure)


def _no_ticks() -> Locator:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def by_vessel(season: Season) -> bytes:
    """Bars of catch and expected catch of each vessel."""
    vessels = season.vessels.head(20)
    figure, axes = _figure(7.2, 0.9 + 0.5 * max(1, len(vessels)))
    y = np.arange(len(vessels))
    axes.barh(y - 0.19, vessels["caught_kg"], height=0.36, color=CAUGHT, label="caught")
    axes.barh(y + 0.19, vessels["expected_kg"], height=0.36, color="white", edgecolor=TOLD, hatch="////",
              label="expected of the orders")  # fmt: skip
    axes.set_yticks(y, [ascii_name(n, 24) for n in vessels["vessel"]], parse_math=False)
    axes.invert_yaxis()
    axes.set_xlabel("kg", color=INK, fontsize=9)
    axes.grid(axis="x", color="#d3dde2", linewidth=0.7)
    axes.legend(fontsize=8, frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    return _png(figure)


def by_area(season: Season) -> bytes:
    """Hauls on the coast, as circles of their mass, with the closed areas and the squares."""
    from matplotlib.patches import Polygon

    box = season.region.bbox
    west, east = box.west, box.west + box.width
    figure, axes = _figure(7.6, 5.0)
    axes.set(xlim=(west, east), ylim=(box.south, box.north), facecolor=SEA)
    axes.set_aspect(1 / np.cos(np.radians((box.south + box.north) / 2)))
    _land(axes, west, box.south, east, box.north)
    for zone in season.region.exclusion_zones:
        corners = np.array(zone.polygon)
        axes.add_patch(Polygon(corners, facecolor="none", edgecolor="#a1260d", hatch="////", linewidth=1, zorder=3))
    hauls = season.hauls
    lon = west + np.mod(hauls["lon"].to_numpy(float) - west, 360)
    biggest = max(1.0, float(hauls["caught_kg"].max()) if len(hauls) else 1.0)
    empty = hauls["caught_kg"].to_numpy(float) <= 0
    axes.scatter(lon[~empty], hauls["lat"][~empty], s=18 + 500 * hauls["caught_kg"][~empty] / biggest, color=CAUGHT,
                 alpha=0.55, edgecolor="white", linewidth=0.8, zorder=5,
                 label=f"haul (largest {biggest:,.0f} kg)")  # fmt: skip
    if empty.any():
        axes.scatter(lon[empty], hauls["lat"][empty], marker="x", color=TOLD, s=28, zorder=5, label="nothing found")
    for port in season.region.ports:
        axes.plot(port.lon, port.lat, marker="s", markersize=5, color=INK, zorder=6)
        axes.annotate(ascii_name(port.name, 24, "port"), (port.lon, port.lat), xytext=(5, -10), fontsize=8, color=INK,
                      textcoords="offset points", parse_math=False, zorder=6, clip_on=True)  # fmt: skip
    step = season.settings.area_deg
    axes.set_xticks(np.arange(np.ceil(west / step), east / step) * step)
    axes.set_yticks(np.arange(np.ceil(box.south / step), box.north / step) * step)
    axes.xaxis.set_major_formatter(lambda v, _: f"{abs(v):g}°{'E' if v >= 0 else 'W'}")
    axes.yaxis.set_major_formatter(lambda v, _: f"{abs(v):g}°{'N' if v >= 0 else 'S'}")
    axes.grid(color="#93abb6", linewidth=0.6)
    if len(hauls):
        axes.legend(fontsize=8, framealpha=0.92, loc="upper right", markerscale=0.5)
    return _png(figure)


def _land(axes: Axes, west: float, south: float, east: float, north: float) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    from oceanclean import coast

    for piece in coast.land(west, south, east, north).geoms:
        rings = [np.array(r.coords) for r in (piece.exterior, *piece.interiors)]
        path = Path.make_compound_path(*[Path(ring, closed=True) for ring in rings])
        axes.add_patch(PathPatch(path, facecolor=LAND, edgecolor="#8d8674", linewidth=0.6, zorder=2))


def by_class(season: Season) -> bytes:
    """Stacked bars of what the crews called the debris, by square."""
    classes = caught_classes(season)
    figure, axes = _figure(8.4, 3.4)
    wide = classes.pivot_table(index="area", columns="debris", values="caught_kg", aggfunc="sum", fill_value=0.0)
    wide = wide.loc[wide.sum(axis=1).sort_values(ascending=False).index[:10]]
    below = np.zeros(len(wide))
    for i, name in enumerate(wide.columns):
        axes.bar(range(len(wide)), wide[name], bottom=below, width=0.62, color=CLASSES[i % len(CLASSES)],
                 hatch=HATCHES[i % len(HATCHES)], edgecolor="white", label=ascii_name(str(name), 24))  # fmt: skip
        below += wide[name].to_numpy()
    axes.set_xticks(range(len(wide)), [a.replace(" ", "\n") for a in wide.index], fontsize=6.5)
    axes.set_ylabel("kg", color=INK, fontsize=9)
    axes.grid(axis="y", color="#d3dde2", linewidth=0.7)
    if len(wide):
        axes.legend(fontsize=8, frameon=False, ncols=6, loc="lower left", bbox_to_anchor=(0, 1))
    return _png(figure)
