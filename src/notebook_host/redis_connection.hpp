// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_REDIS_CONNECTION_HPP
#define HPCSCHED_NOTEBOOK_HOST_REDIS_CONNECTION_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct redisContext;
struct redisReply;

namespace hpcsched::notebook_host {

/// Where a Redis is, and how it is entered.
struct redis_address {
    std::string host{}; ///< empty: a socket
    int port = 6379;
    std::string socket{}; ///< path
    std::string user{};
    std::string password{};
    unsigned database = 0;
    std::string prefix = "hpcsched"; ///< of the keys, without the colon

    /// For messages: without the password.
    [[nodiscard]] std::string text() const;
};

/// \param text  as `chunk_store::open` has it
/// \error what is wrong with it
[[nodiscard]] result<redis_address> parse_redis_address(std::string_view text);

struct redis_deleter {
    void operator()(redisContext* context) const noexcept;
    void operator()(redisReply* reply) const noexcept;
};
using redis_reply = std::unique_ptr<redisReply, redis_deleter>;

/// One connection to a Redis. Commands are sent without waiting, and answers come in their order.
///
/// hiredis connects and reads. Commands are written here, and values are read here: it would copy a value twice either
/// way, reads 16 KiB at a time, and its writing raises SIGPIPE in a host program where the server has gone.
///
/// After any failure, which an answer that is an error is too, it is of no use any more: other answers may be on their
/// way.
/// \thread_safety none
class redis_connection {
  public:
    /// Connects, authenticates, and selects the database.
    /// \error it cannot be reached, or lets nobody in
    [[nodiscard]] static result<redis_connection> open(redis_address const& address, duration timeout);

    /// A command, sent with the next answer that is waited for. The lists are one.
    void add(std::initializer_list<std::string_view> words, std::span<std::string const> more = {});
    /// Sends what was added, and SET with a value in pieces, which are not copied.
    [[nodiscard]] result<void> set(std::string_view key, std::span<std::span<std::byte const> const> value,
                                   std::uint64_t size);
    /// The next answer.
    /// \error the connection; an answer that is an error
    [[nodiscard]] result<redis_reply> answer();
    /// The next answer, a number.
    [[nodiscard]] result<std::int64_t> number();

    /// The next answer, a value: its size, less than 0 where there is none. `into` has its bytes if it is as long.
    [[nodiscard]] result<std::int64_t> value(std::span<std::byte> into);

    [[nodiscard]] bool good() const noexcept { return good_; }
    /// Whether the server went, so that it may help to connect again.
    [[nodiscard]] bool lost() const noexcept { return lost_; }

  private:
    redis_connection(std::unique_ptr<redisContext, redis_deleter> context, std::string place, duration timeout);

    void add_word(std::string_view word);
    [[nodiscard]] result<void> send(std::span<std::span<std::byte const> const> pieces);
    [[nodiscard]] result<std::string> line();
    [[nodiscard]] result<void> receive(std::span<std::byte> into);
    [[nodiscard]] error broken(int number);
    [[nodiscard]] error refused(std::string_view why);
    [[nodiscard]] error no_answer(std::string_view what);

    std::unique_ptr<redisContext, redis_deleter> context_;
    std::string place_; ///< for messages
    duration timeout_;
    std::string out_; ///< commands that were not sent yet
    std::string in_;  ///< what `line` read too much
    bool good_ = true;
    bool lost_ = false;
};

} // namespace hpcsched::notebook_host

#endif
