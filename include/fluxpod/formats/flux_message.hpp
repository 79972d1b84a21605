// SPDX-License-Identifier: Apache-2.0
// A request to a Flux broker and its response as bytes: Flux's RFC 3 message in the frame of the
// local connector. Just enough to ask our own broker, without libflux and without a process for
// each question. Every byte of a response is hostile.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fluxpod/base/or_cause.hpp"

namespace fluxpod {

// In front of each message: a magic number and the size of what follows.
inline constexpr std::size_t flux_header_size = 8;

// The nearest broker that has the service, on the way from ours to rank 0.
inline constexpr std::uint32_t nearest_broker = 0xFFFFFFFF;

struct FluxRequest {
    std::string topic = {};               // "job-manager.raiseall"
    std::string payload = {};             // JSON; empty: none
    std::uint32_t rank = nearest_broker;  // of the broker that shall answer
};
// Header and message.
[[nodiscard]] std::string encode_flux_request(const FluxRequest& request);

// Returns the size of the message after this header of flux_header_size bytes; the error is the
// cause in words: no header, or a message of a size that no answer has.
[[nodiscard]] OrCause<std::size_t> flux_message_size(std::string_view header);

struct FluxResponse {
    std::uint32_t error_number = 0;  // errno(3), 0: the request succeeded
    // JSON, or the reason of an error as text; empty: none.
    std::string payload;
};
[[nodiscard]] OrCause<FluxResponse> decode_flux_response(std::string_view message);

}  // namespace fluxpod
