# SPDX-License-Identifier: Apache-2.0


def command_line(program, defaults):
    """A function that makes a command line of these options and its own words, which win."""

    def words(*more):
        pairs = [pair for pair in defaults.items() if pair[0] not in more]
        return [*program, *(word for pair in pairs for word in pair), *more]

    return words
