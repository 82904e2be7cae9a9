// SPDX-License-Identifier: Apache-2.0

// The log on a real disk (TMPDIR's), entries of 256 bytes, as one group of a server writes them: beside each figure
// what the bare device takes for the same bytes, in a file allocated ahead in the same way, the two by turns.
#include <hpcsched/raft_log/journal.hpp>

#include <benchmark/benchmark.h>

#include "figure.hpp"
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace hpcsched;
using raft_log::flush_mode;

constexpr std::size_t payload_size = 256;
constexpr std::size_t file_bytes = std::size_t{64} << 20U;

template <class Value>
Value or_abort(result<Value>&& outcome) {
    if (!outcome) {
        std::cerr << outcome.error().message << '\n';
        std::abort();
    }
    if constexpr (!std::is_void_v<Value>) {
        return std::move(*outcome);
    }
}

class folder {
  public:
    folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "hpcsched-bench-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    folder(folder const&) = delete;
    folder& operator=(folder const&) = delete;
    ~folder() { std::filesystem::remove_all(path_); }
    [[nodiscard]] std::filesystem::path const& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

/// A log with one group.
class our_log {
  public:
    our_log(flush_mode mode, bool sync)
        : journal_{or_abort(raft_log::journal::open(
              {.directory = folder_.path(), .segment_bytes = file_bytes, .sync = sync, .flush = mode}))},
          log_{or_abort(journal_.open_group(raft::group_id{1}, founders()))} {}

    /// Adds entries and waits until they are durable.
    void append(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            ++index_;
            raft::entry const e{index_, 1, raft::entry_kind::command, payload_};
            raft::log_write w{.number = ++number_, .state = {1, raft::node_id{1}}, .first_index = index_};
            w.entries = {std::span{&e, 1}, {}};
            or_abort(log_.write(w));
        }
        or_abort(journal_.flush());
        while (!journal_.idle()) {
            pollfd until{journal_.descriptor(), POLLIN, 0};
            (void)::poll(&until, 1, -1);
            or_abort(journal_.complete());
        }
        if (log_.durable() != number_) {
            std::abort();
        }
        if (index_ % 65536 < count) {
            // As a server does now and then, so that segments go.
            or_abort(log_.save_snapshot({index_, 1, founders(), 1}, std::span{payload_}.first(1), index_ + 1));
        }
    }

    /// Bytes in the file for so many entries of one flush.
    [[nodiscard]] static std::size_t bytes_of(std::size_t count) {
        return (40 + count * (40 + payload_size) + 511) / 512 * 512;
    }

  private:
    static raft::membership founders() {
        std::array const ids{raft::node_id{1}, raft::node_id{2}, raft::node_id{3}};
        return raft::membership{ids};
    }

    folder folder_;
    raft_log::journal journal_;
    raft_log::group_log log_;
    std::array<std::byte, payload_size> payload_{};
    raft::log_index index_ = 0;
    std::uint64_t number_ = 0;
};

/// A file allocated ahead, written from its start to its end.
class bare_file {
  public:
    explicit bare_file(bool sync) : sync_{sync} { next_file(); }
    bare_file(bare_file const&) = delete;
    bare_file& operator=(bare_file const&) = delete;
    ~bare_file() { ::close(file_); }

    void append(std::size_t size) {
        if (at_ + size > file_bytes) {
            next_file();
        }
        if (::pwrite(file_, bytes_.data(), size, static_cast<off_t>(at_)) != static_cast<ssize_t>(size) ||
            (sync_ && ::fdatasync(file_) != 0)) {
            std::abort();
        }
        at_ += size;
    }

  private:
    void next_file() {
        if (file_ >= 0) {
            ::close(file_);
        }
        std::string const path = folder_.path() / "bare";
        ::unlink(path.c_str());
        file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file_ < 0 || ::posix_fallocate(file_, 0, file_bytes) != 0 || ::fsync(file_) != 0) {
            std::abort();
        }
        at_ = 4096;
    }

    folder folder_;
    bool sync_;
    int file_ = -1;
    std::size_t at_ = 0;
    std::vector<std::byte> bytes_ = std::vector<std::byte>(std::size_t{1} << 20U, std::byte{1});
};

