# SPDX-License-Identifier: Apache-2.0
"""The static program in images that know nothing of it: as uid 65534, without a capability, on a
read-only root, put there by fluxpod install."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import podnet
import pytest
from flux_view import is_of_libc, make_bare_image
from foreign_root import container, make_mount_point, make_mount_points

ROOT = Path(__file__).resolve().parents[2]
SIZE = 4
SHARED = "/shared"


@pytest.fixture(scope="module")
def static_program():
    path = Path(os.environ.get("STATIC_FLUXPOD", ROOT / "build/static/src/fluxpod"))
    if not path.exists():
        pytest.skip("there is no static build: container/release")
    return path


@pytest.fixture(scope="module")
def shared(static_program, tmp_path_factory):
    """The volume that an init container has filled."""
    directory = tmp_path_factory.mktemp("shared")
    subprocess.run([static_program, "install", directory], check=True, stdout=subprocess.DEVNULL)
    open_to_others(directory)
    return directory


def open_to_others(directory):
    directory.chmod(0o755)
    directory.parent.chmod(0o755)


@pytest.fixture(scope="module")
def secret_volume(tmp_path_factory):
    directory = tmp_path_factory.mktemp("secret")
    (directory / "key").write_text("a secret of sixteen bytes at least")
    (directory / "key").chmod(0o444)
    open_to_others(directory)
    return directory


def empty_root(_root):
    """FROM scratch."""


def busybox_root(root):
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("there is no busybox")
    (root / "bin").mkdir()
    shutil.copy(busybox, root / "bin/busybox")


def debian_root(root):
    if shutil.which("mmdebstrap") is None:
        pytest.skip("there is no mmdebstrap")
    done = subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", root],
                          capture_output=True, text=True, preexec_fn=podnet.leave_network)  # fmt: skip
    if done.returncode != 0:
        pytest.skip("mmdebstrap made no root: " + done.stderr.strip().splitlines()[-1])


@pytest.fixture(scope="module", params=[empty_root, busybox_root, debian_root],
                ids=["empty", "busybox", "debian"])  # fmt: skip
def foreign_root(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    request.param(root)
    make_mount_points(root, "shared", "secret")
    open_to_others(root)
    return root


@pytest.fixture
def net():
    with podnet.Net() as made:
        yield made


def all_end_with(pods, code):
    for pod in pods:
        assert pod.wait(60) == code, f"{pod.name}:\n{pod.log_tail()}"


def test_it_is_static(static_program):
    linked = subprocess.run(["ldd", static_program], capture_output=True, text=True)
    assert "statically linked" in linked.stdout or "not a dynamic" in linked.stderr
    headers = subprocess.run(["readelf", "-lW", static_program], capture_output=True, text=True)
    assert "INTERP" not in headers.stdout
    assert "GNU_RELRO" in headers.stdout
    assert re.search(r"GNU_STACK.* RW ", headers.stdout)


def test_it_has_at_most_four_and_a_half_mebibytes(static_program):
    assert static_program.stat().st_size <= 9 << 19


def test_it_runs_in_an_empty_chroot(static_program, tmp_path):
    shutil.copy(static_program, tmp_path / "fluxpod")

    def run(*words):
        done = subprocess.run(
            ["chroot", tmp_path, "/fluxpod", *words], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done

    assert run("--version").stdout.startswith("fluxpod ")
    rendered = run("render", "--explain", "--cluster-name", "fp", "--index", "0")
    assert rendered.stdout.startswith("pod          fp-0, rank 0")
    assert "/sys/devices/system/cpu could not be read" in rendered.stdout
    assert rendered.stderr == ""
    assert os.listdir(tmp_path) == ["fluxpod"]


def memory_kib(pod, kind):
    lines = Path(f"/proc/{pod.pid}/smaps_rollup").read_text()
    return int(re.search(rf"^{kind}: +(\d+) kB$", lines, re.M)[1])


@pytest.mark.parametrize("words, sign", [
    (["wait", "tcp:127.0.0.1:1", "dns:nobody.example"], "refuses connections"),
    (["init", "--", "cat", "/dev/stdin"], ""),
])  # fmt: skip
def test_what_waits_needs_little_memory(net, static_program, words, sign):
    reader, writer = os.pipe()
    program = podnet.share_program(static_program)
    pod = net.pod("waits-0", [program, *words], setup=lambda: os.dup2(reader, 0))
    try:
        podnet.until(lambda: sign in pod.log and pod_sleeps(pod), 20)
        # How much of the program's own file is mapped is up to the kernel: at most all of it.
        assert memory_kib(pod, "Anonymous") <= 512
        assert memory_kib(pod, "Rss") <= 5 << 10
    finally:
        os.close(writer)
        pod.kill()


def pod_sleeps(pod):
    children = Path(f"/proc/{pod.pid}/task/{pod.pid}/children").read_text().split()
    running = [pod.pid, *children]
    return all(Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "S" for pid in running)


def test_four_pods_of_a_foreign_image_meet(net, foreign_root, shared, secret_volume):
    assert not list(foreign_root.glob("**/*flux*"))[1:]  # only the mount point run/fluxpod
    setup = container(foreign_root, volumes=[(shared, SHARED), (secret_volume, "/secret")])
    words = [f"{SHARED}/fluxpod", "preflight", "--size", str(SIZE), "--service", "flux-service",
             "--curve-secret", "/secret/key", "--wait-timeout", "40s"]  # fmt: skip
    pods = [net.pod(f"fp-{rank}", words, env={"JOB_COMPLETION_INDEX": str(rank)}, setup=setup)
            for rank in range(SIZE)]  # fmt: skip
    all_end_with(pods, 0)
    for rank in range(SIZE):
        assert f"fp-{rank}" in pods[0].stdout


@pytest.mark.flux
def test_an_image_with_neither_flux_nor_a_shell_boots_brokers(
    net, flux_view, shared, secret_volume, tmp_path
):
    """All that Flux needs comes with the view: its libraries, its Python, and its shell. A job has
    the pod's own environment."""
    prefix = flux_view.prefix
    volume, root = tmp_path / "volume", tmp_path / "root"
    for directory in (volume, root):
        directory.mkdir()
    subprocess.run([shared / "fluxpod", "install", "--view", flux_view.path, volume], check=True)
    make_bare_image(root)
    for path in root.rglob("*"):
        assert path.is_dir() or path.name == "application" or is_of_libc(path)
    make_mount_points(root, "shared", "secret", str(prefix).lstrip("/"))
    for outside, inside in flux_view.more:
        make_mount_point(root, volume / "view" / outside, inside)
    for path in (tmp_path, volume, root):
        open_to_others(path)
    setup = container(
        root,
        volumes=[(volume, SHARED), (volume / "view", str(prefix)), (secret_volume, "/secret"),
                 *((volume / "view" / outside, inside) for outside, inside in flux_view.more)],
        scratch=("/run/fluxpod", "/tmp"),
    )  # fmt: skip
    words = [f"{SHARED}/fluxpod", "run", "--size", str(SIZE), "--service", "flux-service",
             "--curve-secret", "/secret/key", "--wait-timeout", "40s", "--view", prefix, "--",
             f"{prefix}/bin/flux", "run", "-N4", "/application"]  # fmt: skip
    env = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": "/the/application's"}
    pods = [net.pod(f"fp-{rank}", words, setup=setup,
                    env={**env, "JOB_COMPLETION_INDEX": str(rank)})
            for rank in range(SIZE)]  # fmt: skip
    all_end_with(pods, 0)
    # Flux itself gives every job the directory of its PMI library.
    paths = f"{prefix}/lib/flux:/the/application's"
    told = [f"{rank} fp-{rank} {paths} unset unset" for rank in range(SIZE)]
    assert sorted(pods[0].stdout.splitlines()) == told


