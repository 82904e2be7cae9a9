// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_STATUS_PAGE_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_STATUS_PAGE_HPP

#include <hpcsched/core/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace hpcsched::notebook_host {

/// Serves `GET /`, a page that shows the cluster, and `GET /status`, the JSON that it shows, over HTTP, by a thread of
/// its own and one client at a time: it is for a person who looks now and then.
class status_page {
  public:
    /// \param address  "ADDRESS:PORT", port 0: any that is free
    /// \param token    what `Authorization: Bearer` must say; empty: nothing is asked
    /// \param status   the JSON; called by the page's thread
    /// \error the address cannot be had, or is not of this machine alone and there is no token
    [[nodiscard]] static result<std::unique_ptr<status_page>> open(std::string const& address, std::string token,
                                                                   std::function<std::string()> status);

    status_page(status_page const&) = delete;
    status_page& operator=(status_page const&) = delete;
    ~status_page();

    [[nodiscard]] std::uint16_t port() const noexcept;

  private:
    class state;
    explicit status_page(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::notebook_host

#endif