flush_mode mode_of(std::int64_t number) {
    return number == 0 ? flush_mode::inline_ : (number == 1 ? flush_mode::thread : flush_mode::io_uring);
}

void bm_append(benchmark::State& state) {
    auto const count = static_cast<std::size_t>(state.range(0));
    our_log log{mode_of(state.range(1)), state.range(2) != 0};
    for (auto _ : state) {
        log.append(count);
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(bm_append)
    ->ArgNames({"entries", "mode", "sync"})
    ->Args({1, 0, 0})
    ->ArgsProduct({{1, 16, 64}, {0, 1, 2}, {1}})
    ->UseRealTime();

void bm_bare(benchmark::State& state) {
    bare_file file{state.range(1) != 0};
    for (auto _ : state) {
        file.append(our_log::bytes_of(static_cast<std::size_t>(state.range(0))));
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(bm_bare)->ArgNames({"entries", "sync"})->Args({1, 0})->ArgsProduct({{1, 16, 64}, {1}})->UseRealTime();

template <class Append>
double microseconds_each(Append&& append, int rounds) {
    auto const start = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) {
        append();
    }
    std::chrono::duration<double, std::micro> const spent = std::chrono::steady_clock::now() - start;
    return spent.count() / rounds;
}

/// The median of several turns: a disk has good and bad moments, and both sides see the same.
struct beside {
    double ours = 0;
    double bare = 0;
};

beside compare(bench::effort how_much, flush_mode mode, bool sync, std::size_t count) {
    bool const smoke = how_much == bench::effort::smoke;
    int const rounds = smoke ? 2 : (sync ? 60 : 20'000);
    our_log log{mode, sync};
    bare_file file{sync};
    std::vector<double> ours;
    std::vector<double> bare;
    for (int turn = 0; turn < (smoke ? 1 : 15); ++turn) {
        ours.push_back(microseconds_each([&] { log.append(count); }, rounds));
        bare.push_back(microseconds_each([&] { file.append(our_log::bytes_of(count)); }, rounds));
    }
    std::ranges::sort(ours);
    std::ranges::sort(bare);
    return {ours[ours.size() / 2], bare[bare.size() / 2]};
}

bench::figure_case const unsynced{"raft_log.append", 4,
                                  "an entry of 256 bytes appended without fdatasync, beside a bare write of its bytes",
                                  [](bench::effort how_much) {
                                      auto const [ours, bare] = compare(how_much, flush_mode::inline_, false, 1);
                                      bench::report({.name = "raft_log.append",
                                                     .value = ours,
                                                     .unit = "us",
                                                     .beside = bare,
                                                     .goal = "none stated (beside: pwrite of the same bytes)",
                                                     .holds = true});
                                  }};

bench::figure_case const synced{
    "raft_log.flush", 4, "entries of 256 bytes made durable, beside pwrite and fdatasync of their bytes",
    [](bench::effort how_much) {
        constexpr std::array names{"inline", "thread", "io_uring"};
        for (std::size_t const count : {std::size_t{1}, std::size_t{16}, std::size_t{64}}) {
            for (std::int64_t mode = 0; mode < 3; ++mode) {
                auto const [ours, bare] = compare(how_much, mode_of(mode), true, count);
                bench::report({.name = "raft_log.flush/" + std::to_string(count) + " entries, " +
                                       names[static_cast<std::size_t>(mode)],
                               .value = ours,
                               .unit = "us a flush",
                               .beside = bare,
                               .goal = count == 64 ? "at most 1.3 times the bare device" : "none stated",
                               .holds = count != 64 || ours <= 1.3 * bare});
            }
        }
    }};

} // namespace
