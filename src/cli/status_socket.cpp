// SPDX-License-Identifier: Apache-2.0
#include "status_socket.hpp"

#include <boost/asio.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <istream>
#include <utility>

namespace hpcsched::cli {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using protocol = asio::local::stream_protocol;

constexpr std::size_t longest_line = 4096;

using answerer = std::function<std::string(std::string const&)>;

/// One connection; it keeps itself alive until the other side has gone.
class conversation : public std::enable_shared_from_this<conversation> {
  public:
    conversation(protocol::socket socket, std::shared_ptr<answerer> answer)
        : socket_{std::move(socket)}, answer_{std::move(answer)} {}

    void hear() {
        asio::async_read_until(socket_, heard_, '\n', [self = shared_from_this()](error_code failed, std::size_t) {
            if (!failed) {
                self->reply();
            }
        });
    }

  private:
    void reply() {
        std::istream in{&heard_};
        std::string line;
        std::getline(in, line);
        if (!line.empty() && line.back() == '\r') {
            line.pop_back();
        }
        said_ = (*answer_)(line) + '\n';
        asio::async_write(socket_, asio::buffer(said_), [self = shared_from_this()](error_code failed, std::size_t) {
            if (!failed) {
                self->hear();
            }
        });
    }

    protocol::socket socket_;
    asio::streambuf heard_{longest_line};
    std::string said_;
    std::shared_ptr<answerer> answer_;
};

} // namespace

class status_socket::state : public std::enable_shared_from_this<status_socket::state> {
  public:
    state(asio::io_context& loop, std::string path, answerer answer)
        : acceptor_{loop}, path_{std::move(path)}, answer_{std::make_shared<answerer>(std::move(answer))} {}
    state(state const&) = delete;
    state& operator=(state const&) = delete;

    ~state() {
        if (is_bound_) {
            ::unlink(path_.c_str());
        }
    }

    [[nodiscard]] result<void> open() {
        if (ask(path_, "").has_value()) {
            return error{path_ + ": somebody listens there already: give another path with --socket"};
        }
        struct stat found{};
        if (::stat(path_.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) {
            ::unlink(path_.c_str()); // of one who is dead
        }
        error_code failed;
        std::string const beside = path_ + ".new"; // whoever sees the socket can connect: it gets its name at last
        ::mode_t const before = ::umask(0177);
        acceptor_.open(protocol{}, failed);
        if (!failed && beside.size() < sizeof(::sockaddr_un::sun_path)) {
            acceptor_.bind(protocol::endpoint{beside}, failed);
        } else if (!failed) {
            failed = asio::error::name_too_long;
        }
        ::umask(before);
        if (!failed) {
            acceptor_.listen(asio::socket_base::max_listen_connections, failed);
        }
        if (!failed && ::rename(beside.c_str(), path_.c_str()) != 0) {
            failed = error_code{errno, boost::system::system_category()};
        }
        is_bound_ = !failed;
        return failed ? result<void>{error{path_ + ": " + failed.message() + ": give another path with --socket"}}
                      : result<void>{};
    }

    void accept() {
        acceptor_.async_accept([weak = weak_from_this()](error_code failed, protocol::socket socket) {
            auto const self = weak.lock();
            if (!self || failed == asio::error::operation_aborted) {
                return;
            }
            if (!failed) {
                std::make_shared<conversation>(std::move(socket), self->answer_)->hear();
            }
            self->accept();
        });
    }

  private:
    protocol::acceptor acceptor_;
    std::string path_;
    std::shared_ptr<answerer> answer_;
    bool is_bound_ = false;
};

status_socket::status_socket() = default;
status_socket::~status_socket() = default;

result<void> status_socket::listen(asio::io_context& loop, std::string const& path, answerer answer) {
    auto made = std::make_shared<state>(loop, path, std::move(answer));
    if (auto const opened = made->open(); opened.has_error()) {
        return opened;
    }
    state_ = std::move(made);
    state_->accept();
    return {};
}

std::string default_status_socket() {
    char const* const runtime = std::getenv("XDG_RUNTIME_DIR");
    if (::geteuid() == 0) {
        return "/run/hpcsched.sock";
    }
    return (runtime != nullptr && *runtime != '\0' ? std::string{runtime} : std::string{"/tmp"}) + "/hpcsched.sock";
}

result<std::string> ask(std::string const& path, std::string const& line) {
    error_code failed;
    asio::io_context loop;
    protocol::socket socket{loop};
    if (path.size() >= sizeof(::sockaddr_un::sun_path)) {
        return error{path + ": too long for the name of a socket"};
    }
    socket.connect(protocol::endpoint{path}, failed);
    if (!failed) {
        asio::write(socket, asio::buffer(line + '\n'), failed);
    }
    std::string answer;
    if (!failed) {
        asio::read_until(socket, asio::dynamic_buffer(answer), '\n', failed);
    }
    if (failed) {
        return error{path + ": nobody answers (" + failed.message() + "): start hpcsched attach, or name its --socket"};
    }
    answer.pop_back();
    return {boost::system::in_place_value, std::move(answer)};
}

} // namespace hpcsched::cli
