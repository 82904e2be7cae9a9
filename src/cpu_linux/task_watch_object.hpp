// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_TASK_WATCH_OBJECT_HPP
#define HPCSCHED_CPU_LINUX_TASK_WATCH_OBJECT_HPP

#include <span>
#include <string_view>

namespace hpcsched::cpu_linux::detail {

using asset = std::span<std::string_view const>;

/// The compiled `task_watch.bpf.c`, in pieces, as `cmake/HpcschedEmbed.cmake` puts it into the library.
[[nodiscard]] asset task_watch_object() noexcept;

} // namespace hpcsched::cpu_linux::detail

#endif
