// SPDX-License-Identifier: Apache-2.0

// Compiled, never linked: what compiles with the archetypes asks no more of a policy than its concept does.
#include <hpcsched/gpu/allocator.hpp>
#include <hpcsched/gpu/memory_mover.hpp>
#include <hpcsched/gpu/placement.hpp>
#include <hpcsched/gpu/process_suspender.hpp>
#include <hpcsched/testing/archetypes/admission_policy.hpp>
#include <hpcsched/testing/archetypes/device_driver.hpp>
#include <hpcsched/testing/archetypes/placement_policy.hpp>
#include <hpcsched/testing/archetypes/preemption_policy.hpp>
#include <hpcsched/testing/archetypes/queueing_policy.hpp>
#include <hpcsched/testing/conformance/device_driver.hpp>
#include <hpcsched/testing/conformance/placement_policy.hpp>
#include <hpcsched/testing/conformance/preemption_policy.hpp>
#include <hpcsched/testing/conformance/queueing_policy.hpp>

#include <optional>
#include <string>
#include <vector>

namespace hpcsched {

using anywhere = bool (*)(gpu::host_id);
using testing::minimal_bounded_placement_policy;
using testing::minimal_device_driver;
using testing::minimal_memory_driver;
using testing::minimal_placement_policy;
using testing::minimal_preemption_policy;
using testing::minimal_process_driver;
using testing::minimal_queueing_policy;

template class gpu::allocator<minimal_placement_policy, minimal_queueing_policy, minimal_preemption_policy>;
template class gpu::allocator<minimal_bounded_placement_policy, minimal_queueing_policy, minimal_preemption_policy>;
template std::optional<gpu::host_id> gpu::best_host(minimal_placement_policy const&, ledger const&,
                                                    placement_request const&, room, anywhere const&);
template std::vector<gpu::host_id> gpu::place_members(minimal_placement_policy const&, ledger const&,
                                                      placement_request const&, std::size_t, anywhere const&);
template std::uint64_t gpu::in_one_group<minimal_placement_policy>::score(placement_request const&,
                                                                          host_load const&) const noexcept;
template std::uint64_t gpu::resident_first<minimal_placement_policy>::score(placement_request const&,
                                                                            host_load const&) const noexcept;
template std::uint64_t gpu::keeps_room<minimal_placement_policy>::score(placement_request const&,
                                                                        host_load const&) const noexcept;

template std::vector<std::string> testing::check_placement_policy(minimal_placement_policy const&,
                                                                  placement_check_options const&);
template std::vector<std::string> testing::check_queueing_policy(minimal_queueing_policy const&, std::uint64_t);
template std::vector<std::string> testing::check_preemption_policy(minimal_preemption_policy const&, std::uint64_t);

template class gpu::memory_mover<minimal_memory_driver>;
template class gpu::process_suspender<minimal_process_driver>;
template gpu::move_result gpu::move_now(minimal_memory_driver&, memory_mover<minimal_memory_driver>&, memory_side,
                                        time_point);
template time_point gpu::settle(minimal_process_driver&, process_suspender<minimal_process_driver>&, time_point);
template std::vector<std::string> testing::check_device_driver(minimal_device_driver&,
                                                               device_driver_check_options const&);

} // namespace hpcsched
