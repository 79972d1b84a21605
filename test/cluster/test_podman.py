# SPDX-License-Identifier: Apache-2.0
"""The images, compose files and injection of container/, with Podman: where it works and the
release was built."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import podnet
import pytest
from flux_view import make_bare_image

ROOT = Path(__file__).resolve().parents[2]
SIZE = 4
SETTINGS = """
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_backend = "netavark"
network_config_dir = "{directory}/networks"
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{directory}/storage"
runroot = "{directory}/run"
"""


class Podman:
    """With its storage, networks and settings below one directory."""

    def __init__(self, directory):
        directory.mkdir()
        for name, text in (("containers.conf", SETTINGS), ("storage.conf", STORAGE)):
            (directory / name).write_text(text.format(directory=directory))
        self.environment = {**os.environ, "CONTAINERS_CONF": str(directory / "containers.conf"),
                            "CONTAINERS_STORAGE_CONF": str(directory / "storage.conf")}  # fmt: skip

    def run(self, *words, program="podman", check=True, **env):
        done = subprocess.run([program, *map(str, words)], text=True, capture_output=True, cwd=ROOT,
                              timeout=180, env={**self.environment, **env})  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done

    def __call__(self, *words, **how):
        return self.run(*words, **how).stdout.strip()

    def end_of(self, *containers):
        """Their exit codes, once all have ended."""
        return [int(self("wait", name)) for name in containers]

    def log_of(self, container):
        done = self.run("logs", container)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def podman(tmp_path_factory):
    if shutil.which("podman") is None:
        pytest.skip("there is no podman")
    if not (ROOT / "build/release/fluxpod").exists():
        pytest.skip("there is no release: container/release")
    podman = Podman(tmp_path_factory.mktemp("podman") / "own")
    root = tmp_path_factory.mktemp("base")
    (root / "bin").mkdir()
    shutil.copy(shutil.which("busybox"), root / "bin/busybox")
    archive = root.parent / "base.tar"
    subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    podman("import", "--quiet", archive, "localhost/plain")
    tried = podman.run("run", "--rm", "--network", "none", "localhost/plain", "/bin/busybox",
                       "true", check=False)  # fmt: skip
    if tried.returncode != 0:
        pytest.skip("podman runs no container here: " + tried.stderr.strip().splitlines()[-1])
    build = ["build", "--quiet", "--file", "container/Dockerfile", "--build-arg",
             "PROGRAM=prebuilt"]  # fmt: skip
    podman(*build, "--target", "bare", "--tag", "localhost/fluxpod", ".")
    podman(*build, "--target", "flux", "--build-arg", "FLUX_IMAGE=localhost/plain",
           "--tag", "localhost/fluxpod-flux", ".")  # fmt: skip
    yield podman
    podman.run("pod", "rm", "--all", "--force", "--time", "0", check=False)
    podman.run("rm", "--all", "--force", "--time", "0", check=False)


@pytest.fixture
def shared_secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("a secret of sixteen bytes at least")
    path.chmod(0o444)
    return path


def all_joined(podman, lead, hosts):
    log = podman.log_of(lead)
    assert f"{SIZE} of {SIZE} ranks joined" in log
    for rank, host in enumerate(hosts):
        assert re.search(rf"^ +{rank} +{host} .* joined$", log, re.M), log


def test_the_bare_image_is_the_program_alone(podman):
    done = podman("run", "--rm", "--network", "none", "--read-only", "--cap-drop", "all",
                  "localhost/fluxpod", "--version")  # fmt: skip
    assert done.startswith("fluxpod ")
    (image,) = json.loads(podman("image", "inspect", "localhost/fluxpod"))
    assert image["User"] == "65534:65534"
    assert image["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert image["Size"] < 6 << 20


def test_the_build_stage_is_given_the_wraps(podman, tmp_path):
    """And nothing that was unpacked beside them."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY subprojects /\n")
    podman("build", "--quiet", "--file", tmp_path / "Dockerfile", "--tag", "localhost/context", ".")
    root = Path(podman("image", "mount", "localhost/context"))
    own = ROOT / "subprojects"
    wanted = [own / "from-debian", own / "packagefiles", *own.glob("*.wrap")]
    assert sorted(os.listdir(root)) == sorted(path.name for path in wanted)
    podman("image", "unmount", "localhost/context")


