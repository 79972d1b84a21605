// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/flux_message.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <string>

namespace fluxpod {
namespace {

using namespace std::string_literals;

std::string little_endian_magic() {
    const bool little = std::endian::native == std::endian::little;
    return little ? "\x12\x00\xee\xff"s : "\xff\xee\x00\x12"s;
}

// As a broker of Flux 0.88 answered attr.get on its local socket.
const std::string recorded =
    "\x00\x08"
    "attr.get\x18{\"value\":\"0\",\"flags\":1}\x00\x14"
    "\x8e\x01\x02\x0b\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x01"s;

TEST_CASE("a request is what Flux's own client sends") {
    CHECK(encode_flux_request({.topic = "state-machine.get"}) ==
          little_endian_magic() +
              "\x00\x00\x00\x28\x00\x11state-machine.get\x14"
              "\x8e\x01\x01\x09\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x01"s);
}

TEST_CASE("a recorded response is read") {
    auto response = decode_flux_response(recorded);
    REQUIRE(response);
    CHECK(response->error_number == 0);
    CHECK(response->payload == R"({"value":"0","flags":1})");
}

TEST_CASE("an error response carries its errno and needs no payload") {
    std::string message =
        "\x00\x03"
        "a.b\x14"
        "\x8e\x01\x02\x09\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x26\x00\x00"
        "\x00\x01"s;
    auto response = decode_flux_response(message);
    REQUIRE(response);
    CHECK(response->error_number == 38);
    CHECK(response->payload.empty());
}

TEST_CASE("frames of 255 bytes and more are read") {
    const std::string payload(300, 'x');
    std::string message = "\x00\x01t\xff\x00\x00\x01\x2c"s + payload +
                          "\x14\x8e\x01\x02\x0b\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00"
                          "\x00\x00\x01"s;
    auto response = decode_flux_response(message);
    REQUIRE(response);
    CHECK(response->payload == payload);
}

TEST_CASE("every cut of a response is refused") {
    for (std::size_t size = 0; size < recorded.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(decode_flux_response(recorded.substr(0, size)));
    }
}

TEST_CASE("every changed byte of a response is read or refused, and never believed to be longer") {
    for (std::size_t at = 0; at < recorded.size(); ++at) {
        for (const char byte : {'\x00', '\x01', '\x7f', '\xff'}) {
            std::string changed = recorded;
            changed[at] = byte;
            auto response = decode_flux_response(changed);
            if (response) CHECK(response->payload.size() <= changed.size());
        }
    }
}

TEST_CASE("a header tells the size, and nothing else is a header") {
    const std::string header = little_endian_magic() + "\x00\x00\x01\x02"s;
    REQUIRE(flux_message_size(header));
    CHECK(*flux_message_size(header) == 258);
    CHECK_FALSE(flux_message_size(""));
    CHECK_FALSE(flux_message_size(header.substr(0, 7)));
    CHECK_FALSE(flux_message_size("HTTP/1.1"));
    CHECK_FALSE(flux_message_size(little_endian_magic() + "\xff\xff\xff\xff"s));
}

}  // namespace
}  // namespace fluxpod
