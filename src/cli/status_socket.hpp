// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_STATUS_SOCKET_HPP
#define HPCSCHED_CLI_STATUS_SOCKET_HPP

#include <hpcsched/core/result.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <functional>
#include <memory>
#include <string>

namespace hpcsched::cli {

/// Where `attach` listens and `top` asks unless told otherwise: in /run for root, else in the user's runtime folder.
[[nodiscard]] std::string default_status_socket();

/// A Unix socket that answers each line with a line. Only its owner may connect.
class status_socket {
  public:
    status_socket();
    status_socket(status_socket const&) = delete;
    status_socket& operator=(status_socket const&) = delete;
    ~status_socket(); ///< removes it

    /// From now on, while `loop` runs. Lines longer than 4,096 characters end their connection.
    /// \error somebody listens there, or the file cannot be made
    [[nodiscard]] result<void> listen(boost::asio::io_context& loop, std::string const& path,
                                      std::function<std::string(std::string const&)> answer);

  private:
    class state;
    std::shared_ptr<state> state_;
};

/// Asks at `path` and waits for the answer.
/// \error nobody listens there
[[nodiscard]] result<std::string> ask(std::string const& path, std::string const& line);

} // namespace hpcsched::cli

#endif
