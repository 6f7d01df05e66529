"""Run folders as the bench writes them, made from arithmetic alone."""

import csv
import hashlib
import json

import numpy as np
import pytest
import yaml

from depthbench.metrics.image.profiles import BINS

METRICS = ("AbsRel", "SqRel", "RMSE", "RMSElog", "log10", "SILog", "delta1", "delta2", "delta3")
QUALITY = {"l1": 1.0, "l2": 1.06, "huber": 1.01, "berhu": 0.985, "eigen": 0.94, "eigen_grad": 0.9, "gan": 1.12}


@pytest.fixture(scope="session")
def make_run():
    """A function that writes one finished run folder."""
    return write_run


@pytest.fixture(scope="session")
def sweep(tmp_path_factory):
    """Three losses by three amounts of data, one seed, on rooms; panels for the smallest amount."""
    root = tmp_path_factory.mktemp("sweep")
    for loss in ("l1", "eigen", "gan"):
        for split in ("795", "12k", "230k"):
            write_run(root, loss=loss, split=split, panels=split == "795")
    return root


def write_run(root, *, loss="l1", split="795", seed=0, images=120, data="rooms", quality=None, panels=True, **extra):
    """One finished run folder; ``extra`` overrides keys of ``run.json``. Returns its path."""
    rng = np.random.default_rng([seed, *map(ord, loss + split)])
    amount = int(split.replace("k", "000"))
    level = 0.2 * (amount / 795) ** -0.12 * (QUALITY.get(loss, 1.0) if quality is None else quality)
    level *= 1 + 0.01 * rng.standard_normal()
    name = f"loss={loss},data.split={split},seed={seed}"
    path = root / f"{name.replace('/', '_')}-{hashlib.md5(name.encode()).hexdigest()[:8]}"
    path.mkdir(parents=True)
    config = {
        "seed": seed,
        "data": {"split": split, "size": [96, 128]},
        "loss": {"_target_": f"depthbench.losses.{loss}"},
    }
    config |= {"model": {"encoder": {"name": "resnet10t"}}, "trainer": {"max_epochs": 10}}
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    info = {
        "name": name,
        "overrides": [f"loss={loss}", f"data.split={split}", f"seed={seed}"],
        "hash": "1a2b3c4d",
        "code_version": "0.1.0 (58917e6)",
        "created": "2026-11-20T10:00:00",
        "choices": {
            "data": data,
            "model": "small",
            "loss": loss,
            "optim": "adamw",
            "trainer": "cpu",
            "protocol": "eigen",
        },
        "command": f"python -m depthbench.run loss={loss} data.split={split} seed={seed}",
        "machine": {"device": "cpu", "cores": 2},
    }
    write(path / "run.json", info | extra)
    names = [f"scene{index:04d}" for index in range(images)]
    write(
        path / "data.json", {"train": frames("Train", amount, [loss]), "test": frames(f"Test of {data}", images, names)}
    )
    steps = 600 + amount // 40
    status = {"state": "done", "reason": None, "epoch": 9, "step": steps, "steps": steps, "images_per_second": 61.5}
    write(path / "status.json", status | {"updated": "2026-11-20T10:05:00"})
    per_image = scores(level, images, rng)
    with (path / "per_image.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["protocol", "name", *METRICS])
        for index in range(images):
            writer.writerow(["eigen", f"scene{index:04d}", *(f"{per_image[m][index]:.6f}" for m in METRICS)])
    mean = {m: float(np.mean(np.round(per_image[m], 6))) for m in METRICS}
    write(path / "scores.json", {"eigen": mean | {"images": images}})
    history(path / "metrics.csv", level, steps, rng)
    save_profiles(path / "profiles.npz", level, images, rng)
    if panels:
        save_panels(path / "panels.npz", level, rng)
    write(path / "DONE", {"score": mean["AbsRel"], "seconds": 60 + steps / 8})
    return path


def frames(kind, count, names):
    """The record of some frames."""
    return {"data": kind, "count": count, "names_sha256": hashlib.sha256("\n".join(names).encode()).hexdigest()}


def write(path, content):
    path.write_text(json.dumps(content))


def scores(level, images, rng):
    difficulty = np.random.default_rng(7).gamma(6, 1 / 6, images)  # the same images are hard for every method
    absrel = level * difficulty * np.exp(0.1 * rng.standard_normal(images))
    factors = {"SqRel": 0.7, "RMSE": 3.4, "RMSElog": 1.3, "log10": 0.42, "SILog": 95.0}
    table = {"AbsRel": absrel} | {key: factor * absrel for key, factor in factors.items()}
    deltas = {"delta1": 1.45, "delta2": 0.45, "delta3": 0.15}
    return table | {key: np.clip(1 - factor * absrel, 0, 1) for key, factor in deltas.items()}


def history(path, level, steps, rng):
    rows = ["epoch,step,train/loss,val/AbsRel"]
    for index, step in enumerate(np.linspace(steps / 20, steps, 20)):
        noise = 1 + 0.03 * rng.standard_normal()
        rows.append(f"{index},{step:.0f},{level * 3 * np.exp(-index / 6) + 0.2:.5f},")
        rows.append(f"{index},{step:.0f},,{level * (1 + 1.2 * np.exp(-index / 4)) * noise:.5f}")
    path.write_text("\n".join(rows) + "\n")


def save_profiles(path, level, images, rng):
    """Errors that grow with the distance, with the angle and towards edges."""
    content = {"name": np.array([f"scene{index:04d}" for index in range(images)]), "protocol": np.array("eigen")}
    for kind, limits in BINS.items():
        bins = len(limits) - 1
        pixels = rng.integers(0, 500, (images, bins)).astype(np.float32)
        slope = np.linspace(1.5, 0.5, bins) if kind == "edge" else np.linspace(0.5, 1.5, bins)
        error = level * slope * np.exp(0.1 * rng.standard_normal((images, bins)))
        content |= {kind: np.stack([pixels, pixels * error, pixels * error**2], -1), f"{kind}_limits": np.array(limits)}
    np.savez_compressed(path, **content)


def save_panels(path, level, rng, frames=4, height=96, width=128):
    """A box room seen from inside, with a block in it."""
    v, u = np.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    image, truth, prediction = [], [], []
    for index in range(frames):
        far = 4.0 + index
        x, y = np.abs(u - 0.45 - 0.03 * index) * 2, np.abs(v - 0.45) * 2
        depth = np.minimum(far, 1.15 / np.maximum(np.maximum(x * 0.8, y), 0.05))
        block = (u > 0.55) & (u < 0.8) & (v > 0.5 + 0.03 * index) & (v < 0.9)
        depth = np.where(block, 1.6 + 0.3 * index, depth)
        shade = np.clip(1.15 - depth / (far + 1.5), 0, 1)
        color = np.stack([shade, shade * 0.9, shade * 0.78], -1)
        color[block] = [0.25, 0.4 + 0.1 * index, 0.55]
        image.append(np.uint8(255 * color))
        holes = (u < 0.04) | (rng.random(depth.shape) < 0.002)
        truth.append(np.where(holes, 0, depth))
        wave = np.sin(6 * u + index + 9 * level) * np.cos(5 * v + 3 * rng.random())
        blurred = sum(np.roll(depth, (a, b), (0, 1)) for a in (-3, 0, 3) for b in (-3, 0, 3)) / 9
        prediction.append(blurred * (1 + level * wave))
    np.savez_compressed(
        path,
        image=np.stack(image),
        truth=np.float16(truth),
        prediction=np.float16(prediction),
        name=np.array([f"frame{index}" for index in range(frames)]),
        intrinsics=np.tile([[width * 0.9, 0, width / 2], [0, width * 0.9, height / 2], [0, 0, 1]], (frames, 1, 1)),
    )
