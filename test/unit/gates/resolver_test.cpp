// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/gates/resolver.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <optional>

#include "dns_server.hpp"
#include "held_clock.hpp"
#include "shortage.hpp"
#include "temp_dir.hpp"

using namespace fluxpod;
using namespace fluxpod::test;
using namespace std::chrono_literals;
using Outcome = Resolution::Status;

namespace {

struct World {
    asio::io_context context;
    HeldClock clock;
    std::vector<std::unique_ptr<DnsServer>> servers;
    ResolverOptions options;

    void serve(DnsServer::Script script) {
        const std::string address = "127.0.0." + std::to_string(servers.size() + 1);
        // The first server's port is the port of all.
        const std::uint16_t port = servers.empty() ? 0 : options.port;
        servers.push_back(std::make_unique<DnsServer>(context, address, port, std::move(script)));
        options.port = servers.front()->port();
        options.nameservers.push_back(asio::ip::make_address(address));
    }

    Resolution ask(DnsQuestion question = {.name = "pod-0.service"}, Duration within = 5s) {
        auto resolver = make_resolver(options, clock);
        return ask(*resolver, std::move(question), within);
    }
    Resolution ask(Resolver& resolver, DnsQuestion question, Duration within) {
        return run_task(context, ask_and_stop(resolver, std::move(question), within));
    }

    // Time goes on whenever nothing else happens, and `look` is called before it does.
    Resolution ask_while_time_passes(Duration within, const std::function<void()>& look) {
        auto resolver = make_resolver(options, clock);
        std::optional<Resolution> resolution;
        asio::co_spawn(
            context, ask_and_stop(*resolver, {.name = "pod-0.service"}, within),
            [&](const std::exception_ptr&, Resolution ended) { resolution = std::move(ended); });
        while (!resolution) {
            if (context.poll() != 0) continue;
            look();
            clock.advance_to_next();
        }
        context.run();
        return *resolution;
    }

  private:
    Task<Resolution> ask_and_stop(Resolver& resolver, DnsQuestion question, Duration within) {
        auto resolution = co_await resolver.ask(std::move(question), clock.now() + within);
        for (auto& server : servers) server->stop();
        co_return resolution;
    }
};

const auto pod_address = asio::ip::make_address("10.244.1.4");
constexpr std::array<std::uint8_t, 4> pod_bytes{10, 244, 1, 4};

std::vector<Bytes> only(Bytes packet) { return {std::move(packet)}; }

DnsServer::Script answers() {
    return [](const DnsQuery& query) { return only(query.address(pod_bytes)); };
}

DnsServer::Script denies() {
    return [](const DnsQuery& query) { return only(query.denial()); };
}

DnsServer::Script silent() {
    return [](const DnsQuery&) { return std::vector<Bytes>{}; };
}

}  // namespace

TEST_CASE("an answer is the name's addresses and who gave it") {
    World world;
    world.serve(answers());
    const auto resolution = world.ask();
    CHECK(resolution.status == Outcome::answered);
    CHECK(resolution.answer.addresses == std::vector{pod_address});
    CHECK(resolution.server == "127.0.0.1");
}

TEST_CASE("the question goes out as it was asked, absolute and with its own type") {
    World world;
    std::string name;
    std::uint16_t type = 0;
    world.serve([&](const DnsQuery& query) {
        name = query.name;
        type = query.type;
        return only(query.denial());
    });
    const auto resolution = world.ask({.name = "redis", .type = 65290});
    CHECK(name == "redis");
    CHECK(type == 65290);
    CHECK(resolution.status == Outcome::answered);
    CHECK(resolution.answer.rcode == DnsRcode::name_error);
    CHECK(resolution.answer.denial_ttl == 30);
}

TEST_CASE("a lost packet is asked again after the retransmission time") {
    World world;
    world.serve([&](const DnsQuery& query) -> std::vector<Bytes> {
        if (query.number == 3) return {query.address(pod_bytes)};
        world.clock.advance(200ms);
        return {};
    });
    const auto start = world.clock.now();
    CHECK(world.ask().status == Outcome::answered);
    CHECK(world.clock.now() - start == 400ms);
}

TEST_CASE("an answer to an earlier packet of the same question counts") {
    World world;
    Bytes first;
    world.serve([&](const DnsQuery& query) -> std::vector<Bytes> {
        if (query.number == 2) return {first};
        first = query.address(pod_bytes);
        world.clock.advance(200ms);
        return {};
    });
    CHECK(world.ask().status == Outcome::answered);
}

TEST_CASE("a silent server ends the question exactly when time is up") {
    World world;
    world.serve(silent());
    const auto start = world.clock.now();
    const auto resolution = world.ask_while_time_passes(3s, [] {});
    CHECK(resolution.status == Outcome::no_answer);
    CHECK(resolution.detail == "127.0.0.1: no answer");
    CHECK(world.clock.now() - start == 3s);
}