# ---- what is missing is named --------------------------------------------------------------------


@pytest.fixture
def alone(net, shared, tmp_path):
    """Boots a pod of one in an empty image, with these volumes and words."""

    def boot(*words, command=("preflight",), volumes=(), **how):
        root = tmp_path / "root"
        root.mkdir()
        make_mount_points(root, "shared", "data")
        for path in (tmp_path, root):
            open_to_others(path)
        setup = container(root, volumes=[(shared, SHARED), *volumes], **how)
        pod = net.pod("fp-0", [f"{SHARED}/fluxpod", *command, "--size", "1", *words],
                      env={"JOB_COMPLETION_INDEX": "0"}, setup=setup)  # fmt: skip
        pod.wait(30)
        return pod

    return boot


def told_in_one_line(pod, code, *words):
    assert pod.returncode == code, pod.log
    errors = [line for line in pod.log.splitlines() if ": error: " in line]
    assert len(errors) == 1, pod.log
    for word in words:
        assert word in errors[0]


# Files come before the launch, so that no Flux is needed.
RUN = ("run", "--flux", f"{SHARED}/fluxpod")


def test_a_pod_alone_boots(alone):
    assert alone().returncode == 0


def test_a_missing_shell_is_reported_before_flux_ends_for_want_of_it(alone):
    assert "shell /bin/bash not found" in alone(command=RUN).log


def test_a_root_that_is_read_only_is_named(alone):
    told_in_one_line(alone(command=RUN, scratch=()), 13, "/run/fluxpod", "Read-only file system",
                     "--root")  # fmt: skip


def test_a_root_of_others_is_named(alone, tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    pod = alone("--root", "/data", command=RUN, volumes=[(data, "/data")], scratch=())
    told_in_one_line(pod, 13, "/data", "--root")


@pytest.mark.parametrize("option, code", [
    ("--curve-secret", 14), ("--curve-cert", 14), ("--broker-config", 10), ("--config", 10),
    ("--minicluster", 10),
])  # fmt: skip
def test_a_file_that_may_not_be_read_is_named(alone, tmp_path, option, code):
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    (data / "file").write_text("kept from others")
    (data / "file").chmod(0o600)
    pod = alone(option, "/data/file", volumes=[(data, "/data")])
    told_in_one_line(pod, code, "/data/file", "Permission denied")


def test_a_report_that_may_not_be_written_is_named(alone):
    told_in_one_line(alone("--report", "/report"), 13, "/report", "Read-only file system")
