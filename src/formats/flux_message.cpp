// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/flux_message.hpp"

#include <array>
#include <cstring>
#include <optional>
#include <vector>

namespace fluxpod {

namespace {

constexpr std::uint32_t connector_magic = 0xFFEE0012;  // in the machine's own byte order
constexpr std::size_t max_message = std::size_t{8} << 20U;

// RFC 3, the last frame of a message.
constexpr unsigned char proto_magic = 0x8E;
constexpr unsigned char proto_version = 1;
constexpr std::size_t proto_size = 20;
constexpr std::size_t proto_type = 2, proto_flags = 3, proto_error_number = 12;
constexpr unsigned char type_request = 1, type_response = 2;
constexpr unsigned char has_topic = 0x01, has_payload = 0x02, has_route = 0x08;

constexpr std::uint32_t nobody = 0xFFFFFFFF;  // the broker fills in who asks
constexpr std::uint32_t matchtag = 1;

// A frame of 255 bytes or more has its size in the four bytes after this one.
constexpr unsigned char long_frame = 0xFF;

void put_byte(std::string& out, unsigned char value) { out += static_cast<char>(value); }

void put32(std::string& out, std::uint32_t value) {
    for (unsigned shift : {24U, 16U, 8U, 0U}) {
        put_byte(out, static_cast<unsigned char>(value >> shift & 0xFFU));
    }
}

unsigned char byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]);
}

std::uint32_t get32(std::string_view bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8U | byte_at(bytes, i);
    return value;
}

void put_frame(std::string& out, std::string_view frame) {
    if (frame.size() < long_frame) {
        put_byte(out, static_cast<unsigned char>(frame.size()));
    } else {
        put_byte(out, long_frame);
        put32(out, static_cast<std::uint32_t>(frame.size()));
    }
    out += frame;
}

std::optional<std::string_view> take_frame(std::string_view& rest) {
    if (rest.empty()) return std::nullopt;
    std::size_t size = byte_at(rest, 0);
    rest.remove_prefix(1);
    if (size == long_frame) {
        if (rest.size() < 4) return std::nullopt;
        size = get32(rest);
        rest.remove_prefix(4);
    }
    if (rest.size() < size) return std::nullopt;
    const auto frame = rest.substr(0, size);
    rest.remove_prefix(size);
    return frame;
}

}  // namespace

std::string encode_flux_request(const FluxRequest& request) {
    const bool payload = !request.payload.empty();
    std::string proto;
    for (unsigned char byte : {proto_magic, proto_version, type_request}) put_byte(proto, byte);
    put_byte(proto, payload ? has_topic | has_route | has_payload : has_topic | has_route);
    put32(proto, nobody);
    put32(proto, 0);  // roles
    put32(proto, request.rank);
    put32(proto, matchtag);

    std::string message;
    put_frame(message, "");  // no route yet
    put_frame(message, request.topic);
    // JSON goes as a C string.
    if (payload) put_frame(message, request.payload + '\0');
    put_frame(message, proto);

    std::string bytes(sizeof connector_magic, '\0');
    std::memcpy(bytes.data(), &connector_magic, sizeof connector_magic);
    put32(bytes, static_cast<std::uint32_t>(message.size()));
    return bytes + message;
}

OrCause<std::size_t> flux_message_size(std::string_view header) {
    std::uint32_t magic = 0;
    if (header.size() == flux_header_size) std::memcpy(&magic, header.data(), sizeof magic);
    if (magic != connector_magic) {
        return tl::unexpected<std::string>("it does not speak as Flux's local connector does");
    }
    const std::size_t size = get32(header.substr(sizeof magic));
    if (size > max_message) return tl::unexpected<std::string>("it announces a huge message");
    return size;
}

OrCause<FluxResponse> decode_flux_response(std::string_view message) {
    std::vector<std::string_view> frames;
    while (!message.empty()) {
        const auto frame = take_frame(message);
        if (!frame) return tl::unexpected<std::string>("its answer is cut off");
        frames.push_back(*frame);
    }
    if (frames.empty() || frames.back().size() != proto_size ||
        byte_at(frames.back(), 0) != proto_magic || byte_at(frames.back(), 1) != proto_version ||
        byte_at(frames.back(), proto_type) != type_response) {
        return tl::unexpected<std::string>("its answer is not a response");
    }
    const auto proto = frames.back();
    const unsigned char flags = byte_at(proto, proto_flags);

    std::size_t next = 0;
    if ((flags & has_route) != 0) {
        // Identities of brokers on the way, then an empty frame.
        while (next + 1 < frames.size() && !frames[next].empty()) ++next;
        ++next;
    }
    if ((flags & has_topic) != 0) ++next;
    const bool payload = (flags & has_payload) != 0;
    if (next + (payload ? 1U : 0U) + 1U != frames.size()) {
        return tl::unexpected<std::string>("its answer has other parts than it says");
    }
    FluxResponse response{.error_number = get32(proto.substr(proto_error_number)), .payload = {}};
    if (payload) {
        response.payload = frames[next];
        // JSON comes with the zero byte of a C string.
        if (response.payload.ends_with('\0')) response.payload.pop_back();
    }
    return response;
}

}  // namespace fluxpod
