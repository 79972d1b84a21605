// SPDX-License-Identifier: Apache-2.0
// Tasks side by side on one thread, where how many is only known at run time: the servers of one
// question, the addresses of one connect, the targets of one wait.
#pragma once

#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <utility>
#include <vector>

#include "fluxpod/base/task.hpp"

namespace fluxpod {

// Runs all tasks; each leaves its outcome where the caller told it to. `enough()` is asked whenever
// one has ended; once it says true, the others are cancelled. Returns when every task has ended
// (a cancelled one has unwound), so that tasks may refer to the caller's variables. An exception of
// a task cancels the others and is thrown on.
template <class Enough>
Task<void> together(std::vector<Task<void>> tasks, Enough enough) {
    if (tasks.empty()) co_return;
    auto executor = co_await asio::this_coro::executor;
    using Operation = decltype(asio::co_spawn(executor, std::move(tasks.front()), asio::deferred));
    std::vector<Operation> operations;
    operations.reserve(tasks.size());
    for (auto& task : tasks) {
        operations.push_back(asio::co_spawn(executor, std::move(task), asio::deferred));
    }

    bool stopped = false;
    std::exception_ptr failure;
    auto stop_when = [&](const std::exception_ptr& thrown) {
        if (stopped) return asio::cancellation_type::none;
        if (thrown) failure = thrown;
        stopped = thrown || enough();
        return stopped ? asio::cancellation_type::terminal : asio::cancellation_type::none;
    };
    co_await asio::experimental::make_parallel_group(std::move(operations))
        .async_wait(stop_when, asio::use_awaitable);

    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
        throw boost::system::system_error(asio::error::operation_aborted);
    }
    if (failure) std::rethrow_exception(failure);
}

}  // namespace fluxpod
