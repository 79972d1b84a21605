# SPDX-License-Identifier: Apache-2.0
"""Exit code 11: index, host name and host list that do not fit."""

import pytest


def words(fluxpod, secret, tmp_path, *more):
    return [fluxpod, "run", "--size", "4", "--service", "flux-service", "--curve-secret", secret,
            "--root", str(tmp_path / "root"), "--flux", "/bin/true", *more]  # fmt: skip


@pytest.mark.parametrize(
    "hostname, env, more, patterns",
    [
        ("fp-1", {"JOB_COMPLETION_INDEX": "2"}, [], ["fp-1", "2"]),
        ("fp-1", {}, ["--index", "2"], ["fp-1", "2"]),
        ("fp-4", {}, [], ["4"]),
        ("fp-0", {"JOB_COMPLETION_INDEX": "4"}, [], ["4"]),
        ("fp-0", {"JOB_COMPLETION_INDEX": "x"}, [], ["JOB_COMPLETION_INDEX", "x"]),
        ("fp-0", {"JOB_COMPLETION_INDEX": "-1"}, [], ["JOB_COMPLETION_INDEX", "-1"]),
        ("fp-1", {"JOB_COMPLETION_INDEX": "1"}, ["--cluster-name", "other"], ["fp-1", "other"]),
        ("fp-1", {}, ["--hosts", "a,b,c,d"], ["fp-1"]),
        ("fp_x-0", {}, [], ["fp_x-0"]),
        ("a" * 62 + "-0", {}, [], ["63"]),
        ("noordinal", {}, ["--cluster-name", "fp"], ["noordinal"]),
    ],
    ids=[
        "the index is not the ordinal",
        "the flag is not the ordinal",
        "the ordinal is past the size",
        "the index is past the size",
        "the index is no number",
        "the index is negative",
        "the name is another cluster's",
        "the name is not in the host list",
        "a name with an underscore",
        "a name of 64 characters",
        "no index at all",
    ],
)
def test_what_does_not_fit_is_11(
    in_pod, refuses, fluxpod, secret, tmp_path, hostname, env, more, patterns
):
    argv = words(fluxpod, secret, tmp_path, *more)
    process = in_pod(argv, name=hostname, env=env, dns=False)
    refuses(process, 11, *patterns)
    assert not (tmp_path / "root").exists()
