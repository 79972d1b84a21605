// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/base/beside.hpp"

#include <future>
#include <system_error>
#include <thread>
#include <utility>

namespace fluxpod {

namespace {

constexpr auto between_looks = std::chrono::milliseconds(20);
constexpr auto to_stop = std::chrono::seconds(1);

// The thread's own data, which it keeps if nobody waits for it any more.
struct Shared {
    std::function<void(Progress&)> work;
    Progress progress;
    std::promise<void> ended;
};

class StopOnExit {
  public:
    StopOnExit(Shared& shared, std::future<void>& ended) : shared_(shared), ended_(ended) {}
    StopOnExit(const StopOnExit&) = delete;
    StopOnExit& operator=(const StopOnExit&) = delete;
    ~StopOnExit() {
        shared_.progress.stop();
        (void)ended_.wait_for(to_stop);
    }

  private:
    Shared& shared_;
    std::future<void>& ended_;
};

void start(const std::shared_ptr<Shared>& shared) {
    auto run = [shared] {
        shared->work(shared->progress);
        shared->ended.set_value();
    };
    try {
        std::thread(run).detach();
    } catch (const std::system_error&) {
        run();
    }
}

}  // namespace

Task<bool> run_beside(std::function<void(Progress&)> work, Movement& movement, Duration stall_limit,
                      Clock& clock) {
    const auto shared = std::make_shared<Shared>();
    shared->work = std::move(work);
    auto ended = shared->ended.get_future();
    movement = {.bytes = 0, .since = clock.now()};
    start(shared);
    const StopOnExit guard(*shared, ended);
    while (ended.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
        const auto bytes = shared->progress.bytes();
        if (bytes != movement.bytes) movement = {.bytes = bytes, .since = clock.now()};
        if (clock.now() - movement.since >= stall_limit) co_return false;
        co_await clock.sleep_until(clock.now() + between_looks);
    }
    co_return true;
}

}  // namespace fluxpod
