// SPDX-License-Identifier: Apache-2.0
// Real partitions: three nodes, each a process in a network namespace of its own, joined by a bridge; packets are
// dropped by nftables as they arrive, in one direction or both, all or some of them; nodes are killed and started
// again. Meanwhile clients read, write and swap registers. In the end one order must explain all answers.
//
//   raft_asio_partitions [SECONDS [SEED]]
//
// Needs root, or user namespaces, and `ip`, `nft` and `nsenter`; says "skipped: ..." where something is missing.
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft_asio/client.hpp>
#include <hpcsched/raft_sim/dice.hpp>
#include <hpcsched/raft_sim/linearizability.hpp>

#include "register_service.hpp"
#include "temporary_folder.hpp"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hpcsched::raft_asio::test {
namespace {

using namespace std::chrono_literals;
using raft_sim::observed_operation;
using raft_sim::operation;

bool shell(std::string const& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

// Real processes and a real network need real time.
void let_pass(std::uint64_t milliseconds) {
    (void)::poll(nullptr, 0, static_cast<int>(milliseconds));
}

std::string address_of(std::uint32_t node) {
    return "10.99.0." + std::to_string(node);
}

std::vector<peer> all_nodes() {
    std::vector<peer> nodes;
    for (std::uint32_t i = 1; i <= 3; ++i) {
        nodes.push_back({raft::node_id{i}, address_of(i) + ":7000"});
    }
    return nodes;
}

int serve(std::uint32_t self, std::filesystem::path const& folder) {
    event_loop loop;
    auto const made = node<register_service>::open(loop, quick_config(self, all_nodes(), folder),
                                                   [](raft::group_id) { return register_service{asked_registers{}}; });
    if (!made) {
        std::fprintf(stderr, "node %u: %s\n", self, made.error().message.c_str());
        return 1;
    }
    std::vector<raft::node_id> const founders{raft::node_id{1}, raft::node_id{2}, raft::node_id{3}};
    if (!(*made)->open_group(tested_group, founders)) {
        return 1;
    }
    loop.run();
    std::fprintf(stderr, "node %u: %s\n", self, (*made)->failure().c_str());
    return 1;
}

/// A network namespace of its own for this process, so that nothing of the machine is touched. Why not, otherwise.
std::optional<std::string> leave_the_machine() {
    uid_t const user = ::geteuid();
    gid_t const group = ::getegid();
    if (user != 0) {
        if (::unshare(CLONE_NEWUSER) != 0) {
            return "no user namespaces here, and not root";
        }
        std::ofstream{"/proc/self/setgroups"} << "deny";
        std::ofstream{"/proc/self/uid_map"} << "0 " << user << " 1";
        std::ofstream{"/proc/self/gid_map"} << "0 " << group << " 1";
    }
    if (::unshare(CLONE_NEWNET) != 0) {
        return "no network namespaces here";
    }
    for (char const* const tool : {"ip", "nft", "nsenter"}) {
        if (!shell(std::string{"command -v "} + tool)) {
            return std::string{tool} + " is not installed (iproute2, nftables, util-linux)";
        }
    }
    if (!shell("ip link set lo up && ip link add hub type bridge && ip addr add 10.99.0.254/24 dev hub && "
               "ip link set hub up")) {
        return "no bridge here";
    }
    return std::nullopt;
}

/// Three namespaces with a process each, and what can be done to them.
class machines {
  public:
    explicit machines(std::filesystem::path folder) : folder_{std::move(folder)} {
        for (std::uint32_t i = 1; i <= 3; ++i) {
            hold(i);
            start(i);
        }
    }
    machines(machines const&) = delete;
    machines& operator=(machines const&) = delete;
    ~machines() {
        for (std::uint32_t i = 1; i <= 3; ++i) {
            kill(i);
            ::kill(holders_[i], SIGKILL);
            ::waitpid(holders_[i], nullptr, 0);
        }
    }

    void start(std::uint32_t i) {
        pid_t const child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            int const ns = ::open(("/proc/" + std::to_string(holders_[i]) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC);
            if (ns < 0 || ::setns(ns, CLONE_NEWNET) != 0) {
                ::_exit(126);
            }
            std::string id = std::to_string(i);
            std::string folder = folder_.string();
            ::execl("/proc/self/exe", "raft_asio_partitions", "serve", id.c_str(), folder.c_str(), nullptr);
            ::_exit(127);
        }
        running_[i] = child;
    }
    void kill(std::uint32_t i) {
        if (running_[i] > 0) {
            ::kill(running_[i], SIGKILL);
            ::waitpid(running_[i], nullptr, 0);
            running_[i] = 0;
        }
    }
    [[nodiscard]] bool runs(std::uint32_t i) const { return running_.at(i) > 0; }
    /// Whether a process has ended that nobody killed.
    [[nodiscard]] bool one_has_died() {
        return std::ranges::any_of(std::array{1U, 2U, 3U}, [&](std::uint32_t i) {
            return running_[i] > 0 && ::waitpid(running_[i], nullptr, WNOHANG) == running_[i];
        });
    }

    /// What `to` is sent by `from` is dropped as it arrives, from now on.
    bool cut(std::uint32_t from, std::uint32_t to) {
        return inside(to, "nft add rule ip faults arriving ip saddr " + address_of(from) + " drop");
    }
    /// A share of all packets that reach it is.
    bool lose(std::uint32_t at, unsigned percent) {
        return inside(at,
                      "nft add rule ip faults arriving numgen random mod 100 \\< " + std::to_string(percent) + " drop");
    }
    bool heal() { return inside(1, flush_all) && inside(2, flush_all) && inside(3, flush_all); }

  private:
    static constexpr char const* flush_all = "nft flush chain ip faults arriving";

    bool inside(std::uint32_t i, std::string const& command) {
        return shell("nsenter --net=/proc/" + std::to_string(holders_[i]) + "/ns/net " + command);
    }

    // The namespace stays while this child does, whatever becomes of the node.
    void hold(std::uint32_t i) {
        std::array<int, 2> told{};
        if (::pipe(told.data()) != 0) {
            std::abort();
        }
        pid_t const child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            char const good = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
            (void)!::write(told[1], &good, 1);
            for (;;) {
                ::pause();
            }
        }
        char answer = 'n';
        (void)!::read(told[0], &answer, 1);
        ::close(told[0]);
        ::close(told[1]);
        holders_[i] = child;
        std::string const n = std::to_string(i);
        bool const made =
            answer == 'y' &&
            shell("ip link add out" + n + " type veth peer name in" + n + " netns " + std::to_string(child)) &&
            shell("ip link set out" + n + " master hub up") && inside(i, "ip link set lo up") &&
            inside(i, "ip addr add " + address_of(i) + "/24 dev in" + n) && inside(i, "ip link set in" + n + " up") &&
            inside(i, "nft add table ip faults") &&
            inside(i, "nft add chain ip faults arriving '{ type filter hook input priority 0 ; }'");
        if (!made) {
            std::printf("skipped: no veth or nftables in namespaces here\n");
            std::exit(0);
        }
    }

    std::filesystem::path folder_;
    std::array<pid_t, 4> holders_{};
    std::array<pid_t, 4> running_{};
};

/// Reads, writes and swaps, one operation at a time, and writes down what was answered when.
class register_client {
  public:
    register_client(std::uint64_t seed, std::uint64_t number)
        : dice_{seed, "client " + std::to_string(number)}, number_{number},
          client_{client::connect({.nodes = all_nodes(), .cluster_id = 77}).value()} {}

