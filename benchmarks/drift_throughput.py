"""Particle-steps per CPU-second and peak memory of the drift engine, beside OpenDrift and Parcels where installed.

100,000 particles, 48 h, 15 min steps, fourth-order Runge-Kutta, current and wind as two fields (windage 2 %), an
analytic sea of 181 x 145 nodes and 55 hours (meandering jet, three eddies, tide, rotating wind). Each engine runs in a
process of its own; nothing is installed. ``python -m benchmarks.drift_throughput [--particles N] [--json FILE]``

``--ensemble`` times the ensemble forecast instead: 50 members x 10,000 particles, 72 h of this sea, hourly density on
200 x 200 cells, inflow and error with memory as shipped.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr

HOURS, STEP_S, WINDAGE = 48, 900, 0.02
HORIZON = 72  # hours of the ensemble
START = np.datetime64("2024-01-01", "ns")
ENGINES = {
    "oceanclean": "oceanclean",
    "oceanclean-hourly": "oceanclean",
    "oceanclean-numpy": "oceanclean",  # the NumPy twin: the same step without compiled code
    "opendrift": "opendrift",
    "parcels": "parcels",
}


def sea(count: int = 55) -> xr.Dataset:
    """The analytic sea as a Forcing."""
    from oceanclean.products import describe, names

    lon, lat = np.arange(-45.0, -29.999, 1 / 12), np.arange(28.0, 40.001, 1 / 12)
    x2, y2 = np.meshgrid(lon, lat)
    metre = np.radians(1) * 6371e3
    x, y = (x2 + 37.5) * metre * np.cos(np.radians(34)), (y2 - 34) * metre
    cubes: list[list[np.ndarray]] = [[], [], [], []]
    for t in np.arange(count) * 3600.0:
        psi = -0.6 * 80e3 * np.tanh((y - 60e3 * np.sin(2 * np.pi * (x / 400e3 - t / 864000))) / 80e3)
        for x0, y0, a, s, c, d in ((-300e3, 200e3, 0.5, 60e3, -0.05, 6), (150e3, -220e3, -0.6, 75e3, -0.04, 9),
                                   (350e3, 260e3, 0.4, 45e3, -0.06, 4)):  # fmt: skip
            r2 = (x - x0 - c * t) ** 2 + (y - y0) ** 2
            psi += a * s * (1 + 0.2 * np.sin(2 * np.pi * t / (d * 86400))) * np.exp(0.5 - r2 / (2 * s * s))
        tide = 2 * np.pi * t / (12.42 * 3600)
        cubes[0].append(-np.gradient(psi, metre / 12, axis=0) + 0.12 * np.cos(tide))
        cubes[1].append(np.gradient(psi, metre / 12 * np.cos(np.radians(34)), axis=1) - 0.12 * np.sin(tide))
        east = 2 * np.pi * ((x2 + 45) / 12 - t / 216000)
        cubes[2].append(8 + 4 * np.sin(east) * np.cos(np.pi * (y2 - 28) / 12))
        cubes[3].append(5 * np.cos(2 * np.pi * ((x2 + 45) / 15 - t / 259200)))
    wanted = (names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT, names.EASTWARD_WIND, names.NORTHWARD_WIND)
    dims = ("time", "lat", "lon")
    variables = {n: (dims, np.asarray(c, dtype=np.float32)) for n, c in zip(wanted, cubes, strict=True)}
    hours = START + np.arange(count).astype("timedelta64[h]")
    data = xr.Dataset(variables, coords={"time": hours, "lat": lat, "lon": lon})
    data.attrs.update(source="analytic sea", available_at=str(START))
    return describe("Forcing", data)


def seeds(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Start positions."""
    rng = np.random.default_rng(0)
    return rng.uniform(-42, -33, count), rng.uniform(30, 38, count)


