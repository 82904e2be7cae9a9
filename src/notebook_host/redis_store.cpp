// SPDX-License-Identifier: Apache-2.0
#include "redis_store.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iterator>

namespace hpcsched::notebook_host {
namespace {

constexpr std::size_t run_of_chunks = 4;    // on their way at a time, on each of two connections
constexpr std::size_t run_of_members = 500; // in one command
constexpr std::size_t idle_max = 4;         // connections

constexpr double end_of_time = 4e18; // microseconds

// KEYS: the times, the key. ARGV: its member. Returns the bytes of the key, 0 where it is not there.
constexpr std::string_view mark_script = R"(
local now = redis.call('TIME')
redis.call('ZADD', KEYS[1], string.format('%.0f', now[1] * 1000000 + now[2]), ARGV[1])
return redis.call('STRLEN', KEYS[2]))";

// KEYS: the times, keys. ARGV: the cutoff, the members. Returns the bytes of each that was removed, -1 of the others.
constexpr std::string_view drop_script = R"(
local sizes = {}
for i = 2, #KEYS do
  local time = redis.call('ZSCORE', KEYS[1], ARGV[i])
  sizes[i - 1] = -1
  if time and tonumber(time) <= tonumber(ARGV[1]) then
    sizes[i - 1] = redis.call('STRLEN', KEYS[i])
    redis.call('UNLINK', KEYS[i])
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return sizes)";

[[nodiscard]] std::string member_of(kept_kind kind, chunk_digest const& digest) {
    return (kind == kept_kind::chunk ? "chunk:" : "object:") + hexadecimal(digest);
}

[[nodiscard]] std::string_view text_of(redisReply const& reply) noexcept {
    return reply.str == nullptr ? std::string_view{} : std::string_view{reply.str, reply.len};
}

[[nodiscard]] std::span<redisReply* const> elements_of(redisReply const& reply) noexcept {
    return {reply.element, reply.type == REDIS_REPLY_ARRAY ? reply.elements : 0};
}

[[nodiscard]] double number_of(std::string_view text) noexcept {
    double number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

} // namespace

result<std::unique_ptr<chunk_store>> redis_store::open(redis_address address, chunk_store_config config) {
    std::unique_ptr<redis_store> store{new redis_store{std::move(address), config}};
    auto const done = store->exchange([](redis_connection&) { return result<void>{}; });
    return done ? result<std::unique_ptr<chunk_store>>{std::move(store)} : done.error();
}

result<void> redis_store::exchange(task const& work) {
    std::optional<redis_connection> connection;
    {
        std::scoped_lock const lock{mutex_};
        if (!idle_.empty()) {
            connection.emplace(std::move(idle_.back()));
            idle_.pop_back();
        }
    }
    result<void> done;
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (!connection) {
            auto opened = redis_connection::open(address_, config_.timeout);
            if (!opened) {
                return opened.error();
            }
            connection.emplace(std::move(*opened));
        }
        done = work(*connection);
        if (connection->good()) {
            std::scoped_lock const lock{mutex_};
            if (idle_.size() < idle_max) {
                idle_.push_back(std::move(*connection));
            }
            return done;
        }
        if (!connection->lost()) {
            return done;
        }
        connection.reset();
    }
    return done;
}

std::string redis_store::key_of(kept_kind kind, chunk_digest const& digest) const {
    return address_.prefix + ':' + member_of(kind, digest);
}

void redis_store::add_mark(redis_connection& to, kept_kind kind, chunk_digest const& digest) const {
    to.add({"EVAL", mark_script, "2", times_, key_of(kind, digest), member_of(kind, digest)});
}

result<notebook::chunk_pointer> redis_store::put(std::span<std::span<std::byte const> const> parts) {
    return put_object(parts, run_of_chunks, [this](kept_kind kind, std::span<kept_bytes const> what) {
        return exchange([&](redis_connection& to) { return keep(to, kind, what); });
    });
}

result<void> redis_store::keep(redis_connection& to, kept_kind kind, std::span<kept_bytes const> what) const {
    std::vector<kept_bytes> missing;
    std::ranges::for_each(what, [&](kept_bytes const& each) { add_mark(to, kind, each.digest); });
    for (kept_bytes const& each : what) {
        auto const size = to.number();
        if (!size) {
            return size.error();
        }
        if (static_cast<std::uint64_t>(*size) != each.size) {
            missing.push_back(each);
        }
    }
    for (kept_bytes const& each : missing) {
        if (auto const sent = to.set(key_of(kind, each.digest), each.pieces, each.size); !sent) {
            return sent;
        }
        add_mark(to, kind, each.digest);
    }
    for (std::size_t i = 0; i < 2 * missing.size(); ++i) {
        if (auto const answered = to.answer(); !answered) {
            return answered.error();
        }
    }
    return {};
}

