"""Made canny_a.npz: edges by scikit-image 0.26's own ``feature.canny``, which the project does not need otherwise."""

from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.feature import canny

SETTINGS = np.array([[2**0.5, 0.15, 0.3], [2**0.5, 0.1, 0.2], [1.0, 0.1, 0.2]])


def images() -> list[np.ndarray]:
    """Noise, steps of noise, steps of a box, and noise with missing pixels; 0 to 1."""
    found = []
    for seed in range(4):
        noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((47, 63)), 2)
        noise = (noise - noise.min()) / (noise.max() - noise.min())
        if seed == 1:
            noise = np.where(noise > 0.5, 1.0, 0.0)
        if seed == 2:
            noise = np.zeros_like(noise)
            noise[12:30, 20:44] = 1.0
        if seed == 3:
            noise[20:22, 30:33] = np.nan
        found.append(noise)
    return found


if __name__ == "__main__":
    made = np.stack(images())
    edges = np.stack([[canny(image, *setting) for setting in SETTINGS] for image in made])
    np.savez_compressed(Path(__file__).with_name("canny_a.npz"), image=made, setting=SETTINGS, edges=edges)
