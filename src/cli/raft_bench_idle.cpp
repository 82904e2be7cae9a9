// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_asio/event_loop.hpp>

#include "failure.hpp"
#include "raft_bench.hpp"
#include "raft_bench_cluster.hpp"
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace hpcsched::cli {
namespace {

using namespace std::chrono_literals;
using raft_asio::event_loop;

/// What a process has used so far, and what it holds.
struct usage {
    double cpu_seconds = 0;
    double resident_bytes = 0;
};

usage usage_of(pid_t process) {
    std::string const folder = "/proc/" + std::to_string(process);
    usage u;
    std::ifstream stat{folder + "/stat"};
    std::string text;
    std::getline(stat, text);
    std::istringstream fields{text.substr(std::min(text.rfind(')') + 1, text.size()))};
    std::string skipped;
    for (int i = 3; i < 14; ++i) {
        fields >> skipped;
    }
    double user = 0;
    double system = 0;
    fields >> user >> system;
    u.cpu_seconds = (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    std::ifstream statm{folder + "/statm"};
    double pages = 0;
    statm >> pages >> pages;
    u.resident_bytes = pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
    return u;
}

void wait(duration length) {
    event_loop loop;
    (void)loop.run_until([] { return false; }, event_loop::now() + length);
}

/// Runs a cluster until every group has a leader everywhere, and its processes do nothing any more.
class resting_cluster {
  public:
    resting_cluster(load_settings const& s, std::size_t groups)
        : folder_{s.folder}, children_{3, folder_.path(), options(s, groups)} {
        for (std::uint32_t id = 1; id <= 3; ++id) {
            children_.start(id);
        }
        time_point const begin = event_loop::now();
        time_point const limit = begin + 300s;
        std::size_t led = 0;
        while (led < groups) {
            raft::group_id const next{static_cast<std::uint32_t>(led + 1)};
            bool const all = std::ranges::all_of(children_.nodes(), [&](raft_asio::peer const& p) {
                node_status const st = ask_status(p, next, 1s);
                return st.answered && st.leader != 0 && st.applied > 0;
            });
            // Every hundredth is looked at, and the last: they are alike.
            led = all ? std::min(led + (led + 1 == groups ? 1 : 100), std::max(groups - 1, led + 1)) : led;
            s.progress("group " + std::to_string(led) + " of " + std::to_string(groups) + " has a leader");
            if (event_loop::now() > limit) {
                throw failure{exit_code::failure, "not all groups had a leader within 300 s"};
            }
        }
        while (busiest(500ms) > 0.02) {
            if (event_loop::now() > limit) {
                throw failure{exit_code::failure, "the processes did not come to rest within 300 s"};
            }
        }
        rested_after_ = to_seconds(event_loop::now() - begin);
    }

    [[nodiscard]] double rested_after() const noexcept { return rested_after_; }

    /// The largest share of a core that one of the processes uses over `length`.
    [[nodiscard]] double busiest(duration length) const {
        auto const before = all_usage();
        wait(length);
        auto const after = all_usage();
        double most = 0;
        for (std::size_t i = 0; i < before.size(); ++i) {
            most = std::max(most, (after[i].cpu_seconds - before[i].cpu_seconds) / to_seconds(length));
        }
        return most;
    }

    [[nodiscard]] double resident_bytes() const {
        double most = 0;
        for (usage const& u : all_usage()) {
            most = std::max(most, u.resident_bytes);
        }
        return most;
    }

  private:
    static std::vector<std::string> options(load_settings const& s, std::size_t groups) {
        std::vector<std::string> more = s.node_options;
        more.insert(more.end(), {"--groups", std::to_string(groups), "--quiesce-after", "1s"});
        return more;
    }

    [[nodiscard]] std::vector<usage> all_usage() const {
        return {usage_of(children_.process(1)), usage_of(children_.process(2)), usage_of(children_.process(3))};
    }

    scratch_folder folder_;
    child_cluster children_;
    double rested_after_ = 0;
};

} // namespace

idle_result bench_idle(load_settings const& s, std::size_t groups, duration length) {
    double const alone = resting_cluster{s, 1}.resident_bytes();
    resting_cluster const many{s, groups};
    idle_result r{.groups = groups};
    r.seconds_to_rest = many.rested_after();
    r.cpu_share = many.busiest(length);
    r.bytes_per_group = (many.resident_bytes() - alone) / static_cast<double>(groups);
    return r;
}

} // namespace hpcsched::cli
