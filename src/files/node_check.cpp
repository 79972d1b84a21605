// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/node_check.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "fluxpod/base/text.hpp"
#include "node_check_program.hpp"

namespace fluxpod {

namespace {

// A name as one step of a KVS key, where a dot begins the next.
std::string key_of(std::string_view name) {
    std::string key;
    for (char c : name) key += is_alphanumeric({&c, 1}, "-") ? c : '_';
    return key.empty() ? "node" : key;
}

// Bytes that any system may have in a path, as a literal of Python.
std::string python_quoted(std::string_view text) {
    std::string quoted = "os.fsdecode(b\"";
    for (char c : text) {
        const bool is_plain = is_alphanumeric({&c, 1}, "/._-: ");
        quoted +=
            is_plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    return quoted + "\")";
}

// The cores that this pod may run on, by package: [[[0, 1], [2, 3]], [[4, 5], [6, 7]]].
std::string packages_of(const std::vector<NodeShape::Core>& cores) {
    std::string text = "[";
    for (std::size_t i = 0; i < cores.size(); ++i) {
        const bool begins = i == 0 || cores[i].package != cores[i - 1].package;
        const bool ends = i + 1 == cores.size() || cores[i].package != cores[i + 1].package;
        std::vector<std::uint32_t> cpus;
        for (const auto& range : cores[i].cpus.ranges()) {
            for (auto cpu = range.first; cpu <= range.last; ++cpu) cpus.push_back(cpu);
        }
        text += fmt::format("{}[{}]{}", begins ? "[" : "", fmt::join(cpus, ", "), ends ? "]" : "");
        if (i + 1 < cores.size()) text += ", ";
    }
    return text + "]";
}

constexpr std::string_view script = R"(#!/bin/sh
# Made by fluxpod, for a Flux that runs scripts only.
exec flux python {}
)";

}  // namespace

std::string render_node_check(const Plan& plan) {
    const NodeCheckPlan& check = *plan.node_check;
    return std::string(node_check_imports) +
           fmt::format(
               "RANK = {}\nHOST = {}\nURI = {}\nNODE = {}\nRC_EXTRA = {}\nDRAINS = {}\nREQUIRED = "
               "{}\n"
               "COUNT = {}\nPACKAGES = {}\n",
               plan.identity.rank, python_quoted(plan.identity.hostname),
               python_quoted(plan.layout.local_uri), python_quoted(key_of(check.node_name)),
               python_quoted(plan.layout.rc_extra), check.drains ? "True" : "False",
               check.required ? "True" : "False", check.bind_count, packages_of(check.cores)) +
           std::string(node_check_program);
}

std::string render_node_check_script(const Plan& plan) {
    return fmt::format(script, shell_quoted(plan.layout.node_check));
}

}  // namespace fluxpod
