// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/supervise/parent_link.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <boost/asio/io_context.hpp>

using namespace fluxpod;
using boost::asio::ip::make_address;
using boost::asio::ip::tcp;

namespace {

// Recorded on a little-endian machine.
constexpr const char* head =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout\n";

std::string row(const std::string& remote, const std::string& state,
                const std::string& retransmissions = "00000000") {
    return "   0: 0300F40A:E9E6 " + remote + " " + state + " 00000000:00000000 00:00000000 " +
           retransmissions + "     0        0 1 1\n";
}

const tcp::endpoint parent(make_address("10.244.0.2"), 8050);
const std::string parent_text = "0200F40A:1F72";

LinkState find(const std::string& rows) { return find_link(head + rows, "", parent).state; }

}  // namespace

TEST_CASE("the broker's connection is found among others") {
    if constexpr (std::endian::native != std::endian::little) return;
    CHECK(find(row("0200F40A:1F73", "01") + row("0300F40A:1F72", "01")) == LinkState::absent);
    CHECK(find(row("0200F40A:1F73", "01") + row(parent_text, "01")) == LinkState::connected);
}

TEST_CASE("a connection that is being made or closed is none") {
    if constexpr (std::endian::native != std::endian::little) return;
    for (const char* state : {"02", "04", "05", "06", "08"}) {
        CHECK(find(row(parent_text, state)) == LinkState::absent);
    }
}

TEST_CASE("one lost packet: not a stall; one good connection is enough") {
    if constexpr (std::endian::native != std::endian::little) return;
    CHECK(find(row(parent_text, "01", "00000001")) == LinkState::connected);
    CHECK(find(row(parent_text, "01", "0000000A")) == LinkState::stalled);
    CHECK(find(row(parent_text, "01", "0000000A") + row(parent_text, "01")) ==
          LinkState::connected);
}

TEST_CASE("a connection is told from the one before it by its near end") {
    if constexpr (std::endian::native != std::endian::little) return;
    CHECK(find_link(row(parent_text, "01"), "", parent).local == "0300F40A:E9E6");
}

TEST_CASE("an IPv4 parent may be in the table of IPv6, and IPv6 parents are") {
    if constexpr (std::endian::native != std::endian::little) return;
    const std::string mapped = "0000000000000000FFFF00000200F40A:1F72";
    CHECK(find_link(head, head + row(mapped, "01"), parent).state == LinkState::connected);
    const tcp::endpoint six(make_address("fd00::4"), 8050);
    const std::string text = "000000FD000000000000000004000000:1F72";
    CHECK(find_link("", head + row(text, "01"), six).state == LinkState::connected);
    CHECK(find_link("", head + row(mapped, "01"), six).state == LinkState::absent);
}

TEST_CASE("a table that is cut off or nonsense holds no connection") {
    if constexpr (std::endian::native != std::endian::little) return;
    CHECK(find("") == LinkState::absent);
    CHECK(find(parent_text) == LinkState::absent);
    CHECK(find("a b " + parent_text + " 01") == LinkState::absent);
    CHECK(find_link("", "", parent).state == LinkState::absent);
}

TEST_CASE("the kernel's own table shows a connection of ours") {
    boost::asio::io_context context;
    tcp::acceptor acceptor(context, tcp::endpoint(make_address("127.0.0.1"), 0));
    CHECK(look_at_link(acceptor.local_endpoint()).state == LinkState::absent);
    tcp::socket socket(context);
    socket.connect(acceptor.local_endpoint());
    CHECK(look_at_link(acceptor.local_endpoint()).state == LinkState::connected);
}
