# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by container/try and test/run: install what is missing, build out of tree.
# Expects `set -euo pipefail`; $repo becomes the top of the source tree.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Runs a command whose output matters only if it fails.
quietly() {
    local output
    output=$(mktemp)
    if "$@" >"$output" 2>&1 </dev/null; then
        rm -f "$output"
        return 0
    fi
    tail -n 40 "$output" >&2
    rm -f "$output"
    return 1
}

# install_packages KIND...: the packages of container/packages.txt of these kinds. If all are there,
# no file is touched. The package lists are fetched only if apt-get fails without.
install_packages() {
    local kind wanted=() missing=() name
    for kind; do
        while read -r name; do wanted+=("$name"); done \
            < <(sed -n "s/^$kind  *//p" "$repo/container/packages.txt")
    done
    command -v dpkg-query >/dev/null || die "needs Debian 12 for its packages (no dpkg-query here)"
    for name in "${wanted[@]}"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
            missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    [ "$(id -u)" = 0 ] || die "needs root to install: ${missing[*]}"
    echo "installing ${#missing[@]} packages: ${missing[*]}"
    # --no-remove: better to fail than to take another Boost away from under somebody.
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends
        --no-remove -o DPkg::Lock::Timeout=120 "${missing[@]}")
    "${install[@]}" >/dev/null 2>&1 </dev/null && return 0
    quietly apt-get update || die "apt-get update failed"
    quietly "${install[@]}" || die "the packages could not be installed"
}

# private_apt DIRECTORY deb|deb-src [ARCHITECTURE]: the array `apt` becomes an apt-get for the
# machine's own mirrors that keeps everything below DIRECTORY, and needs no root.
private_apt() {
    local directory=$1 kind=$2 list
    mkdir -p "$directory/parts" "$directory/lists/partial" "$directory/archives/partial"
    for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$list" ] && sed -n "s/^deb /$kind /p" "$list" >"$directory/parts/${list##*/}.list"
    done
    for list in /etc/apt/sources.list.d/*.sources; do
        [ -f "$list" ] && sed "s/^Types:.*/Types: $kind/" "$list" >"$directory/parts/${list##*/}"
    done
    apt=(apt-get -qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$directory/parts"
        -o "Dir::State::Lists=$directory/lists" -o "Dir::Cache=$directory" -o APT::Sandbox::User=
        ${3:+-o "APT::Architectures=$3"}
        ${3:+-o "APT::Architectures::=$(dpkg --print-architecture)"})
    # A repository that has nothing of this kind fails here and is none of ours.
    "${apt[@]}" update >"$directory/log" 2>&1 || true
}

# configure DIRECTORY MESON-OPTION...: make $repo/build/DIRECTORY, unless it is there.
configure() {
    local directory=$repo/build/$1
    shift
    # A tree that was moved or copied brings a build directory that points elsewhere.
    if [ -f "$directory/build.ninja" ] &&
        ! grep -qF -- "$directory" "$directory/meson-info/intro-buildsystem_files.json" \
            "$directory/meson-info/meson-info.json"; then
        rm -rf "$directory"
    fi
    [ -f "$directory/build.ninja" ] || quietly meson setup "$directory" "$repo" "$@" ||
        die "meson setup failed"
}

# build DIRECTORY TARGET...: with a progress line on a terminal, silent otherwise.
build() {
    local directory=$repo/build/$1
    shift
    if [ -t 1 ]; then
        NINJA_STATUS='building [%f/%t] ' ninja -C "$directory" "$@" || die "the build failed"
    else
        quietly ninja -C "$directory" "$@" || die "the build failed"
    fi
}
