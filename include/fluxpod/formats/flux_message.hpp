// SPDX-License-Identifier: Apache-2.0
// A request to a Flux broker and its response as bytes: Flux's RFC 3 message in the frame of the
// local connector. Just enough for one question to our own broker, without libflux and without a
// process of its own. Every byte of a response is hostile.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace fluxpod {

// In front of each message: a magic number and the size of what follows.
inline constexpr std::size_t flux_header_size = 8;

// Header and message of a request without payload to the nearest broker that has the service.
[[nodiscard]] std::string encode_flux_request(std::string_view topic);

// The size of the message behind this header of flux_header_size bytes; the error is the cause in
// words: no header, or a message of a size that no answer has.
[[nodiscard]] tl::expected<std::size_t, std::string> flux_message_size(std::string_view header);

struct FluxResponse {
    std::uint32_t error_number = 0;  // errno(3), 0: the request succeeded
    std::string payload;             // JSON; empty: none
};
[[nodiscard]] tl::expected<FluxResponse, std::string> decode_flux_response(
    std::string_view message);

}  // namespace fluxpod
