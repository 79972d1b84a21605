// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/broker_socket.hpp"

#include <fmt/format.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "fluxpod/base/json_object.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/supervise/local_socket.hpp"

namespace fluxpod {

namespace {

using Outcome = Answer<std::string>;

tl::unexpected<NoAnswer> silent(const std::string& path, const std::string& cause) {
    return tl::unexpected<NoAnswer>({.absent = false,
                                     .error_number = 0,
                                     .cause = fmt::format("the broker on {}: {}", path, cause)});
}

Outcome payload_of(const std::string& path, std::string_view message) {
    auto response = decode_flux_response(message);
    if (!response) return silent(path, response.error());
    if (response->error_number == 0) return std::move(response->payload);
    const int number = static_cast<int>(response->error_number);
    auto refused = silent(
        path, response->payload.empty() ? describe_errno(number) : excerpt(response->payload, 200));
    refused.value().error_number = number;
    return refused;
}

// The handshake is one byte, zero or an errno; then a request and its response.
Task<Outcome> converse(LocalStream& stream, const std::string& path, const FluxRequest& question) {
    std::string welcome(1, '\0');
    const auto [unwelcome, welcomed] =
        co_await asio::async_read(stream, asio::buffer(welcome), as_result);
    if (unwelcome) co_return silent(path, unwelcome.message());
    if (welcome.front() != '\0') {
        co_return silent(path, describe_errno(static_cast<unsigned char>(welcome.front())));
    }
    const std::string request = encode_flux_request(question);
    const auto [unsent, sent] =
        co_await asio::async_write(stream, asio::buffer(request), as_result);
    if (unsent) co_return silent(path, unsent.message());

    std::string header(flux_header_size, '\0');
    const auto [headless, header_read] =
        co_await asio::async_read(stream, asio::buffer(header), as_result);
    if (headless) co_return silent(path, headless.message());
    const auto size = flux_message_size(header);
    if (!size) co_return silent(path, size.error());

    std::string message(*size, '\0');
    const auto [cut_off, message_read] =
        co_await asio::async_read(stream, asio::buffer(message), as_result);
    if (cut_off) co_return silent(path, cut_off.message());
    co_return payload_of(path, message);
}

}  // namespace

Task<Outcome> ask_broker(const std::string& socket_path, FluxRequest request, Clock& clock,
                         TimePoint give_up) {
    auto stream = connect_local(co_await asio::this_coro::executor, socket_path);
    if (!stream) {
        co_return tl::unexpected<NoAnswer>({.absent = stream.error().nobody_there,
                                            .error_number = 0,
                                            .cause = stream.error().cause});
    }
    auto first = co_await (converse(*stream, socket_path, request) || clock.sleep_until(give_up));
    if (auto* ended = std::get_if<0>(&first)) co_return std::move(*ended);
    co_return silent(socket_path, "it accepts connections and does not answer");
}

Task<Outcome> ask_broker_state(const std::string& socket_path, Clock& clock, TimePoint give_up) {
    FluxRequest question{.topic = "state-machine.get", .payload = {}};
    auto payload = co_await ask_broker(socket_path, std::move(question), clock, give_up);
    if (!payload) co_return payload;
    const auto object = parse_object(*payload);
    const auto state = object ? text_in(*object, "state") : std::nullopt;
    if (!state) co_return silent(socket_path, "its answer names no state");
    co_return printable(*state);
}

}  // namespace fluxpod
