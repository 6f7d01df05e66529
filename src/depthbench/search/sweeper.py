"""Hydra's sweeper for Optuna: ask for values, run the jobs, tell their validation scores."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from depthbench.config.identity import matters
from depthbench.errors import UserError
from depthbench.runs.folder import RunFolder
from depthbench.runs.ledger import Ledger
from depthbench.runs.plan import plan_job
from depthbench.runs.search_study import RECORD, import_optuna, last_score, make_part, open_storage
from depthbench.search.space import as_overrides, parted

# Hydra takes sweepers from the package of this name alone.
TARGET = "hydra_plugins.depthbench.OptunaSweeper"


class OptunaSweeper(Sweeper):
    """Trials of a study are jobs of the sweep; see ``conf/hydra/sweeper/optuna.yaml`` for the arguments.

    The study lies in the folder of the runs. Started again, the search goes on: trials whose run was interrupted are
    continued, trials that are done, pruned or failed are known to the study.
    """

    def __init__(
        self,
        n_trials: int = 20,
        n_jobs: int = 1,
        score: str = "val/AbsRel",
        direction: str = "minimize",
        sampler: str = "tpe",
        sampler_options: Mapping[str, Any] | None = None,
        pruner: str | None = None,
        pruner_options: Mapping[str, Any] | None = None,
        seed: int = 0,
        study: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        if direction not in ("minimize", "maximize"):
            raise UserError(f"hydra.sweeper.direction={direction} is unknown; choose minimize or maximize.")
        for key, value in (("n_trials", n_trials), ("n_jobs", n_jobs)):
            if not isinstance(value, int) or value < 1:
                raise UserError(f"hydra.sweeper.{key}={value} must be a whole number of 1 or more.")
        self.n_trials, self.n_jobs, self.score, self.direction = n_trials, n_jobs, score, direction
        self.sampler, self.sampler_options = sampler, dict(sampler_options or {})
        self.pruner, self.pruner_options = pruner, dict(pruner_options or {})
        self.seed, self.study_name, self.params = seed, study, dict(params or {})
        self._asked: set[int] = set()  # trials of this start: one whose run is interrupted is not run twice
        self.launcher: Launcher
        self.config: DictConfig
        self.hydra_context: HydraContext

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """See Hydra."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Search until ``n_trials`` trials have ended, earlier starts included."""
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        listed = [f"{key}={value}" for key, value in self.params.items()]
        fixed, space = parted(parser.parse_overrides([*listed, *arguments]))
        root = Path(self.config.output)
        root.mkdir(parents=True, exist_ok=True)
        study = self._open(root, fixed, space)
        known = len(study.get_trials(deepcopy=False))
        print(f"{self.n_trials} trials, {known} of them begun already; run folders in {root}/:", flush=True)
        jobs = 0
        while trials := self._next(study, space):
            overrides = [[*as_overrides(trial.params), *fixed] for trial in trials]  # folders are named so
            folders = [plan_job(self.config, own) for own in overrides]
            for trial, folder in zip(trials, folders, strict=True):
                self._record(study, trial, folder)
            if Ledger.current is not None:
                Ledger.current.join(folders)
            self.launcher.launch(overrides, initial_job_idx=jobs)
            jobs += len(trials)
            for trial, folder in zip(trials, folders, strict=True):
                self._tell(study, trial, folder)
        print(self._summary(study, root), flush=True)

    def _open(self, root: Path, fixed: Sequence[str], space: Mapping[str, Any]) -> Any:
        """The study of this search, made where there is none yet.

        Raises:
            UserError: if a study of the given name searches something else.
        """
        optuna = import_optuna()
        own = sorted(item for item in fixed if matters(item.lstrip("+~").partition("=")[0]))
        told = {"fixed": own, "space": {key: repr(one) for key, one in sorted(space.items())}, "score": self.score}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        study = optuna.create_study(
            study_name=self.study_name or f"search-{digest[:8]}",
            storage=open_storage(root),
            pruner=make_part("pruner", self.pruner, self.pruner_options),
            direction=self.direction,
            load_if_exists=True,
        )
        before = study.user_attrs.get("search")
        if before not in (None, told) or study.direction.name.lower() != self.direction:
            raise UserError(f"The study {study.study_name} in {root} searches something else; choose another name.")
        study.set_user_attr("search", told)
        options = self.sampler_options
        if "seed" not in options and self.sampler.lower().replace("_", "") not in ("partialfixed",):
            options = {**options, "seed": self.seed + len(study.get_trials(deepcopy=False))}  # not the same draws again
        study.sampler = make_part("sampler", self.sampler, options)
        study._thread_local.in_optimize_loop = True  # a sampler that has tried everything may stop the study
        return study

    def _next(self, study: Any, space: dict[str, Any]) -> list[Any]:
        """Trials to run together: first the begun ones, then new ones; none if there are enough."""
        optuna = import_optuna()
        known = study.get_trials(deepcopy=False)
        begun = [trial for trial in known if trial.state == optuna.trial.TrialState.RUNNING]
        resumed = [optuna.trial.Trial(study, trial._trial_id) for trial in begun if trial.number not in self._asked]
        trials = resumed[: self.n_jobs]
        if study._stop_flag:
            return trials
        new = min(self.n_trials - len(known), self.n_jobs - len(trials))
        trials += [study.ask(space) for _ in range(new)]
        self._asked |= {trial.number for trial in trials}
        return trials

    def _record(self, study: Any, trial: Any, folder: RunFolder) -> None:
        trial.set_user_attr("run", folder.path.name)
        told = {"study": study.study_name, "trial": trial._trial_id, "score": self.score}
        options = OmegaConf.to_container(OmegaConf.create(self.pruner_options), resolve=True)
        folder.write_json(RECORD, {**told, "pruner": self.pruner, "options": options})

    def _tell(self, study: Any, trial: Any, folder: RunFolder) -> None:
        """Outcome of a run; an interrupted run stays open, and the next start goes on with it.

        Raises:
            UserError: if a run is done and has no such score.
        """
        states = import_optuna().trial.TrialState
        state = folder.status["state"]
        if state == "done":
            value = last_score(folder, self.score)
            if value is None:
                study.tell(trial, state=states.FAIL)
                raise UserError(
                    f"{folder.path} has no {self.score} in its metrics.csv; hydra.sweeper.score names a column of it, "
                    "and a validation score needs data.val other than none."
                )
            study.tell(trial, value)
        elif state == "pruned":
            study.tell(trial, state=states.PRUNED)
        elif state == "failed":
            study.tell(trial, state=states.FAIL)

    def _summary(self, study: Any, root: Path) -> str:
        states = import_optuna().trial.TrialState
        trials = study.get_trials(deepcopy=False)
        done = [trial for trial in trials if trial.state == states.COMPLETE]
        count = {name: sum(trial.state == states[name] for trial in trials) for name in ("PRUNED", "FAIL")}
        told = f"{len(trials)} trials, {count['PRUNED']} of them pruned, {count['FAIL']} failed"
        if not done:
            return f"{told}; none is done."
        best = study.best_trial
        values = " ".join(as_overrides(best.params))
        return f"{told}. Best {self.score}: {best.value:.4g} with {values} ({root / best.user_attrs['run']})."


def register_search() -> None:
    """Make the sweeper known to Hydra."""
    Plugins.instance().class_name_to_class[TARGET] = OptunaSweeper
