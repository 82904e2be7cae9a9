// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_PROGRESS_DISPLAY_HPP
#define HPCSCHED_CLI_PROGRESS_DISPLAY_HPP

#include <hpcsched/experiment/grid.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace hpcsched::cli {

/// Shows on standard error how far a grid is: a bar that is redrawn on a terminal, otherwise a line now and then once
/// it has taken two seconds.
class progress_display {
  public:
    explicit progress_display(bool quiet);
    progress_display(progress_display const&) = delete;
    progress_display& operator=(progress_display const&) = delete;
    ~progress_display();

    void show(experiment::grid_progress const& progress);

    /// Takes the bar off the terminal.
    void clear();

  private:
    using clock = std::chrono::steady_clock;

    bool quiet_;
    bool is_terminal_;
    bool drawn_ = false;
    clock::time_point begin_ = clock::now();
    clock::time_point next_ = begin_;
};

/// The bar, the share done, the cells and the time left, in at most `width` letters.
[[nodiscard]] std::string progress_line(experiment::grid_progress const& progress, double elapsed_seconds,
                                        std::size_t width);

} // namespace hpcsched::cli

#endif
