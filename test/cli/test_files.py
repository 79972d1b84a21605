# SPDX-License-Identifier: Apache-2.0
"""Exit code 13: what stands in the way of writing, and that nothing half done remains."""

import os
import subprocess
import tarfile
from pathlib import Path

import podnet
import pytest


def boot(fake_flux, fluxpod, root, *more):
    return [fluxpod, "run", "--root", str(root), "--flux", str(fake_flux / "flux"), *more]


def test_a_read_only_root_is_13(in_pod, refuses, fluxpod, fake_flux):
    def make_read_only():
        podnet.mount("tmpfs", "/mnt", "tmpfs", podnet.MS_RDONLY)

    process = in_pod(boot(fake_flux, fluxpod, "/mnt/fluxpod"), setup=make_read_only)
    refuses(process, 13, "/mnt", "Read-only file system", "--root")


def test_a_read_only_image_needs_only_the_root(in_pod, fluxpod, fake_flux):
    def make_read_only():
        podnet.mount(None, "/", None, podnet.MS_REMOUNT | podnet.MS_BIND | podnet.MS_RDONLY)
        podnet.mount(None, "/tmp", None, podnet.MS_REMOUNT | podnet.MS_BIND | podnet.MS_RDONLY)

    process = in_pod(boot(fake_flux, fluxpod, "/run/fluxpod"), setup=make_read_only)
    assert process.wait(10) == 0, process.log


@pytest.mark.parametrize("pages", [1, 3, 5])
def test_a_full_disk_is_13_and_leaves_no_half_written_file(
    in_pod, refuses, fluxpod, fake_flux, tmp_path, pages
):
    left = tmp_path / "left"
    root = tmp_path / "disk"
    root.mkdir()

    def make_small():
        podnet.mount("tmpfs", str(root), "tmpfs", 0, f"size={pages * 4096},mode=755")
        for number in range(pages):
            (root / f"ballast{number}").write_bytes(b"x" * 4096)

    # The pod's mounts are its own: the reader is the same pod, by a shell after the fact.
    script = f'"$@"; code=$?; find {root} -type f -not -name "ballast*" > {left}; exit $code'
    command = ["sh", "-c", script, "sh", *boot(fake_flux, fluxpod, root)]
    refuses(in_pod(command, setup=make_small), 13, str(root), "No space left")
    assert left.read_text() == ""


@pytest.mark.parametrize(
    "path", ["etc/flux/config/broker.toml", "etc/flux/system/R", "etc/flux/system/hostlist",
             "curve/curve.cert"]
)  # fmt: skip
@pytest.mark.parametrize("obstacle", ["a directory", "a link", "a dangling link"])
def test_anything_but_a_file_in_the_place_of_a_file_is_refused(
    start, refuses, lead, secret, tmp_path, path, obstacle
):
    target = tmp_path / "root" / path
    target.parent.mkdir(parents=True, mode=0o700)
    victim = tmp_path / "victim"
    if obstacle == "a directory":
        target.mkdir()
    else:
        if obstacle == "a link":
            victim.write_text("precious")
        target.symlink_to(victim)
    process = start(lead("--curve-secret", secret, "--", "date"))
    refuses(process, 13, path, "directory" if obstacle == "a directory" else "link")
    assert not victim.exists() or victim.read_text() == "precious"


@pytest.mark.parametrize("step", ["etc", "etc/flux", "curve", "run/flux"])
def test_a_link_on_the_way_is_refused(start, refuses, lead, secret, tmp_path, step):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = tmp_path / "root" / step
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    refuses(start(lead("--curve-secret", secret, "--", "date")), 13, step, "link")
    assert os.listdir(elsewhere) == []


def test_a_config_directory_that_anybody_may_write_to_is_13(start, refuses, lead, tmp_path):
    config = tmp_path / "root/etc/flux/config"
    config.mkdir(parents=True)
    for path in (tmp_path.parent, tmp_path, tmp_path / "root"):
        path.chmod(0o777)
    config.chmod(0o777)
    process = start(lead("--", "date"), setup=lambda: os.setresuid(65534, 65534, 65534))
    refuses(process, 13, str(config), "0777", "lets others replace")
    assert os.listdir(config) == []


