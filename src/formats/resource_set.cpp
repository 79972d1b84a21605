// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/resource_set.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>
#include <exception>
#include <utility>

#include "fluxpod/base/json_object.hpp"
#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace json = boost::json;

namespace {

tl::unexpected<std::string> refused(std::string cause) {
    return tl::unexpected<std::string>(std::move(cause));
}

OrCause<Idset> idset_of(const json::value* value, const std::string& what) {
    const json::string* text = value == nullptr ? nullptr : value->if_string();
    if (text == nullptr) return refused(what + " is not there or not a string");
    auto set = Idset::parse({text->data(), text->size()});
    if (!set) return refused(what + ": " + set.error());
    return std::move(*set);
}

OrCause<ResourceSet::Entry> entry_of(const json::value& value, const std::string& what) {
    const json::object* entry = value.if_object();
    if (entry == nullptr) return refused(what + " is not an object");
    const json::object* children = object_in(*entry, "children");
    if (children == nullptr) return refused(what + " has no children");

    auto ranks = idset_of(member_of(*entry, "rank"), what + ".rank");
    if (!ranks) return refused(ranks.error());
    auto cores = idset_of(member_of(*children, "core"), what + ".children.core");
    if (!cores) return refused(cores.error());
    if (ranks->empty()) return refused(what + " has no ranks");
    if (cores->empty()) return refused(what + " has no cores");
    ResourceSet::Entry parsed{std::move(*ranks), std::move(*cores), {}};
    if (const json::value* gpu = member_of(*children, "gpu"); gpu != nullptr) {
        auto gpus = idset_of(gpu, what + ".children.gpu");
        if (!gpus) return refused(gpus.error());
        parsed.gpus = std::move(*gpus);
    }
    return parsed;
}

// All ranks of R; an entry whose ranks stand in an earlier one is an error.
OrCause<Idset> read_entries(const json::object& execution, ResourceSet& set) {
    const json::array* rows = array_in(execution, "R_lite");
    if (rows == nullptr || rows->empty()) return refused("R_lite has no entries");
    Idset all;
    for (const auto& row : *rows) {
        const std::string what = "R_lite[" + std::to_string(set.entries.size()) + "]";
        auto entry = entry_of(row, what);
        if (!entry) return refused(entry.error());
        const auto apart = all.count() + entry->ranks.count();
        for (const auto& range : entry->ranks.ranges()) all.insert(range);
        if (all.count() != apart) {
            return refused(what +
                           " has ranks of an earlier entry: " + excerpt(entry->ranks.encode()));
        }
        set.entries.push_back(std::move(*entry));
    }
    return all;
}

OrCause<void> read_hosts(const json::object& execution, const Idset& ranks, ResourceSet& set) {
    const json::array* lists = array_in(execution, "nodelist");
    if (lists == nullptr) return refused("there is no nodelist");
    std::string hosts;
    for (const auto& list : *lists) {
        const json::string* text = list.if_string();
        if (text == nullptr) return refused("nodelist is not a list of strings");
        if (text->empty()) continue;
        if (!hosts.empty()) hosts += ',';
        hosts += std::string_view(text->data(), text->size());
    }
    auto parsed = Hostlist::parse(hosts);
    if (!parsed) return refused("nodelist: " + parsed.error());
    if (parsed->size() != ranks.count()) {
        return refused("nodelist has " + std::to_string(parsed->size()) + " hosts, R_lite " +
                       std::to_string(ranks.count()) + " ranks");
    }
    set.hosts = std::move(*parsed);
    return {};
}

OrCause<void> read_properties(const json::object& execution, const Idset& ranks, ResourceSet& set) {
    const json::value* value = member_of(execution, "properties");
    if (value == nullptr) return {};
    const json::object* properties = value->if_object();
    if (properties == nullptr) return refused("properties is not an object");
    for (const auto& property : *properties) {
        const std::string name(property.key().data(), property.key().size());
        if (!is_property_name(name)) {
            return refused("\"" + excerpt(name) + "\" cannot be the name of a property");
        }
        auto holders = idset_of(&property.value(), "property " + excerpt(name));
        if (!holders) return refused(holders.error());
        Idset with_holders = ranks;
        for (const auto& range : holders->ranges()) with_holders.insert(range);
        if (with_holders != ranks) {
            return refused("property " + excerpt(name) + " is given to ranks that R_lite lacks");
        }
        set.properties.emplace(name, std::move(*holders));
    }
    return {};
}

OrCause<ResourceSet> resource_set_of(const json::value& value) {
    const json::object* top = value.if_object();
    if (top == nullptr) return refused("is not a JSON object");
    if (number_in<std::int64_t>(*top, "version") != 1) return refused("its version is not 1");
    const json::object* execution = object_in(*top, "execution");
    if (execution == nullptr) return refused("there is no execution object");

    ResourceSet set;
    const auto ranks = read_entries(*execution, set);
    if (!ranks) return refused(ranks.error());
    if (auto hosts = read_hosts(*execution, *ranks, set); !hosts) return refused(hosts.error());
    if (auto properties = read_properties(*execution, *ranks, set); !properties) {
        return refused(properties.error());
    }
    return set;
}

}  // namespace

std::string ResourceSet::encode() const {
    json::array rows;
    for (const auto& entry : entries) {
        json::object children{{"core", entry.cores.encode()}};
        if (!entry.gpus.empty()) children["gpu"] = entry.gpus.encode();
        rows.push_back(
            json::object{{"rank", entry.ranks.encode()}, {"children", std::move(children)}});
    }
    // RFC 20 wants both times; zero is none.
    json::object execution{{"R_lite", std::move(rows)},
                           {"starttime", 0},
                           {"expiration", 0},
                           {"nodelist", json::array{json::value(hosts.encode())}}};
    if (!properties.empty()) {
        json::object named;
        for (const auto& [name, ranks] : properties) named[name] = ranks.encode();
        execution["properties"] = std::move(named);
    }
    const json::object top{{"version", 1}, {"execution", std::move(execution)}};
    return json::serialize(top) + "\n";
}

OrCause<ResourceSet> ResourceSet::parse(std::string_view text) {
    try {
        boost::system::error_code error;
        const json::value value = json::parse({text.data(), text.size()}, error);
        if (error) return refused("is not JSON: " + error.message());
        return resource_set_of(value);
    } catch (const std::exception& thrown) {
        return refused(std::string("is not JSON: ") + thrown.what());
    }
}

bool is_property_name(std::string_view name) {
    constexpr std::string_view forbidden = "!&'\"^`|()";
    return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
        return c > ' ' && c <= '~' && forbidden.find(c) == std::string_view::npos;
    });
}

}  // namespace fluxpod
