# SPDX-License-Identifier: Apache-2.0
"""A view of this machine's Flux that brings all that Flux needs of an image but libc: its
libraries, its Python and a shell. And an image that has libc and an application, and nothing
else."""

import json
import re
import shutil
import subprocess
from pathlib import Path

# An image of a dynamic program has these, and they must fit together: they stay out of the view.
_LIBC = re.compile(r"(ld-linux\S*|libc|libm|libdl|librt|libpthread|libresolv)\.so\.\d+$")
APPLICATION = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static const char* value_of(const char* name) {
    const char* value = getenv(name);
    return value == NULL ? "unset" : value;
}
int main(void) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    printf("%s %s %s %s %s\\n", value_of("FLUX_TASK_RANK"), host, value_of("LD_LIBRARY_PATH"),
           value_of("SHELL"), value_of("FLUX_SHELL_RC_PATH"));
    return 0;
}
"""
ASK_PYTHON = """
import json, sys, sysconfig, _cffi_backend, ply, yaml
print(json.dumps([sys.executable, sysconfig.get_path("stdlib"),
                  [_cffi_backend.__file__, *ply.__path__, *yaml.__path__]]))
"""


def is_of_libc(path):
    return _LIBC.match(path.name) is not None


def libraries_of(files):
    done = subprocess.run(["ldd", *files], text=True, capture_output=True)
    return {Path(path) for path in re.findall(r"(?:=> |^\t)(/\S+) \(0x", done.stdout, re.M)}


class View:
    """`path` holds what is to be at `prefix`, for which Flux was built. This Flux was not built for
    a Python of its own, so there are `more` mounts: (path below the view, path in the pod)."""

    def __init__(self, prefix, path):
        self.prefix, self.path = prefix, path
        shutil.copytree(prefix, path, symlinks=True)
        shutil.copy("/bin/dash", path / "bin/bash")  # any shell understands Flux's rc1
        self.more = self._add_python()
        programs = [each for each in path.rglob("*") if each.is_file() and is_elf(each)]
        for library in libraries_of(programs):
            if not is_of_libc(library) and not (path / "lib" / library.name).exists():
                shutil.copy(library, path / "lib")

    def _add_python(self):
        def says(*words):
            command = [self.prefix / "bin/flux", "python", *words]
            return subprocess.run(
                command, check=True, text=True, stdout=subprocess.PIPE
            ).stdout.strip()

        bindings = self.path / Path(says("--get-path")).relative_to(self.prefix)
        python, standard_library, modules = json.loads(says("-c", ASK_PYTHON))
        shutil.copy(python, self.path / "bin/python3")
        unused = shutil.ignore_patterns("test", "idlelib", "lib2to3", "ensurepip", "config-*")
        shutil.copytree(standard_library, self.path / "python", ignore=unused)
        for module in map(Path, modules):
            if module.is_dir():
                shutil.copytree(module, bindings / module.name)
            else:
                shutil.copy(module, bindings)
        return [("bin/python3", python), ("python", standard_library)]


def is_elf(path):
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def make_bare_image(root):
    """The application at /application, and libc where it belongs."""
    source = root / "application.c"
    source.write_text(APPLICATION)
    subprocess.run(["gcc", "-o", root / "application", source], check=True)
    source.unlink()
    for directory in {library.parent for library in libraries_of([root / "application"])}:
        inside = root / str(directory).lstrip("/")
        inside.mkdir(parents=True)
        for part in filter(is_of_libc, directory.iterdir()):
            shutil.copy(part, inside)
