// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/duration.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace fluxpod;
using namespace std::chrono_literals;

TEST_CASE("a duration is a number with ms, s, m, h, d or nothing for seconds") {
    CHECK(parse_duration("30") == 30s);
    CHECK(parse_duration("30s") == 30s);
    CHECK(parse_duration("1500ms") == 1500ms);
    CHECK(parse_duration("5m") == 5min);
    CHECK(parse_duration("2h") == 2h);
    CHECK(parse_duration("365d") == 365 * 24h);
    CHECK(parse_duration("0") == 0s);
    CHECK(parse_duration("007") == 7s);
}

TEST_CASE("fractions are kept to the nanosecond") {
    CHECK(parse_duration("0.1") == 100ms);
    CHECK(parse_duration("1.5m") == 90s);
    CHECK(parse_duration(".5s") == 500ms);
    CHECK(parse_duration("1.s") == 1s);
    CHECK(parse_duration("0.000000001") == 1ns);
    CHECK(parse_duration("0.0000000004") == 0ns);
    CHECK(parse_duration("31535999.999999999") == 365 * 24h - 1ns);
    CHECK(parse_duration("1e3s") == 1000s);
    CHECK(parse_duration("1.5e-3s") == 1500us);
}

TEST_CASE("what is not a Flux Standard Duration is refused") {
    for (const char* text : {"",     " ",   "s",     "ms",   "30 s",  " 30s",   "30s ", "+30s",
                             "1,5s", "30S", "30sec", "5M",   "1m30s", "0x10",   "1e",   "1e+",
                             "--1",  ".",   "nan",   "nans", "infs",  "thirty", "30\n", "1.2.3"}) {
        CAPTURE(text);
        const auto parsed = parse_duration(text);
        REQUIRE_FALSE(parsed.has_value());
        CHECK(parsed.error() == "is not a duration such as 30s, 1.5m or 500ms");
    }
    CHECK_FALSE(parse_duration(std::string_view("30\0s", 4)).has_value());
    CHECK_FALSE(parse_duration(std::string(100000, '9') + "s").has_value());
    CHECK_FALSE(parse_duration("1e-99999s").has_value());
}

TEST_CASE("an endless, a negative and a too long duration each say so") {
    CHECK(parse_duration("infinity").error() == "is endless, but every wait must end");
    CHECK(parse_duration("inf").error() == "is endless, but every wait must end");
    CHECK(parse_duration("-1s").error() == "is negative");
    CHECK(parse_duration("-0").error() == "is negative");
    CHECK(parse_duration("-inf").error() == "is negative");
    CHECK(parse_duration("365.001d").error() == "is more than 365 days");
    CHECK(parse_duration("1e300d").error() == "is more than 365 days");
    CHECK(parse_duration("1e99999").error() == "is out of range");
}

TEST_CASE("a duration is written with the largest unit that leaves a whole number") {
    CHECK(format_duration(30s) == "30s");
    CHECK(format_duration(1500ms) == "1500ms");
    CHECK(format_duration(5min) == "5m");
    CHECK(format_duration(90s) == "90s");
    CHECK(format_duration(1h) == "1h");
    CHECK(format_duration(36h) == "36h");
    CHECK(format_duration(48h) == "2d");
    CHECK(format_duration(0s) == "0s");
    CHECK(format_duration(-1s) == "0s");
}

TEST_CASE("what is finer than a millisecond is rounded to it") {
    CHECK(format_duration(1499us) == "1ms");
    CHECK(format_duration(1500us) == "2ms");
    CHECK(format_duration(999'999'999ns) == "1s");
    CHECK(format_duration(499us) == "0s");
}

TEST_CASE("what is written is read back") {
    for (const Duration duration : {0ns, Duration(1ms), Duration(61s), Duration(59min + 1ms),
                                    Duration(24h * 365), Duration(7h)}) {
        CHECK(parse_duration(format_duration(duration)) == duration);
    }
}

TEST_CASE("for people, two figures are enough") {
    CHECK(describe_duration(312ms) == "312ms");
    CHECK(describe_duration(0ns) == "0ms");
    CHECK(describe_duration(-5s) == "0ms");
    CHECK(describe_duration(4200ms) == "4.2s");
    CHECK(describe_duration(4s) == "4s");
    CHECK(describe_duration(90s) == "1m30s");
    CHECK(describe_duration(120s) == "2m");
    CHECK(describe_duration(65min) == "1h5m");
    CHECK(describe_duration(26h) == "1d2h");
    CHECK(describe_duration(24h * 365) == "365d");
}

TEST_CASE("for people, a duration just below a unit becomes that unit") {
    CHECK(describe_duration(999'700us) == "1s");
    CHECK(describe_duration(59'970ms) == "1m");
    CHECK(describe_duration(3599'600ms) == "1h");
    CHECK(describe_duration(24h - 10s) == "1d");
}
