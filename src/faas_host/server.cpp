// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas_host/server.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>

#include "client_session.hpp"
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <optional>
#include <string_view>
#include <utility>

namespace hpcsched::faas_host {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

result<tcp::endpoint> parse_address(std::string const& text) {
    auto const wrong = [&] {
        return error{"'" + text + "' is not ADDRESS:PORT: give one such as 127.0.0.1:9000 or [::1]:9000"};
    };
    std::size_t const colon = text.rfind(':');
    if (colon == std::string::npos) {
        return wrong();
    }
    std::string host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    error_code failed;
    auto const address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, failed);
    std::uint16_t port = 0;
    char const* const end = text.data() + text.size();
    auto const parsed = std::from_chars(text.data() + colon + 1, end, port);
    if (failed || parsed.ec != std::errc{} || parsed.ptr != end) {
        return wrong();
    }
    return tcp::endpoint{address, port};
}

/// timeout(1) sends its signal to this process and then to its group. Within this time the two are one wish.
constexpr duration one_wish = std::chrono::milliseconds{500};

/// A worker that closes its standard input while it is written to is no reason to die. Pipes have no flag for that, so
/// the signal is blocked in the thread that writes to them.
class no_broken_pipe {
  public:
    no_broken_pipe() {
        sigemptyset(&signal_);
        sigaddset(&signal_, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &signal_, &before_);
    }
    no_broken_pipe(no_broken_pipe const&) = delete;
    no_broken_pipe& operator=(no_broken_pipe const&) = delete;
    ~no_broken_pipe() {
        timespec const now{};
        while (sigtimedwait(&signal_, nullptr, &now) > 0) {
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

  private:
    sigset_t signal_{};
    sigset_t before_{};
};

/// CPUs that this process, and so its workers, may run on.
double allowed_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    return ::sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

} // namespace

class server::state {
  public:
    state(server_config config, std::unique_ptr<worker_steering> steering)
        : door_{.config = std::move(config)}, steering_{std::move(steering)}, starter_{loop_, steering_ != nullptr},
          acceptor_{loop_}, signals_{loop_}, deadline_{loop_}, look_{loop_}, steering_events_{loop_} {
        door_.status = [this] { return to_json(figures()); };
        door_.on_closed = [this] {
            if (is_full_) {
                is_full_ = false;
                asio::post(loop_, [this] { accept(); });
            }
        };
        door_.on_waiting = [this] { look_after_clients(); };
        boost::uuids::random_generator random;
        door_.id_prefix = boost::uuids::to_string(random()).substr(0, 18); // "xxxxxxxx-xxxx-4xxx"
        if (steering_ && steering_->descriptor() >= 0) {
            steering_events_.assign(::dup(steering_->descriptor()));
        }
    }
    state(state const&) = delete;
    state& operator=(state const&) = delete;

    ~state() {
        door_.on_closed = [] {};
        end_workers();
        door_.functions.clear(); // they have timers and ports in the loop
    }

    /// To be called before functions are added.
    [[nodiscard]] result<void> guard_latency() {
        server_config const& c = door_.config;
        faas::latency_guard_config const config{
            .cpus = c.cpus > 0 ? c.cpus : allowed_cpus(), .risk_level = c.latency_risk, .horizon = c.latency_horizon};
        if (auto valid = validate(config); valid.has_error()) {
            return valid;
        }
        admission_.emplace(config);
        return {};
    }

    [[nodiscard]] result<void> add(function_config config) {
        if (auto valid = validate(config); valid.has_error()) {
            return valid;
        }
        if (door_.functions.contains(config.name)) {
            return error{"function '" + config.name + "' is given twice: names differ"};
        }
        std::string const name = config.name;
        std::string const log = config.log_file;
        auto made = std::make_unique<detail::hosted_function>(std::move(config), place_, steering_.get(),
                                                              admission_ ? &*admission_ : nullptr,
                                                              [this] { end_if_drained(); });
        if (!made->has_log()) {
            return error{"function '" + name + "': cannot write to " + log + ": name a file that can be written to"};
        }
        door_.functions.emplace(name, std::move(made));
        return {};
    }

