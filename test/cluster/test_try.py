# SPDX-License-Identifier: Apache-2.0
"""container/try as a user runs it: it works, again and again, and leaves nothing behind."""

import os
import re
import signal
import subprocess
from pathlib import Path

import podnet
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def built_there(fluxpod):
    binary = os.environ.get("FLUXPOD")
    if binary and os.path.realpath(binary) != str(ROOT / "build/gcc/src/fluxpod"):
        pytest.skip("container/try builds in build/gcc, and another binary is tested")


def begin(*words, **how):
    return subprocess.Popen(
        [ROOT / "container/try", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True, **how,
    )  # fmt: skip


def run(*words, **how):
    process = begin(*words, **how)
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def test_four_pods_meet_and_are_shown_on_a_screen():
    code, output = run("--no-flux")
    assert code == 0, output
    for rank in range(4):
        assert re.search(rf"^{rank} +flux-sample-{rank} +10\.244\.\S+ .* exit 0$", output, re.M)
        assert re.search(rf"^flux-sample-{rank} \|[ .~=]+\|$", output, re.M), output
    # How many lines of progress there are depends on the machine.
    told = [line for line in output.splitlines() if "through their gates" not in line]
    assert len(told) <= 23
    assert all(len(line) <= 100 for line in output.splitlines())


def test_many_pods_fit_on_a_screen():
    code, output = run("--no-flux", "--size", "20", env={**os.environ, "LINES": "30"})
    assert code == 0, output
    assert "more" in output
    assert len(output.splitlines()) <= 30 + 22  # the roll call's own table is not ours to cut


def test_a_minicluster_is_taken(tmp_path):
    file = tmp_path / "minicluster.yaml"
    file.write_text(
        "apiVersion: flux-framework.org/v1alpha2\nkind: MiniCluster\n"
        "metadata:\n  name: from-yaml\nspec:\n  size: 3\n"
        "  containers:\n    - image: any\n      command: hostname\n"
    )
    code, output = run("--no-flux", "--minicluster", str(file))
    assert code == 0, output
    assert "from-yaml-2" in output and "from-yaml-3" not in output


def test_settings_of_the_environment_reach_the_pods():
    code, output = run("--no-flux", env={**os.environ, "FLUXPOD_BIND": "nic7"})
    assert code == 10
    assert "nic7" in output


@pytest.mark.parametrize("words", [["--size", "0"], ["--size", "x"], ["--nonsense"], ["stray"],
                                   ["--minicluster", "/nonexistent"]], ids=" ".join)  # fmt: skip
def test_a_wrong_use_says_so_before_anything_is_built(words):
    code, output = run(*words)
    assert code == 2
    assert "building" not in output and "error" in output


def test_an_ordinary_user_boots_too():
    ordinary = {"user": 65534, "group": 65534, "extra_groups": []}
    for needed in (["test", "-r", ROOT / "container/try"], ["unshare", "--user", "true"]):
        if subprocess.run(needed, capture_output=True, **ordinary).returncode != 0:
            pytest.skip(f"an ordinary user may not: {needed[0]}")
    code, output = run("--no-flux", **ordinary)
    assert code == 0, output
    assert "4 of 4 pods are through their gates" in output


def descendants(pid):
    listed = subprocess.run(["ps", "-eo", "stat=,pid=,ppid="], capture_output=True, text=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    parent_of = {int(pid): int(parent) for state, pid, parent in rows if state[0] != "Z"}
    found = {pid}
    while True:
        more = {child for child, parent in parent_of.items() if parent in found} - found
        if not more:
            return found
        found |= more


def mounts_and_links():
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True).stdout
    return open("/proc/self/mounts").read(), re.findall(r"^\d+: (\S+):", links, re.M)


@pytest.mark.flux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_interrupted_run_leaves_nothing_behind(needs_flux, number):
    before = mounts_and_links()
    process = begin("--", "sleep", "1000")
    for line in process.stdout:
        if line.startswith("4 of 4"):
            break
    started = descendants(process.pid)
    assert len(started) > 4
    process.send_signal(number)
    code = process.wait(10)
    assert code == (-number if number == signal.SIGKILL else 128 + number)
    podnet.until(lambda: not started & descendants(1), 10, "the end of all processes")
    assert mounts_and_links() == before


@pytest.mark.flux
def test_with_flux_the_resource_list_and_the_status_are_the_leads(needs_flux):
    code, output = run()
    assert code == 0, output
    assert re.search(r"free +4 .* flux-sample-\[0-3\]", output)
    code, output = run("--", "sh", "-c", "echo oops >&2; exit 7")
    assert code == 7
    assert "oops" in output
