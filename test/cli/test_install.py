# SPDX-License-Identifier: Apache-2.0
"""install: a whole copy or none, never a truncated one, and a view of Flux beside it."""

import hashlib
import os
import re
import resource
import signal
import stat
import subprocess
import time

import pytest


@pytest.fixture
def install(fluxpod):
    def run(*words, program=fluxpod, **how):
        return subprocess.run([program, "install", *map(str, words)], text=True,
                              capture_output=True, timeout=60, **how)  # fmt: skip

    return run


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def identity(path):
    """Returns what a write changes; reading may change the access time."""
    info = path.stat()
    return info.st_ino, info.st_mode, info.st_mtime_ns, info.st_ctime_ns


def test_the_copy_has_the_same_bytes_and_runs(install, fluxpod, tmp_path):
    done = install(tmp_path)
    copy = tmp_path / "fluxpod"
    assert done.returncode == 0, done.stderr
    assert copy.read_bytes() == open(fluxpod, "rb").read()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o755
    assert f"{copy}: installed" in done.stdout and sha256(copy) in done.stdout
    assert os.listdir(tmp_path) == ["fluxpod"]
    again = subprocess.run([copy, "--version"], text=True, capture_output=True, check=True)
    assert again.stdout.startswith("fluxpod ")


def test_the_umask_does_not_narrow_the_mode(install, tmp_path):
    assert install(tmp_path, umask=0o077).returncode == 0
    assert stat.S_IMODE((tmp_path / "fluxpod").stat().st_mode) == 0o755


def test_an_identical_copy_is_left_alone(install, tmp_path):
    install(tmp_path)
    before = identity(tmp_path / "fluxpod")
    done = install(tmp_path)
    assert done.returncode == 0 and "left alone" in done.stdout
    assert identity(tmp_path / "fluxpod") == before


@pytest.mark.parametrize("present", [b"", b"#!/bin/sh\n", b"x" * 1000])
def test_another_file_is_replaced(install, fluxpod, tmp_path, present):
    (tmp_path / "fluxpod").write_bytes(present)
    assert install(tmp_path).returncode == 0
    assert (tmp_path / "fluxpod").read_bytes() == open(fluxpod, "rb").read()


