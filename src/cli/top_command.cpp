// SPDX-License-Identifier: Apache-2.0
#include "attached.hpp"
#include "commands.hpp"
#include "interrupt.hpp"
#include "status_socket.hpp"
#include "values.hpp"
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>
#include <limits>
#include <string>

namespace hpcsched::cli {
namespace {

constexpr char const* details =
    R"(Of each function: what runs, what has finished, means of CPU time, turnaround (from first sight to the end)
and context switches, and what the agent has learned: the CPU time it expects, slice and rank where it has them.
Of each invocation that runs: its class and slice, its age, the CPU time it has had and the time it did not run.

Examples:
  hpcsched top
  hpcsched top --once
  hpcsched top --json | python3 -m json.tool

Exit status: 0 ended by Ctrl-C, 1 nobody answers, 2 wrong command line.)";

/// The terminal's lines; the table is cut to them.
std::size_t lines_of_terminal() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

/// The other screen of a terminal, without its cursor, as long as this lives.
class whole_screen {
  public:
    whole_screen() { std::cout << "\033[?1049h\033[?25l"; }
    whole_screen(whole_screen const&) = delete;
    whole_screen& operator=(whole_screen const&) = delete;
    ~whole_screen() { std::cout << "\033[?25h\033[?1049l" << std::flush; }
};

exit_code run(arguments const& given) {
    std::string const path = given.one("--socket", default_status_socket());
    duration const period = or_fail(parse_duration(given.one("--every", "1s")), exit_code::usage, "--every: ");
    if (period < std::chrono::milliseconds{100}) {
        throw failure{exit_code::usage, "--every: at least 100ms"};
    }
    auto const report = [&path] { return or_fail(ask(path, "status"), exit_code::failure); };
    if (given.has("--json")) {
        std::cout << report() << '\n';
        return exit_code::success;
    }
    if (given.has("--once") || ::isatty(STDOUT_FILENO) == 0) {
        std::cout << to_table(report(), std::numeric_limits<std::size_t>::max());
        return exit_code::success;
    }
    auto const& interrupted = catch_interrupts();
    std::string last = report(); // before the screen is cleared: who made a mistake sees it
    whole_screen const screen;
    while (!interrupted) {
        std::string table = to_table(last, lines_of_terminal());
        std::string lines;
        for (char const c : table) {
            lines += c == '\n' ? std::string{"\033[K\n"} : std::string{c};
        }
        std::cout << "\033[H" << lines << "\033[J" << std::flush;
        (void)::poll(nullptr, 0, static_cast<int>(to_milliseconds(period))); // ended by a signal
        if (!interrupted) {
            last = report();
        }
    }
    return exit_code::success;
}

} // namespace

command_spec top_command() {
    return {.name = "top",
            .description = "Show what a running hpcsched attach does, live",
            .details = details,
            .options = {{"--every", "DURATION", "how often it is shown anew [default: 1s]"},
                        {"--once", "", "print one table and end; so it does where the output is no terminal"},
                        {"--json", "", "print all figures once, as JSON"},
                        {"--socket", "PATH", "of the attach that is asked [default: " + default_status_socket() + "]",
                         "Options", value_completion::file()}},
            .run = run};
}

} // namespace hpcsched::cli
