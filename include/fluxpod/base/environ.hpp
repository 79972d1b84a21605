// SPDX-License-Identifier: Apache-2.0
// The environment as a value: tests hand in their own, and a child gets exactly what is
// planned, byte for byte, in order, duplicates and entries without "=" included.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fluxpod {

class Environment {
  public:
    Environment() = default;
    explicit Environment(std::vector<std::string> entries) : entries_(std::move(entries)) {}
    // Copies a NULL-terminated array such as ::environ.
    static Environment copy_of(const char* const* entries);

    // The first entry of that name, as getenv(3) finds it.
    [[nodiscard]] std::optional<std::string> get(std::string_view name) const;
    // Replaces the first entry of that name in place and removes further ones, or appends.
    void set(std::string_view name, std::string_view value);
    void unset(std::string_view name);
    [[nodiscard]] const std::vector<std::string>& entries() const { return entries_; }
    // For execve(2); valid while this value lives and is not changed.
    [[nodiscard]] std::vector<char*> pointers() const;

  private:
    std::vector<std::string> entries_;
};

}  // namespace fluxpod
