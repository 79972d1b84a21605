// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/overlay/roll_call_message.hpp"

#include <doctest/doctest.h>

using namespace fluxpod;

namespace {

const std::string presence_text =
    R"({"kind":"present","rank":3,"hostname":"fp-3","parent":1,"waited_ms":12,"refused":2})";

std::string with(const std::string& from, const std::string& to) {
    std::string text = presence_text;
    const auto place = text.find(from);
    REQUIRE(place != std::string::npos);
    return text.replace(place, from.size(), to);
}

}  // namespace

TEST_CASE("every kind of message is read back as it was written") {
    const Presence presence{.rank = 3,
                            .hostname = "fp-3",
                            .parent = 1,
                            .waited = std::chrono::milliseconds(12),
                            .refused = 2};
    CHECK(encode_roll_call(presence) == presence_text);
    CHECK(decode_roll_call(presence_text) == RollCallMessage(presence));

    const RollCallVerdict verdict{.complete = false,
                                  .joined = 2,
                                  .size = 3,
                                  .refused_keys = true,
                                  .lacking = "fp-2 (rank 2): not heard of"};
    CHECK(decode_roll_call(encode_roll_call(verdict)) == RollCallMessage(verdict));
    CHECK(decode_roll_call(encode_roll_call(Receipt{})) == RollCallMessage(Receipt{}));
}

TEST_CASE("a verdict that lists too much is cut and still read") {
    const RollCallVerdict verdict{.complete = false,
                                  .joined = 1,
                                  .size = 9,
                                  .refused_keys = false,
                                  .lacking = std::string(5000, 'x')};
    const auto read = decode_roll_call(encode_roll_call(verdict));
    REQUIRE(read);
    CHECK(std::get<RollCallVerdict>(*read).lacking == std::string(1024, 'x'));
}

TEST_CASE("a frame that is not a message of a roll call: ignored") {
    for (
        const std::string& text : {
            std::string(),
            std::string("\0\xff", 2),
            std::string("[]"),
            std::string("null"),
            std::string("{}"),
            std::string(R"({"kind":7})"),
            std::string(R"({"kind":"present"})"),
            std::string(
                R"({"kind":"verdict","complete":1,"joined":1,"size":1,"refused_keys":true,"lacking":""})"),
            std::string(R"({"kind":"receipt"} and more)"),
            std::string(R"({"kind":"receipt")"),
            std::string(100, '['),
            std::string(5000, ' ') + presence_text,
            with("3,", "-3,"),
            with("3,", "3.5,"),
            with("3,", "4294967296,"),
            with("3,", "\"3\","),
            with("12", "1e300"),
            with("12", "99999999999999"),
            with("fp-3", ""),
            with("fp-3", "fp_3"),
            with("fp-3", "fp-3\\n"),
            with("fp-3", std::string(300, 'a')),
            with("\"refused\":2", "\"refused\":[[[[]]]]"),
        }) {
        CAPTURE(text);
        CHECK_FALSE(decode_roll_call(text));
    }
}
