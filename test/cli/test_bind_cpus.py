# SPDX-License-Identifier: Apache-2.0
"""The CPUs that --bind-cpus chooses, by the program that every broker runs in rc1."""

import ast
import json
import os

import pytest

PROGRAM = "etc/flux/modprobe/rc1.d/fluxpod-node-check.py"
MACHINES = {
    "plain": [[[cpu] for cpu in range(8)]],
    "threads side by side": [[[0, 1], [2, 3], [4, 5], [6, 7]],
                             [[8, 9], [10, 11], [12, 13], [14, 15]]],  # fmt: skip
    "threads interleaved": [[[0, 4], [1, 5], [2, 6], [3, 7]]],
    "NUMA nodes interleaved": [[[0], [2], [4], [6]], [[1], [3], [5], [7]]],
    "one CPU offline": [[[0, 1], [2], [4, 5], [6, 7]]],
    "hybrid": [[[0, 1], [2, 3], [4], [5], [6], [7]]],
    "half a core in the cpuset": [[[1], [2, 3], [4, 5]]],
}  # fmt: skip


@pytest.fixture
def program(start, fluxpod, tmp_path):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this machine has one CPU, and a limit of one is all of it")
    secret = tmp_path / "secret"
    secret.write_text("a secret of sixteen bytes at least")
    secret.chmod(0o600)
    process = start([
        fluxpod, "render", "--size", "3", "--index", "2", "--hostname", "fp-2", "--curve-secret",
        str(secret), "--cpu-limit", "1", "--bind-cpus", "on", "--bind", "127.0.0.1", "--root",
        str(tmp_path / "root"), "--out", str(tmp_path / "root"),
    ])  # fmt: skip
    assert process.wait(10) == 0, process.log
    found = list(tmp_path.rglob("fluxpod-node-check.py"))
    assert len(found) == 1, process.log
    return ast.parse(found[0].read_text())


def free_block_of(program, packages):
    functions = [node for node in program.body
                 if isinstance(node, ast.FunctionDef) and node.name == "free_block"]  # fmt: skip
    scope = {"PACKAGES": packages}
    exec(compile(ast.Module(functions, []), "node check", "exec"), scope)
    return scope["free_block"]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("limit", range(1, 9))
def test_ranks_of_a_node_get_no_cpu_twice_and_all_whole_limits_find_place(program, machine, limit):
    packages = json.loads(json.dumps(MACHINES[machine]))
    free_block = free_block_of(program, packages)
    cpus = {cpu for package in packages for core in package for cpu in core}
    used, blocks = set(), []
    while (block := free_block(used, limit)) is not None:
        assert len(block) == limit and block <= cpus and not block & used
        used |= block
        blocks.append(block)
    assert len(blocks) == len(cpus) // limit
    if limit == 1:  # whole cores before second threads
        cores = [core for package in packages for core in package]
        first = blocks[: len(cores)]
        assert all(any(block <= set(core) for block in first) for core in cores)


def test_limit_that_a_package_holds_is_not_split(program):
    free_block = free_block_of(program, MACHINES["threads side by side"])
    blocks = [free_block(set(), 5), free_block(set(range(5)), 5)]
    assert blocks == [set(range(5)), set(range(8, 13))]
