// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu_linux/process.hpp>

#include <boost/asio.hpp>

#include "attached.hpp"
#include "commands.hpp"
#include "metrics.hpp"
#include "status_socket.hpp"
#include "values.hpp"

#include <charconv>
#include <csignal>
#include <fstream>
#include <iostream>
#include <limits>
#include <string>
#include <utility>

namespace hpcsched::cli {
namespace {

namespace asio = boost::asio;

constexpr char const* details =
    R"(Finds processes as they start, names their function by a rule, and runs a policy on them. An invocation is a
process, from its start to its exit. Without --cgroup and --match only those are steered that a platform reports on
the socket, a line each; it answers each line with one:
  PID FUNCTION     the process begins an invocation of the function (and ends the one before)
  PID              its invocation ends, and the process lives on
  status           all figures, as JSON

Where the name of a function comes from (--function):
  cgroup           the control group below --cgroup, its first part   [default with --cgroup]
  command          the program's name                                 [default otherwise]
  env:NAME         an environment variable
  SOURCE=REGEX     the part of it that REGEX (Perl's syntax) matches: its first group in parentheses, or all.
                   A group in the REGEX of --match is taken where --function is not given

Examples:
  hpcsched attach --cgroup /docker                            one function per container
  hpcsched attach --match 'worker.py --function=(\S+)'        named on the command line
  hpcsched attach --match python3 --function env:AWS_LAMBDA_FUNCTION_NAME --policy sfs
  hpcsched attach & echo "$! shell" | nc -NU /run/hpcsched.sock

Ctrl-C ends it and gives every process its own scheduling back; so does a watchdog if it is killed. `hpcsched top`
shows what goes on. Itself, the programs that started it, and process 1 are left alone.

Exit status: 0 ended by Ctrl-C, SIGTERM or --for, 1 failure, 2 wrong command line.)";

/// The process that started `process`; 0: there is none.
cpu_linux::process_id parent_of(cpu_linux::process_id process) {
    std::ifstream file{"/proc/" + std::to_string(process) + "/status"};
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("PPid:")) {
            return static_cast<cpu_linux::process_id>(std::stol(line.substr(5)));
        }
    }
    return 0;
}

cpu_linux::attachment_config config_of(arguments const& given) {
    cpu_linux::attachment_config config;
    if (given.has("--cgroup") || given.has("--match")) {
        config.find = {
            .cgroup = given.one("--cgroup"), .match = given.one("--match"), .function = given.one("--function")};
    } else if (given.has("--function")) {
        throw failure{exit_code::usage, "--function names what --cgroup or --match finds: give one of them"};
    }
    if (given.has("--polling")) {
        config.watch.from = config.steering.kernel.from = cpu_linux::sensor::polling;
    }
    for (auto process = parent_of(cpu_linux::own_process()); process > 1; process = parent_of(process)) {
        config.leave_alone.insert(process);
    }
    return config;
}

/// Steers until it is told to end: one thread, one loop.
class attach_loop {
  public:
    attach_loop(std::unique_ptr<attached> what, std::unique_ptr<metrics_server> metrics)
        : attached_{std::move(what)}, metrics_{std::move(metrics)},
          steering_{loop_, ::dup(attached_->steering_descriptor())}, signals_{loop_, SIGINT, SIGTERM}, end_{loop_},
          second_{loop_} {
        if (attached_->watch_descriptor() >= 0) {
            watch_.emplace(loop_, ::dup(attached_->watch_descriptor()));
        }
    }

    /// \error the socket cannot be had
    result<void> listen(std::string const& path) {
        return socket_.listen(loop_, path, [this](std::string const& line) { return answer(line); });
    }

    void run(std::optional<duration> longest) {
        attached_->work();
        wait_for(steering_);
        if (watch_) {
            wait_for(*watch_);
        }
        signals_.async_wait([this](boost::system::error_code, int) { loop_.stop(); });
        if (longest) {
            end_.expires_after(*longest);
            end_.async_wait([this](boost::system::error_code) { loop_.stop(); });
        }
        if (metrics_) {
            publish();
        }
        loop_.run();
    }

    [[nodiscard]] attach_report report() const { return attached_->report(); }

  private:
    void wait_for(asio::posix::stream_descriptor& descriptor) {
        descriptor.async_wait(asio::posix::descriptor_base::wait_read, [this, &descriptor](auto const& failed) {
            if (!failed) {
                attached_->work();
                wait_for(descriptor);
            }
        });
    }

    void publish() {
        metrics_->publish(attached_->report());
        second_.expires_after(std::chrono::seconds{1});
        second_.async_wait([this](auto const& failed) {
            if (!failed) {
                publish();
            }
        });
    }

