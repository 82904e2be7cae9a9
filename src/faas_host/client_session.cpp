// SPDX-License-Identifier: Apache-2.0
#include "client_session.hpp"

#include <boost/asio/write.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "page.hpp"
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace hpcsched::faas_host::detail {

namespace {

using boost::system::error_code;
namespace json = boost::json;

constexpr std::uint32_t header_limit = 16384; // X-Amz-Client-Context alone may have 3,583
constexpr std::string_view json_type = "application/json";
constexpr std::string_view request_id_header = "x-amzn-RequestId";

boost::beast::string_view beast_view(std::string_view text) {
    return {text.data(), text.size()};
}

/// A UUID, version 4 in its looks: the host's own random half, and a count.
std::string request_id_of(std::string const& prefix, std::uint64_t count) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "-8000-%012llx", static_cast<unsigned long long>(count));
    return prefix + text.data();
}

json::object configuration_of(function_config const& function) {
    constexpr std::uint64_t megabyte = std::uint64_t{1} << 20U;
    return {{"FunctionName", function.name},
            {"FunctionArn", arn_of(function.name)},
            {"Handler", function.handler},
            {"MemorySize", function.memory / megabyte},
            {"Timeout", std::chrono::ceil<std::chrono::seconds>(function.timeout).count()},
            {"Version", std::string_view{latest_version}},
            {"State", "Active"},
            {"PackageType", "Zip"}};
}

} // namespace

client_session::client_session(tcp_socket socket, front_door& door) : stream_{std::move(socket)}, door_{door} {
    ++door_.connections;
    error_code ignored;
    stream_.socket().set_option(asio::ip::tcp::no_delay{true}, ignored);
}

client_session::~client_session() {
    --door_.connections;
    door_.on_closed();
}

void client_session::hear() {
    is_busy_ = false;
    must_close_ = false;
    request_ = {};
    parser_.emplace();
    parser_->header_limit(header_limit);
    parser_->body_limit(boost::none); // judged below, with an answer that says what is too large
    stream_.expires_after(door_.config.idle_limit);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](error_code failed, std::size_t) { self->on_header(failed); });
}

void client_session::on_header(error_code failed) {
    is_busy_ = true;
    bool const is_gone = failed == http::error::end_of_stream || failed == http::error::partial_message ||
                         failed == boost::beast::error::timeout ||
                         failed.category() == boost::system::system_category();
    if (failed && is_gone) {
        close();
        return;
    }
    ++door_.requests;
    request_id_ = request_id_of(door_.id_prefix, ++door_.request_ids);
    must_close_ = true; // what comes after a request that was not read to its end is no request
    if (failed) {
        say(bad_request(failed.message()));
        return;
    }
    keeps_alive_ = parser_->keep_alive();
    if (auto refused = why_not_allowed()) {
        say(std::move(*refused));
        return;
    }
    std::uint64_t const limit = door_.config.body_limit;
    if (auto const length = parser_->content_length(); length && *length > limit) {
        say(request_too_large(*length, limit));
        return;
    }
    must_close_ = false;
    parser_->body_limit(limit);
    if (view_of(parser_->get()[http::field::expect]) == "100-continue") {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        asio::async_write(stream_, asio::buffer(go_on), [self = shared_from_this()](error_code broken, std::size_t) {
            broken ? self->close() : self->read_body();
        });
        return;
    }
    read_body();
}

void client_session::read_body() {
    // Most have come with their headers: to wait for what is there takes longer than to parse it.
    error_code failed;
    parser_->eager(true);
    while (!failed && !parser_->is_done() && buffer_.size() > 0) {
        buffer_.consume(parser_->put(buffer_.data(), failed));
    }
    if (parser_->is_done() || (failed && failed != http::error::need_more)) {
        on_body(failed);
        return;
    }
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code broken, std::size_t) { self->on_body(broken); });
}

void client_session::on_body(error_code failed) {
    if (failed == http::error::body_limit) {
        must_close_ = true;
        say(request_too_large(0, door_.config.body_limit));
    } else if (failed.category() == http::make_error_code(http::error::bad_chunk).category() &&
               failed != http::error::partial_message && failed != http::error::end_of_stream) {
        must_close_ = true;
        say(bad_request(failed.message()));
    } else if (failed) {
        close();
    } else {
        request_ = parser_->release();
        on_request();
    }
}

std::string_view client_session::header(std::string_view name) const {
    return view_of(request_[beast_view(name)]);
}

/// The page itself holds no figures, and a browser cannot send the token for it.
std::optional<service_error> client_session::why_not_allowed() const {
    auto const& head = parser_->get();
    if (door_.config.token.empty() || view_of(head.target()) == "/") {
        return std::nullopt;
    }
    std::string_view const given = view_of(head[http::field::authorization]);
    constexpr std::string_view scheme = "Bearer ";
    if (!given.starts_with(scheme)) {
        return no_token();
    }
    return is_same_secret(given.substr(scheme.size()), door_.config.token) ? std::nullopt
                                                                           : std::optional{wrong_token()};
}

