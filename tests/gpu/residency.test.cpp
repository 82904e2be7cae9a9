// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/gpu/residency.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include "death.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace hpcsched;
using gpu::buffer_place;
using gpu::driver_code;
using gpu::memory_side;
using gpu::release_rule;
using gpu::residency;
using gpu::residency_command;
using gpu::residency_config;
using gpu::residency_event;

namespace {

/// "reserve d0", "copy d0 s1 4+4", "dma d0 s1 @0 4+4", "release h0", "finished 0": readable, and whole.
std::string text(residency_command const& c) {
    std::string const side = c.side == memory_side::device ? "d" : "h";
    std::string const name = side + std::to_string(c.buffer);
    std::string const where = " s" + std::to_string(c.slot);
    std::string const range = " " + std::to_string(c.offset) + "+" + std::to_string(c.bytes);
    switch (c.what) {
    case residency_command::kind::reserve:
        return "reserve " + name;
    case residency_command::kind::copy:
        return "copy " + name + where + range;
    case residency_command::kind::transfer:
        return "dma " + name + where + " @" + std::to_string(c.stream) + range;
    case residency_command::kind::release:
        return "release " + name;
    case residency_command::kind::finished:
        return "finished " + std::to_string(static_cast<int>(c.code));
    }
    return "?";
}

/// Tells a plan how its commands went, and says what it commanded.
struct told {
    explicit told(residency p) : plan{std::move(p)} {}

    residency plan;
    buffer<residency_command> out;

