// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_BYTE_AREAS_HPP
#define HPCSCHED_NOTEBOOK_HOST_BYTE_AREAS_HPP

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace hpcsched::notebook_host {

/// What is still to be written of bytes that lie in several places, for writev and sendmsg; borrows them.
class byte_areas {
  public:
    void add(std::span<std::byte const> bytes) {
        if (!bytes.empty()) {
            areas_.push_back({const_cast<std::byte*>(bytes.data()), bytes.size()}); // that only read
        }
    }
    void add(std::span<std::span<std::byte const> const> pieces) {
        areas_.reserve(areas_.size() + pieces.size());
        std::ranges::for_each(pieces, [this](auto piece) { add(piece); });
    }

    /// Empty when all is written.
    [[nodiscard]] std::span<iovec> next() noexcept {
        constexpr std::size_t most = 1024; // IOV_MAX of Linux
        return std::span{areas_}.subspan(done_, std::min(most, areas_.size() - done_));
    }
    void written(std::size_t size) noexcept {
        while (size != 0) {
            iovec& area = areas_[done_];
            std::size_t const step = std::min(size, area.iov_len);
            area.iov_base = static_cast<std::byte*>(area.iov_base) + step;
            area.iov_len -= step;
            size -= step;
            done_ += area.iov_len == 0 ? 1U : 0U;
        }
    }

  private:
    std::vector<iovec> areas_;
    std::size_t done_ = 0; ///< areas
};

} // namespace hpcsched::notebook_host

#endif
