"""Results as files: what is written is read back without the predictions; what was changed is refused in a sentence."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results

from depthbench import compare, read_results
from depthbench.config.compose import names_of, option_file
from depthbench.config.targets import instantiate
from depthbench.errors import UserError
from depthbench.evaluate import main
from depthbench.metrics.functional import EXTENDED_SCORES, HIGHER_IS_BETTER, SCORES, STANDARD
from depthbench.output_kinds import OutputKind
from depthbench.protocols import EvalProtocol, load_protocol
from depthbench.results.hub import verification_table
from depthbench.results.of_runs import results_of_run
from depthbench.results.reading import read_content
from depthbench.results.records import content_hash, rules_hash
from depthbench.results.schema import check_content, result_schema
from depthbench.runs.checksums import write_done
from depthbench.runs.results import read_scores, write_scores
from depthbench.stats.crossed import compare_rows
from depthbench.stats.directions import higher_is_better
from depthbench.stats.intervals import intervals
from tests.commands import make_frames


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A file of two inputs under three protocols that take means of images, of pixels, and root means."""
    root = tmp_path_factory.mktemp("results")
    frames, rng = make_frames(root / "frames", train=1, test=13), np.random.default_rng(0)
    from tests.evaluation.test_evaluate import truth

    for name, spread in (("good", 0.1), ("bad", 0.5)):
        (root / name).mkdir()
        for frame, depth in truth(frames).items():
            depth = depth * rng.uniform(1 - spread, 1 + spread, depth.shape)
            np.save(root / name / f"{frame}.npy", depth.astype(np.float32))
    rules = {"whole": {}, "near": {"max_depth": 4.0, "reduction": "pixel"}, "root": {"reduction": "mse_image"}}
    for name, fields in rules.items():
        changes = [f"protocol.{key}={value}" for key, value in {"name": name, **fields}.items()]
        arguments = ["data=nyu_labeled", f"data.root={frames}", "data.scale=0.001", "data.test_frames=null"]
        arguments += ["protocol=full", *changes, f"predictions={root / 'good'},{root / 'bad'}", "seed=0"]
        output = [root / f"{name}.json", root / f"{name}.yaml"]
        assert main([*arguments, f"output={','.join(map(str, output))}"]) == 0
    return root


@pytest.fixture
def content(made) -> dict:
    return json.loads((made / "near.json").read_text())


def test_what_is_written_is_read_back(made):
    good, bad = read_results(made / "near.json")
    content = json.loads((made / "near.json").read_text())
    assert (good.model.name, good.model.kind, good.model.form) == ("good", OutputKind.METRIC_DEPTH, "files")
    assert good.model.sha256 != bad.model.sha256
    assert (good.data.name, good.data.reader, good.data.split, good.data.images) == ("NYUv2", "NYULabeled", "test", 13)
    assert good.rules.sha256 == rules_hash(vars(load_protocol("full", max_depth=4.0, reduction="pixel")) | ALIGNED)
    assert good.rules.alignment == "none"
    assert good.scores == {name: pytest.approx(value) for name, value in content["scores"]["good"]["near"].items()}
    assert good.scores["missing"] == 0
    assert good.limits["AbsRel"] == tuple(content["intervals"]["good"]["near"]["AbsRel"])
    assert good.names == tuple(f"{index:05d}" for index in range(13))
    assert set(good.per_image) == {*STANDARD, "pixels"}
    assert good.code == content["code"]["version"]


ALIGNED = {"alignment": {**vars(EvalProtocol(name="full").alignment)}}


@pytest.mark.parametrize("rules", ["whole", "near", "root"])
def test_intervals_and_tests_from_the_file_are_those_of_the_predictions(made, rules):
    """Means of images, of pixels, and their roots; SILog of pooled pixels can't be read from images, and is None."""
    good, bad = read_results(made / f"{rules}.json")
    differences = {row["score"]: row for row in json.loads((made / f"{rules}.json").read_text())["differences"]}
    readable = [name for name in STANDARD if good.sums(name) is not None]
    assert set(STANDARD) - set(readable) == (set() if rules == "whole" else {"SILog"})
    for name in readable:
        sums, other = good.sums(name), bad.sums(name)
        assert sums.scores[name] == pytest.approx(good.scores[name], rel=1e-8)
        assert intervals(sums)[name] == pytest.approx(good.limits[name], rel=1e-6)
        ((tested),) = compare_rows([({0: sums}, {0: other})])
        assert tested[name].difference.value == pytest.approx(differences[name]["value"], rel=1e-6)
        assert tested[name].difference.p_value == pytest.approx(differences[name]["p_value"])


def test_scores_of_images_go_into_compare(made):
    rows = {one.model.name: one.per_image["AbsRel"] for one in read_results(made / "whole.json")}
    (pair,) = compare(rows)
    assert pair.better == "good"


def test_it_is_still_a_file_of_scores(made):
    assert read_scores(made / "whole.json").keys() == {"good", "bad"}


def damage(content: dict, *place: object, to: object) -> dict:
    """A copy with another value at a place, or without it."""
    changed = copy.deepcopy(content)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    if to is None and isinstance(inner, dict):
        del inner[place[-1]]
    else:
        inner[place[-1]] = to
    return changed


