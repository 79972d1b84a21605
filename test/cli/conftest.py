# SPDX-License-Identifier: Apache-2.0
import re
import subprocess
from pathlib import Path

import podnet
import pytest
from command_line import command_line


@pytest.fixture(params=["pid1", "child"])
def start(request, net, unique_name):
    """Starts a command as PID 1 of a pod, and as a plain process of this machine."""
    started = []

    def run(argv, name=None, dns=True, **how):
        name = name or unique_name()
        if request.param == "pid1":
            process = net.pod(name, argv, dns=dns, **how)
        else:
            process = podnet.Process(name).start(argv, **how)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()


@pytest.fixture
def in_pod(net, unique_name):
    """Starts a command as PID 1 of a pod only, for tests in which /etc, mounts or the name
    matter."""
    started = []

    def run(argv, name=None, **how):
        started.append(net.pod(name or unique_name(), argv, **how))
        return started[-1]

    yield run
    for process in started:
        process.kill()


@pytest.fixture(scope="session")
def fake_flux():
    """A directory with a program named flux that prints what it was given: fake_flux.c."""
    directory = Path(podnet.SHARE, "fake")
    directory.mkdir()
    source = Path(__file__).parent / "fake_flux.c"
    subprocess.run(["cc", "-Wall", "-o", directory / "flux", source], check=True)
    return directory


@pytest.fixture
def lead(fluxpod, fake_flux, tmp_path):
    """Makes the words that boot a cluster of one with the fake flux, which runs at once."""
    return command_line([fluxpod, "run"], {
        "--size": "1", "--cluster-name": "one", "--index": "0", "--hostname": "one-0",
        "--namespace": "default", "--root": str(tmp_path / "root"),
        "--flux": str(fake_flux / "flux"),
    })  # fmt: skip


@pytest.fixture
def follower(fluxpod, fake_flux, secret, tmp_path):
    """Makes the words that boot rank 1 of 2, which waits for rank 0."""
    return command_line([fluxpod, "run"], {
        "--size": "2", "--cluster-name": "two", "--index": "1", "--hostname": "two-1",
        "--namespace": "default", "--service": "flux-service", "--curve-secret": secret,
        "--root": str(tmp_path / "root"), "--flux": str(fake_flux / "flux"),
    })  # fmt: skip


class Dump:
    """What the fake flux printed."""

    def __init__(self, text):
        self.argv, self.env, self.fds, self.status = [], [], {}, {}
        for line in text.splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "arg":
                self.argv.append(bytes.fromhex(rest))
            elif kind == "env":
                self.env.append(bytes.fromhex(rest))
            elif kind == "fd":
                number, _, target = rest.partition(" ")
                self.fds[int(number)] = target
            else:
                self.status[kind] = rest.strip()

    def signals(self, field):
        mask = int(self.status[field], 16)
        return {number + 1 for number in range(64) if mask >> number & 1}


@pytest.fixture
def dump():
    def read(process):
        assert process.wait(10) == 0, process.log
        return Dump(process.stdout)

    return read


@pytest.fixture
def refuses():
    """Expects the documented end of a wrong input: code, one error line that matches every pattern,
    nothing on stdout."""

    def check(process, code, *patterns, within=10):
        assert process.wait(within) == code, process.log
        errors = [line for line in process.log.splitlines() if "error:" in line]
        assert len(errors) == 1, process.log
        for pattern in patterns:
            assert re.search(pattern, errors[0], re.IGNORECASE), f"{pattern!r} not in {errors[0]}"
        assert process.stdout == ""
        return errors[0]

    return check