void client_session::on_request() {
    invoke_target const target = parse_target(view_of(request_.target()));
    bool const is_get = request_.method() == http::verb::get || request_.method() == http::verb::head;
    bool const is_post = request_.method() == http::verb::post;
    if (target.of == invoke_target::kind::not_a_function) {
        say(bad_function_name(target.function));
    } else if (target.of == invoke_target::kind::invocations && is_post) {
        invoke(target);
    } else if ((target.of == invoke_target::kind::function || target.of == invoke_target::kind::functions) && is_get) {
        list(target);
    } else if (target.of == invoke_target::kind::other && is_get && !target.path.empty()) {
        get_page(target.path);
    } else {
        say(no_such_operation(view_of(request_.method_string()), view_of(request_.target())));
    }
}

void client_session::get_page(std::string const& path) {
    auto const own = door_.config.pages.find(path);
    if (own != door_.config.pages.end()) {
        page made = own->second();
        say(http::status::ok, made.type, std::move(made.body));
    } else if (path == "/status") {
        say(http::status::ok, json_type, door_.status());
    } else if (path == "/") {
        say(http::status::ok, "text/html; charset=utf-8", live_page());
    } else {
        say(no_such_operation(view_of(request_.method_string()), path));
    }
}

void client_session::list(invoke_target const& target) {
    if (target.of == invoke_target::kind::function) {
        auto const found = door_.functions.find(target.function);
        if (found == door_.functions.end()) {
            say(function_not_found(target.function));
            return;
        }
        say(http::status::ok, json_type,
            json::serialize(json::object{{"Configuration", configuration_of(found->second->config())}}));
        return;
    }
    json::array all;
    for (auto const& [name, function] : door_.functions) {
        all.push_back(configuration_of(function->config()));
    }
    say(http::status::ok, json_type, json::serialize(json::object{{"Functions", std::move(all)}}));
}

// --- invocations -------------------------------------------------------------------------------------------------

std::optional<service_error> client_session::why_not_invoked(invoke_target const& target,
                                                             hosted_function const* function) const {
    bool const is_latest = target.qualifier.empty() || target.qualifier == latest_version;
    if (function == nullptr || !is_latest) {
        return function_not_found(target.function + (is_latest ? "" : ":" + target.qualifier));
    }
    if (door_.is_draining) {
        return host_is_draining();
    }
    std::string_view const type = header("X-Amz-Invocation-Type");
    if (!type.empty() && type != "RequestResponse" && type != "Event" && type != "DryRun") {
        return invalid_parameter("InvocationType", type, "RequestResponse, Event, DryRun");
    }
    std::string_view const log = header("X-Amz-Log-Type");
    if (!log.empty() && log != "None" && log != "Tail") {
        return invalid_parameter("LogType", log, "None, Tail");
    }
    std::string_view const context = header("X-Amz-Client-Context");
    if (!context.empty() && !client_context_in(context)) {
        return bad_client_context();
    }
    if (function->config().takes_json_only && !request_.body().empty()) {
        if (std::string const why = why_not_json(request_.body()); !why.empty()) {
            return not_json(why);
        }
    }
    return std::nullopt;
}

void client_session::invoke(invoke_target const& target) {
    auto const found = door_.functions.find(target.function);
    hosted_function* const function = found == door_.functions.end() ? nullptr : found->second.get();
    if (auto refused = why_not_invoked(target, function)) {
        duration const retry_after = refused->status == 503 ? std::chrono::seconds{1} : duration{};
        say(std::move(*refused), retry_after);
        return;
    }
    std::string_view const type = header("X-Amz-Invocation-Type");
    if (type == "DryRun") {
        say(http::status::no_content, {}, {});
        return;
    }
    bool const is_event = type == "Event";
    std::string_view const trace = header("X-Amzn-Trace-Id");
    invocation_request asked{.request_id = request_id_,
                             .event = std::move(request_.body()),
                             .client_context = client_context_in(header("X-Amz-Client-Context")).value_or(""),
                             .trace = trace.empty() ? "Root=1-" + request_id_.substr(0, 8) + "-000000000000" +
                                                          request_id_.substr(24) + ";Sampled=0"
                                                    : std::string{trace},
                             .wants_log = !is_event && header("X-Amz-Log-Type") == "Tail"};
    if (asked.event.empty() && function->config().takes_json_only) {
        asked.event = "{}";
    }
    if (is_event) {
        // An event that cannot be taken is refused like the rest, and that is told at once; what comes of one that was
        // taken is told to nobody.
        auto const refused = std::make_shared<std::optional<invocation_result>>();
        function->invoke(std::move(asked), [told = std::weak_ptr{refused}](invocation_result&& result) {
            bool const was_taken = result.how == ending::answered || result.how == ending::function_error;
            if (auto const to = told.lock(); to && !was_taken) {
                *to = std::move(result);
            }
        });
        *refused ? answer_invocation(std::move(**refused)) : say(http::status::accepted, {}, {});
        return;
    }
    stream_.expires_never();
    invocation_ = function->invoke(std::move(asked), [self = shared_from_this()](invocation_result&& result) {
        self->waits_for_ = nullptr;
        self->answer_invocation(std::move(result));
    });
    if (invocation_.value != 0) {
        waits_for_ = function;
        be_looked_after();
    }
}

