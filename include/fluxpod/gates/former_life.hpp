// SPDX-License-Identifier: Apache-2.0
// A parent that shut down in order tells its children first, and goes on for seconds, or for as
// long as it saves its state. Meanwhile it listens, and passes every gate. So a child that waits
// for its next life must know the old one: by its addresses, and by a connection that is held open,
// since the end of that connection is the end of that life.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "fluxpod/base/file.hpp"
#include "fluxpod/gates/gate.hpp"

namespace fluxpod {

class FormerLife {
  public:
    // `addresses` are all that the name had then: those of two families may be of one pod.
    FormerLife(asio::ip::tcp::endpoint endpoint, std::vector<asio::ip::address> addresses);

    [[nodiscard]] const asio::ip::tcp::endpoint& endpoint() const { return endpoint_; }
    [[nodiscard]] bool is_at(const asio::ip::address& address) const;

    // Connects, to be called as soon as the parent said that it ends: later, a new life at the same
    // address would be taken for the old one.
    [[nodiscard]] Task<void> hold(Clock& clock);
    // Ends when that life is over, or at `give_up`; says whether it is over. It counts as over at
    // the latest a minute after hold(), so that a mistaken one costs no more.
    [[nodiscard]] Task<bool> is_over(Clock& clock, TimePoint give_up);

  private:
    [[nodiscard]] bool was_closed() const;

    asio::ip::tcp::endpoint endpoint_;
    std::vector<asio::ip::address> addresses_;
    Fd connection_;
    TimePoint connected_at_{};
    std::optional<TimePoint> first_connected_at_;
    bool over_ = false;
};

// Between the gates of DNS and TCP: open once the old life is over, or once the name has an address
// that is not the old life's; then those that are leave the route.
[[nodiscard]] std::unique_ptr<Gate> make_former_life_gate(Route& route, FormerLife& former,
                                                          Clock& clock);

}  // namespace fluxpod
