# SPDX-License-Identifier: Apache-2.0
"""keygen, and exit code 14: certificates that are missing, malformed, too open or no pair."""

import os
import re
import stat
import subprocess

import podnet
import pytest


@pytest.fixture
def cert(fluxpod, tmp_path):
    path = tmp_path / "curve.cert"
    subprocess.run([fluxpod, "keygen", str(path)], check=True)
    return path


def key_of(path, kind):
    return re.search(rf'{kind}-key = "(.{{40}})"', path.read_text())[1]


def test_keygen_writes_a_private_certificate(start, fluxpod, tmp_path):
    path = tmp_path / "curve.cert"
    process = start([fluxpod, "keygen", "--name", "bench", str(path)])
    assert process.wait(10) == 0, process.log
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert re.search(r"^metadata$", text, re.M) and re.search(r"^curve$", text, re.M)
    assert re.search(r'^ +name = "bench"$', text, re.M)
    assert key_of(path, "public") != key_of(path, "secret")
    assert os.listdir(tmp_path) == ["curve.cert"]


def test_keygen_prints_where_that_is_asked_for(start, fluxpod):
    process = start([fluxpod, "keygen", "-"])
    assert process.wait(10) == 0
    assert "secret-key" in process.stdout


@pytest.mark.parametrize("kind", ["a device", "a pipe", "a link to standard output"])
def test_keygen_replaces_only_a_regular_file(start, refuses, fluxpod, tmp_path, kind):
    path = tmp_path / "target"
    if kind == "a device":
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    elif kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/stdout")
    before = path.lstat()
    refuses(start([fluxpod, "keygen", str(path)]), 13, kind.split()[1], "- for standard output")
    assert (path.lstat().st_mode, path.lstat().st_ino) == (before.st_mode, before.st_ino)
    assert os.listdir(tmp_path) == ["target"]


def test_two_random_certificates_differ(fluxpod, tmp_path):
    for name in ("a", "b"):
        subprocess.run([fluxpod, "keygen", str(tmp_path / name)], check=True)
    assert key_of(tmp_path / "a", "secret") != key_of(tmp_path / "b", "secret")


def test_one_secret_gives_one_key_pair(fluxpod, secret, tmp_path):
    (tmp_path / "typed").write_text("a secret of sixteen bytes at least\n")
    for name, source in (("a", secret), ("b", secret), ("c", str(tmp_path / "typed"))):
        subprocess.run(
            [fluxpod, "keygen", "--from-secret", source, str(tmp_path / name)], check=True
        )
    keys = {(key_of(tmp_path / n, "public"), key_of(tmp_path / n, "secret")) for n in "abc"}
    assert len(keys) == 1


@pytest.mark.parametrize("secret_text", ["", "short", "fifteen bytes..\n"])
def test_a_short_secret_is_refused(start, refuses, fluxpod, tmp_path, secret_text):
    (tmp_path / "short").write_text(secret_text)
    process = start([fluxpod, "keygen", "--from-secret", str(tmp_path / "short"), "-"])
    refuses(process, 14, "16")


@pytest.mark.parametrize("secret_text", [" " * 32, "\n\t \r" * 8, "\0" * 32, "a" * 32])
def test_a_secret_of_blanks_is_refused(start, refuses, fluxpod, lead, tmp_path, secret_text):
    path = tmp_path / "blank"
    path.write_text(secret_text)
    refuses(start([fluxpod, "keygen", "--from-secret", str(path), "-"]), 14, "all blanks|too few")
    refuses(start(lead("--curve-secret", str(path), "--", "date")), 14, "all blanks|too few")


