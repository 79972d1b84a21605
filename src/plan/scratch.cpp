// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/plan/scratch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace fluxpod {

namespace {

// Below it Flux makes "/flux-XXXXXX", whose name may have 96 bytes (flux-core rundir.c).
constexpr std::size_t longest_tmpdir = 84;
// An empty nested instance needs some 200 KiB.
constexpr std::uint64_t least_free = std::uint64_t{1} << 20U;

// Why a nested instance cannot make its directories there; empty: it can.
std::string why_no_files(const ScratchPlace& place) {
    if (!place.no_files.empty()) return place.no_files;
    if (place.free_bytes < least_free) return fmt::format("{} bytes are free", place.free_bytes);
    if (place.path.size() > longest_tmpdir) {
        return fmt::format("its name has {} bytes, and Flux's sockets below it need at most {}",
                           place.path.size(), longest_tmpdir);
    }
    return {};
}

bool takes_files(const ScratchPlace& place) { return why_no_files(place).empty(); }

bool takes_all(const ScratchPlace& place) {
    return takes_files(place) && place.no_programs.empty();
}

// "/tmp takes no programs (it is mounted noexec)"; empty if it takes both.
std::string shortcoming(const ScratchPlace& place) {
    if (auto cause = why_no_files(place); !cause.empty()) {
        return fmt::format("{} takes no files ({})", place.path, cause);
    }
    if (place.no_programs.empty()) return {};
    return fmt::format("{} takes no programs ({})", place.path, place.no_programs);
}

class Decision {
  public:
    Decision(Plan& plan, const ScratchFacts& facts)
        : plan_(plan), facts_(facts), below_root_(facts.root) {
        below_root_.path = plan.layout.tmp;
    }

    void decide() {
        choose_tmpdir();
        choose_home();
        choose_rundir();
    }

  private:
    void note(std::string text) {
        plan_.scratch.push_back({.warns = false, .text = std::move(text)});
    }
    void warn(std::string text) {
        plan_.scratch.push_back({.warns = true, .text = std::move(text)});
    }

    void set(const std::string& name, const std::string& value) {
        plan_.launch.set_environment.emplace_back(name, value);
    }

    void choose_tmpdir() {
        if (facts_.tmpdir && takes_files(*facts_.tmpdir)) {
            chosen_ = &*facts_.tmpdir;
            if (!takes_all(*chosen_)) {
                warn(fmt::format("TMPDIR is kept, but {}: a script there ends with status 126",
                                 shortcoming(*chosen_)));
            }
            return;
        }
        if (!facts_.tmpdir && takes_all(facts_.tmp) && takes_files(facts_.var_tmp)) {
            chosen_ = &facts_.tmp;
            return;
        }
        const std::array candidates{&facts_.tmp, &facts_.var_tmp,
                                    static_cast<const ScratchPlace*>(&below_root_)};
        auto best = std::ranges::find_if(candidates, [](auto* each) { return takes_all(*each); });
        if (best == candidates.end()) {
            best = std::ranges::find_if(candidates, [](auto* each) { return takes_files(*each); });
        }
        if (best == candidates.end()) {
            warn(
                fmt::format("no place takes temporary files, and flux batch and flux alloc need "
                            "one: {}; mount a writable volume at /tmp and /var/tmp",
                            reasons()));
            return;
        }
        chosen_ = *best;
        if (chosen_ == &below_root_) {
            plan_.directories.push_back({.path = chosen_->path, .mode = 01777});
        }
        set("TMPDIR", chosen_->path);
        const std::string text = fmt::format("TMPDIR is set to {}: {}", chosen_->path, reasons());
        if (facts_.tmpdir || !takes_all(*chosen_)) {
            warn(text);
        } else {
            note(text);
        }
    }

    // Says what is wrong with the places that Flux would use by itself.
    [[nodiscard]] std::string reasons() const {
        std::string text;
        auto add = [&](const std::string& reason) {
            if (!reason.empty()) text += (text.empty() ? "" : ", ") + reason;
        };
        if (facts_.tmpdir) {
            add(fmt::format("TMPDIR={} takes no files ({})", facts_.tmpdir->path,
                            why_no_files(*facts_.tmpdir)));
            if (chosen_ == &facts_.tmp) return text;
        }
        for (const auto* place : {&facts_.tmp, &facts_.var_tmp}) add(shortcoming(*place));
        return text;
    }

    void choose_home() {
        const auto& home = facts_.home;
        if (home && home->no_files.empty()) return;
        if (home && facts_.home_exists && home->path != "/") {
            note(fmt::format("HOME is kept, but {}", shortcoming(*home)));
            return;
        }
        if (!facts_.root.no_files.empty()) return;
        const std::string& path = plan_.layout.home;
        plan_.directories.push_back({.path = path, .mode = 0700, .must_be_ours = true});
        note(fmt::format("HOME is set to {}: {}", path,
                         home ? shortcoming(*home) : std::string("it is unset")));
        set("HOME", path);
    }

    void choose_rundir() {
        if (!facts_.root.no_files.empty() || facts_.root.no_programs.empty()) return;
        const std::string reason =
            fmt::format("{} takes no programs ({})", facts_.root.path, facts_.root.no_programs);
        if (chosen_ == nullptr || !takes_all(*chosen_)) {
            warn(reason + ": the script of a flux batch job ends with status 126; mount it exec");
            return;
        }
        std::erase_if(plan_.launch.attributes,
                      [](const auto& attribute) { return attribute.first == "rundir"; });
        note(fmt::format("Flux makes its run directory in {}: {}", chosen_->path, reason));
    }

    Plan& plan_;
    const ScratchFacts& facts_;
    ScratchPlace below_root_;               // layout.tmp, which is as --root is
    const ScratchPlace* chosen_ = nullptr;  // where a job's temporary files go
};

}  // namespace

Plan with_scratch(Plan plan, const ScratchFacts& facts) {
    Decision(plan, facts).decide();
    return plan;
}

}  // namespace fluxpod
