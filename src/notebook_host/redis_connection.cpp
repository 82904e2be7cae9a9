// SPDX-License-Identifier: Apache-2.0
#include "redis_connection.hpp"

#include <hpcsched/core/bytes.hpp>

#include "byte_areas.hpp"
#include <hiredis/hiredis.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <optional>
#include <system_error>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

constexpr std::string_view tcp_scheme = "redis://";
constexpr std::string_view unix_scheme = "redis+unix://";
constexpr std::string_view forms = "; it is redis://[:PASSWORD@]HOST[:PORT][/DB][?prefix=P] or "
                                   "redis+unix://[:PASSWORD@]/SOCKET[?db=DB][&prefix=P]";

template <class Number>
[[nodiscard]] std::optional<Number> number_of(std::string_view text, Number most) {
    Number number{};
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    bool const whole = failed == std::errc{} && end == text.data() + text.size();
    return whole && number >= 0 && number <= most ? std::optional{number} : std::nullopt;
}

/// Takes the text before a mark, and the mark, off the front; all where the mark is not there.
[[nodiscard]] std::string_view take_until(std::string_view& text, char mark) {
    std::size_t const at = std::min(text.find(mark), text.size());
    std::string_view const taken = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return taken;
}

/// The text with the characters that stand as %XX; nothing where there are no two digits.
[[nodiscard]] std::optional<std::string> unescaped(std::string_view text) {
    std::string plain;
    while (!text.empty()) {
        char c = text.front();
        std::size_t size = 1;
        if (c == '%') {
            unsigned char byte = 0;
            std::string_view const pair = text.substr(1, 2);
            auto const [end, failed] = std::from_chars(pair.data(), pair.data() + pair.size(), byte, 16);
            if (failed != std::errc{} || end != pair.data() + 2) {
                return std::nullopt;
            }
            c = static_cast<char>(byte);
            size = 3;
        }
        plain += c;
        text.remove_prefix(size);
    }
    return plain;
}

[[nodiscard]] bool take_host(std::string_view text, redis_address& address) {
    std::string_view const place = take_until(text, '/');
    std::size_t const bracket = place.starts_with('[') ? place.find(']') : 0; // an address of IPv6 has colons
    if (bracket == std::string_view::npos) {
        return false;
    }
    std::size_t const colon = std::min(place.find(':', bracket), place.size());
    address.host = bracket == 0 ? place.substr(0, colon) : place.substr(1, bracket - 1);
    auto const port = colon == place.size() ? std::optional{address.port} : number_of(place.substr(colon + 1), 65'535);
    auto const database = text.empty() ? std::optional{0U} : number_of(text, 1U << 30U);
    address.port = port.value_or(0);
    address.database = database.value_or(0);
    return port && *port != 0 && database && !address.host.empty() && (bracket == 0 || colon == bracket + 1);
}

[[nodiscard]] bool take_options(std::string_view text, redis_address& address) {
    while (!text.empty()) {
        std::string_view value = take_until(text, '&');
        std::string_view const name = take_until(value, '=');
        if (name == "prefix") {
            address.prefix = unescaped(value).value_or("");
            if (address.prefix.empty()) {
                return false;
            }
        } else if (name == "db") {
            auto const database = number_of(value, 1U << 30U);
            if (!database) {
                return false;
            }
            address.database = *database;
        } else {
            return false;
        }
    }
    return true;
}

[[nodiscard]] timeval timeval_of(duration length) {
    auto const micros = std::chrono::ceil<std::chrono::microseconds>(length).count();
    return {.tv_sec = micros / 1'000'000, .tv_usec = micros % 1'000'000};
}

/// What a person can do about an answer that is an error.
[[nodiscard]] std::string advice_for(std::string_view answer) {
    if (answer.starts_with("OOM")) {
        return "; the store is full: give it more memory (maxmemory)";
    }
    if (answer.starts_with("NOAUTH") || answer.starts_with("WRONGPASS") || answer.starts_with("ERR invalid password") ||
        answer.starts_with("ERR AUTH") || answer.starts_with("ERR Client sent AUTH")) {
        return "; the password stands in the address: redis://:PASSWORD@HOST";
    }
    if (answer.starts_with("MOVED") || answer.starts_with("READONLY")) {
        return "; the store has to be one server that is written to, no cluster and no replica";
    }
    return {};
}

} // namespace

