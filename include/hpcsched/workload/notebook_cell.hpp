// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_NOTEBOOK_CELL_HPP
#define HPCSCHED_WORKLOAD_NOTEBOOK_CELL_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>

#include <concepts>
#include <cstdint>
#include <vector>

namespace hpcsched::workload {

/// A notebook session, which is one kernel's life: 0 .. session_count - 1, in order of first appearance.
using session_id = dense_id<struct session_tag>;

/// One execution of a cell that needs devices: what a user submits, when, and what it will need.
struct notebook_cell {
    time_point submit{};    ///< since the start of the workload, >= 0
    session_id session{};   ///< its cells run one after another
    duration run{};         ///< how long it computes once it has its devices, > 0
    std::uint32_t gpus = 1; ///< devices it needs while it runs, >= 1

    friend bool operator==(notebook_cell const&, notebook_cell const&) = default;
};

/// One session: what a platform that reserves devices for sessions would have to reserve, and for how long.
struct notebook_session {
    time_point opened{};    ///< the submission of its first cell
    time_point closed{};    ///< the latest of its cells' `submit + run`
    std::uint32_t gpus = 1; ///< the most that one of its cells needs
    std::uint32_t cell_count = 0;

    friend bool operator==(notebook_session const&, notebook_session const&) = default;
};

/// A whole workload of notebooks in memory.
struct notebook_trace {
    std::vector<notebook_session> sessions; ///< by session_id
    std::vector<notebook_cell> cells;       ///< in order of submission, equals in order of sessions

    friend bool operator==(notebook_trace const&, notebook_trace const&) = default;
};

/// A stream of cells in order of submission.
///
/// For a source `s` and a cell `c`:
///
/// | expression  | effect                                                                                       |
/// |-------------|----------------------------------------------------------------------------------------------|
/// | `s.next(c)` | true: `c` holds the next cell; false: the stream has ended, `c` is unspecified; an error:     |
/// |             | what is wrong with the input, and the stream has ended                                       |
///
/// Semantics (not checked by the compiler):
/// 1. Submissions never decrease. Of one session they increase, and cells do not overlap where nothing waits.
/// 2. `run > 0` and `gpus >= 1`.
/// 3. After false or an error, further calls give false.
template <class S>
concept cell_source = requires(S& s, notebook_cell& c) {
    { s.next(c) } -> std::same_as<result<bool>>;
};

} // namespace hpcsched::workload

#endif