DAMAGE = {
    "a number": (("scores", "good", "near", "AbsRel"), 0.01, "something was changed since it was written"),
    "an image's number": (("images", "scores", "good", "near", "AbsRel", 3), 0.01, "something was changed"),
    "a rule": (("protocols", "near", "max_depth"), 5.0, "the fields of protocol 'near' differ from its hash"),
    "a text for a number": (("scores", "good", "near", "AbsRel"), "0.1", "'AbsRel' of 'near' of 'good' of scores"),
    "too few images": (("images", "names"), ["00000"], "1 images have 13 values"),
    "no hash": (("sha256",), None, "lacks sha256"),
    "no protocol": (("protocols", "near"), None, "under 'near', none of its protocols"),
    "no model": (("models", "bad"), None, "are of 'bad', which is none of its models"),
    "another kind": (("models", "good", "kind"), "depth", "kind of 'good' of models of the file is 'depth', none of"),
    "an object for a list": (("differences",), {}, "differences of the file is {}, not array"),
    "a limit": (("intervals", "good", "near", "AbsRel"), [0.1], "shorter than 2"),
    "less than no image": (("data", "images"), -1, "is -1, below 0"),
    "a nameless set": (("data", "name"), "", "is shorter than 1"),
    "a short hash": (("data", "names_sha256"), "12", "which does not fit"),
    "true for a number": (("format",), True, "format of the file is True, not 2"),
    "a later version": (("schema",), "depthbench.result/2", "which a later version writes; update depthbench"),
    "no schema": (("schema",), None, "names no schema; evaluate again"),
}


@pytest.mark.parametrize("fault", DAMAGE)
def test_what_was_changed_is_refused_in_a_sentence(fault, content, tmp_path):
    place, value, sentence = DAMAGE[fault]
    path = tmp_path / "result.json"
    path.write_text(json.dumps(damage(content, *place, to=value)))
    with pytest.raises(UserError) as error:
        read_results(path)
    assert sentence in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '"x"', "[" * 100_000, '{"schema": 5}', "\x00"])
def test_other_content_is_refused_in_a_sentence(text, tmp_path):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(UserError, match=r"result\.json"):
        read_content(tmp_path / "result.json")


def test_order_and_spacing_of_the_text_do_not_matter(content, tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(dict(reversed(content.items())), indent=3))
    assert len(read_results(tmp_path / "result.json")) == 2


def test_the_schema_knows_every_kind_and_is_of_known_keywords(content):
    assert set(result_schema()["$defs"]["kind"]["enum"]) == set(OutputKind)
    check_content(content)
    assert set(content) - set(result_schema()["properties"]) == set()


def test_numbers_that_are_not_finite_come_back_as_nan(content, tmp_path):
    content["scores"]["good"]["near"]["AbsRel"] = content["images"]["scores"]["good"]["near"]["AbsRel"][2] = None
    content["sha256"] = content_hash({key: value for key, value in content.items() if key != "sha256"})
    (tmp_path / "result.json").write_text(json.dumps(content))
    good, _ = read_results(tmp_path / "result.json")
    assert np.isnan(good.scores["AbsRel"])
    assert np.isnan(good.per_image["AbsRel"][2])
    assert good.sums("AbsRel") is None


def test_the_head_of_a_model_card_is_read_by_the_hub(made):
    index = yaml.safe_load((made / "near.yaml").read_text())["model-index"]
    assert [one["name"] for one in index] == ["good", "bad"]
    name, found = model_index_to_eval_results(index[:1])
    (good, _) = read_results(made / "near.json")
    by_metric = {one.metric_type: one for one in found}
    assert name == "good"
    assert by_metric["AbsRel"].metric_value == pytest.approx(good.scores["AbsRel"], abs=1e-5)
    assert by_metric["AbsRel"].metric_args["low"] == pytest.approx(good.limits["AbsRel"][0], abs=1e-5)
    assert by_metric["AbsRel"].dataset_name == "NYUv2, protocol near"
    assert by_metric["AbsRel"].dataset_args["protocol_sha256"] == good.rules.sha256
    assert ModelCardData(model_name=name, eval_results=found).to_dict()["model-index"]


def test_the_form_of_benchmark_sites_names_score_model_and_protocol(made):
    head, first, *_ = verification_table(read_results(made / "near.json"))
    row = dict(zip(head, first, strict=True))
    assert row["benchmark"] == "NYUv2 (metric)"
    assert (row["model"], row["metric"], row["images"], row["missing"]) == ("good", "AbsRel", "13", "0")
    assert row["protocol"].startswith("near 1; region full; depth 0 to 4.0 m; alignment none; mean over pixel; sha256 ")


def test_every_score_has_the_direction_of_its_metric():
    for name in SCORES | EXTENDED_SCORES:
        assert higher_is_better(name) == (name in HIGHER_IS_BETTER), name
    for option in names_of("structure"):
        metric = instantiate(yaml.safe_load(option_file("structure", option).read_text()))
        for name in metric.names if metric.higher_is_better is not None else ():
            assert higher_is_better(name) == metric.higher_is_better, name


def test_reading_results_does_not_import_torch():
    code = "import sys; import depthbench.results.hub, depthbench.results.reading; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_scores_of_a_run_that_were_changed_are_refused(tmp_path):
    write_scores(tmp_path / "scores.json", {"full": {"version": 2}}, {"full": {"AbsRel": 0.2}})
    (tmp_path / "per_image.csv").write_text("protocol,name,AbsRel\nfull,a,0.1\nfull,b,0.3\n")
    write_done(tmp_path, {})
    (result,) = results_of_run(tmp_path, "attic", "mine")
    assert (result.model.name, result.data.name, result.rules.version, result.names) == ("mine", "attic", 2, ("a", "b"))
    assert result.limits["AbsRel"][0] < 0.2 < result.limits["AbsRel"][1]
    (tmp_path / "scores.json").write_text((tmp_path / "scores.json").read_text().replace("0.2", "0.1"))
    with pytest.raises(UserError, match="has changed since the run wrote it"):
        results_of_run(tmp_path, "attic")
