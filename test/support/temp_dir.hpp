// SPDX-License-Identifier: Apache-2.0
// A scratch directory of one test, removed with all that is in it when the test ends.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace fluxpod::test {

class TempDir {
  public:
    TempDir() {
        std::string name = std::filesystem::temp_directory_path() / "fluxpod-test-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed: " + name);
        path_ = name;
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    // The absolute path of an entry, which need not exist.
    [[nodiscard]] std::string operator/(std::string_view name) const { return path_ / name; }

    // Writes a file, parent directories included, and returns its path.
    std::string write(std::string_view name, std::string_view bytes) const {
        const std::filesystem::path file = path_ / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream out(file, std::ios::binary | std::ios::trunc);
        out << bytes << std::flush;
        if (!out) throw std::runtime_error("cannot write " + file.string());
        return file;
    }
    // A file's bytes; throws if it is not there, so that a test fails with its name.
    [[nodiscard]] std::string read(std::string_view name) const {
        std::ifstream in(path_ / name, std::ios::binary);
        if (!in) throw std::runtime_error("cannot read " + (path_ / name).string());
        return {std::istreambuf_iterator<char>(in), {}};
    }
    // How many entries the directory itself has: a write that failed must leave none.
    [[nodiscard]] std::size_t count() const {
        std::size_t entries = 0;
        for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) {
            ++entries;
        }
        return entries;
    }

  private:
    std::filesystem::path path_;
};

}  // namespace fluxpod::test
