// SPDX-License-Identifier: Apache-2.0
// A gate is one attempt at one question; wait.hpp has the only loop.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <vector>

#include "fluxpod/base/backoff.hpp"
#include "fluxpod/base/clock.hpp"
#include "fluxpod/base/error.hpp"
#include "fluxpod/base/task.hpp"

namespace fluxpod {

struct Attempt {
    enum class Answer { open, not_yet, never };
    Answer answer = Answer::not_yet;
    std::string why;  // one clause, without times or counts, so that equal answers compare equal
    // Set if this pod itself could not make the attempt (base/own_fault.hpp): an errno. The peer's
    // state is then unknown.
    int own_fault = 0;
    // The earliest moment at which it is of use to ask again (a cached denial, say); unset: the
    // loop's backoff.
    std::optional<TimePoint> not_before;
};

// What the stages of one route hand on: the name's addresses to TCP, the address that answered to
// CURVE.
struct Route {
    std::string host;
    std::uint16_t port = 0;
    std::vector<asio::ip::address> addresses;         // by the DNS gate
    std::optional<asio::ip::tcp::endpoint> answered;  // by the TCP gate
};

class Gate {
  public:
    Gate() = default;
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;
    virtual ~Gate() = default;
    [[nodiscard]] virtual std::string name()
        const = 0;  // "DNS", "TCP", "CURVE", "file": for logs and reports
    [[nodiscard]] virtual std::string subject()
        const = 0;  // "flux-sample-0.flux-service.default.svc.cluster.local"
    // The exit code of a wait that ends with this gate shut.
    [[nodiscard]] virtual ExitCode exit_code() const = 0;
    // How soon to try again, from the start of one try to that of the next; unset: the loop's own.
    [[nodiscard]] virtual std::optional<BackoffPolicy> pace() const { return std::nullopt; }
    // Ends at `give_up` at the latest, mostly much earlier by its own short timeout.
    [[nodiscard]] virtual Task<Attempt> attempt(TimePoint give_up) = 0;
    // Returns the question, the server and the likeliest cause for the message at the deadline; may
    // be empty.
    [[nodiscard]] virtual std::string advice() const { return {}; }
};

}  // namespace fluxpod