    std::vector<std::string> taken() {
        std::vector<std::string> all;
        for (auto const& c : out.items()) {
            all.push_back(text(c));
        }
        out.clear();
        return all;
    }
    std::vector<std::string> start(memory_side to) {
        plan.start(to, out);
        return taken();
    }
    std::vector<std::string> reserved(std::uint32_t buffer, driver_code code = driver_code::done) {
        plan.handle({.what = residency_event::kind::reserved, .buffer = buffer, .code = code}, out);
        return taken();
    }
    std::vector<std::string> copied(std::uint32_t slot, driver_code code = driver_code::done) {
        plan.handle({.what = residency_event::kind::copied, .slot = slot, .code = code}, out);
        return taken();
    }
    std::vector<std::string> moved(std::uint32_t slot, driver_code code = driver_code::done) {
        plan.handle({.what = residency_event::kind::transferred, .slot = slot, .code = code}, out);
        return taken();
    }
};

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("residency: two slots overlap the copy of one chunk with the transfer of another") {
    told t{residency{{.chunk_bytes = 4, .slots = 2, .streams = 2}}};
    t.plan.add(10);
    CHECK(t.start(memory_side::device) == lines{"reserve d0"});
    CHECK(t.reserved(0) == lines{"copy d0 s0 0+4", "copy d0 s1 4+4"});
    CHECK(t.copied(0) == lines{"dma d0 s0 @0 0+4"});
    CHECK(t.copied(1) == lines{"dma d0 s1 @1 4+4"});
    CHECK(t.moved(0) == lines{"copy d0 s0 8+2"}); // beside the transfer of slot 1
    CHECK(t.moved(1).empty());
    CHECK(t.plan.place(0) == buffer_place::host);
    CHECK(t.copied(0) == lines{"dma d0 s0 @0 8+2"});
    CHECK(t.moved(0) == lines{"release h0", "finished 0"});
    CHECK(t.plan.place(0) == buffer_place::device);
    CHECK(t.start(memory_side::host) == lines{"reserve h0"});
    CHECK(t.reserved(0) == lines{"dma h0 s0 @1 0+4", "dma h0 s1 @0 4+4"});
    CHECK(t.moved(1) == lines{"copy h0 s1 4+4"});
    CHECK(t.copied(1) == lines{"dma h0 s1 @1 8+2"});
    CHECK(t.moved(0) == lines{"copy h0 s0 0+4"});
    CHECK(t.moved(1) == lines{"copy h0 s1 8+2"});
    CHECK(t.copied(0).empty());
    CHECK(t.copied(1) == lines{"release d0", "finished 0"});
    CHECK(t.plan.place(0) == buffer_place::host);
}

TEST_CASE("residency: pinned buffers need no copies, and empty ones nothing at all") {
    told t{residency{{.chunk_bytes = 4, .slots = 2, .streams = 1}}};
    t.plan.add(0);
    t.plan.add(5, true);
    CHECK(t.start(memory_side::device) == lines{"reserve d1"});
    CHECK(t.reserved(1) == lines{"dma d1 s0 @0 0+4", "dma d1 s1 @0 4+1"});
    CHECK(t.moved(0).empty());
    CHECK(t.moved(1) == lines{"release h1", "finished 0"});
    CHECK(t.plan.place(0) == buffer_place::device);
    CHECK(t.start(memory_side::device) == lines{"finished 0"}); // all are there
}

TEST_CASE("residency: at the end, a move that fails leaves everything where it was") {
    told t{residency{{.chunk_bytes = 4, .slots = 2, .streams = 1}}};
    t.plan.add(4);
    t.plan.add(8);
    SUBCASE("for want of memory, before anything was moved") {
        CHECK(t.start(memory_side::device) == lines{"reserve d0"});
        CHECK(t.reserved(0) == lines{"reserve d1"});
        CHECK(t.reserved(1, driver_code::no_memory) == lines{"release d0", "finished 3"});
    }
    SUBCASE("for a transfer that fails, after what is under way has ended") {
        t.start(memory_side::device);
        t.reserved(0);
        CHECK(t.reserved(1) == lines{"copy d0 s0 0+4", "copy d1 s1 0+4"});
        t.copied(0);
        CHECK(t.moved(0) == lines{"copy d1 s0 4+4"}); // buffer 0 has arrived, and stays where it was all the same
        CHECK(t.copied(0) == lines{"dma d1 s0 @0 4+4"});
        CHECK(t.moved(0, driver_code::failed).empty());
        CHECK(t.plan.moving());
        CHECK(t.copied(1) == lines{"release d0", "release d1", "finished 10"});
    }
    CHECK(t.plan.place(0) == buffer_place::host);
    CHECK(t.plan.place(1) == buffer_place::host);
    CHECK_FALSE(t.plan.moving());
}

TEST_CASE("residency: as they arrive, a move that fails keeps what has arrived, and another goes on from there") {
    told t{residency{{.chunk_bytes = 4, .slots = 1, .streams = 1, .release = release_rule::as_they_arrive}}};
    t.plan.add(4);
    t.plan.add(8);
    CHECK(t.start(memory_side::device) == lines{"reserve d0"});
    CHECK(t.reserved(0) == lines{"copy d0 s0 0+4"});
    t.copied(0);
    CHECK(t.moved(0) == lines{"release h0", "reserve d1"});
    CHECK(t.reserved(1, driver_code::no_memory) == lines{"finished 3"});
    CHECK(t.plan.place(0) == buffer_place::device);
    CHECK(t.plan.place(1) == buffer_place::host);
    SUBCASE("on") {
        CHECK(t.start(memory_side::device) == lines{"reserve d1"});
        CHECK(t.reserved(1) == lines{"copy d1 s0 0+4"});
    }
    SUBCASE("or back") {
        CHECK(t.start(memory_side::host) == lines{"reserve h0"});
        CHECK(t.reserved(0) == lines{"dma h0 s0 @0 0+4"});
    }
}

TEST_CASE("residency: what was on a device that is lost is lost") {
    told t{residency{{.chunk_bytes = 4, .slots = 2, .streams = 1, .release = release_rule::as_they_arrive}}};
    t.plan.add(4);
    t.plan.add(4);
    t.start(memory_side::device);
    CHECK(t.reserved(0) == lines{"copy d0 s0 0+4", "reserve d1"});
    CHECK(t.reserved(1) == lines{"copy d1 s1 0+4"});
    t.copied(0);
    CHECK(t.moved(0) == lines{"release h0"});
    t.copied(1);
    CHECK(t.plan.place(0) == buffer_place::device);
    auto const last = t.moved(1, driver_code::device_lost);
    CHECK(last == lines{"release d0", "release d1", "finished 5"});
    CHECK(t.plan.place(0) == buffer_place::lost);
    CHECK(t.plan.place(1) == buffer_place::host);
    CHECK(t.start(memory_side::host) == lines{"finished 0"}); // what is lost is not moved any more
}

TEST_CASE("residency: one that is given up ends what is under way and is as before") {
    told t{residency{{.chunk_bytes = 4, .slots = 2, .streams = 1}}};
    t.plan.add(100);
    t.start(memory_side::device);
    t.reserved(0);
    t.plan.cancel(t.out);
    CHECK(t.taken().empty());
    CHECK(t.copied(0).empty());
    CHECK(t.copied(1) == lines{"release d0", "finished 11"});
    CHECK(t.plan.place(0) == buffer_place::host);
    t.plan.cancel(t.out); // nothing to be given up
    CHECK(t.taken().empty());
    CHECK(t.plan.outcome() == driver_code::cancelled);
}

TEST_CASE("residency: events that were not commanded are broken contracts") {
    told t{residency{{.chunk_bytes = 4, .slots = 2, .streams = 1}}};
    t.plan.add(8);
    CHECK(test::run_apart([&] { t.moved(0); }).aborted);
    t.start(memory_side::device);
    CHECK(test::run_apart([&] { t.reserved(1); }).aborted);
    t.reserved(0);
    CHECK(test::run_apart([&] { t.moved(0); }).aborted); // it is being copied
    t.copied(0);
    t.moved(0);
    CHECK(test::run_apart([&] { t.moved(0); }).aborted);
}

namespace {

/// Carries out what a plan commands, in any order and with failures, and keeps a book of each byte beside it.
class world {
  public:
    explicit world(std::uint64_t seed) : bits_{seed, "residency"} {
        config_ = {.chunk_bytes = 1 + below(9),
                   .slots = static_cast<std::uint32_t>(1 + below(6)),
                   .streams = static_cast<std::uint32_t>(1 + below(3)),
                   .release = below(2) == 0 ? release_rule::at_end : release_rule::as_they_arrive};
        plan_ = residency{config_};
        for (std::uint64_t left = below(6); left > 0; --left) {
            std::uint64_t const bytes = below(4) == 0 ? 0 : below(40);
            plan_.add(bytes, below(3) == 0);
            where_.push_back({true, false});
        }
    }

