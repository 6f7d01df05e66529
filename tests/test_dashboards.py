"""The W&B workspace of each study, checked by W&B's own model without a key."""

import json
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from wandb.errors import CommError

from depthbench import dashboards
from depthbench.config.compose import config_dir
from depthbench.dashboards import dashboard, definition, main, workspace
from depthbench.errors import UserError

PAPERS = Path(config_dir(), "experiment")
SAMPLE = ("carvalho2018/dataset_size", "alhashim2018/ablation")
STUDIES = sorted(str(file.relative_to(PAPERS).with_suffix("")) for file in PAPERS.glob("*/*.yaml"))


@pytest.fixture(autouse=True)
def _no_key(monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


def logged(study):
    """The configuration that W&B gets from a run of the study."""
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("config", [f"experiment={study}"], return_hydra_config=True)
    choices = OmegaConf.to_container(config.hydra.runtime.choices)
    plain = {key: value for key, value in OmegaConf.to_container(config, resolve=False).items() if key != "hydra"}
    return plain | {"choices": choices, "study": choices["experiment"]}


@pytest.mark.parametrize("study", [pytest.param(s, marks=[] if s in SAMPLE else pytest.mark.slow) for s in STUDIES])
def test_every_study_has_a_dashboard_grouped_by_what_it_sweeps(study):
    board = dashboard(study)
    content = definition(workspace(board, "somebody"))
    assert json.loads(json.dumps(content))["displayName"] == study
    (runs,) = content["spec"]["section"]["runSets"]
    (only,) = runs["filters"]["filters"]
    assert (only["key"]["name"], only["op"], only["value"]) == ("study", "=", study)
    config = logged(study)
    assert config["study"] == study
    assert len(runs["grouping"]) == len(board.groups)
    for group, key in zip(runs["grouping"], board.groups, strict=True):
        first, *rest = key.split(".", 1)
        assert group == {"section": "config", "name": ".".join([first, "value", *rest])}
        value = config
        for part in key.split(".", 1) if key.startswith("choices.") else key.split("."):
            value = value[part]  # the runs have what they are grouped by


def test_the_dashboard_shows_what_runs_log(tmp_path, capsys):
    assert (
        main(["carvalho2018/dataset_size", "scale=machine", "logger.entity=me", f"--json={tmp_path / 'd.json'}"]) == 0
    )
    assert "is sound; to save it, run `wandb login`" in capsys.readouterr().out
    content = json.loads((tmp_path / "d.json").read_text())
    assert content["entity"] == "me"
    sections = content["spec"]["section"]["panelBankConfig"]["sections"]
    panels = {section["name"]: section["panels"] for section in sections}
    bars = [panel["config"]["metrics"] for panel in panels["Scores"] if panel["viewType"] == "Bar Chart"]
    assert bars[0] == ["test/rooms/AbsRel"]
    assert [panel["config"]["mediaKeys"] for panel in panels["Pictures"]] == [["panels/test"], ["panels/val"]]


def test_with_a_key_it_is_saved(monkeypatch, capsys):
    saved = []

    class Space:
        url = "the address of the workspace"

        def _to_model(self):
            return self

        def model_dump(self, **_):
            return {}

        def save(self):
            saved.append(self)
            return self

    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setattr(dashboards, "workspace", lambda board, entity: Space())
    assert main(["carvalho2018/dataset_size", "logger.entity=me"]) == 0
    assert len(saved) == 1
    assert capsys.readouterr().out == "the address of the workspace\n"


@pytest.mark.parametrize("refusal", [CommError("permission denied"), ConnectionError("no route")])
def test_a_server_that_refuses_ends_in_one_sentence(monkeypatch, capsys, refusal):
    def refuse():
        raise refusal

    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setattr(dashboards, "_own_entity", refuse)
    assert main(["carvalho2018/dataset_size"]) == 2
    assert capsys.readouterr().err == f"{refusal}\n"


def test_a_study_that_is_not_there_ends_in_one_sentence(capsys):
    assert main(["carvalho2018/figure_99"]) == 2
    assert capsys.readouterr().err.startswith("experiment")
    with pytest.raises(UserError):
        dashboard("nobody2020/table")


def test_a_user_may_stop_it(monkeypatch, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(dashboards, "dashboard", stopped)
    assert main(["carvalho2018/dataset_size"]) == 130
    assert capsys.readouterr().err == "Stopped before the dashboard was saved.\n"