std::string redis_address::text() const {
    return host.empty() ? std::string{unix_scheme} + socket + "?db=" + std::to_string(database)
                        : std::string{tcp_scheme} + (host.find(':') == std::string::npos ? host : '[' + host + ']') +
                              ':' + std::to_string(port) + '/' + std::to_string(database);
}

result<redis_address> parse_redis_address(std::string_view text) {
    bool const is_unix = text.starts_with(unix_scheme);
    if (!is_unix && !text.starts_with(tcp_scheme)) {
        return error{"this is no address of a Redis" + std::string{forms}};
    }
    text.remove_prefix(is_unix ? unix_scheme.size() : tcp_scheme.size());
    redis_address address;
    std::size_t const at = text.substr(0, text.find('/')).rfind('@');
    if (at != std::string_view::npos) {
        std::string_view words = text.substr(0, at);
        auto const user = unescaped(take_until(words, ':'));
        auto const password = unescaped(words);
        if (!user || !password || password->empty()) {
            return error{"the address of the Redis has no password before its @" + std::string{forms}};
        }
        address.user = *user;
        address.password = *password;
        text.remove_prefix(at + 1);
    }
    std::string_view options = text;
    std::string_view const place = take_until(options, '?');
    bool good = true;
    if (is_unix) {
        address.socket = unescaped(place).value_or("");
        good = address.socket.starts_with('/');
    } else {
        good = take_host(place, address);
    }
    if (!good || !take_options(options, address)) {
        return error{"the address of the Redis has no place, or an option that is not known" + std::string{forms}};
    }
    return address;
}

void redis_deleter::operator()(redisContext* context) const noexcept {
    ::redisFree(context);
}
void redis_deleter::operator()(redisReply* reply) const noexcept {
    ::freeReplyObject(reply);
}

redis_connection::redis_connection(std::unique_ptr<redisContext, redis_deleter> context, std::string place,
                                   duration timeout)
    : context_{std::move(context)}, place_{std::move(place)}, timeout_{timeout} {}

result<redis_connection> redis_connection::open(redis_address const& address, duration timeout) {
    timeval const limit = timeval_of(timeout);
    std::unique_ptr<redisContext, redis_deleter> context{
        address.host.empty() ? ::redisConnectUnixWithTimeout(address.socket.c_str(), limit)
                             : ::redisConnectWithTimeout(address.host.c_str(), address.port, limit)};
    if (context == nullptr || context->err != 0) {
        return error{"cannot reach Redis at " + address.text() + ": " +
                     (context == nullptr ? "no memory is left" : std::string{context->errstr}) +
                     "; is it running, and is the address right?"};
    }
    ::redisSetTimeout(context.get(), limit);
    redis_connection connection{std::move(context), address.text(), timeout};
    if (!address.password.empty()) {
        if (address.user.empty()) {
            connection.add({"AUTH", address.password});
        } else {
            connection.add({"AUTH", address.user, address.password});
        }
        if (auto const in = connection.answer(); !in) {
            return in.error();
        }
    }
    connection.add({"SELECT", std::to_string(address.database)});
    if (auto const in = connection.answer(); !in) {
        return in.error();
    }
    return connection;
}

void redis_connection::add_word(std::string_view word) {
    out_.append("$").append(std::to_string(word.size())).append("\r\n").append(word).append("\r\n");
}

void redis_connection::add(std::initializer_list<std::string_view> words, std::span<std::string const> more) {
    out_.append("*").append(std::to_string(words.size() + more.size())).append("\r\n");
    std::ranges::for_each(words, [this](std::string_view word) { add_word(word); });
    std::ranges::for_each(more, [this](std::string const& word) { add_word(word); });
}

result<void> redis_connection::set(std::string_view key, std::span<std::span<std::byte const> const> value,
                                   std::uint64_t size) {
    out_.append("*3\r\n");
    add_word("SET");
    add_word(key);
    out_.append("$").append(std::to_string(size)).append("\r\n");
    if (auto const sent = send(value); !sent) {
        return sent;
    }
    out_ = "\r\n";
    return {};
}

