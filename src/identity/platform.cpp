// SPDX-License-Identifier: Apache-2.0
#include "platform.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

using enum IndexSource;
using P = PodFacts;

// clang-format off
constexpr auto platforms = std::to_array<Platform>({
    // name             sign                      called                  index    lead         others      first
    {"Indexed Job",     &P::job_completion_index, "JOB_COMPLETION_INDEX", number,  numbered,    "-",        0},
    {"LeaderWorkerSet", &P::lws_worker_index,     "LWS_WORKER_INDEX",     number,  "",          "-",        0},
    {"MPIJob",          &P::mpi_job_role,         "K_MPI_JOB_ROLE",       role,    "-launcher", "-worker-", -1},
    {"StatefulSet",     &P::pod_index_label,      "pod-index label",      number,  numbered,    "-",        0},
    {"compose replica", &P::reverse_name,         "reverse name",         ordinal, numbered,    "-",        1},
    {"plain hostname",  nullptr,                  "hostname",             ordinal, numbered,    "-",        0},
});
// clang-format on

tl::unexpected<Error> unusable(const Platform& platform, const std::string& value,
                               std::string expected) {
    return fail({.code = ExitCode::identity,
                 .doing = "read the index of this pod from",
                 .subject = std::string(platform.sign_name),
                 .cause = "\"" + value + "\" is not " + std::move(expected),
                 .hint = "the " + std::string(platform.name) +
                         " sets it; --index overrides it where it is wrong"});
}

std::optional<Index> index_in_name(const Platform& platform, std::string_view hostname,
                                   std::string origin) {
    auto split = split_ordinal(hostname, platform.others);
    if (!split) return std::nullopt;
    const std::int64_t index = std::int64_t{split->ordinal} - platform.first;
    if (index < 0 || index > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return Index{static_cast<std::uint32_t>(index), std::move(origin)};
}

}  // namespace

bool is_plain(const Platform& platform) { return platform.sign == nullptr; }

const Platform& recognise(const PodFacts& facts) {
    return *std::ranges::find_if(platforms, [&](const Platform& platform) {
        return is_plain(platform) || (facts.*platform.sign).has_value();
    });
}

std::optional<Numbered> split_ordinal(std::string_view hostname, std::string_view separator) {
    const auto last_other = hostname.find_last_not_of("0123456789");
    if (last_other == std::string_view::npos) return std::nullopt;
    const auto digits = hostname.substr(last_other + 1);
    auto base = hostname.substr(0, last_other + 1);
    if (!base.ends_with(separator)) return std::nullopt;
    base.remove_suffix(separator.size());
    if (base.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
    auto ordinal = parse_number<std::uint32_t>(digits);
    if (!ordinal) return std::nullopt;
    return Numbered{base, *ordinal};
}

Result<std::optional<Index>> platform_index(const Platform& platform, const PodFacts& facts,
                                            std::string_view hostname) {
    const std::string origin(platform.sign_name);
    if (platform.index == ordinal) return index_in_name(platform, hostname, origin);

    const std::string& sign = (facts.*platform.sign).value();
    if (platform.index == number) {
        auto value = parse_number<std::uint32_t>(sign);
        if (!value) return unusable(platform, sign, "an index (a number from 0 up)");
        return Index{*value, origin};
    }
    if (sign == "launcher") return Index{0, origin};
    if (sign != "worker") return unusable(platform, sign, "launcher or worker");
    return index_in_name(platform, hostname, origin + " and hostname");
}

std::string cluster_name_in(const Platform& platform, std::string_view hostname, bool is_lead) {
    if (is_lead && platform.lead != numbered && hostname.ends_with(platform.lead)) {
        return std::string(hostname.substr(0, hostname.size() - platform.lead.size()));
    }
    auto split = split_ordinal(hostname, platform.others);
    return std::string(split ? split->base : hostname);
}

Hostlist platform_hosts(const Platform& platform, const std::string& cluster_name,
                        std::uint32_t count) {
    Hostlist hosts;
    std::uint32_t rank = 0;
    if (platform.lead != numbered) {
        hosts.append(cluster_name + std::string(platform.lead));
        rank = 1;
    }
    if (rank == count) return hosts;
    auto ordinal_of = [&](std::uint32_t of) {
        return static_cast<std::uint64_t>(std::int64_t{of} + platform.first);
    };
    hosts.append_range(cluster_name + std::string(platform.others), ordinal_of(rank),
                       ordinal_of(count - 1), 1, "");
    return hosts;
}

}  // namespace fluxpod
