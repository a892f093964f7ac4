"""A painted scene: class medians of MARIDA in known places."""

from __future__ import annotations

import numpy as np

from oceanclean.products.names import BANDS

#: Class medians of MARIDA, Rayleigh-corrected reflectance (Kikaki et al. 2022).
SPECTRA = {
    "water": [0.0346, 0.0285, 0.0184, 0.0134, 0.0112, 0.0115, 0.0124, 0.0101, 0.0118, 0.0066, 0.0048],
    "debris": [0.0367, 0.0472, 0.0384, 0.0366, 0.0236, 0.0250, 0.0265, 0.0349, 0.0262, 0.0122, 0.0065],
    "sargassum": [0.0364, 0.0389, 0.0509, 0.0447, 0.1021, 0.1265, 0.1449, 0.1332, 0.1403, 0.0159, 0.0097],
    "cloud": [0.35, 0.34, 0.33, 0.33, 0.33, 0.34, 0.35, 0.34, 0.35, 0.30, 0.25],
    "land": [0.05, 0.06, 0.09, 0.10, 0.15, 0.22, 0.25, 0.27, 0.28, 0.25, 0.17],
}


def paint(height: int = 200, width: int = 230, seed: int = 0) -> np.ndarray:
    """Reflectance (band, y, x): sea with a line of debris, a sargassum mat, a cloud, land at the left."""
    rng = np.random.default_rng(seed)
    image = np.empty((height, width, len(BANDS)), np.float32)
    image[:] = SPECTRA["water"]
    image[90:93, 90:150] = SPECTRA["debris"]
    image[150:170, 100:130] = SPECTRA["sargassum"]
    image[20:60, 160:210] = SPECTRA["cloud"]
    image[:, :40] = SPECTRA["land"]
    image += rng.normal(0, 0.0006, image.shape).astype(np.float32)
    return np.maximum(image, 0.0005).transpose(2, 0, 1)
