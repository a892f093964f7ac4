"""A page of a run: table, bars, time series, losses by stage, and the season as an animated map."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.policy import under_policy
from oceanclean.store import read_json, write_aside
from oceanclean.twin.season.figures import finished, season_table
from oceanclean.twin.season.loop import WAYS
from oceanclean.twin.season.run import RECORD
from oceanclean.twin.season.scenario import Scenario
from oceanclean.twin.season.sea import Sea, make_sea
from oceanclean.twin.season.seaway import Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Hours between the pictures of the animated map, and the most pictures there are.
FRAME_H, MOST_FRAMES = 6, 60
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#123}
img{max-width:100%}pre{overflow-x:auto;background:#f3f6f8;padding:1rem}h2{margin-top:2.5rem}"""


def write_page(runs: Mapping[str, Path], figures: Mapping[str, Mapping[str, Any]], folder: Path) -> Path:
    """Write ``index.html`` with its pictures; the folder appears whole.

    Args:
        runs: folder of each scenario's run.
        figures: by scenario, of :func:`oceanclean.twin.season.figures.season_figures`.
        folder: to write.

    Returns:
        The page.
    """
    with write_aside(folder) as aside:
        aside.mkdir(parents=True)
        parts = []
        for name, run in runs.items():
            draw_figures(figures[name], aside / f"{name}.png")
            moving = draw_season(run, aside / f"{name}.gif")
            parts.append(_section(name, figures[name], moving=moving))
        text = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Seasons in simulated seas</title>'
            f"<style>{_STYLE}</style></head><body><h1>Seasons in simulated seas</h1>"
            "<p>Kilograms taken out of a sea whose truth is known, by way of planning. Intervals hold 95 % over seeds."
            f"</p>{''.join(parts)}</body></html>"
        )
        (aside / "index.html").write_text(under_policy(text, "'self' file:"), encoding="utf-8")
    return folder / "index.html"


def _section(name: str, figures: Mapping[str, Any], *, moving: bool) -> str:
    title = html.escape(str(figures["title"]))
    film = f'<img src="{name}.gif" alt="Debris and vessels of one season">' if moving else ""
    return (f'<h2>{title}</h2><pre>{html.escape(season_table(name, figures))}</pre>'
            f'<img src="{name}.png" alt="Catch by planner, by day, and losses by stage">{film}')  # fmt: skip


def draw_figures(figures: Mapping[str, Any], path: Path) -> Path:
    """Catch by planner with intervals, catch by day, and losses by stage, as one picture."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(13, 4), layout="constrained")
    bars, days, losses = picture.subplots(1, 3)
    _bars(bars, {WAYS[p].title if p in WAYS else p: f for p, f in figures["kg"].items()}, "kg a season")
    for planner, series in figures["by_day"].items():
        days.plot(range(1, len(series) + 1), series, label=planner)
    days.set(xlabel="day", ylabel="kg so far")
    days.legend(fontsize=7)
    known = {k: f for k, f in figures["loss_by_stage"].items() if f["value"] is not None}
    _bars(losses, known, "kg a season that the stage costs")
    picture.savefig(path, dpi=110)
    return path


def _bars(axes: Axes, figures: Mapping[str, Mapping[str, Any]], label: str) -> None:
    names = list(figures)
    value = np.array([figures[n]["value"] for n in names], dtype=float)
    low, high = (
        np.array([figures[n][k] if figures[n][k] is not None else figures[n]["value"] for n in names], dtype=float)
        for k in ("low", "high")
    )
    error = [np.maximum(0, value - low), np.maximum(0, high - value)]
    axes.barh(names, value, xerr=error, color="#2a7f9e", ecolor="#123", capsize=3)
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.tick_params(axis="y", labelsize=8)


def draw_season(run: Path, path: Path, planner: str = "chain") -> bool:
    """Animate the first finished season of a planner: debris by mass, vessels and their tracks.

    Returns:
        False where the planner finished no season.
    """
    record = read_json(run / RECORD)
    seasons = finished(run, record).get(planner, {})
    if not seasons:
        return False
    seed, days = next(iter(seasons.items()))
    folder = run / f"seed-{seed:04d}"
    sea = make_sea(Scenario.model_validate(record["scenario"]), seed, record["days"], folder / "truth")
    states = [folder / planner / "days" / f"{d + 1:03d}.npz" for d in range(len(days))]
    _animate(sea, days, states, path)
    return True


def _animate(sea: Sea, days: list[dict[str, Any]], states: list[Path], path: Path) -> None:
    from matplotlib.animation import FuncAnimation, PillowWriter
    from matplotlib.figure import Figure

    plane, grid = Plane.of(sea.region), sea.region.grid
    hours = np.arange(sea.issues[0], sea.issues[len(days)], FRAME_H)
    hours = hours[:: max(1, int(np.ceil(len(hours) / MOST_FRAMES)))]
    west, south, east, north = grid.bounds
    figure = Figure(figsize=(6, 6 * (north - south) / (east - west) + 0.4), dpi=80)
    axes = figure.add_axes((0.1, 0.08, 0.88, 0.84))
    axes.imshow(sea.region.land_mask, origin="lower", extent=(west, east, south, north), cmap="Greys", vmin=0, vmax=2)
    dots = axes.scatter([], [], s=[], c="#c2452d", alpha=0.6, linewidths=0)
    tracks = {name: axes.plot([], [], lw=1.2)[0] for name in days[0]["traces"]}
    title = axes.set_title("")
    left = [sea.debris.mass_kg, *(np.load(p)["left_kg"] for p in states)]

    def draw(hour: float) -> list[Any]:
        day = int((hour - sea.issues[0]) // 24)
        lon, lat, afloat = sea.debris.at(hour)
        kg = left[day]
        shown = afloat & (kg > 0.05)
        dots.set_offsets(np.column_stack([lon[shown], lat[shown]]))
        dots.set_sizes(1.5 + 0.5 * kg[shown])
        for name, line in tracks.items():
            trace = np.array(days[day]["traces"][name])
            until = trace[trace[:, 0] <= hour + FRAME_H]
            line.set_data(*plane.lonlat(until[:, 1:]))
        title.set_text(f"{np.datetime_as_string(sea.ocean.time(hour), unit='m').replace('T', ' ')} UTC")
        return [dots, title, *tracks.values()]

    FuncAnimation(figure, draw, frames=list(hours), blit=False).save(str(path), writer=PillowWriter(fps=6))
