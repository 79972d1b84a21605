# SPDX-License-Identifier: Apache-2.0
"""The README shows only what works: its fluxpod lines are taken from it and run."""

import re
import shlex
import subprocess
from pathlib import Path

import podnet
import pytest

README = Path(__file__).resolve().parents[2] / "README.md"


def shown(subcommand):
    """The one line of the README's code blocks that shows this subcommand, as words."""
    blocks = "".join(re.findall(r"^```\n(.*?)^```$", README.read_text(), re.M | re.S))
    lines = [line for line in blocks.splitlines() if line.startswith(f"fluxpod {subcommand} ")]
    assert len(lines) == 1, lines
    return shlex.split(lines[0])


def runnable(subcommand, fluxpod, secret):
    words = {"fluxpod": fluxpod, "/secret/key": secret, "key": secret}
    return [words.get(word, word) for word in shown(subcommand)]


@pytest.fixture
def net():
    with podnet.Net() as made:
        yield made


def boot(net, argv):
    return [
        net.pod(f"flux-sample-{rank}", argv, env={"JOB_COMPLETION_INDEX": str(rank)})
        for rank in range(4)
    ]


def test_the_render_that_is_shown_explains_pod_1(net, fluxpod, secret):
    pod = net.pod("laptop", runnable("render", fluxpod, secret))
    assert pod.wait(10) == 0, pod.log_tail()
    assert "flux-sample-1, rank 1" in pod.stdout


def test_the_preflight_that_is_shown_brings_all_pods_together(net, fluxpod, secret):
    pods = boot(net, runnable("preflight", fluxpod, secret))
    for pod in pods:
        assert pod.wait(30) == 0, pod.log_tail()
    assert "4 of 4 ranks joined" in pods[0].stdout


def test_the_install_that_is_shown_fills_the_volume(fluxpod, tmp_path):
    words = [fluxpod, *shown("install")[1:-1], tmp_path]
    assert subprocess.run(words, capture_output=True, timeout=30).returncode == 0
    assert (tmp_path / "fluxpod").exists()


@pytest.mark.flux
def test_the_run_that_is_shown_lists_the_resources(net, fluxpod, secret, needs_flux):
    pods = boot(net, runnable("run", fluxpod, secret))
    for pod in pods:
        assert pod.wait(60) == 0, pod.log_tail()
    assert re.search(r"free +4 ", pods[0].stdout)
