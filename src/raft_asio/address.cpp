// SPDX-License-Identifier: Apache-2.0
#include "address.hpp"

#include "codec.hpp"

#include <algorithm>
#include <charconv>

namespace hpcsched::raft_asio {

namespace detail {

namespace asio = boost::asio;
using boost::system::error_code;

std::optional<asio::ip::tcp::endpoint> host_and_port::endpoint() const {
    error_code failed;
    auto const address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, failed);
    return failed ? std::nullopt : std::optional{asio::ip::tcp::endpoint{address, port}};
}

result<host_and_port> parse_address(std::string const& text) {
    auto const wrong = [&] {
        return error{"'" + text + "' is not HOST:PORT: give one such as 127.0.0.1:7000, [::1]:7000 or node1.site:7000"};
    };
    std::size_t const colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) {
        return wrong();
    }
    host_and_port out{text.substr(0, colon), 0};
    if (out.host.starts_with('[') && out.host.ends_with(']')) {
        out.host = out.host.substr(1, out.host.size() - 2);
    } else if (out.host.find(':') != std::string::npos) {
        return wrong();
    }
    char const* const end = text.data() + text.size();
    auto const parsed = std::from_chars(text.data() + colon + 1, end, out.port);
    if (parsed.ec != std::errc{} || parsed.ptr != end || out.host.empty()) {
        return wrong();
    }
    return out;
}

result<void> validate(std::span<peer const> peers) {
    for (std::size_t i = 0; i < peers.size(); ++i) {
        if (peers[i].id == raft::no_node) {
            return error{"the node at '" + peers[i].address + "' has id 0: ids begin with 1"};
        }
        if (auto const read = parse_address(peers[i].address); !read) {
            return read.error();
        }
        if (std::ranges::count(peers, peers[i].id, &peer::id) > 1) {
            return error{"node " + std::to_string(peers[i].id.value) +
                         " is named twice: each node has an id of its own"};
        }
    }
    return {};
}

result<void> validate(duration backoff_min, duration backoff_max, tls_files const& tls) {
    if (backoff_min <= duration{} || backoff_max < backoff_min) {
        return error{"backoff_min must be above 0 and at most backoff_max"};
    }
    if (!tls.empty() && (tls.certificate.empty() || tls.key.empty() || tls.authority.empty())) {
        return error{"TLS needs all of certificate, key and authority: name the three files, or none"};
    }
    return {};
}

std::string to_text(asio::ip::tcp::endpoint const& at) {
    std::string const host = at.address().to_string();
    return (at.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(at.port());
}

} // namespace detail

result<void> validate(network_config const& config) {
    if (config.self == raft::no_node) {
        return error{"network_config: self must not be 0"};
    }
    if (auto const read = detail::parse_address(config.listen); !read) {
        return read.error();
    }
    if (auto const sound = detail::validate(config.peers); !sound) {
        return sound;
    }
    if (config.frame_bytes_max < detail::hello_bytes_max || config.frame_bytes_max > (std::size_t{1} << 30U)) {
        return error{"network_config: frame_bytes_max must be between 4 KiB and 1 GiB"};
    }
    if (config.handshake_limit <= duration{} || config.silence_limit < std::chrono::seconds{1}) {
        return error{"network_config: handshake_limit must be above 0, silence_limit at least 1 s"};
    }
    if (config.commit_linger < duration{}) {
        return error{"network_config: commit_linger must not be below 0"};
    }
    if (config.client_requests_max == 0) {
        return error{"network_config: client_requests_max must be above 0"};
    }
    return detail::validate(config.backoff_min, config.backoff_max, config.tls);
}

} // namespace hpcsched::raft_asio
