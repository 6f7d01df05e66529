"""A search by Optuna with a launcher that writes what runs would: the study, its starts, its ends."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper

from depthbench.config import compose as composing_module
from depthbench.errors import UserError
from depthbench.run import main
from depthbench.runs import search_study as study_module
from depthbench.runs.folder import RunFolder
from depthbench.runs.ledger import Ledger
from depthbench.runs.plan import plan_job
from depthbench.runs.search_study import JOURNAL, RECORD, last_score, make_part, open_storage, prunes
from depthbench.search.sweeper import OptunaSweeper
from depthbench.training.callbacks import Pruned, Pruning

optuna = pytest.importorskip("optuna", reason="a search needs Optuna: pip install 'depthbench[search]'")

LR = "optim.optimizer.lr"


class FakeLauncher(Launcher):
    """Ends each job as ``becomes(values)`` says: a validation score, a state, or an exception."""

    launched: ClassVar[list] = []
    becomes = None

    def setup(self, *, hydra_context, task_function, config):
        self.config = config

    def launch(self, job_overrides, initial_job_idx):
        for overrides in job_overrides:
            folder = plan_job(self.config, list(overrides))
            values = dict(item.split("=", 1) for item in overrides)
            FakeLauncher.launched.append(values)
            outcome = FakeLauncher.becomes(values)
            if isinstance(outcome, BaseException):
                folder.update_status(state="interrupted")
                raise outcome
            if isinstance(outcome, str):
                folder.update_status(state=outcome, reason="it was told to")
                continue
            (folder.path / "metrics.csv").write_text(f"epoch,step,val/AbsRel\n0,1,9\n0,2,\n1,3,{outcome}\n")
            folder.write_json("DONE", {"score": outcome})
        return []


class FakeSweeper(Sweeper):
    """Somebody else's, which tells nobody what it will run."""

    def setup(self, *, hydra_context, task_function, config):
        self.launcher = FakeLauncher()
        self.launcher.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments):
        for seed in (5, 6):
            self.launcher.launch([[*arguments, f"seed={seed}"]], 0)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Ledger, "current", None)
    monkeypatch.setattr(composing_module, "_added", [])
    monkeypatch.setattr(sys, "argv", ["depthbench"])
    for kind, one in (("launcher", FakeLauncher), ("sweeper", FakeSweeper)):
        target = f"hydra_plugins.fake.{one.__name__}"
        monkeypatch.setitem(Plugins.instance().class_name_to_class, target, one)
        (tmp_path / "own/hydra" / kind).mkdir(parents=True)
        (tmp_path / "own/hydra" / kind / "fake.yaml").write_text(f"_target_: {target}\n")
    FakeLauncher.launched.clear()
    FakeLauncher.becomes = staticmethod(lambda values: abs(float(values[LR]) - 0.003) + 0.1)


def search(*arguments, code=0):
    own = ["--config-dir", "own", "hydra/launcher=fake", "logger=csv"]
    FakeLauncher.launched.clear()
    if code:
        with pytest.raises(SystemExit) as stopped:
            main(["-m", *own, *arguments])
        assert stopped.value.code == code
    else:
        main(["-m", *own, "hydra/sweeper=optuna", *arguments])
    return list(FakeLauncher.launched)


def the_study():
    storage = open_storage(Path("runs"))
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage)


RANGE = f"{LR}=tag(log,interval(1e-4,1e-1))"


def test_it_searches_and_says_what_is_best(capsys):
    tried = search(RANGE, "loss=l1,berhu", "seed=3", "hydra.sweeper.n_trials=6")
    study = the_study()
    assert len(tried) == len(study.trials) == 6
    assert all(1e-4 <= float(values[LR]) <= 1e-1 for values in tried)
    assert {values["loss"] for values in tried} <= {"l1", "berhu"}
    assert {values["seed"] for values in tried} == {"3"}
    best = min(tried, key=FakeLauncher.becomes)
    assert study.best_value == FakeLauncher.becomes(best)
    output = capsys.readouterr().out
    assert f"6 trials, 0 of them pruned, 0 failed. Best val/AbsRel: {study.best_value:.4g}" in output
    assert f"{LR}={best[LR]} loss={best['loss']} (runs/{study.best_trial.user_attrs['run']})" in output
    assert "6 done." in output  # trials are run folders of the ledger
    folder = RunFolder(Path("runs") / study.best_trial.user_attrs["run"])
    assert folder.config.optim.optimizer.lr == float(best[LR])
    assert folder.path.name.startswith("optim.optimizer.lr-")


def test_started_again_it_goes_on():
    first = search(RANGE, "hydra.sweeper.n_trials=4")
    assert len(first) == 4
    assert search(RANGE, "hydra.sweeper.n_trials=4") == []
    FakeLauncher.becomes = staticmethod(lambda values: "pruned")  # all of a start may be
    more = search(RANGE, "hydra.sweeper.n_trials=6", "data.workers=3")  # a key that can't change a result
    assert len(more) == 2
    assert len({values[LR] for values in first + more}) == 6  # the sampler does not begin anew
    search(RANGE, "hydra.sweeper.n_trials=1", "loss=berhu")  # another search is another study
    assert len(optuna.get_all_study_names(open_storage(Path("runs")))) == 2


