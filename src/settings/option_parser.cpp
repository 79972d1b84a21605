// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/settings/option_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options/detail/config_file.hpp>
#include <boost/program_options/environment_iterator.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>
#include <memory>
#include <set>
#include <span>
#include <sstream>

#include "fluxpod/base/text.hpp"
#include "fluxpod/settings/option_table.hpp"

namespace fluxpod {

namespace {

namespace po = boost::program_options;

// Tells the library how many values a row takes. load_settings checks the values themselves, once
// it knows which source wins.
class RowValue final : public po::value_semantic {
  public:
    explicit RowValue(const OptionRow& row) : row_(row) {}

    [[nodiscard]] std::string name() const override { return std::string(row_.metavar); }
    [[nodiscard]] unsigned min_tokens() const override {
        return row_.kind == OptionRow::Kind::flag ? 0 : 1;
    }
    [[nodiscard]] unsigned max_tokens() const override { return min_tokens(); }
    [[nodiscard]] bool is_composing() const override {
        return row_.kind == OptionRow::Kind::repeated;
    }
    [[nodiscard]] bool is_required() const override { return false; }
    void parse(boost::any& seen, const std::vector<std::string>& /*tokens*/,
               bool /*utf8*/) const override {
        if (!seen.empty() && !is_composing()) throw po::multiple_occurrences();
        seen = true;
    }
    bool apply_default(boost::any& /*value*/) const override { return false; }
    void notify(const boost::any& /*value*/) const override {}

  private:
    const OptionRow& row_;
};

std::string option_meaning(const OptionRow& row) {
    std::string help(row.help);
    if (row.kind == OptionRow::Kind::repeated) help += "; may be given several times";
    if (!row.fallback.empty()) help += fmt::format(" (default: {})", row.fallback);
    return help;
}

constexpr unsigned help_width = 80;
constexpr unsigned meaning_width = 54;  // the rest is for the names

po::options_description described(std::span<const OptionRow> rows, unsigned command_bits,
                                  const std::string& title = "") {
    po::options_description description(title, help_width, meaning_width);
    for (const auto& row : rows) {
        if ((row.commands & command_bits) == 0) continue;
        auto value = std::make_unique<RowValue>(row);
        // The description becomes the owner.
        description.add_options()(std::string(row.name).c_str(), value.release(),
                                  option_meaning(row).c_str());
    }
    return description;
}

// The option of this exact name; null also for an empty one, which the library takes for any.
const po::option_description* option_named(const po::options_description& description,
                                           const std::string& name) {
    return name.empty() ? nullptr : description.find_nothrow(name, false);
}

// Refuses an option that is given twice and may not be repeated.
Parsed<void> check_repetition(const po::parsed_options& parsed) {
    try {
        po::variables_map seen;
        po::store(parsed, seen);
        return {};
    } catch (const po::error_with_option_name& error) {
        const std::string name = error.get_option_name();
        return tl::unexpected(OptionFault{.kind = OptionFault::Kind::given_twice,
                                          .text = name.substr(name.find_first_not_of('-'))});
    }
}

// "--size=4" -> "size"
std::string name_in(std::string_view word) {
    const auto name = word.substr(0, word.find('='));
    return std::string(name.substr(std::min<std::size_t>(2, name.size())));
}

// Parses the words, and knows which of them the library parses: its exceptions do not name it.
class WordReader {
  public:
    WordReader(const std::vector<std::string>& words, unsigned command_bit)
        : words_(words), description_(described(option_table(), command_bit)) {}

    Parsed<ParsedWords> read() {
        namespace style = po::command_line_style;
        try {
            const auto parsed =
                po::command_line_parser(words_)
                    .options(description_)
                    .style(style::allow_long | style::long_allow_adjacent | style::long_allow_next)
                    .extra_style_parser(
                        [this](std::vector<std::string>& rest) { return look_at(rest); })
                    .run();
            if (auto once = check_repetition(parsed); !once) return tl::unexpected(once.error());
            return sorted(parsed);
        } catch (const po::error&) {
            const auto* option = option_named(description_, name_in(word_));
            if (option == nullptr) return fault(OptionFault::Kind::unknown);
            return fault(option->semantic()->max_tokens() == 0 ? OptionFault::Kind::unwanted_value
                                                               : OptionFault::Kind::missing_value);
        }
    }

  private:
    // Called with all words that are left before the library looks at the first of them.
    std::vector<po::option> look_at(std::vector<std::string>& rest) {
        word_ = rest.front();
        place_ = words_.size() - rest.size();
        if (word_ == "--") return {command_of(rest)};
        // The library would take the next option for the value.
        const bool option_follows = rest.size() > 1 && rest[1].starts_with("--");
        if (option_follows && word_.starts_with("--") && word_.find('=') == std::string::npos) {
            const auto* option = option_named(description_, name_in(word_));
            if (option != nullptr && option->semantic()->min_tokens() > 0) {
                throw po::invalid_command_line_syntax(po::invalid_syntax::missing_parameter);
            }
        }
        return {};
    }

    // The library would join the command with the operands.
    static po::option command_of(std::vector<std::string>& rest) {
        po::option command;
        command.original_tokens.push_back(rest.front());
        command.value.assign(rest.begin() + 1, rest.end());
        rest.clear();
        return command;
    }