result<found_list> redis_store::find_list(chunk_digest const& object) {
    result<found_list> found{found_list{}};
    auto const done = exchange([&](redis_connection& from) -> result<void> {
        from.add({"GET", key_of(kept_kind::object, object)});
        auto const reply = from.answer();
        if (!reply) {
            return reply.error();
        }
        if ((*reply)->type == REDIS_REPLY_STRING) {
            found = check_list(object, std::as_bytes(std::span{text_of(**reply)}));
        } else {
            found = found_list{{}, "object " + hexadecimal(object) + " is not in the store"};
        }
        if (found && !found->list) {
            found->why += ", at " + address_.text();
        }
        return {};
    });
    return done ? found : done.error();
}

result<std::uint64_t> redis_store::size(chunk_digest const& object) {
    auto const list = list_or_error(find_list(object));
    return list ? result<std::uint64_t>{list->size} : list.error();
}

result<void> redis_store::get(chunk_digest const& object, std::span<std::byte> into) {
    auto const list = list_or_error(find_list(object));
    if (!list) {
        return list.error();
    }
    return get_object(*list, into, run_of_chunks,
                      [this](std::span<listed_chunk const> chunks, std::span<std::byte> room) {
                          return exchange([&](redis_connection& from) { return fetch(from, chunks, room); });
                      });
}

result<void> redis_store::fetch(redis_connection& from, std::span<listed_chunk const> chunks,
                                std::span<std::byte> into) const {
    for (listed_chunk const& chunk : chunks) {
        from.add({"GET", key_of(kept_kind::chunk, chunk.digest)});
    }
    std::optional<error> wrong; // the other answers are read all the same
    for (listed_chunk const& chunk : chunks) {
        auto const room = into.first(static_cast<std::size_t>(chunk.size));
        into = into.subspan(room.size());
        auto const size = from.value(room);
        if (!size) {
            return size.error();
        }
        bool const there = *size >= 0;
        if (!there || static_cast<std::uint64_t>(*size) != room.size() || sha256(room) != chunk.digest) {
            wrong = error{"chunk " + hexadecimal(chunk.digest) + (there ? " is damaged" : " is not in the store") +
                          ", at " + address_.text()};
        }
    }
    return wrong ? result<void>{*wrong} : result<void>{};
}

result<double> redis_store::now() {
    double time = 0;
    auto const done = exchange([&](redis_connection& from) -> result<void> {
        from.add({"TIME"});
        auto const reply = from.answer();
        if (!reply) {
            return reply.error();
        }
        auto const parts = elements_of(**reply);
        time = parts.size() == 2 ? number_of(text_of(*parts[0])) * 1e6 + number_of(text_of(*parts[1])) : 0;
        return {};
    });
    return done ? result<double>{time} : done.error();
}

result<std::vector<redis_store::entry>> redis_store::entries() {
    std::vector<entry> found;
    auto const take = [&](std::string_view member, double time) {
        for (kept_kind const kind : {kept_kind::chunk, kept_kind::object}) {
            auto const digest = digest_of(member.substr(std::min(member.find(':') + 1, member.size())));
            if (digest && member_of(kind, *digest) == member) {
                found.push_back({.kind = kind, .digest = *digest, .time = time});
            }
        }
    };
    auto const done = exchange([&](redis_connection& from) -> result<void> {
        found.clear();
        std::string cursor = "0";
        do {
            from.add({"ZSCAN", times_, cursor, "COUNT", "1000"});
            auto const reply = from.answer();
            if (!reply) {
                return reply.error();
            }
            auto const parts = elements_of(**reply);
            cursor = parts.size() == 2 ? std::string{text_of(*parts[0])} : "0";
            auto const members = parts.size() == 2 ? elements_of(*parts[1]) : std::span<redisReply* const>{};
            for (std::size_t i = 0; i + 1 < members.size(); i += 2) {
                take(text_of(*members[i]), number_of(text_of(*members[i + 1])));
            }
        } while (cursor != "0");
        return {};
    });
    return done ? result<std::vector<entry>>{std::move(found)} : done.error();
}

