// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_CLUSTER_SCHEDULER_HPP
#define HPCSCHED_TESTING_CONFORMANCE_CLUSTER_SCHEDULER_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::testing {

/// What `check_cluster_scheduler` puts a scheduler through.
struct cluster_conformance {
    std::uint64_t seed = 1;
    std::uint32_t step_count = 4000;
    std::uint32_t kernel_max = 24;      ///< open at one time
    std::uint32_t host_devices = 8;     ///< cells need up to so many
    std::uint32_t losses_per_10000 = 0; ///< how often, in steps, a host is lost
};

namespace detail {

/// A cluster that behaves like none, but legally: what was asked for happens when it is drawn, in any order. Keeps what
/// the scheduler may rely on, and says where it relied on more.
class drawn_cluster {
  public:
    using event = std::variant<notebook::host_ready, notebook::host_lost, notebook::container_warm,
                               notebook::session_opened, notebook::session_closed, notebook::cell_submitted,
                               notebook::cell_finished, notebook::replica_ready, notebook::scheduler_woken>;

    explicit drawn_cluster(cluster_conformance const& options) : options_{options}, draws_{options.seed, "cluster"} {}

    [[nodiscard]] time_point now() const noexcept { return now_; }

    void advance(duration by) { now_ += by; }
    void advance() { now_ += duration{static_cast<std::int64_t>(draw(8) == 0 ? 0 : draw(20'000'000'000))}; }

    /// The timer, where it is due.
    [[nodiscard]] std::optional<event> due() {
        if (wake_at_ && *wake_at_ <= now_) {
            wake_at_.reset();
            return notebook::scheduler_woken{};
        }
        return std::nullopt;
    }

    /// Something that users do; nothing, where it cannot.
    [[nodiscard]] std::optional<event> user_event() {
        if (kernels_.size() < options_.kernel_max && draw(6) == 0) {
            notebook::kernel_id const k{next_kernel_++};
            constexpr std::array<std::uint32_t, 4> sizes{1, 1, 4, 8};
            kernels_[k.value].gpus = std::min(sizes[draw(sizes.size())], options_.host_devices);
            return notebook::session_opened{k, kernels_[k.value].gpus, k.value % 3};
        }
        if (kernels_.empty()) {
            return std::nullopt;
        }
        auto const at = std::next(kernels_.begin(), static_cast<std::ptrdiff_t>(draw(kernels_.size())));
        kernel& k = at->second;
        notebook::kernel_id const id{at->first};
        if (k.cell != 0) {
            return std::nullopt;
        }
        if (draw(12) == 0) {
            kernels_.erase(at);
            return notebook::session_closed{id};
        }
        k.cell = ++last_cell_;
        return notebook::cell_submitted{id, k.cell, 1 + static_cast<std::uint32_t>(draw(k.gpus))};
    }

    /// Something that was asked for, and happens now; nothing, where nothing is under way.
    [[nodiscard]] std::optional<event> cluster_event() {
        std::vector<event> possible;
        for (auto const& [id, h] : hosts_) {
            if (!h.up) {
                possible.emplace_back(notebook::host_ready{gpu::host_id{id}});
            } else if (h.warming > 0) {
                possible.emplace_back(notebook::container_warm{gpu::host_id{id}});
            }
        }
        for (auto const& [id, k] : kernels_) {
            for (auto const& [r, where] : k.replicas) {
                if (!where.ready) {
                    possible.emplace_back(notebook::replica_ready{notebook::kernel_id{id}, notebook::replica_id{r}});
                }
            }
            if (k.runs_on) {
                possible.emplace_back(notebook::cell_finished{notebook::kernel_id{id}, k.cell});
            }
        }
        if (possible.empty()) {
            return std::nullopt;
        }
        event const chosen = possible[draw(possible.size())];
        std::visit([this](auto const& e) { happen(e); }, chosen);
        return chosen;
    }

    /// Now and then, a host that is up is lost.
    [[nodiscard]] std::optional<event> loss() {
        if (draw(10'000) >= options_.losses_per_10000) {
            return std::nullopt;
        }
        std::vector<std::uint32_t> up;
        for (auto const& [id, h] : hosts_) {
            if (h.up) {
                up.push_back(id);
            }
        }
        if (up.empty()) {
            return std::nullopt;
        }
        gpu::host_id const lost{up[draw(up.size())]};
        hosts_.erase(lost.value);
        for (auto& [id, k] : kernels_) {
            if (k.runs_on == lost) {
                k.runs_on.reset();
                k.devices = 0;
            }
            std::erase_if(k.replicas, [lost](auto const& r) { return r.second.host == lost; });
        }
        return notebook::host_lost{lost};
    }

    /// Cells that were submitted and are not finished.
    [[nodiscard]] std::size_t cells_left() const {
        return static_cast<std::size_t>(
            std::count_if(kernels_.begin(), kernels_.end(), [](auto const& k) { return k.second.cell != 0; }));
    }

    /// Carries a command out.
    /// \return what is wrong with it; empty: nothing
    [[nodiscard]] std::string obey(notebook::cluster_command const& what) {
        return std::visit([this](auto const& c) { return obey_one(c); }, what);
    }

  private:
    struct place {
        gpu::host_id host{};
        bool ready = false;
    };
    struct kernel {
        std::uint32_t gpus = 1;
        notebook::cell_number cell = 0;
        std::map<std::uint32_t, place> replicas;
        std::optional<gpu::host_id> runs_on;
        gpu::device_mask devices = 0;
    };
    struct host {
        bool up = false;
        std::uint32_t warming = 0;
        std::uint32_t warm = 0;
    };

    [[nodiscard]] std::uint64_t draw(std::uint64_t below) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, below - 1}(draws_);
    }

    void happen(notebook::host_ready const& e) { hosts_[e.host.value].up = true; }
    void happen(notebook::container_warm const& e) {
        --hosts_[e.host.value].warming;
        ++hosts_[e.host.value].warm;
    }
    void happen(notebook::replica_ready const& e) { kernels_[e.kernel.value].replicas[e.replica.value].ready = true; }
    void happen(notebook::cell_finished const& e) {
        kernel& k = kernels_[e.kernel.value];
        k.cell = 0;
        k.runs_on.reset();
        k.devices = 0;
    }
    template <class Other>
    void happen(Other const&) {}

    [[nodiscard]] bool is_up(gpu::host_id h) const {
        auto const at = hosts_.find(h.value);
        return at != hosts_.end() && at->second.up;
    }

    std::string obey_one(notebook::provision_host const& c) {
        return hosts_.emplace(c.host.value, host{}).second ? std::string{} : "that host is there, or comes";
    }
    std::string obey_one(notebook::release_host const& c) {
        if (!is_up(c.host)) {
            return "that host is not up";
        }
        for (auto const& [id, k] : kernels_) {
            for (auto const& [r, where] : k.replicas) {
                if (where.host == c.host) {
                    return "kernel " + std::to_string(id) + " lives there";
                }
            }
        }
        hosts_.erase(c.host.value);
        return {};
    }
    std::string obey_one(notebook::prewarm const& c) {
        if (!is_up(c.host)) {
            return "that host is not up";
        }
        ++hosts_[c.host.value].warming;
        return {};
    }
    std::string obey_one(notebook::start_replica const& c) {
        auto const k = kernels_.find(c.kernel.value);
        if (k == kernels_.end()) {
            return "that session is not open";
        }
        if (!is_up(c.host)) {
            return "that host is not up";
        }
        for (auto const& [r, where] : k->second.replicas) {
            if (where.host == c.host) {
                return "the kernel lives there already";
            }
        }
        host& h = hosts_[c.host.value];
        if (c.warm && h.warm == 0) {
            return "no container waits there";
        }
        h.warm -= c.warm ? 1U : 0U;
        return k->second.replicas.emplace(c.replica.value, place{c.host, false}).second
                   ? std::string{}
                   : "that replica's number was used before";
    }
    std::string obey_one(notebook::stop_replica const& c) {
        auto const k = kernels_.find(c.kernel.value);
        if (k == kernels_.end()) {
            return {}; // its session was closed, which ends them all
        }
        auto const r = k->second.replicas.find(c.replica.value);
        if (r == k->second.replicas.end() || r->second.host != c.host) {
            return "there is no such replica";
        }
        if (k->second.runs_on == c.host) {
            return "a cell runs there";
        }
        k->second.replicas.erase(r);
        return {};
    }
    std::string obey_one(notebook::run_cell const& c) {
        auto const at = kernels_.find(c.kernel.value);
        if (at == kernels_.end() || at->second.cell != c.cell || c.cell == 0) {
            return "that cell was not submitted, or is over";
        }
        kernel& k = at->second;
        auto const r = k.replicas.find(c.replica.value);
        if (r == k.replicas.end() || r->second.host != c.host || !r->second.ready) {
            return "there is no such replica, or it is not ready";
        }
        if (k.runs_on) {
            return "that cell runs already";
        }
        for (auto const& [id, other] : kernels_) {
            if (other.runs_on == c.host && (other.devices & c.devices) != 0) {
                return "kernel " + std::to_string(id) + " has one of these devices";
            }
        }
        if (c.devices == 0 ||
            (options_.host_devices < gpu::device_count_max && (c.devices >> options_.host_devices) != 0)) {
            return "that host has no such devices";
        }
        k.runs_on = c.host;
        k.devices = c.devices;
        return {};
    }
    std::string obey_one(notebook::wake_at const& c) {
        wake_at_ = c.at;
        return c.at >= now_ ? std::string{} : "that time is past";
    }

    cluster_conformance options_;
    random_stream draws_;
    time_point now_{};
    std::map<std::uint32_t, host> hosts_;
    std::map<std::uint32_t, kernel> kernels_; // with an open session
    std::uint32_t next_kernel_ = 0;
    notebook::cell_number last_cell_ = 0;
    std::optional<time_point> wake_at_;
};

} // namespace detail

/// Drives a scheduler through drawn but legal events and checks the rules of `notebook::cluster_scheduler`:
///
/// * deterministic: a second scheduler, made alike, told the same and now and then moved, answers the same;
/// * a cell runs once at a time, on a replica that is ready, with devices that nobody else has; after the loss of its
///   host it runs again;
/// * a host is released only when nothing lives on it, and nothing is asked of a host that is not up;
/// * every cell is served in the end, where the cluster does what it is asked for.
///
/// \param make  called twice; returns schedulers that are equal
/// \return the rules that were broken, with the event: at most 20; empty: none
template <std::invocable Make>
    requires notebook::cluster_scheduler<std::invoke_result_t<Make&>>
[[nodiscard]] std::vector<std::string> check_cluster_scheduler(Make make, cluster_conformance const& options = {}) {
    using scheduler = std::invoke_result_t<Make&>;
    constexpr std::size_t violation_max = 20;
    constexpr std::uint32_t steps_to_settle = 200'000;

    std::vector<std::string> violations;
    detail::drawn_cluster cluster{options};
    scheduler first = make();
    scheduler second = make();
    notebook::cluster_command_buffer commands;
    notebook::cluster_command_buffer second_commands;
    std::uint64_t event_count = 0;

    auto const report = [&](std::string const& what) {
        if (violations.size() < violation_max) {
            violations.push_back("event " + std::to_string(event_count) + ": " + what);
        }
    };
    auto const deliver = [&](auto const& e) {
        ++event_count;
        commands.clear();
        second_commands.clear();
        first.handle(e, cluster.now(), commands);
        if (event_count % 7 == 0) {
            scheduler moved = std::move(second);
            second = std::move(moved);
        }
        second.handle(e, cluster.now(), second_commands);
        if (!std::ranges::equal(commands.items(), second_commands.items())) {
            report("an equal scheduler answers otherwise to equal events");
        }
        for (notebook::cluster_command const& c : commands.items()) {
            if (std::string const wrong = cluster.obey(c); !wrong.empty()) {
                report("command " + std::to_string(c.index()) + ": " + wrong);
            }
        }
    };
    auto const deliver_any = [&](std::optional<detail::drawn_cluster::event> const& e) {
        if (e) {
            std::visit(deliver, *e);
        }
        return e.has_value();
    };

    deliver(notebook::cluster_started{gpu::uniform_host(options.host_devices)});
    for (std::uint32_t step = 0; step < options.step_count; ++step) {
        cluster.advance();
        (void)deliver_any(cluster.due());
        (void)deliver_any(cluster.user_event());
        (void)deliver_any(cluster.cluster_event());
        (void)deliver_any(cluster.cluster_event());
        (void)deliver_any(cluster.loss());
    }
    // Nothing new: what is asked for happens, and time goes on.
    for (std::uint32_t step = 0; cluster.cells_left() > 0 && violations.empty(); ++step) {
        if (step == steps_to_settle) {
            report(std::to_string(cluster.cells_left()) + " cells are never served");
            break;
        }
        if (!deliver_any(cluster.cluster_event())) {
            cluster.advance(std::chrono::seconds{1});
        }
        (void)deliver_any(cluster.due());
    }
    return violations;
}

} // namespace hpcsched::testing

#endif
