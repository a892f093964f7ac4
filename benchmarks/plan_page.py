"""Size, first paint and slider of the plan's page for a big day: ``python -m benchmarks.plan_page``.

12 vessels, 200 patches, 72 h, a grid of 300 × 300 cells with noise in every one, so that no picture is small because it
is smooth. The page is opened from its file in headless Chromium without a network and without a graphics card. The
slider is moved by its own event; a step counts when the frame after it has begun, so that what was drawn is on the
screen. ``--keep FOLDER`` leaves the page there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from oceanclean.planning import publish
from oceanclean.products.names import DENSITY, DENSITY_STD
from oceanclean.region import Region, load_region
from tests.planning import browser
from tests.planning.plan_factory import ISSUE, Day, Voyage, density_products, fleet_of, forcing_of, make_plan

VESSELS, PATCHES, CELLS = 12, 200, 300
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SLIDE = """new Promise(done => {
  const slider = document.getElementById('when'), last = Number(slider.max), begin = performance.now(), wanted = 120;
  let steps = 0;
  const step = () => {
    if (steps === wanted) { done(wanted / (performance.now() - begin) * 1000); return; }
    steps += 1;
    slider.value = steps %% (last + 1);
    slider.dispatchEvent(new Event('input'));
    %s
  };
  requestAnimationFrame(step);
})"""


def big_region() -> Region:
    """The demo's coast under a square grid."""
    settings = load_region("demo").settings
    box = settings.bbox.model_copy(update={"north": settings.bbox.south + 2.0})
    waters = settings.waters.model_copy(update={"north": box.north + 0.1}) if settings.waters else None
    return Region(settings.model_copy(update={"bbox": box, "waters": waters, "grid_step_deg": 2.0 / CELLS}))


def big_day(seed: int = 1) -> Day:
    """Everything that publish() takes."""
    rng = np.random.default_rng(seed)
    region = big_region()
    grid, sea = region.grid, np.argwhere(~region.land_mask)
    rows = sea[rng.choice(len(sea), PATCHES, replace=False)]
    patches = [
        (float(grid.lon[c]), float(grid.lat[r]), float(rng.lognormal(6, 0.8)), float(rng.uniform(800, 3000)),
         float(rng.normal(0.1, 0.1)), float(rng.normal(0.05, 0.1)))
        for r, c in rows
    ]  # fmt: skip
    fleet = pd.concat([fleet_of(region)] * 3, ignore_index=True).iloc[:VESSELS]
    fleet = fleet.assign(
        vessel_id=[f"vessel-{k + 1:02d}" for k in range(VESSELS)], available=True, reason="", endurance=120.0
    )
    voyages = {}
    for k, (_, vessel) in enumerate(fleet.iterrows()):
        voyage = Voyage(region, vessel, 0.5 + 0.25 * k, patches)
        for stop in range(4):
            voyage.collect(4 * k + stop, 3.0, 0.8, 200.0)
        home = vessel.geometry
        voyage.sail("return", (home.x, home.y), stay_h=0.0, chance=None, kg=0.0, reason="Home port.")
        voyages[vessel["vessel_id"]] = voyage
    density, forecast = density_products(region, patches)
    noise = rng.lognormal(0, 0.4, forecast[DENSITY].shape)
    forecast[DENSITY] = forecast[DENSITY] * noise
    for name in (DENSITY, DENSITY_STD):
        density[name] = density[name] * noise[0]
    plan = make_plan(region, fleet, patches=patches, voyages=voyages)
    return Day(plan, region, fleet, density, forecast, forcing_of(region), [], {"issue_time": ISSUE})


def main() -> None:
    """Write the page and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path)
    kept = parser.parse_args().keep
    if browser.executable() is None:
        sys.exit("There is no Chromium on this machine.")
    day = big_day()
    with tempfile.TemporaryDirectory() as scratch:
        folder = kept or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        begin = time.perf_counter()
        page = publish(day.plan, folder=folder, **day.arguments())["page"]
        print(f"written in {time.perf_counter() - begin:.1f} s, {page.stat().st_size / 1e6:.2f} MB")
        with browser.tab() as tab:
            tab.open(page)
            print(f"first contentful paint after {tab.run(PAINT) / 1000:.2f} s")
            time.sleep(3)  # the pictures of the later times are decoded while nobody waits
            one = tab.run(SLIDE % "requestAnimationFrame(step);")
            two = tab.run(SLIDE % "requestAnimationFrame(() => requestAnimationFrame(step));")
            print(f"slider: {one:.0f} steps/s, a frame each; {two:.0f} steps/s with a whole frame between steps")
            print(f"requests: {[r for r in tab.requests if not r.startswith(('data:', 'file:'))]}, "
                  f"complaints: {tab.complaints}")  # fmt: skip


if __name__ == "__main__":
    main()
