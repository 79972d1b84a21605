// SPDX-License-Identifier: Apache-2.0
// A broker that answers as late as the test says; time passes only while everybody waits for it.
// Real brokers: test/cluster/test_state.py.
#include "fluxpod/supervise/flux_requests.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "held_clock.hpp"
#include "temp_dir.hpp"

using namespace fluxpod;
using namespace std::chrono_literals;
using asio::local::stream_protocol;

namespace {

struct Response {
    std::string payload = "";
    char error_number = 0;
    Duration after = 0s;
};

std::string response_message(const std::string& topic, const Response& response) {
    const bool any = !response.payload.empty();
    std::string message(1, '\0');
    message += static_cast<char>(topic.size()) + topic;
    if (any) message += static_cast<char>(response.payload.size() + 1) + response.payload + '\0';
    message += '\x14';
    std::string proto(20, '\0');
    proto[0] = '\x8e';
    proto[1] = 1;
    proto[2] = 2;
    proto[3] = any ? 0x0b : 0x09;
    proto[15] = response.error_number;
    proto[19] = 1;
    message += proto;
    std::string header = encode_flux_request({.topic = "x"}).substr(0, flux_header_size);
    header.back() = static_cast<char>(message.size());
    return header + message;
}

constexpr Duration no_answer = 24h;

class FakeFlux {
  public:
    FakeFlux() {
        answers["state-machine.get"] = {.payload = R"({"state":"run"})"};
        answers["job-manager.idle"] = {.after = no_answer};
        answers["job-manager.raiseall"] = {.payload = R"({"count":0,"errors":0})"};
    }

    // Runs the task while time passes.
    void run(const std::function<Task<void>(FluxRequests&)>& task) {
        asio::io_context context(1);
        stream_protocol::acceptor acceptor(context, stream_protocol::endpoint(path));
        FluxRequests requests(path, clock);
        auto all = [&]() -> Task<void> {
            co_await (task(requests) || serve(acceptor) || pass_time());
            ended = clock.now();
            clock.advance(2 * no_answer);  // answers that nobody waits for end
        };
        run_task(context, all());
    }

    struct Asked {
        std::string topic;
        std::string request;
        Duration at;
    };
    [[nodiscard]] std::vector<Asked> all(const std::string& topic) const {
        std::vector<Asked> found;
        std::ranges::copy_if(asked, std::back_inserter(found),
                             [&](const Asked& each) { return each.topic == topic; });
        return found;
    }
    // Until now, or until the task ended.
    [[nodiscard]] Duration elapsed() const { return ended.value_or(clock.now()) - start; }

    test::TempDir dir;
    std::string path = dir / "local";
    test::HeldClock clock;
    TimePoint start = clock.now();
    std::optional<TimePoint> ended;
    std::map<std::string, Response> answers;
    std::vector<Asked> asked;
    std::function<void(const Asked&)> on_request = [](const Asked&) {};

  private:
    Task<void> serve(stream_protocol::acceptor& acceptor) {
        while (true) {
            auto stream = co_await acceptor.async_accept(asio::use_awaitable);
            ++activity;
            asio::co_spawn(co_await asio::this_coro::executor, answer(std::move(stream)),
                           asio::detached);
        }
    }

    Task<void> answer(stream_protocol::socket stream) {
        co_await asio::async_write(stream, asio::buffer("", 1), as_result);
        std::string header(flux_header_size, '\0');
        const auto [none, read] =
            co_await asio::async_read(stream, asio::buffer(header), as_result);
        if (none) co_return;
        std::string request(flux_message_size(header).value(), '\0');
        co_await asio::async_read(stream, asio::buffer(request), as_result);
        const std::string topic = request.substr(2, static_cast<unsigned char>(request[1]));
        ++activity;
        asked.push_back({.topic = topic, .request = request, .at = elapsed()});
        const Response response = answers[topic];
        on_request(Asked(asked.back()));
        if (response.after > 0s) co_await clock.sleep_until(clock.now() + response.after);
        const std::string message = response_message(topic, response);
        co_await asio::async_write(stream, asio::buffer(message), as_result);
        ++activity;
    }

    // From one step of a conversation to the next the loop needs a few turns.
    Task<void> pass_time() {
        while (true) {
            int quiet_turns = 0;
            for (int before = activity; quiet_turns < 100; ++quiet_turns) {
                co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
                if (std::exchange(before, activity) != activity) quiet_turns = 0;
            }
            clock.advance_to_next();
        }
    }

