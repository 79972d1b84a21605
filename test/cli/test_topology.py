# SPDX-License-Identifier: Apache-2.0
"""fluxpod topology: the report, its JSON, the drawing, and machines that are not this one."""

import errno
import json
import os
import shutil
import xml.etree.ElementTree
from pathlib import Path

import pytest
import seccomp

DATA = Path(__file__).resolve().parents[1] / "data/hwloc"


@pytest.fixture
def topology(start, fluxpod):
    def run(*words, **how):
        process = start([fluxpod, "topology", *words], **how)
        assert process.wait(10) == 0, process.log
        return process.stdout

    return run


def test_this_node_is_reported_with_its_verdict_and_drawn(topology):
    text = topology()
    for line in ("machine ", "hwloc ", "cgroup ", "verdict ", "Flux counts ", "package 0"):
        assert f"\n{line}" in "\n" + text
    assert "#" in text


def test_another_node_is_asked_about_with_a_limit(topology):
    words = ["--machine", "package:2 core:48 pu:1", "--format", "json", "--cpu-limit"]
    told = json.loads(topology(*words, "94"))
    assert told["machine"]["cores"] == 96
    assert told["flux"]["cores"] == 94
    assert told["hwloc"]["affinity"] == "0-95"
    assert told["cgroup"]["directory"] == ""
    told = json.loads(topology(*words, "16"))
    assert (told["verdict"], told["floats"], told["bind"]) == ("unproven", True, None)
    assert told["flux"]["cores"] == 16
    told = json.loads(topology(*words, "16", "--node-rule", "strict"))
    assert (told["verdict"], told["refused"], told["bind"]) == ("violated", True, None)
    assert told["flux"]["cores"] == 96


@pytest.mark.parametrize("machine", ["package:2 core:4 pu:2", "core:8 pu:1", "offline.xml",
                                     "hybrid.xml", "interleaved.xml"])  # fmt: skip
def test_limit_on_any_machine_counts_its_cpus_alike_on_every_rank(topology, tmp_path, machine):
    if machine.endswith(".xml"):
        shutil.copy(DATA / machine, tmp_path)
        machine = str(tmp_path / machine)
    for limit in range(1, 9):
        told = [
            json.loads(topology("--machine", machine, "--format", "json", "--cpu-limit", str(limit),
                                "--index", str(rank)))
            for rank in ((0, 1, 2, 7) if limit in (1, 3, 4) else (0,))
        ]  # fmt: skip
        assert all(each == told[0] for each in told), "the rank decides"
        assert told[0]["flux"]["cores"] == min(limit, told[0]["machine"]["cores"])
        assert told[0]["floats"] is (limit < told[0]["machine"]["cpus"])
        assert told[0]["bind"] is None


def test_machine_is_the_machine_and_not_the_part_of_the_pod(topology, tmp_path):
    shutil.copy(DATA / "share.xml", tmp_path)
    told = json.loads(topology("--machine", str(tmp_path / "share.xml"), "--format", "json"))
    assert (told["machine"]["packages"], told["hwloc"]["affinity"]) == (2, "4-6")


@pytest.mark.parametrize("variable", ["HWLOC_SYNTHETIC=core:16 pu:1", "HWLOC_XMLFILE=/x/two.xml",
                                      "FLUX_HWLOC_XMLFILE=/x/two.xml", "HWLOC_COMPONENTS=noos"])  # fmt: skip
def test_described_machine_is_not_a_whole_node(topology, tmp_path, variable):
    shutil.copy(DATA / "two_packages.xml", tmp_path)
    name, _, value = variable.partition("=")
    value = value.replace("/x/two.xml", str(tmp_path / "two_packages.xml"))
    told = json.loads(topology("--format", "json", env={name: value}))
    assert told["verdict"] == "unproven"
    assert name in told["reason"]
    assert told["flux"]["cores"] <= len(os.sched_getaffinity(0))
    strict = topology("--format", "json", "--node-rule", "strict", env={name: value})
    assert json.loads(strict)["refused"] is True
    meant = json.loads(topology("--machine", "core:8 pu:1", "--format", "json", env={name: value}))
    assert (meant["verdict"], meant["machine"]["cores"]) == ("whole node", 8)


def deny_faccessat2():
    seccomp.deny(errno.EPERM, seccomp.FACCESSAT2)


def test_reads_that_a_seccomp_profile_denies_are_reported_and_the_kernel_counts(topology):
    """hwloc asks faccessat2(2) before it reads /sys, and shows what it can find out without."""
    told = json.loads(topology("--format", "json", setup=deny_faccessat2))
    assert told["verdict"] == "unproven"
    assert "/sys/devices/system/cpu could not be read (Operation not permitted)" in told["reason"]
    assert 1 <= told["flux"]["cores"] <= len(os.sched_getaffinity(0))
    strict = topology("--format", "json", "--node-rule", "strict", setup=deny_faccessat2)
    assert json.loads(strict)["refused"] is True


def test_a_recorded_node_is_read_with_its_devices(topology, tmp_path):
    for name in ("gpus.xml", "offline.xml"):  # a pod does not see the source tree
        shutil.copy(DATA / name, tmp_path)
    told = json.loads(topology("--machine", str(tmp_path / "gpus.xml"), "--format", "json"))
    assert told["hwloc"]["gpus"] == 4
    assert told["hwloc"]["devices"] == ["cuda0 (CUDA)", "cuda1 (CUDA)", "rsmi0 (RSMI)",
                                        "rsmi1 (RSMI)"]  # fmt: skip
    told = json.loads(topology("--machine", str(tmp_path / "offline.xml"), "--format", "json"))
    assert told["machine"]["offline_cpus"] == 2


def test_the_drawing_is_svg_with_a_cell_for_each_cpu(topology, tmp_path):
    shutil.copy(DATA / "share.xml", tmp_path)
    root = xml.etree.ElementTree.fromstring(
        topology("--svg", "--machine", str(tmp_path / "share.xml"))
    )
    cells = [cell.get("class") for cell in root.iter() if list(cell) and cell.get("class")]
    assert cells.count("ours") == 3
    assert cells.count("other") == 13


def test_in_kubernetes_a_pod_without_request_proves_nothing(topology):
    words = ["--machine", "core:8 pu:1", "--format", "json"]
    env = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
    assert json.loads(topology(*words))["verdict"] == "whole node"
    assert json.loads(topology(*words, env=env))["verdict"] == "unproven"
    env["FLUXPOD_CPU_REQUEST"] = "5000m"
    assert json.loads(topology(*words, env=env))["verdict"] == "whole node"


@pytest.mark.parametrize("machine", ["/nonexistent.xml", "package:x", "/dev/null"])
def test_a_machine_that_cannot_be_read_is_error_10(start, fluxpod, refuses, machine):
    refuses(start([fluxpod, "topology", "--machine", machine]), 10, machine)
