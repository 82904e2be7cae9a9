// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas_host/function_config.hpp>

#include "invoke_api.hpp"

#include <algorithm>

namespace hpcsched::faas_host {

result<void> validate(function_config const& config) {
    using namespace std::chrono_literals;
    constexpr duration longest = std::chrono::hours{24};
    constexpr std::uint64_t least_memory = std::uint64_t{4} << 20U;
    constexpr std::size_t most_workers = 10'000;
    auto const wrong = [&](std::string const& what) { return error{"function '" + config.name + "': " + what}; };
    auto const has_nul = [](std::string const& text) { return text.find('\0') != std::string::npos; };
    if (!detail::is_function_name(config.name)) {
        return wrong("a name is 1 to 64 letters, digits, '-' and '_'");
    }
    if (config.command.empty() || config.command.front().empty()) {
        return wrong("it has no command");
    }
    if (std::ranges::any_of(config.command, has_nul)) {
        return wrong("its command holds a NUL character");
    }
    if (config.speaks == protocol::shared_object && config.command.size() != 1) {
        return wrong("a shared object has a path, and no arguments");
    }
    for (auto const& [name, value] : config.environment) {
        if (name.empty() || name.find('=') != std::string::npos || has_nul(name + value)) {
            return wrong("'" + name + "' cannot name an environment variable, or its value holds a NUL character");
        }
    }
    if (config.memory != 0 && config.memory < least_memory) {
        return wrong("a memory limit is at least 4 MiB, or 0 for none");
    }
    if (config.timeout < 1ms || config.timeout > longest || config.init_timeout < 1ms ||
        config.init_timeout > longest) {
        return wrong("a time-out is 1 ms to 24 h");
    }
    if (config.concurrency < 1 || config.concurrency > most_workers) {
        return wrong("concurrency is 1 to 10000");
    }
    if (config.latency_target < 1us) {
        return wrong("a latency target is 1 us or more");
    }
    if (!(config.latency_share > 0 && config.latency_share < 1)) {
        return wrong("the share that may be slower than the latency target is above 0 and below 1, such as 0.01");
    }
    return {};
}

} // namespace hpcsched::faas_host
