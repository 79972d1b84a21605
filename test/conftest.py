# SPDX-License-Identifier: Apache-2.0
"""What the suites that run the built binary share. The whole pytest process moves into namespaces
of its own, so tests may start pods, and nothing of them outlives it."""

import itertools
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "container"))
import podnet  # noqa: E402

# The caller of the tests may ignore signals (nohup, a CI's background job), and pods would inherit
# that. Python ignores PIPE and XFSZ itself, and gives its children the defaults.
for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

try:
    podnet.enter()
except OSError as error:
    pytest.exit(f"the tests of the binary: {error}", returncode=2)


def pytest_configure(config):
    # Seen by every pod under the same name, and gone with the process.
    config.option.basetemp = f"{podnet.SHARE}/tmp"


@pytest.fixture(scope="session")
def fluxpod():
    binary = os.environ.get("FLUXPOD", str(ROOT / "build/gcc/src/fluxpod"))
    if not os.access(binary, os.X_OK):
        pytest.exit(f"there is no fluxpod at {binary}: set FLUXPOD", returncode=2)
    return podnet.share_program(binary)


@pytest.fixture(scope="module")
def net():
    with podnet.Net() as made:
        yield made


_numbers = itertools.count()


@pytest.fixture
def unique_name():
    """A pod name with an ordinal, as a StatefulSet or an Indexed Job gives it."""

    def make(ordinal=0):
        return f"t{next(_numbers)}-{ordinal}"

    return make


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("a secret of sixteen bytes at least")
    path.chmod(0o600)
    return str(path)


@pytest.fixture(scope="session")
def needs_flux():
    if shutil.which("flux") is None:
        pytest.skip("there is no flux on PATH")
