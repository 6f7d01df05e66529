"""``depthbench prepare nyu-raw``: the raw part of NYUv2 to aligned pairs with manifests."""

import os
import sys
from pathlib import Path

import hydra
from hydra import compose
from omegaconf import DictConfig

from depthbench.cli import next_step
from depthbench.config.compose import composing, config_dir, readable
from depthbench.config.mistakes import MISTAKES, explain
from depthbench.errors import UserError

HELP = """Aligned pairs from the raw part of NYUv2, as its toolbox makes them.

  depthbench prepare nyu-raw raw=DOWNLOADS output=FOLDER scenes=LABELED

  raw=FOLDER         scene folders or zips as downloaded, or one zip
  output=FOLDER      gets scene/rgb_00045.jpg with scene/sync_depth_00045.png (16 bits, millimetres, 0 = missing), and
                     when all is done lists (all.txt, 12k.txt ...) and manifest.json: `data=nyu_raw data.root=FOLDER`
  scenes=LABELED     where to train: the folder of nyu_depth_v2_labeled.mat and splits.mat; or a text with scene names,
                     such as BTS's list; or all (test scenes are then among them)
  split=12k          only so many frames, evenly spaced; every frame otherwise
  crop=valid         427x561, what the depth camera sees, instead of 480x640
  fill=colorization  or bilateral: holes get values
  image=png          instead of jpg; quality=75 is that of published data
  max_gap=0.05       leaves out depth images farther (in seconds) from every picture
  workers=4          processes; one per core otherwise

Started again, it goes on where it was. Damaged frames are left out and listed. Machines can share the work:
  depthbench prepare nyu-raw -m shards=64 shard='range(64)' hydra/launcher=submitit_slurm raw=...
or, in an array of jobs, shards=64 shard=$SLURM_ARRAY_TASK_ID. Whichever ends last writes the lists."""


def main(arguments: list[str]) -> None:
    """The command; with ``-m`` a sweep over shards, under any of Hydra's launchers.

    Raises:
        UserError: for a mistake in the arguments or in the files that they name.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, not to Hydra's printer
    with composing():
        known = compose("nyu_raw")
    sys.argv = ["prepare nyu-raw", *(item if item.startswith("-") else readable([item])[0] for item in arguments)]
    try:
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="nyu_raw")(job_share)()
    except MISTAKES as error:
        raise UserError(explain(error, known)) from error


def job_share(config: DictConfig) -> None:
    """One part of the work as Hydra calls it, perhaps on another machine: mistakes are printed here, in a sentence."""
    try:
        if not Path(config.raw).expanduser().exists():
            raise UserError(f"raw={config.raw} does not exist; give the folder of scene folders or zips.")
        # Here and not above: it takes seconds to import, and help or a mistake should be reported at once.
        from depthbench.prepare.nyu_work import prepare

        prepare(config)
        if (Path(config.output).expanduser() / "manifest.json").is_file():  # no other part is missing
            next_step("run", "data=nyu_raw", f"data.root={config.output}")
    except (*MISTAKES, OSError) as error:
        print(explain(error), file=sys.stderr)
        raise SystemExit(2) from None
