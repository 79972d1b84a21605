# SPDX-License-Identifier: Apache-2.0
"""The compose files of container/ give a pod what the overlays give it; test/cluster/test_podman.py
runs them."""

import re
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

CONTAINER = Path(__file__).resolve().parents[2] / "container"


@pytest.fixture(params=["compose.yaml", "compose.hosts.yaml"])
def services(request):
    return yaml.safe_load((CONTAINER / request.param).read_text())["services"].values()


def test_flux_and_its_jobs_can_write_and_execute_where_they_do(services):
    for service in services:
        mounts = dict(mount.split(":") for mount in service["tmpfs"])
        assert {"/run/fluxpod", "/tmp", "/var/tmp"} <= mounts.keys()
        for options in mounts.values():
            assert "exec" in options.split(","), "Docker mounts a tmpfs noexec"
            assert "mode=1777" in options.split(",")
        assert service["working_dir"] == "/tmp"


def test_fluxpod_stays_above_every_broker_and_ends_before_it_is_killed(services):
    for service in services:
        assert service["environment"]["FLUXPOD_SUPERVISE"] == "true"
        grace = int(re.fullmatch(r"(\d+)s", service["environment"]["FLUXPOD_GRACE"])[1])
        assert grace + 5 <= int(service["stop_grace_period"].rstrip("s"))


def test_a_job_that_is_submitted_from_outside_is_started_as_the_leads_own(services):
    for service in services:
        assert service["environment"]["FLUX_SHELL_RC_PATH"] == "/run/fluxpod/etc/flux/shell"


def test_no_service_may_do_more_than_it_must(services):
    for service in services:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
