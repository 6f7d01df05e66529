"""What scikit-learn's RANSACRegressor finds: `python tests/protocols/alignment/record_ransac.py` (scikit-learn 1.9.1).

The points are of no random generator, so that they are the same everywhere.
"""

import json
from pathlib import Path

import numpy as np

RECORD = Path(__file__).with_name("ransac.json")
COUNTS, SEEDS = (3, 40, 150, 900), (0, 3)


def points(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A line with noise, of which 3 in 10 points are anywhere."""
    wave = np.abs(np.sin(np.arange(4 * count).reshape(4, count) * 12.9898 + seed) * 43758.5453) % 1
    x, noise, chance, anywhere = wave
    return x, np.where(chance < 0.3, 5 * anywhere, 1 + 2 * x + 0.2 * (noise - 0.5))


def main() -> None:
    from sklearn.linear_model import RANSACRegressor

    found = []
    for count in COUNTS:
        for seed in SEEDS:
            x, y = points(count, seed)
            line = RANSACRegressor(max_trials=1000, random_state=seed).fit(x[:, None], y).estimator_
            kept = {"scale": float(line.coef_[0]), "shift": float(line.intercept_)}
            found.append({"count": count, "seed": seed, "mean_y": float(y.mean())} | kept)
    RECORD.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