    static ParsedWords sorted(const po::parsed_options& parsed) {
        ParsedWords words;
        for (const auto& option : parsed.options) {
            const auto& word = option.original_tokens.front();
            if (!option.string_key.empty()) {
                words.options.push_back({.name = option.string_key, .values = option.value});
            } else if (word == "--") {
                words.command = option.value;
            } else {
                words.options.push_back({.name = "", .values = {word}});
            }
        }
        return words;
    }

    [[nodiscard]] tl::unexpected<OptionFault> fault(OptionFault::Kind kind) const {
        return tl::unexpected(OptionFault{.kind = kind, .text = name_in(word_), .place = place_});
    }

    const std::vector<std::string>& words_;
    po::options_description description_;
    std::string word_;  // at which the library is
    std::size_t place_ = 0;
};

struct TextLines {
    std::string_view rest;
    std::size_t number = 0;
    std::string_view current{};  // without its comment
    bool is_at_end = false;
};

// Gives the library's config file reader one line after the other and counts them: its exceptions
// have no line number.
class LineReader final : public po::detail::common_config_file_iterator {
  public:
    LineReader(const std::set<std::string>& names, TextLines& lines)
        : common_config_file_iterator(names), lines_(&lines) {
        get();
    }

  private:
    bool getline(std::string& line) override {
        if (lines_->is_at_end) return false;
        const auto end = lines_->rest.find('\n');
        const auto whole = lines_->rest.substr(0, end);
        lines_->is_at_end = end == std::string_view::npos;
        if (!lines_->is_at_end) lines_->rest.remove_prefix(end + 1);
        ++lines_->number;
        lines_->current = trim(whole.substr(0, whole.find('#')));
        if (lines_->current.starts_with('[')) {  // the library would begin a section
            throw po::invalid_config_file_syntax("", po::invalid_syntax::unrecognized_line);
        }
        line = lines_->current;
        return true;
    }

    TextLines* lines_;
};

OptionFault fault_in_line(const TextLines& lines) {
    using Kind = OptionFault::Kind;
    const auto line = lines.current;
    auto fault = [&](Kind kind, std::string_view text) {
        return OptionFault{.kind = kind, .text = std::string(text), .place = lines.number};
    };
    if (line.starts_with('[')) return fault(Kind::section, line);
    const auto equals = line.find('=');
    const auto name = trim(line.substr(0, equals));
    if (equals == std::string_view::npos || name.empty()) return fault(Kind::no_assignment, line);
    return fault(Kind::unknown, name);
}

}  // namespace

Parsed<ParsedWords> parse_words(const std::vector<std::string>& words, unsigned command_bit) {
    return WordReader(words, command_bit).read();
}

Parsed<std::vector<ParsedOption>> parse_variables(const Environment& variables) {
    const auto description = described(option_table(), used_by::all);
    po::parsed_options parsed(&description);
    std::vector<ParsedOption> options;
    auto pointers = variables.pointers();
    for (boost::environment_iterator at(pointers.data()), end; at != end; ++at) {
        const auto* row = option_of_variable(at->first);
        if (row == nullptr) {
            return tl::unexpected(
                OptionFault{.kind = OptionFault::Kind::unknown, .text = at->first});
        }
        const bool repeated = row->kind == OptionRow::Kind::repeated;
        const auto values = repeated ? split_words(at->second) : std::vector{at->second};
        parsed.options.emplace_back(std::string(row->name), values);
        options.push_back({.name = std::string(row->name), .values = values});
    }
    if (auto once = check_repetition(parsed); !once) return tl::unexpected(once.error());
    return options;
}

Parsed<std::vector<ParsedOption>> parse_lines(std::string_view text) {
    const auto description = described(option_table(), used_by::all);
    std::set<std::string> names;
    for (const auto& row : option_table()) names.emplace(row.name);

    po::parsed_options parsed(&description);
    std::vector<ParsedOption> options;
    TextLines lines{.rest = text};
    try {
        for (LineReader at(names, lines); at != LineReader::common_config_file_iterator(); ++at) {
            parsed.options.push_back(*at);
            options.push_back({.name = at->string_key, .values = at->value, .place = lines.number});
        }
    } catch (const po::error&) {
        return tl::unexpected(fault_in_line(lines));
    }
    auto once = check_repetition(parsed);
    if (once) return options;
    OptionFault fault = once.error();
    for (const auto& option : options) {
        if (option.name != fault.text) continue;
        (fault.first_place == 0 ? fault.first_place : fault.place) = option.place;
        if (fault.place != 0) break;
    }
    return tl::unexpected(fault);
}

std::string describe_options(unsigned command_bit) {
    po::options_description all("Options", help_width, meaning_width);
    all.add_options()("help", "Print this");
    for (const auto& section : option_sections()) {
        const auto group = described(section.rows, command_bit, std::string(section.title));
        if (!group.options().empty()) all.add(group);
    }
    std::ostringstream stream;
    stream << all;
    std::string text = stream.str();
    // The library leaves the blank at which it breaks a line.
    for (auto at = text.find(" \n"); at != std::string::npos; at = text.find(" \n", at)) {
        text.erase(at, 1);
    }
    return text;
}

}  // namespace fluxpod