/// Only now and then: most have their answer before, and to watch each socket would cost two system calls each time.
void client_session::be_looked_after() {
    if (!std::exchange(is_looked_after_, true)) {
        door_.waiting.push_back(weak_from_this());
        door_.on_waiting();
    }
}

bool client_session::look_after_client() {
    is_looked_after_ = false;
    if (waits_for_ == nullptr) {
        return false;
    }
    char next = 0;
    ssize_t const size = ::recv(stream_.socket().native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
    bool const is_gone = size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
    if (is_gone) {
        std::exchange(waits_for_, nullptr)->cancel(invocation_);
        close();
        return false;
    }
    is_looked_after_ = true;
    return true;
}

void client_session::answer_invocation(invocation_result&& result) {
    switch (result.how) {
    case ending::too_many:
        say(too_many_requests(), result.retry_after);
        return;
    case ending::turned_away:
        say(turned_away(), result.retry_after);
        return;
    case ending::draining:
        say(host_is_draining(), result.retry_after);
        return;
    case ending::answered:
    case ending::function_error:
        break;
    }
    response made{http::status::ok, request_.version()};
    made.set("X-Amz-Executed-Version", beast_view(latest_version));
    if (result.how == ending::function_error) {
        made.set("X-Amz-Function-Error", "Unhandled");
    }
    if (header("X-Amz-Log-Type") == "Tail") {
        made.set("X-Amz-Log-Result", to_base64(result.log_tail));
    }
    made.set(http::field::content_type, "application/json");
    made.body() = std::move(result.body);
    send(std::move(made));
}

// --- answers -----------------------------------------------------------------------------------------------------

void client_session::say(http::status status, std::string_view type, std::string&& body) {
    response made{status, 11};
    if (!type.empty()) {
        made.set(http::field::content_type, beast_view(type));
    }
    made.set(http::field::cache_control, "no-store");
    made.body() = std::move(body);
    send(std::move(made));
}

void client_session::say(service_error&& failed, duration retry_after) {
    bool const is_client_fault = failed.status >= 400 && failed.status < 500 && failed.status != 429;
    door_.bad_requests += is_client_fault ? 1U : 0U;
    response made{static_cast<http::status>(failed.status), 11};
    made.set("x-amzn-ErrorType", beast_view(failed.type));
    made.set(http::field::content_type, beast_view(json_type));
    if (failed.status == 401) {
        made.set(http::field::www_authenticate, "Bearer");
    }
    if (retry_after > duration::zero()) {
        made.set(http::field::retry_after,
                 std::to_string(std::chrono::ceil<std::chrono::seconds>(retry_after).count()));
    }
    made.body() = std::move(failed.body);
    send(std::move(made));
}

void client_session::send(response&& what) {
    bool const is_head = request_.method() == http::verb::head;
    said_ = std::move(what);
    said_.version(11);
    said_.set(beast_view(request_id_header), request_id_);
    said_.keep_alive(keeps_alive_ && !must_close_ && !door_.is_draining);
    if (said_.result() != http::status::no_content) {
        said_.prepare_payload();
    }
    if (is_head) {
        said_.body().clear();
    }
    stream_.expires_after(door_.config.idle_limit);
    asio::async_write(stream_, as_sent(said_, head_), [self = shared_from_this()](error_code failed, std::size_t) {
        if (!failed && self->said_.keep_alive()) {
            self->hear();
        } else if (!failed && self->must_close_) {
            self->close_once_heard();
        } else {
            self->close();
        }
    });
}

void client_session::close_if_idle() {
    if (!is_busy_) {
        close();
    }
}

void client_session::close() {
    error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    stream_.close();
}

/// A client that is still sending what is not read would lose the answer, were the connection closed at once.
void client_session::close_once_heard() {
    error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    stream_.expires_after(std::chrono::seconds{5});
    buffer_.clear();
    listen_to_the_end();
}

void client_session::listen_to_the_end() {
    constexpr std::size_t chunk = 65536;
    stream_.async_read_some(buffer_.prepare(chunk), [self = shared_from_this()](error_code failed, std::size_t) {
        failed ? self->close() : self->listen_to_the_end();
    });
}

} // namespace hpcsched::faas_host::detail
