// SPDX-License-Identifier: Apache-2.0
#include "jupyter_socket.hpp"

#include <boost/json.hpp>

#include "hexadecimal.hpp"
#include <zmq_addon.hpp>

#include <array>
#include <chrono>
#include <ctime>
#include <iterator>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

namespace json = boost::json;

[[nodiscard]] std::string text_of(json::object const& header, std::string_view name) {
    json::value const* const at = header.if_contains(name);
    json::string const* const text = at == nullptr ? nullptr : at->if_string();
    return text == nullptr ? std::string{} : std::string{text->begin(), text->end()};
}

} // namespace

jupyter_socket::jupyter_socket(zmq::context_t& context, zmq::socket_type type) : socket_{context, type} {
    socket_.set(zmq::sockopt::sndhwm, 0);
    socket_.set(zmq::sockopt::rcvhwm, 0);
    socket_.set(zmq::sockopt::linger, 1000);
    if (type == zmq::socket_type::router) {
        socket_.set(zmq::sockopt::router_handover, 1); // a client that comes back has its old name
    }
}

std::array<jupyter_socket, channel_count> connect_to_kernel(zmq::context_t& context, connection_info const& kernel) {
    std::array<jupyter_socket, channel_count> sockets;
    auto const connect = [&](channel c, std::uint16_t port) {
        bool const broadcasts = c == channel::iopub;
        jupyter_socket made{context, broadcasts ? zmq::socket_type::sub : zmq::socket_type::dealer};
        if (broadcasts) {
            made.zeromq().set(zmq::sockopt::subscribe, "");
        } else {
            // The kernel asks for input under the name that a request had: one name on all channels.
            made.zeromq().set(zmq::sockopt::routing_id, "hpcsched");
        }
        made.zeromq().set(zmq::sockopt::reconnect_ivl, 10); // it binds when it is up
        made.zeromq().connect(kernel.address(port));
        sockets[place(c)] = std::move(made);
    };
    connect(channel::shell, kernel.shell_port);
    connect(channel::control, kernel.control_port);
    connect(channel::stdin_, kernel.stdin_port);
    connect(channel::iopub, kernel.iopub_port);
    return sockets;
}

std::optional<std::vector<frame>> jupyter_socket::receive() {
    std::vector<zmq::message_t> parts;
    if (!may_have_news_ || !zmq::recv_multipart(socket_, std::back_inserter(parts), zmq::recv_flags::dontwait)) {
        may_have_news_ = false;
        return std::nullopt;
    }
    std::vector<frame> frames;
    frames.reserve(parts.size());
    for (zmq::message_t const& part : parts) {
        frames.push_back(part.to_string());
    }
    return frames;
}

void jupyter_socket::send(std::vector<frame> const& frames) {
    may_have_news_ = true;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        auto const more = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
        (void)socket_.send(zmq::buffer(frames[i]), more | zmq::send_flags::dontwait);
    }
}

header_words read_header(std::string_view header) {
    boost::system::error_code failed;
    json::value const parsed = json::parse({header.data(), header.size()}, failed);
    json::object const* const object = failed ? nullptr : parsed.if_object();
    return object == nullptr ? header_words{} : header_words{text_of(*object, "msg_id"), text_of(*object, "msg_type")};
}

std::string make_header(std::string_view type) {
    static std::string const session = random_digits<16>();
    auto const now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    std::time_t const seconds = std::chrono::system_clock::to_time_t(now);
    std::tm broken{};
    ::gmtime_r(&seconds, &broken);
    std::array<char, 32> date{};
    std::size_t const written = std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &broken);
    auto const micro =
        std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() % 1'000'000;
    std::string fraction = std::to_string(1'000'000 + micro);
    fraction.front() = '.';
    return json::serialize(json::object{{"msg_id", random_digits<16>()},
                                        {"msg_type", type},
                                        {"session", session},
                                        {"username", "hpcsched"},
                                        {"date", std::string{date.data(), written} + fraction + "Z"},
                                        {"version", "5.3"}});
}

} // namespace hpcsched::notebook_host