def test_four_services_with_fixed_names_meet(podman, shared_secret):
    if shutil.which("podman-compose") is None:
        pytest.skip("there is no podman-compose")
    compose = ["-p", "fixed", "-f", "container/compose.hosts.yaml"]
    env = {"FLUX_IMAGE": "localhost/fluxpod-flux", "FLUX_MODE": "preflight",
           "FLUX_SECRET": str(shared_secret)}  # fmt: skip
    podman.run(*compose, "up", "-d", program="podman-compose", **env)
    names = [f"fixed_flux-{index}_1" for index in range(SIZE)]
    assert podman.end_of(*names) == [0] * SIZE, podman.log_of(names[0])
    all_joined(podman, names[0], [f"flux-{index}" for index in range(SIZE)])
    podman.run(*compose, "down", program="podman-compose", **env)


def compose_service(**variables):
    """The one service of compose.yaml, with its ${NAME:-default}s filled in."""
    yaml = pytest.importorskip("yaml")

    def value(match):
        return variables.get(match[1], match[2])

    text = (ROOT / "container/compose.yaml").read_text()
    document = yaml.safe_load(re.sub(r"\$\{(\w+):-([^}]*)\}", value, text))
    return document["name"], document["services"]["flux"]


@pytest.fixture
def start_replicas(podman):
    """Runs and names them as docker compose does: podman-compose puts underscores into the names,
    which are then not host names, and cannot repeat a health check. Returns the names and the
    check's command."""

    def start(**variables):
        project, service = compose_service(**variables)
        assert service["read_only"] and service["deploy"]["replicas"] == SIZE
        options = ["--read-only"]
        for key, option in (("cap_drop", "--cap-drop"), ("security_opt", "--security-opt"),
                            ("tmpfs", "--tmpfs"), ("volumes", "--volume")):  # fmt: skip
            options += [word for each in service[key] for word in (option, each)]
        for name, value in service["environment"].items():
            options += ["--env", f"{name}={value}"]
        options += ["--workdir", service["working_dir"]]
        options += ["--stop-timeout", service["stop_grace_period"].rstrip("s")]
        names = [f"{project}-flux-{number}" for number in range(1, SIZE + 1)]
        for name in names:
            podman("run", "--detach", "--name", name, "--network", "replicas", "--network-alias",
                   "flux", *options, service["image"], *service["command"])  # fmt: skip
        return names, service["healthcheck"]["test"][1:]

    podman("network", "create", "replicas")
    yield start
    podman("network", "rm", "--force", "--time", "0", "replicas")  # with its containers


def test_equal_replicas_find_their_index_in_their_reverse_names(
    podman, start_replicas, shared_secret
):
    names, _ = start_replicas(FLUX_IMAGE="localhost/fluxpod-flux", FLUX_MODE="preflight",
                              FLUX_SECRET=str(shared_secret))  # fmt: skip
    assert podman.end_of(*names) == [0] * SIZE, podman.log_of(names[0])
    all_joined(podman, names[0], names)


@pytest.fixture
def flux_image(podman, flux_view, tmp_path):
    """An image of this machine's Flux, with fluxpod as its entrypoint."""
    root = tmp_path / "root"
    root.mkdir()
    make_bare_image(root)
    prefix = flux_view.prefix
    view = root / str(prefix).lstrip("/")
    shutil.copytree(flux_view.path, view, symlinks=True)
    for outside, inside in [*flux_view.more, ("bin/bash", "/bin/bash"), ("bin/bash", "/bin/sh")]:
        place = root / inside.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(view / outside, place) if (view / outside).is_dir() else shutil.copy(
            view / outside, place)  # fmt: skip
    archive = tmp_path / "flux.tar"
    subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    podman("import", "--quiet", "--change", f"ENV PATH={prefix}/bin:/usr/bin:/bin", "--change",
           f"ENV LD_LIBRARY_PATH={prefix}/lib", archive, "localhost/real")  # fmt: skip
    podman("build", "--quiet", "--file", "container/Dockerfile", "--build-arg", "PROGRAM=prebuilt",
           "--target", "flux", "--build-arg", "FLUX_IMAGE=localhost/real", "--tag",
           "localhost/real-flux", ".")  # fmt: skip
    return "localhost/real-flux"


