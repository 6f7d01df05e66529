import os
import socket

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torchmetrics import MetricCollection

from depthbench.annotations import Annotations
from depthbench.errors import UserError
from depthbench.metrics import (
    MAE,
    RMSE,
    RMSESI,
    WKDR,
    AbsRel,
    AnnotatedPairs,
    Delta,
    DeltaAUC,
    DepthScores,
    FineDelta,
    InverseMAE,
    InverseRMSE,
    Log10,
    LogMAE,
    MDECEdgeError,
    PairAccuracy,
    RMSELog,
    SILog,
    SqRel,
    TemporalError,
    functional,
    masked_sums,
)
from tests.score_references import extended_scores_of

SINGLES = {
    "delta1": Delta(),
    "delta3": Delta(3),
    "AbsRel": AbsRel(),
    "SqRel": SqRel(),
    "SqRel_textbook": SqRel("textbook"),
    "RMSE": RMSE(),
    "RMSElog": RMSELog(),
    "RMSE_si": RMSESI(),
    "log10": Log10(),
    "SILog": SILog(),
    "SILog_unidepth": SILog("unidepth"),
}


@pytest.fixture
def batches(maps):
    """Batches of 2 and 3 images, the second image without a valid pixel."""
    prediction, truth, _ = maps(5)
    truth[1] = 0
    truth[2, :, 10:] = 0  # so that images differ in weight
    return [(prediction[:2], truth[:2]), (prediction[2:], truth[2:])]


def expected_scores(batches, reference, reduction):
    images = [
        (p.numpy(), t.numpy(), t.numpy() > 0) for ps, ts in batches for p, t in zip(ps, ts, strict=True) if t.any()
    ]
    rows = [reference(*image) for image in images]
    if reduction == "image":
        return {name: np.mean([row[name] for row in rows]) for name in rows[0]}
    if reduction == "pixel":
        flat = [np.concatenate([image[k][image[2]] for image in images]) for k in (0, 1)]
        return reference(*flat, np.ones(flat[0].shape, bool))
    logs = [np.log(np.float64(p)[seen]) - np.log(np.float64(t)[seen]) for p, t, seen in images]
    square, mean = np.mean([np.mean(log**2) for log in logs]), np.mean([log.mean() for log in logs])
    pixels = sum(log.size for log in logs)
    return {
        "SILog_unidepth": np.sqrt((square - mean**2) * pixels / (pixels - 1)),
        "RMSE": np.sqrt(np.mean([row["RMSE"] ** 2 for row in rows])),
        "RMSElog": np.sqrt(np.mean([row["RMSElog"] ** 2 for row in rows])),
        "AbsRel": np.mean([row["AbsRel"] for row in rows]),
        "delta1": np.mean([row["delta1"] for row in rows]),
    }


@pytest.mark.parametrize("reduction", ["image", "pixel", "mse_image"])
def test_reductions(batches, reference, reduction):
    metric = DepthScores(reduction)
    for batch in batches:
        metric.update(*batch)
    found = metric.compute()
    for name, value in expected_scores(batches, reference, reduction).items():
        np.testing.assert_allclose(found[name].item(), value, rtol=3e-6, err_msg=name)
    assert found["images"] == 4
    assert found["images_empty"] == 1
    assert found["nonfinite"] == 0
    assert found["pixels"] == sum((truth > 0).sum() for _, truth in batches)


def test_reductions_differ(batches):
    found = []
    for reduction in ("image", "pixel", "mse_image"):
        metric = DepthScores(reduction)
        metric.update(*batches[1])
        found.append(metric.compute()["RMSE"].item())
    assert len(set(found)) == 3


def test_one_class_per_score_and_one_state_for_all(batches):
    collection = MetricCollection({name: metric.clone() for name, metric in SINGLES.items()} | {"all": DepthScores()})
    for batch in batches:
        collection.update(*batch)
    assert len(collection.compute_groups) == 1
    found = collection.compute()
    for name in SINGLES:
        assert found[name].item() == found[f"all_{name}" if f"all_{name}" in found else name].item()
        assert SINGLES[name].higher_is_better == (name in functional.HIGHER_IS_BETTER)


def test_single_classes_equal_depth_scores(batches):
    scores = DepthScores("pixel")
    scores.update(*batches[0])
    for name, metric in {"RMSE": RMSE("pixel"), "SILog": SILog(reduction="pixel"), "AbsRel": AbsRel("pixel")}.items():
        metric.update(*batches[0])
        assert metric.compute() == scores.compute()[name]


EXTENDED = {
    "MAE": MAE(),
    "iMAE": InverseMAE(),
    "iRMSE": InverseRMSE(),
    "LogMAE": LogMAE(),
    "delta0.5": FineDelta(),
    "delta0.125": FineDelta("delta0.125"),
    "tau": FineDelta("tau"),
    "d_auc": DeltaAUC(),
}


@pytest.mark.parametrize("reduction", ["image", "pixel", "mse_image"])
def test_extended_scores_in_every_reduction(batches, reduction):
    whole = DepthScores(reduction, extended=True)
    for batch in batches:
        whole.update(*batch)
    found = whole.compute()
    pixels = [x[t > 0] for p, t in batches for x in [torch.stack([p, t], -1)]]
    pooled = extended_scores_of(*torch.cat(pixels).unbind(-1), np.ones(len(torch.cat(pixels)), bool))
    for name, single in EXTENDED.items():
        metric = type(single)(*([name] if isinstance(single, FineDelta) else []), reduction=reduction)
        for batch in batches:
            metric.update(*batch)
        assert metric.compute() == found[name]
        assert bool(single.higher_is_better) == (name in functional.HIGHER_IS_BETTER)
        if reduction == "pixel":
            np.testing.assert_allclose(found[name].item(), pooled[name], rtol=3e-6)


