"""Level 1C to Rayleigh-corrected reflectance: the light that the air itself scatters is taken off a scene.

The segmenter was trained on ACOLITE's ``rhorc``: top-of-atmosphere reflectance less molecular scattering. Level 1C has
that scattering in it (nearly a tenth in B1, .0005 in B11), which is most of what water shows in the blue. What is not
corrected: gases (ozone takes some of the green), haze, the sky mirrored in the sea, height above sea level, and angles
within a tile (its means are used). So a scene comes near to what a model knows, but not to the same; its plan says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expn

from oceanclean.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Name of the result among :data:`~oceanclean.products.names.RADIOMETRIES`.
RADIOMETRY = "l1c_rc"
#: Central wavelengths of Sentinel-2A, µm (ESA, Sentinel-2 Spectral Response Functions).
WAVELENGTH_UM: dict[str, float] = {
    "B1": 0.4427, "B2": 0.4924, "B3": 0.5598, "B4": 0.6646, "B5": 0.7041, "B6": 0.7405, "B7": 0.7828, "B8": 0.8328,
    "B8A": 0.8647, "B11": 1.6137, "B12": 2.2024,
}  # fmt: skip
#: How corrected reflectance is written: number × scale + offset; room below 0 for what was corrected too much.
SCALE, OFFSET = 1e-4, -0.1
#: Beyond this zenith angle of the sun (degrees) the plane atmosphere of the formulas no longer holds.
LOWEST_SUN = 75.0
#: (1 − δ') / (1 + 2 δ') with δ' = δ / (2 − δ), δ = .0279 the depolarisation of air (Young 1980).
_DEPOLARISED = 0.958725775
#: Multiple scattering of the azimuth's mean: two coefficients (1, ln τ) for each of five products of the cosines; of
#: its first and second harmonic two each (Vermote and Tanré 1992, as published with NASA's ``CREFL``).
_MEAN = np.array([
    [0.33243832, -6.777104e-02], [0.16285370, 1.577425e-03], [-0.30924818, -1.240906e-02],
    [-0.10324388, 3.241678e-02], [0.11493334, -3.503695e-02],
])  # fmt: skip
_FIRST, _SECOND = (0.19666292, -5.439061e-02), (0.14545937, -2.910845e-02)


@dataclass(frozen=True)
class Angles:
    """Where sun and satellite stand over a scene, degrees; azimuths from north, as seen from the ground."""

    sun_zenith: float
    sun_azimuth: float = 0.0
    view_zenith: float = 0.0
    view_azimuth: float = 0.0

    def checked(self, origin: str) -> Angles:
        """Itself.

        Raises:
            InputError: no such angles, or a sun too low for the formulas.
        """
        numbers = (self.sun_zenith, self.sun_azimuth, self.view_zenith, self.view_azimuth)
        if not np.isfinite(numbers).all() or not 0 <= self.sun_zenith <= LOWEST_SUN or not 0 <= self.view_zenith <= 30:
            raise InputError(origin, "angles of sun and view", numbers, f"a sun at most {LOWEST_SUN:g}° and a view at "
                             "most 30° from the zenith", "Its air cannot be corrected.")  # fmt: skip
        return self


def optical_thickness(wavelength_um: float) -> float:
    """Molecular scattering of the standard atmosphere at sea level (Hansen and Travis 1974, eq. 2.30)."""
    square = wavelength_um**-2
    return 0.008569 * square**2 * (1 + 0.0113 * square + 0.00013 * square**2)


def path_reflectance(tau: float, angles: Angles) -> float:
    """Reflectance of a molecular atmosphere over a black surface.

    Vermote and Tanré 1992, J. Quant. Spectrosc. Radiat. Transfer 47, 305–314: single scattering as it is, multiple
    scattering as polynomials for each harmonic of the azimuth.

    Args:
        tau: optical thickness, more than 0, up to about .5.
        angles: of sun and view.
    """
    sun, view = np.cos(np.radians([angles.sun_zenith, angles.view_zenith]))
    sines = np.sqrt((1 - sun**2) * (1 - view**2))
    turned = np.radians(180.0 - (angles.sun_azimuth - angles.view_azimuth))  # 180°: the sun behind the satellite
    phase = np.array([
        1 + (3 * sun**2 - 1) * (3 * view**2 - 1) * _DEPOLARISED / 8,
        -0.75 * _DEPOLARISED * sun * view * sines,
        0.1875 * _DEPOLARISED * sines**2,
    ])  # fmt: skip
    once = -np.expm1(-tau * (1 / sun + 1 / view)) / (4 * (sun + view))
    often = np.expm1(-tau / sun) * np.expm1(-tau / view)
    products = np.array([1.0, sun + view, sun * view, sun**2 + view**2, sun**2 * view**2])
    powers = np.array([1.0, np.log(tau)])
    more = np.array([products @ _MEAN @ powers, powers @ np.array(_FIRST), powers @ np.array(_SECOND)])
    return float((phase * (once + often * more)) @ np.array([1.0, 2 * np.cos(turned), 2 * np.cos(2 * turned)]))


def transmittance(tau: float, zenith: float) -> float:
    """Direct and diffuse light that comes through the molecules at an angle (degrees); two-stream, as in 6S."""
    cosine = np.cos(np.radians(zenith))
    return float((2 / 3 + cosine + (2 / 3 - cosine) * np.exp(-tau / cosine)) / (4 / 3 + tau))


def spherical_albedo(tau: float) -> float:
    """Share of the light from below that the molecules send back (6S manual, part 2)."""
    return float((3 * tau - expn(3, tau) * (4 + 2 * tau) + 2 * np.exp(-tau)) / (4 + 3 * tau))


def corrected(toa: NDArray[np.float32], band: str, angles: Angles) -> NDArray[np.float32]:
    """Rayleigh-corrected reflectance of top-of-atmosphere reflectance.

    Args:
        toa: (…) reflectance at the top of the atmosphere.
        band: a key of :data:`WAVELENGTH_UM`.
        angles: of sun and view.
    """
    tau = optical_thickness(WAVELENGTH_UM[band])
    through = transmittance(tau, angles.sun_zenith) * transmittance(tau, angles.view_zenith)
    below = (toa - path_reflectance(tau, angles)) / through
    return np.asarray(below / (1 + spherical_albedo(tau) * below), dtype=np.float32)


def corrector(scale: float, offset: float, angles: Angles) -> Callable[[str, NDArray[np.uint16]], NDArray[np.uint16]]:
    """A function of band and digital numbers: numbers of corrected reflectance under ``SCALE``, ``OFFSET``; 0 stays.

    Args:
        scale: top-of-atmosphere reflectance = number × scale + offset.
        offset: see ``scale``.
        angles: of sun and view.
    """

    def correct(band: str, numbers: NDArray[np.uint16]) -> NDArray[np.uint16]:
        reflectance = corrected(numbers.astype(np.float32) * np.float32(scale) + np.float32(offset), band, angles)
        written = np.clip(np.rint((reflectance - OFFSET) / SCALE), 1, 65535).astype(np.uint16)
        return np.where(numbers == 0, np.uint16(0), written)

    return correct
