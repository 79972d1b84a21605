# SPDX-License-Identifier: Apache-2.0
"""Packs a static build: the program, its symbols, a bill of materials, licences, a Debian package.
Called by container/release."""

import configparser
import datetime
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Debian's source packages, by what of them is linked in or compiled in from their headers. One that
# is missing here is an error: somebody must read its licence.
LICENSES = {
    "boost1.81": "BSL-1.0",
    "fmtlib": "MIT",
    "gcc-12": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "glibc": "LGPL-2.1-or-later",
    "libsodium": "ISC",
    "linux": "GPL-2.0-only WITH Linux-syscall-note",
    "spdlog": "MIT",
    "tl-expected": "CC0-1.0",
    "toml11": "MIT",
}


def output_of(*command, **how):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **how).stdout


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def source_date():
    """Returns the time of the last commit, so that the same sources are packed the same way
    whenever it is done."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    if shutil.which("git"):
        done = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%ct"],
                              text=True, capture_output=True)  # fmt: skip
        if done.returncode == 0:
            return int(done.stdout)
    return int((ROOT / "meson.build").stat().st_mtime)


# ---- what is in it -------------------------------------------------------------------------------


def system_files(build):
    """Every header of the system that was compiled, every archive that was linked."""
    headers = re.findall(r"^    (/usr/\S+)$", output_of("ninja", "-C", build, "-t", "deps"), re.M)
    archives = re.findall(r"^LOAD (/usr/\S+)$", (build / "fluxpod.map").read_text(), re.M)
    return sorted({os.path.realpath(path) for path in headers + archives})


def debian_components(build):
    owners = output_of("dpkg-query", "-S", *system_files(build))
    packages = sorted({line.split(": /")[0].split(",")[0] for line in owners.splitlines()})
    lines = output_of("dpkg-query", "-W", "-f",
                      "${source:Package} ${source:Version} ${Package}\n", *packages)  # fmt: skip
    found = {}
    for line in lines.splitlines():
        source, version, package = line.split()
        if source not in LICENSES:
            sys.exit(f"package.py: {source} is linked in, and its licence is not in LICENSES")
        found.setdefault(source, {
            "name": source,
            "version": version,
            "license": LICENSES[source],
            "from": f"pkg:deb/debian/{source}@{version}?arch=source",
            "texts": [Path("/usr/share/doc") / package / "copyright"],
        })  # fmt: skip
    return list(found.values())


def wrap_components():
    for wrap in sorted((ROOT / "subprojects").glob("*.wrap")):
        words = configparser.ConfigParser()
        words.read(wrap)
        pinned = words["wrap-file"]
        build = (wrap.parent / "packagefiles" / wrap.stem / "meson.build").read_text()
        yield {
            "name": wrap.stem,
            "version": re.search(r"version: '([^']+)'", build)[1],
            "license": re.search(r"license: '([^']+)'", build)[1],
            "from": pinned["source_url"],
            "sha256": pinned["source_hash"],
            "texts": sorted(path for path in (wrap.parent / pinned["directory"]).iterdir()
                            if path.name.startswith(("COPYING", "LICENSE"))),
        }


def bill_of_materials(program, version, components, date):
    """SPDX 2.3."""
    packages, relations = [], []

    def add(name, fields, kind):
        identifier = "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)
        packages.append({"name": name, "SPDXID": identifier, "filesAnalyzed": False,
                         "copyrightText": "NOASSERTION", **fields})  # fmt: skip
        relations.append(kind(identifier))

    add("fluxpod", {
        "versionInfo": version, "downloadLocation": "NOASSERTION",
        "licenseDeclared": "Apache-2.0", "licenseConcluded": "Apache-2.0",
        "checksums": [{"algorithm": "SHA256", "checksumValue": sha256(program)}],
    }, lambda own: {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                    "relatedSpdxElement": own})  # fmt: skip
    for part in components:
        fields = {
            "versionInfo": part["version"], "licenseDeclared": part["license"],
            "licenseConcluded": part["license"],
            "downloadLocation": part["from"] if "sha256" in part else "NOASSERTION",
        }  # fmt: skip
        if "sha256" in part:
            fields["checksums"] = [{"algorithm": "SHA256", "checksumValue": part["sha256"]}]
        else:
            fields["externalRefs"] = [{"referenceCategory": "PACKAGE-MANAGER",
                                       "referenceType": "purl",
                                       "referenceLocator": part["from"]}]  # fmt: skip
        add(part["name"], fields, lambda own: {
            "spdxElementId": "SPDXRef-fluxpod", "relationshipType": "STATIC_LINK",
            "relatedSpdxElement": own})  # fmt: skip
    created = datetime.datetime.fromtimestamp(date, datetime.timezone.utc)
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"fluxpod-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/fluxpod-{version}-{sha256(program)}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: fluxpod container/package.py"]},
        "packages": packages, "relationships": relations,
    }  # fmt: skip


def write_licenses(directory, components):
    directory.mkdir()
    for part in components:
        for text in part["texts"]:
            name = part["name"] + (f".{text.name}" if len(part["texts"]) > 1 else "")
            packed = gzip.compress(text.read_bytes(), mtime=0)
            (directory / f"{name}.gz").write_bytes(packed)


# ---- the Debian package --------------------------------------------------------------------------


def make_deb(build, directory, version, date):
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[machine_of(directory / "fluxpod")]
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary) / "tree"
        subprocess.run(["meson", "install", "-C", build, "--quiet", "--no-rebuild",
                        "--skip-subprojects", "--tags", "runtime,man"],
                       check=True, env={**os.environ, "DESTDIR": str(tree)})  # fmt: skip
        documents = tree / "usr/share/doc/fluxpod"
        documents.mkdir(parents=True)
        shutil.copy(ROOT / "NOTICE", documents / "copyright")
        shutil.copy(directory / "fluxpod.spdx.json", documents)
        shutil.copytree(directory / "licenses", documents / "licenses")
        kib = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()) // 1024
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN/control").write_text(
            f"Package: fluxpod\nVersion: {version}\nArchitecture: {architecture}\n"
            f"Maintainer: The fluxpod authors <fluxpod@example.invalid>\nInstalled-Size: {kib}\n"
            "Section: admin\nPriority: optional\n"
            "Description: entrypoint of containers that run the Flux workload manager\n"
            " Finds its rank, writes Flux's configuration, waits for its parent, becomes the\n"
            " broker.\n"
        )
        for path in [tree, *tree.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
            os.utime(path, (date, date))
        subprocess.run(
            ["dpkg-deb", "--build", "--root-owner-group", "-Zxz", tree,
             directory / f"fluxpod_{version}_{architecture}.deb"],
            check=True, stdout=subprocess.DEVNULL,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(date)},
        )  # fmt: skip


def machine_of(program):
    number = int.from_bytes(program.read_bytes()[18:20], "little")  # ELF e_machine
    return {62: "x86_64", 183: "aarch64"}[number]


def main():
    build, directory = Path(sys.argv[1]), Path(sys.argv[2])
    version = json.loads(output_of("meson", "introspect", "--projectinfo", build))["version"]
    date = source_date()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name in ("fluxpod", "fluxpod.debug"):
        shutil.copy(build / "src" / name, directory)
    (directory / "fluxpod.debug").chmod(0o644)
    components = [*wrap_components(), *debian_components(build)]
    bill = bill_of_materials(directory / "fluxpod", version, components, date)
    (directory / "fluxpod.spdx.json").write_text(json.dumps(bill, indent=1) + "\n")
    write_licenses(directory / "licenses", components)
    make_deb(build, directory, version, date)
    sums = "".join(f"{sha256(path)}  {path.relative_to(directory)}\n"
                   for path in sorted(directory.rglob("*")) if path.is_file())  # fmt: skip
    (directory / "SHA256SUMS").write_text(sums)
    print(f"{directory}: fluxpod {version}, {(directory / 'fluxpod').stat().st_size} bytes")


if __name__ == "__main__":
    main()
