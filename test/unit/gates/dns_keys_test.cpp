// SPDX-License-Identifier: Apache-2.0
#include "gates/dns_keys.hpp"

#include <doctest/doctest.h>

#include <set>
#include <tuple>

using namespace fluxpod;
using namespace std::chrono_literals;
using Outcome = Resolution::Status;

namespace {

const TimePoint start{1h};

Resolution denial(DnsRcode rcode, std::uint32_t ttl, const std::string& zone = "") {
    Resolution resolution;
    resolution.status = Outcome::answered;
    resolution.answer.rcode = rcode;
    resolution.answer.denial_ttl = ttl;
    resolution.answer.denial_zone = zone;
    return resolution;
}

Resolution no_such_name(std::uint32_t ttl = 0) { return denial(DnsRcode::name_error, ttl); }
Resolution no_data() { return denial(DnsRcode::no_error, 0); }

Resolution with_address() {
    Resolution resolution;
    resolution.status = Outcome::answered;
    resolution.answer.addresses = {asio::ip::make_address("10.244.1.4")};
    return resolution;
}

Resolution without_answer(Outcome status) {
    Resolution resolution;
    resolution.status = status;
    return resolution;
}

auto bits(const DnsKey& key) { return std::pair(key.dnssec_ok, key.checking_disabled); }
const auto plain = std::pair(false, false);
const auto both_bits = std::pair(true, true);

// "E" for a poll for existence, "A" for one for the address, each answered alike.
std::string polls(DnsKeys& keys, int count, const Resolution& existence, const Resolution& address,
                  TimePoint now = start, Duration step = 0s) {
    std::string text;
    for (int i = 0; i < count; ++i, now += step) {
        if (keys.poll_existence(now)) {
            text += 'E';
            keys.learn_existence_poll(existence, now);
        } else {
            text += 'A';
            auto& key = keys.next_to_poll(now);
            key.asked = now;
            keys.learn_address_poll(key, address, now);
        }
    }
    return text;
}

}  // namespace

TEST_CASE("existence is asked under a key of its own in each of 1,020 time slots") {
    std::set<std::tuple<std::uint16_t, bool, bool>> asked;
    for (int slot = 0; slot < 1020; ++slot) {
        const auto question = existence_question("fp-0.flux", slot * dns_time_slot);
        CHECK(question.name == "fp-0.flux");
        CHECK(question.type >= 65280);
        CHECK(question.type <= 65534);
        asked.emplace(question.type, question.dnssec_ok, question.checking_disabled);
    }
    CHECK(asked.size() == 1020);
}

TEST_CASE("two moments of one time slot: the same question") {
    const auto first = existence_question("fp-0", 250ms);
    const auto last = existence_question("fp-0", 374ms);
    CHECK(first.type == last.type);
    CHECK(existence_question("fp-0", 375ms).type != first.type);
}

TEST_CASE("while the name is absent, neither the plain key nor that with both bits is taken") {
    DnsKeys keys;
    for (int second = 0; second < 10; ++second) {
        auto& key = keys.next(true, start);
        key.asked = start + std::chrono::seconds(second);
        CHECK(bits(key) != plain);
        CHECK(bits(key) != both_bits);
    }
}

TEST_CASE("keys take turns, and one whose denial is held comes last") {
    DnsKeys keys;
    std::set<std::pair<bool, bool>> taken;
    for (int second = 0; second < 4; ++second) {
        auto& key = keys.next(false, start);
        key.asked = start + std::chrono::seconds(second);
        taken.insert(bits(key));
    }
    CHECK(taken.size() == 4);
    keys.learn_address(keys.all().front(), no_such_name(30), start);
    CHECK(bits(keys.next(false, start)) == both_bits);
    CHECK(bits(keys.next(false, start + 30s)) == plain);
}

TEST_CASE("a denial holds its key for as long as its SOA says, up to a minute") {
    DnsKeys keys;
    auto& key = keys.all().front();
    keys.learn_address(key, no_such_name(30), start);
    CHECK_FALSE(key.is_free(start + 29s));
    CHECK(key.is_free(start + 30s));
    keys.learn_address(key, no_such_name(60), start);
    CHECK_FALSE(key.is_free(start + 59s));
    SUBCASE("a longer one comes from outside the cluster: ignored") {
        keys.learn_address(key, no_such_name(61), start);
        CHECK(key.is_free(start));
    }
    SUBCASE("an address: the key is free") {
        keys.learn_address(key, with_address(), start);
        CHECK(key.is_free(start));
    }
    SUBCASE("no answer: the key stays held") {
        keys.learn_address(key, without_answer(Outcome::no_answer), start);
        CHECK_FALSE(key.is_free(start));
    }
}

