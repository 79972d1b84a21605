// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/overlay/handshake.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <boost/asio/post.hpp>
#include <filesystem>
#include <set>
#include <vector>

#include "fluxpod/base/file.hpp"
#include "fluxpod/overlay/zmq.hpp"
#include "loopback.hpp"

using namespace fluxpod;
using namespace fluxpod::test;
using Kind = HandshakeOutcome::Kind;

namespace {

constexpr auto plenty = std::chrono::seconds(30);

HandshakeOutcome shake(const asio::ip::tcp::endpoint& address, const CurveCert& cert) {
    asio::io_context context;
    SteadyClock clock;
    return run_task(context, curve_handshake(address, cert, clock, clock.now() + plenty));
}

HandshakeOutcome shake(const asio::ip::tcp::endpoint& address, const CurveCert& cert,
                       Clock& clock) {
    asio::io_context context;
    return run_task(context, curve_handshake(address, cert, clock, clock.now() + plenty));
}

std::set<int> open_descriptors() {
    std::set<int> open;
    for (int fd = 0; fd < 1024; ++fd) {
        if (::fcntl(fd, F_GETFD) != -1) open.insert(fd);
    }
    return open;
}

// 0 for what is no TCP socket.
unsigned local_port(int fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
    return address.sin_family == AF_INET ? ntohs(address.sin_port) : 0;
}

// Leaves the process `spare` descriptors while it lives.
class FewDescriptors {
  public:
    explicit FewDescriptors(std::size_t spare) {
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &former_) == 0);
        rlimit tight = former_;
        tight.rlim_cur = 512;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
        while (true) {
            Fd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
            if (!next.valid()) break;
            taken_.push_back(std::move(next));
        }
        REQUIRE(taken_.size() >= spare);
        taken_.resize(taken_.size() - spare);
    }
    FewDescriptors(const FewDescriptors&) = delete;
    FewDescriptors& operator=(const FewDescriptors&) = delete;
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &former_); }

  private:
    rlimit former_{};
    std::vector<Fd> taken_;
};

}  // namespace

TEST_CASE("a peer with the same certificate accepts") {
    const auto cert = CurveCert::generate();
    const CurveServer server(cert);
    CHECK(shake(server.endpoint(), cert).kind == Kind::accepted);
}

TEST_CASE("a peer with another certificate is told from one that just closes") {
    const CurveServer server(CurveCert::generate());
    const auto outcome = shake(server.endpoint(), CurveCert::generate());
    CHECK(outcome.kind == Kind::wrong_key);
    CHECK(outcome.detail.find("CURVE peer") != std::string::npos);
}

TEST_CASE("a peer whose authentication does not know our key refuses it") {
    const auto cert = CurveCert::generate();
    const CurveServer server(cert,
                             {.answer_zap = true, .let_in = CurveCert::generate().public_key()});
    const auto outcome = shake(server.endpoint(), cert);
    CHECK(outcome.kind == Kind::wrong_key);
    CHECK(outcome.detail == "it does not accept this certificate's key");
}

TEST_CASE("a broker whose reactor does not run yet is silent, and known as a CURVE peer") {
    const auto cert = CurveCert::generate();
    const CurveServer server(cert, {.answer_zap = false, .let_in = ""});
    // The first sleep ends the handshake; the greeting that follows ends by itself.
    ClockUntil clock([&](unsigned sleep) { return sleep == 1 && server.zap_requests() > 0; });
    const auto outcome = shake(server.endpoint(), cert, clock);
    CHECK(outcome.kind == Kind::silent);
    CHECK(outcome.detail.find("greets as a CURVE peer") != std::string::npos);
}

TEST_CASE("a TCP server that says nothing is silent") {
    const TcpServer server;
    ClockUntil clock([&](unsigned sleep) { return server.heard() >= sleep; });
    const auto outcome = shake(server.endpoint(), CurveCert::generate(), clock);
    CHECK(outcome.kind == Kind::silent);
    CHECK(outcome.detail == "it took the connection and says nothing");
}

TEST_CASE("a TCP server that closes or resets at once, or amid its greeting, has closed") {
    const auto half = zmtp_greeting("CURVE").substr(0, 30);
    for (const auto then : {TcpServer::Then::close, TcpServer::Then::reset}) {
        for (const auto& words : {std::string(), half}) {
            const TcpServer server(words, then);
            const auto outcome = shake(server.endpoint(), CurveCert::generate());
            CHECK(outcome.kind == Kind::closed);
            CHECK_FALSE(outcome.detail.empty());
        }
    }
}

TEST_CASE("a server that speaks another protocol is no CURVE peer") {
    for (const std::string words :
         {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "x", "220 ready\r\n"}) {
        for (const auto then : {TcpServer::Then::stay, TcpServer::Then::close}) {
            CAPTURE(words);
            const TcpServer server(words, then);
            CHECK(shake(server.endpoint(), CurveCert::generate()).kind == Kind::not_curve);
        }
    }
}

