// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/job_eventlog.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <charconv>
#include <vector>

#include "fluxpod/base/json_object.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

namespace json = boost::json;

struct Event {
    std::string line;  // as it stands in the log
    std::string name;
    json::object context;
};

std::optional<Event> parse_event(const std::string& line) {
    const auto object = parse_object(line);
    const auto name = object ? text_in(*object, "name") : std::nullopt;
    if (!name) return std::nullopt;
    Event event{.line = line, .name = std::string(*name), .context = {}};
    if (const auto* context = object_in(*object, "context")) event.context = *context;
    return event;
}

std::optional<std::vector<Event>> parse_events(std::string_view eventlog) {
    std::vector<Event> events;
    for (const auto& line : split(eventlog, '\n')) {
        if (line.empty()) continue;
        auto event = parse_event(line);
        if (!event) return std::nullopt;
        events.push_back(std::move(*event));
    }
    return events;
}

bool is_cut(const Event& event) {
    return event.name == "exception" && text_in(event.context, "note") == cut_note &&
           number_in<std::int64_t>(event.context, "severity") == 0;
}

bool is_success(const Event& finish) {
    return number_in<std::int64_t>(finish.context, "status") == 0;
}

// Events of a job that were written while it ran and stay true when it runs again.
bool outlives_a_run(const Event& event) {
    return event.name == "memo" || event.name == "jobspec-update";
}

}  // namespace

std::optional<UncutJob> undo_cut(std::string_view eventlog) {
    const auto events = parse_events(eventlog);
    if (!events) return std::nullopt;
    auto named = [&](std::string_view name) {
        return std::ranges::find(*events, name, &Event::name);
    };
    const auto cut = std::ranges::find_if(*events, is_cut);
    const auto alloc = named("alloc");
    const auto finish = named("finish");
    if (cut == events->end() || alloc >= cut || finish < cut) return std::nullopt;

    UncutJob job{.again = finish == events->end() || !is_success(*finish), .eventlog = {}};
    for (auto event = events->begin(); event != events->end(); ++event) {
        const bool keep = job.again ? event < alloc || outlives_a_run(*event) : event != cut;
        if (keep) job.eventlog += event->line + "\n";
    }
    return job;
}

std::optional<JobFile> split_job_file(std::string_view name) {
    constexpr std::string_view pattern = "job/xxxx/xxxx/xxxx/xxxx/";
    if (name.size() <= pattern.size()) return std::nullopt;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const char c = name[i];
        const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (pattern[i] == 'x' ? !hex : c != pattern[i]) return std::nullopt;
    }
    return JobFile{.directory = name.substr(0, pattern.size() - 1),
                   .file = name.substr(pattern.size())};
}

std::string job_id(std::string_view directory) {
    constexpr std::string_view digits =
        "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    std::uint64_t number = 0;
    for (const auto& quarter : split(directory.substr(std::string_view("job/").size()), '/')) {
        unsigned part = 0;
        std::from_chars(quarter.data(), quarter.data() + quarter.size(), part, 16);
        number = number << 16U | part;
    }
    std::string text;
    do {
        text.insert(text.begin(), digits[number % digits.size()]);
        number /= digits.size();
    } while (number > 0);
    return "ƒ" + text;
}

}  // namespace fluxpod
