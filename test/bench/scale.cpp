// SPDX-License-Identifier: Apache-2.0
// How the wait behaves when thousands of pods wait at once: the real DNS gate and the real wait
// loop of every pod, in one process, on a clock that jumps, against a model of CoreDNS with its
// cache.
//
//   scale PODS [DENIAL_SECONDS [STARTED_WITHIN_SECONDS [PUBLISHED_AT_SECONDS]]]
//
// Prints one line of JSON: questions per second over time, time from publication to detection, and
// the cost of a waiting pod in this process.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "fluxpod/base/log.hpp"
#include "fluxpod/base/text.hpp"
#include "fluxpod/gates/dns_gate.hpp"
#include "fluxpod/gates/wait.hpp"
#include "held_clock.hpp"

using namespace fluxpod;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const std::string zone = "cluster.local";
constexpr Duration round_trip = std::chrono::microseconds(400);

// One DNS for the whole cluster: the name exists from `published` on, and every answer is held
// under (type, DO, CD), as the kubernetes and cache plugins do.
class ModelDns final : public Resolver {
  public:
    ModelDns(Clock& clock, TimePoint published, Duration denial_held)
        : clock_(clock), begun_(clock.now()), published_(published), denial_held_(denial_held) {}

    Task<Resolution> ask(DnsQuestion question, TimePoint give_up) override {
        const auto second = static_cast<std::size_t>((clock_.now() - begun_) / seconds(1));
        if (questions_.size() <= second) questions_.resize(second + 1);
        ++questions_[second];
        Resolution resolution = answer(question);
        co_await clock_.sleep_until(std::min(give_up, clock_.now() + round_trip));
        co_return resolution;
    }
    [[nodiscard]] std::string servers() const override { return "model"; }
    [[nodiscard]] const std::vector<unsigned>& questions() const { return questions_; }

  private:
    struct Held {
        TimePoint until;
        bool exists;
    };

    Resolution answer(const DnsQuestion& question) {
        const auto key = std::tuple(question.name, question.type, question.dnssec_ok,
                                    question.checking_disabled);
        const TimePoint now = clock_.now();
        auto held = cache_.find(key);
        if (held == cache_.end() || held->second.until <= now) {
            const bool exists = question.name == zone || now >= published_;
            held = cache_.insert_or_assign(key, Held{now + denial_held_, exists}).first;
        }
        Resolution resolution{
            .status = Resolution::Status::answered, .answer = {}, .server = "model", .detail = {}};
        const auto left = std::chrono::floor<seconds>(held->second.until - now);
        if (held->second.exists && question.type == dns_type::a) {
            resolution.answer.addresses = {asio::ip::make_address("10.244.0.2")};
            return resolution;
        }
        if (!held->second.exists) resolution.answer.rcode = DnsRcode::name_error;
        resolution.answer.denial_zone = zone;
        resolution.answer.denial_ttl = static_cast<std::uint32_t>(left.count());
        return resolution;
    }

    Clock& clock_;
    TimePoint begun_, published_;
    Duration denial_held_;
    std::map<std::tuple<std::string, std::uint16_t, bool, bool>, Held> cache_;
    std::vector<unsigned> questions_;
};

struct Pod {
    Route route{.host = "fp-0.flux-service.default.svc.cluster.local",
                .port = 8050,
                .addresses = {},
                .answered = {}};
    std::unique_ptr<Gate> gate;
    TimePoint detected = TimePoint::max();
};

Task<void> wait_as_pod(Pod& pod, TimePoint start, std::uint64_t seed, Clock& clock) {
    co_await clock.sleep_until(start);
    std::vector<Gate*> gates;
    gates.push_back(pod.gate.get());
    const WaitPolicy policy{.timeout = std::chrono::minutes(10), .backoff = {}, .seed = seed};
    auto opened = co_await wait_for_gates("wait", std::move(gates), policy, clock);
    if (opened) pod.detected = clock.now();
}

double in_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

unsigned argument(int argc, char** argv, int place, unsigned fallback) {
    return argc > place ? parse_number<unsigned>(argv[place]).value_or(fallback) : fallback;
}

}  // namespace

int main(int argc, char** argv) {
    const unsigned count = argument(argc, argv, 1, 1000);
    const Duration denial_held = seconds(argument(argc, argv, 2, 30));
    const Duration started_within = seconds(argument(argc, argv, 3, 30));
    const Duration published_at = seconds(argument(argc, argv, 4, 60));
    log::configure(LogLevel::off, LogFormat::text);

    test::HeldClock clock;
    const TimePoint begun = clock.now();
    std::mt19937_64 random(1);
    std::uniform_int_distribution<Duration::rep> spread(0, started_within.count());
    // Avoid a whole second, which would favour one pod's poll.
    const TimePoint published = begun + published_at + milliseconds(137);
    ModelDns dns(clock, published, denial_held);
    const LiveHosts no_hosts;

    asio::io_context context(1);
    std::vector<Pod> pods(count);
    std::vector<TimePoint> starts;
    for (Pod& pod : pods) {
        pod.gate = make_dns_gate(pod.route, dns, no_hosts, clock,
                                 {.crowd = static_cast<std::uint32_t>(count),
                                  .epoch_offset = Duration(seconds(1700000000))});
        starts.push_back(begun + Duration(spread(random)));
        asio::co_spawn(context, wait_as_pod(pod, starts.back(), random(), clock), asio::detached);
    }
    do {
        context.restart();
        while (context.poll() > 0) {
        }
    } while (clock.advance_to_next());

    std::vector<double> delays;
    for (std::size_t i = 0; i < pods.size(); ++i) {
        delays.push_back(in_seconds(pods[i].detected - std::max(published, starts[i])));
    }
    std::ranges::sort(delays);
    const auto& questions = dns.questions();
    const auto quiet_from = static_cast<std::size_t>((started_within + seconds(10)) / seconds(1));
    const auto published_second = static_cast<std::size_t>(published_at / seconds(1));
    double late = 0;
    for (std::size_t s = quiet_from; s < std::min(published_second, questions.size()); ++s) {
        late = std::max(late, static_cast<double>(questions[s]) / count);
    }

    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    const double pod_seconds = count * in_seconds(published_at + started_within) / 2;
    std::printf(
        "{\"pods\":%u,\"denial_held\":%.0f,\"median\":%.3f,\"p99\":%.3f,\"max\":%.3f,"
        "\"max_questions_per_second\":%u,\"late_questions_per_pod_and_second\":%.3f,"
        "\"kib_per_pod\":%.1f,\"cpu_share_per_pod\":%.7f,\"questions\":[",
        count, in_seconds(denial_held), delays[delays.size() / 2], delays[delays.size() * 99 / 100],
        delays.back(), *std::ranges::max_element(questions), late,
        static_cast<double>(usage.ru_maxrss) / count, cpu / pod_seconds);
    for (std::size_t s = 0; s < questions.size(); ++s) {
        std::printf("%s%u", s == 0 ? "" : ",", questions[s]);
    }
    std::printf("]}\n");
    return 0;
}
