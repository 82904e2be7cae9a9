// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_NOTEBOOK_SCRIPTED_CLUSTER_HPP
#define HPCSCHED_TESTS_NOTEBOOK_SCRIPTED_CLUSTER_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::notebook {

/// A cluster in which everything that a scheduler asked for happens when the test says so.
template <cluster_scheduler Scheduler>
class scripted_cluster {
  public:
    explicit scripted_cluster(Scheduler scheduler, std::uint32_t devices = 8) : scheduler_{std::move(scheduler)} {
        deliver(cluster_started{gpu::uniform_host(devices)});
    }

    /// Every host that was ordered is up now.
    void bring_up() {
        while (!ordered_.empty()) {
            gpu::host_id const h = *ordered_.begin();
            ordered_.erase(ordered_.begin());
            up_.insert(h);
            deliver(host_ready{h});
        }
    }
    /// A host that nobody ordered is up.
    void add_host(std::uint32_t h, std::optional<gpu::host_info> const& what = {}) {
        up_.insert(gpu::host_id{h});
        deliver(host_ready{gpu::host_id{h}, what});
    }
    /// Every replica and container that was started is ready, what was started because of that too.
    void ready() {
        while (!starting_.empty() || !warming_.empty()) {
            if (!warming_.empty()) {
                gpu::host_id const h = warming_.back();
                warming_.pop_back();
                deliver(container_warm{h});
            } else {
                start_replica const s = starting_.front();
                starting_.erase(starting_.begin());
                deliver(replica_ready{s.kernel, s.replica});
            }
        }
    }
    void open(std::uint32_t k, std::uint32_t gpus, std::uint32_t tenant = 0) {
        deliver(session_opened{kernel_id{k}, gpus, tenant});
    }
    void close(std::uint32_t k) { deliver(session_closed{kernel_id{k}}); }
    void submit(std::uint32_t k, std::uint32_t gpus) {
        deliver(cell_submitted{kernel_id{k}, cells_[k] = ++last_cell_, gpus});
    }
    /// The cell, which waits, is not wanted any more.
    void withdraw(std::uint32_t k) { deliver(cell_withdrawn{kernel_id{k}, cells_[k]}); }
    void finish(std::uint32_t k) {
        running_.erase(k);
        deliver(cell_finished{kernel_id{k}, cells_[k]});
    }
    void lose(gpu::host_id h) {
        up_.erase(h);
        std::erase_if(running_, [h](auto const& r) { return r.second == h; });
        std::erase_if(starting_, [h](start_replica const& s) { return s.host == h; });
        std::erase(warming_, h);
        deliver(host_lost{h});
    }
    void drain(gpu::host_id h, bool draining = true) { deliver(host_draining{h, draining}); }
    /// Time passes, and what is due happens.
    void pass(duration length) {
        time_point const until = now_ + length;
        while (wake_ <= until) {
            now_ = std::max(now_, wake_);
            wake_ = never;
            deliver(scheduler_woken{});
        }
        now_ = until;
    }

    [[nodiscard]] Scheduler const& scheduler() const noexcept { return scheduler_; }
    [[nodiscard]] time_point now() const noexcept { return now_; }
    /// Every cell that was told to run, in order.
    [[nodiscard]] std::vector<run_cell> const& runs() const noexcept { return runs_; }
    [[nodiscard]] std::set<gpu::host_id> const& up() const noexcept { return up_; }
    [[nodiscard]] std::size_t ordered_count() const noexcept { return ordered_.size(); }
    [[nodiscard]] std::size_t host_count() const noexcept { return up_.size() + ordered_.size(); }
    [[nodiscard]] std::size_t released_count() const noexcept { return released_; }
    [[nodiscard]] std::size_t started_count() const noexcept { return started_; }
    [[nodiscard]] std::size_t busy_hosts() const {
        std::set<gpu::host_id> busy;
        for (auto const& [k, h] : running_) {
            busy.insert(h);
        }
        return busy.size();
    }
    /// The hosts where a kernel lives.
    [[nodiscard]] std::set<gpu::host_id> replicas(std::uint32_t k) const {
        std::set<gpu::host_id> hosts;
        for (replica const& r : scheduler_.state().kernel(kernel_id{k}).replicas) {
            hosts.insert(r.host);
        }
        return hosts;
    }

  private:
    template <class Event>
    void deliver(Event const& e) {
        cluster_command_buffer out;
        scheduler_.handle(e, now_, out);
        for (cluster_command const& c : out.items()) {
            std::visit([this](auto const& one) { obey(one); }, c);
        }
    }

    void obey(provision_host const& c) { ordered_.insert(c.host); }
    void obey(release_host const& c) {
        up_.erase(c.host);
        std::erase(warming_, c.host);
        ++released_;
    }
    void obey(prewarm const& c) { warming_.push_back(c.host); }
    void obey(start_replica const& c) {
        starting_.push_back(c);
        ++started_;
    }
    void obey(stop_replica const& c) {
        std::erase_if(starting_,
                      [&](start_replica const& s) { return s.kernel == c.kernel && s.replica == c.replica; });
    }
    void obey(run_cell const& c) {
        runs_.push_back(c);
        running_[c.kernel.value] = c.host;
    }
    void obey(wake_at const& c) { wake_ = c.at; }

    Scheduler scheduler_;
    time_point now_{};
    time_point wake_ = never;
    std::set<gpu::host_id> ordered_;
    std::set<gpu::host_id> up_;
    std::vector<gpu::host_id> warming_;
    std::vector<start_replica> starting_;
    std::vector<run_cell> runs_;
    std::map<std::uint32_t, gpu::host_id> running_;
    std::map<std::uint32_t, cell_number> cells_;
    cell_number last_cell_ = 0;
    std::size_t released_ = 0;
    std::size_t started_ = 0;
};

} // namespace hpcsched::notebook

#endif
