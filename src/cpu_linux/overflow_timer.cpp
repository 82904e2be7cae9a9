// SPDX-License-Identifier: Apache-2.0
#include "overflow_timer.hpp"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace hpcsched::cpu_linux::detail {

namespace {

std::size_t mapped_size() noexcept {
    static auto const size = static_cast<std::size_t>(2 * sysconf(_SC_PAGESIZE)); // the header, and one for records
    return size;
}

/// The kernel takes no shorter period seriously.
std::uint64_t period_of(duration remaining) noexcept {
    return static_cast<std::uint64_t>(std::max(remaining, duration{20'000}).count());
}

int open_counter(process_id process, duration remaining, bool excludes_kernel, bool counts = true) noexcept {
    perf_event_attr attr{};
    attr.disabled = counts ? 0 : 1;
    attr.type = PERF_TYPE_SOFTWARE;
    attr.size = sizeof attr;
    attr.config = PERF_COUNT_SW_TASK_CLOCK;
    attr.sample_period = period_of(remaining);
    attr.wakeup_events = 1;
    attr.exclude_kernel = excludes_kernel ? 1 : 0;
    attr.exclude_hv = 1;
    return static_cast<int>(syscall(SYS_perf_event_open, &attr, process, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

} // namespace

overflow_timer::overflow_timer(process_id process, duration remaining) noexcept {
    int descriptor = open_counter(process, remaining, false);
    if (descriptor < 0 && (errno == EACCES || errno == EPERM)) {
        descriptor = open_counter(process, remaining, true); // all that is left to those without privileges
    }
    if (descriptor < 0) {
        return;
    }
    counter_ = file_descriptor{descriptor};
    pages_ = mmap(nullptr, mapped_size(), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (pages_ == MAP_FAILED) {
        pages_ = nullptr;
        counter_ = file_descriptor{};
    }
    is_set_ = counter_.is_open();
}

overflow_timer::overflow_timer(overflow_timer&& other) noexcept
    : counter_{std::move(other.counter_)}, pages_{std::exchange(other.pages_, nullptr)},
      is_set_{std::exchange(other.is_set_, false)} {}

overflow_timer& overflow_timer::operator=(overflow_timer&& other) noexcept {
    std::swap(counter_, other.counter_);
    std::swap(pages_, other.pages_);
    std::swap(is_set_, other.is_set_);
    return *this;
}

overflow_timer::~overflow_timer() {
    if (pages_ != nullptr) {
        munmap(pages_, mapped_size());
    }
}

bool overflow_timer::set(duration remaining) noexcept {
    std::uint64_t period = period_of(remaining);
    is_set_ = ioctl(counter_.get(), PERF_EVENT_IOC_PERIOD, &period) == 0 &&
              ioctl(counter_.get(), PERF_EVENT_IOC_ENABLE, 0) == 0;
    return is_set_;
}

void overflow_timer::cancel() noexcept {
    if (std::exchange(is_set_, false)) { // a call for nothing costs an interrupt of another CPU
        (void)ioctl(counter_.get(), PERF_EVENT_IOC_DISABLE, 0);
    }
}

file_descriptor hold_perf_hooks() noexcept {
    return file_descriptor{open_counter(own_process(), std::chrono::seconds{1}, true, false)};
}

bool overflow_timer::take_firing() noexcept {
    auto* const page = static_cast<perf_event_mmap_page*>(pages_);
    std::atomic_ref<__u64> head{page->data_head};
    std::atomic_ref<__u64> tail{page->data_tail};
    __u64 const written = head.load(std::memory_order_acquire);
    return tail.exchange(written, std::memory_order_acq_rel) != written;
}

} // namespace hpcsched::cpu_linux::detail
