// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/key_value_store.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/raft_asio/client.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>

#include "failure.hpp"
#include "raft_bench.hpp"
#include "raft_bench_cluster.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::cli {
namespace {

using namespace std::chrono_literals;
using raft_asio::event_loop;
using store = raft::key_value_store;
using machine = raft::sessions<store>;

constexpr raft::group_id measured_group{1};
constexpr duration patience = 30s;

/// Sessions that count: each adds 1 to a number of its own, waits for the answer, and adds again. What was acknowledged
/// is known, so in the end it can be compared with what the cluster holds.
class counting_load {
  public:
    counting_load(raft_asio::client& through, std::size_t sessions) : client_{&through}, sessions_(sessions) {}

    void start() {
        for (std::size_t i = 0; i < sessions_.size(); ++i) {
            client_->submit({.kind = raft_asio::request_kind::open_session, .group = measured_group}, patience,
                            [this, i](result<raft_asio::response> const& answer) {
                                if (answer && answer->payload.size() == 8) {
                                    sessions_[i].client = byte_reader{answer->payload}.word();
                                    add(i);
                                } else {
                                    broken_ = true;
                                }
                            });
        }
    }
    void stop() { stopped_ = true; }

    [[nodiscard]] bool idle() const noexcept { return waiting_ == 0; }
    [[nodiscard]] bool broken() const noexcept { return broken_; }
    [[nodiscard]] std::uint64_t acknowledged() const noexcept { return acknowledged_; }
    [[nodiscard]] std::vector<time_point> const& times() const noexcept { return times_; }
    void forget_times() { times_.assign(times_.empty() ? 0 : 1, times_.empty() ? time_point{} : times_.back()); }

    struct session {
        std::uint64_t client = 0;
        std::uint64_t sequence = 0;
        std::uint64_t acknowledged = 0;
    };
    [[nodiscard]] std::vector<session> const& sessions() const noexcept { return sessions_; }
    static std::string key(std::size_t i) { return "count-" + std::to_string(i); }

  private:
    void add(std::size_t i) {
        if (stopped_) {
            return;
        }
        raft::byte_buffer inner;
        store::add(key(i), 1, inner);
        raft::byte_buffer command;
        machine::encode({sessions_[i].client, ++sessions_[i].sequence}, inner, command);
        ++waiting_;
        client_->submit({.group = measured_group, .payload = command}, patience,
                        [this, i](result<raft_asio::response> const& answer) {
                            --waiting_;
                            bool const done =
                                answer && !answer->payload.empty() &&
                                answer->payload.front() == static_cast<std::byte>(machine::session_reply::done);
                            if (!done) {
                                broken_ = true; // a session in which one command ends unknown cannot be judged
                                return;
                            }
                            ++sessions_[i].acknowledged;
                            ++acknowledged_;
                            times_.push_back(event_loop::now());
                            add(i);
                        });
    }

    raft_asio::client* client_;
    std::vector<session> sessions_;
    std::vector<time_point> times_;
    std::uint64_t acknowledged_ = 0;
    std::size_t waiting_ = 0;
    bool stopped_ = false;
    bool broken_ = false;
};

/// The longest time between two acknowledgements.
std::int64_t longest_gap(std::vector<time_point> const& times) {
    std::int64_t longest = 0;
    for (std::size_t i = 1; i < times.size(); ++i) {
        longest = std::max(longest, (times[i] - times[i - 1]).count());
    }
    return longest;
}

class failover_campaign {
  public:
    failover_campaign(load_settings const& s, std::size_t kills)
        : settings_{&s}, kills_{kills}, folder_{s.folder}, children_{3, folder_.path(), s.node_options},
          client_{or_fail(raft_asio::client::connect(loop_, client_config(children_)), exit_code::failure)},
          load_{client_, sessions} {}