    /// To a line on the socket.
    std::string answer(std::string const& line) {
        if (line == "status") {
            return to_json(attached_->report());
        }
        cpu_linux::process_id process = 0;
        auto const number = std::from_chars(line.data(), line.data() + line.size(), process);
        std::string_view rest{number.ptr, line.data() + line.size()};
        bool const is_number = number.ec == std::errc{} && process > 0 && (rest.empty() || rest.front() == ' ');
        if (!is_number) {
            return "error: expected 'PID FUNCTION', 'PID' or 'status'";
        }
        rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
        if (rest.empty()) {
            return attached_->end(process) ? "ok" : "error: process " + std::to_string(process) + " is not steered";
        }
        auto const begun = attached_->begin(process, std::string{rest});
        return begun.has_error() ? "error: " + begun.error().message : "ok";
    }

    asio::io_context loop_{1};
    std::unique_ptr<attached> attached_;
    std::unique_ptr<metrics_server> metrics_;
    asio::posix::stream_descriptor steering_;
    std::optional<asio::posix::stream_descriptor> watch_;
    asio::signal_set signals_;
    asio::steady_timer end_;
    asio::steady_timer second_;
    status_socket socket_;
};

exit_code run(arguments const& given) {
    std::optional<duration> longest;
    if (given.has("--for")) {
        longest = or_fail(parse_duration(given.one("--for")), exit_code::usage, "--for: ");
    }
    cpu_linux::attachment_config const config = config_of(given);
    if (config.find) {
        or_fail(cpu_linux::process_rule::make(*config.find), exit_code::usage, "--");
    }
    std::string const policy = given.one("--policy", "serpt");
    or_fail(check_names(policy, given.one("--backend")), exit_code::usage);
    backend_choice const backend = choose_backend(given.one("--backend"), config);
    std::unique_ptr<metrics_server> metrics; // before the steering, whose thread is urgent: its own are not to be
    if (given.has("--metrics")) {
        metrics = or_fail(metrics_server::start(given.one("--metrics")), exit_code::failure, "--metrics: ");
    }
    std::string const socket = given.one("--socket", default_status_socket());
    attach_loop loop{or_fail(attach(policy, backend.name, config), exit_code::failure), std::move(metrics)};
    or_fail(loop.listen(socket), exit_code::failure, "--socket: ");
    bool const quiet = given.has("--quiet");
    if (!quiet) {
        attach_report const begin = loop.report();
        std::cerr << "hpcsched attach: " << begin.policy << " by " << begin.backend << ", sensor " << begin.sensor
                  << "; socket " << socket
                  << (given.has("--metrics") ? "; http://" + given.one("--metrics") + "/metrics" : std::string{})
                  << "; Ctrl-C ends it\n";
        if (!backend.remark.empty()) {
            std::cerr << "hpcsched attach: " << backend.remark << '\n';
        }
    }
    loop.run(longest);
    if (!quiet) {
        std::cout << to_table(to_json(loop.report()), std::numeric_limits<std::size_t>::max());
    }
    return exit_code::success;
}

} // namespace

command_spec attach_command() {
    std::string const rule = "Whom to steer";
    std::string const how = "How";
    return {
        .name = "attach",
        .description = "Steer processes that others start, as a FaaS platform's workers",
        .details = details,
        .options = {{"--cgroup", "PATH", "processes in this control group and below: /docker, or its folder", rule,
                     value_completion::folder()},
                    {"--match", "REGEX", "processes whose command line it matches a part of", rule},
                    {"--function", "SOURCE",
                     "where the name of their function comes from: cgroup, command or env:NAME,\n"
                     "each with =REGEX for a part of it",
                     rule},
                    {"-p,--policy", "NAME", "serpt, sfs, alps, alps-nice, or eevdf: leave all alone [default: serpt]",
                     how, value_completion::one_of(attachable_policies())},
                    {"--backend", "NAME",
                     "realtime_bands, sched_ext, nice_and_slice or cgroup_weights; alps needs sched_ext\n"
                     "[default: the best that works here, and in the groups below --cgroup;\n"
                     "hpcsched run --check tells]",
                     how, value_completion::one_of(attachable_backends())},
                    {"--polling", "", "look at processes periodically, even where BPF works", how},
                    {"--socket", "PATH",
                     "where a platform reports and hpcsched top asks\n[default: " + default_status_socket() + "]", how,
                     value_completion::file()},
                    {"--metrics", "ADDRESS:PORT", "serve Prometheus metrics over HTTP, as on 127.0.0.1:9477", how},
                    {"--for", "DURATION", "end after so long, such as 30s [default: until Ctrl-C]", how},
                    {"-q,--quiet", "", "print neither the line at the start nor the table at the end", how}},
        .run = run};
}

} // namespace hpcsched::cli