def damage(path, how):
    text = path.read_text()
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_text("")
    elif how == "truncated":
        path.write_text(text[: text.index("secret-key") + 20])
    elif how == "mismatched":
        other = path.with_name("other")
        subprocess.run(["cp", path, other], check=True)
        path.write_text(text.replace(key_of(path, "public"), key_of(path, "public")[::-1]))
    elif how == "no Z85":
        path.write_text(text.replace(key_of(path, "secret"), "~" * 40))
    elif how == "binary":
        path.write_bytes(os.urandom(4096))
    elif how == "an underscore in a value":
        path.write_text(text.replace("metadata\n", 'metadata\n    name = "flux_cert"\n', 1))
    elif how == "a directory":
        path.unlink()
        path.mkdir()
    elif how == "a dangling link":
        path.unlink()
        path.symlink_to("/nonexistent")
    elif how == "larger than any certificate":
        path.write_text("#" * (2 << 20))


@pytest.mark.parametrize(
    "how",
    ["missing", "empty", "truncated", "mismatched", "no Z85", "binary", "an underscore in a value",
     "a directory", "a dangling link", "larger than any certificate"],
)  # fmt: skip
def test_a_certificate_that_is_not_one_is_14(start, refuses, lead, cert, how, tmp_path):
    secret_key = key_of(cert, "secret")
    damage(cert, how)
    process = start(lead("--curve-cert", str(cert), "--", "date"))
    line = refuses(process, 14, re.escape(str(cert)))
    assert secret_key not in process.log and secret_key[:20] not in line
    assert not (tmp_path / "root/curve/curve.cert").exists()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604], ids=oct)
def test_a_certificate_that_others_can_read_is_14(start, refuses, lead, cert, mode):
    cert.chmod(mode)
    process = start(lead("--curve-cert", str(cert), "--", "date"))
    refuses(process, 14, str(cert), f"{mode:04o}", "chmod")


def test_wait_refuses_the_certificates_that_a_boot_refuses(start, refuses, fluxpod, cert):
    cert.chmod(0o644)
    process = start([fluxpod, "wait", "--curve-cert", str(cert), "curve:localhost:8050"])
    refuses(process, 14, str(cert), "0644", "chmod")


@pytest.mark.parametrize("kind", ["a read-only mount", "the kubelet's links"])
def test_a_mounted_certificate_becomes_a_private_copy(in_pod, lead, cert, kind, tmp_path):
    """Nobody in the pod could narrow the mode of a Secret or a ConfigMap."""
    cert.chmod(0o644)
    volume = tmp_path / "volume"
    (volume / "..data").mkdir(parents=True)
    cert.rename(volume / "..data/curve.cert")
    cert = volume / "curve.cert"
    cert.symlink_to("..data/curve.cert")

    def make_read_only():
        if kind == "a read-only mount":
            podnet.mount(str(volume), str(volume), None, podnet.MS_BIND)
            flags = podnet.MS_REMOUNT | podnet.MS_BIND | podnet.MS_RDONLY
            podnet.mount(None, str(volume), None, flags)

    process = in_pod(lead("--curve-cert", str(cert), "--", "date"), setup=make_read_only)
    assert process.wait(10) == 0, process.log
    copy = tmp_path / "root/curve/curve.cert"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert key_of(copy, "secret") == key_of(cert, "secret")


@pytest.mark.parametrize("option", ["--curve-cert", "--curve-secret"])
def test_a_file_that_may_not_be_read_is_14(start, refuses, lead, cert, option, tmp_path):
    cert.chmod(0o600)
    tmp_path.chmod(0o777)
    words = lead(option, str(cert), "--", "date")
    process = start(words, setup=lambda: os.setresuid(65534, 65534, 65534))
    refuses(process, 14, re.escape(str(cert)), "Permission denied")


def test_more_than_one_pod_needs_a_certificate(in_pod, refuses, fluxpod, unique_name):
    process = in_pod([fluxpod, "run", "--size", "2", "--flux", "/bin/true"])
    refuses(process, 14, "curve-secret")


def test_no_secret_is_ever_logged(start, lead, cert, secret, fluxpod):
    secret_key = key_of(cert, "secret")
    for source in (["--curve-cert", str(cert)], ["--curve-secret", secret]):
        process = start(lead(*source, "--log-level", "debug", "--", "date"))
        assert process.wait(10) == 0, process.log
        told = process.log + process.stdout
        assert secret_key not in told and "sixteen bytes" not in told
