// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "invoke_api.hpp"
#include "worker.hpp"
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

namespace hpcsched::faas_host::detail {

namespace {

using boost::system::error_code;

/// A process for one invocation: the event goes to its standard input, its standard output is the answer if it exits
/// with 0.
class command_channel final : public channel {
  public:
    explicit command_channel(worker& of) : worker_{of}, input_{of.place().loop}, output_{of.place().loop} {}

    [[nodiscard]] result<void> open(launch_request& request) override {
        auto input = make_pipe();
        auto output = make_pipe();
        if (input.has_error() || output.has_error()) {
            return input.has_error() ? input.error() : output.error();
        }
        ::fcntl(input->from.get(), F_SETFL, 0); // the process is to wait for its input, and we are not
        ::fcntl(input->to.get(), F_SETFL, O_NONBLOCK);
        input_.assign(::fcntl(input->to.get(), F_DUPFD_CLOEXEC, 0));
        output_.assign(::fcntl(output->from.get(), F_DUPFD_CLOEXEC, 0));
        request.process.standard_input = ::fcntl(input->from.get(), F_DUPFD_CLOEXEC, 0);
        request.process.standard_output = ::fcntl(output->to.get(), F_DUPFD_CLOEXEC, 0);
        return {};
    }

    void started() override { read_more(); }

    void give(invocation const& what) override {
        event_ = what.request.event; // the invocation may be over before a slow reader has all of it
        asio::async_write(input_, asio::buffer(event_),
                          [this, alive = worker_.shared_from_this()](error_code, std::size_t) {
                              error_code ignored; // who does not read its input need not
                              input_.close(ignored);
                          });
    }

    /// All that it has written is in the pipe. Who inherited the other end from it may hold it open for ever.
    void exited() override {
        while (take_in() == pipe_state::has_more) {
        }
        if (worker_.current() == nullptr) {
            return;
        }
        if (is_too_large_) {
            std::string const limit = std::to_string(worker_.place().body_limit);
            worker_.owner().on_error(
                worker_,
                error_envelope("Function.ResponseSizeTooLarge",
                               "Response payload size exceeded maximum allowed payload size (" + limit + " bytes)."));
        } else if (worker_.succeeded()) {
            worker_.owner().on_answer(worker_, std::move(answer_));
        }
    }

    void close() override {
        error_code ignored;
        input_.close(ignored);
        output_.close(ignored);
    }

  private:
    enum class pipe_state : std::uint8_t { has_more, is_empty, has_ended };

    void read_more() {
        output_.async_wait(asio::posix::descriptor_base::wait_read,
                           [this, alive = worker_.shared_from_this()](error_code failed) {
                               if (!failed && take_in() != pipe_state::has_ended) {
                                   read_more();
                               }
                           });
    }

    pipe_state take_in() {
        std::array<char, 65536> chunk; // not initialised: it is filled before it is read
        ssize_t const size = output_.is_open() ? ::read(output_.native_handle(), chunk.data(), chunk.size()) : 0;
        if (size <= 0 || is_too_large_) {
            return size < 0 ? pipe_state::is_empty : pipe_state::has_ended;
        }
        answer_.append(chunk.data(), static_cast<std::size_t>(size));
        if (answer_.size() > worker_.place().body_limit) {
            is_too_large_ = true;
            answer_.clear();
            worker_.kill();
            return pipe_state::has_ended;
        }
        return pipe_state::has_more;
    }

    worker& worker_;
    asio::posix::stream_descriptor input_;
    asio::posix::stream_descriptor output_;
    std::string event_;
    std::string answer_;
    bool is_too_large_ = false;
};

} // namespace

std::unique_ptr<channel> make_command_channel(worker& of) {
    return std::make_unique<command_channel>(of);
}

} // namespace hpcsched::faas_host::detail