def test_a_file_where_a_directory_should_be_is_13(start, refuses, lead, tmp_path):
    (tmp_path / "root").write_text("")
    refuses(start(lead("--", "date")), 13, str(tmp_path / "root"))


def test_a_report_that_cannot_be_written_is_13(start, refuses, lead, tmp_path):
    refuses(start(lead("--report", str(tmp_path), "--", "date")), 13, str(tmp_path))


def test_a_second_boot_changes_nothing(start, lead, secret, tmp_path):
    def files():
        root = tmp_path / "root"
        return {
            path: (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes())
            for path in root.rglob("*")
            if path.is_file() and path.name != "state.json"  # it describes the boot itself
        }

    command = lead("--curve-secret", secret, "--", "date")
    assert start(command).wait(10) == 0
    before = files()
    assert start(command).wait(10) == 0
    assert files() == before


def test_the_termination_message_is_the_error(start, refuses, lead, tmp_path):
    message = tmp_path / "termination-log"
    message.write_text("")
    process = start(lead("--termination-log", str(message), "--curve-cert", "/no", "--", "date"))
    line = refuses(process, 14)
    assert message.read_text().strip() and message.read_text().strip() in line


def test_a_termination_log_that_is_not_there_is_not_made(start, refuses, lead, tmp_path):
    path = tmp_path / "termination-log"
    process = start(lead("--termination-log", str(path), "--curve-cert", "/no", "--", "date"))
    refuses(process, 14)
    assert not Path(path).exists()


def test_an_archive_whose_directory_cannot_be_synced(lead, tmp_path):
    """The rename has happened by then: the new archive is there, and so is the dump."""
    state = tmp_path / "root/var/lib/flux"
    state.mkdir(parents=True, mode=0o700)
    dump = state / "fluxpod-dump.tar"
    with tarfile.open(dump, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("resource/eventlog"))
    volume = tmp_path / "volume"
    volume.mkdir()
    archive = volume / "archive.tar"
    archive.write_bytes(b"old")
    # The draft is synced first, then its directory.
    strace = ["strace", "-f", "-o", "/dev/null", "-P", str(volume), "-e", "trace=fsync",
              "-e", "inject=fsync:error=EIO"]  # fmt: skip
    command = lead("--supervise", "--archive", str(archive), "--", "date")
    done = subprocess.run([*strace, *command], text=True, capture_output=True, timeout=60)
    assert done.returncode == 13, done.stderr
    assert f"sync {volume}/: Input/output error" in done.stderr
    assert "the new archive is there" in done.stderr and "as it was" not in done.stderr
    with tarfile.open(archive) as tar:
        assert tar.getnames() == ["resource/eventlog"]
    assert dump.exists()


# System calls that old kernels, old seccomp filters or network file systems deny.
NEWER = ("renameat2,getrandom,memfd_create,statx,close_range,openat2,faccessat2,epoll_pwait2,"
         "pidfd_open,pidfd_send_signal,copy_file_range,sendfile,utimensat,flock,syncfs")  # fmt: skip


@pytest.mark.parametrize("error", ["EPERM", "ENOSYS", "EINVAL", "EOPNOTSUPP"])
@pytest.mark.parametrize("command", ["run", "run --supervise", "render", "keygen", "wait", "init"])
def test_newer_system_calls_are_not_needed(lead, fluxpod, secret, tmp_path, command, error):
    words = {
        "run": lead("--curve-secret", secret, "--", "date"),
        "run --supervise": lead("--curve-secret", secret, "--supervise", "--", "date"),
        "render": [fluxpod, "render", "--size", "2", "--index", "0", "--hostname", "two-0",
                   "--cluster-name", "two", "--curve-secret", secret, "--out",
                    str(tmp_path / "out")],
        "keygen": [fluxpod, "keygen", str(tmp_path / "curve.cert")],
        "wait": [fluxpod, "wait", f"file:{secret}", "--", "true"],
        "init": [fluxpod, "init", "--", "true"],
    }[command]  # fmt: skip
    strace = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={NEWER}", "-e",
              f"inject={NEWER}:error={error}"]  # fmt: skip
    done = subprocess.run([*strace, *words], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