@pytest.mark.flux
def test_replicas_of_an_image_with_flux_are_a_cluster(
    podman, start_replicas, flux_image, shared_secret
):
    names, health = start_replicas(FLUX_IMAGE=flux_image, FLUX_SECRET=str(shared_secret))
    lead = names[0]

    def healthy(name):
        return podman.run("exec", name, *health, check=False).returncode == 0

    podnet.until(lambda: all(map(healthy, names)), 60, "a cluster of four")

    def flux(*words):
        uri = "FLUX_URI=local:///run/fluxpod/run/flux/local"
        return podman("exec", "--env", uri, lead, "flux", *words)

    told = flux("run", "-N4", "/application")
    ranks, hosts = zip(*(line.split()[:2] for line in told.splitlines()))
    assert sorted(ranks) == [str(rank) for rank in range(SIZE)] and len(set(hosts)) == SIZE
    # Nested instances, of a user who comes with the container's environment, and a script of /tmp.
    assert len(flux("alloc", "-N2", "flux", "run", "-N2", "/application").splitlines()) == 2
    flux("batch", "-N2", "--wrap", "--output=/tmp/out", "flux", "run", "-N2", "/application")
    flux("queue", "drain")
    assert len(podman("exec", lead, "sh", "-c", "while read line; do echo $line; done </tmp/out")
               .splitlines()) == 2  # fmt: skip
    # The image has no chmod(1).
    script = ("import os; path = f'/tmp/{os.getpid()}'; "
              "open(path, 'w').write('#!/bin/sh\\necho ran\\n'); "
              "os.chmod(path, 0o755); os.execv(path, [path])")  # fmt: skip
    assert flux("run", "-N4", "flux", "python", "-c", script).splitlines() == ["ran"] * SIZE
    podman("stop", *names)
    # Each was told to end: the lead's broker ended in order, a follower's as its parent's end came
    # before or after its own SIGTERM.
    assert podman.end_of(*names) == [0] * SIZE, podman.log_of(lead)


# Debian's docker-compose is version 1, which puts underscores into the names, too.
COMPOSE = """
import compose.service
name_of = compose.service.build_container_name
compose.service.build_container_name = lambda *words: name_of(*words).replace("_", "-")
from compose.cli.main import main
main()
"""


@pytest.fixture
def docker_socket(podman, tmp_path):
    """Podman, as Docker's API."""
    path = tmp_path / "docker.sock"
    service = subprocess.Popen(["podman", "system", "service", "--time=0", f"unix://{path}"],
                               env=podman.environment)  # fmt: skip
    podnet.until(path.exists, 20)
    yield f"unix://{path}"
    service.terminate()
    service.wait(20)


def test_docker_compose_scales_the_service(podman, docker_socket, shared_secret, tmp_path):
    if shutil.which("docker-compose") is None:
        pytest.skip("there is no docker-compose")
    text = (ROOT / "container/compose.yaml").read_text()
    file = tmp_path / "compose.yaml"
    file.write_text(re.sub("^name: .*", "", text, flags=re.M))  # version 1 does not know it
    env = {"DOCKER_HOST": docker_socket, "FLUX_IMAGE": "localhost/fluxpod-flux",
           "FLUX_MODE": "preflight", "FLUX_SECRET": str(shared_secret)}  # fmt: skip
    compose = ["-c", COMPOSE, "-p", "fluxpod", "-f", file]
    podman.run(*compose, "up", "-d", "--scale", f"flux={SIZE}", program="/usr/bin/python3", **env)
    names = [f"fluxpod-flux-{number}" for number in range(1, SIZE + 1)]
    assert podman.end_of(*names) == [0] * SIZE, podman.log_of(names[0])
    all_joined(podman, names[0], names)
    podman.run(*compose, "down", program="/usr/bin/python3", **env)


POD = """
apiVersion: v1
kind: Pod
metadata: {{name: inject-{index}}}
spec:
  restartPolicy: Never
  initContainers:
    - name: install
      image: localhost/fluxpod
      args: [install, /shared]
      volumeMounts: [{{name: shared, mountPath: /shared}}]
  containers:
    - name: app
      image: localhost/plain
      command: [/shared/fluxpod]
      args: [preflight, --size, "{size}", --hosts, "inject-[0-3]", --curve-secret, /secret/key]
      env:
        - {{name: FLUXPOD_INDEX, value: "{index}"}}
        - {{name: FLUXPOD_HOSTNAME, value: inject-{index}}}
      securityContext: {{readOnlyRootFilesystem: true, allowPrivilegeEscalation: false}}
      volumeMounts:
        - {{name: shared, mountPath: /shared}}
        - {{name: run, mountPath: /run/fluxpod}}
        - {{name: secret, mountPath: /secret/key}}
  volumes:
    - {{name: shared, emptyDir: {{}}}}
    - {{name: run, emptyDir: {{}}}}
    - {{name: secret, hostPath: {{path: {secret}, type: File}}}}
"""


def test_four_pods_of_a_plain_image_are_injected_into(podman, shared_secret, tmp_path):
    podman("network", "create", "inject")
    for index in range(SIZE):
        manifest = tmp_path / f"pod-{index}.yaml"
        manifest.write_text(POD.format(index=index, size=SIZE, secret=shared_secret))
        podman("play", "kube", "--network", "inject", manifest)
    names = [f"inject-{index}-app" for index in range(SIZE)]
    assert podman.end_of(*names) == [0] * SIZE, podman.log_of(names[0])
    all_joined(podman, names[0], [f"inject-{index}" for index in range(SIZE)])
