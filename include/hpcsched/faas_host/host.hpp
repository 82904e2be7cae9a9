// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_HOST_HPP
#define HPCSCHED_FAAS_HOST_HOST_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu_linux/attachment.hpp>
#include <hpcsched/cpu_linux/backend.hpp>
#include <hpcsched/faas_host/server.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::faas_host {

namespace detail {

template <class Agent, class Backend>
class attached_workers final : public worker_steering {
  public:
    explicit attached_workers(cpu_linux::attachment<Agent, Backend> made) : attachment_{std::move(made)} {}

    void begin(cpu_linux::process_id process, std::string const& function) override {
        (void)attachment_.begin(process, function); // a worker that has just died is the server's to see
    }
    void end(cpu_linux::process_id process) override { attachment_.end(process); }
    [[nodiscard]] int descriptor() const override { return attachment_.steering_descriptor(); }
    void work() override { attachment_.work(); }
    [[nodiscard]] std::string name() const override { return std::string{Backend::name}; }

  private:
    cpu_linux::attachment<Agent, Backend> attachment_;
};

} // namespace detail

/// A FaaS host whose workers any agent steers: each invocation is a task of the agent, from where a worker gets it to
/// where it answers.
///
///     auto host = faas_host::start_host(cpu::serpt{}, {.listen = "127.0.0.1:9000"}, functions).value();
///     host.run();
///
/// The thread that calls it steers, and so has real-time priority where that is allowed (`urgent_thread`): neither
/// the steering nor the taking of invocations waits behind functions.
/// \tparam Agent    any `cpu::scheduling_agent`, the same type as in the simulator
/// \tparam Backend  how its wishes reach the kernel
/// \error as those of `server::open` and `cpu_linux::attachment::start`
template <cpu::scheduling_agent Agent, cpu_linux::kernel_backend Backend = cpu_linux::realtime_bands>
[[nodiscard]] result<server> start_host(Agent agent, server_config config, std::vector<function_config> functions,
                                        cpu_linux::attachment_config steering = {}, Backend backend = Backend{}) {
    auto attached =
        cpu_linux::attachment<Agent, Backend>::start(std::move(agent), std::move(steering), std::move(backend));
    if (attached.has_error()) {
        return attached.error();
    }
    return server::open(std::move(config), std::move(functions),
                        std::make_unique<detail::attached_workers<Agent, Backend>>(std::move(*attached)));
}

} // namespace hpcsched::faas_host

#endif
