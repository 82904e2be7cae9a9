// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/http/error.hpp>

#include "epoch.hpp"
#include "http_connection.hpp"
#include "invoke_api.hpp"
#include "worker.hpp"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace hpcsched::faas_host::detail {

namespace {

using boost::system::error_code;
using tcp = asio::ip::tcp;
using response = http::response<http::string_body>;

constexpr std::string_view invocation_path = "/2018-06-01/runtime/invocation/";
constexpr std::string_view start_error_path = "/2018-06-01/runtime/init/error";

class runtime_channel;

/// One connection of a runtime. Most keep one for all they say.
class runtime_connection : public std::enable_shared_from_this<runtime_connection> {
  public:
    runtime_connection(tcp_socket socket, runtime_channel& of) : socket_{std::move(socket)}, channel_{&of} {}

    void hear();
    void say(response&& what);
    void close() {
        channel_ = nullptr;
        error_code ignored;
        socket_.close(ignored);
    }

  private:
    void on_heard(error_code failed);

    tcp_socket socket_;
    runtime_channel* channel_; ///< nothing: it is over
    boost::beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    response said_;
    std::string head_; ///< of `said_`, as it is sent
};

/// The AWS Lambda Runtime API, on a port for this worker alone.
class runtime_channel final : public channel {
  public:
    explicit runtime_channel(worker& of) : worker_{of}, acceptor_{of.place().loop} {}
    ~runtime_channel() override { close_all(); }

    [[nodiscard]] result<void> open(launch_request& request) override {
        error_code failed;
        tcp::endpoint const any{asio::ip::address_v4::loopback(), 0};
        acceptor_.open(any.protocol(), failed);
        if (!failed) {
            acceptor_.bind(any, failed);
        }
        if (!failed) {
            acceptor_.listen(16, failed);
        }
        if (failed) {
            return error{"no port for the Runtime API: " + failed.message()};
        }
        std::string const address = "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
        request.process.environment.push_back("AWS_LAMBDA_RUNTIME_API=" + address);
        accept();
        return {};
    }

    void started() override {}

    void give(invocation const& what) override {
        is_delivered_ = waiting_ != nullptr;
        if (is_delivered_) {
            deliver(*std::exchange(waiting_, nullptr), what);
        }
    }

    void exited() override {}

    void close() override {
        error_code ignored;
        acceptor_.close(ignored);
        close_all();
    }

    // --- from a connection ---------------------------------------------------------------------------------------

    [[nodiscard]] std::size_t body_limit() const { return worker_.place().body_limit; }

    void on_request(std::shared_ptr<runtime_connection> const& from, http::request<http::string_body>&& request) {
        std::string_view const target = view_of(request.target());
        if (request.method() == http::verb::get && target == next_path) {
            on_next(from);
        } else if (request.method() == http::verb::post && target == start_error_path) {
            from->say(accepted());
            worker_.owner().on_start_error(worker_, std::move(request.body()));
        } else if (request.method() == http::verb::post && target.starts_with(invocation_path)) {
            on_outcome(from, target.substr(invocation_path.size()), std::move(request.body()));
        } else {
            from->say(refusal(http::status::not_found, "NotFound", "the Runtime API has no such path"));
        }
    }

    void on_too_large(runtime_connection& from) {
        from.say(refusal(http::status::payload_too_large, "RequestEntityTooLarge", "the answer is too large"));
        if (worker_.current() != nullptr) {
            std::string const limit = std::to_string(body_limit());
            worker_.owner().on_error(worker_, error_envelope("Function.ResponseSizeTooLarge",
                                                             "Response payload size exceeded maximum allowed payload "
                                                             "size (" +
                                                                 limit + " bytes)."));
        }
    }

    void on_gone(std::shared_ptr<runtime_connection> const& who) {
        if (waiting_ == who) {
            waiting_ = nullptr;
        }
        connections_.erase(who);
    }

  private:
    static constexpr std::string_view next_path = "/2018-06-01/runtime/invocation/next";

    static response accepted() {
        response made{http::status::accepted, 11};
        made.set(http::field::content_type, "application/json");
        made.body() = R"({"status":"OK"})";
        return made;
    }

    static response refusal(http::status status, std::string_view type, std::string_view message) {
        response made{status, 11};
        made.set(http::field::content_type, "application/json");
        made.body() = error_envelope(type, message);
        return made;
    }

