// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_HPP
#define HPCSCHED_GPU_HPP

/// \file
/// All of hpcsched::gpu; a program that is built often includes what it uses instead.

#include <hpcsched/gpu/admission.hpp>
#include <hpcsched/gpu/allocator.hpp>
#include <hpcsched/gpu/chosen_admission.hpp>
#include <hpcsched/gpu/chosen_placement.hpp>
#include <hpcsched/gpu/chosen_queueing.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/device_driver.hpp>
#include <hpcsched/gpu/device_vitals.hpp>
#include <hpcsched/gpu/fake_driver.hpp>
#include <hpcsched/gpu/host_load.hpp>
#include <hpcsched/gpu/host_state.hpp>
#include <hpcsched/gpu/inventory.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/gpu/ledger_image.hpp>
#include <hpcsched/gpu/ledger_machine.hpp>
#include <hpcsched/gpu/memory_mover.hpp>
#include <hpcsched/gpu/placement.hpp>
#include <hpcsched/gpu/preemption.hpp>
#include <hpcsched/gpu/process_environment.hpp>
#include <hpcsched/gpu/process_suspender.hpp>
#include <hpcsched/gpu/queueing.hpp>
#include <hpcsched/gpu/residency.hpp>
#include <hpcsched/gpu/resources.hpp>
#include <hpcsched/gpu/room_forecast.hpp>
#include <hpcsched/gpu/suspension.hpp>

#endif
