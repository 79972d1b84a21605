# SPDX-License-Identifier: Apache-2.0
"""Flux's state from one life of a cluster to the next (run --supervise --archive), with real
brokers: nothing is lost, nothing runs twice, and what cannot be restored is never shown to Flux.

STATE_ROUNDS=10 makes it ten lives of the cluster instead of three. END_ROUNDS=10 ends ten leads on
a busy machine instead of one, and END_HOGS says with how many busy processes (20)."""

import os
import signal
import subprocess
import time
from pathlib import Path

import podnet
import pytest

pytestmark = pytest.mark.flux

SIZES = [2, 4, 3]
ROUNDS = int(os.environ.get("STATE_ROUNDS", "3"))
END_ROUNDS = int(os.environ.get("END_ROUNDS", "1"))
END_HOGS = int(os.environ.get("END_HOGS", "20"))
JOBS = {"0.1": 25, "1.5": 20, "8": 5}  # seconds: how many, of each round


@pytest.fixture(autouse=True)
def flux(needs_flux):
    pass


class Cluster:
    """One life: pods that are new each time, with what all of them share in one directory."""

    def __init__(self, net, fluxpod, secret, directory, archive):
        self.net, self.fluxpod, self.secret = net, fluxpod, secret
        self.directory, self.archive = directory, archive
        self.lives = 0

    def boot(self, size, *options, grace="12s", max_size=4, setup=None):
        self.lives += 1
        self.root = f"{self.directory}/{self.lives}"
        self.pods = []
        for rank in range(size):
            self.pods.append(self.net.pod(
                f"fp-{rank}",
                [self.fluxpod, "run", "--supervise", "--grace", grace,
                 *(["--archive", self.archive] if self.archive else []),
                 "--size", str(size), "--max-size", str(max_size), "--service", "flux-service",
                 "--curve-secret", self.secret, "--wait-timeout", "60s",
                 "--root", f"{self.root}-{rank}", *options],
                env={"JOB_COMPLETION_INDEX": str(rank)}, setup=setup if rank == 0 else None,
            ))  # fmt: skip
        return self.pods[0]

    def up(self, size, **how):
        lead = self.boot(size, **how)
        podnet.until(lambda: self.probe() == 0 or lead.poll() is not None, 90, "the quorum")
        assert lead.poll() is None, lead.log_tail()

    def probe(self, name="readiness", rank=0):
        """As the kubelet does: among the connections of the pod."""
        words = ["nsenter", f"--target={self.pods[rank].pid}", "--net", self.fluxpod, "probe", name,
                 "--root", f"{self.root}-{rank}", "--answer-within", "5s"]  # fmt: skip
        return subprocess.run(words, capture_output=True).returncode

    def flux(self, *words):
        environment = {**os.environ, "FLUX_URI": f"local://{self.root}-0/run/flux/local"}
        done = subprocess.run(["flux", *words], env=environment, capture_output=True, text=True,
                              timeout=900)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def end(self, *told, code=0):
        for pod in told or self.pods[:1]:
            pod.signal(signal.SIGTERM)
        for pod in self.pods:
            assert pod.wait(40) == code, f"{pod.name}: {pod.log_tail(40)}"


def spelled(ids):
    """In the spelling of a UTF-8 locale, whichever the reader had."""
    return ["ƒ" + each[1:] for each in ids.split()]


@pytest.fixture
def cluster(net, fluxpod, secret, tmp_path):
    return Cluster(net, fluxpod, secret, tmp_path, str(tmp_path / "archive.tar"))


@pytest.fixture
def done(tmp_path):
    """The file to which each job adds a line when it has run to its end, and only then."""

    class Done:
        path = tmp_path / "done"

        def script(self, seconds):
            return ["sh", "-c", f"sleep {seconds} && echo $FLUX_JOB_ID >>{self.path}"]

        def ids(self):
            return spelled(self.path.read_text()) if self.path.exists() else []

    return Done()


def ids_of(cluster, *filters):
    return spelled(cluster.flux("jobs", "-a", "-c0", "-no", "{id.f58}", *filters))


def submit(cluster, *words):
    return spelled(cluster.flux("submit", "-n1", *words))[0]


def test_no_job_is_lost_or_runs_twice_over_lives_of_different_sizes(cluster, done):
    submitted, cut = set(), 0
    for life in range(ROUNDS):
        cluster.up(SIZES[life % len(SIZES)])
        assert set(ids_of(cluster)) == submitted
        begun = len(done.ids())
        for seconds, count in JOBS.items():
            ids = cluster.flux("submit", "-n1", f"--cc=1-{count}", *done.script(seconds))
            submitted |= set(spelled(ids))
        podnet.until(lambda: len(done.ids()) >= begun + 5, 60, "the end of five jobs")
        # However fast the machine is, this one runs when the lead is told to end.
        last = submit(cluster, "--urgency=31", *done.script("25"))
        submitted.add(last)
        cluster.flux("job", "wait-event", last, "start")
        cluster.end()
        cut += cluster.pods[0].log.count("had to be cut and will run again")
    assert len(submitted) == ROUNDS * (sum(JOBS.values()) + 1)
    assert cut > 0, "no life cut a job, so that nothing was tried"

    cluster.up(3)
    cluster.flux("queue", "drain")
    assert sorted(done.ids()) == sorted(submitted)
    assert set(ids_of(cluster, "--filter=completed")) == submitted
    cluster.end()


