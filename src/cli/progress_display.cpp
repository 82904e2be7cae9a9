// SPDX-License-Identifier: Apache-2.0
#include "progress_display.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>

namespace hpcsched::cli {
namespace {

using namespace std::chrono_literals;
constexpr auto redraw_every = 100ms;
constexpr auto first_line_after = 2s;
constexpr auto line_every = 10s;

std::size_t terminal_width() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string clock_text(double seconds) {
    auto const whole = static_cast<long>(seconds + 0.5);
    std::array<char, 40> text{};
    if (whole >= 3600) {
        std::snprintf(text.data(), text.size(), "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    } else {
        std::snprintf(text.data(), text.size(), "%ld:%02ld", whole / 60, whole % 60);
    }
    return text.data();
}

std::string state_text(experiment::grid_progress const& progress, double elapsed_seconds) {
    std::string text = std::to_string(static_cast<int>(progress.work_done * 100)) + " %, " +
                       std::to_string(progress.cells_finished) + " of " + std::to_string(progress.cells_total) +
                       " cells";
    if (progress.cells_reused > 0) {
        text += " (" + std::to_string(progress.cells_reused) + " from before)";
    }
    // The first moments say little about the rest.
    if (progress.work_done > 0.005 && progress.work_done < 1 && elapsed_seconds > 0.5) {
        text += ", ETA " + clock_text(elapsed_seconds * (1 - progress.work_done) / progress.work_done);
    }
    return text;
}

} // namespace

std::string progress_line(experiment::grid_progress const& progress, double elapsed_seconds, std::size_t width) {
    std::string const state = state_text(progress, elapsed_seconds);
    constexpr std::size_t bar_max = 40;
    std::size_t const room = width > state.size() + 4 ? width - state.size() - 4 : 0;
    std::size_t const bar = std::min(bar_max, room);
    if (bar < 8) {
        return state.substr(0, width);
    }
    auto const filled = std::min(bar, static_cast<std::size_t>(progress.work_done * static_cast<double>(bar)));
    return "[" + std::string(filled, '#') + std::string(bar - filled, '.') + "] " + state;
}

progress_display::progress_display(bool quiet) : quiet_{quiet}, is_terminal_{::isatty(STDERR_FILENO) == 1} {
    next_ += is_terminal_ ? redraw_every : std::chrono::milliseconds{first_line_after};
}

progress_display::~progress_display() {
    clear();
}

void progress_display::show(experiment::grid_progress const& progress) {
    auto const now = clock::now();
    if (quiet_ || now < next_) {
        return;
    }
    double const elapsed = std::chrono::duration<double>(now - begin_).count();
    if (is_terminal_) {
        std::cerr << '\r' << progress_line(progress, elapsed, terminal_width() - 1) << "\033[K" << std::flush;
        drawn_ = true;
        next_ = now + redraw_every;
    } else {
        std::cerr << state_text(progress, elapsed) << '\n' << std::flush;
        next_ = now + line_every;
    }
}

void progress_display::clear() {
    if (drawn_) {
        std::cerr << "\r\033[K" << std::flush;
        drawn_ = false;
    }
}

} // namespace hpcsched::cli
