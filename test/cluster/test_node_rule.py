# SPDX-License-Identifier: Apache-2.0
"""The node rule with the kernel's own cgroups and, with flux, with what real brokers count."""

import ctypes
import json
import os
import signal
from pathlib import Path

import cgroups
import podnet
import pytest
from command_line import command_line

CPUS = sorted(os.sched_getaffinity(0))


@pytest.fixture
def net():
    with podnet.Net() as made:
        yield made


@pytest.fixture
def cgroup(net):
    """Makes cgroups that last as long as the pods of the test."""
    made = []

    def make(controller):
        try:
            made.append(cgroups.Cgroup(controller))
        except cgroups.Unavailable as reason:
            pytest.skip(str(reason))
        return made[-1]

    yield make
    for pod in net.pods.values():
        pod.kill()
    for each in made:
        each.remove()


@pytest.fixture
def quota_of_one_cpu(cgroup):
    if len(CPUS) < 2:
        pytest.skip("this machine has one CPU, and a quota of one is all of it")
    made = cgroup("cpu")
    made.limit_cpus(1)
    return made


@pytest.fixture
def boot(net, fluxpod, secret):
    def start(*options, size=1, ranks=None, lead_command=(), setup=None, environment=None,
              per_pod=lambda rank: []):  # fmt: skip
        pods = []
        for rank in ranks if ranks is not None else range(size):
            words = command_line([fluxpod, "run"], {
                "--size": str(size), "--service": "flux-service", "--curve-secret": secret,
                "--wait-timeout": "40s",
            })  # fmt: skip
            env = {"JOB_COMPLETION_INDEX": str(rank), **(environment or {})}
            argv = words(*options, *per_pod(rank), "--", *lead_command)
            pods.append(net.pod(f"fp-{rank}", argv, env=env, setup=setup))
        return pods

    return start


@pytest.fixture
def topology(net, fluxpod):
    """What fluxpod topology says in a pod."""

    def ask(*options, setup=None):
        pod = net.pod("fp-0", [fluxpod, "topology", "--format", "json", *options], setup=setup)
        assert pod.wait(10) == 0, pod.log
        return json.loads(pod.stdout)

    ask.net = net
    return ask


def all_end_with(pods, code, within=180):
    for pod in pods:
        assert pod.wait(within) == code, f"{pod.name}:\n{pod.log_tail(60)}"


# ---- verdicts ------------------------------------------------------------------------------------


def test_without_limits_the_node_is_the_pods(topology):
    told = topology()
    assert told["verdict"] == "whole node"
    assert told["flux"]["cores"] == told["machine"]["cores"] or len(CPUS) < os.cpu_count()
    assert told["bind"] is None


def test_a_quota_is_violated_and_strict_refuses_it_with_both_numbers(
    boot, topology, quota_of_one_cpu
):
    told = topology("--node-rule", "strict", setup=quota_of_one_cpu.join)
    assert told["verdict"] == "violated"
    assert told["refused"] is True
    assert told["cgroup"]["cpu_quota"] == 1

    (pod,) = boot("--node-rule", "strict", lead_command=["true"], setup=quota_of_one_cpu.join)
    assert pod.wait(10) == 12, pod.log
    assert f"({len(CPUS)} CPUs)" in pod.log
    assert str(quota_of_one_cpu.path) in pod.log
    assert "gives 1 CPU;" in pod.log
    assert "--node-rule share" in pod.log


def test_a_quota_is_counted_and_floats_on_every_rank_alike(topology, quota_of_one_cpu):
    told = [topology("--index", str(rank), setup=quota_of_one_cpu.join) for rank in range(3)]
    assert told[0]["verdict"] == "unproven"
    assert told[0]["reason"].startswith("R counts 1 core; the CPU quota of ")
    assert (told[0]["floats"], told[0]["bind"], told[0]["flux"]["cores"]) == (True, None, 1)
    assert told[1]["flux"] == told[2]["flux"] == told[0]["flux"]


def mask_cgroups():
    podnet.mount("tmpfs", "/sys/fs/cgroup", "tmpfs")


def enter_new_cgroup_namespace():
    CLONE_NEWCGROUP = 0x02000000
    assert ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWCGROUP) == 0


