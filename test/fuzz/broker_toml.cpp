// SPDX-License-Identifier: Apache-2.0
// The user's own TOML: merged over a broker.toml, and read as a whole one.
#include "fluxpod/formats/broker_toml.hpp"

#include "property.hpp"

using namespace fluxpod;

namespace {

BrokerConfig sample() {
    BrokerConfig config;
    config.curve_cert = "/run/fluxpod/curve/curve.cert";
    config.default_bind = "tcp://eth0:%p";
    config.default_connect = "tcp://%h.flux-service.default.svc.cluster.local:%p";
    config.hosts.push_back({.host = "fp-[0-3]", .bind = {}, .connect = {}, .parent = {}});
    config.topo = "kary:2";
    config.connect_timeout = "5s";
    config.tcp_user_timeout = "20s";
    config.resource_path = "/run/fluxpod/etc/flux/system/R";
    return config;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const BrokerConfig config = sample();
    const auto user = as_text(data, size);
    const auto checked = check_broker_toml(user, "fp-0");
    must_hold(checked || !checked.error().empty(), "a refusal has a reason");

    const auto text = encode_broker_toml(config, user);
    if (!text) {
        must_hold(!text.error().empty(), "a refusal has a reason");
        return 0;
    }
    const auto again = encode_broker_toml(config, *text);
    must_hold(again && *again == *text, "what was written can be merged over itself");
    return 0;
}