    int activity = 0;
};

bool wait_and_cut(FakeFlux& flux, Duration limit) {
    bool is_up = false;
    flux.run([&](FluxRequests& requests) -> Task<void> {
        is_up = co_await requests.wait_and_cut(flux.start + limit);
    });
    return is_up;
}

std::string status(const std::string& ranks,
                   const std::string& reason = "fluxpod: the pod is told to end") {
    return R"({"R":{},"drain":{")" + ranks + R"(":{"timestamp":1.5,"reason":")" + reason + "\"}}}";
}

}  // namespace

TEST_CASE("jobs that run: cut in time with their note, however slowly Flux answers") {
    for (const Duration delay : std::array<Duration, 4>{100ms, 4s, 6s, 60s}) {
        CAPTURE(delay.count());
        FakeFlux flux;
        for (const char* topic : {"job-manager.queue-start", "job-manager.jobtap"}) {
            flux.answers[topic].after = delay;
        }
        flux.answers["job-manager.raiseall"].after = delay;
        CHECK(wait_and_cut(flux, 12s));
        CHECK(flux.elapsed() <= 12s);
        const auto cuts = flux.all("job-manager.raiseall");
        REQUIRE_FALSE(cuts.empty());
        CHECK(cuts.front().at >= 8s);
        CHECK(cuts.front().at < 10s);
        CHECK(cuts.front().request.find("fluxpod: cut") != std::string::npos);
        CHECK(flux.asked.front().topic == "job-manager.queue-start");
    }
}

TEST_CASE("steps that fail: the cut is tried nevertheless") {
    FakeFlux flux;
    flux.answers["job-manager.queue-start"].error_number = EPERM;
    flux.answers["job-manager.idle"] = {.error_number = EINVAL};
    flux.answers["job-manager.jobtap"].error_number = ENOENT;
    CHECK(wait_and_cut(flux, 12s));
    const auto cuts = flux.all("job-manager.raiseall");
    REQUIRE(cuts.size() == 1);
    CHECK(cuts.front().at == 8s);
    CHECK(flux.elapsed() <= 12s);
}

TEST_CASE("no job runs: nothing is cut, and nothing is waited for") {
    FakeFlux flux;
    flux.answers["job-manager.idle"] = {.payload = R"({"pending":3})"};
    CHECK(wait_and_cut(flux, 12s));
    CHECK(flux.all("job-manager.raiseall").empty());
    CHECK(flux.elapsed() == 0s);
}

TEST_CASE("a job manager that is not there yet: nothing is waited for") {
    FakeFlux flux;
    flux.answers["job-manager.queue-start"].error_number = ENOSYS;
    CHECK_FALSE(wait_and_cut(flux, 12s));
    CHECK(flux.asked.size() == 1);
    CHECK(flux.elapsed() == 0s);
}

TEST_CASE("a broker that leaves RUN by itself: the cut comes before its own clean-up") {
    FakeFlux flux;
    flux.on_request = [&](const FakeFlux::Asked& asked) {
        const bool after_a_second = asked.at >= 1s && asked.topic == "state-machine.get";
        if (after_a_second) flux.answers[asked.topic].payload = R"({"state":"cleanup"})";
    };
    CHECK(wait_and_cut(flux, 12s));
    const auto cuts = flux.all("job-manager.raiseall");
    REQUIRE_FALSE(cuts.empty());
    CHECK(cuts.front().at < 2s);
}

TEST_CASE("jobs that begin between two cuts: cut as well") {
    FakeFlux flux;
    flux.answers["job-manager.raiseall"].payload = R"({"count":2,"errors":0})";
    flux.on_request = [&](const FakeFlux::Asked& asked) {
        if (flux.all("job-manager.raiseall").size() < 2) return;
        flux.answers[asked.topic].payload = R"({"count":0,"errors":0})";
    };
    CHECK(wait_and_cut(flux, 12s));
    CHECK(flux.all("job-manager.raiseall").size() == 3);
}

TEST_CASE("a follower's drain that fails: its jobs are waited for nevertheless") {
    for (const Response& drained : {Response{}, Response{.error_number = EEXIST}}) {
        FakeFlux flux;
        flux.answers["resource.drain"] = drained;
        flux.answers["job-list.list"].payload = R"({"jobs":[{"id":1}]})";
        flux.on_request = [&](const FakeFlux::Asked& asked) {
            if (asked.at >= 2s) flux.answers["job-list.list"].payload = R"({"jobs":[]})";
        };
        flux.run(
            [&](FluxRequests& requests) { return requests.drain_and_wait(1, flux.start + 20s); });
        CHECK(flux.all("resource.drain").size() == 1);
        CHECK(flux.all("job-list.list").size() > 2);
        CHECK(flux.elapsed() < 20s);
    }
}

