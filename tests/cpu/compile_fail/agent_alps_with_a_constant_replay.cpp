// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/alps.hpp>

using namespace hpcsched;

/// Would have to change the memory that it works in.
struct near_miss {
    void replay(std::span<cpu::srpt_job const>, duration, cpu::srpt_schedule const&) noexcept {}
    void replay(std::span<cpu::srpt_job const>, duration, cpu::srpt_schedule&) = delete;
};

cpu::basic_alps<cpu::mean_trainer, near_miss>* agent = nullptr;