@pytest.fixture
def load():
    """Starts and ends busy processes, which leave others some more of the CPU than an equal
    share."""
    hogs = []

    def begin():
        line = ["nice", "-n5", "timeout", "240", "sh", "-c", "while :; do :; done"]
        hogs.extend(subprocess.Popen(line) for _ in range(END_HOGS))

    def end():
        while hogs:
            hog = hogs.pop()
            hog.terminate()
            hog.wait()

    yield begin, end
    end()


def test_a_lead_that_ends_on_a_busy_machine_loses_no_job_and_keeps_the_period(cluster, done, load):
    grace = 30
    begin_load, end_load = load
    submitted, cut, took = set(), 0, []
    for _ in range(END_ROUNDS):
        cluster.up(2, max_size=2, grace=f"{grace}s")
        for seconds, count in {"2": 4, "20": 6}.items():
            ids = cluster.flux("submit", "-n1", f"--cc=1-{count}", *done.script(seconds))
            submitted |= set(spelled(ids))
        last = submit(cluster, "--urgency=31", *done.script("25"))
        submitted.add(last)
        cluster.flux("job", "wait-event", last, "start")
        begin_load()
        lead = cluster.pods[0]
        begun = time.monotonic()
        lead.signal(signal.SIGTERM)
        status = lead.wait(grace + 20)
        took.append(time.monotonic() - begun)
        assert status == 0, lead.log_tail(40)
        assert " saved in " in lead.log, lead.log_tail(40)
        assert "dump failed" not in lead.log, lead.log_tail(40)
        end_load()
        for pod in cluster.pods[1:]:
            pod.kill()
        cut += lead.log.count("had to be cut and will run again")
    print("ends took", [f"{each:.1f}" for each in took], "s, rounds that cut", cut)
    assert cut > 0, "no round cut a job, so that nothing was tried"
    assert max(took) <= grace + 1

    cluster.up(2, max_size=2)
    assert set(ids_of(cluster)) == submitted
    cluster.flux("queue", "drain")
    assert sorted(done.ids()) == sorted(submitted)
    assert set(ids_of(cluster, "--filter=completed")) == submitted
    cluster.end()


def test_a_lead_that_crashed_knows_its_jobs_again_on_the_same_volume(cluster, done):
    """The store is saved by checkpoints: [kvs] checkpoint-period."""
    options = ("--broker-config", checkpoints(cluster, "1s"))
    cluster.archive = None
    lead = cluster.boot(1, *options, max_size=1)
    podnet.until(lambda: cluster.probe() == 0, 90, "the quorum")
    ended = submit(cluster, *done.script(0))
    waits = submit(cluster, "--urgency=hold", *done.script(0))
    cluster.flux("job", "wait-event", ended, "clean")
    podnet.until(lambda: checkpoint(cluster) == cluster.flux("kvs", "getroot", "--blobref").strip(),
                 30, "a checkpoint of what is there")  # fmt: skip
    lead.kill()

    cluster.lives -= 1
    lead = cluster.boot(1, *options, max_size=1)
    podnet.until(lambda: cluster.probe() == 0, 90, "the quorum")
    assert set(ids_of(cluster)) == {ended, waits}
    assert "is of an earlier life: Flux goes on from its last checkpoint" in lead.log
    podnet.until(lambda: "jobs that came back: 2, of which 1 have ended" in lead.log, 20)
    lead.kill()


def checkpoint(cluster):
    """The root of the last one."""
    line = "import flux, flux.kvs; print(flux.kvs.kvs_checkpoint_lookup(flux.Flux())[0]['rootref'])"
    return cluster.flux("python", "-c", line).strip()


def checkpoints(cluster, period):
    path = cluster.directory / "checkpoints.toml"
    path.write_text(f'[kvs]\ncheckpoint-period = "{period}"\n')
    return str(path)


def test_jobs_keep_user_urgency_dependencies_and_order(cluster, done):
    cluster.up(1, max_size=1)
    long = submit(cluster, "--urgency=20", *done.script(6))
    follows = submit(cluster, f"--dependency=afterok:{long}", *done.script(0))
    held = submit(cluster, "--urgency=hold", *done.script(0))
    cluster.flux("job", "wait-event", long, "start")
    cluster.end()
    assert f"will run again under the same id: {long}\n" in cluster.pods[0].log

    cluster.up(1, max_size=1)
    assert long in cluster.flux("kvs", "get", "fluxpod.again")
    assert cluster.flux("jobs", "-no", "{urgency}", long).strip() == "20"
    cluster.flux("job", "wait-event", follows, "clean")
    assert done.ids() == [long, follows]
    assert ids_of(cluster, "--filter=pending") == [held]
    cluster.end()


