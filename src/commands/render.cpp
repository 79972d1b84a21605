// SPDX-License-Identifier: Apache-2.0
// What run would write, printed or written elsewhere; of this pod, of another one, or of all.
#include "fluxpod/files/render.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "fluxpod/commands/boot.hpp"
#include "fluxpod/commands/help.hpp"
#include "fluxpod/files/apply.hpp"
#include "fluxpod/files/certificate.hpp"
#include "fluxpod/plan/explain.hpp"

namespace fluxpod {

namespace {

// With --index or --all the pod that is meant need not be this one, and nothing of it is asked.
Result<IdentifiedPod> meant_pod(const Settings& settings, PodFacts facts) {
    if (!settings.all && !settings.index) return identify_pod(settings, std::move(facts));
    IdentifiedPod pod;
    pod.facts = std::move(facts);
    pod.facts.scratch.reset();
    auto identity = identify(settings, pod.facts, true);
    if (!identity) return fail(identity.error());
    pod.identity = std::move(*identity);
    return pod;
}

// "fp-1:" where several pods' files follow each other.
std::string owner_of(const Plan& plan, const Settings& settings) {
    return settings.all ? plan.identity.hostname + ":" : "";
}

std::string files_as_text(const Plan& plan, const Settings& settings,
                          const std::vector<RenderedFile>& files) {
    const std::string owner = owner_of(plan, settings);
    auto header = [&](const std::string& path, mode_t mode) {
        return fmt::format("==> {}{} (mode {:04o})\n", owner, path, mode);
    };
    std::string text;
    for (const auto& file : files) text += header(file.path, file.mode) + file.bytes;
    if (plan.certificate.source != CertPlan::Source::none) {
        const bool copied = plan.certificate.source == CertPlan::Source::file;
        text += header(plan.layout.curve_cert, certificate_mode);
        text += fmt::format("({} {}; a secret, so it is not shown)\n",
                            copied ? "copied from" : "derived from", plan.certificate.path);
    }
    return text;
}

std::string files_as_json(const Plan& plan, const Settings& settings,
                          const std::vector<RenderedFile>& files) {
    boost::json::array array;
    auto add = [&](const std::string& path, mode_t mode, boost::json::value content) {
        boost::json::object file{
            {"path", path}, {"mode", fmt::format("{:04o}", mode)}, {"content", std::move(content)}};
        if (settings.all) file["pod"] = plan.identity.hostname;
        array.push_back(std::move(file));
    };
    for (const auto& file : files) add(file.path, file.mode, boost::json::string(file.bytes));
    if (plan.certificate.source != CertPlan::Source::none) {
        add(plan.layout.curve_cert, certificate_mode, nullptr);
    }
    return boost::json::serialize(array) + "\n";
}

// What all pods have in common, read once: a secret may be on a pipe.
struct Common {
    Surroundings around;
    std::optional<CurveCert> certificate;  // only with --out
};

Result<std::string> write_files(const Plan& plan, const Settings& settings,
                                const std::vector<RenderedFile>& files,
                                std::optional<CurveCert>& certificate) {
    if (!certificate) {
        auto obtained = obtain_certificate(plan.certificate);
        if (!obtained) return fail(obtained.error());
        certificate = std::move(*obtained);
    }
    const std::string place =
        settings.all ? settings.out + "/" + plan.identity.hostname : settings.out;
    auto applied = apply_files(plan, files, certificate, place);
    if (!applied) return fail(applied.error());

    if (settings.format == OutputFormat::json) {
        boost::json::array array;
        for (const auto& file : *applied) {
            array.push_back({{"path", file.path}, {"changed", file.changed}});
        }
        return boost::json::serialize(array) + "\n";
    }
    std::string text;
    for (const auto& file : *applied) {
        text += fmt::format("{:<10}{}\n", file.changed ? "written" : "unchanged", file.path);
    }
    return text;
}

// One pod's part of the output.
Result<std::string> render_pod(const Settings& settings, const IdentifiedPod& pod, Common& common) {
    const bool json = settings.format == OutputFormat::json;
    auto plan = plan_pod(settings, pod, common.around);
    if (!plan) return fail(plan.error());
    auto files = render_files(*plan);
    if (!files) return fail(files.error());

    Result<std::string> output;
    if (!settings.out.empty()) {
        output = write_files(*plan, settings, *files, common.certificate);
        if (!output) return output;
    }
    if (settings.explain) {
        output = json ? explain_as_json(*plan, settings) : explain_as_text(*plan, settings);
    } else if (settings.out.empty()) {
        output =
            json ? files_as_json(*plan, settings, *files) : files_as_text(*plan, settings, *files);
    }
    return output;
}

}  // namespace

Result<int> render_command(Invocation& invocation) {
    auto settings = load_and_configure_log(invocation);
    if (!settings) return fail(settings.error());
    auto facts = learn_facts(*settings, invocation.environment);
    if (!facts) return end_at(facts.error());
    auto pod = meant_pod(*settings, std::move(*facts));
    if (!pod) return fail(pod.error());

    auto around = look_around(*settings, pod->facts.in_kubernetes);
    if (!around) return fail(around.error());
    Common common{.around = std::move(*around), .certificate = {}};
    if (!settings->all) {
        auto output = render_pod(*settings, *pod, common);
        return output ? print(*output) : fail(output.error());
    }
    // As JSON, --all is one array with an element for each pod.
    const bool json = settings->format == OutputFormat::json;
    const char* before = json ? "[" : "";
    for (std::uint32_t rank = 0; rank < pod->identity.max_size; ++rank) {
        auto output = render_pod(*settings, {pod->facts, as_rank(pod->identity, rank)}, common);
        if (!output) return fail(output.error());
        if (auto printed = print(before + *output); !printed || *printed != 0) return printed;
        before = json ? "," : "\n";
    }
    return json ? print("]\n") : Result<int>(0);
}

}  // namespace fluxpod
