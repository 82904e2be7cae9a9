// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "epoch.hpp"
#include "invoke_api.hpp"
#include "object_frame.hpp"
#include "worker.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace hpcsched::faas_host::detail {

namespace {

using boost::system::error_code;
using protocol_type = asio::local::stream_protocol;

/// Frames over a Unix socket: a call of a shared object costs a message each way, and no HTTP.
class object_channel final : public channel {
  public:
    explicit object_channel(worker& of) : worker_{of}, socket_{of.place().loop} {}

    [[nodiscard]] result<void> open(launch_request& request) override {
        protocol_type::socket theirs{worker_.place().loop};
        error_code failed;
        asio::local::connect_pair(socket_, theirs, failed);
        if (failed) {
            return error{"no socket: " + failed.message()};
        }
        request.process.channel = theirs.release(failed);
        std::string const& program = worker_.place().program;
        request.process.command = {program.empty() ? "/proc/self/exe" : program, worker_argument,
                                   worker_.function().command.front()};
        return {};
    }

    void started() override { read_head(); }

    void give(invocation const& what) override {
        head_out_ = {.size = what.request.event.size(), .deadline = to_epoch_milliseconds(what.deadline)};
        what.request.request_id.copy(head_out_.request_id, sizeof head_out_.request_id - 1);
        event_ = what.request.event; // the invocation may be over before all of it is sent
        std::array<asio::const_buffer, 2> const all{asio::buffer(&head_out_, sizeof head_out_), asio::buffer(event_)};
        asio::async_write(socket_, all, [alive = worker_.shared_from_this()](error_code, std::size_t) {});
    }

    void exited() override {}

    void close() override {
        error_code ignored;
        socket_.close(ignored);
    }

  private:
    void read_head() {
        std::array<asio::mutable_buffer, 2> const all{asio::buffer(&head_in_, sizeof head_in_), asio::buffer(begin_)};
        asio::async_read(socket_, all, asio::transfer_at_least(sizeof head_in_),
                         [this, alive = worker_.shared_from_this()](error_code failed, std::size_t size) {
                             if (!failed) {
                                 on_head(size - sizeof head_in_);
                             }
                         });
    }

    /// \param there  bytes of the body; a worker says nothing more before it is given the next
    void on_head(std::size_t there) {
        if (head_in_.size > worker_.place().body_limit) {
            std::string const limit = std::to_string(worker_.place().body_limit);
            worker_.owner().on_error(
                worker_,
                error_envelope("Function.ResponseSizeTooLarge",
                               "Response payload size exceeded maximum allowed payload size (" + limit + " bytes)."));
            worker_.kill(); // it would have to be read to its end
            return;
        }
        there = std::min<std::size_t>(there, head_in_.size);
        body_.assign(begin_.data(), there);
        body_.resize(head_in_.size);
        if (body_.size() == there) {
            on_frame();
            return;
        }
        asio::async_read(socket_, asio::buffer(body_) + there,
                         [this, alive = worker_.shared_from_this()](error_code failed, std::size_t) {
                             if (!failed) {
                                 on_frame();
                             }
                         });
    }

    void on_frame() {
        worker_owner& owner = worker_.owner();
        object_says const what = head_in_.what;
        if (what == object_says::cannot_start) {
            owner.on_start_error(worker_, error_envelope("Runtime.InvalidEntrypoint", body_));
            return;
        }
        if (what == object_says::answer) {
            owner.on_answer(worker_, std::move(body_));
        } else if (what == object_says::error) {
            owner.on_error(worker_, error_envelope("Function.Error", body_));
        }
        owner.on_ready(worker_);
        read_head();
    }

    worker& worker_;
    protocol_type::socket socket_;
    event_frame head_out_{};
    std::string event_;
    object_frame head_in_{};
    std::array<char, 4096> begin_{}; ///< of the body
    std::string body_;
};

} // namespace

std::unique_ptr<channel> make_object_channel(worker& of) {
    return std::make_unique<object_channel>(of);
}

} // namespace hpcsched::faas_host::detail
