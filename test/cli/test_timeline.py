# SPDX-License-Identifier: Apache-2.0
"""fluxpod timeline, as somebody uses it who has boot reports."""

import json
import subprocess
import xml.etree.ElementTree

import pytest


def stage(pod, rank, name, began, seconds):
    return json.dumps({"pod": pod, "rank": rank, "stage": name, "verdict": "ok",
                       "began": 1000 + began, "seconds": seconds, "detail": ""}) + "\n"  # fmt: skip


@pytest.fixture
def timeline(fluxpod):
    def run(*words):
        return subprocess.run([fluxpod, "timeline", *words], text=True, capture_output=True,
                              timeout=20)  # fmt: skip

    return run


@pytest.fixture
def reports(tmp_path):
    """One file for each pod."""
    files = []
    for rank in range(2):
        name = f"fp-{rank}"
        files.append(tmp_path / name)
        files[-1].write_text(stage(name, rank, "plan", 0, 1) + stage(name, rank, "gates", 1, 1)
                             + stage(name, rank, "launch", 2 + rank, 0))  # fmt: skip
    return files


def test_every_pod_has_a_row(timeline, reports):
    done = timeline(*reports[::-1])
    assert done.returncode == 0, done.stderr
    heads = [line.split("|")[0].strip() for line in done.stdout.splitlines()]
    assert heads[1:3] == ["fp-0", "fp-1"]
    assert all(len(line) <= 100 for line in done.stdout.splitlines())


def test_svg_is_a_whole_document(timeline, reports):
    done = timeline("--svg", *reports)
    root = xml.etree.ElementTree.fromstring(done.stdout)
    boxes = root.findall(".//{*}rect/{*}title")
    assert len(boxes) == 6


@pytest.mark.parametrize("content, code, cause", [
    (None, 13, "No such file"), ("", 10, "no stage"), ("root:x:0:0\n", 10, "line 1"),
])  # fmt: skip
def test_invalid_report_is_rejected(timeline, tmp_path, content, code, cause):
    file = tmp_path / "report"
    if content is not None:
        file.write_text(content)
    done = timeline(file)
    assert done.returncode == code
    assert str(file) in done.stderr and cause in done.stderr


def test_without_a_report_it_is_a_wrong_use(timeline):
    assert timeline().returncode == 2
