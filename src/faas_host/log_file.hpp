// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_LOG_FILE_HPP
#define HPCSCHED_FAAS_HOST_LOG_FILE_HPP

#include "file_descriptor.hpp"
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace hpcsched::faas_host::detail {

/// Where what workers print is appended. A full disk costs the lines that find no place, and nothing else.
class log_file {
  public:
    /// \param path  empty: nothing is kept
    explicit log_file(std::string const& path)
        : file_{path.empty() ? -1 : ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640)},
          is_wanted_{!path.empty()} {}

    [[nodiscard]] bool is_open() const noexcept { return file_.is_open() || !is_wanted_; }

    void append(std::string_view text) noexcept {
        if (!is_wanted_) {
            return;
        }
        ssize_t const written = ::write(file_.get(), text.data(), text.size());
        lost_ += text.size() - (written > 0 ? static_cast<std::size_t>(written) : 0);
    }

    [[nodiscard]] std::uint64_t lost_bytes() const noexcept { return lost_; }

  private:
    cpu_linux::detail::file_descriptor file_;
    bool is_wanted_;
    std::uint64_t lost_ = 0;
};

} // namespace hpcsched::faas_host::detail

#endif