result<std::vector<redis_store::entry>> redis_store::drop(std::vector<entry> const& old, double cutoff,
                                                          chunk_counts& removed) {
    std::vector<entry> stay;
    for (std::size_t begin = 0; begin < old.size(); begin += run_of_members) {
        auto const some = std::span{old}.subspan(begin, std::min(run_of_members, old.size() - begin));
        std::vector<std::string> words{std::to_string(some.size() + 1), times_};
        for (entry const& each : some) {
            words.push_back(key_of(each.kind, each.digest));
        }
        words.push_back(std::to_string(static_cast<std::int64_t>(cutoff)));
        for (entry const& each : some) {
            words.push_back(member_of(each.kind, each.digest));
        }
        auto const done = exchange([&](redis_connection& to) -> result<void> {
            to.add({"EVAL", drop_script}, words);
            auto const reply = to.answer();
            if (!reply) {
                return reply.error();
            }
            auto const sizes = elements_of(**reply);
            for (std::size_t i = 0; i < some.size(); ++i) {
                long long const size = i < sizes.size() ? sizes[i]->integer : -1;
                if (size < 0) {
                    stay.push_back(some[i]);
                    continue;
                }
                (some[i].kind == kept_kind::chunk ? removed.chunks : removed.objects) += 1;
                removed.bytes += static_cast<std::uint64_t>(size);
            }
            return {};
        });
        if (!done) {
            return done.error();
        }
    }
    return stay;
}

result<chunk_counts> redis_store::collect(std::span<chunk_digest const> live, duration age) {
    auto const present = now();
    if (!present) {
        return present.error();
    }
    auto const all = entries();
    if (!all) {
        return all.error();
    }
    double const cutoff = *present - static_cast<double>(std::chrono::floor<std::chrono::microseconds>(age).count());
    digest_set const living{live};
    std::vector<entry> old;
    std::vector<entry> kept;
    for (entry const& each : *all) {
        if (each.kind == kept_kind::object) {
            (each.time <= cutoff && !living.contains(each.digest) ? old : kept).push_back(each);
        }
    }
    chunk_counts removed;
    auto const marked = drop(old, cutoff, removed); // those that were put again meanwhile
    if (!marked) {
        return marked.error();
    }
    kept.insert(kept.end(), marked->begin(), marked->end());
    digest_set named;
    for (entry const& each : kept) {
        auto const found = find_list(each.digest);
        if (!found) {
            return found.error();
        }
        if (found->list) { // a damaged one names nothing: nobody can get it
            named.add_chunks_of(*found->list);
        }
    }
    named.sort();
    old.clear();
    std::ranges::copy_if(*all, std::back_inserter(old), [&](entry const& each) {
        return each.kind == kept_kind::chunk && each.time <= cutoff && !named.contains(each.digest);
    });
    auto const rest = drop(old, cutoff, removed);
    return rest ? result<chunk_counts>{removed} : rest.error();
}

result<void> redis_store::remove_all() {
    auto all = entries();
    if (!all) {
        return all.error();
    }
    // The objects first: whoever reads meanwhile finds nothing rather than half of something.
    std::ranges::sort(*all, std::ranges::greater{}, &entry::kind);
    chunk_counts ignored;
    auto const rest = drop(*all, end_of_time, ignored);
    return rest ? result<void>{} : rest.error();
}

result<chunk_counts> redis_store::usage() {
    auto const all = entries();
    if (!all) {
        return all.error();
    }
    chunk_counts found;
    auto const done = exchange([&](redis_connection& from) -> result<void> {
        found = {};
        for (std::size_t begin = 0; begin < all->size(); begin += run_of_members) {
            auto const some = std::span{*all}.subspan(begin, std::min(run_of_members, all->size() - begin));
            std::ranges::for_each(some, [&](entry const& e) { from.add({"STRLEN", key_of(e.kind, e.digest)}); });
            for (entry const& each : some) {
                auto const size = from.number();
                if (!size) {
                    return size.error();
                }
                // One without bytes was marked, and its value has not come.
                std::uint64_t const count = *size > 0 ? 1 : 0;
                (each.kind == kept_kind::chunk ? found.chunks : found.objects) += count;
                found.bytes += static_cast<std::uint64_t>(*size);
            }
        }
        return {};
    });
    return done ? result<chunk_counts>{found} : done.error();
}

} // namespace hpcsched::notebook_host
