// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/parent_watch.hpp"

#include <doctest/doctest.h>

#include <optional>

#include "held_clock.hpp"
#include "loopback.hpp"
#include "shortage.hpp"
#include "temp_dir.hpp"

using namespace fluxpod;
using namespace fluxpod::test;
using namespace std::chrono_literals;
using asio::ip::tcp;

namespace {

asio::ip::address at(const char* text) { return asio::ip::make_address(text); }

// Nobody asks it: the names of these tests are in the hosts file.
class NoResolver final : public Resolver {
  public:
    Task<Resolution> ask(DnsQuestion, TimePoint) override { co_return Resolution{}; }
    [[nodiscard]] std::string servers() const override { return ""; }
};

// A parent on loopback, a table of connections that the test writes, and a name that it moves.
struct World {
    asio::io_context context;
    HeldClock clock;
    NoResolver resolver;
    TempDir dir;
    LiveHosts hosts{dir.write("hosts", "127.0.0.1 lead\n")};
    tcp::acceptor parent{context, {at("127.0.0.1"), 0}};
    LinkState link = LinkState::connected;
    std::string local = "0300F40A:E9E6";
    unsigned looks = 0, nudges = 0;
    ParentSeen seen;
    std::optional<std::string> why;
    ParentWatch watch{{.host = "lead",
                       .port = parent.local_endpoint().port(),
                       .addresses = {},
                       .answered = parent.local_endpoint()},
                      seen,
                      resolver,
                      hosts,
                      clock,
                      1,
                      [this]() -> Task<void> {
                          ++nudges;
                          co_return;
                      },
                      [this](const tcp::endpoint&) {
                          ++looks;
                          return Link{link, local};
                      }};

    World() {
        asio::co_spawn(context, watch.lost(),
                       [this](const std::exception_ptr& thrown, std::string how) {
                           if (!thrown) why = std::move(how);
                       });
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    // The watch ends before what it refers to.
    ~World() {
        link = LinkState::absent;
        parent.close();
        while (!why && (context.poll() != 0 || clock.advance_to_next())) {
        }
    }

    // Until the parent is lost or that much time has passed.
    void pass(Duration time) {
        const TimePoint until = clock.now() + time;
        while (!why && clock.now() < until) {
            if (context.poll() == 0 && !clock.advance_to_next()) return;
        }
    }
};

}  // namespace

TEST_CASE("a connected parent is not lost, and nothing is sent to it") {
    World world;
    world.pass(1h);
    CHECK_FALSE(world.why);
    CHECK(world.seen.joined);
    CHECK(world.nudges == 0);
    world.parent.non_blocking(true);
    boost::system::error_code nobody;
    tcp::socket socket(world.context);
    world.parent.accept(socket, nobody);
    CHECK(nobody == asio::error::would_block);
}

TEST_CASE("a parent that closed the connection and refuses another is lost within a second") {
    World world;
    world.pass(10s);
    world.parent.close();
    world.link = LinkState::absent;
    const TimePoint then = world.clock.now();
    world.pass(10s);
    REQUIRE(world.why);
    CHECK(world.why->find("refuses connections") != std::string::npos);
    CHECK(world.clock.now() - then < 1s);
}

TEST_CASE("a broker that connects again in time is left alone") {
    World world;
    world.pass(10s);
    world.link = LinkState::absent;
    world.pass(3s);
    CHECK_FALSE(world.why);
    world.link = LinkState::connected;
    world.local = "0300F40A:E9E7";
    world.pass(10s);
    CHECK_FALSE(world.why);
    CHECK(world.nudges == 1);
}

TEST_CASE("a broker that does not connect again to a parent that answers has lost it") {
    World world;
    world.pass(10s);
    world.link = LinkState::absent;
    world.pass(10s);
    REQUIRE(world.why);
    CHECK(world.why->find("not connected") != std::string::npos);
}

TEST_CASE("a broker that has not begun to connect has all the time there is") {
    World world;
    world.link = LinkState::absent;
    world.pass(10min);
    CHECK_FALSE(world.why);
    CHECK_FALSE(world.seen.connected);
}

TEST_CASE("a parent that is gone before the broker connects is lost too") {
    World world;
    world.link = LinkState::absent;
    world.parent.close();
    world.pass(10s);
    CHECK(world.why);
}

TEST_CASE("a greeting that is refused is a connection and no join") {
    World world;
    world.pass(600ms);
    world.link = LinkState::absent;
    world.pass(1s);
    CHECK(world.seen.connected);
    CHECK_FALSE(world.seen.joined);
}

TEST_CASE("what the broker itself says of its join is not taken back") {
    World world;
    world.seen.joined = true;
    world.pass(500ms);
    CHECK(world.looks == 2);
    CHECK(world.seen.joined);
}

TEST_CASE("a cut network is waited for") {
    World world;
    world.pass(10s);
    world.link = LinkState::stalled;
    world.pass(100s);
    CHECK_FALSE(world.why);
    world.link = LinkState::connected;
    world.pass(100s);
    CHECK_FALSE(world.why);
}

TEST_CASE("a parent that is at another address by now is lost once it answers there") {
    World world;
    world.pass(10s);
    world.link = LinkState::stalled;
    world.dir.write("hosts", "127.0.0.2 lead\n");
    world.pass(30s);
    CHECK_FALSE(world.why);
    tcp::acceptor elsewhere(world.context, {at("127.0.0.2"), world.parent.local_endpoint().port()});
    world.pass(10s);
    REQUIRE(world.why);
    CHECK(world.why->find("it is at 127.0.0.2") != std::string::npos);
}

TEST_CASE("no descriptor to look at the parent: nothing is known of it, so it is not lost") {
    World world;
    world.pass(10s);
    world.link = LinkState::absent;
    {
        const NoDescriptorsLeft shortage;
        world.pass(30s);
        CHECK_FALSE(world.why);
    }
    world.parent.close();
    world.pass(1s);
    CHECK(world.why);
}

TEST_CASE("if the kernel does not tell, nothing is lost and it is rarely asked") {
    World world;
    world.link = LinkState::unknown;
    world.pass(1h);
    CHECK_FALSE(world.why);
    CHECK(world.looks <= 30);
}

TEST_CASE("if the kernel does not tell for a moment, a parent that is lost then is noticed") {
    World world;
    world.link = LinkState::unknown;
    world.pass(10s);
    world.link = LinkState::connected;
    world.pass(20s);
    world.parent.close();
    world.link = LinkState::absent;
    world.pass(10s);
    CHECK(world.why);
}