def test_an_interrupted_trial_is_continued():
    def stopped_at_the_third(values):
        return KeyboardInterrupt() if len(FakeLauncher.launched) == 3 else 0.5

    FakeLauncher.becomes = staticmethod(stopped_at_the_third)
    with pytest.raises(SystemExit) as stopped:
        search(RANGE, "hydra.sweeper.n_trials=4")
    assert stopped.value.code == 130
    third = FakeLauncher.launched[2]
    FakeLauncher.becomes = staticmethod(lambda values: 0.5)
    again = search(RANGE, "hydra.sweeper.n_trials=4")
    assert again[0] == third
    assert len(again) == 2
    assert [trial.state.name for trial in the_study().trials] == ["COMPLETE"] * 4


def test_failed_and_pruned_trials_count_and_do_not_fail_the_search(capsys):
    FakeLauncher.becomes = staticmethod(lambda values: {"l1": "failed", "l2": "pruned"}.get(values["loss"], 0.25))
    search("loss=l1,l2,berhu", "hydra.sweeper.sampler=bruteforce", "hydra.sweeper.n_trials=9")
    states = {trial.params["loss"]: trial.state.name for trial in the_study().trials}
    assert states == {"l1": "FAIL", "l2": "PRUNED", "berhu": "COMPLETE"}
    assert "3 trials, 1 of them pruned, 1 failed. Best val/AbsRel: 0.25 with loss=berhu" in capsys.readouterr().out
    FakeLauncher.becomes = staticmethod(lambda values: "failed")
    search("hydra/sweeper=optuna", "optim=adam,adamw", "hydra.sweeper.n_trials=2", code=1)
    assert "none is done" in capsys.readouterr().out


def test_several_are_asked_for_together():
    sizes = []
    launch = FakeLauncher.launch
    FakeLauncher.launch = lambda self, jobs, initial_job_idx: sizes.append(len(jobs)) or launch(self, jobs, 0)
    try:
        search(RANGE, "hydra.sweeper.n_trials=5", "hydra.sweeper.n_jobs=2")
    finally:
        FakeLauncher.launch = launch
    assert sizes == [2, 2, 1]


def test_the_seed_decides_what_is_drawn(tmp_path):
    draws = [
        [
            one[LR]
            for one in search(
                RANGE, f"output={tmp_path}/{number}", f"hydra.sweeper.seed={seed}", "hydra.sweeper.n_trials=2"
            )
        ][:3]
        for number, seed in enumerate((0, 0, 1))
    ]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([RANGE], "is a range to search in; add hydra/sweeper=optuna to the command."),
        (["hydra/sweeper=optuna", "loss=l1"], "Nothing is searched; give values or a range"),
        (["hydra/sweeper=optuna", RANGE, "+hydra.sweeper.sampler_options.x=1"], "sampler_options do not fit tpe"),
        (["hydra/sweeper=optuna", RANGE, "hydra.sweeper.direction=down"], "choose minimize or maximize"),
        (["hydra/sweeper=optuna", "optim.optimizer.weight_decay=tag(log,interval(0,1))"], "can't be searched"),
        (["hydra/sweeper=optuna", f"{LR}=interval(-1,1)"], "must be a number above 0"),
        (["hydra/sweeper=optuna", RANGE, "hydra.sweeper.score=val/Abs"], "has no val/Abs in its metrics.csv"),
    ],
)
def test_mistakes(arguments, sentence, capsys):
    search(*arguments, code=2)
    assert sentence in "".join(capsys.readouterr())


def test_a_range_outside_of_a_sweep(capsys):
    with pytest.raises(SystemExit):
        main([RANGE])
    assert "add -m and hydra/sweeper=optuna" in capsys.readouterr().err