    void run(std::atomic<bool> const& ended) {
        while (!ended) {
            one_operation();
            let_pass(2 + dice_.below(8));
        }
    }
    [[nodiscard]] std::vector<observed_operation> const& history() const noexcept { return history_; }

  private:
    static constexpr duration patience = 20s;

    void one_operation() {
        operation o{.key = dice_.below(6)};
        std::uint64_t const what = dice_.below(10);
        o.what = what < 4   ? operation::kind::read
                 : what < 8 ? operation::kind::write
                            : operation::kind::compare_and_swap;
        o.value = (number_ << 32U) | (history_.size() + 1);
        o.expected = last_seen_[o.key];
        if (o.what != operation::kind::read && session_ == 0 && !open_session()) {
            return;
        }
        observed_operation seen{.what = o, .called = event_loop::now()};
        if (auto const answer = o.what == operation::kind::read ? read(o) : write(o)) {
            seen.returned = event_loop::now();
            seen.answer = *answer;
            last_seen_[o.key] = o.what == operation::kind::write ? o.value : *answer;
        }
        history_.push_back(seen);
    }

    bool open_session() {
        auto const answer = client_.call({.kind = request_kind::open_session, .group = tested_group}, patience);
        if (!answer || answer->payload.size() != 8) {
            return false;
        }
        session_ = byte_reader{answer->payload}.word();
        sequence_ = 0;
        return true;
    }

    std::optional<std::uint64_t> read(operation const& o) {
        raft::byte_buffer question;
        put_word(question, o.key);
        auto const answer =
            client_.call({.kind = request_kind::query, .group = tested_group, .payload = question}, patience);
        if (!answer || answer->payload.size() != 8) {
            return std::nullopt;
        }
        return byte_reader{answer->payload}.word();
    }