    void deliver(runtime_connection& to, invocation const& what) const {
        response next{http::status::ok, 11};
        next.set("Lambda-Runtime-Aws-Request-Id", what.request.request_id);
        next.set("Lambda-Runtime-Deadline-Ms", std::to_string(to_epoch_milliseconds(what.deadline)));
        next.set("Lambda-Runtime-Invoked-Function-Arn", arn_of(worker_.function().name));
        next.set("Lambda-Runtime-Trace-Id", what.request.trace);
        if (!what.request.client_context.empty()) {
            next.set("Lambda-Runtime-Client-Context", what.request.client_context);
        }
        next.set(http::field::content_type, "application/json");
        next.body() = what.request.event;
        to.say(std::move(next));
    }

    void on_next(std::shared_ptr<runtime_connection> const& from) {
        if (worker_.current() != nullptr && !is_delivered_) { // its connection had broken meanwhile
            is_delivered_ = true;
            deliver(*from, *worker_.current());
            return;
        }
        if (worker_.current() != nullptr || waiting_ != nullptr) {
            from->say(refusal(http::status::forbidden, "InvalidStateTransition",
                              "answer the invocation at hand before asking for the next"));
            return;
        }
        waiting_ = from;
        worker_.owner().on_ready(worker_);
    }

    /// \param rest  "ID/response" or "ID/error"
    void on_outcome(std::shared_ptr<runtime_connection> const& from, std::string_view rest, std::string&& body) {
        std::size_t const slash = rest.find('/');
        std::string_view const what = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
        if (what != "response" && what != "error") {
            from->say(refusal(http::status::not_found, "NotFound", "the Runtime API has no such path"));
            return;
        }
        if (worker_.current() == nullptr || worker_.current()->request.request_id != rest.substr(0, slash)) {
            from->say(refusal(http::status::bad_request, "InvalidRequestID", "no such invocation is at hand here"));
            return;
        }
        if (what == "response") {
            worker_.owner().on_answer(worker_, std::move(body));
        } else {
            worker_.owner().on_error(worker_, std::move(body));
        }
        from->say(accepted());
    }

    void accept() {
        acceptor_.async_accept([this, alive = worker_.weak_from_this()](error_code failed, tcp_socket socket) {
            if (failed || alive.expired()) {
                return;
            }
            constexpr std::size_t connection_limit = 64; // a worker that opens more is mad
            if (connections_.size() < connection_limit) {
                error_code ignored;
                socket.set_option(tcp::no_delay{true}, ignored);
                auto made = std::make_shared<runtime_connection>(std::move(socket), *this);
                connections_.insert(made);
                made->hear();
            }
            accept();
        });
    }

    void close_all() {
        for (auto const& each : std::exchange(connections_, {})) {
            each->close();
        }
        waiting_ = nullptr;
    }

    worker& worker_;
    tcp_acceptor acceptor_;
    std::set<std::shared_ptr<runtime_connection>> connections_; // only to close them: their order reaches nothing
    std::shared_ptr<runtime_connection> waiting_;               ///< asked for work, and has none yet
    bool is_delivered_ = false;                                 ///< of the invocation at hand
};

void runtime_connection::hear() {
    parser_.emplace();
    parser_->body_limit(channel_->body_limit());
    http::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](error_code failed, std::size_t) {
        if (self->channel_ != nullptr) {
            self->on_heard(failed);
        }
    });
}

void runtime_connection::on_heard(error_code failed) {
    if (failed == http::error::body_limit) {
        channel_->on_too_large(*this);
    } else if (failed) {
        std::exchange(channel_, nullptr)->on_gone(shared_from_this());
    } else {
        channel_->on_request(shared_from_this(), parser_->release());
    }
}

void runtime_connection::say(response&& what) {
    said_ = std::move(what);
    // After an answer that was too large to be read, what comes next on the connection is no request.
    said_.keep_alive(said_.result() != http::status::payload_too_large);
    said_.prepare_payload();
    asio::async_write(socket_, as_sent(said_, head_), [self = shared_from_this()](error_code failed, std::size_t) {
        if (self->channel_ == nullptr) {
            return;
        }
        if (failed || !self->said_.keep_alive()) {
            std::exchange(self->channel_, nullptr)->on_gone(self);
            return;
        }
        self->hear();
    });
}

} // namespace

std::unique_ptr<channel> make_runtime_channel(worker& of) {
    return std::make_unique<runtime_channel>(of);
}

} // namespace hpcsched::faas_host::detail