    void run() {
        for (int move = 0; move < 6; ++move) {
            target_ = below(2) == 0 ? memory_side::host : memory_side::device;
            arrived_.assign(where_.size(), std::vector<int>{});
            for (std::uint32_t b = 0; b < where_.size(); ++b) {
                arrived_[b].assign(plan_.bytes(b), 0);
            }
            finished_ = 0;
            troubled_ = below(2) == 0;
            std::vector<buffer_place> const before = places();
            plan_.start(target_, out_);
            take();
            while (!open_.empty() || asked_) {
                answer();
                if (below(200) == 0) {
                    plan_.cancel(out_);
                }
                take();
            }
            REQUIRE(finished_ == 1);
            REQUIRE_FALSE(plan_.moving());
            settle(before);
        }
    }

  private:
    std::uint64_t below(std::uint64_t n) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, n - 1}(bits_);
    }
    std::vector<buffer_place> places() {
        std::vector<buffer_place> all;
        for (std::uint32_t b = 0; b < where_.size(); ++b) {
            all.push_back(plan_.place(b));
        }
        return all;
    }
    driver_code luck() {
        if (!troubled_ || below(30) != 0) {
            return driver_code::done;
        }
        return below(3) == 0 ? driver_code::device_lost : driver_code::failed;
    }

