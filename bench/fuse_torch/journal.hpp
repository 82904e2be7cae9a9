// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_BENCH_FUSE_TORCH_JOURNAL_HPP
#define HPCSCHED_BENCH_FUSE_TORCH_JOURNAL_HPP

#include "methods.hpp"

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

/// What a campaign has found so far: a line of JSON per cell, and the table of it.
namespace hpcsched::bench {

/// One method on one benchmark from one seed.
struct cell {
    std::string benchmark{};
    std::string method{};
    std::uint64_t seed = 1;
    double budget = 0;     ///< seconds of processor time
    std::string setting{}; ///< all else that it depends on
    method_outcome outcome{};

    [[nodiscard]] bool is_same_as(cell const& other) const {
        return benchmark == other.benchmark && method == other.method && seed == other.seed && budget == other.budget &&
               setting == other.setting;
    }
};

/// Appends a line, which is on disk when this returns.
void append(std::filesystem::path const& file, cell const& done);

/// The cells of a journal; what was cut off in the middle of a line is left out.
[[nodiscard]] std::vector<cell> read_cells(std::filesystem::path const& file);

/// A row per cell, geometric means per method, and what the goals of the issue come to.
void print_table(std::ostream& out, std::vector<cell> const& cells, double tolerated_drop);

} // namespace hpcsched::bench

#endif
