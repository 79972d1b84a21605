# SPDX-License-Identifier: Apache-2.0
import shutil
from pathlib import Path

import podnet
import pytest
from command_line import command_line
from flux_view import View

SIZE = 4


@pytest.fixture
def net():
    """Each test has its own: pod names and records of one must not help another."""
    with podnet.Net() as made:
        yield made


@pytest.fixture(scope="session")
def flux_view(needs_flux, tmp_path_factory):
    """This machine's Flux with all that it needs but libc: see flux_view.py."""
    prefix = Path(shutil.which("flux")).resolve().parents[1]
    if prefix == Path("/usr"):
        pytest.skip("this machine's flux is not in a directory of its own")
    return View(prefix, tmp_path_factory.mktemp("flux") / "view")


@pytest.fixture
def boot(net, fluxpod, secret, tmp_path):
    """Starts all pods, or those of `ranks`, of a cluster; `below` is what their PID 1 begins by."""

    def start(command, *options, size=SIZE, ranks=None, lead_command=(), cluster="fp", below=()):
        tail = ["--", *lead_command] if lead_command else []
        pods = []
        for rank in ranks if ranks is not None else range(size):
            pod = f"{cluster}-{rank}"
            words = command_line([fluxpod, command], {
                "--size": str(size), "--service": "flux-service", "--curve-secret": secret,
                "--wait-timeout": "40s", "--report": str(tmp_path / f"report-{pod}"),
            })  # fmt: skip
            env = {"JOB_COMPLETION_INDEX": str(rank)}
            pods.append(net.pod(pod, [*below, *words(*options, *tail)], env=env))
        return pods

    return start
