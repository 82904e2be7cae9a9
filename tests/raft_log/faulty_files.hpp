// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_LOG_FAULTY_FILES_HPP
#define HPCSCHED_TESTS_RAFT_LOG_FAULTY_FILES_HPP

#include <hpcsched/core/random.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include "files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hpcsched::test {

using raft_log::detail::file;
using raft_log::detail::file_system;
using raft_log::detail::open_mode;

/// A disk with a page cache, in memory. Fault model:
///
/// * A crash of the machine keeps what was synced. Of other writes any sectors of 512 bytes survive, one of them in
///   part, in no order; of changes of names, some prefix since the directory was last synced.
/// * A crash of the process keeps what was written.
/// * While it is full, files do not grow and none is made.
/// * The k-th operation fails as one is told: a write may have done a part of its work. After a sync that failed, the
///   cache still shows what was written, a later sync succeeds, and the disk never gets it.
///
/// Handles of a process that crashed do nothing any more.
class faulty_disk {
  public:
    std::uint64_t operations = 0; ///< so far
    std::uint64_t fail_at = 0;    ///< the operation that fails; 0: none
    bool dies = false;            ///< the process ends with it, instead
    int fail_with = EIO;
    bool full = false;
    std::string failed{}; ///< what it was

    /// The process ends in the middle of one of the next operations.
    void die_within(std::uint64_t count) {
        dies = true;
        failed.clear();
        fail_at = operations + count;
    }

    /// Whether this operation is to fail.
    [[nodiscard]] bool fails(std::string const& what) {
        ++operations;
        if (operations != fail_at) {
            return false;
        }
        failed = what;
        process += dies ? 1U : 0U;
        return true;
    }

    struct change {
        bool resizes = false;
        std::uint64_t at = 0; ///< or the size
        std::vector<std::byte> bytes{};
    };
    struct content {
        std::vector<std::byte> durable;
        std::vector<std::byte> cached;
        std::vector<change> pending;
    };
    using names = std::map<std::string, std::shared_ptr<content>>;

    names now;                  ///< as the process sees them
    std::vector<names> history; ///< since the directory was synced, beginning with what is durable
    std::uint64_t process = 0;
    std::uint64_t next_salt = 1;

    faulty_disk() { history.push_back(now); }

    void changed_names() { history.push_back(now); }

    static void apply(std::vector<std::byte>& to, change const& c) {
        if (c.resizes) {
            to.resize(static_cast<std::size_t>(c.at));
            return;
        }
        to.resize(std::max<std::size_t>(to.size(), static_cast<std::size_t>(c.at) + c.bytes.size()));
        std::ranges::copy(c.bytes, to.begin() + static_cast<std::ptrdiff_t>(c.at));
    }

    void kill_process() { ++process; }

    /// \param draw  a number from 0 to its argument
    void crash_machine(std::function<std::uint64_t(std::uint64_t)> const& draw) {
        kill_process();
        now = history[static_cast<std::size_t>(draw(history.size() - 1))];
        history.assign(1, now);
        for (auto& [name, c] : now) {
            std::uint64_t const luck = draw(2); // nothing, some, all
            for (change const& p : c->pending) {
                survive(*c, p, luck, draw);
            }
            c->pending.clear();
            c->cached = c->durable;
        }
    }

  private:
    static void survive(content& c, change const& p, std::uint64_t luck,
                        std::function<std::uint64_t(std::uint64_t)> const& draw) {
        if (luck == 2 || (p.resizes && luck == 1 && draw(1) == 0)) {
            apply(c.durable, p);
        }
        if (luck != 1 || p.resizes) {
            return;
        }
        for (std::size_t from = 0; from < p.bytes.size();) {
            std::size_t const sector = std::min<std::size_t>(512 - (p.at + from) % 512, p.bytes.size() - from);
            std::size_t const kept = draw(9) == 0 ? draw(sector) : (draw(1) == 0 ? sector : 0);
            auto const begin = p.bytes.begin() + static_cast<std::ptrdiff_t>(from);
            if (kept > 0) {
                apply(c.durable, {false, p.at + from, {begin, begin + static_cast<std::ptrdiff_t>(kept)}});
            }
            from += sector;
        }
    }
};

class faulty_file final : public file {
  public:
    faulty_file(std::shared_ptr<faulty_disk> disk, std::shared_ptr<faulty_disk::content> content, std::string name)
        : disk_{std::move(disk)}, content_{std::move(content)}, name_{std::move(name)}, process_{disk_->process} {}

    result<void> allocate(std::uint64_t size) override { return resize("allocate", std::max(size, content_size())); }
    result<void> truncate(std::uint64_t size) override { return resize("cut", size); }