@pytest.mark.parametrize("hidden", [mask_cgroups, enter_new_cgroup_namespace])
def test_cgroups_that_cannot_be_read_are_not_free_and_strict_refuses(
    topology, boot, quota_of_one_cpu, hidden
):
    below = quota_of_one_cpu.path / "below"
    below.mkdir()

    def setup():
        (below / "cgroup.procs").write_text("0")
        hidden()
        if hidden is enter_new_cgroup_namespace:  # a sibling's namespace: the mount shows "/.."
            quota_of_one_cpu.join()

    try:
        told = topology("--node-rule", "warn", setup=setup)
        assert told["verdict"] == "unproven"
        assert "could not be read" in told["reason"]
        assert "nothing limits" not in told["reason"]
        assert (told["cgroup"]["version"], told["cgroup"]["cpu_quota"]) == ("", None)
        (pod,) = boot("--node-rule", "strict", lead_command=["true"], setup=setup)
        assert pod.wait(20) == 12, pod.log
        assert "could not be read" in pod.log
    finally:
        for pod in list(topology.net.pods.values()):
            pod.kill()
        podnet.until(lambda: not (below / "cgroup.procs").read_text(), 10, "the pods' end")
        below.rmdir()


def test_a_quota_above_the_own_cgroup_counts(topology, quota_of_one_cpu):
    below = quota_of_one_cpu.path / "below"
    below.mkdir()
    try:
        told = topology("--node-rule", "warn",
                        setup=lambda: (below / "cgroup.procs").write_text("0"))  # fmt: skip
        assert told["cgroup"]["cpu_quota"] == 1
        assert told["cgroup"]["directory"] == str(below)
    finally:
        below.rmdir()


def test_a_cpuset_of_one_cpu_is_a_proven_share(topology, cgroup):
    made = cgroup("cpuset")
    made.hold_cpus(str(CPUS[0]))
    told = topology("--node-rule", "strict", setup=made.join)
    assert told["hwloc"]["cpus"] == 1
    assert told["cgroup"]["cpuset"] == str(CPUS[0])
    assert told["verdict"] == ("proven share" if os.cpu_count() > 1 else "whole node")
    assert told["refused"] is False
    assert told["bind"] is None


# ---- Flux ----------------------------------------------------------------------------------------

NODES = ["flux", "resource", "list", "-s", "free,down", "-no", "{state} {nnodes} {ncores}"]


