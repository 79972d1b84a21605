# SPDX-License-Identifier: Apache-2.0
"""The places that Flux and its jobs write to, in pods with a read-only root: real brokers, and on
each shape of mounts a nested instance (flux batch, flux alloc) and a script among the temporary
files."""

import os
import re
import shlex
import signal
import subprocess

import podnet
import pytest
from foreign_root import drop_privileges

UID = 65534

# What a job of each node does: a script is written, and executed from where it is.
SCRIPT = """
f=${TMPDIR:-/tmp}/script.$FLUX_TASK_RANK
printf '#!/bin/sh\\necho ran from %s\\n' "${f%/*}" > $f && chmod 700 $f && $f
"""
WORK = """
cd /run/fluxpod
flux run -N{size} sh -c {script}
flux alloc -N1 flux run echo allocated
flux batch -N2 --wrap --output=out flux run -N2 echo batched >/dev/null && flux queue drain
cat out
"""


def read_only_root(mounts):
    """`mounts` are (directory, options) of tmpfs; what is not among them cannot be written to."""

    def setup():
        os.makedirs("/run/fluxpod")
        for directory, options in mounts:
            flags = podnet.MS_NOEXEC if "noexec" in options else 0
            podnet.mount("tmpfs", directory, "tmpfs", flags, "mode=1777")
        for directory in ("/", *({"/tmp", "/run"} - {path for path, _ in mounts})):
            flags = podnet.MS_REMOUNT | podnet.MS_BIND | podnet.MS_RDONLY
            podnet.mount(None, directory, None, flags)
        drop_privileges(UID)

    return setup


@pytest.fixture
def boot(net, fluxpod, secret):
    os.chown(secret, UID, UID)
    for directory in (os.path.dirname(secret), os.path.dirname(os.path.dirname(secret))):
        os.chmod(directory, 0o755)

    def start(mounts, *command, size):
        words = [fluxpod, "run", "--size", str(size), "--service", "flux-service", "--curve-secret",
                 secret, "--wait-timeout", "60s", "--supervise"]  # fmt: skip
        words += ["--", *command] if command else []
        return [net.pod(f"fp-{rank}", words, env={"JOB_COMPLETION_INDEX": str(rank)},
                        setup=read_only_root(mounts)) for rank in range(size)]  # fmt: skip

    return start


ROOT = ("/run/fluxpod", "exec")


@pytest.mark.flux
@pytest.mark.parametrize("size, mounts, place, told", [
    (2, [ROOT, ("/tmp", "exec"), ("/var/tmp", "exec")], "/tmp", None),
    (2, [ROOT, ("/tmp", "exec")], "/tmp",
     "TMPDIR is set to /tmp: /var/tmp takes no files (Read-only"),
    (4, [ROOT, ("/tmp", "noexec")], "/run/fluxpod/tmp",
     "TMPDIR is set to /run/fluxpod/tmp: /tmp takes no programs (it is mounted noexec), /var/tmp"),
    (2, [ROOT], "/run/fluxpod/tmp",
     "TMPDIR is set to /run/fluxpod/tmp: /tmp takes no files (Read-only"),
    (2, [("/run/fluxpod", "noexec"), ("/tmp", "noexec"), ("/var/tmp", "exec")], "/var/tmp",
     "Flux makes its run directory in /var/tmp: /run/fluxpod takes no programs "
     "(it is mounted noexec)"),
], ids=["as the overlays", "tmp alone", "tmp noexec", "nothing", "root noexec"])  # fmt: skip
def test_nested_instances_and_scripts_run(needs_flux, boot, size, mounts, place, told):
    work = WORK.format(script=shlex.quote(SCRIPT), size=size)
    pods = boot(mounts, "sh", "-c", work, size=size)
    for pod in pods:
        assert pod.wait(240) == 0, pod.log_tail(40)
        assert told in pod.log if told else "TMPDIR is" not in pod.log
    said = sorted(pods[0].stdout.splitlines())
    expected = ["allocated", *["batched"] * 2, *[f"ran from {place}"] * size]
    assert said == expected, pods[0].log_tail(40)


@pytest.mark.flux
def test_with_the_mounts_of_the_manifests_jobs_from_outside_the_broker_run_too(needs_flux, boot):
    """As kubectl exec does: with the environment of the container."""
    (lead,) = boot([ROOT, ("/tmp", "exec"), ("/var/tmp", "exec")], size=1)
    podnet.until(lambda: "online: fp-0" in lead.log, 60, "the broker")
    env = {"PATH": os.environ["PATH"], "FLUX_URI": "local:///run/fluxpod/run/flux/local",
           "HOME": "/"}  # fmt: skip

    def exec_in_pod(*words):
        enter = ["nsenter", "--target", str(lead.pid), "--mount", "--net", "--pid", "--wdns=/tmp"]
        who = ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups", "--"]
        done = subprocess.run([*enter, *who, *words], env=env, text=True, capture_output=True,
                              timeout=120)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert exec_in_pod("flux", "alloc", "-N1", "flux", "run", "echo", "allocated") == "allocated\n"
    exec_in_pod("flux", "batch", "-N1", "--wrap", "--output=out", "flux", "run", "echo", "batched")
    exec_in_pod("flux", "queue", "drain")
    assert exec_in_pod("cat", "out") == "batched\n"
    lead.signal(signal.SIGTERM)
    assert lead.wait(60) == 0


@pytest.mark.parametrize("wrong, cause", [("/nonexistent", "No such file or directory"),
                                          ("/proc", "No such file or directory"),
                                          ("tmp", "it is not an absolute path")])  # fmt: skip
def test_a_tmpdir_that_does_not_work_is_reported_and_replaced(net, fluxpod, wrong, cause):
    pod = net.pod("fp-0", [fluxpod, "render", "--explain", "--size", "1"],
                  env={"JOB_COMPLETION_INDEX": "0", "TMPDIR": wrong})  # fmt: skip
    assert pod.wait(30) == 0, pod.log
    row = f"scratch      TMPDIR is set to /tmp: TMPDIR={wrong} takes no files ({cause})"
    assert row in pod.stdout
    assert "set          TMPDIR=/tmp" in pod.stdout


def test_a_full_disk_takes_no_files(net, fluxpod):
    def fill():
        podnet.mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777,size=64k")
        with open("/tmp/all", "wb", buffering=0) as file:
            file.write(bytes(1 << 20))

    pod = net.pod("fp-0", [fluxpod, "render", "--explain", "--size", "1"],
                  env={"JOB_COMPLETION_INDEX": "0"}, setup=fill)  # fmt: skip
    assert pod.wait(30) == 0, pod.log
    assert re.search(r"^scratch +TMPDIR is set to \S+: /tmp takes no files \(No space left",
                     pod.stdout, re.M)  # fmt: skip


def test_one_that_has_no_inodes_left_takes_no_files(net, fluxpod):
    def fill():
        podnet.mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777,nr_inodes=1")

    pod = net.pod("fp-0", [fluxpod, "render", "--explain", "--size", "1"],
                  env={"JOB_COMPLETION_INDEX": "0"}, setup=fill)  # fmt: skip
    assert pod.wait(30) == 0, pod.log
    assert "/tmp takes no files (No space left on device)" in pod.stdout
