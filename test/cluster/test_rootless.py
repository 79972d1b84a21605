# SPDX-License-Identifier: Apache-2.0
"""Pods of an ordinary user, inside user namespaces, as in Usernetes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ORDINARY = 65534

BOOT = """
import os, sys
sys.path.insert(0, sys.argv[1])
import podnet
with open(sys.argv[1] + "/fluxpod", "rb") as file:
    program = file.read()
podnet.enter()  # with another /run
fluxpod, secret = podnet.SHARE + "/fluxpod", podnet.SHARE + "/secret"
for path, content, mode in ((fluxpod, program, 0o755), (secret, os.urandom(32), 0o600)):
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)
with podnet.Net() as net:
    words = ["--size", "4", "--service", "flux-service", "--curve-secret", secret]
    pods = [net.pod(f"fp-{rank}", [fluxpod, sys.argv[2], *words, *sys.argv[3:]],
                    env={"JOB_COMPLETION_INDEX": str(rank)}) for rank in range(4)]
    codes = [pod.wait(60) for pod in pods]
    print(pods[0].stdout)
    sys.exit("\\n".join(pod.log_tail() for pod in pods) if any(codes) else 0)
"""


@pytest.fixture
def boot(fluxpod, tmp_path):
    for source in (ROOT / "container/podnet.py", fluxpod):
        shutil.copy(source, tmp_path)
    for path in (tmp_path.parent, tmp_path, *tmp_path.iterdir()):
        path.chmod(0o755)
    allowed = subprocess.run(["unshare", "--user", "true"], user=ORDINARY, capture_output=True)
    if allowed.returncode != 0:
        pytest.skip("this machine lets no ordinary user make user namespaces")

    def run(*words):
        done = subprocess.run([sys.executable, "-B", "-c", BOOT, tmp_path, *words], text=True,
                              capture_output=True, timeout=120, user=ORDINARY, group=ORDINARY,
                              extra_groups=[])  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_four_pods_of_an_ordinary_user_meet(boot):
    shown = boot("preflight")
    assert "4 of 4 ranks joined" in shown


@pytest.mark.flux
def test_an_ordinary_users_brokers_run_a_job(boot, needs_flux):
    shown = boot("run", "--", "flux", "run", "-N4", "hostname")
    assert sorted(shown.split()) == [f"fp-{rank}" for rank in range(4)]