result<void> redis_connection::send(std::span<std::span<std::byte const> const> pieces) {
    byte_areas areas;
    areas.add(std::as_bytes(std::span{out_}));
    areas.add(pieces);
    for (auto next = areas.next(); !next.empty(); next = areas.next()) {
        msghdr message{};
        message.msg_iov = next.data();
        message.msg_iovlen = next.size();
        ssize_t const size = ::sendmsg(context_->fd, &message, MSG_NOSIGNAL);
        if (size < 0 && errno != EINTR) {
            return broken(errno);
        }
        areas.written(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
    out_.clear();
    return {};
}

error redis_connection::broken(int number) {
    good_ = false;
    if (number == EAGAIN || number == EWOULDBLOCK) {
        return error{"Redis at " + place_ + " has not answered for " +
                     std::to_string(std::chrono::ceil<std::chrono::milliseconds>(timeout_).count()) +
                     " ms; look at its load, or at the network"};
    }
    lost_ = true;
    return error{"Redis at " + place_ + " is gone: " +
                 (number == 0 ? "the connection ended" : std::generic_category().message(number)) + "; is it running?"};
}

error redis_connection::refused(std::string_view why) {
    good_ = false;
    return error{"Redis at " + place_ + " says: " + std::string{why} + advice_for(why)};
}

error redis_connection::no_answer(std::string_view what) {
    good_ = false;
    return error{"Redis at " + place_ + " answers what is no answer: " + std::string{what}};
}

result<redis_reply> redis_connection::answer() {
    if (auto const sent = out_.empty() ? result<void>{} : send({}); !sent) {
        return sent.error();
    }
    void* got = nullptr;
    errno = 0;
    if (::redisGetReply(context_.get(), &got) != REDIS_OK) {
        if (context_->err == REDIS_ERR_IO || context_->err == REDIS_ERR_EOF) {
            return broken(context_->err == REDIS_ERR_IO ? errno : 0);
        }
        return no_answer(context_->errstr);
    }
    redis_reply reply{static_cast<redisReply*>(got)};
    if (reply->type == REDIS_REPLY_ERROR) {
        return refused({reply->str, reply->len});
    }
    return reply;
}

result<std::int64_t> redis_connection::number() {
    auto const reply = answer();
    if (!reply) {
        return reply.error();
    }
    return (*reply)->type == REDIS_REPLY_INTEGER ? result<std::int64_t>{(*reply)->integer}
                                                 : no_answer("it is no number");
}

result<std::int64_t> redis_connection::value(std::span<std::byte> into) {
    if (auto const sent = out_.empty() ? result<void>{} : send({}); !sent) {
        return sent.error();
    }
    auto const head = line();
    if (!head) {
        return head.error();
    }
    std::string_view const text{*head};
    std::int64_t size = 0;
    auto const [end, failed] = std::from_chars(text.data() + 1, text.data() + text.size(), size);
    if (text.starts_with('-')) {
        return refused(text.substr(1));
    }
    if (!text.starts_with('$') || failed != std::errc{} || end != text.data() + text.size()) {
        return no_answer(text);
    }
    if (size < 0) {
        return size;
    }
    // One of another length is read to its end all the same, for the sake of the next answer.
    byte_buffer other(static_cast<std::uint64_t>(size) == into.size() ? 0 : static_cast<std::size_t>(size));
    std::array<std::byte, 2> line_end{};
    auto done = receive(other.empty() && size != 0 ? into : other);
    done = done ? receive(line_end) : done;
    return done ? result<std::int64_t>{size} : done.error();
}

result<std::string> redis_connection::line() {
    constexpr std::size_t longest = 4096;
    std::size_t end = in_.find("\r\n");
    while (end == std::string::npos && in_.size() < longest) {
        std::array<char, 64> some{}; // little, for what comes behind it goes to its place by itself
        ssize_t const size = ::recv(context_->fd, some.data(), some.size(), 0);
        if (size == 0 || (size < 0 && errno != EINTR)) {
            return broken(size == 0 ? 0 : errno);
        }
        in_.append(some.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        end = in_.find("\r\n");
    }
    if (end == std::string::npos) {
        return no_answer("a line without an end");
    }
    std::string taken = in_.substr(0, end);
    in_.erase(0, end + 2);
    return result<std::string>{boost::system::in_place_value, std::move(taken)};
}

result<void> redis_connection::receive(std::span<std::byte> into) {
    std::size_t const had = std::min(in_.size(), into.size());
    std::copy_n(std::as_bytes(std::span{in_}).begin(), had, into.begin());
    in_.erase(0, had);
    for (into = into.subspan(had); !into.empty();) {
        ssize_t const size = ::recv(context_->fd, into.data(), into.size(), MSG_WAITALL);
        if (size == 0 || (size < 0 && errno != EINTR)) {
            return broken(size == 0 ? 0 : errno);
        }
        into = into.subspan(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    }
    return {};
}

} // namespace hpcsched::notebook_host