TEST_CASE("a ZeroMQ peer without CURVE is no CURVE peer") {
    const CurveServer without;
    CHECK(shake(without.endpoint(), CurveCert::generate()).kind == Kind::not_curve);
    const TcpServer plain(zmtp_greeting("PLAIN"));
    CHECK(shake(plain.endpoint(), CurveCert::generate()).kind == Kind::not_curve);
}

TEST_CASE("a peer that forges its answer cannot prove the key") {
    // WELCOME (ZeroMQ RFC 26): a command of 168 bytes whose box is noise.
    std::string welcome("\x04\xa8\x07WELCOME", 10);
    welcome += std::string(160, 'n');
    const TcpServer server(zmtp_greeting("CURVE") + welcome);
    const auto outcome = shake(server.endpoint(), CurveCert::generate());
    CHECK(outcome.kind == Kind::wrong_key);
    CHECK(outcome.detail == "it cannot prove that it holds this certificate's key");
}

TEST_CASE("nobody at the port is not connected") {
    CHECK(shake(free_endpoint(), CurveCert::generate()).kind == Kind::not_connected);
}

TEST_CASE("a handshake that is cancelled leaves nothing behind, and passes nothing to children") {
    const TcpServer server;
    asio::io_context context;
    const auto cert = CurveCert::generate();
    SteadyClock clock;
    // Asio's own descriptors of this context are made at its first use.
    run_task(context, clock.sleep_until(clock.now()));
    const auto before = open_descriptors();

    std::set<int> during;
    auto look = [&]() -> Task<void> {
        while (server.heard() == 0) {
            co_await clock.sleep_until(clock.now() + std::chrono::milliseconds(1));
        }
        during = open_descriptors();
        for (const int fd : during) {
            // Asio's own sockets are the server's in this process.
            if (before.contains(fd) || local_port(fd) == server.endpoint().port()) continue;
            CAPTURE(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)));
            CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        }
    };
    auto race = [&]() -> Task<void> {
        co_await (look() || curve_handshake(server.endpoint(), cert, clock, clock.now() + plenty));
    };
    run_task(context, race());
    CHECK(during.size() > before.size());
    CHECK(server.connections() == 1);
}

TEST_CASE("too few descriptors are an outcome, not an abort") {
    const TcpServer server("", TcpServer::Then::close);
    const auto cert = CurveCert::generate();
    asio::io_context context;
    SteadyClock clock;
    run_task(context, clock.sleep_until(clock.now()));
    // Judged afterwards: the sanitizers need descriptors themselves.
    auto shake_with = [&](std::size_t spare) {
        const FewDescriptors few(spare);
        return run_task(context,
                        curve_handshake(server.endpoint(), cert, clock, clock.now() + plenty));
    };
    for (std::size_t spare = 0; spare < 40; ++spare) {
        const auto outcome = shake_with(spare);
        CAPTURE(spare);
        if (spare >= 24) continue;
        CHECK(outcome.kind == Kind::own_fault);
        CHECK(outcome.detail.find("descriptors") != std::string::npos);
    }
}

TEST_CASE("an endpoint is written as libzmq takes it") {
    CHECK(zmq_endpoint({asio::ip::make_address("10.244.1.4"), 8050}) == "tcp://10.244.1.4:8050");
    CHECK(zmq_endpoint({asio::ip::make_address("fd00::4"), 8050}) == "tcp://[fd00::4]:8050");
}

TEST_CASE("sending does not swallow what a pending receive waits for") {
    asio::io_context context;
    const auto executor = context.get_executor();
    auto zmq = ZmqContext::create();
    REQUIRE(zmq);
    auto left = ZmqSocket::open(**zmq, ZMQ_DEALER, executor);
    auto right = ZmqSocket::open(**zmq, ZMQ_DEALER, executor);
    REQUIRE(left);
    REQUIRE(right);
    REQUIRE((*left)->bind("inproc://pair"));
    REQUIRE((*right)->connect("inproc://pair"));

    constexpr int rounds = 200;
    int heard = 0;
    auto echo = [&]() -> Task<void> {
        for (int i = 0; i < rounds; ++i) {
            const auto message = co_await (*right)->receive();
            REQUIRE((*right)->send(message));
        }
    };
    auto hear = [&]() -> Task<void> {
        for (; heard < rounds; ++heard) {
            const auto message = co_await (*left)->receive();
            CHECK(message == ZmqSocket::Message{"a", std::to_string(heard)});
        }
    };
    auto speak = [&]() -> Task<void> {
        for (int i = 0; i < rounds; ++i) {
            REQUIRE((*left)->send({"a", std::to_string(i)}));
            co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
        }
    };
    auto all = [&]() -> Task<void> { co_await (echo() && hear() && speak()); };
    run_task(context, all());
    CHECK(heard == rounds);
}
