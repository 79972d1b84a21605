// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/identity/identity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "fluxpod/base/text.hpp"
#include "fluxpod/formats/hostname.hpp"
#include "platform.hpp"

namespace fluxpod {

namespace {

// A value and where it came from, for messages that name both.
template <class T>
struct Sourced {
    T value;
    std::string origin;
};
using Name = Sourced<std::string>;
using Number = Sourced<std::uint32_t>;

Error misfit(std::string doing, std::string cause, std::string hint) {
    return {.code = ExitCode::identity,
            .doing = std::move(doing),
            .cause = std::move(cause),
            .hint = std::move(hint)};
}

Error wrong_setting(const std::string& option, const Name& setting, std::string cause) {
    return {.code = ExitCode::settings,
            .doing = fmt::format("use {} \"{}\" ({})", option, setting.value, setting.origin),
            .cause = std::move(cause),
            .hint = {}};
}

std::string first_label(const std::string& name) { return name.substr(0, name.find('.')); }

// ---- The size of the cluster

struct Sizes {
    Number size, min, max;
};

Result<std::optional<Number>> read_group_size(const PodFacts& facts) {
    if (!facts.lws_group_size) return std::nullopt;
    auto size = parse_number<std::uint32_t>(*facts.lws_group_size);
    if (!size || *size == 0 || *size > Hostlist::max_in_range) {
        return fail(misfit("read the size of the cluster from LWS_GROUP_SIZE",
                           fmt::format("\"{}\" is not a number from 1 to {}", *facts.lws_group_size,
                                       Hostlist::max_in_range),
                           "the LeaderWorkerSet sets it"));
    }
    return Number{*size, "LWS_GROUP_SIZE"};
}

Result<Number> find_size(const Settings& settings, const PodFacts& facts,
                         const std::optional<Hostlist>& listed) {
    auto group = read_group_size(facts);
    if (!group) return fail(group.error());
    const Number said{settings.size, settings.origin_of("size")};
    if (settings.origins.contains("size")) {
        if (*group && (*group)->value != said.value) {
            return fail(misfit("tell the size of the cluster",
                               fmt::format("size is {} ({}) and LWS_GROUP_SIZE is {}", said.value,
                                           said.origin, (*group)->value),
                               "leave --size out, or change one of them"));
        }
        return said;
    }
    if (*group) return **group;
    if (listed) {
        return Number{static_cast<std::uint32_t>(listed->size()), settings.origin_of("hosts")};
    }
    return said;
}

Result<Sizes> find_sizes(const Settings& settings, const PodFacts& facts,
                         const std::optional<Hostlist>& listed) {
    auto size = find_size(settings, facts, listed);
    if (!size) return fail(size.error());
    Sizes sizes{*size, *size, *size};
    if (settings.min_size) sizes.min = {*settings.min_size, settings.origin_of("min-size")};
    const auto in_list = static_cast<std::uint32_t>(listed ? listed->size() : 0);
    if (settings.max_size) {
        sizes.max = {*settings.max_size, settings.origin_of("max-size")};
    } else if (in_list > size->value) {
        sizes.max = {in_list, settings.origin_of("hosts")};
    }

    if (listed && in_list != sizes.max.value) {
        return fail(misfit(
            "give every rank a host",
            fmt::format("hosts ({}) lists {} of them and the max size is {} ({})",
                        settings.origin_of("hosts"), in_list, sizes.max.value, sizes.max.origin),
            "list as many hosts as the cluster may have"));
    }
    if (sizes.min.value > sizes.size.value || sizes.size.value > sizes.max.value) {
        auto error =
            misfit("use these sizes",
                   fmt::format("min size {} ({}), size {} ({}) and max size {} ({}) do not rise",
                               sizes.min.value, sizes.min.origin, sizes.size.value,
                               sizes.size.origin, sizes.max.value, sizes.max.origin),
                   "");
        error.code = ExitCode::settings;
        return fail(std::move(error));
    }
    return sizes;
}

// ---- The names

Result<std::optional<Hostlist>> read_hosts(const Settings& settings) {
    if (settings.hosts.empty()) return std::nullopt;
    const Name list{settings.hosts, settings.origin_of("hosts")};
    auto hosts = Hostlist::parse(list.value);
    if (!hosts) return fail(wrong_setting("hosts", list, hosts.error()));
    if (hosts->empty() || hosts->size() > Hostlist::max_in_range) {
        return fail(wrong_setting("hosts", list,
                                  fmt::format("it names {} hosts and 1 to {} are possible",
                                              hosts->size(), Hostlist::max_in_range)));
    }
    if (auto twice = hosts->repeated()) {
        return fail(
            misfit("give every rank a host of its own",
                   fmt::format("hosts \"{}\" ({}) names {} twice", list.value, list.origin, *twice),
                   "Flux would drop the second one and move every rank after it"));
    }
    return *hosts;
}

// The text around each %i of a host format, with the cluster's name put in.
Result<std::vector<std::string>> split_format(const Name& format, const std::string& cluster_name) {
    std::vector<std::string> pieces(1);
    for (std::size_t at = 0; at < format.value.size(); ++at) {
        if (format.value[at] != '%') {
            pieces.back() += format.value[at];
            continue;
        }
        const char token = ++at < format.value.size() ? format.value[at] : '\0';
        if (token == '%') {
            pieces.back() += '%';
        } else if (token == 'n') {
            pieces.back() += cluster_name;
        } else if (token == 'i') {
            pieces.emplace_back();
        } else {
            const auto unknown =
                token == '\0' ? "a single % at its end" : fmt::format("%{}", token);
            return fail(wrong_setting("host-format", format,
                                      unknown + " is none of %n (name), %i (index), %%"));
        }
    }
    return pieces;
}

Result<Hostlist> format_hosts(const Name& format, const std::string& cluster_name,
                              std::uint32_t count) {
    auto pieces = split_format(format, cluster_name);
    if (!pieces) return fail(pieces.error());
    Hostlist hosts;
    if (pieces->size() == 1 && count > 1) {
        return fail(wrong_setting("host-format", format,
                                  fmt::format("without %i all {} hosts have one name", count)));
    }
    if (pieces->size() == 2) {
        hosts.append_range(pieces->front(), 0, count - 1, 1, pieces->back());
        return hosts;
    }
    for (std::uint32_t index = 0; index < count; ++index) {
        hosts.append(join(*pieces, std::to_string(index)));
    }
    return hosts;
}

// The facts about this pod that are known before its rank.
struct Pod {
    const Settings& settings;
    const Platform& platform;
    Name hostname;
    bool elsewhere;  // the hostname says nothing: another pod is meant
    std::optional<Index> index;
    std::optional<Hostlist> listed;
    std::uint32_t max_size;