def test_standard_and_extended_never_share_a_state(batches):
    collection = MetricCollection({"AbsRel": AbsRel(), "MAE": MAE()})
    collection.update(*batches[0])
    assert len(collection.compute_groups) == 2


def test_strict_and_inclusive_never_share_a_state(batches):
    collection = MetricCollection({"strict": Delta(), "inclusive": Delta(strict=False)})
    collection.update(*batches[0])  # no ties here: the states are equal
    truth = torch.ones(1, 1, 2, 2)
    collection.update(truth * 1.25, truth)
    assert len(collection.compute_groups) == 2
    assert collection.compute()["inclusive"] > collection.compute()["strict"]


def test_states_stay_float64(batches):
    metric = DepthScores().half().to(torch.bfloat16)
    metric.update(*[x.half() for x in batches[0]])
    assert metric.state("sums").dtype == torch.float64
    assert metric.compute()["AbsRel"].dtype == torch.float64


def test_forward_returns_the_batch_and_keeps_the_whole(batches):
    metric, first = AbsRel(), AbsRel()
    first.update(*batches[0])
    assert metric(*batches[0]) == first.compute()
    metric(*batches[1])
    whole = AbsRel()
    for batch in batches:
        whole.update(*batch)
    torch.testing.assert_close(metric.compute(), whole.compute(), rtol=1e-14, atol=0)


def test_adding_sums_equals_updating(batches):
    updated, added = DepthScores(), DepthScores()
    for batch in batches:
        updated.update(*batch)
        added.add(masked_sums(*batch))
        assert added.compute() == updated.compute()  # also after a compute that was cached


def test_mean_of_per_image_scores_is_the_score(batches):
    metric = DepthScores()
    for batch in batches:
        metric.update(*batch)
    rows = torch.cat([metric.per_image(*batch)["AbsRel"] for batch in batches])
    assert rows.isnan().tolist() == [False, True, False, False, False]
    torch.testing.assert_close(rows.nanmean(), metric.compute()["AbsRel"], rtol=1e-14, atol=0)


def test_nothing_valid_at_all_is_nan_and_counted():
    metric = DepthScores()
    metric.update(torch.ones(2, 1, 4, 4), torch.zeros(2, 1, 4, 4))
    found = metric.compute()
    assert found["AbsRel"].isnan()
    assert found["images"] == 0
    assert found["images_empty"] == 2


def test_divergence_shows(batches):
    prediction, truth = batches[1]
    metric = DepthScores()
    metric.update(prediction.masked_fill(truth > 9, float("nan")), truth)
    found = metric.compute()
    assert found["AbsRel"].isnan()
    assert found["nonfinite"] == (truth > 9).sum()


def test_unknown_reductions_and_powers():
    with pytest.raises(UserError, match="image, pixel, mse_image"):
        DepthScores("batch")
    with pytest.raises(UserError, match="1, 2 and 3"):
        Delta(4)


def made(index):
    generator = torch.Generator().manual_seed(index)
    truth = (0.5 + 9 * torch.rand(1, 1, 31, 43, generator=generator)) * (index != 7)
    return truth.clamp(min=0.4) * (0.2 * torch.randn(truth.shape, generator=generator)).exp(), truth


def worker(rank, port, folder):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    metric = DepthScores()
    for index in range(rank, 15, 2):  # 8 and 7 images: nothing is padded
        metric.update(*made(index))
    torch.save(metric.compute(), folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_count_15_images_and_agree_with_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Forked, since two fresh interpreters take half a minute to import torch on a busy machine.
    torch.multiprocessing.start_processes(worker, (port, tmp_path), nprocs=2, start_method="fork")
    alone = DepthScores()
    for index in range(15):
        alone.update(*made(index))
    expected = alone.compute()
    assert (expected["images"], expected["images_empty"]) == (14, 1)
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt")
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-12, atol=1e-15, msg=name)


PAIRS = AnnotatedPairs(torch.tensor([[0, 0], [3, 4]]), torch.tensor([[5, 6], [1, 1]]))


def added(metrics, indices):
    """Whole images, annotated ones, pairs and clips, an image at a time."""
    edges = Annotations(edges=(torch.arange(43) % 9 == 0).expand(1, 1, 31, 43))
    for index in indices:
        prediction, truth = made(index)
        metrics[0].update(prediction, truth, annotations=edges)
        metrics[1].update(prediction, truth)
        metrics[2].update(prediction[0, 0], PAIRS, "indoor/1.jpg" if index % 2 else "aerial/2.jpg")
        metrics[3].update_clip(torch.cat([prediction, truth + 1]), torch.eye(3) * 20, torch.eye(4).expand(2, 4, 4))
    return [metric.compute() for metric in metrics]


def fresh():
    return MDECEdgeError(), WKDR(), PairAccuracy(), TemporalError()


def worker_of_images(rank, port, folder):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    torch.save(added(fresh(), range(rank, 9, 2)), folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_scores_of_images_pairs_and_clips_over_two_processes(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.start_processes(worker_of_images, (port, tmp_path), nprocs=2, start_method="fork")
    alone = added(fresh(), range(9))
    assert alone[0]["images"] == 8
    for rank in range(2):
        for found, expected in zip(torch.load(tmp_path / f"{rank}.pt"), alone, strict=True):
            for name, value in expected.items():
                torch.testing.assert_close(found[name], value, rtol=1e-12, atol=1e-15, equal_nan=True, msg=name)