@pytest.mark.flux
class TestFlux:
    @pytest.fixture(autouse=True)
    def flux(self, needs_flux):
        pass

    def test_a_quota_of_one_cpu_is_one_core_for_flux_and_jobs_are_not_bound(
        self, boot, quota_of_one_cpu
    ):
        script = ("flux resource list -no '{state} {ncores}' -s free; "
                  "cat /run/fluxpod/etc/flux/system/R; flux run nproc; "
                  "flux run -o cpu-affinity=per-task nproc")  # fmt: skip
        pods = boot(lead_command=["sh", "-c", script], setup=quota_of_one_cpu.join)
        all_end_with(pods, 0)
        free, resources, nproc, asked = pods[0].stdout.splitlines()
        assert free == "free 1"
        assert '"core":"0"' in resources
        assert nproc == str(len(CPUS))
        assert asked == "1"  # a job that asks for it is bound
        assert "node rule: unproven: R counts 1 core" in pods[0].log
        assert "drain" not in pods[0].log

    def test_with_warn_flux_counts_the_node_and_the_log_says_so(self, boot, quota_of_one_cpu):
        pods = boot("--node-rule", "warn", lead_command=NODES, setup=quota_of_one_cpu.join)
        all_end_with(pods, 0)
        assert "free 1 1" not in pods[0].stdout
        assert "warning: node rule: violated" in pods[0].log

    def test_a_cpuset_of_one_cpu_is_one_core_for_flux(self, boot, cgroup):
        made = cgroup("cpuset")
        made.hold_cpus(str(CPUS[0]))
        pods = boot("--node-rule", "strict", lead_command=NODES, setup=made.join)
        all_end_with(pods, 0)
        assert pods[0].stdout.splitlines()[0] == "free 1 1"

    def test_two_shares_of_a_node_are_two_nodes_and_nothing_is_bound(self, boot, quota_of_one_cpu):
        script = f"{' '.join(NODES[:-1])} '{NODES[-1]}'; flux exec taskset -cp 1"
        pods = boot(size=2, lead_command=["sh", "-c", script], setup=quota_of_one_cpu.join)
        all_end_with(pods, 0)
        lines = pods[0].stdout.splitlines()
        assert lines[0] == "free 2 2"
        lists = {line.rpartition(": ")[2] for line in lines if "affinity list" in line}
        assert len(lists) == 1, pods[0].stdout
        assert not lists.pop().isdigit()

    @pytest.mark.skipif(len(CPUS) < 2, reason="this machine has one CPU")
    def test_bind_cpus_gives_ranks_of_a_kernel_cpus_that_no_other_has(self, boot, cgroup):
        made = cgroup("cpu")
        made.limit_cpus(1)
        script = "flux exec sh -c 'taskset -cp $$'; flux run -N2 nproc"
        pods = boot("--bind-cpus", "on", size=2, setup=made.join,
                    lead_command=["sh", "-c", script])  # fmt: skip
        all_end_with(pods, 0)
        lines = pods[0].stdout.splitlines()
        cpus = {line.rpartition(": ")[2] for line in lines if "affinity list" in line}
        assert len(cpus) == 2 and all(each.isdigit() for each in cpus), pods[0].stdout
        assert [line for line in lines if line.isdigit()] == ["1", "1"]
        assert "the broker and its jobs run on CPUs" in pods[0].log

    @pytest.mark.parametrize("root", ["exec", "noexec"])
    def test_on_a_root_without_exec_the_node_check_drains_too(self, boot, root):
        def setup():
            Path("/run/fluxpod").mkdir(exist_ok=True)
            podnet.mount("tmpfs", "/run/fluxpod", "tmpfs", podnet.MS_NOEXEC * (root == "noexec"))

        script = "flux resource list -s free -no '{nnodes}'"
        pods = boot("--node-rule", "strict", "--node-check", "on", size=2, setup=setup,
                    lead_command=["sh", "-c", script])  # fmt: skip
        all_end_with(pods, 0)
        assert pods[0].stdout.split() == ["1"], pods[0].log

    def test_the_second_rank_on_a_kernel_is_drained_and_names_the_first(self, boot):
        script = ("flux resource list -s free,down -no '{state} {nnodes} {nodelist}'; "
                  "flux resource drain -no '{ranks} {reason}'")  # fmt: skip
        by_default = {"FLUXPOD_NODE_CHECK": None}
        pods = boot("--node-rule", "strict", size=3, lead_command=["sh", "-c", script],
                    environment=by_default)  # fmt: skip
        all_end_with(pods, 0)
        assert "free 1 fp-0" in pods[0].stdout
        assert "down 2 fp-[1-2]" in pods[0].stdout
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        counted = "on the node of rank 0 (fp-0), which is counted there: kernel boot id"
        assert f"{counted} {boot_id}" in (
            pods[0].stdout
        )

    def test_of_two_followers_on_a_kernel_one_is_drained(self, boot):
        names = ["a.cluster", "b.cluster", "b.cluster"]
        script = "flux resource list -s free -no '{nnodes}'; flux resource drain -no '{reason}'"
        pods = boot("--node-check", "on", size=3, lead_command=["sh", "-c", script],
                    per_pod=lambda rank: ["--node-name", names[rank]])  # fmt: skip
        all_end_with(pods, 0)
        free, reason = pods[0].stdout.splitlines()
        assert free == "2"
        assert "on the node of rank 1 (fp-1)" in reason or "on the node of rank 2 (fp-2)" in reason

    def test_other_nodes_and_an_instance_within_are_left_alone(self, boot):
        script = (
            "flux resource list -s free -no '{nnodes}'; "
            "flux alloc -N2 flux resource list -s free -no '{nnodes}'"
        )
        pods = boot("--node-check", "on", size=2, lead_command=["sh", "-c", script],
                    per_pod=lambda rank: ["--node-name", f"node-{rank}"])  # fmt: skip
        all_end_with(pods, 0)
        assert pods[0].stdout.split() == ["2", "2"], pods[0].stdout

    def test_a_rank_that_is_no_longer_there_counts_for_nobody(self, boot):
        script = """
            boot_id=$(cat /proc/sys/kernel/random/boot_id)
            flux kvs put --append fluxpod.node-check.$boot_id.late="2 fp-2 1.5 -
"
            touch /run/podnet/share/ghost
            until [ $(flux resource list -s up -no '{nnodes}') = 2 ]; do sleep 0.1; done
            flux kvs get fluxpod.node-check.$boot_id.late
            flux resource list -s free -no 'free {nnodes}'
        """
        ghost = Path(podnet.SHARE, "ghost")
        ghost.unlink(missing_ok=True)

        def start(rank):
            return boot("--size", "1", "--max-size", "3", "--node-check", "on", "--node-name",
                        ["lead", "late"][rank], ranks=[rank], lead_command=["sh", "-c", script])  # fmt: skip

        pods = start(0)
        podnet.until(ghost.exists, 60, "the lead's command")
        pods += start(1)
        all_end_with(pods, 0)
        lines = [line.split()[:2] for line in pods[0].stdout.splitlines()]
        assert lines[:2] == [["2", "fp-2"], ["1", "fp-1"]]
        assert "free 2" in pods[0].stdout

    def test_a_drained_rank_that_moves_to_a_node_of_its_own_is_free_again(self, boot):
        drained, moved = Path(podnet.SHARE, "drained"), Path(podnet.SHARE, "moved")
        script = f"""
            flux resource list -s free -no 'first {{nnodes}}'
            touch {drained}
            until [ -e {moved} ] && [ $(flux resource list -s free -no '{{nnodes}}') = 2 ]; do
                sleep 0.1
            done
            flux resource drain -n
        """
        for mark in (drained, moved):
            mark.unlink(missing_ok=True)

        def start(rank, node):
            return boot("--size", "2", "--node-check", "on", "--node-name", node, ranks=[rank],
                        lead_command=["timeout", "40", "sh", "-c", script])[0]  # fmt: skip

        lead, follower = start(0, "here"), start(1, "here")
        podnet.until(drained.exists, 60, "the lead's command")
        follower.signal(signal.SIGTERM)
        follower.wait(30)
        moved.touch()
        follower = start(1, "there")
        assert lead.wait(60) == 0, lead.log_tail() + follower.log
        assert lead.stdout.split() == ["first", "1"]

    def test_the_node_check_keeps_an_inherited_rc_directory(self, net, fluxpod, tmp_path):
        rc = tmp_path / "rc"
        (rc / "rc1.d").mkdir(parents=True)
        script = rc / "rc1.d/mine"
        script.write_text("#!/bin/sh\necho mine ran >&2\n")
        script.chmod(0o755)
        argv = [fluxpod, "run", "--size", "1", "--max-size", "2", "--min-size", "1", "--node-check",
                "on", "--curve-secret", str(tmp_path / "secret"), "--", "true", "really"]  # fmt: skip
        (tmp_path / "secret").write_text("a secret of sixteen bytes at least")
        (tmp_path / "secret").chmod(0o600)
        pod = net.pod("fp-0", argv, env={"JOB_COMPLETION_INDEX": "0", "FLUX_RC_EXTRA": str(rc)})
        assert pod.wait(60) == 0, pod.log_tail()
        assert "mine ran" in pod.log
        assert "running /run/fluxpod" not in pod.log  # the script for older versions

    def test_declared_groups_are_what_flux_counts(self, boot):
        groups = ["--resource-config", "fp-0=cores:1", "--resource-config",
                  "fp-1=cores:1,gpus:2,property:big"]  # fmt: skip
        script = ("flux resource list -s free -no '{ncores} {ngpus}'; "
                  "flux run -N1 --requires=big -g2 hostname")  # fmt: skip
        pods = boot(*groups, size=2, lead_command=["sh", "-c", script])
        all_end_with(pods, 0)
        assert pods[0].stdout.split() == ["2", "2", "fp-1"]

    def test_more_than_the_node_has_is_refused_before_flux_would_drain_it(self, boot):
        (pod,) = boot("--resource-config", "fp-0=cores:4096", lead_command=["true"])
        assert pod.wait(10) == 12, pod.log
        assert "4096 cores" in pod.log
        assert "drain" in pod.log
