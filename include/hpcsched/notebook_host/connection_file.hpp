// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_CONNECTION_FILE_HPP
#define HPCSCHED_NOTEBOOK_HOST_CONNECTION_FILE_HPP

#include <hpcsched/core/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace hpcsched::notebook_host {

/// Where a kernel's five sockets are, and with which key messages are signed: a Jupyter connection file.
struct connection_info {
    std::string transport = "tcp"; ///< or "ipc"
    std::string ip = "127.0.0.1";  ///< under ipc the path that the ports are appended to
    std::uint16_t shell_port = 0;
    std::uint16_t iopub_port = 0;
    std::uint16_t stdin_port = 0;
    std::uint16_t control_port = 0;
    std::uint16_t hb_port = 0;
    std::string signature_scheme = "hmac-sha256";
    std::string key{};
    std::string kernel_name{};

    /// The address of a port, as ZeroMQ names it.
    [[nodiscard]] std::string address(std::uint16_t port) const;

    friend bool operator==(connection_info const&, connection_info const&) = default;
};

/// \error what is missing or of the wrong type
[[nodiscard]] result<connection_info> parse_connection(std::string_view json);

[[nodiscard]] std::string connection_json(connection_info const& info);

} // namespace hpcsched::notebook_host

#endif
