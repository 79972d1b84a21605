// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/launch/broker_socket.hpp"

#include <fmt/format.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/flux_message.hpp"
#include "fluxpod/launch/local_socket.hpp"

namespace fluxpod {

namespace {

using Outcome = tl::expected<std::string, NoBrokerState>;

Outcome silent(const std::string& path, const std::string& cause) {
    return tl::unexpected<NoBrokerState>(
        {.absent = false, .cause = fmt::format("the broker on {}: {}", path, cause)});
}

Outcome state_in(const std::string& path, std::string_view message) {
    auto response = decode_flux_response(message);
    if (!response) return silent(path, response.error());
    if (response->error_number != 0) {
        return silent(path, describe_errno(static_cast<int>(response->error_number)));
    }
    boost::json::error_code ignored;
    const auto value = boost::json::parse(response->payload, ignored);
    const auto* object = value.if_object();
    const auto* state = object == nullptr ? nullptr : object->if_contains("state");
    if (state == nullptr || !state->is_string()) return silent(path, "its answer names no state");
    return printable(std::string_view(state->get_string()));
}

// The handshake is one byte, zero or an errno; then a request and its response.
Task<Outcome> converse(LocalStream& stream, const std::string& path) {
    std::string welcome(1, '\0');
    const auto [unwelcome, welcomed] =
        co_await asio::async_read(stream, asio::buffer(welcome), as_result);
    if (unwelcome) co_return silent(path, unwelcome.message());
    if (welcome.front() != '\0') {
        co_return silent(path, describe_errno(static_cast<unsigned char>(welcome.front())));
    }
    const std::string request = encode_flux_request("state-machine.get");
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
    co_return state_in(path, message);
}

}  // namespace

Task<Outcome> ask_broker_state(const std::string& socket_path, Clock& clock, TimePoint give_up) {
    auto stream = connect_local(co_await asio::this_coro::executor, socket_path);
    if (!stream) {
        const NoBrokerState failure{.absent = stream.error().nobody_there,
                                    .cause = stream.error().cause};
        co_return tl::unexpected(failure);
    }
    auto first = co_await (converse(*stream, socket_path) || clock.sleep_until(give_up));
    if (auto* ended = std::get_if<0>(&first)) co_return std::move(*ended);
    co_return silent(socket_path, "it accepts connections and does not answer");
}

}  // namespace fluxpod
