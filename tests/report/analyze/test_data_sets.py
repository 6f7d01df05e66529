"""What data sets are called, which runs were tested on the same images, and on how many they learned."""

import json

import pytest

from depthbench.report.analyze.study import studies
from depthbench.report.read.runs import read_runs
from tests.report.analyze.test_study import change
from tests.report.conftest import frames

NYU_TEST = frames("NYULabeled", 654, ["00000", "00001"])


def record(path, **parts):
    """Change what a run recorded of its frames."""
    content = json.loads((path / "data.json").read_text())
    (path / "data.json").write_text(json.dumps(content | parts))


def make_nyu(place, make_run, data, split, loss, count=None, test=None, **config):
    path = make_run(place / data, loss=loss, split=split, data=data, images=30, panels=False)
    count = count or int(split.replace("k", "000"))
    record(path, train=frames("NYU", count, [split]), test=test or NYU_TEST)
    change(path, {f"data.{key}": value for key, value in config.items()})
    return path


def test_three_amounts_of_one_data_set_are_one_study_with_a_power_law(tmp_path, make_run):
    from depthbench.report.analyze.power_laws import fit_power_law

    for split, count in (("795", 795), ("12k", 12_000), ("230k", 229_999)):
        for loss in ("l1", "eigen"):
            make_nyu(tmp_path, make_run, "nyu", split, loss, count)
    (study,) = studies(read_runs([tmp_path]))
    assert (study.data, study.axes, study.methods) == ("nyu", ("loss",), ("l1", "eigen"))
    assert study.amounts == (795, 12_000, 229_999)
    law = fit_power_law([cell for cell in study.cells if cell.method == "l1"], "eigen", "AbsRel")
    assert law is not None


def test_runs_on_the_two_parts_of_nyu_come_together_where_their_tests_are_equal(tmp_path, make_run):
    """Earlier versions made such runs: 795 by nyu_labeled, 12k and 230k by nyu_raw, with other settings."""
    for loss in ("l1", "eigen"):
        make_nyu(tmp_path, make_run, "nyu_labeled", "795", loss, depth="filled", cache="ram", root="/a")
        for split in ("12k", "230k"):
            make_nyu(tmp_path, make_run, "nyu_raw", split, loss, cache="none", root="/b", test_root="/a")
    (study,) = studies(read_runs([tmp_path]))
    assert (study.data, study.axes) == ("nyu_labeled and nyu_raw", ("loss",))
    assert study.amounts == (795, 12_000, 230_000)
    assert len(study.cells) == 6


def test_other_data_at_the_same_amount_is_an_axis(tmp_path, make_run):
    for data in ("nyu_labeled", "rooms_to_nyu"):
        make_nyu(tmp_path, make_run, data, "795", "l1")
    (study,) = studies(read_runs([tmp_path]))
    assert (study.axes, study.methods) == (("data",), ("nyu_labeled", "rooms_to_nyu"))


@pytest.mark.parametrize(
    ("one", "two", "names"),
    [
        (("rooms", 654), ("rooms", 32), ["rooms (32 test images)", "rooms (654 test images)"]),
        (("rooms", 654), ("nyu", 654), ["nyu", "rooms"]),
    ],
)
def test_other_test_images_are_another_study(tmp_path, make_run, one, two, names):
    for data, count in (one, two):
        test = frames("Rooms", count, [f"{data} {count}"])
        make_nyu(tmp_path / str(count), make_run, data, "795", "l1", test=test)
    assert [study.data for study in studies(read_runs([tmp_path]))] == names


def test_test_sets_of_one_size_are_told_apart_by_their_hash(tmp_path, make_run):
    for place in ("a", "b"):
        make_nyu(tmp_path / place, make_run, "nyu", "795", "l1", test=frames("NYULabeled", 654, [place]))
    names = [study.data for study in studies(read_runs([tmp_path]))]
    assert len(set(names)) == 2
    assert all(name.startswith("nyu (test set ") for name in names)


def test_rooms_of_another_version_are_another_test(tmp_path, make_run):
    for version in (1, 2):
        make_nyu(tmp_path / str(version), make_run, "rooms", "795", "l1", test=NYU_TEST, **{"test.version": version})
    assert len(studies(read_runs([tmp_path]))) == 2


def test_a_run_that_is_not_finished_belongs_to_its_data_and_amount(tmp_path, make_run):
    for loss in ("l1", "eigen"):
        make_nyu(tmp_path, make_run, "nyu", "230k", loss, 229_999)
    for name in ("data.json", "DONE", "scores.json"):
        (make_path := next(tmp_path.glob("nyu/loss=l1*")) / name).unlink()
    assert not make_path.exists()
    (study,) = studies(read_runs([tmp_path]))
    assert study.amounts == (229_999,)


def test_own_data_is_called_by_its_name_and_has_its_amount(tmp_path, make_run):
    test = frames("Pairs", 9, ["0001"])
    for loss in ("l1", "eigen"):
        path = make_nyu(tmp_path, make_run, "folder", "32", loss, 32, test, root="/disks/kitchen")
        change(path, {"data.split": None})
    (study,) = studies(read_runs([tmp_path]))
    assert (study.data, study.amounts) == ("kitchen", (32,))
    change(path, {"data.name": "My kitchen"})
    other = next(run for run in read_runs([tmp_path]) if run.path != path.resolve())
    assert [study.data for study in studies(read_runs([tmp_path]))] == ["My kitchen", "kitchen"]
    change(other.path, {"data.name": "My kitchen"})
    assert [study.data for study in studies(read_runs([tmp_path]))] == ["My kitchen"]


def test_two_folders_with_the_same_names_of_files_are_two_data_sets(tmp_path, make_run):
    for root in ("/disks/kitchen", "/disks/garden"):
        test = frames("Pairs", 9, ["0001"])
        make_nyu(tmp_path / root[-3:], make_run, "folder", "32", "l1", 32, test, root=root)
    assert [study.data for study in studies(read_runs([tmp_path]))] == ["garden", "kitchen"]


def test_the_same_folder_on_another_disk_is_one_data_set(tmp_path, make_run):
    for disk, loss in (("a", "l1"), ("b", "eigen")):
        test = frames("Pairs", 9, ["0001"])
        make_nyu(tmp_path / disk, make_run, "folder", "32", loss, 32, test, root=f"/{disk}/kitchen")
    (study,) = studies(read_runs([tmp_path]))
    assert study.axes == ("loss",)


def test_an_amount_is_unknown_only_where_nothing_tells_it(tmp_path, make_run):
    path = make_run(tmp_path, images=3, panels=False)
    change(path, {"data.split": None})
    assert studies(read_runs([tmp_path]))[0].amounts == (795,)
    (path / "data.json").unlink()
    assert studies(read_runs([tmp_path]))[0].amounts == (None,)
