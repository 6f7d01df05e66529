"""Jobs that run at once do not share a GPU."""

import threading
import time

from depthbench.launch.devices import reserved
from depthbench.runs.machine import visible_gpus


def test_no_gpu_is_held_twice_and_all_are_used(tmp_path):
    busy, most, clashes, guard = set(), [0], [], threading.Lock()

    def job(count):
        with reserved(tmp_path, ["0", "1", "2"], count, pause=0.01) as own:
            with guard:
                clashes.extend(busy & set(own))
                busy.update(own)
                most[0] = max(most[0], len(busy))
            assert len(own) == count
            time.sleep(0.05)
            with guard:
                busy.difference_update(own)

    threads = [threading.Thread(target=job, args=(count,)) for count in (1, 1, 2, 1, 3, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not clashes
    assert not busy
    assert most[0] == 3


def test_several_jobs_share_a_gpu_where_they_may(tmp_path):
    with reserved(tmp_path, ["0", "1"], 1, places=2) as first, reserved(tmp_path, ["0", "1"], 1, places=2) as second:
        assert first + second == ["0", "1"]  # a free one first
        with reserved(tmp_path, ["0", "1"], 2, places=2) as both:
            assert both == ["0", "1"]
            fourth = threading.Event()

            def wait():
                with reserved(tmp_path, ["0", "1"], 1, pause=0.01, places=2):
                    fourth.set()

            thread = threading.Thread(target=wait)
            thread.start()
            assert not fourth.wait(0.1)  # two jobs on each already
        assert fourth.wait(10)
        thread.join()


def test_visible_gpus_are_those_that_the_user_allows(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-ab12")
    assert visible_gpus() == ["2", "GPU-ab12"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus() == []
