// SPDX-License-Identifier: Apache-2.0

// A replicated log in Debian's etcd: appends of 256 bytes from one replica, 1 and 64 in flight, against one member and
// three on the loopback interface, with fsync. For the table beside the embedded Raft: TMPDIR says on which disk.
#include <hpcsched/raft_etcd/etcd_log.hpp>

#include "figure.hpp"
#include "real_etcd.hpp"
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace hpcsched;
using clock_type = std::chrono::steady_clock;

/// Counts; its state is one number.
struct counter {
    void apply(raft::log_index /*index*/, std::span<std::byte const> /*payload*/, raft::byte_buffer& /*reply*/) {
        ++count;
    }
    void save(raft::byte_buffer& out) const { out.assign(1, std::byte{1}); }
    [[nodiscard]] static bool restore(std::span<std::byte const> /*saved*/) { return true; }

    std::uint64_t count = 0;
};

/// Keeps a number of appends in flight.
class load : public raft::silent_log_observer {
  public:
    load(raft_etcd::etcd_log<counter>& log, std::size_t in_flight) : log_{log}, in_flight_{in_flight} {}

    void appended(std::uint64_t token, raft::log_index /*index*/) {
        latencies.push_back(std::chrono::duration<double, std::milli>(clock_type::now() - made_[token]).count());
    }

    void run(clock_type::duration length) {
        std::array<std::byte, 256> payload{};
        auto const start = clock_type::now();
        auto const end = start + length;
        while (clock_type::now() < end || latencies.size() < made_.size()) {
            while (clock_type::now() < end && made_.size() - latencies.size() < in_flight_) {
                made_.push_back(clock_type::now());
                if (!log_.append(made_.size() - 1, payload, time_point{})) {
                    std::fprintf(stderr, "an append is refused: %s\n", log_.failure().c_str());
                    return;
                }
            }
            pollfd watched{log_.descriptor(), POLLIN, 0};
            ::poll(&watched, 1, 1000);
            log_.run(time_point{}, *this);
        }
        seconds = std::chrono::duration<double>(clock_type::now() - start).count();
    }

    std::vector<double> latencies; // in milliseconds
    double seconds = 0;

  private:
    raft_etcd::etcd_log<counter>& log_;
    std::size_t in_flight_;
    std::vector<clock_type::time_point> made_; // by token
};

double percentile(std::vector<double>& sorted, double part) {
    return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

void report_load(bench::effort how_much, raft_etcd::test::real_etcd const& etcd, std::size_t in_flight) {
    raft_etcd::etcd_log_config config;
    config.endpoints = etcd.endpoints();
    config.prefix = "/bench/" + std::to_string(in_flight);
    auto log = raft_etcd::etcd_log<counter>::open(config, {});
    if (!log) {
        std::fprintf(stderr, "%s\n", log.error().message.c_str());
        return;
    }
    bool const smoke = how_much == bench::effort::smoke;
    load(*log, in_flight).run(std::chrono::milliseconds{smoke ? 20 : 1000}); // connections come into being
    std::uint64_t const before = log->machine().count;
    load measured{*log, in_flight};
    measured.run(std::chrono::milliseconds{smoke ? 100 : 8000});
    auto const count = static_cast<double>(measured.latencies.size());
    std::sort(measured.latencies.begin(), measured.latencies.end());
    bool const once = log->machine().count - before == measured.latencies.size() && !measured.latencies.empty();
    if (measured.latencies.empty()) {
        measured.latencies.push_back(0);
    }
    std::string const place = std::to_string(etcd.size()) + (etcd.size() == 1 ? " member, " : " members, ") +
                              std::to_string(in_flight) + " in flight";
    auto const state = [&](char const* what, double value, char const* unit) {
        bench::report({.name = "raft_etcd.append/" + std::string{what} + ", " + place,
                       .value = value,
                       .unit = unit,
                       .goal = "for the table; each append once",
                       .holds = once});
    };
    state("rate", count / measured.seconds, "per second");
    state("p50", percentile(measured.latencies, 0.5), "ms");
    state("p99", percentile(measured.latencies, 0.99), "ms");
}

bench::figure_case const append{"raft_etcd.append", 4,
                                "appends of 256 bytes to a log in Debian's etcd, 1 and 3 members, with fsync",
                                [](bench::effort how_much) {
                                    if (!raft_etcd::test::real_etcd::is_there()) {
                                        std::puts("no etcd on the PATH: apt-get install etcd-server");
                                        return;
                                    }
                                    for (std::size_t const members : {1U, 3U}) {
                                        raft_etcd::test::real_etcd const etcd{members};
                                        report_load(how_much, etcd, 1);
                                        report_load(how_much, etcd, 64);
                                    }
                                }};

} // namespace
