// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_ARRIVAL_SORTER_HPP
#define HPCSCHED_WORKLOAD_ARRIVAL_SORTER_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/workload/merge_heap.hpp>

#include <boost/sort/pdqsort/pdqsort.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace hpcsched::workload {

/// Puts the records of a trace that is not written in order of arrival into that order: equal arrivals keep the
/// order in which they were added.
///
/// Records are collected in runs that fit a processor's cache; a full run is sorted at once, and the runs are merged
/// while records are taken out. So nothing is ever moved twice in memory, a run is given back as soon as it is
/// used up, and a trace that is nearly in order, as one sorted by end of invocation is, costs little more than one
/// that is. Memory: the records themselves and less than two runs.
///
/// \tparam Record  trivially copyable, with a member `arrival` that is ordered by `<`
/// \thread_safety none
template <class Record>
    requires requires(Record const& a) {
        { a.arrival < a.arrival } -> std::convertible_to<bool>;
    }
class arrival_sorter {
  public:
    static constexpr std::size_t run_size = std::size_t{1} << 16U;

    /// \pre nothing was taken out yet
    /// \complexity O(log run_size) amortised, O(1) where the records are in order
    void add(Record const& record) {
        if (runs_.empty() || runs_.back().size() == run_size) {
            close_run();
            HPCSCHED_ASSERT(runs_.size() < std::numeric_limits<std::uint32_t>::max());
            runs_.emplace_back().reserve(run_size);
            in_order_ = true;
        }
        std::vector<Record>& run = runs_.back();
        in_order_ = in_order_ && (run.empty() || !(record.arrival < run.back().arrival));
        run.push_back(record);
    }

    /// Ends the adding.
    void finish() {
        close_run();
        for (std::uint32_t run = 0; run < runs_.size(); ++run) {
            heads_.append({runs_[run].front().arrival, run, 0});
        }
        heads_.order();
    }

    /// Takes out the next record. \return false: there is none left
    /// \pre `finish` was called
    /// \complexity O(log number of runs that overlap)
    [[nodiscard]] bool next(Record& out) {
        if (heads_.empty()) {
            return false;
        }
        head& top = heads_.top();
        std::vector<Record>& run = runs_[top.run];
        out = run[top.position++];
        if (top.position < run.size()) {
            top.arrival = run[top.position].arrival;
            heads_.top_moved_back();
        } else {
            std::vector<Record>{}.swap(run);
            heads_.pop();
        }
        return true;
    }

    /// The smallest arrival that is left.
    /// \pre there is one
    [[nodiscard]] auto first_arrival() noexcept { return heads_.top().arrival; }

    [[nodiscard]] bool empty() const noexcept { return heads_.empty(); }

  private:
    struct head {
        decltype(Record::arrival) arrival;
        std::uint32_t run;
        std::uint32_t position;

        [[nodiscard]] bool before(head const& other) const noexcept {
            return arrival < other.arrival || (!(other.arrival < arrival) && run < other.run);
        }
    };

    struct key {
        decltype(Record::arrival) arrival;
        std::uint32_t position; // in the run, as it was added

        [[nodiscard]] bool before(key const& other) const noexcept {
            return arrival < other.arrival || (!(other.arrival < arrival) && position < other.position);
        }
    };

    /// Sorts the last run by way of its keys: half the bytes of the records or less, and their positions make the
    /// order total, so that a sort that is not stable will do.
    void close_run() {
        if (runs_.empty() || in_order_) {
            return;
        }
        std::vector<Record>& run = runs_.back();
        keys_.clear();
        for (Record const& record : run) {
            keys_.push_back({record.arrival, static_cast<std::uint32_t>(keys_.size())});
        }
        boost::sort::pdqsort(keys_.begin(), keys_.end(), [](key const& a, key const& b) { return a.before(b); });
        unsorted_.assign(run.begin(), run.end());
        for (std::size_t i = 0; i < run.size(); ++i) {
            run[i] = unsorted_[keys_[i].position];
        }
        in_order_ = true;
    }

    std::vector<std::vector<Record>> runs_;
    std::vector<key> keys_;        // of one run, while it is sorted
    std::vector<Record> unsorted_; // a run before it was sorted
    merge_heap<head> heads_;
    bool in_order_ = true; // the last run
};

} // namespace hpcsched::workload

#endif