TEST_CASE("jobs that do not end: waited for until the limit and no longer") {
    for (const Duration delay : std::array<Duration, 4>{100ms, 4s, 6s, 60s}) {
        FakeFlux flux;
        flux.answers["resource.drain"].after = delay;
        flux.answers["job-list.list"] = {.payload = R"({"jobs":[{"id":1}]})", .after = delay};
        flux.run(
            [&](FluxRequests& requests) { return requests.drain_and_wait(1, flux.start + 9s); });
        CHECK(flux.elapsed() == 9s);
    }
}

TEST_CASE("a drain of an earlier life: taken back, and tried again until that is done") {
    FakeFlux flux;
    flux.answers["resource.status"] = {.payload = status("1"), .after = 60s};
    flux.on_request = [&](const FakeFlux::Asked& asked) {
        if (asked.at >= 3s) flux.answers["resource.status"].after = 0s;
        flux.answers["resource.undrain"].error_number = asked.at < 100s ? EINVAL : 0;
    };
    flux.run([](FluxRequests& requests) { return requests.undrain_our_own(1); });
    CHECK(flux.all("resource.undrain").size() > 1);
    CHECK(flux.elapsed() >= 100s);
    CHECK(flux.elapsed() < 10min);
}

TEST_CASE("a rank that is not drained by us: left alone") {
    for (const auto& drain : {status("0,2-11"), status("1", "broken fan")}) {
        FakeFlux flux;
        flux.answers["resource.status"].payload = drain;
        flux.run([](FluxRequests& requests) { return requests.undrain_our_own(1); });
        CHECK(flux.all("resource.undrain").empty());
        CHECK(flux.elapsed() < 10s);
    }
}

TEST_CASE("a program began if its instance was ever in RUN; a slow answer is waited for") {
    struct Row {
        const char* state;
        bool began;
    };
    for (const auto& row : {Row{"join", false}, Row{"quorum", false}, Row{"run", true},
                            Row{"cleanup", true}, Row{"finalize", true}}) {
        CAPTURE(row.state);
        FakeFlux flux;
        const std::string payload = std::string(R"({"state":")") + row.state + "\"}";
        flux.answers["state-machine.get"] = {.payload = payload, .after = 6s};
        bool began = false;
        flux.run([&](FluxRequests& requests) -> Task<void> {
            began = co_await requests.has_run(flux.start + 10s);
        });
        CHECK(began == row.began);
    }
}

TEST_CASE("a dump may be under way past CLEANUP, or if the broker does not answer") {
    struct Row {
        const char* state;
        Duration after;
        bool dumping;
    };
    for (const auto& row :
         {Row{"run", 0s, false}, Row{"cleanup", 0s, false}, Row{"shutdown", 0s, true},
          Row{"finalize", 0s, true}, Row{"run", 60s, true}}) {
        CAPTURE(row.state);
        FakeFlux flux;
        const std::string payload = std::string(R"({"state":")") + row.state + "\"}";
        flux.answers["state-machine.get"] = {.payload = payload, .after = row.after};
        bool dumping = !row.dumping;
        flux.run([&](FluxRequests& requests) -> Task<void> {
            dumping = co_await requests.may_be_dumping();
        });
        CHECK(dumping == row.dumping);
        CHECK(flux.elapsed() <= 1s);
    }
}

TEST_CASE("only a drain of this rank for our reason is ours") {
    CHECK(is_drained_by_us(status("1"), 1));
    CHECK(is_drained_by_us(status("0-3,7"), 7));
    CHECK_FALSE(is_drained_by_us(status("0,2-11"), 1));
    CHECK_FALSE(is_drained_by_us(status("1", "broken fan"), 1));
}

TEST_CASE("a hostile status: no drain of ours") {
    for (const char* payload :
         {"", "not JSON", "[]", "7", "{}", R"({"drain":7})", R"({"drain":{"1":7}})",
          R"({"drain":{"1":{}}})", R"({"drain":{"1-":{"reason":"x"}}})",
          R"({"drain":{"99999999999999999999":{"reason":"x"}}})",
          R"({"drain":{"1":{"reason":7}}})"}) {
        CAPTURE(payload);
        CHECK_FALSE(is_drained_by_us(payload, 1));
    }
}
