// SPDX-License-Identifier: Apache-2.0
// What a broker's socket answers: header and message.
#include "fluxpod/formats/flux_message.hpp"

#include "property.hpp"

using namespace fluxpod;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = as_text(data, size);
    const auto header = bytes.substr(0, flux_header_size);
    const auto announced = flux_message_size(header);
    must_hold(!announced || *announced <= std::size_t{8} << 20U, "no message is larger than 8 MiB");
    const auto message = announced ? bytes.substr(header.size()) : bytes;
    const auto response = decode_flux_response(message);
    if (!response) {
        must_hold(!response.error().empty(), "a refusal has a reason");
        return 0;
    }
    must_hold(response->payload.size() < message.size(), "a payload is a part of its message");
    must_hold(!decode_flux_response(message.substr(0, message.size() - 1)),
              "a message that is cut off is refused");
    return 0;
}
