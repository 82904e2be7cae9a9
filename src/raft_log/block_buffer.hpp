// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_BLOCK_BUFFER_HPP
#define HPCSCHED_RAFT_LOG_BLOCK_BUFFER_HPP

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace hpcsched::raft_log::detail {

/// Bytes that grow, at an address that direct I/O takes.
class block_buffer {
  public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::span<std::byte> bytes() noexcept { return {memory_.get(), size_}; }
    [[nodiscard]] std::span<std::byte const> bytes() const noexcept { return {memory_.get(), size_}; }
    void clear() noexcept { size_ = 0; }

    /// Room for `count` more bytes at the end; what stands in it is not said.
    std::span<std::byte> extend(std::size_t count) {
        if (size_ + count > capacity_) {
            std::size_t const larger = std::max({2 * capacity_, (size_ + count + unit - 1) / unit * unit, 4 * unit});
            std::unique_ptr<std::byte[], release> memory{new (std::align_val_t{unit}) std::byte[larger]};
            if (size_ > 0) {
                std::memcpy(memory.get(), memory_.get(), size_);
            }
            memory_ = std::move(memory);
            capacity_ = larger;
        }
        size_ += count;
        return {memory_.get() + size_ - count, count};
    }

  private:
    static constexpr std::size_t unit = 4096;

    struct release {
        void operator()(std::byte* memory) const noexcept { ::operator delete[](memory, std::align_val_t{unit}); }
    };

    std::unique_ptr<std::byte[], release> memory_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

} // namespace hpcsched::raft_log::detail

#endif