    [[nodiscard]] result<void> listen() {
        auto const at = parse_address(door_.config.listen);
        if (at.has_error()) {
            return at.error();
        }
        error_code failed;
        acceptor_.open(at->protocol(), failed);
        if (!failed) {
            acceptor_.set_option(asio::socket_base::reuse_address{true}, failed);
        }
        if (!failed) {
            acceptor_.bind(*at, failed);
        }
        if (!failed) {
            acceptor_.listen(4096, failed);
        }
        if (failed) {
            return error{"cannot listen on " + door_.config.listen + ": " + failed.message() +
                         ": give an address of this machine, and a port that is free"};
        }
        return {};
    }

    void run() {
        no_broken_pipe const guard;
        signals_.add(SIGTERM);
        signals_.add(SIGINT);
        await_signal();
        await_steering();
        accept();
        loop_.run();
        end_workers();
        signals_.clear();
    }

    void stop() {
        asio::post(loop_, [this] { drain(); });
    }

    [[nodiscard]] std::string address() const {
        error_code failed;
        auto const at = acceptor_.local_endpoint(failed);
        std::string const host = at.address().to_string();
        return (at.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(at.port());
    }

    [[nodiscard]] host_figures figures() const {
        host_figures all{.policy = steering_ ? steering_->name() : std::string{},
                         .uptime = cpu_linux::now() - since_,
                         .is_draining = door_.is_draining,
                         .connections = door_.connections,
                         .requests = door_.requests,
                         .bad_requests = door_.bad_requests,
                         .memory_limit = starter_.memory_limit(),
                         .process_limit = starter_.process_limit(),
                         .isolation = starter_.isolation()};
        if (admission_) {
            all.latency_risk = admission_->figures();
        }
        for (auto const& [name, function] : door_.functions) {
            all.functions.push_back(function->figures());
        }
        return all;
    }

  private:
    void accept() {
        if (door_.connections >= door_.config.connection_limit) {
            is_full_ = true; // who comes now waits in the kernel's queue
            return;
        }
        acceptor_.async_accept([this](error_code failed, detail::tcp_socket socket) {
            if (failed == asio::error::operation_aborted) {
                return;
            }
            if (failed) { // no descriptors left, as it were: some may be free soon
                deadline_.expires_after(std::chrono::milliseconds{50});
                deadline_.async_wait([this](error_code const& cancelled) {
                    if (!cancelled) {
                        accept();
                    }
                });
                return;
            }
            auto made = std::make_shared<detail::client_session>(std::move(socket), door_);
            sessions_.push_back(made);
            if (sessions_.size() > 2 * door_.connections + 64) {
                std::erase_if(sessions_, [](auto const& each) { return each.expired(); });
            }
            made->hear();
            accept();
        });
    }

    /// After a while, and again as long as somebody waits.
    void look_after_clients() {
        if (std::exchange(is_looking_, true)) {
            return;
        }
        look_.expires_after(std::chrono::milliseconds{50});
        look_.async_wait([this](error_code const& cancelled) {
            if (cancelled) {
                return;
            }
            is_looking_ = false;
            auto const all = std::exchange(door_.waiting, {});
            for (auto const& each : all) {
                if (auto const session = each.lock(); session && session->look_after_client()) {
                    door_.waiting.push_back(each);
                }
            }
            if (!door_.waiting.empty()) {
                look_after_clients();
            }
        });
    }

    void await_signal() {
        signals_.async_wait([this](error_code const& failed, int) {
            if (failed) {
                return;
            }
            if (!door_.is_draining) {
                drain();
            } else if (cpu_linux::now() - draining_since_ > one_wish) {
                loop_.stop();
            }
            await_signal();
        });
    }

    void await_steering() {
        if (!steering_events_.is_open()) {
            return;
        }
        steering_events_.async_wait(asio::posix::descriptor_base::wait_read, [this](error_code const& failed) {
            if (!failed) {
                steering_->work();
                await_steering();
            }
        });
    }

    void drain() {
        if (std::exchange(door_.is_draining, true)) {
            return;
        }
        draining_since_ = cpu_linux::now();
        error_code ignored;
        acceptor_.close(ignored);
        for (auto const& [name, function] : door_.functions) {
            function->drain();
        }
        for (auto const& each : sessions_) {
            if (auto const session = each.lock()) {
                session->close_if_idle();
            }
        }
        deadline_.expires_after(door_.config.drain_limit);
        deadline_.async_wait([this](error_code const& cancelled) {
            if (!cancelled) {
                loop_.stop();
            }
        });
        end_if_drained();
    }

    /// Once nothing runs, what has been answered is still to be sent.
    void end_if_drained() {
        if (!door_.is_draining || !workers_are_gone()) {
            return;
        }
        if (door_.connections == 0) {
            loop_.stop();
            return;
        }
        door_.on_closed = [this] {
            if (door_.connections == 0) {
                loop_.stop();
            }
        };
    }

    [[nodiscard]] bool workers_are_gone() const {
        for (auto const& [name, function] : door_.functions) {
            if (!function->is_drained()) {
                return false;
            }
        }
        return true;
    }

    /// Kills what is left, and waits until it is gone.
    void end_workers() {
        door_.is_draining = true;
        for (auto const& [name, function] : door_.functions) {
            function->drain();
            function->kill_all();
        }
        loop_.restart();
        time_point const limit = cpu_linux::now() + std::chrono::seconds{10};
        while (!workers_are_gone() && cpu_linux::now() < limit) {
            loop_.run_one_for(std::chrono::milliseconds{100});
            loop_.restart();
        }
    }

    std::optional<detail::latency_admission> admission_; ///< nothing: no function has a latency target
    detail::front_door door_;                            ///< the last to go: what the loop still holds refers to it
    std::unique_ptr<worker_steering> steering_;
    asio::io_context loop_{1};
    detail::launcher starter_;
    detail::worker_place place_{.loop = loop_,
                                .starter = starter_,
                                .body_limit = door_.config.body_limit,
                                .program = door_.config.worker_program};
    detail::tcp_acceptor acceptor_;
    asio::signal_set signals_;
    asio::steady_timer deadline_;
    asio::steady_timer look_; ///< after the clients that wait
    bool is_looking_ = false;
    asio::posix::stream_descriptor steering_events_;
    std::vector<std::weak_ptr<detail::client_session>> sessions_; ///< some of them gone
    time_point since_ = cpu_linux::now();
    time_point draining_since_{};
    bool is_full_ = false;
};

server::server(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
server::server(server&&) noexcept = default;
server& server::operator=(server&&) noexcept = default;
server::~server() = default;

result<server> server::open(server_config config, std::vector<function_config> functions,
                            std::unique_ptr<worker_steering> steering) {
    server made{std::make_unique<state>(std::move(config), std::move(steering))};
    bool const is_guarded =
        std::ranges::any_of(functions, [](function_config const& f) { return f.latency_target != unlimited; });
    if (is_guarded) {
        if (auto const guards = made.state_->guard_latency(); guards.has_error()) {
            return guards.error();
        }
    }
    for (function_config& each : functions) {
        if (auto const added = made.state_->add(std::move(each)); added.has_error()) {
            return added.error();
        }
    }
    if (auto const listens = made.state_->listen(); listens.has_error()) {
        return listens.error();
    }
    return made;
}

void server::run() {
    state_->run();
}

void server::stop() {
    state_->stop();
}

std::string server::address() const {
    return state_->address();
}

host_figures server::figures() const {
    return state_->figures();
}

} // namespace hpcsched::faas_host
