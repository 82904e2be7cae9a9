// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "invoke_api.hpp"
#include "worker.hpp"
#include <fcntl.h>

#include <array>
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

    void exited(std::function<void()> done) override {
        error_code ignored;
        input_.close(ignored);
        when_heard_ = std::move(done);
        if (is_at_end_) {
            finish();
        }
    }

    void close() override {
        error_code ignored;
        input_.close(ignored);
        output_.close(ignored);
    }

  private:
    void read_more() {
        output_.async_read_some(
            asio::buffer(chunk_),
            [this, alive = worker_.shared_from_this()](error_code failed, std::size_t size) { on_read(failed, size); });
    }

    void on_read(error_code failed, std::size_t size) {
        answer_.append(chunk_.data(), size);
        if (answer_.size() > worker_.place().body_limit) {
            is_too_large_ = true;
            answer_.clear();
            worker_.kill();
            failed = asio::error::eof;
        }
        if (!failed) {
            read_more();
            return;
        }
        is_at_end_ = true;
        if (when_heard_) {
            finish();
        }
    }

    void finish() {
        if (worker_.current() != nullptr && is_too_large_) {
            std::string const limit = std::to_string(worker_.place().body_limit);
            worker_.owner().on_error(
                worker_,
                error_envelope("Function.ResponseSizeTooLarge",
                               "Response payload size exceeded maximum allowed payload size (" + limit + " bytes)."));
        } else if (worker_.current() != nullptr && worker_.succeeded()) {
            worker_.owner().on_answer(worker_, std::move(answer_));
        }
        std::exchange(when_heard_, nullptr)();
    }

    worker& worker_;
    asio::posix::stream_descriptor input_;
    asio::posix::stream_descriptor output_;
    std::array<char, 16384> chunk_{};
    std::string event_;
    std::string answer_;
    std::function<void()> when_heard_;
    bool is_at_end_ = false;
    bool is_too_large_ = false;
};

} // namespace

std::unique_ptr<channel> make_command_channel(worker& of) {
    return std::make_unique<command_channel>(of);
}

} // namespace hpcsched::faas_host::detail
