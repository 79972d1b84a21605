// SPDX-License-Identifier: Apache-2.0
// What ranks say to each other during a roll call (overlay/roll_call.hpp): one frame of JSON. Up
// the tree go a rank's presence and, from child to parent, the receipt of the verdict; down goes
// the verdict.
//
//   {"kind":"present","rank":1,"hostname":"fp-1","parent":0,"waited_ms":12,"refused":0}
//   {"kind":"verdict","complete":false,"joined":2,"size":3,"refused_keys":false,
//    "lacking":"fp-2 (rank 2): ..."}
//   {"kind":"receipt"}
//
// Every holder of the certificate may send anything. Returns nullopt for a frame that is larger
// than `max_bytes`, is not JSON, lacks a member, or has one out of its bounds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "fluxpod/base/time.hpp"

namespace fluxpod {

struct Presence {
    static constexpr std::size_t max_hostname = 253;  // of a DNS name, RFC 1035
    std::uint32_t rank = 0;
    std::string hostname;       // as Flux accepts it (hostname_fault)
    std::uint32_t parent = 0;   // where this rank believes to hang
    Duration waited{};          // for its parent, whole milliseconds
    std::uint32_t refused = 0;  // connections with another certificate that it turned away
    bool operator==(const Presence&) const = default;
};

struct RollCallVerdict {
    bool complete = false;
    std::uint32_t joined = 0;
    std::uint32_t size = 0;
    bool refused_keys = false;  // another certificate was the only trouble
    std::string lacking;        // who is missing and why; empty if complete
    bool operator==(const RollCallVerdict&) const = default;
};

struct Receipt {
    bool operator==(const Receipt&) const = default;
};

using RollCallMessage = std::variant<Presence, RollCallVerdict, Receipt>;

inline constexpr std::size_t max_roll_call_bytes = 4096;

[[nodiscard]] std::string encode_roll_call(const RollCallMessage& message);
[[nodiscard]] std::optional<RollCallMessage> decode_roll_call(std::string_view bytes);

}  // namespace fluxpod
