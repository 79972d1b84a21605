// SPDX-License-Identifier: Apache-2.0
#include "dns_keys.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "fluxpod/formats/dns_name.hpp"

namespace fluxpod {

namespace {

// Types from the private range (RFC 6895 section 3.1), one per time slot, then again with DO, with
// CD, with both. Over again after 127 s: longer than any denial below is believed to be held.
constexpr std::uint16_t first_private_type = 65280;
constexpr int private_types = 255;

// CoreDNS holds a denial for 30 s as kubeadm sets it up before Kubernetes 1.32. A SOA that says
// more comes from a zone outside the cluster, through a forwarder that may not cache at all: ignore
// it.
constexpr std::uint32_t longest_hold = 60;

// Some firewalls drop questions of unknown types.
constexpr int max_dropped_probes = 2;

// TTLs are whole seconds. The same expiry for this long proves one cached denial.
constexpr Duration whole_name_proof = std::chrono::seconds(3);

}  // namespace

DnsQuestion existence_question(std::string name, Duration since_epoch) {
    const auto slot = since_epoch / dns_time_slot;
    const auto round = slot / private_types;
    return {.name = std::move(name),
            .type = static_cast<std::uint16_t>(first_private_type + slot % private_types),
            .dnssec_ok = round % 2 == 1,
            .checking_disabled = round / 2 % 2 == 1};
}

DnsKey& DnsKeys::next(bool expendable_only, TimePoint now) {
    auto first = keys_.begin() + (expendable_only ? first_expendable_key : 0);
    return *std::min_element(first, keys_.end(), [now](const DnsKey& a, const DnsKey& b) {
        return std::pair(!a.is_free(now), a.asked) < std::pair(!b.is_free(now), b.asked);
    });
}

void DnsKeys::learn_address(DnsKey& key, const Resolution& resolution, TimePoint now) {
    if (resolution.is_answer()) key.held_until = TimePoint::min();
    if (!resolution.is_denial()) return;
    learn_zone(resolution);
    const std::uint32_t ttl = resolution.answer.denial_ttl.value_or(0);
    if (ttl <= longest_hold) key.held_until = now + std::chrono::seconds(ttl);
}

bool DnsKeys::poll_existence(TimePoint now) {
    const bool free_key = probes_ != Probes::work || next(true, now).is_free(now);
    const bool existence = probes_ != Probes::useless && !(address_next_ && free_key && !proven_);
    address_next_ = existence;
    return existence;
}

void DnsKeys::learn_existence_poll(const Resolution& resolution, TimePoint now) {
    if (resolution.is_answer()) {
        probes_ = is_held_for_all_types(resolution, now) ? Probes::useless : Probes::work;
    }
    if (resolution.status == Resolution::Status::refused) probes_ = Probes::refused;
    probe_was_dropped_ = resolution.status == Resolution::Status::no_answer;
}

void DnsKeys::learn_address_poll(DnsKey& key, const Resolution& resolution, TimePoint now) {
    learn_address(key, resolution, now);
    const bool only_probes_are_dropped =
        resolution.is_answer() && std::exchange(probe_was_dropped_, false);
    if (only_probes_are_dropped && ++dropped_probes_ == max_dropped_probes) {
        probes_ = Probes::useless;
    }
}

// dnsmasq and BIND hold a denial for the name as a whole: then it runs out at the same moment
// whatever the type, and a fresh type learns nothing. Under DO, dnsmasq asks anew.
bool DnsKeys::is_held_for_all_types(const Resolution& resolution, TimePoint now) {
    if (!resolution.is_no_such_name()) return false;
    const TimePoint end = now + std::chrono::seconds(resolution.answer.denial_ttl.value_or(0));
    if (end > denied_until_ + std::chrono::seconds(1)) {
        denied_until_ = end;
        denied_since_ = now;
    }
    return now - denied_since_ >= whole_name_proof;
}

bool DnsKeys::lacks_proof() const { return !proof_tried_ && is_dns_name(zone_); }

void DnsKeys::learn_proof(const Resolution& resolution) {
    proven_ = resolution.is_denial() && !resolution.is_no_such_name();
}

}  // namespace fluxpod