    result<void> write(std::uint64_t offset, std::span<std::byte const> bytes) override {
        if (gone()) {
            return failed("write", ESRCH);
        }
        if (disk_->full && offset + bytes.size() > content_size()) {
            return failed("write", ENOSPC);
        }
        bool const fails = disk_->fails("write " + name_);
        put({false,
             offset,
             {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / (fails ? 2 : 1))}});
        return fails ? result<void>{failed("write", disk_->fail_with)} : result<void>{};
    }

    result<std::size_t> read(std::uint64_t offset, std::span<std::byte> bytes) const override {
        auto const& from = content_->cached;
        if (gone() || offset >= from.size()) {
            return std::size_t{0};
        }
        std::size_t const count = std::min<std::size_t>(bytes.size(), from.size() - static_cast<std::size_t>(offset));
        std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(offset), count, bytes.begin());
        return count;
    }

    result<void> sync() override {
        if (gone()) {
            return failed("make durable", ESRCH);
        }
        bool const fails = disk_->fails("sync " + name_);
        if (!fails) {
            for (auto const& c : content_->pending) {
                faulty_disk::apply(content_->durable, c);
            }
        }
        if (!fails || !disk_->dies) { // what was under way when the process ended may still come to the disk
            content_->pending.clear();
        }
        return fails ? result<void>{failed("make durable", disk_->fail_with)} : result<void>{};
    }

    result<std::uint64_t> size() const override { return content_size(); }

    error failed(char const* what, int number) const override {
        return error{"cannot " + std::string{what} + " '" + name_ +
                     "': " + std::error_code{number, std::generic_category()}.message()};
    }

  private:
    [[nodiscard]] bool gone() const { return process_ != disk_->process; }
    [[nodiscard]] std::uint64_t content_size() const { return content_->cached.size(); }
    void put(faulty_disk::change c) {
        faulty_disk::apply(content_->cached, c);
        content_->pending.push_back(std::move(c));
    }
    result<void> resize(char const* what, std::uint64_t size) {
        if (disk_->full && size > content_size()) {
            return failed(what, ENOSPC);
        }
        if (gone() || disk_->fails(std::string{what} + " " + name_)) {
            return failed(what, gone() ? ESRCH : disk_->fail_with);
        }
        put({true, size, {}});
        return {};
    }

    std::shared_ptr<faulty_disk> disk_;
    std::shared_ptr<faulty_disk::content> content_;
    std::string name_;
    std::uint64_t process_;
};

class faulty_files final : public file_system {
  public:
    explicit faulty_files(std::shared_ptr<faulty_disk> disk) : disk_{std::move(disk)}, process_{disk_->process} {}

    result<std::unique_ptr<file>> open(std::string const& name, open_mode mode, bool /*direct*/) override {
        if (auto possible = may("open " + name, name, mode != open_mode::read); !possible) {
            return possible.error();
        }
        auto at = disk_->now.find(name);
        if (mode == open_mode::create) {
            if (at == disk_->now.end()) {
                if (disk_->full) {
                    return error{"cannot make '" + name +
                                 "': " + std::error_code{ENOSPC, std::generic_category()}.message()};
                }
                at = disk_->now.emplace(name, std::make_shared<faulty_disk::content>()).first;
                disk_->changed_names();
            }
            at->second->cached.clear();
            at->second->pending.push_back({true, 0, {}});
        } else if (at == disk_->now.end()) {
            return error{"cannot open '" + name + "': No such file or directory"};
        }
        return std::unique_ptr<file>{std::make_unique<faulty_file>(disk_, at->second, name)};
    }
    result<std::vector<std::string>> list() const override {
        std::vector<std::string> all;
        for (auto const& [name, content] : disk_->now) {
            all.push_back(name);
        }
        return all;
    }
    result<void> rename(std::string const& from, std::string const& to) override {
        if (auto possible = may("rename " + to, to, true); !possible) {
            return possible;
        }
        auto node = disk_->now.extract(from);
        disk_->now[to] = node.mapped();
        disk_->changed_names();
        return {};
    }
    result<void> remove(std::string const& name) override {
        if (auto possible = may("remove " + name, name, true); !possible) {
            return possible;
        }
        disk_->now.erase(name);
        disk_->changed_names();
        return {};
    }
    result<void> sync_directory() override {
        if (auto possible = may("sync the directory", ".", true); !possible) {
            return possible;
        }
        disk_->history.assign(1, disk_->now);
        return {};
    }
    std::string path(std::string const& name) const override { return "disk/" + name; }
    std::uint64_t salt() override { return disk_->next_salt++ * 0x9e37'79b9'7f4a'7c15U; }

  private:
    [[nodiscard]] result<void> may(std::string const& what, std::string const& name, bool counts) {
        if (process_ != disk_->process || (counts && disk_->fails(what))) {
            return error{"cannot " + what + " '" + name +
                         "': " + std::error_code{disk_->fail_with, std::generic_category()}.message()};
        }
        return {};
    }

    std::shared_ptr<faulty_disk> disk_;
    std::uint64_t process_;
};

/// Numbers for a test, from its seed.
class dice {
  public:
    explicit dice(std::uint64_t seed) : bits_{seed, "raft_log"} {}
    std::uint64_t operator()(std::uint64_t most) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, most}(bits_);
    }

  private:
    random_stream bits_;
};

} // namespace hpcsched::test

#endif
