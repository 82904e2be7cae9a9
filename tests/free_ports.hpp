// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_FREE_PORTS_HPP
#define HPCSCHED_TESTS_FREE_PORTS_HPP

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace hpcsched::test {

/// Ports of the loopback interface that were free a moment ago; they are held until all are found, so they differ.
inline std::vector<std::uint16_t> free_ports(std::size_t count) {
    std::vector<int> held;
    std::vector<std::uint16_t> ports;
    for (std::size_t i = 0; i < count; ++i) {
        int const s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(s, generic, size) != 0 || ::getsockname(s, generic, &size) != 0) {
            std::abort();
        }
        held.push_back(s);
        ports.push_back(ntohs(address.sin_port));
    }
    for (int const s : held) {
        ::close(s);
    }
    return ports;
}

} // namespace hpcsched::test

#endif