    [[nodiscard]] bool names_are_said() const {
        return listed.has_value() || !settings.host_format.empty();
    }
};

// One pod alone needs no number in its name, whatever name it has.
bool is_alone(const Pod& pod) {
    return pod.max_size == 1 && pod.platform.lead == numbered && !pod.names_are_said() &&
           !(pod.elsewhere && !pod.settings.cluster_name.empty()) &&
           !split_ordinal(pod.hostname.value, pod.platform.others);
}

Result<Hostlist> make_hosts(const Pod& pod) {
    if (pod.listed) return *pod.listed;
    const auto& settings = pod.settings;
    if (is_alone(pod)) {
        Hostlist alone;
        alone.append(pod.hostname.value);
        return alone;
    }
    const bool is_lead = pod.index && pod.index->value == 0;
    const std::string cluster_name =
        settings.cluster_name.empty() ? cluster_name_in(pod.platform, pod.hostname.value, is_lead)
                                      : settings.cluster_name;
    if (settings.host_format.empty()) {
        return platform_hosts(pod.platform, cluster_name, pod.max_size);
    }
    const Name format{settings.host_format, settings.origin_of("host-format")};
    return format_hosts(format, cluster_name, pod.max_size);
}

// The whole name if --hosts has it so, or if only the whole has the platform's ordinal
// ("my.job-worker-1"). Else the first label: Kubernetes makes the whole FQDN the hostname if a pod
// asks for it (setHostnameAsFQDN), but Flux knows the pod by its label.
Name own_hostname(const Settings& settings, const PodFacts& facts, const Platform& platform,
                  const std::optional<Hostlist>& listed) {
    Name name{facts.kernel_hostname, "the kernel's"};
    if (!settings.hostname.empty()) {
        name = {settings.hostname, settings.origin_of("hostname")};
    } else if (platform.sign == &PodFacts::reverse_name) {
        name = {*facts.reverse_name, "the reverse name of its address"};
    }
    if (listed && listed->find(name.value)) return name;
    const std::string label = first_label(name.value);
    const auto has_ordinal = [&](const std::string& of) {
        return split_ordinal(of, platform.others).has_value();
    };
    if (!is_plain(platform) && has_ordinal(name.value) && !has_ordinal(label)) return name;
    if (label == name.value) return name;
    return {label, fmt::format("the first label of {}, {}", name.value, name.origin)};
}

// ---- The rank

// With --hosts, a platform's index may count within one group of several (a JobSet's jobs, a lead
// of another name): the hosts of this hostname's pattern are listed in rising order without a gap,
// from 0, or later for a StatefulSet.
bool counts_within_group(const Pod& pod) {
    auto own = split_ordinal(pod.hostname.value, pod.platform.others);
    if (!own || own->ordinal != pod.index->value) return false;
    const bool begins_anywhere = pod.platform.sign == &PodFacts::pod_index_label;
    std::optional<std::uint32_t> next;
    if (!begins_anywhere) next = 0;
    for (const auto& host : pod.listed->expand()) {
        auto other = split_ordinal(host, pod.platform.others);
        if (!other || other->base != own->base) continue;
        if (other->ordinal != next.value_or(other->ordinal)) return false;
        next = other->ordinal + 1;
    }
    return true;
}

// As the kubelet cuts a name to what the kernel takes.
std::string cut_by_kubernetes(const std::string& name) {
    auto cut = name.substr(0, 63);
    return cut.substr(0, cut.find_last_not_of("-.") + 1);
}

Error wrong_hostname(const Pod& pod, const std::string& expected,
                     std::optional<std::size_t> position) {
    const auto& [hostname, origin] = pod.hostname;
    const auto doing = fmt::format("take rank {}", pod.index->value);
    const auto index = fmt::format("index {} ({})", pod.index->value, pod.index->origin);
    if (expected.size() > 63 && hostname == cut_by_kubernetes(expected)) {
        return misfit(doing,
                      fmt::format("{} is {}, {} characters long, and Kubernetes cut the hostname "
                                  "at 63: {} ({})",
                                  index, expected, expected.size(), hostname, origin),
                      "choose a shorter name for the cluster");
    }
    if (position) {
        return misfit(doing,
                      fmt::format("{} is host {}, but hostname {} ({}) is the host of rank {}",
                                  index, expected, hostname, origin, *position),
                      "Flux goes by the hostname, so correct the one that is wrong");
    }
    return misfit(
        doing,
        fmt::format("{} is host {}, but hostname is {} ({})", index, expected, hostname, origin),
        "set --hostname, or say how hosts are called: --cluster-name, --host-format or "
        "--hosts");
}

Error no_place(const Pod& pod, const Hostlist& hosts) {
    const auto own = fmt::format("hostname {} ({})", pod.hostname.value, pod.hostname.origin);
    if (pod.names_are_said() || split_ordinal(pod.hostname.value, pod.platform.others)) {
        auto list = hosts.encode();
        if (list.size() > 200) list = list.substr(0, 200) + "...";
        return misfit("find the rank of this pod", fmt::format("{} is not among {}", own, list),
                      "set --hostname, or say how hosts are called: --cluster-name, --host-format "
                      "or --hosts");
    }
    return misfit("find the rank of this pod",
                  fmt::format("no index is given and {} does not end in an ordinal", own),
                  "give --index or FLUXPOD_INDEX, or list the hosts with --hosts");
}

Error outside(const Pod& pod, const Number& max_size) {
    return misfit(
        "take a rank",
        fmt::format("index {} ({}) is outside 0..{}, max size is {} ({})", pod.index->value,
                    pod.index->origin, max_size.value - 1, max_size.value, max_size.origin),
        is_plain(pod.platform) && max_size.origin == "default"
            ? "give --size, or for one pod --hosts with its hostname"
            : "let the size say how many pods there may be");
}

Result<std::uint32_t> find_rank(const Pod& pod, const Hostlist& hosts, const Number& max_size) {
    const auto position = hosts.find(pod.hostname.value);
    if (!pod.index) {
        if (!position) return fail(no_place(pod, hosts));
        return static_cast<std::uint32_t>(*position);
    }
    const auto index = pod.index->value;
    const bool in_range = index < hosts.size();
    if (in_range && (pod.elsewhere || position == index)) return index;

    const bool may_be_in_group = pod.listed && !pod.settings.index && position;
    if (may_be_in_group && counts_within_group(pod)) return static_cast<std::uint32_t>(*position);
    return fail(in_range ? wrong_hostname(pod, hosts.at(index), position) : outside(pod, max_size));
}

Result<std::optional<Index>> find_index(const Pod& pod, const PodFacts& facts) {
    const auto& settings = pod.settings;
    if (settings.index) return Index{*settings.index, settings.origin_of("index")};
    if (pod.elsewhere) return Index{0, settings.origin_of("all")};
    // If names are listed, the index is the hostname's place among them and not its ordinal.
    if (pod.platform.index == IndexSource::ordinal && pod.names_are_said()) return std::nullopt;
    return platform_index(pod.platform, facts, pod.hostname.value);
}

// LeaderWorkerSet tells every pod the lead's address; --hosts and --host-format may differ from it.
Status check_lead(const Pod& pod, const PodFacts& facts, const std::string& lead) {
    if (!facts.lws_leader_address || pod.names_are_said()) return {};
    if (first_label(*facts.lws_leader_address) == lead) return {};
    return fail(misfit(
        "find the lead",
        fmt::format("by the hostname {} ({}) it is {}, and LWS_LEADER_ADDRESS is {}",
                    pod.hostname.value, pod.hostname.origin, lead, *facts.lws_leader_address),
        "leave --hostname out, or list the hosts with --hosts"));
}

Status check_names(const Hostlist& hosts) {
    for (const auto& host : hosts.boundary_names()) {
        if (auto fault = hostname_fault(host)) {
            return fail(
                misfit(fmt::format("use {} as the host of rank {}", host, hosts.find(host).value()),
                       *fault, "Flux would refuse it"));
        }
    }
    return {};
}

// ---- The address

Name find_namespace(const Settings& settings, const PodFacts& facts) {
    if (!settings.namespace_name.empty()) {
        return {settings.namespace_name, settings.origin_of("namespace")};
    }
    if (!facts.pod_namespace.value_or("").empty()) return {*facts.pod_namespace, "POD_NAMESPACE"};
    if (facts.namespace_file) return {*facts.namespace_file, "the service account"};
    if (auto found = namespace_of(facts.resolv_conf.search); !found.empty()) {
        return {found, "resolv.conf"};
    }
    return {settings.service.empty() ? "" : "default", "default"};
}

Name find_domain(const Settings& settings, const PodFacts& facts) {
    Name domain{"cluster.local", "default"};
    if (!settings.cluster_domain.empty()) {
        domain = {settings.cluster_domain, settings.origin_of("cluster-domain")};
    } else if (auto found = cluster_domain_of(facts.resolv_conf.search); !found.empty()) {
        domain = {found, "resolv.conf"};
    }
    if (domain.value.ends_with('.')) domain.value.pop_back();
    return domain;
}

Status find_address(Identity& identity, const Settings& settings, const PodFacts& facts) {
    const Name service{settings.service, settings.origin_of("service")};
    const Name namespace_name = find_namespace(settings, facts);
    const Name domain = find_domain(settings, facts);
    identity.service = service.value;
    identity.namespace_name = namespace_name.value;
    identity.cluster_domain = domain.value;
    if (service.value.empty()) return {};  // then none of them is used
    for (const auto& [option, part] : {std::pair{"service", &service},
                                       {"namespace", &namespace_name},
                                       {"cluster domain", &domain}}) {
        if (auto fault = hostname_fault(part->value)) {
            return fail(wrong_setting(option, *part, *fault));
        }
    }
    for (const auto& host : identity.hosts.boundary_names()) {
        const std::string address = host + identity.address_suffix();
        if (auto fault = hostname_fault(address)) {
            return fail(misfit(fmt::format("use {} as the address of rank {}", address,
                                           identity.hosts.find(host).value()),
                               *fault, "no such name can be looked up"));
        }
    }
    return {};
}

// No fact says that the process is in a pod of its own: then --index or --all means another one.
bool means_another_pod(const Settings& settings, const Platform& platform, bool elsewhere) {
    return elsewhere && is_plain(platform) && settings.hostname.empty() &&
           (settings.index.has_value() || settings.all);
}

}  // namespace

std::string Identity::address_suffix() const {
    if (service.empty()) return {};
    return "." + service + "." + namespace_name + ".svc." + cluster_domain;
}

std::string Identity::address_of(std::uint32_t rank_asked) const {
    return hosts.at(rank_asked) + address_suffix();
}

bool needs_reverse_name(const Settings& settings, const PodFacts& facts) {
    const auto& platform = recognise(facts);
    if (!is_plain(platform) || settings.index || settings.all || !settings.hostname.empty()) {
        return false;
    }
    auto listed = read_hosts(settings);
    auto sizes = listed ? find_sizes(settings, facts, *listed) : fail(listed.error());
    if (!sizes) return false;  // identify says why
    const Pod pod{.settings = settings,
                  .platform = platform,
                  .hostname = own_hostname(settings, facts, platform, *listed),
                  .elsewhere = false,
                  .index = std::nullopt,
                  .listed = *listed,
                  .max_size = sizes->max.value};
    if (!pod.names_are_said()) {
        return pod.max_size > 1 && !split_ordinal(pod.hostname.value, platform.others);
    }
    auto hosts = make_hosts(pod);
    return hosts && !hosts->find(pod.hostname.value);
}

Result<Identity> identify(const Settings& settings, const PodFacts& facts, bool elsewhere) {
    const auto& platform = recognise(facts);
    auto listed = read_hosts(settings);
    if (!listed) return fail(listed.error());
    auto sizes = find_sizes(settings, facts, *listed);
    if (!sizes) return fail(sizes.error());

    Pod pod{.settings = settings,
            .platform = platform,
            .hostname = own_hostname(settings, facts, platform, *listed),
            .elsewhere = means_another_pod(settings, platform, elsewhere),
            .index = std::nullopt,
            .listed = *listed,
            .max_size = sizes->max.value};
    const auto fault = hostname_fault(pod.hostname.value);
    if (fault && !pod.elsewhere) {
        return fail(
            misfit(fmt::format("use hostname \"{}\" ({})", pod.hostname.value, pod.hostname.origin),
                   *fault, "Flux would refuse it; set --hostname or the pod's hostname"));
    }
    auto index = find_index(pod, facts);
    if (!index) return fail(index.error());
    pod.index = *index;
    auto hosts = make_hosts(pod);
    if (!hosts) return fail(hosts.error());
    auto rank = find_rank(pod, *hosts, sizes->max);
    if (!rank) return fail(rank.error());
    if (auto checked = check_lead(pod, facts, hosts->at(0)); !checked) {
        return fail(checked.error());
    }
    if (auto checked = check_names(*hosts); !checked) return fail(checked.error());

    Identity identity{.rank = *rank,
                      .size = sizes->size.value,
                      .min_size = sizes->min.value,
                      .max_size = sizes->max.value,
                      .hostname = hosts->at(*rank),
                      .kernel_hostname = pod.elsewhere ? std::string() : facts.kernel_hostname,
                      .hosts = *hosts,
                      .platform = std::string(platform.name),
                      .index_origin = pod.index ? pod.index->origin : std::string("hostname"),
                      .service = {},
                      .namespace_name = {},
                      .cluster_domain = {}};
    if (auto found = find_address(identity, settings, facts); !found) return fail(found.error());
    return identity;
}

Identity as_rank(Identity identity, std::uint32_t rank) {
    if (rank == identity.rank) return identity;
    identity.kernel_hostname.clear();
    identity.rank = rank;
    identity.hostname = identity.hosts.at(rank);
    return identity;
}

}  // namespace fluxpod