    // A session in which one command has an unknown end is given up: what is sent under its next number could be older.
    std::optional<std::uint64_t> write(operation const& o) {
        raft::byte_buffer inner;
        raft_sim::register_machine::encode(o, inner);
        raft::byte_buffer command;
        register_service::encode({session_, ++sequence_}, inner, command);
        auto const answer = client_.call({.group = tested_group, .payload = command}, patience);
        if (!answer || answer->payload.size() != 9) {
            session_ = 0;
            return std::nullopt;
        }
        return byte_reader{answer->payload.subspan(1)}.word();
    }

    raft_sim::dice dice_;
    std::uint64_t number_;
    client client_;
    std::uint64_t session_ = 0;
    std::uint64_t sequence_ = 0;
    std::array<std::uint64_t, 6> last_seen_{};
    std::vector<observed_operation> history_;
};

/// What goes wrong, drawn from the seed.
class trouble {
  public:
    trouble(machines& at, std::uint64_t seed) : at_{&at}, dice_{seed, "faults"} {}

    /// One fault, and its end. False: the tools failed.
    bool once() {
        auto const one = static_cast<std::uint32_t>(1 + dice_.below(3));
        std::uint32_t const next = one % 3 + 1;
        std::uint32_t const other = next % 3 + 1;
        bool good = true;
        switch (dice_.below(6)) {
        case 0: // one node alone
            good = at_->cut(next, one) && at_->cut(other, one) && at_->cut(one, next) && at_->cut(one, other);
            break;
        case 1: // it can speak and does not hear
            good = at_->cut(next, one) && at_->cut(other, one);
            break;
        case 2: // it hears and nobody hears it
            good = at_->cut(one, next) && at_->cut(one, other);
            break;
        case 3: // two that both hear the third
            good = at_->cut(one, next) && at_->cut(next, one);
            break;
        case 4:
            good = at_->lose(one, 40) && at_->lose(next, 20);
            break;
        default:
            at_->kill(one);
            break;
        }
        let_pass(300 + dice_.below(1200));
        if (!at_->runs(one)) {
            at_->start(one);
        }
        good = at_->heal() && good;
        let_pass(dice_.below(600));
        return good;
    }

  private:
    machines* at_;
    raft_sim::dice dice_;
};

int campaign(duration length, std::uint64_t seed) {
    if (auto const why = leave_the_machine()) {
        std::printf("skipped: %s\n", why->c_str());
        return 0;
    }
    hpcsched::test::temporary_folder const folder;
    std::size_t faults = 0;
    std::size_t failed_tools = 0;
    bool died = false;
    std::vector<observed_operation> history;
    {
        machines all{folder.path()};
        std::atomic<bool> ended{false};
        std::vector<std::unique_ptr<register_client>> clients;
        std::vector<std::jthread> threads;
        for (std::uint64_t i = 1; i <= 4; ++i) {
            clients.push_back(std::make_unique<register_client>(seed, i));
        }
        for (auto const& c : clients) {
            threads.emplace_back([&ended, &c] { c->run(ended); });
        }
        trouble faulty{all, seed};
        for (time_point const end = event_loop::now() + length; event_loop::now() < end && !died; ++faults) {
            failed_tools += faulty.once() ? 0U : 1U;
            died = all.one_has_died();
        }
        ended = true;
        threads.clear();
        for (auto const& c : clients) {
            history.insert(history.end(), c->history().begin(), c->history().end());
        }
    }
    auto const unknown = static_cast<std::size_t>(std::ranges::count(history, never, &observed_operation::returned));
    auto const verdict = raft_sim::check_registers(history);
    char const* const said = verdict == raft_sim::verdict::linearizable ? "linearizable"
                             : verdict == raft_sim::verdict::violated   ? "NOT linearizable"
                                                                        : "undecided";
    std::printf("seed %llu: %zu faults, %zu operations, %zu without an answer: %s\n",
                static_cast<unsigned long long>(seed), faults, history.size(), unknown, said);
    if (died) {
        std::printf("a node ended that nobody had killed\n");
    }
    if (failed_tools > 0) {
        std::printf("%zu faults could not be brought about\n", failed_tools);
    }
    bool const enough = history.size() > 20 && faults > 0;
    return verdict == raft_sim::verdict::linearizable && enough && !died && failed_tools == 0 ? 0 : 1;
}

} // namespace
} // namespace hpcsched::raft_asio::test

int main(int count, char** words) {
    using namespace hpcsched::raft_asio::test;
    if (count == 4 && std::string{words[1]} == "serve") {
        return serve(static_cast<std::uint32_t>(std::stoul(words[2])), words[3]);
    }
    auto const seconds = count > 1 ? std::stol(words[1]) : 15;
    return campaign(std::chrono::seconds{seconds}, count > 2 ? std::stoull(words[2]) : 1);
}
