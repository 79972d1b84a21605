// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "explain_words.hpp"
#include "fluxpod/formats/duration.hpp"
#include "fluxpod/plan/broker.hpp"
#include "fluxpod/plan/explain.hpp"

namespace fluxpod {

namespace {

namespace json = boost::json;

std::string_view role_of(const Identity& identity) {
    return identity.is_lead() ? "lead" : "follower";
}

json::object pod_object(const Identity& identity) {
    return {{"hostname", identity.hostname}, {"rank", identity.rank},
            {"role", role_of(identity)},     {"address", identity.address_of(identity.rank)},
            {"platform", identity.platform}, {"index_origin", identity.index_origin}};
}

json::object tree_object(const Plan& plan) {
    json::value parent = nullptr;
    if (plan.parent) {
        parent = {{"rank", *plan.parent},
                  {"hostname", plan.identity.hosts.at(*plan.parent)},
                  {"address", plan.identity.address_of(*plan.parent)}};
    }
    return {{"topology", plan.tree.spec().flux_spelling()},
            {"parent", std::move(parent)},
            {"children", children_of(plan).encode()}};
}

json::value resources_value(const Plan& plan) {
    if (!plan.resources) return nullptr;
    for (const auto& entry : plan.resources->entries) {
        if (!entry.ranks.contains(plan.identity.rank)) continue;
        return {{"cores", entry.cores.encode()}, {"gpus", entry.gpus.encode()}};
    }
    return nullptr;
}

json::value node_value(const Plan& plan) {
    if (!plan.node) return nullptr;
    return {{"verdict", name_of(plan.node->verdict)},
            {"reason", plan.node->reason},
            {"floats", plan.node->floats},
            {"bind", nullptr}};
}

json::value wait_value(const Plan& plan) {
    if (!plan.gate) return nullptr;
    return {{"host", plan.gate->host},
            {"port", plan.gate->port},
            {"until", name_of(plan.gate->until)},
            {"timeout", format_duration(plan.gate->timeout)}};
}

json::array scratch_array(const Plan& plan) {
    json::array notes;
    for (const auto& note : plan.scratch) notes.emplace_back(note.text);
    return notes;
}

json::object path_object(const std::string& path, mode_t mode) {
    return {{"path", path}, {"mode", octal(mode)}};
}

json::object launch_object(const Plan& plan) {
    const LaunchPlan& launch = plan.launch;
    const auto words = broker_argv(plan);
    json::array argv(words.begin(), words.end());
    json::object environment;
    for (const auto& [name, value] : launch.set_environment) environment[name] = value;
    json::object appended;
    for (const auto& [name, value] : launch.append_environment) appended[name] = value;
    return {{"argv", std::move(argv)},
            {"environment", std::move(environment)},
            {"append", std::move(appended)}};
}

}  // namespace

std::string explain_as_json(const Plan& plan, const Settings& settings) {
    const Identity& identity = plan.identity;
    json::array directories;
    for (const auto& directory : plan.directories) {
        directories.push_back(path_object(directory.path, directory.mode));
    }
    json::array files;
    for (const auto& [path, mode] : files_of(plan)) files.push_back(path_object(path, mode));
    json::object origins;
    for (const auto& [option, origin] : settings.origins) origins[option] = origin;

    const json::object whole{
        {"pod", pod_object(identity)},
        {"cluster",
         {{"size", identity.size},
          {"min_size", identity.min_size},
          {"max_size", identity.max_size},
          {"hosts", identity.hosts.encode()}}},
        {"tree", tree_object(plan)},
        {"overlay",
         {{"port", plan.broker.default_port},
          {"bind", plan.broker.default_bind},
          {"bind_reason", plan.bind.reason},
          {"ipv6", plan.broker.enable_ipv6},
          {"connect", plan.broker.default_connect}}},
        {"certificate",
         {{"source", name_of(plan.certificate.source)}, {"path", plan.certificate.path}}},
        {"resources", resources_value(plan)},
        {"node", node_value(plan)},
        {"directories", std::move(directories)},
        {"files", std::move(files)},
        {"wait", wait_value(plan)},
        {"scratch", scratch_array(plan)},
        {"launch", launch_object(plan)},
        {"origins", std::move(origins)}};
    return json::serialize(whole) + "\n";
}

}  // namespace fluxpod
