// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_FILE_DESCRIPTOR_HPP
#define HPCSCHED_CPU_LINUX_FILE_DESCRIPTOR_HPP

#include <unistd.h>

#include <utility>

namespace hpcsched::cpu_linux::detail {

/// Owns a file descriptor.
class file_descriptor {
  public:
    file_descriptor() = default;
    explicit file_descriptor(int descriptor) noexcept : descriptor_{descriptor} {}
    file_descriptor(file_descriptor&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    file_descriptor& operator=(file_descriptor&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~file_descriptor() {
        if (descriptor_ >= 0) {
            close(descriptor_);
        }
    }

    [[nodiscard]] int get() const noexcept { return descriptor_; }
    [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }

  private:
    int descriptor_ = -1;
};

} // namespace hpcsched::cpu_linux::detail

#endif
