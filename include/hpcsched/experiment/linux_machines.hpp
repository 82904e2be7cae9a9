// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_LINUX_MACHINES_HPP
#define HPCSCHED_EXPERIMENT_LINUX_MACHINES_HPP

#include <hpcsched/cpu/cfs.hpp>
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/experiment/policy_registry.hpp>

namespace hpcsched::experiment {

/// A current Linux (6.18): EEVDF below the real-time bands, which the fair server keeps from starving it.
using linux_eevdf = cpu_sim::machine<cpu::rt, cpu::eevdf>;

/// A Linux before 6.6: CFS below real-time bands that are throttled to 95 % of each second; no fair server.
using linux_cfs = cpu_sim::machine<cpu::rt, cpu::cfs>;

/// The kernel of the ALPS paper (5.18): CFS with its ordering and slice hooks.
using linux_alps = cpu_sim::machine<cpu::rt, cpu::ranked_cfs>;

/// `linux_eevdf` as its kernel configures itself for the cell's number of CPUs, at the costs that the cell names.
[[nodiscard]] inline linux_eevdf::config eevdf_config(cell_inputs const& inputs) {
    cpu::eevdf::config fair = cpu::eevdf::config::for_cpus(inputs.machine.cpu_count);
    fair.tick = inputs.machine.tick;
    return {inputs.machine, {cpu::rt::config{}, fair}};
}

/// The same for `linux_cfs` and `linux_alps`.
template <class Machine>
[[nodiscard]] typename Machine::config old_linux_config(cell_inputs const& inputs) {
    cpu_sim::machine_config hardware = inputs.machine;
    hardware.fair_server.enabled = false;
    return {hardware, {cpu::rt::config::throttled(), cpu::cfs_config::for_cpus(hardware.cpu_count)}};
}

} // namespace hpcsched::experiment

#endif