def test_without_optuna_there_is_a_sentence(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    search("hydra/sweeper=optuna", RANGE, code=2)
    assert "pip install 'depthbench[search]'" in capsys.readouterr().err


def test_a_study_of_one_name_searches_one_thing(capsys):
    search(RANGE, "hydra.sweeper.n_trials=1", "hydra.sweeper.study=mine")
    search("hydra/sweeper=optuna", RANGE, "loss=berhu", "hydra.sweeper.study=mine", code=2)
    assert "searches something else; choose another name" in capsys.readouterr().err


def test_another_sweeper_gets_through(capsys):
    FakeLauncher.becomes = staticmethod(lambda values: 0.5)
    search("hydra/sweeper=fake", "loss=l1")
    assert [values["seed"] for values in FakeLauncher.launched] == ["5", "6"]
    assert "2 done." in capsys.readouterr().out


def test_distributions():
    from depthbench.search.space import as_overrides, parted

    made = optuna.distributions
    texts = {
        "a=1,2": made.CategoricalDistribution(["1", "2"]),
        "b=choice(x,y)": made.CategoricalDistribution(["x", "y"]),
        "+c=interval(0.5,2)": made.FloatDistribution(0.5, 2.0),
        "d=tag(log,interval(1,100))": made.FloatDistribution(1.0, 100.0, log=True),
        "e=int(interval(1,8))": made.IntDistribution(1, 8),
        "f=tag(log,int(interval(1,8)))": made.IntDistribution(1, 8, log=True),
        "g=range(2,9,3)": made.IntDistribution(2, 8, step=3),
        "h=range(0,1,0.5)": made.CategoricalDistribution(["0.0", "0.5"]),
    }
    fixed, space = parted(OverridesParser.create().parse_overrides([*texts, "z=1", "~y"]))
    assert list(space.values()) == list(texts.values())
    assert list(space) == [text.partition("=")[0] for text in texts]
    assert fixed == ["z=1", "~y"]
    values = {"a": "1", "+c": 0.1 + 0.2, "e": 3}
    parsed = OverridesParser.create().parse_overrides(as_overrides(values))
    assert [one.value() for one in parsed] == [1, 0.1 + 0.2, 3]


@pytest.fixture
def begun(tmp_path):
    """A run of a search that is going on, and its trial."""
    folder = RunFolder(tmp_path / "runs" / "a")
    folder.path.mkdir(parents=True)
    study = optuna.create_study(study_name="s", storage=open_storage(folder.path.parent))
    trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    record = {"study": "s", "trial": trial._trial_id, "score": "val/AbsRel", "pruner": "threshold"}
    folder.write_json(RECORD, {**record, "options": {"upper": 0.5}})
    return folder, study, trial


def test_a_run_asks_its_study(begun):
    folder, study, trial = begun
    assert not prunes(folder, 0, 0.4)
    assert prunes(folder, 1, 0.6)
    assert prunes(folder, 1, 0.1)  # an epoch that is done again is not told again
    assert study.trials[0].intermediate_values == {0: 0.4, 1: 0.6}
    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    assert not prunes(folder, 2, 0.9)  # whoever trains on a pruned run may do so
    (folder.path.parent / JOURNAL).unlink()
    assert not prunes(folder, 3, 0.9)


@pytest.mark.parametrize("first", [True, False], ids=["first process", "another"])
def test_all_processes_end_together(begun, first):
    folder, study, _ = begun
    decisions = []

    def decide(ends, all):
        decisions.append(ends)
        return True if not first else ends

    trainer = SimpleNamespace(
        callback_metrics={"val/AbsRel": torch.tensor(0.75)},
        sanity_checking=False,
        is_global_zero=first,
        current_epoch=2,
        strategy=SimpleNamespace(reduce_boolean_decision=decide),
    )
    with pytest.raises(Pruned, match=r"val/AbsRel was 0.75 after epoch 3"):
        Pruning(folder).on_validation_end(trainer, None)
    assert decisions == [first]
    assert study.trials[0].intermediate_values == ({2: 0.75} if first else {})
    trainer.sanity_checking = True
    Pruning(folder).on_validation_end(trainer, None)


def test_a_run_of_no_search_asks_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(study_module, "import_optuna", lambda: pytest.fail("it must not be imported"))
    folder = RunFolder(tmp_path)
    trainer = SimpleNamespace(callback_metrics={"val/AbsRel": 0.7}, sanity_checking=False)
    Pruning(folder).on_validation_end(trainer, None)
    folder.write_json(RECORD, {"study": "s", "trial": 0, "score": "val/AbsRel", "pruner": None, "options": {}})
    Pruning(folder).on_validation_end(trainer, None)
    assert {file.name for file in tmp_path.iterdir()} == {"own", RECORD}  # nor is anything written


def test_parts_by_name():
    assert isinstance(make_part("pruner", None, {}), optuna.pruners.NopPruner)
    pruner = make_part("pruner", "successive_halving", {"min_resource": 2})
    assert isinstance(pruner, optuna.pruners.SuccessiveHalvingPruner)
    for kind, name, near in (("pruner", "base", ""), ("pruner", "medain", "median"), ("sampler", "tep", "tpe")):
        with pytest.raises(UserError, match=f"{kind}={name} does not exist.*{near}"):
            make_part(kind, name, {})
    with pytest.raises(UserError, match="n_trials=0 must be a whole number"):
        OptunaSweeper(n_trials=0)


def test_the_last_score(tmp_path):
    folder = RunFolder(tmp_path)
    assert last_score(folder, "val/AbsRel") is None
    (tmp_path / "metrics.csv").write_text("epoch,val/AbsRel\n0,0.5\n1,\n")
    assert last_score(folder, "val/AbsRel") == 0.5
    assert last_score(folder, "val/RMSE") is None
    (tmp_path / "metrics.csv").write_text("epoch,val/AbsRel\n0,0.5\n1,nan\n")
    assert last_score(folder, "val/AbsRel") is None
