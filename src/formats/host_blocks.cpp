// SPDX-License-Identifier: Apache-2.0
#include "host_blocks.hpp"

#include <algorithm>
#include <string_view>

#include "host_digits.hpp"

namespace fluxpod {

bool HostBlock::meets(const HostBlock& next) const {
    return prefix == next.prefix && suffix == next.suffix && digits == next.digits &&
           last >= next.first;
}

std::string HostBlock::first_name() const {
    if (digits == 0) return prefix;
    return prefix + zero_padded(first, static_cast<unsigned>(digits)) + suffix;
}

HostBlock block_of_name(const std::string& name) {
    const auto last_digit = name.find_last_of(decimal);
    if (last_digit == std::string::npos) return {name, {}, 0, 0, 0};
    const std::string_view head(name.data(), last_digit + 1);
    const std::string_view run = trailing_digits(head);
    const auto number = parse_digits(run);
    if (!number) return {name, {}, 0, 0, 0};
    return {std::string(head.substr(0, head.size() - run.size())), name.substr(last_digit + 1),
            run.size(), *number, *number};
}

bool add_blocks(const std::string& prefix, const std::string& suffix, const HostSpan& span,
                std::vector<HostBlock>& blocks) {
    const std::string_view run = trailing_digits(prefix);
    const unsigned most = std::max(span.width, decimal_digits(span.last));
    if (suffix.find_first_of(decimal) != std::string::npos) return false;
    if (!run.empty() && run.size() + most > max_host_digits) return false;
    const std::uint64_t fixed = parse_digits(run).value_or(0);
    const std::string head = prefix.substr(0, prefix.size() - run.size());
    for (auto first = span.first; first <= span.last;) {
        const unsigned digits = std::max(span.width, decimal_digits(first));
        const auto last = digits == most ? span.last : power_of_ten(digits) - 1;
        const std::uint64_t offset = run.empty() ? 0 : fixed * power_of_ten(digits);
        blocks.push_back({head, suffix, run.size() + digits, offset + first, offset + last});
        first = last + 1;
    }
    return true;
}

std::optional<std::string> first_meeting(std::vector<HostBlock> blocks) {
    std::sort(blocks.begin(), blocks.end());
    const auto met = std::adjacent_find(blocks.begin(), blocks.end(),
                                        [](const auto& a, const auto& b) { return a.meets(b); });
    if (met == blocks.end()) return std::nullopt;
    return (met + 1)->first_name();
}

}  // namespace fluxpod