    failover_result run() {
        for (std::uint32_t id = 1; id <= 3; ++id) {
            children_.start(id);
        }
        load_.start();
        await(1000, "the first thousand commands");
        failover_result r{.kills = kills_};
        for (std::size_t i = 0; i < kills_; ++i) {
            settings_->progress(std::to_string(i) + " of " + std::to_string(kills_) + " leaders killed, " +
                                std::to_string(load_.acknowledged()) + " commands acknowledged");
            r.gaps_ns.push_back(kill_once());
        }
        load_.stop();
        if (!loop_.run_until([&] { return load_.idle() || load_.broken(); }, event_loop::now() + patience)) {
            throw failure{exit_code::failure, "the last commands were not answered within 30 s"};
        }
        judge(r);
        return r;
    }

  private:
    static constexpr std::size_t sessions = 16;

    static raft_asio::client_config client_config(child_cluster const& children) {
        raft_asio::client_config c;
        c.nodes = children.nodes();
        c.cluster_id = 1;
        c.backoff_max = 20ms;
        return c;
    }

    void pass(duration length) {
        (void)loop_.run_until([&] { return load_.broken(); }, event_loop::now() + length);
        if (load_.broken()) {
            throw failure{exit_code::failure, "a command was not answered within 30 s, or its session is lost"};
        }
    }

    void await(std::uint64_t more, std::string const& what) {
        std::uint64_t const wanted = load_.acknowledged() + more;
        time_point const limit = event_loop::now() + patience;
        while (load_.acknowledged() < wanted) {
            if (event_loop::now() > limit) {
                throw failure{exit_code::failure, what + " did not come within 30 s"};
            }
            pass(2ms);
        }
    }

    // Under load, with all three up to date: the leader goes, another comes, the first comes back.
    std::int64_t kill_once() {
        std::uint32_t const leader = client_.connected_to().value;
        if (leader == 0) {
            throw failure{exit_code::failure, "the client has lost its leader without a kill"};
        }
        load_.forget_times();
        pass(50ms);
        children_.kill(leader);
        await(200, "commands after a leader was killed");
        std::int64_t const gap = longest_gap(load_.times());
        children_.start(leader);
        time_point const limit = event_loop::now() + patience;
        for (std::uint64_t applied = 0, commit = 1; applied < commit;) {
            pass(20ms);
            raft_asio::peer const& back = children_.nodes().at(leader - 1);
            node_status const s = ask_status(back, measured_group, 500ms);
            node_status const l = ask_status(
                children_.nodes().at(client_.connected_to().value == 0 ? leader % 3 : client_.connected_to().value - 1),
                measured_group, 500ms);
            applied = s.answered ? s.applied + 2000 : 0; // under load nobody has everything
            commit = std::max<std::uint64_t>(l.commit, 1);
            if (event_loop::now() > limit) {
                throw failure{exit_code::failure, "a node that came back did not catch up within 30 s"};
            }
        }
        pass(200ms);
        return gap;
    }

    void judge(failover_result& r) {
        r.acknowledged = load_.acknowledged();
        for (std::size_t i = 0; i < load_.sessions().size(); ++i) {
            raft::byte_buffer question;
            store::get(counting_load::key(i), question);
            std::uint64_t held = 0;
            bool answered = false;
            client_.submit({.kind = raft_asio::request_kind::query, .group = measured_group, .payload = question},
                           patience, [&](result<raft_asio::response> const& answer) {
                               answered = answer.has_value();
                               if (answered) {
                                   auto const text = store::decode(answer->payload).value;
                                   std::from_chars(text.data(), text.data() + text.size(), held);
                               }
                           });
            if (!loop_.run_until([&] { return client_.pending() == 0; }, event_loop::now() + patience) || !answered) {
                throw failure{exit_code::failure, "the final state could not be read"};
            }
            std::uint64_t const told = load_.sessions()[i].acknowledged;
            r.lost += told > held ? told - held : 0;
            r.doubled += held > told ? held - told : 0;
        }
    }

    load_settings const* settings_;
    std::size_t kills_;
    scratch_folder folder_;
    child_cluster children_;
    event_loop loop_;
    raft_asio::client client_;
    counting_load load_;
};

} // namespace

failover_result bench_failover(load_settings const& s, std::size_t kills) {
    return failover_campaign{s, kills}.run();
}

} // namespace hpcsched::cli
