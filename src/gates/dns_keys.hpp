// SPDX-License-Identifier: Apache-2.0
// Chooses the next question about a name that may be absent, so that the denials that DNS caches
// hold do no harm (docs/decisions/dns-cache-keys.md): of its existence under a private type, or of
// its address under one of four keys. Learns from the answers. Pure: time is handed in.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "fluxpod/base/time.hpp"
#include "fluxpod/gates/resolver.hpp"

namespace fluxpod {

// Each time slot has a private type of its own, which is the same for all pods.
inline constexpr Duration dns_time_slot = std::chrono::milliseconds(125);

// Asks whether the name exists, under a key that no earlier denial holds.
[[nodiscard]] DnsQuestion existence_question(std::string name, Duration since_epoch);

// One cache key of a type: the DO and CD bits.
struct DnsKey {
    bool dnssec_ok = false;
    bool checking_disabled = false;
    TimePoint held_until = TimePoint::min();  // a denial of it, in the server's cache
    TimePoint asked = TimePoint::min();

    [[nodiscard]] bool is_free(TimePoint now) const { return held_until <= now; }
};

class DnsKeys {
  public:
    // ---- The address

    // The plain key first: the broker's own resolver asks that one.
    [[nodiscard]] std::array<DnsKey, 4>& all() { return keys_; }
    // Returns the key that was not asked for longest, among the free ones if there are any. While
    // the name is absent only the expendable keys are asked, so that one more than the plain key is
    // left whose denial nobody has caused.
    [[nodiscard]] DnsKey& next(bool expendable_only, TimePoint now);
    void learn_address(DnsKey& key, const Resolution& resolution, TimePoint now);

    // ---- Polls while the name is absent

    // True: the next poll asks for existence. Polls take turns, unless one of the two is of no use.
    [[nodiscard]] bool poll_existence(TimePoint now);
    [[nodiscard]] DnsKey& next_to_poll(TimePoint now) {
        return next(probes_ != Probes::useless, now);
    }
    void learn_existence_poll(const Resolution& resolution, TimePoint now);
    void learn_address_poll(DnsKey& key, const Resolution& resolution, TimePoint now);
    // A probe said that the name exists, and then every key denied it.
    void distrust_existence() { probes_ = Probes::useless; }
    [[nodiscard]] bool trusts_existence() const { return probes_ == Probes::work; }

    // ---- The proof
    //
    // Whether the resolver answers private types rightly shows at a name that does exist: the apex
    // of the zone that denied ours. If so, no poll for an address is needed beside the probes,
    // which in a crowd mostly meets a denial that another pod's question has left.

    void learn_zone(const Resolution& denial) { zone_ = denial.answer.denial_zone; }
    [[nodiscard]] const std::string& zone() const { return zone_; }
    // Whether existence_question(zone()) is still to be asked.
    [[nodiscard]] bool lacks_proof() const;
    void begin_proof() { proof_tried_ = true; }
    void learn_proof(const Resolution& resolution);

  private:
    // The worth of questions of private types with this resolver. "refused" may pass (a server that
    // is starting); "useless" stays: it says of an absent name that it exists, or drops them.
    enum class Probes { work, refused, useless };

    [[nodiscard]] bool is_held_for_all_types(const Resolution& resolution, TimePoint now);

    static constexpr int first_expendable_key = 2;
    std::array<DnsKey, 4> keys_{{{},  // plain
                                 {.dnssec_ok = true, .checking_disabled = true},
                                 {.dnssec_ok = true},
                                 {.checking_disabled = true}}};
    Probes probes_ = Probes::work;
    bool probe_was_dropped_ = false;
    int dropped_probes_ = 0;
    bool address_next_ = false;
    std::string zone_;                           // that denied the name
    TimePoint denied_until_ = TimePoint::min();  // by the denials of private types
    TimePoint denied_since_ = TimePoint::min();
    bool proof_tried_ = false;
    bool proven_ = false;
};

}  // namespace fluxpod
