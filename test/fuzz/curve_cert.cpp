// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/curve_cert.hpp"

#include <algorithm>

#include "property.hpp"

using namespace fluxpod;

namespace {

bool same(const SecretBytes& a, const SecretBytes& b) {
    return std::equal(a.view().begin(), a.view().end(), b.view().begin(), b.view().end());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto cert = CurveCert::parse(SecretBytes::copy_of({data, size}));
    if (!cert) {
        must_hold(!cert.error().empty(), "a refusal has a reason");
        return 0;
    }
    must_hold(cert->public_key().size() == 40 && cert->secret_key().size() == 40,
              "keys are 40 characters");
    const auto text = cert->encode();
    const auto again = CurveCert::parse(text);
    must_hold(again.has_value(), "what was read can be written and read again");
    must_hold(
        again->public_key() == cert->public_key() && same(again->secret_key(), cert->secret_key()),
        "with the same keys");
    must_hold(same(again->encode(), text), "a second writing is the same");
    for (const auto& [key, value] : cert->metadata()) {
        const auto kept = again->metadata().find(key);
        must_hold(kept != again->metadata().end() && kept->second == value,
                  "with the same metadata");
    }
    return 0;
}