def test_a_copy_that_is_executed_goes_on(install, fluxpod, tmp_path):
    install(tmp_path)
    copy = tmp_path / "fluxpod"
    with copy.open("ab") as file:
        file.write(b"an older build\n")
    running = subprocess.Popen([copy, "init", "--", "cat"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)  # fmt: skip
    inode = copy.stat().st_ino
    assert install(tmp_path).returncode == 0
    assert copy.stat().st_ino != inode
    assert running.communicate(b"alive", timeout=20)[0] == b"alive"
    assert running.returncode == 0


def test_a_copy_installs_itself_further(install, tmp_path):
    (tmp_path / "next").mkdir()
    install(tmp_path)
    done = install(tmp_path / "next", program=tmp_path / "fluxpod")
    assert done.returncode == 0
    assert sha256(tmp_path / "next/fluxpod") == sha256(tmp_path / "fluxpod")


def refused(done, code, *words):
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr
    assert done.stdout == ""


def test_one_directory_is_named(install, tmp_path):
    refused(install(), 2, "missing DIR")
    refused(install(tmp_path, tmp_path), 2, "only one DIR")


def test_a_missing_directory_is_refused(install, tmp_path):
    refused(install(tmp_path / "none"), 13, str(tmp_path / "none"), "mount the shared volume")
    assert not (tmp_path / "none").exists()


def test_a_file_in_the_place_of_the_directory_is_refused(install, tmp_path):
    (tmp_path / "file").touch()
    refused(install(tmp_path / "file"), 13, "Not a directory")


def test_a_link_in_the_way_is_not_followed(install, tmp_path):
    (tmp_path / "fluxpod").symlink_to("elsewhere")
    refused(install(tmp_path), 13, str(tmp_path / "fluxpod"), "symbolic link")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("options, words", [
    ("ro", ["Read-only file system", "readOnly: false"]),
    ("noexec", ["noexec"]),
    ("size=64k", ["No space left", "make room"]),
])  # fmt: skip
def test_an_unfit_volume_is_reported(install, tmp_path, options, words):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", tmp_path], check=True)
    try:
        refused(install(tmp_path), 13, str(tmp_path), *words)
        assert os.listdir(tmp_path) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_directory_of_others_is_reported(install, tmp_path):
    for path in (tmp_path.parent, tmp_path):
        path.chmod(0o755)
    done = install(tmp_path, user=65534, group=65534, extra_groups=[])
    refused(done, 13, str(tmp_path / "fluxpod"), "Permission denied", "uid 65534")


# ---- a view --------------------------------------------------------------------------------------


@pytest.fixture
def view(tmp_path):
    """A Flux installation, small."""
    root = tmp_path / "view"
    (root / "bin").mkdir(parents=True)
    (root / "lib/flux").mkdir(parents=True)
    (root / "empty").mkdir(mode=0o700)
    (root / "bin/flux").write_text("#!/bin/sh\n")
    (root / "bin/flux").chmod(0o755)
    (root / "lib/libflux.so.1").write_bytes(os.urandom(100_000))
    (root / "lib/libflux.so").symlink_to("libflux.so.1")
    (root / "lib/flux/imp").write_text("imp")
    (root / "lib/flux/imp").chmod(0o4755)
    (root / "lib/flux").chmod(0o555)
    return root


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "target"
    path.mkdir()
    return path


def listing(root):
    found = {}
    for path in sorted(root.rglob("*")):
        content = os.readlink(path) if path.is_symlink() else path.is_file() and path.read_bytes()
        mode = stat.S_IMODE(path.lstat().st_mode) & 0o777
        found[str(path.relative_to(root))] = (mode, content)
    return found


def test_a_view_is_copied_whole(install, view, target):
    done = install("--view", view, target)
    assert done.returncode == 0, done.stderr
    assert re.search(r"/target/view: installed, 3 files", done.stdout)
    assert listing(target / "view") == listing(view)
    assert stat.S_IMODE((target / "view/lib/flux/imp").stat().st_mode) == 0o755
    assert (target / "view/bin/flux").stat().st_mtime_ns == (view / "bin/flux").stat().st_mtime_ns
    assert sorted(os.listdir(target)) == ["fluxpod", "view"]


@pytest.mark.parametrize("link, leads_out", [
    ("/opt/software/flux", True), ("../../other/lib", True), ("../bin/flux", False),
    ("{view}/bin/flux", False), (".", False),
])  # fmt: skip
def test_a_link_that_leads_out_of_the_view_is_reported(install, view, target, link, leads_out):
    (view / "bin/link").symlink_to(link.format(view=view))
    done = install("--view", view, target)
    assert done.returncode == 0
    warning = f"symbolic links out of the view: 1, such as {view}/bin/link -> "
    assert (warning in done.stderr) == leads_out


def test_an_equal_view_is_left_alone(install, view, target):
    install("--view", view, target)
    before = identity(target / "view")
    assert "view: already there, left alone" in install("--view", view, target).stdout
    assert identity(target / "view") == before


@pytest.mark.parametrize("change", [
    lambda view: (view / "bin/flux").write_text("#!/bin/bash"),
    lambda view: (view / "bin/flux").chmod(0o700),
    lambda view: (view / "more").write_text("new"),
    lambda view: (view / "lib/libflux.so.1").unlink(),
    lambda view: ((view / "lib/libflux.so").unlink(), (view / "lib/libflux.so").symlink_to("x")),
])  # fmt: skip
def test_another_view_is_replaced_in_one_step(install, view, target, change):
    install("--view", view, target)
    change(view)
    done = install("--view", view, target)
    assert "view: installed" in done.stdout, done.stderr
    assert listing(target / "view") == listing(view)
    assert sorted(os.listdir(target)) == ["fluxpod", "view"]


def test_a_view_that_comes_later_is_waited_for(fluxpod, view, target):
    (view / "bin/flux").rename(view / "bin/hidden")
    waiting = subprocess.Popen([fluxpod, "install", "--view", view, target],
                               stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert "wait for the view" in waiting.stderr.readline()
    (view / "bin/hidden").rename(view / "bin/flux")
    out, error = waiting.communicate(timeout=30)
    assert waiting.returncode == 0, error
    assert listing(target / "view") == listing(view)


def test_a_view_that_never_comes_is_reported(install, view, target):
    (view / "bin/flux").unlink()
    done = install("--view", view, "--timeout", "0.1s", target)
    assert done.returncode == 23
    assert f"{view}/bin/flux" in done.stderr
    assert os.listdir(target) == ["fluxpod"]


def test_a_signal_ends_the_wait_for_a_view(fluxpod, view, target):
    (view / "bin/flux").unlink()
    waiting = subprocess.Popen([fluxpod, "install", "--view", view, target],
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert "wait for the view" in waiting.stderr.readline()
    waiting.send_signal(signal.SIGTERM)
    assert waiting.wait(20) == 128 + signal.SIGTERM


def test_a_signal_ends_the_copy_and_nothing_remains(fluxpod, view, target):
    def pending():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        os.kill(os.getpid(), signal.SIGTERM)

    done = subprocess.run([fluxpod, "install", "--view", view, target], timeout=30,
                          preexec_fn=pending)  # fmt: skip
    assert done.returncode == 128 + signal.SIGTERM
    assert os.listdir(target) == ["fluxpod"]


def test_a_special_file_is_reported_and_nothing_remains(install, view, target):
    os.mkfifo(view / "pipe")
    done = install("--view", view, target)
    assert done.returncode == 13
    assert str(view / "pipe") in done.stderr
    assert os.listdir(target) == ["fluxpod"]


def test_a_full_volume_keeps_the_earlier_view(install, view, target, fluxpod):
    size = os.stat(fluxpod).st_size + 400_000
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", target], check=True)
    try:
        assert install("--view", view, target).returncode == 0
        before = listing(target / "view")
        (view / "big").write_bytes(os.urandom(600_000))
        done = install("--view", view, target)
        assert done.returncode == 13 and "No space left" in done.stderr
        assert listing(target / "view") == before
        assert sorted(os.listdir(target)) == ["fluxpod", "view"]
    finally:
        subprocess.run(["umount", target], check=True)


# What a seccomp filter or a network file system answers.
@pytest.mark.parametrize("error", ["EPERM", "ENOSYS", "EINVAL", "EOPNOTSUPP"])
@pytest.mark.parametrize("denied", ["renameat2", "sendfile", "utimensat", "flock", "syncfs",
                                    "getrandom"])  # fmt: skip
def test_a_system_call_that_is_denied_is_not_needed(fluxpod, view, target, denied, error):
    strace = ["strace", "-f", "-o", target.parent / "trace", "-e", f"trace={denied}",
              "-e", f"inject={denied}:error={error}"]  # fmt: skip
    command = [fluxpod, "install", "--view", view, target]
    for content in ("first", "second"):
        (view / "bin/flux").write_text(content)
        done = subprocess.run([*strace, *command], text=True, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert "view: installed" in done.stdout
        assert listing(target / "view") == listing(view)
        assert sorted(os.listdir(target)) == ["fluxpod", "view"]
    assert "(INJECTED)" in (target.parent / "trace").read_text()


def test_a_view_that_cannot_be_put_in_place_keeps_the_earlier_one(fluxpod, install, view, target):
    """Neither renameat2 nor the second of the two renames that stand in for it works."""
    install("--view", view, target)
    before = listing(target / "view")
    (view / "more").write_text("new")
    deny = ["strace", "-f", "-o", "/dev/null", "-e", "trace=renameat2,rename",
            "-e", "inject=renameat2:error=EINVAL", "-e", "inject=rename:error=EIO:when=2"]  # fmt: skip
    done = subprocess.run([*deny, fluxpod, "install", "--view", view, target], text=True,
                          capture_output=True, timeout=60)  # fmt: skip
    assert done.returncode == 13 and "Input/output error" in done.stderr
    assert listing(target / "view") == before
    assert sorted(os.listdir(target)) == ["fluxpod", "view"]


def test_a_large_view_takes_little_memory(install, view, target):
    (view / "big").write_bytes(b"x" * (96 << 20))

    def limit():
        resource.setrlimit(resource.RLIMIT_DATA, (64 << 20, 64 << 20))

    for word in ("installed", "already there, left alone"):
        done = install("--view", view, target, preexec_fn=limit)
        assert f"view: {word}" in done.stdout, done.stderr


@pytest.mark.parametrize("place", ["", "shared", "lib/deep/shared"])
def test_a_copy_of_a_view_into_itself_is_refused(install, view, place):
    (view / place).mkdir(parents=True, exist_ok=True)
    before = listing(view)
    done = install("--view", view, view / place)
    assert done.returncode == 13 and "copy the view into itself" in done.stderr
    (view / place / "fluxpod").unlink()
    assert listing(view) == before


def test_a_copy_into_another_mount_of_the_view_is_refused(install, view, target):
    (view / "shared").mkdir()
    subprocess.run(["mount", "--bind", view / "shared", target], check=True)
    try:
        done = install("--view", view, target)
        assert done.returncode == 13 and "copy the view into itself" in done.stderr
        assert os.listdir(target) == ["fluxpod"]
    finally:
        subprocess.run(["umount", target], check=True)


def test_a_part_of_the_present_view_does_not_replace_it(install, view, target):
    install("--view", view, target)
    (target / "view/part/bin").mkdir(parents=True)
    (target / "view/part/bin/flux").write_text("#!/bin/sh\n")
    before = listing(target / "view")
    done = install("--view", target / "view/part", target)
    assert done.returncode == 13 and "a part of the present view" in done.stderr
    assert listing(target / "view") == before
    assert "left alone" in install("--view", target / "view", target).stdout


def test_the_draft_of_a_killed_copy_is_removed_and_a_live_one_is_not(
    fluxpod, install, view, target
):
    def drafts():
        return [name for name in os.listdir(target) if name.startswith("view.")]

    # Stopped by strace when it is to put its draft in place.
    stopped = ["strace", "-f", "-o", "/dev/null", "-e", "trace=renameat2",
               "-e", "inject=renameat2:signal=SIGSTOP"]  # fmt: skip
    live = subprocess.Popen([*stopped, fluxpod, "install", "--view", view, target],
                            start_new_session=True)  # fmt: skip
    deadline = time.monotonic() + 60
    while not drafts() and time.monotonic() < deadline:
        time.sleep(0.01)
    (draft,) = drafts()
    assert install("--view", view, target).returncode == 0
    assert drafts() == [draft]
    os.killpg(live.pid, signal.SIGKILL)
    live.wait(20)
    deadline = time.monotonic() + 60
    while drafts() and time.monotonic() < deadline:  # the tracee's own end drops its lock
        assert install("--view", view, target).returncode == 0
    assert drafts() == []
    assert listing(target / "view") == listing(view)
