# SPDX-License-Identifier: Apache-2.0
"""render: the same bytes every time, the same bytes as run, for every pod, and as JSON."""

import json
import shlex
import subprocess

import pytest

CLUSTER = ["--cluster-name", "fp", "--size", "4", "--service", "flux-service", "--namespace",
           "default", "--cluster-domain", "cluster.local", "--bind", "lo"]  # fmt: skip


@pytest.fixture
def render(fluxpod, secret):
    def run(*words):
        done = subprocess.run(
            [fluxpod, "render", *CLUSTER, "--curve-secret", secret, *words],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def tree(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_the_same_settings_give_the_same_bytes(render):
    words = ["--index", "1", "--topology", "kary:2", "--max-size", "9", "--min-size", "2"]
    assert len({render(*words) for _ in range(5)}) == 1


def test_what_is_printed_has_every_file(render):
    text = render("--index", "0")
    for part in ("broker.toml", "hostlist", "fp-[0-3]", "R_lite", "default_port"):
        assert part in text
    assert "secret-key" not in text


def test_out_writes_what_run_writes(in_pod, render, fluxpod, fake_flux, secret, tmp_path):
    root = tmp_path / "root"
    run = [fluxpod, "run", *CLUSTER, "--root", str(root), "--curve-secret", secret,
           "--flux", str(fake_flux / "flux"), "--node-check", "on"]  # fmt: skip
    assert in_pod(run, name="fp-0").wait(10) == 0
    out = str(tmp_path / "out")
    render("--index", "0", "--root", str(root), "--out", out, "--node-check", "on")
    (root / "run/state.json").unlink()  # it describes the boot itself
    assert tree(tmp_path / "out") == tree(root)


def test_all_renders_every_pod_below_its_name(render, tmp_path):
    render("--all", "--out", str(tmp_path / "out"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"fp-{rank}" for rank in range(4)
    ]


def test_explain_is_text_or_json(render):
    text = render("--index", "1", "--explain")
    assert "fp-1" in text and "fp-0" in text
    plan = json.loads(render("--index", "1", "--explain", "--format", "json"))
    assert isinstance(plan, dict)


def test_a_hundred_thousand_hosts_stay_small(render):
    text = render("--index", "0", "--max-size", "100000")
    assert "fp-[0-99999]" in text
    assert len(text) < 20000


def test_users_toml_is_merged_over_ours(render, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('[tbon]\ntorpid_min = "7s"\nconnect_timeout = "9s"\n')
    text = render("--index", "0", "--broker-config", str(mine))
    assert 'torpid_min = "7s"' in text
    assert 'connect_timeout = "9s"\n' in text


def pipe_of(text, pieces=1):
    """Words for a shell: a process substitution that writes this, with pauses between pieces."""
    cut = -(-len(text) // pieces)
    parts = [text[at : at + cut] for at in range(0, len(text), cut)]
    return "<(" + "; sleep 0.2; ".join("printf %s " + shlex.quote(part) for part in parts) + ")"


@pytest.fixture
def render_from_pipes(fluxpod, secret):
    def run(*options, also=""):
        words = [fluxpod, "render", *CLUSTER, "--curve-secret", secret, *options]
        done = subprocess.run(["bash", "-c", f"{shlex.join(words)} {also}"], capture_output=True,
                              text=True, timeout=60)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_a_config_file_on_a_pipe_is_read_once(render_from_pipes):
    conf = pipe_of("port = 7001\ntopology = kary:2\nlog-level = debug\n")
    text = render_from_pipes("--index", "1", also=f"--config {conf}")
    assert "default_port = 7001" in text and 'topo = "kary:2"' in text


def test_users_toml_on_a_pipe_is_merged_for_every_pod(render_from_pipes):
    toml = pipe_of('[tbon]\ntorpid_min = "7s"\n')
    text = render_from_pipes("--all", also=f"--broker-config {toml}")
    assert text.count('torpid_min = "7s"') == 4


def test_a_secret_on_a_pipe_is_read_once_for_every_pod(fluxpod, tmp_path):
    words = shlex.join([fluxpod, "render", *CLUSTER, "--all", "--out", str(tmp_path / "out")])
    secret = pipe_of("a shared secret of more than enough bytes")
    done = subprocess.run(["bash", "-c", f"{words} --curve-secret {secret}"], capture_output=True,
                          text=True, timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr
    certificates = {path.read_bytes() for path in (tmp_path / "out").rglob("curve.cert")}
    assert len(certificates) == 1
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_a_slow_writer_of_a_pipe_is_waited_for(render_from_pipes):
    conf = pipe_of("port = 7001\ntopology = kary:2\n", pieces=4)
    toml = pipe_of('[tbon]\ntorpid_min = "7s"\n', pieces=3)
    text = render_from_pipes("--index", "1", also=f"--config {conf} --broker-config {toml}")
    for part in ("default_port = 7001", 'topo = "kary:2"', 'torpid_min = "7s"'):
        assert part in text


@pytest.mark.parametrize("toml", ["[\n\n", "a = [1, ", "[bootstrap]\nno_such_key = 1\n", "\0\1",
                                  "[bootstrap]\nhosts = 3\n", "[tbon]\n[tbon]\n"])  # fmt: skip
def test_a_users_toml_that_flux_would_refuse_is_10(fluxpod, secret, tmp_path, toml):
    mine = tmp_path / "mine.toml"
    mine.write_text(toml)
    done = subprocess.run(
        [fluxpod, "render", *CLUSTER, "--curve-secret", secret, "--index", "0", "--broker-config",
         str(mine)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 10, done.stderr
    assert "error:" in done.stderr


def test_flux_accepts_what_is_rendered(needs_flux, render, tmp_path):
    render("--index", "0", "--out", str(tmp_path / "out"))
    toml = next((tmp_path / "out").rglob("broker.toml"))
    resources = next((tmp_path / "out").rglob("R"))
    subprocess.run(["flux", "config", "load", "--help"], check=True, capture_output=True)
    decoded = subprocess.run(
        ["flux", "R", "decode", "--nodelist"],
        stdin=resources.open(), capture_output=True, text=True,
    )
    assert decoded.stdout.strip() == "fp-[0-3]", decoded.stderr
    assert toml.read_text()
