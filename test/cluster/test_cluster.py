# SPDX-License-Identifier: Apache-2.0
"""Whole clusters: four pods with fluxpod as PID 1, as a roll call and, with flux, as brokers."""

import json
import re
import signal
import subprocess

import podnet
import pytest

SIZE = 4


def all_end_with(pods, code, within=60):
    for pod in pods:
        assert pod.wait(within) == code, f"{pod.name}:\n{pod.log_tail()}"


# ---- preflight -----------------------------------------------------------------------------------


@pytest.mark.parametrize("topology", ["flat", "kary:1", "kary:2", "binomial", "mincrit:2"])
def test_four_pods_meet(boot, topology):
    pods = boot("preflight", "--topology", topology)
    all_end_with(pods, 0)
    for rank in range(SIZE):
        assert f"fp-{rank}" in pods[0].stdout
    assert all(pod.stdout == "" for pod in pods[1:])


def test_a_custom_tree_meets(boot):
    pods = boot("preflight", "--topology", "custom", "--parent", "fp-2=fp-1", "--parent",
                "fp-3=fp-2")  # fmt: skip
    all_end_with(pods, 0)


def test_a_pod_that_starts_late_is_waited_for(boot, net, fluxpod):
    early = boot("preflight", ranks=[1, 2, 3])
    waits = "wait for the parent broker, rank 0: DNS fp-0."
    podnet.until(lambda: all(waits in pod.log for pod in early), 30, waits)
    lead = boot("preflight", ranks=[0])
    all_end_with(early + lead, 0)
    for pod in early:
        assert "answers after" in pod.log.partition(waits)[2], pod.log_tail()


def test_a_pod_that_never_comes_is_named(boot):
    pods = boot("preflight", "--wait-timeout", "3s", ranks=[0, 1, 3])
    assert pods[0].wait(20) != 0
    row = re.search(r"^.*fp-2.*$", pods[0].stdout, re.M)
    assert row, pods[0].stdout
    for pod in pods[1:]:
        assert pod.wait(20) != 0, pod.log_tail()


def test_a_pod_with_another_secret_reports_it(boot, net, fluxpod, tmp_path):
    other = tmp_path / "other"
    other.write_text("another secret of sixteen bytes")
    pods = boot("preflight", "--wait-timeout", "5s", ranks=[0, 1, 2])
    odd = net.pod("fp-3", [fluxpod, "preflight", "--size", "4", "--service", "flux-service",
                           "--wait-timeout", "5s", "--curve-secret", str(other)])  # fmt: skip
    assert odd.wait(20) == 22, odd.log_tail()
    assert pods[0].wait(20) != 0


def test_the_report_tells_the_stages_in_order(boot, tmp_path):
    all_end_with(boot("preflight"), 0)
    for rank in range(SIZE):
        stages = [json.loads(line) for line in (tmp_path / f"report-fp-{rank}").open()]
        names = [stage["stage"] for stage in stages]
        assert names[:4] == ["identity", "plan", "gates", "roll call"], names
        assert all(stage["verdict"] == "ok" for stage in stages)
        assert {stage["pod"] for stage in stages[1:]} == {f"fp-{rank}"}
        assert all(a["began"] <= b["began"] for a, b in zip(stages, stages[1:]))


def test_sixteen_pods_meet_in_a_deep_tree(boot):
    all_end_with(boot("preflight", "--topology", "kary:2", size=16), 0)


def test_a_signal_ends_a_preflight(boot):
    pods = boot("preflight", ranks=[0])
    podnet.until(lambda: "lead" in pods[0].log, 10)
    pods[0].signal(signal.SIGTERM)
    assert pods[0].wait(5) == 128 + signal.SIGTERM, pods[0].log_tail()


# ---- Flux ----------------------------------------------------------------------------------------


