// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/environ.hpp"

#include <algorithm>

namespace fluxpod {

namespace {

bool is_named(const std::string& entry, std::string_view name) {
    return entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name);
}

}  // namespace

Environment Environment::copy_of(const char* const* entries) {
    Environment copy;
    for (; entries != nullptr && *entries != nullptr; ++entries)
        copy.entries_.emplace_back(*entries);
    return copy;
}

std::optional<std::string> Environment::get(std::string_view name) const {
    for (const auto& entry : entries_) {
        if (is_named(entry, name)) return entry.substr(name.size() + 1);
    }
    return std::nullopt;
}

void Environment::set(std::string_view name, std::string_view value) {
    std::string entry = std::string(name) + "=" + std::string(value);
    auto first = std::find_if(entries_.begin(), entries_.end(),
                              [&](const auto& e) { return is_named(e, name); });
    if (first == entries_.end()) {
        entries_.push_back(std::move(entry));
        return;
    }
    *first = std::move(entry);
    entries_.erase(
        std::remove_if(first + 1, entries_.end(), [&](const auto& e) { return is_named(e, name); }),
        entries_.end());
}

void Environment::unset(std::string_view name) {
    std::erase_if(entries_, [&](const auto& e) { return is_named(e, name); });
}

std::vector<char*> Environment::pointers() const {
    std::vector<char*> pointers;
    pointers.reserve(entries_.size() + 1);
    // execve(2) takes char* for historical reasons and changes nothing.
    for (const auto& entry : entries_) pointers.push_back(const_cast<char*>(entry.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace fluxpod
