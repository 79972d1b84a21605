// SPDX-License-Identifier: Apache-2.0
// Asynchronous work is a Task: an Asio coroutine on one single-threaded io_context.
//
// Cancellation is Asio's: `co_await (work() || signal())` (race below) cancels the loser, whose
// pending operation then ends and whose coroutine unwinds by exception. So a Task holds its
// resources in objects with destructors, and catches no exception that it does not know.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace fluxpod {

namespace asio = boost::asio;

template <class T>
using Task = asio::awaitable<T>;

// For operations whose error is a value: auto [error, n] = co_await socket.async_...(as_result).
inline constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// a || b: runs both, ends with the first to end, cancels the other. The result is a variant.
using namespace asio::experimental::awaitable_operators;  // NOLINT(google-build-using-namespace)

// Runs a task to its end on the calling thread. For main and for tests.
template <class T>
T run_task(asio::io_context& context, Task<T> task) {
    std::exception_ptr failure;
    if constexpr (std::is_void_v<T>) {
        asio::co_spawn(context, std::move(task),
                       [&](std::exception_ptr thrown) { failure = std::move(thrown); });
        context.run();
        context.restart();
        if (failure) std::rethrow_exception(failure);
    } else {
        std::optional<T> outcome;
        asio::co_spawn(context, std::move(task), [&](std::exception_ptr thrown, T value) {
            failure = std::move(thrown);
            if (!failure) outcome.emplace(std::move(value));
        });
        context.run();
        context.restart();
        if (failure) std::rethrow_exception(failure);
        return std::move(outcome).value();
    }
}

}  // namespace fluxpod
