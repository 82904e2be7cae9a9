// SPDX-License-Identifier: Apache-2.0
#include "front.hpp"

#include <utility>

namespace hpcsched::notebook_host {

front::front(zmq::context_t& context, connection_info const& where, message_signer signer, message_limits limits,
             std::function<void(std::string const&)> complain)
    : signer_{std::move(signer)}, limits_{limits}, complain_{std::move(complain)} {
    auto const bind = [&](channel c, zmq::socket_type type, std::uint16_t port) {
        jupyter_socket made{context, type};
        made.zeromq().set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits_.bytes));
        made.zeromq().bind(where.address(port));
        socket(c) = std::move(made);
    };
    bind(channel::shell, zmq::socket_type::router, where.shell_port);
    bind(channel::control, zmq::socket_type::router, where.control_port);
    bind(channel::stdin_, zmq::socket_type::router, where.stdin_port);
    bind(channel::iopub, zmq::socket_type::pub, where.iopub_port);
    heartbeat_ = jupyter_socket{context, zmq::socket_type::rep};
    heartbeat_.zeromq().bind(where.address(where.hb_port));
}

std::optional<jupyter_message> front::next(channel from) {
    while (auto frames = socket(from).receive()) {
        if (auto message = signer_.open(std::move(*frames), limits_)) {
            ++passed_;
            return std::move(*message);
        } else if (++turned_away_; complain_) {
            complain_(message.error().message);
        }
    }
    return std::nullopt;
}

void front::send(channel to, jupyter_message message) {
    ++passed_;
    socket(to).send(signer_.seal(std::move(message)));
}

void front::answer_heartbeats() {
    while (auto const beat = heartbeat_.receive()) {
        heartbeat_.send(*beat);
    }
}

} // namespace hpcsched::notebook_host
