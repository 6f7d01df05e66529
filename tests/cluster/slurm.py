"""A SLURM of two nodes on one machine: `python tests/cluster/slurm.py start FOLDER`, later `stop FOLDER`.

Needs the packages slurm-wlm and munge (`check` says so). Runs as root, or as a plain user, who then is the only one to
have jobs in it. Everything it writes lies in FOLDER; `stop` ends the processes whose ids `start` left there. Ports are
free ones, so several may run beside each other and beside a SLURM of the machine's own.

The first node has the machine's name, which resolves, as the names of nodes do on a cluster; the second comes after it
in SLURM's order. There is no accounting.
"""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

NEEDED = ("slurmctld", "slurmd", "munged", "srun", "sbatch", "scontrol")
MISSING = "The cluster tests need SLURM: apt-get install slurm-wlm munge"

# Partition `urgent` takes nodes from `batch`, whose jobs then wait in the queue again. A node that has been silent for
# 20 seconds is down, and its jobs wait in the queue again, too.
CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
SlurmdTimeout=20
KillWait=60
NodeName={host} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cores} State=UNKNOWN
NodeName={second} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cores} State=UNKNOWN
PartitionName=batch Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10
"""


def missing() -> list[str]:
    """Programs that are not installed."""
    return [name for name in NEEDED if _program(name) is None]


def start(folder: Path) -> dict[str, str]:
    """Start the daemons and wait until both nodes are idle; the environment variables by which commands find them."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    values = {"host": nodes()[0], "second": nodes()[1], "user": getpass.getuser(), "folder": folder}
    (folder / "slurm.conf").write_text(CONFIG.format(**values, ports=_free_ports(3), cores=os.cpu_count() or 1))
    settings = [f"--{name}={folder}/munge.{name.partition('-')[0]}" for name in ("socket", "pid-file", "log-file")]
    _daemon("munged", "--force", *settings, f"--key-file={key}", f"--seed-file={folder}/munge.seed")
    _until(lambda: (folder / "munge.socket").exists(), "munged")
    variables = {"SLURM_CONF": str(folder / "slurm.conf")}
    _daemon("slurmctld", **variables)
    for node in nodes():
        start_node(node, variables)
    _until(lambda: idle(variables) == 2, "both nodes")
    return variables


def nodes() -> tuple[str, str]:
    """Their names."""
    host = socket.gethostname().partition(".")[0]
    return host, f"{host}-b"


def start_node(node: str, variables: dict[str, str]) -> None:
    """Start a node's daemon, again if it was killed."""
    _daemon("slurmd", "-N", node, **variables)


def idle(variables: dict[str, str]) -> int:
    """Nodes that wait for jobs."""
    command = ["sinfo", "--noheader", "--Node", "--partition=batch", "--format=%T"]
    told = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    return told.stdout.split().count("idle")


def stop(folder: Path) -> None:
    """End what :func:`start` started, jobs first."""
    if (folder / "slurm.conf").exists():
        environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        for how in (["--full", "--signal=KILL"], []):
            subprocess.run(["scancel", *how, f"--user={getpass.getuser()}"], env=environment, check=False, timeout=60)
        time.sleep(2)
    told = [_pid(file) for file in (*folder.glob("slurm*.pid"), *folder.glob("munge.pid"))]
    for pid in filter(None, told):
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 30
    while any(_runs(pid) for pid in filter(None, told)) and time.monotonic() < end:
        time.sleep(0.2)


def _pid(file: Path) -> int | None:
    """The number of a daemon that runs."""
    try:
        pid = int(file.read_text())
    except (OSError, ValueError):
        return None
    return pid if _runs(pid) else None


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def _daemon(name: str, *arguments: str, **variables: str) -> None:
    """All of them go into the background by themselves."""
    program = _program(name)
    assert program is not None, MISSING
    subprocess.run([program, *arguments], env={**os.environ, **variables}, check=True, timeout=60)


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _until(condition, what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"SLURM: {what} didn't come up in {seconds:g} seconds; its logs say why.")
        time.sleep(0.2)


if __name__ == "__main__":
    action, *places = sys.argv[1:]
    if action != "stop" and missing():
        raise SystemExit(f"{MISSING} ({', '.join(missing())} not found)")
    if action == "start":
        for key, value in start(Path(places[0]).resolve()).items():
            print(f"export {key}={value}")
    elif action == "stop":
        stop(Path(places[0]).resolve())
