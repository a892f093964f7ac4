"""What the air scatters, against single scattering by hand and against photons followed one by one."""

from __future__ import annotations

import numpy as np
import pytest

from oceanclean.errors import InputError
from oceanclean.sources.services import rayleigh
from oceanclean.sources.services.rayleigh import Angles


def test_optical_thickness_is_that_of_the_tables() -> None:
    """Bodhaine et al. 1999, table 3: .2361 at .443 µm, .0153 at .865 µm for the standard atmosphere."""
    assert rayleigh.optical_thickness(0.443) == pytest.approx(0.2361, rel=0.01)
    assert rayleigh.optical_thickness(0.865) == pytest.approx(0.0155, rel=0.02)


@pytest.mark.parametrize(("sun", "view", "apart"), [(20, 0, 0), (50, 10, 0), (50, 10, 180), (65, 12, 90)])
def test_thin_air_scatters_once(sun: float, view: float, apart: float) -> None:
    """ρ = τ P(Θ) / (4 μs μv) as τ goes to 0; more light comes back where the sun stands behind the satellite."""
    tau = 1e-4
    mus, muv = np.cos(np.radians([sun, view]))
    cosine = -mus * muv - np.sqrt((1 - mus**2) * (1 - muv**2)) * np.cos(np.radians(apart))
    phase = 1 + 0.958725775 * (3 * cosine**2 - 1) / 4
    found = rayleigh.path_reflectance(tau, Angles(sun, 100.0 + apart, view, 100.0))
    assert found == pytest.approx(tau * phase / (4 * mus * muv), rel=0.005)


def _photons(tau: float, sun: float, count: int, rng: np.random.Generator) -> float:
    """Nadir reflectance of a scalar Rayleigh atmosphere over a black surface, seen from each collision."""
    mu = np.cos(np.radians(sun))
    depth = -np.log(rng.random(count)) * mu
    way = np.tile([np.sin(np.radians(sun)), 0.0, -mu], (count, 1))  # z points up
    seen = 0.0
    inside = depth < tau
    while inside.any():
        depth, way = depth[inside], way[inside]
        seen += float((0.75 * (1 + way[:, 2] ** 2) / 4 * np.exp(-depth)).sum())
        wanted = 8 * rng.random(depth.size) - 4  # cosines of the Rayleigh phase function by Cardano's formula
        root = np.cbrt(wanted / 2 + np.sqrt(wanted**2 / 4 + 1)) * -1
        cosine = np.clip(root - 1 / root, -1, 1)
        turn, sine = 2 * np.pi * rng.random(depth.size), np.sqrt(1 - cosine**2)
        first = np.cross(way, np.where(np.abs(way[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]]))
        first /= np.linalg.norm(first, axis=1, keepdims=True)
        across = np.cos(turn)[:, None] * first + np.sin(turn)[:, None] * np.cross(way, first)
        way = cosine[:, None] * way + sine[:, None] * across
        depth = depth + np.log(rng.random(depth.size)) * way[:, 2]
        inside = (depth > 0) & (depth < tau)
    return seen / count


@pytest.mark.parametrize("sun", [25.0, 50.0])
def test_multiple_scattering_is_that_of_photons(sun: float) -> None:
    """B1, where air scatters most. Polarisation, which the photons lack, is worth a few per cent."""
    tau = rayleigh.optical_thickness(rayleigh.WAVELENGTH_UM["B1"])
    followed = _photons(tau, sun, 200_000, np.random.default_rng(7))
    assert rayleigh.path_reflectance(tau, Angles(sun)) == pytest.approx(followed, rel=0.05)


@pytest.mark.parametrize("band", ["B1", "B4", "B11"])
def test_what_is_put_under_the_air_comes_back(band: str) -> None:
    """6S's equation forwards, ours backwards: the surface of .02 is found again, and brighter is brighter."""
    angles, surface = Angles(40.0, 150.0, 6.0, 290.0), np.array([0.0, 0.02, 0.3], dtype=np.float32)
    tau = rayleigh.optical_thickness(rayleigh.WAVELENGTH_UM[band])
    through = rayleigh.transmittance(tau, 40.0) * rayleigh.transmittance(tau, 6.0)
    toa = rayleigh.path_reflectance(tau, angles) + through * surface / (1 - rayleigh.spherical_albedo(tau) * surface)
    assert rayleigh.corrected(toa.astype(np.float32), band, angles) == pytest.approx(surface, abs=1e-6)


def test_numbers_without_data_stay_so_and_dark_ones_are_kept() -> None:
    correct = rayleigh.corrector(1e-4, -0.1, Angles(40.0))
    written = correct("B2", np.array([0, 1, 2000, 65535], dtype=np.uint16))
    assert written[0] == 0
    assert written[1] == 1  # darker than can be written, but no hole
    assert 1000 < written[2] < 2000


@pytest.mark.parametrize("angles", [Angles(80.0), Angles(float("nan")), Angles(30.0, 0.0, 45.0)])
def test_a_sun_too_low_is_refused(angles: Angles) -> None:
    with pytest.raises(InputError, match="sun"):
        angles.checked("scene")
