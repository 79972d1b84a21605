# SPDX-License-Identifier: Apache-2.0
"""What container/release made: complete, true, the same each time, and a package that installs."""

import datetime
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import podnet
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def release():
    directory = ROOT / "build/release"
    if not (directory / "SHA256SUMS").exists():
        pytest.skip("there is no release: container/release")
    return directory


@pytest.fixture(scope="module")
def bill(release):
    return json.loads((release / "fluxpod.spdx.json").read_text())


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def output_of(*command, **how):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **how).stdout


def test_the_sums_are_those_of_the_files(release):
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=release,
                   check=True)  # fmt: skip
    listed = {line.split("  ")[1] for line in (release / "SHA256SUMS").read_text().splitlines()}
    present = {str(path.relative_to(release)) for path in release.rglob("*") if path.is_file()}
    assert listed == present - {"SHA256SUMS"}


def test_packing_again_gives_the_same_bytes(release, bill, tmp_path):
    made = datetime.datetime.fromisoformat(bill["creationInfo"]["created"].rstrip("Z") + "+00:00")
    date = {"SOURCE_DATE_EPOCH": str(int(made.timestamp()))}
    subprocess.run([sys.executable, "-B", ROOT / "container/package.py", ROOT / "build/static",
                    tmp_path / "again"], check=True, env={**os.environ, **date},
                   stdout=subprocess.DEVNULL)  # fmt: skip
    assert (tmp_path / "again/SHA256SUMS").read_text() == (release / "SHA256SUMS").read_text()


@pytest.mark.skipif("REBUILD_RELEASE" not in os.environ,
                    reason="REBUILD_RELEASE is not set: building again takes minutes")  # fmt: skip
def test_building_elsewhere_gives_the_same_bytes(release, tmp_path):
    tree = tmp_path / "another/place"
    tree.mkdir(parents=True)
    sources = output_of("git", "ls-files", "-z", "-co", "--exclude-standard", cwd=ROOT)
    names = sources.rstrip("\0").split("\0")
    subprocess.run(["cp", "--parents", *names, tree], cwd=ROOT, check=True)
    subprocess.run([tree / "subprojects/from-debian"], check=True, preexec_fn=podnet.leave_network)
    subprocess.run(["meson", "setup", "--prefix=/usr", "--buildtype=release", "-Dstatic=true",
                    "-Dtests=false", tree / "build/static", tree], check=True)  # fmt: skip
    subprocess.run(["ninja", "-C", tree / "build/static"], check=True,
                   env={**os.environ, "CCACHE_DISABLE": "1"})  # fmt: skip
    for name in ("fluxpod", "fluxpod.debug"):
        assert sha256(tree / "build/static/src" / name) == sha256(release / name)


def test_the_program_is_at_most_4_5_mib(release):
    assert (release / "fluxpod").stat().st_size <= 4_718_592


def test_the_program_names_no_place_where_it_was_built(release):
    program = (release / "fluxpod").read_bytes()
    for room in ("build", "include", "src", "subprojects"):
        assert f"{ROOT}/{room}/".encode() not in program


def test_the_symbols_are_the_programs(release):
    def build_id(path):
        return re.search(r"Build ID: (\w+)", output_of("readelf", "-n", path))[1]

    assert build_id(release / "fluxpod") == build_id(release / "fluxpod.debug")
    assert " main" in output_of("nm", release / "fluxpod.debug")
    assert "no symbols" in subprocess.run(["nm", release / "fluxpod"], text=True,
                                          capture_output=True).stderr  # fmt: skip


# ---- the bill of materials -----------------------------------------------------------------------


def test_the_bill_is_whole(bill):
    assert bill["spdxVersion"] == "SPDX-2.3" and bill["dataLicense"] == "CC0-1.0"
    for field in ("SPDXID", "name", "documentNamespace", "creationInfo"):
        assert bill[field]
    ids = [package["SPDXID"] for package in bill["packages"]]
    assert len(set(ids)) == len(ids)
    for package in bill["packages"]:
        assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", package["SPDXID"])
        for field in ("name", "versionInfo", "downloadLocation", "licenseDeclared"):
            assert package[field], package
    related = {relation["relatedSpdxElement"] for relation in bill["relationships"]}
    assert related == set(ids)


def test_the_bill_names_what_the_design_links(bill):
    names = {package["name"] for package in bill["packages"]}
    assert {"boost1.81", "fmtlib", "glibc", "gcc-12", "hwloc", "libsodium", "program_options",
            "spdlog", "yaml-cpp", "zeromq"} <= names  # fmt: skip


def test_the_bill_is_of_this_program(bill, release):
    own = next(package for package in bill["packages"] if package["name"] == "fluxpod")
    assert own["checksums"][0]["checksumValue"] == sha256(release / "fluxpod")


def test_every_part_has_its_licence_text(bill, release):
    texts = {path.name for path in (release / "licenses").iterdir()}
    for package in bill["packages"][1:]:
        own = [name for name in texts if name.startswith(package["name"] + ".")]
        assert own, package["name"]
        assert all(gzip.decompress((release / "licenses" / name).read_bytes()) for name in own)


# ---- the package ---------------------------------------------------------------------------------


@pytest.fixture
def dpkg(tmp_path):
    """dpkg on a root of its own."""
    root = tmp_path / "root"
    (root / "var/lib/dpkg").mkdir(parents=True)
    for name in ("status", "available"):
        (root / "var/lib/dpkg" / name).touch()

    def run(*words):
        return output_of("dpkg", f"--root={root}", "--force-not-root", *map(str, words))

    run.root = root
    return run


def test_the_package_installs_and_leaves_nothing(release, dpkg):
    (package,) = release.glob("fluxpod_*.deb")
    dpkg("--install", package)
    installed = dpkg.root / "usr/bin/fluxpod"
    assert installed.read_bytes() == (release / "fluxpod").read_bytes()
    assert output_of(installed, "--version").startswith("fluxpod ")
    assert "fluxpod(1)" in (dpkg.root / "usr/share/man/man1/fluxpod.1").read_text()
    places = {"bash": "bash-completion/completions/fluxpod", "zsh": "zsh/site-functions/_fluxpod",
              "fish": "fish/vendor_completions.d/fluxpod.fish"}  # fmt: skip
    for shell, place in places.items():
        text = (dpkg.root / "usr/share" / place).read_text()
        assert text == output_of(installed, "help", "--completion", shell)
    dpkg("--purge", "fluxpod")
    assert not installed.exists()
    assert not list(dpkg.root.glob("usr/share/**/*fluxpod*"))


def test_the_package_depends_on_nothing(release):
    (package,) = release.glob("fluxpod_*.deb")
    assert output_of("dpkg-deb", "--field", package, "Depends").strip() == ""
