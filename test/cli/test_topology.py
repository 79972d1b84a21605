# SPDX-License-Identifier: Apache-2.0
"""fluxpod topology: the report, its JSON, the drawing, and machines that are not this one."""

import json
import shutil
import xml.etree.ElementTree
from pathlib import Path

import pytest

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
    told = json.loads(topology(*words, "16", "--index", "1"))
    assert told["bind"] == "16-31"
    assert told["verdict"] == "proven share"
    told = json.loads(topology(*words, "16", "--node-rule", "strict"))
    assert (told["verdict"], told["refused"], told["bind"]) == ("violated", True, None)
    assert told["flux"]["cores"] == 96


def test_a_recorded_node_is_read_with_its_devices(topology, tmp_path):
    for name in ("gpus.xml", "offline.xml"):  # a pod does not see the source tree
        shutil.copy(DATA / name, tmp_path)
    told = json.loads(topology("--machine", str(tmp_path / "gpus.xml"), "--format", "json"))
    assert told["hwloc"]["gpus"] == 4
    assert told["hwloc"]["devices"] == ["cuda0 (CUDA)", "cuda1 (CUDA)", "rsmi0 (RSMI)",
                                        "rsmi1 (RSMI)"]  # fmt: skip
    told = json.loads(topology("--machine", str(tmp_path / "offline.xml"), "--format", "json"))
    assert told["machine"]["offline_cpus"] == 2


def test_the_drawing_is_svg_with_a_cell_for_each_cpu(topology):
    root = xml.etree.ElementTree.fromstring(
        topology("--svg", "--machine", "package:2 core:8 pu:2", "--cpu-limit", "8")
    )
    cells = [cell.get("class") for cell in root.iter() if list(cell) and cell.get("class")]
    assert cells.count("ours") == 8
    assert cells.count("other") == 24


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