TEST_CASE("polls take turns between existence and address") {
    DnsKeys keys;
    CHECK(polls(keys, 6, no_such_name(), no_such_name()) == "EAEAEA");
}

TEST_CASE(
    "denials are held under both expendable keys: only existence is asked until one is free") {
    DnsKeys keys;
    CHECK(polls(keys, 7, no_such_name(), no_such_name(30)) == "EAEAEEE");
    CHECK(polls(keys, 2, no_such_name(), no_such_name(30), start + 30s) == "AE");
}

TEST_CASE("existence that is proven: the address is not polled") {
    DnsKeys keys;
    CHECK_FALSE(keys.lacks_proof());
    keys.learn_zone(denial(DnsRcode::name_error, 5, "cluster.local"));
    REQUIRE(keys.lacks_proof());
    CHECK(keys.zone() == "cluster.local");
    keys.begin_proof();
    CHECK_FALSE(keys.lacks_proof());
    keys.learn_proof(no_data());
    CHECK(polls(keys, 4, no_such_name(), no_such_name()) == "EEEE");
}

TEST_CASE("a proof that fails: the address is still polled") {
    for (const auto& answer :
         {no_such_name(), without_answer(Outcome::no_answer), without_answer(Outcome::refused)}) {
        DnsKeys keys;
        keys.begin_proof();
        keys.learn_proof(answer);
        CHECK(polls(keys, 4, no_such_name(), no_such_name()) == "EAEA");
    }
}

TEST_CASE("a zone that is the root's, or not a name: there is no proof to ask for") {
    DnsKeys keys;
    for (const auto* zone : {"", "a..b"}) {
        keys.learn_zone(denial(DnsRcode::name_error, 5, zone));
        CHECK_FALSE(keys.lacks_proof());
    }
}

TEST_CASE("private types that are dropped twice while addresses are answered: given up") {
    DnsKeys keys;
    const auto dropped = without_answer(Outcome::no_answer);
    CHECK(polls(keys, 7, dropped, no_such_name()) == "EAEAAAA");
    CHECK_FALSE(keys.trusts_existence());
}

TEST_CASE("a server that answers no question at all: existence is not given up") {
    DnsKeys keys;
    const auto dropped = without_answer(Outcome::no_answer);
    CHECK(polls(keys, 8, dropped, dropped) == "EAEAEAEA");
    CHECK(keys.trusts_existence());
}

TEST_CASE("private types that are refused: the address is polled in turn, held or not") {
    DnsKeys keys;
    const auto refused = without_answer(Outcome::refused);
    CHECK(polls(keys, 8, refused, no_such_name(30)) == "EAEAEAEA");
    CHECK_FALSE(keys.trusts_existence());
    CHECK(polls(keys, 1, no_such_name(), no_such_name(30)) == "E");
    CHECK(keys.trusts_existence());
}

TEST_CASE("a denial that ends at one moment whatever the type: only addresses, under every key") {
    DnsKeys keys;
    const TimePoint end = start + 30s;
    // The seconds that are left are whole, so that the end seems to move by less than one.
    for (auto now = start + 900ms; now < start + 3900ms; now += 700ms) {
        const auto left = static_cast<std::uint32_t>((end - now) / 1s);
        keys.learn_existence_poll(no_such_name(left), now);
        CHECK(keys.trusts_existence());
    }
    keys.learn_existence_poll(no_such_name(26), start + 3900ms);
    CHECK_FALSE(keys.trusts_existence());
    std::set<std::pair<bool, bool>> taken;
    for (int i = 0; i < 4; ++i) {
        const TimePoint now = start + 4s + i * 1s;
        CHECK_FALSE(keys.poll_existence(now));
        auto& key = keys.next_to_poll(now);
        key.asked = now;
        taken.insert(bits(key));
    }
    CHECK(taken.size() == 4);
}

TEST_CASE("denials that begin anew with each type: existence is trusted") {
    DnsKeys keys;
    for (auto now = start; now < start + 20s; now += 2s) {
        keys.learn_existence_poll(no_such_name(5), now);
        CHECK(keys.trusts_existence());
    }
}

TEST_CASE("existence that every key contradicts: only addresses are polled") {
    DnsKeys keys;
    keys.distrust_existence();
    CHECK(polls(keys, 3, no_data(), no_such_name()) == "AAA");
}
