// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/plan/resources.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

// More than any machine has, and little enough to add up.
constexpr std::uint32_t max_of_a_kind = 1U << 16U;

tl::unexpected<std::string> refuse(std::string cause) {
    return tl::unexpected<std::string>(std::move(cause));
}

Idset first_ids(std::uint32_t count) { return count == 0 ? Idset{} : Idset::range(0, count - 1); }

// The text after "HOSTS=".
struct Group {
    std::uint32_t cores = 0;
    std::uint32_t gpus = 0;
    std::vector<std::string> properties;
};

OrCause<void> read_item(std::string_view item, Group& group) {
    const auto colon = item.find(':');
    const std::string_view key = item.substr(0, colon);
    const std::string_view value = colon == std::string_view::npos ? "" : item.substr(colon + 1);
    if (key == "cores" || key == "gpus") {
        const auto number = parse_number<std::uint32_t>(value);
        const std::uint32_t least = key == "cores" ? 1 : 0;
        if (!number || *number < least || *number > max_of_a_kind) {
            return refuse(in_quotes(item) + " needs a number from " + std::to_string(least) +
                          " to " + std::to_string(max_of_a_kind));
        }
        (key == "cores" ? group.cores : group.gpus) = *number;
        return {};
    }
    if (key == "property") {
        if (!is_property_name(value)) {
            return refuse(in_quotes(value) + " cannot be the name of a property");
        }
        group.properties.emplace_back(value);
        return {};
    }
    return refuse(in_quotes(item) + " is none of cores:N, gpus:N, property:P");
}

OrCause<Group> read_group(std::string_view text) {
    Group group;
    for (const auto& item : split(text, ',')) {
        if (auto read = read_item(item, group); !read) return refuse(read.error());
    }
    if (group.cores == 0) return refuse("it names no cores");
    return group;
}

// The ranks of a group's hosts; `taken` has those of the groups before.
OrCause<Idset> read_ranks(std::string_view text, const Hostlist& hosts, Idset& taken) {
    const auto members = Hostlist::parse(text);
    if (!members) return refuse(members.error());
    if (members->empty()) return refuse("it names no hosts");
    Idset ranks;
    for (const auto& host : members->expand()) {
        const auto rank = hosts.find(host);
        if (!rank) return refuse(host + " is not in the host list");
        const auto id = static_cast<std::uint32_t>(*rank);
        if (taken.contains(id)) return refuse(host + " has its resources already");
        taken.insert(id);
        ranks.insert(id);
    }
    return ranks;
}

OrCause<void> add_group(std::string_view text, const Hostlist& hosts, Idset& taken,
                        ResourceSet& set) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) return refuse("it is not HOSTS=cores:N");
    auto ranks = read_ranks(text.substr(0, equals), hosts, taken);
    if (!ranks) return refuse(ranks.error());
    const auto group = read_group(text.substr(equals + 1));
    if (!group) return refuse(group.error());
    for (const auto& property : group->properties) {
        for (const auto& range : ranks->ranges()) set.properties[property].insert(range);
    }
    set.entries.push_back({std::move(*ranks), first_ids(group->cores), first_ids(group->gpus)});
    return {};
}

Error wrong(const Settings& settings, std::string subject, std::string cause) {
    return {.code = ExitCode::settings,
            .doing = "use --resource-config",
            .subject = std::move(subject),
            .cause = std::move(cause),
            .hint = "it was set by " + settings.origin_of("resource-config")};
}

}  // namespace

Result<std::optional<ResourceSet>> declared_resources(const Settings& settings,
                                                      const Hostlist& hosts) {
    if (settings.resource_config.empty()) return std::nullopt;
    ResourceSet set;
    set.hosts = hosts;
    Idset taken;
    for (const auto& text : settings.resource_config) {
        if (auto added = add_group(text, hosts, taken, set); !added) {
            return fail(wrong(settings, text, added.error()));
        }
    }
    for (std::uint32_t rank = 0; rank < hosts.size(); ++rank) {
        if (!taken.contains(rank)) {
            return fail(wrong(settings, "", hosts.at(rank) + " is in no group, and all must be"));
        }
    }
    return set;
}

std::optional<std::uint32_t> declared_cores(const std::optional<ResourceSet>& declared,
                                            std::uint32_t rank) {
    if (!declared) return std::nullopt;
    for (const auto& entry : declared->entries) {
        if (entry.ranks.contains(rank)) return static_cast<std::uint32_t>(entry.cores.count());
    }
    return std::nullopt;
}

Result<std::optional<ResourceSet>> describe_resources(const Settings& settings,
                                                      const Hostlist& hosts,
                                                      const std::optional<NodeShape>& shape) {
    if (settings.resources == ResourcesMode::discover) return std::nullopt;
    auto declared = declared_resources(settings, hosts);
    if (!declared || *declared) return declared;
    if (!shape || shape->cores == 0) {
        return fail({.code = ExitCode::settings,
                     .doing = "render the resource set R",
                     .cause = "no core of this node is known",
                     .hint = "try --resources discover"});
    }
    const auto last_rank = static_cast<std::uint32_t>(hosts.size() - 1);
    return ResourceSet{.entries = {{.ranks = Idset::range(0, last_rank),
                                    .cores = first_ids(shape->cores),
                                    .gpus = first_ids(shape->gpus)}},
                       .hosts = hosts,
                       .properties = {}};
}

}  // namespace fluxpod
