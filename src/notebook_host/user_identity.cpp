// SPDX-License-Identifier: Apache-2.0
#include "user_identity.hpp"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

namespace hpcsched::notebook_host {
namespace {

[[nodiscard]] bool may_see(std::string_view variable) {
    constexpr std::array<std::string_view, 3> names{"PATH=", "TZ=", "LANG="};
    constexpr std::array<std::string_view, 5> beginnings{"LC_", "LD_LIBRARY_PATH=", "CUDA_", "NVIDIA_", "OMP_"};
    auto const begins = [&](std::string_view start) { return variable.starts_with(start); };
    return std::ranges::any_of(names, begins) || std::ranges::any_of(beginnings, begins);
}

} // namespace

result<user_identity> user_identity::find(std::string const& name) {
    std::vector<char> room(16'384);
    passwd entry{};
    passwd* found = nullptr;
    int failed = 0;
    while ((failed = ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found)) == ERANGE) {
        room.resize(2 * room.size());
    }
    if (found == nullptr) {
        return error{"this system has no user '" + name + "'" +
                     (failed == 0 ? std::string{} : ": " + std::generic_category().message(failed))};
    }
    user_identity made{.name = name,
                       .user = entry.pw_uid,
                       .group = entry.pw_gid,
                       .groups = {},
                       .home = entry.pw_dir,
                       .shell = entry.pw_shell};
    int count = 16;
    do {
        made.groups.resize(static_cast<std::size_t>(count));
    } while (::getgrouplist(name.c_str(), entry.pw_gid, made.groups.data(), &count) < 0);
    made.groups.resize(static_cast<std::size_t>(count));
    return made;
}

std::vector<std::string> user_identity::environment() const {
    std::vector<std::string> made{"HOME=" + home, "USER=" + name, "LOGNAME=" + name, "SHELL=" + shell};
    for (char** each = ::environ; each != nullptr && *each != nullptr; ++each) {
        if (may_see(*each)) {
            made.emplace_back(*each);
        }
    }
    return made;
}

bool user_identity::become() const noexcept {
    return ::setgroups(groups.size(), groups.data()) == 0 && ::setresgid(group, group, group) == 0 &&
           ::setresuid(user, user, user) == 0;
}

result<void> check(kernel_users const& users, raft_asio::tls_files const& tls) {
    if (users.of == kernel_users::kind::own) {
        return {};
    }
    if (::geteuid() != 0) {
        return error{"kernels can run as another user only where this is started as root"};
    }
    if (users.of == kernel_users::kind::of_certificate) {
        return tls.empty() ? result<void>{error{"who asks for a kernel is known by certificates alone: give those of "
                                                "this host, its key and the authority's certificate"}}
                           : result<void>{};
    }
    auto const identity = user_identity::find(users.name);
    return identity ? result<void>{} : result<void>{identity.error()};
}

} // namespace hpcsched::notebook_host
