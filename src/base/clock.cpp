// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/clock.hpp"

#include <boost/asio/steady_timer.hpp>

namespace fluxpod {

Task<void> sleep_for_ever() {
    asio::steady_timer timer(co_await asio::this_coro::executor,
                             asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
}

TimePoint SteadyClock::now() const { return std::chrono::steady_clock::now(); }

Task<void> SteadyClock::sleep_until(TimePoint when) {
    asio::steady_timer timer(co_await asio::this_coro::executor, when);
    co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace fluxpod