TEST_CASE("packets that are not an answer (other id, other question, noise): ignored") {
    World world;
    world.serve([](const DnsQuery& query) {
        auto other_id = query.address({6, 6, 6, 6});
        other_id[0] = static_cast<std::uint8_t>(other_id[0] ^ 0xffU);
        auto other_name = query.address({6, 6, 6, 6});
        other_name[13] = 'x';
        auto not_a_response = query.bytes;
        const Bytes noise{1, 2, 3};
        const Bytes nothing;
        return std::vector<Bytes>{other_id, other_name, not_a_response,
                                  noise,    nothing,    query.address(pod_bytes)};
    });
    const auto resolution = world.ask();
    CHECK(resolution.status == Outcome::answered);
    CHECK(resolution.answer.addresses == std::vector{pod_address});
}

TEST_CASE("a resolv.conf that changes while a pod waits: its new servers are asked") {
    World world;
    world.serve(denies());
    world.serve(answers());
    const TempDir dir;
    const auto path = dir.write("resolv.conf", "nameserver 127.0.0.1\n");
    world.options.nameservers.clear();
    world.options.resolv_conf = LiveNameservers(path);
    auto resolver = make_resolver(world.options, world.clock);
    std::vector<std::string> answered;
    const auto ask_three_times = [&]() -> Task<void> {
        const auto ask = [&]() -> Task<void> {
            const DnsQuestion question{.name = "pod-0.service"};
            const auto resolution = co_await resolver->ask(question, world.clock.now() + 5s);
            answered.push_back(resolution.server);
        };
        co_await ask();
        dir.write("resolv.conf", "nameserver 127.0.0.2\n");
        co_await ask();
        dir.write("resolv.conf", "");  // as a program leaves it that is rewriting it
        co_await ask();
        for (auto& server : world.servers) server->stop();
    };
    run_task(world.context, ask_three_times());
    CHECK(answered == std::vector<std::string>{"127.0.0.1", "127.0.0.2", "127.0.0.2"});
    CHECK(resolver->servers() == "127.0.0.2");
}

TEST_CASE("no descriptor for a question: this pod's own fault, and not the server's") {
    World world;
    world.options.nameservers = {asio::ip::make_address("127.0.0.1")};
    // Asio's own descriptors are there before the shortage.
    const asio::ip::udp::socket first(world.context);
    const NoDescriptorsLeft shortage;
    const auto resolution = world.ask();
    CHECK(resolution.status == Outcome::own_fault);
    CHECK(resolution.own_fault == EMFILE);
    CHECK(resolution.detail == "127.0.0.1: Too many open files");
}

TEST_CASE("only packets that answer something else: the reason is reported") {
    World world;
    world.serve([](const DnsQuery& query) {
        auto other_name = query.address({6, 6, 6, 6});
        other_name[13] = 'x';
        return only(other_name);
    });
    const auto resolution = world.ask_while_time_passes(3s, [] {});
    CHECK(resolution.status == Outcome::no_answer);
    CHECK(resolution.detail == "127.0.0.1: no answer, but a packet with another question");
}

TEST_CASE("a failure as a header alone: reported at once as this server's answer") {
    for (const auto& [rcode, name] : {std::pair{2, "SERVFAIL"}, std::pair{5, "REFUSED"}}) {
        World world;
        world.serve([code = rcode](const DnsQuery& query) {
            auto reply = query.respond(static_cast<std::uint8_t>(code));
            reply.resize(12);
            reply[5] = 0;
            return only(reply);
        });
        const auto start = world.clock.now();
        const auto resolution = world.ask();
        CHECK(resolution.status == Outcome::refused);
        CHECK(resolution.detail == std::string("127.0.0.1: answers ") + name);
        CHECK(world.clock.now() == start);
    }
}

TEST_CASE("a truncated answer is fetched by TCP") {
    World world;
    world.serve([](const DnsQuery& query) {
        if (query.by_tcp) return only(query.address(pod_bytes));
        auto truncated = query.respond(0);
        truncated[2] |= 0x02U;
        return only(truncated);
    });
    const auto resolution = world.ask();
    CHECK(resolution.status == Outcome::answered);
    CHECK(resolution.answer.addresses == std::vector{pod_address});
    CHECK(world.servers[0]->questions() == 2);
}

TEST_CASE("a truncated answer counts for nothing if TCP fails, whatever it holds") {
    World world;
    world.serve([](const DnsQuery& query) -> std::vector<Bytes> {
        if (query.by_tcp) return {};
        auto truncated = query.address(pod_bytes);
        truncated[2] |= 0x02U;
        return {truncated};
    });
    const auto resolution = world.ask();
    CHECK(resolution.status == Outcome::no_answer);
    CHECK(resolution.detail == "127.0.0.1: truncated, and no answer by TCP");
}