def run_oceanclean(file: str, count: int, engine: str) -> list[tuple[float, float]]:
    """CPU and wall seconds of two calls of the product's own interface, reading of the file included.

    The first call bears the imports and the loading (or, once on a machine, the making) of compiled code; the second
    shows what is sustained.
    """
    from xarray.backends import NetCDF4BackendEntrypoint  # by name, xarray would load every reader that is installed

    spent = []
    for _ in range(2):
        cpu, wall = time.process_time(), time.perf_counter()
        from oceanclean.drift.engine import advect

        with xr.open_dataset(file, engine=NetCDF4BackendEntrypoint) as forcing:
            every = 1.0 if engine.endswith("hourly") else float(HOURS)
            backend = "numpy" if engine.endswith("numpy") else "numba"
            tracks = advect(forcing, *seeds(count), START, HOURS, windage=WINDAGE, stokes_factor=0.0, dt_s=STEP_S,
                            output_every_h=every, backend=backend)  # fmt: skip
        assert (tracks["status"][:, -1] == 0).mean() > 0.95
        del tracks  # or the second call would stand beside the first one's positions
        spent.append((time.process_time() - cpu, time.perf_counter() - wall))
    return spent


def run_opendrift(file: str, count: int, _engine: str) -> list[tuple[float, float]]:
    """The same in OpenDrift's OceanDrift."""
    from datetime import datetime, timedelta

    from opendrift.models.oceandrift import OceanDrift
    from opendrift.readers import reader_netCDF_CF_generic

    model = OceanDrift(loglevel=50)
    model.add_reader(reader_netCDF_CF_generic.Reader(file))
    model.set_config("general:use_auto_landmask", False)
    model.set_config("environment:constant:land_binary_mask", 0)
    model.set_config("drift:advection_scheme", "runge-kutta4")
    model.set_config("drift:stokes_drift", False)
    model.set_config("general:coastline_action", "none")
    lon, lat = seeds(count)
    model.seed_elements(lon=lon, lat=lat, time=datetime(2024, 1, 1), wind_drift_factor=WINDAGE, z=0)
    cpu, wall = time.process_time(), time.perf_counter()
    model.run(duration=timedelta(hours=HOURS), time_step=STEP_S, time_step_output=HOURS * 3600)
    return [(time.process_time() - cpu, time.perf_counter() - wall)]


def run_parcels(file: str, count: int, _engine: str) -> list[tuple[float, float]]:
    """The same in Parcels 4."""
    import parcels
    from parcels.kernels._integration import RK4

    from oceanclean.products import names

    data = xr.open_dataset(file).load().rename(lat="latitude", lon="longitude")
    fields = {"U": data[names.EASTWARD_CURRENT], "V": data[names.NORTHWARD_CURRENT],
              "WX": data[names.EASTWARD_WIND], "WY": data[names.NORTHWARD_WIND]}  # fmt: skip
    fieldset = parcels.FieldSet.from_sgrid_conventions(parcels.convert.copernicusmarine_to_sgrid(fields=fields))
    lon, lat = seeds(count)
    particles = parcels.ParticleSet(fieldset=fieldset, pclass=parcels.Particle, t=np.repeat(data.time.values[0], count),
                                    z=np.zeros(count), y=lat, x=lon)  # fmt: skip

    def velocity(fieldset, t, z, y, x, particles):
        u, v = fieldset.UV[t, z, y, x, particles]
        p, q = fieldset.WX[t, z, y, x, particles], fieldset.WY[t, z, y, x, particles]
        return u + WINDAGE * p / (111120.0 * np.cos(np.deg2rad(y))), v + WINDAGE * q / 111120.0

    def drift(particles, fieldset):
        u, v = RK4(particles, fieldset, velocity)
        particles.dx += u * particles.dt
        particles.dy += v * particles.dt

    cpu, wall = time.process_time(), time.perf_counter()
    particles.execute(
        [drift], runtime=np.timedelta64(HOURS, "h"), dt=np.timedelta64(STEP_S, "s"), verbose_progress=False
    )
    return [(time.process_time() - cpu, time.perf_counter() - wall)]