    void take() {
        std::vector<residency_command> const commands{out_.items().begin(), out_.items().end()};
        out_.clear();
        for (residency_command const& c : commands) {
            REQUIRE(finished_ == 0); // nothing comes after it
            switch (c.what) {
            case residency_command::kind::reserve:
                REQUIRE_FALSE(asked_.has_value());
                REQUIRE(c.bytes == plan_.bytes(c.buffer));
                REQUIRE_FALSE(has(c.buffer, target_));
                asked_ = c.buffer;
                break;
            case residency_command::kind::copy:
            case residency_command::kind::transfer:
                begin(c);
                break;
            case residency_command::kind::release:
                REQUIRE(has(c.buffer, c.side));
                has(c.buffer, c.side) = false;
                break;
            case residency_command::kind::finished:
                ++finished_;
                REQUIRE(open_.empty());
                REQUIRE(c.code == plan_.outcome());
                break;
            }
        }
    }
    void begin(residency_command const& c) {
        REQUIRE_FALSE(open_.contains(c.slot));
        REQUIRE(c.slot < config_.slots);
        REQUIRE(c.bytes >= 1);
        REQUIRE(c.bytes <= config_.chunk_bytes);
        REQUIRE(c.offset + c.bytes <= plan_.bytes(c.buffer));
        REQUIRE(has(c.buffer, memory_side::host));
        REQUIRE(has(c.buffer, memory_side::device));
        bool const copies = c.what == residency_command::kind::copy;
        REQUIRE_FALSE((copies && plan_.pinned(c.buffer)));
        bool const second = staged_.contains(c.slot);
        if (second) {
            REQUIRE(staged_.at(c.slot) == std::pair{c.buffer, c.offset});
            staged_.erase(c.slot);
        }
        bool const copy_first = target_ == memory_side::device;
        REQUIRE((plan_.pinned(c.buffer) || second == (copies != copy_first)));
        open_.emplace(c.slot, c);
    }
    void answer() {
        if (asked_) {
            std::uint32_t const b = *std::exchange(asked_, std::nullopt);
            driver_code const code = luck();
            has(b, target_) = code == driver_code::done;
            plan_.handle({.what = residency_event::kind::reserved, .buffer = b, .code = code}, out_);
            return;
        }
        auto at = open_.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(below(open_.size())));
        residency_command const c = at->second;
        open_.erase(at);
        bool const copies = c.what == residency_command::kind::copy;
        driver_code const code = luck();
        bool const last = plan_.pinned(c.buffer) || copies == (target_ == memory_side::host);
        if (code == driver_code::done && last) {
            for (std::uint64_t i = c.offset; i < c.offset + c.bytes; ++i) {
                REQUIRE(++arrived_[c.buffer][i] == 1); // once
            }
        } else if (code == driver_code::done) {
            staged_.emplace(c.slot, std::pair{c.buffer, c.offset});
        }
        plan_.handle({.what = copies ? residency_event::kind::copied : residency_event::kind::transferred,
                      .slot = c.slot,
                      .code = code},
                     out_);
        if (plan_.outcome() != driver_code::done) {
            staged_.clear(); // no second stage is begun any more
        }
    }
    // What holds when a move is over.
    void settle(std::vector<buffer_place> const& before) {
        bool const well = plan_.outcome() == driver_code::done;
        for (std::uint32_t b = 0; b < where_.size(); ++b) {
            buffer_place const now = plan_.place(b);
            bool const whole = std::ranges::find(arrived_[b], 0) == arrived_[b].end();
            if (now == buffer_place::lost) {
                REQUIRE((before[b] == buffer_place::lost || plan_.outcome() == driver_code::device_lost));
                continue;
            }
            memory_side const side = now == buffer_place::host ? memory_side::host : memory_side::device;
            if (plan_.bytes(b) > 0) {
                REQUIRE(has(b, side));
                REQUIRE_FALSE(has(b, gpu::other_side(side)));
            }
            if (now != before[b]) {
                REQUIRE(side == target_);
                REQUIRE(whole);
                REQUIRE((well || config_.release == release_rule::as_they_arrive));
            }
            REQUIRE((!well || side == target_));
        }
    }
    bool& has(std::uint32_t buffer, memory_side side) {
        return side == memory_side::host ? where_.at(buffer).first : where_.at(buffer).second;
    }

    random_stream bits_;
    residency_config config_;
    residency plan_;
    std::vector<std::pair<bool, bool>> where_; // memory on the host, on the device
    memory_side target_{};
    bool troubled_ = false;
    buffer<residency_command> out_;
    std::optional<std::uint32_t> asked_;
    std::map<std::uint32_t, residency_command> open_;
    std::map<std::uint32_t, std::pair<std::uint32_t, std::uint64_t>> staged_;
    std::vector<std::vector<int>> arrived_;
    int finished_ = 0;
};

} // namespace

TEST_CASE("residency: in any order and with any failure, each buffer is whole in one place after each move") {
    for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
        CAPTURE(seed);
        world{seed}.run();
    }
}
