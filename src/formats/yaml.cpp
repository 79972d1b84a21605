// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/yaml.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <cstddef>
#include <set>
#include <sstream>
#include <utility>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

std::string describe(const YAML::Mark& mark) {
    return fmt::format("line {}, column {}", mark.line + 1, mark.column + 1);
}

// Hears the parser before any node is made, and stops it at what yaml-cpp itself lets through: it
// would share a node between aliases, even with its own ancestor, and keep both of two equal keys.
class Guard : public YAML::EventHandler {
  public:
    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > max_yaml_documents) {
            refuse(mark, fmt::format("more than {} documents", max_yaml_documents));
        }
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override { value(mark, "~"); }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
        refuse(mark, "an alias, which is not supported; write the value again");
    }
    void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  const std::string& text) override {
        if (text.find('\0') != std::string::npos) refuse(mark, "a NUL character");
        value(mark, text);
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/,
                         YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {
        open(mark, false);
    }
    void OnSequenceEnd() override { levels_.pop_back(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                    YAML::EmitterStyle::value /*style*/) override {
        open(mark, true);
    }
    void OnMapEnd() override { levels_.pop_back(); }

  private:
    struct Level {
        bool is_map = false;
        bool key_is_next = false;
        std::set<std::string> keys;
    };

    [[noreturn]] static void refuse(const YAML::Mark& mark, const std::string& what) {
        throw YAML::ParserException(mark, what);
    }

    void count(const YAML::Mark& mark) {
        if (++nodes_ > max_yaml_nodes)
            refuse(mark, fmt::format("more than {} nodes", max_yaml_nodes));
    }

    void value(const YAML::Mark& mark, const std::string& text) {
        count(mark);
        if (levels_.empty() || !levels_.back().is_map) return;
        Level& level = levels_.back();
        if (level.key_is_next && !level.keys.insert(text).second) {
            refuse(mark, "the key " + excerpt(text) + " is there twice");
        }
        level.key_is_next = !level.key_is_next;
    }

    void open(const YAML::Mark& mark, bool is_map) {
        count(mark);
        if (!levels_.empty() && levels_.back().is_map) {
            Level& level = levels_.back();
            if (level.key_is_next) refuse(mark, "a key that is not a word");
            level.key_is_next = true;
        }
        if (levels_.size() >= max_yaml_levels) {
            refuse(mark, fmt::format("nested deeper than {} levels", max_yaml_levels));
        }
        levels_.push_back({is_map, is_map, {}});
    }

    std::size_t documents_ = 0;
    std::size_t nodes_ = 0;
    std::vector<Level> levels_;
};

}  // namespace

OrCause<std::vector<YAML::Node>> parse_yaml(std::string_view text) {
    if (text.size() > max_yaml_bytes) {
        return tl::unexpected(fmt::format("larger than {} bytes", max_yaml_bytes));
    }
    const std::string bytes(text);
    try {
        std::istringstream stream(bytes);
        YAML::Parser parser(stream);
        Guard guard;
        while (parser.HandleNextDocument(guard)) continue;
        return YAML::LoadAll(bytes);
    } catch (const YAML::Exception& e) {
        return tl::unexpected(e.mark.is_null() ? e.msg : describe(e.mark) + ": " + e.msg);
    } catch (const std::exception& e) {
        return tl::unexpected(std::string("the YAML library gave up: ") + e.what());
    }
}

std::string position_of(const YAML::Node& node) {
    if (!node.IsDefined() || node.Mark().is_null()) return "an unknown place";
    return describe(node.Mark());
}

}  // namespace fluxpod
