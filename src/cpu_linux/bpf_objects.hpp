// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_BPF_OBJECTS_HPP
#define HPCSCHED_CPU_LINUX_BPF_OBJECTS_HPP

#include <span>
#include <string_view>

// The compiled BPF programs, in pieces, as `cmake/HpcschedEmbed.cmake` puts them into the library.
namespace hpcsched::cpu_linux::detail {

using asset = std::span<std::string_view const>;

[[nodiscard]] asset task_watch_object() noexcept;    ///< of task_watch.bpf.c
[[nodiscard]] asset process_watch_object() noexcept; ///< of process_watch.bpf.c
[[nodiscard]] asset ext_scheduler_object() noexcept; ///< of ext_scheduler.bpf.c

} // namespace hpcsched::cpu_linux::detail

#endif