RUNS = {"oceanclean": run_oceanclean, "opendrift": run_opendrift, "parcels": run_parcels}


def one(engine: str, file: str, count: int) -> dict[str, object]:
    """Time one engine in this process."""
    spent = RUNS[ENGINES[engine]](file, count, engine)
    (first, _), (cpu, wall) = spent[0], spent[-1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    steps = count * HOURS * 3600 // STEP_S
    return {
        "engine": engine, "particles": count, "cpu_s": round(cpu, 2), "wall_s": round(wall, 2),
        "first_call_over_s": round(first - cpu, 2), "million_steps_per_cpu_s": round(steps / cpu / 1e6, 2),
        "peak_mib": round(peak),
    }  # fmt: skip


def ensemble() -> dict[str, object]:
    """Time one ensemble forecast of a region in this process."""
    from oceanclean.drift.ensemble import forecast
    from oceanclean.drift.settings import load_settings
    from oceanclean.products import describe, names

    lat, lon = 32.0 + 0.02 * (np.arange(200) + 0.5), -40.0 + 0.02 * (np.arange(200) + 0.5)
    x, y = np.meshgrid(lon, lat)
    density = 2 + 300 * np.exp(-((x + 38) ** 2 + (y - 34) ** 2) / 0.02)
    dims = ("lat", "lon")
    flat = {
        "observed_fraction": np.ones_like(x),
        "observation_age": np.ones_like(x),
        "origin": np.full(x.shape, 3, "i1"),
    }
    variables = {names.DENSITY: density, names.DENSITY_STD: 0.8 * density, **flat}
    stamp = "2024-01-01T00:00:00Z"
    attributes = {"valid_time": stamp, "issue_time": stamp, "region": "benchmark"}
    grid = xr.Dataset({n: (dims, v) for n, v in variables.items()}, {"lat": lat, "lon": lon}, attributes)
    settings = load_settings().model_copy(update={"members": 50, "particles_per_member": 10_000})
    forcing = sea(HORIZON + 1)
    cpu, wall = time.process_time(), time.perf_counter()
    forecast(describe("DensityMap", grid), forcing, issue_time=stamp, horizon_h=HORIZON, settings=settings)
    return {
        "engine": "oceanclean ensemble", "members": 50, "particles_per_member": 10_000, "horizon_h": HORIZON,
        "cells": "200 x 200", "cpu_s": round(time.process_time() - cpu, 1),
        "wall_s": round(time.perf_counter() - wall, 1),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }  # fmt: skip


def main() -> None:
    """Run every engine that is installed; say which are absent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("ENGINE", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--ensemble", action="store_true", help="time the ensemble forecast instead")
    arguments = parser.parse_args()
    if arguments.ensemble:
        print(json.dumps(ensemble()))
        return
    if arguments.one:
        print(json.dumps(one(*arguments.one, arguments.particles)))
        return
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "sea.nc")
        sea().to_netcdf(file)
        for engine, package in ENGINES.items():
            if importlib.util.find_spec(package) is None:
                missing = (
                    f"package {package} is not installed: pip install oceanclean[peers], or an environment of its own"
                )
                rows.append({"engine": engine, "absent": missing})
            else:
                command = [sys.executable, "-m", "benchmarks.drift_throughput", "--particles", str(arguments.particles),
                           "--one", engine, file]  # fmt: skip
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                failed = {"engine": engine, "failed": done.stderr.strip().splitlines()[-1:]}
                rows.append(json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else failed)
            print(json.dumps(rows[-1]), flush=True)
    rates = {row["engine"]: row["million_steps_per_cpu_s"] for row in rows if "million_steps_per_cpu_s" in row}
    if plain := rates.get("oceanclean-numpy"):
        times = {name: round(float(rate) / float(plain), 2) for name, rate in rates.items()}  # type: ignore[arg-type]
        rows.append({"times_plain_numpy": times})
        print(json.dumps(rows[-1]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