@pytest.mark.flux
class TestFlux:
    @pytest.fixture(autouse=True)
    def flux(self, needs_flux):
        pass

    @pytest.mark.parametrize("size", [1, 4, 16])
    def test_all_nodes_are_free(self, boot, size):
        pods = boot("run", size=size, lead_command=["flux", "resource", "list", "-no",
                                                    "{state} {nnodes} {nodelist}"])  # fmt: skip
        all_end_with(pods, 0, 120)
        nodes = "fp-0" if size == 1 else f"fp-[0-{size - 1}]"
        assert f"free {size} {nodes}" in pods[0].stdout
        assert "drain" not in pods[0].log, pods[0].log

    @pytest.mark.parametrize("topology", ["kary:1", "kary:2", "binomial", "mincrit:2", "custom"])
    def test_every_topology_boots(self, boot, topology):
        more = ["--parent", "fp-2=fp-1", "--parent", "fp-3=fp-2"] if topology == "custom" else []
        pods = boot("run", "--topology", topology, *more,
                    lead_command=["flux", "overlay", "status", "--timeout=10s"])  # fmt: skip
        all_end_with(pods, 0, 90)
        assert "full" in pods[0].stdout

    @pytest.mark.parametrize("maker", ["fluxpod", "flux"])
    def test_fluxpods_and_fluxs_certificates_serve_both(self, net, fluxpod, tmp_path, maker):
        cert = tmp_path / "curve.cert"
        subprocess.run([fluxpod if maker == "fluxpod" else "flux", "keygen", cert], check=True)
        words = [fluxpod, "run", "--size", "2", "--service", "flux-service", "--curve-cert",
                 str(cert), "--", "flux", "resource", "list", "-no", "{state} {nnodes}"]  # fmt: skip
        pods = [net.pod(name, words) for name in ("fp-0", "fp-1")]
        all_end_with(pods, 0)
        assert "free 2" in pods[0].stdout

    def test_ranks_are_indexes(self, boot):
        pods = boot("run", lead_command=["flux", "exec", "-l", "hostname"])
        all_end_with(pods, 0)
        assert sorted(pods[0].stdout.split("\n")[:-1]) == [f"{n}: fp-{n}" for n in range(SIZE)]

    def test_a_job_runs_on_all_nodes(self, boot):
        pods = boot("run", lead_command=["flux", "run", "-N4", "-l", "hostname"])
        all_end_with(pods, 0)
        assert sorted(pods[0].stdout.split("\n")[:-1]) == [f"{n}: fp-{n}" for n in range(SIZE)]

    def test_the_commands_status_is_the_leads(self, boot):
        pods = boot("run", lead_command=["sh", "-c", "exit 7"])
        assert pods[0].wait(60) == 7, pods[0].log_tail()
        all_end_with(pods[1:], 0)

    def test_a_failed_job_is_the_leads_status(self, boot):
        pods = boot("run", lead_command=["flux", "run", "false"])
        assert pods[0].wait(60) == 1, pods[0].log_tail()

    def test_no_fluxpod_stays_behind(self, boot):
        everybody = ["flux", "exec", "sh", "-c", "tr '\\0' ' ' </proc/1/cmdline; echo"]
        pods = boot("run", lead_command=everybody)
        all_end_with(pods, 0)
        assert "fluxpod " not in pods[0].stdout
        assert pods[0].stdout.count("broker --config-path") == SIZE

    def test_termination_of_the_lead_ends_everybody(self, boot):
        pods = boot("run")
        podnet.until(lambda: "online: fp-[0-3]" in pods[0].log, 60, "the quorum")
        pods[0].signal(signal.SIGTERM)
        all_end_with(pods, 0)

    def test_pods_that_come_later_join(self, boot):
        counting = ["sh", "-c", "until [ $(flux resource list -s up -no '{nnodes}') = 4 ]; do "
                    "sleep 0.1; done; flux resource list -s up -no '{nodelist}'"]  # fmt: skip
        first = boot("run", "--size", "2", "--max-size", "4", ranks=[0, 1], lead_command=counting)
        podnet.until(lambda: "online: fp-[0-1]" in first[0].log, 60, "the first two")
        late = boot("run", "--size", "2", "--max-size", "4", ranks=[2, 3], lead_command=counting)
        all_end_with(first + late, 0)
        assert "fp-[0-3]" in first[0].stdout
        assert all("quorum->run" in pod.log for pod in late)