TEST_CASE("every server is asked and the one that knows the name wins over silence") {
    World world;
    world.serve(silent());
    world.serve(answers());
    const auto resolution = world.ask();
    CHECK(resolution.status == Outcome::answered);
    CHECK(resolution.server == "127.0.0.2");
    CHECK(world.servers[0]->questions() == 1);
}

TEST_CASE("SERVFAIL of one server leaves the question to the other") {
    World world;
    world.serve([](const DnsQuery& query) { return only(query.respond(2)); });
    world.serve([&](const DnsQuery& query) -> std::vector<Bytes> {
        if (query.number == 2) return {query.address(pod_bytes)};
        world.clock.advance(200ms);
        return {};
    });
    CHECK(world.ask().server == "127.0.0.2");
}

TEST_CASE("a denial waits one retransmission for a server that knows better") {
    World world;
    world.serve(denies());
    SUBCASE("which answers in time") {
        world.serve(answers());
        const auto resolution = world.ask();
        CHECK(resolution.server == "127.0.0.2");
        CHECK(resolution.answer.addresses == std::vector{pod_address});
    }
    SUBCASE("which stays silent") {
        world.serve([&](const DnsQuery&) {
            world.clock.advance(200ms);
            return std::vector<Bytes>{};
        });
        const auto start = world.clock.now();
        const auto resolution = world.ask();
        CHECK(resolution.status == Outcome::answered);
        CHECK(resolution.answer.rcode == DnsRcode::name_error);
        CHECK(world.clock.now() - start <= 400ms);
    }
}

TEST_CASE("a server that does not know EDNS is asked without, and only at first with") {
    for (const bool repeats_the_question : {true, false}) {
        World world;
        unsigned with_edns = 0;
        world.serve([&](const DnsQuery& query) {
            const bool edns = query.bytes[11] != 0;
            with_edns += edns ? 1 : 0;
            if (!edns) return only(query.address(pod_bytes));
            Bytes refusal = query.respond(1);
            if (!repeats_the_question) {
                refusal.resize(12);
                refusal[5] = 0;
            }
            return only(refusal);
        });
        auto resolver = make_resolver(world.options, world.clock);
        const auto ask_twice = [&]() -> Task<std::vector<Resolution>> {
            const DnsQuestion question{.name = "pod-0.service"};
            std::vector<Resolution> both;
            both.push_back(co_await resolver->ask(question, world.clock.now() + 5s));
            both.push_back(co_await resolver->ask(question, world.clock.now() + 5s));
            world.servers.front()->stop();
            co_return both;
        };
        for (const auto& resolution : run_task(world.context, ask_twice())) {
            CHECK(resolution.answer.addresses == std::vector{pod_address});
        }
        CHECK(with_edns == 1);
    }
}

TEST_CASE("a server that answers FORMERR to every question: reported as FORMERR") {
    World world;
    world.serve([](const DnsQuery& query) { return only(query.respond(1)); });
    const auto resolution = world.ask();
    CHECK(resolution.status == Outcome::refused);
    CHECK(resolution.detail == "127.0.0.1: answers FORMERR");
}

TEST_CASE("every other code of every server: reported by name") {
    World world;
    world.serve([](const DnsQuery& query) { return only(query.respond(5)); });
    world.serve([](const DnsQuery& query) { return only(query.respond(2)); });
    const auto resolution = world.ask();
    CHECK(resolution.status == Outcome::refused);
    CHECK(resolution.detail == "127.0.0.1: answers REFUSED; 127.0.0.2: answers SERVFAIL");
}

TEST_CASE("a port without a listener: an error at once, not a timeout") {
    World world;
    world.serve(silent());
    world.servers.front()->stop();
    const auto start = world.clock.now();
    const auto resolution = world.ask();
    CHECK(resolution.status == Outcome::unreachable);
    CHECK(resolution.detail == "127.0.0.1: Connection refused");
    CHECK(world.clock.now() == start);
}

TEST_CASE("without nameservers there is nobody to ask") {
    World world;
    const auto resolution = world.ask();
    CHECK(resolution.status == Outcome::no_servers);
}

TEST_CASE("a server that stays silent is asked less and less often") {
    World world;
    world.serve(silent());
    const auto start = world.clock.now();
    unsigned in_first_second = 0;
    unsigned in_ten_seconds = 0;
    static_cast<void>(world.ask_while_time_passes(60s, [&] {
        const auto questions = world.servers[0]->questions();
        if (world.clock.now() - start <= 1s) in_first_second = questions;
        if (world.clock.now() - start <= 10s) in_ten_seconds = questions;
    }));
    CHECK(in_first_second >= 5);
    CHECK(world.servers[0]->questions() - in_ten_seconds <= 26);
}

TEST_CASE("the list of servers: available for messages") {
    World world;
    world.options.nameservers = {asio::ip::make_address("10.96.0.10"),
                                 asio::ip::make_address("fd00::a")};
    CHECK(make_resolver(world.options, world.clock)->servers() == "10.96.0.10, fd00::a");
}
