// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/hostname.hpp"

#include <doctest/doctest.h>

#include <string>

using fluxpod::hostname_fault;

TEST_CASE("a host name has labels of 1 to 63 letters, digits and inner hyphens") {
    for (const char* good : {"a", "fp-0", "FP-0.svc.cluster.local", "10.0.0.1", "0"}) {
        CAPTURE(good);
        CHECK_FALSE(hostname_fault(good));
    }
    for (const char* bad : {"", ".", "a.", ".a", "a..b", "-a", "a-", "a.-b", "a_b", "a b", "a\n",
                            "\xC3\xA9", "a:b", "*"}) {
        CAPTURE(bad);
        CHECK(hostname_fault(bad));
    }
    CHECK_FALSE(hostname_fault(std::string(63, 'a')));
    CHECK(hostname_fault(std::string(64, 'a')));
    std::string many;
    for (int i = 0; i < 126; ++i) many += "a.";
    CHECK_FALSE(hostname_fault(many + "a"));
    CHECK(hostname_fault(many + "ab"));
}