def test_everybody_told_to_end_at_once_loses_nothing(cluster, done):
    cluster.up(2, max_size=2)
    ids = cluster.flux("submit", "-N2", "--cc=1-3", *done.script(5))
    ids = spelled(ids)
    cluster.flux("job", "wait-event", ids[0], "start")
    cluster.end(*cluster.pods)
    cluster.up(2, max_size=2)
    cluster.flux("queue", "drain")
    assert set(ids_of(cluster, "--filter=completed")) == set(ids)
    cluster.end()


# ---- archives that are none ----------------------------------------------------------------------


def test_without_an_archive_the_cluster_begins_empty_and_says_so(cluster):
    cluster.up(1)
    assert "there is no archive" in cluster.pods[0].log
    assert ids_of(cluster) == []
    cluster.end()
    assert Path(cluster.archive).stat().st_mode & 0o777 == 0o600


@pytest.fixture
def archived(cluster, done):
    """A cluster with one finished job in its archive."""
    cluster.up(1)
    cluster.flux("run", "true")
    cluster.end()
    return Path(cluster.archive).read_bytes()


@pytest.mark.parametrize("harm", ["cut off", "empty", "foreign"])
def test_a_broken_archive_is_refused_and_left_as_it_is(cluster, archived, harm):
    bad = {"cut off": archived[: len(archived) // 2], "empty": b"", "foreign": b"x" * 5000}[harm]
    Path(cluster.archive).write_bytes(bad)
    lead = cluster.boot(1)
    assert lead.wait(20) == 13, lead.log_tail()
    assert "restore the archive" in lead.log and "Flux has not seen it" in lead.log
    assert Path(cluster.archive).read_bytes() == bad


@pytest.fixture
def volume():
    """A small file system that pods see as well, whose size can be changed."""
    place = Path("/mnt")  # of the test's own mount namespace

    def resize(size, flags=0):
        podnet.mount("tmpfs", str(place), "tmpfs", flags, f"size={size}")
        return place

    yield resize
    subprocess.run(["umount", "--lazy", str(place)])


def test_a_full_disk_leaves_the_archive_and_the_next_start_saves(cluster, archived, volume):
    small = volume(len(archived) + 8192)
    (small / "archive.tar").write_bytes(archived)
    cluster.archive = str(small / "archive.tar")
    cluster.up(1)
    cluster.flux("run", "true")
    root = cluster.root
    cluster.end(code=13)
    assert "No space left" in cluster.pods[0].log
    assert (small / "archive.tar").read_bytes() == archived
    assert [each.name for each in small.iterdir()] == ["archive.tar"]

    # The same pod again, with room: its statedir still has what could not be saved.
    volume("64m", podnet.MS_REMOUNT)
    cluster.lives -= 1
    cluster.up(1)
    assert cluster.root == root
    assert "saved the previous run's dump: 2 jobs" in cluster.pods[0].log
    assert len(ids_of(cluster, "--filter=completed")) == 2
    cluster.end()


def test_a_second_signal_ends_at_once_and_leaves_the_archive(cluster, archived):
    cluster.up(1)
    cluster.flux("submit", "sleep", "600")
    lead = cluster.pods[0]
    lead.signal(signal.SIGTERM)
    podnet.until(lambda: "told to end" in lead.log, 10)
    lead.signal(signal.SIGTERM)
    assert lead.wait(10) != 0
    assert Path(cluster.archive).read_bytes() == archived
    cluster.up(1)
    assert len(ids_of(cluster)) == 1
    cluster.end()


# ---- probes of a real cluster --------------------------------------------------------------------


def test_probes_follow_a_real_cluster_and_see_who_hangs(cluster):
    cluster.up(2, max_size=2)
    podnet.until(lambda: cluster.probe(rank=1) == 0, 90, "the follower's readiness")
    for rank in (0, 1):
        for probe in ("startup", "liveness"):
            assert cluster.probe(probe, rank) == 0
    broker = cluster.flux("getattr", "broker.pid").strip()
    subprocess.run([*inside(cluster.pods[0]), "kill", "-STOP", broker], check=True)
    assert cluster.probe("liveness") == 1
    assert cluster.probe("startup") == 0
    subprocess.run([*inside(cluster.pods[0]), "kill", "-CONT", broker], check=True)
    podnet.until(lambda: cluster.probe("liveness") == 0, 20)

    supervisor = cluster.pods[1]
    supervisor.signal(signal.SIGSTOP)
    assert cluster.probe("liveness", rank=1) == 1
    supervisor.signal(signal.SIGCONT)
    podnet.until(lambda: cluster.probe("liveness", rank=1) == 0, 20)
    cluster.end()


def inside(pod):
    return ["nsenter", f"--target={pod.pid}", "--pid", "--mount"]
