"""W&B is never in the way: a server that is away, silent or half dead costs seconds and no number."""

import http.server
import importlib
import socket
import threading
import time
from pathlib import Path

import pytest
import yaml

from depthbench.errors import UserError
from depthbench.run import check, typed
from depthbench.training.loggers import WandB, close_wandb, wandb
from tests.torture.wandb_server import serve
from tests.wandb_file import content, history, wandb_runs

BUSY = 60  # seconds; a hang would last minutes, and the machine that runs this may be busy


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def at(monkeypatch):
    def point(port):
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port}")

    return point


@pytest.fixture
def closed():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


@pytest.fixture
def silent():
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def healthy():
    """A server that says it is well and answers nothing else."""
    release = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404)
            self.end_headers()

        def do_POST(self):
            release.wait(60)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    release.set()
    server.shutdown()


def logger(folder, **arguments):
    made = WandB(folder, "loss=l1,data.root=/a/b", "1234-ab", **arguments)
    made.log_hyperparams({"choices": {"loss": "l1", "data": "rooms", "model": "small"}, "study": None, "sweep": False})
    return made


@pytest.mark.parametrize("place", ["closed", "silent"])
def test_auto_is_offline_where_the_server_does_not_answer(place, at, request):
    at(request.getfixturevalue(place))
    begun = time.monotonic()
    assert not wandb.answers(seconds=0.3)
    assert time.monotonic() - begun < 2


def test_auto_says_that_it_went_offline_where_there_is_a_key(at, closed, tmp_path, capsys):
    at(closed)
    assert logger(tmp_path)._mode() == "offline"
    said = capsys.readouterr().out
    assert f"W&B does not answer at http://127.0.0.1:{closed}; the run goes on offline." in said
    assert f"wandb sync {tmp_path}/wandb/offline-run-*" in said


def test_auto_honors_host_and_port_of_the_address(at, healthy, tmp_path):
    at(healthy)
    assert wandb.answers()
    assert logger(tmp_path)._mode() == "online"


def test_without_a_key_auto_is_offline_and_asks_nobody(monkeypatch, at, healthy, tmp_path):
    at(healthy)
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(wandb, "answers", lambda: pytest.fail("asked"))
    assert logger(tmp_path)._mode() == "offline"


def test_a_run_waits_ten_seconds_for_the_server_at_most():
    assert wandb.ANSWER + 1 + wandb.INIT < 10
    assert wandb.FINISH < 10


@pytest.mark.parametrize("place", ["closed", "silent", "healthy"])
def test_online_goes_on_offline_in_time_and_says_how_to_send_it(place, at, request, tmp_path, capfd):
    at(request.getfixturevalue(place))
    made = logger(tmp_path, mode="online")
    begun = time.monotonic()
    made.log_metrics({"train/loss": 1.5}, step=3)
    close_wandb(0)
    assert time.monotonic() - begun < BUSY
    said = [line for line in capfd.readouterr().out.splitlines() if "W&B" in line]
    assert len(said) == 1
    assert said[0].endswith(f"the run goes on offline. Afterwards: wandb sync {tmp_path}/wandb/offline-run-*")
    importlib.import_module("wandb").teardown()  # as at the end of the process: the file is complete
    values, code = history(tmp_path)
    assert (values["train/loss"], values["trainer/global_step"], code) == (1.5, 3, 0)


@pytest.mark.parametrize(("kind", "sent"), [("healthy", True), ("forbids", False)])
def test_a_server_that_refuses_in_the_middle_is_told_with_the_command_that_sends_the_rest(
    kind, sent, monkeypatch, tmp_path, capfd
):
    """The client gives up at once and says nothing."""
    with serve(kind, 4) as (url, asked):
        monkeypatch.setenv("WANDB_BASE_URL", url)
        made = logger(tmp_path, mode="online")
        made.log_metrics({"train/loss": 1.5}, step=3)
        close_wandb(0)
        importlib.import_module("wandb").teardown()
    assert len(asked) > 4
    said = [line for line in capfd.readouterr().out.splitlines() if "W&B did not take everything." in line]
    (file,) = tmp_path.glob("wandb/run-*/run-*.wandb")
    assert said == ([] if sent else [f"W&B did not take everything. To send the rest: wandb sync {file.parent}"])
    values, code = content(file)
    assert (values["train/loss"], code) == (1.5, 0)


def test_what_a_run_says_of_itself(tmp_path, capfd):
    made = logger(tmp_path, mode="offline", group="mine")
    run = made.experiment
    assert (run.name, run.id, run.group, run.job_type) == ("l1", "1234-ab", "mine", "train")
    assert run.tags == ("rooms", "small", "l1")
    assert dict(run.config) == {"choices": {"loss": "l1", "data": "rooms", "model": "small"}, "study": None}
    made.log_metrics({"val/AbsRel": 0.2}, 1)
    made.log_metrics({"val/AbsRel": 0.1}, 2)
    made.log_metrics({"val/AbsRel": 0.3}, 3)
    close_wandb(0)
    assert "anonymous" not in "".join(capfd.readouterr())
    assert len(wandb_runs(tmp_path)) == 1


def test_the_group_of_a_study_and_of_a_sweep(tmp_path):
    for told, group in (({"study": "lee2020/nyu"}, "lee2020/nyu"), ({"sweep": True}, "l1"), ({}, None)):
        made = WandB(tmp_path, "loss=l1,seed=3", "1", mode="offline")
        made.log_hyperparams(told)
        assert made._wandb_init["group"] == group


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ("loss=gan,data=nyu,data.root=/data/nyu,optim.optimizer.lr=1e-4,seed=1", "gan nyu lr=1e-4 seed=1"),
        ("experiment=lee2020/nyu,data.size=[240,320],+callbacks.stop.monitor=x", "nyu size=[240,320] monitor=x"),
        ("model.encoder.pretrained=/a/b.pth", "default"),
        ("default", "default"),
    ],
)
def test_short_names(overrides, name):
    assert wandb.short_name(overrides) == name


def test_an_unknown_mode_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"logger\.mode=maybe is unknown"):
        WandB(tmp_path, "a", "b", mode="maybe")


def test_in_a_sweep_of_wandb_the_run_is_the_agents(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "agents")
    assert WandB(tmp_path, "loss=l1", "folders", mode="offline")._wandb_init["id"] == "folders"
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    assert WandB(tmp_path, "loss=l1", "folders", mode="offline")._wandb_init["id"] == "agents"


def test_the_documented_sweep_of_wandb_is_a_command_of_ours():
    """The test fills the command in as W&B's agent does."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args  # seconds, which only this test needs

    page = (Path(__file__).parents[3] / "docs" / "search.md").read_text()
    sweep = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    chosen = {"optim.optimizer.lr": {"value": 0.00123}, "loss": {"value": "berhu"}}
    assert set(chosen) == set(sweep["parameters"])
    program, door, *words, last = sweep["command"]
    assert (program, door, last) == ("depthbench", "run", "${args_no_hyphens}")
    check(typed([*words, *create_sweep_command_args({"args": chosen})["args_no_hyphens"]])[0])
