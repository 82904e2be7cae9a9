// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft_asio/client.hpp>
#include <hpcsched/raft_asio/node.hpp>

#include <doctest/doctest.h>

#include "free_ports.hpp"
#include "register_service.hpp"
#include "temporary_folder.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hpcsched::raft_asio::test {
namespace {

using namespace std::chrono_literals;
using raft_sim::operation;
using service_node = node<register_service>;

/// A node on a thread of its own.
class running_node {
  public:
    running_node(node_config const& config, std::span<raft::node_id const> founders, std::uint32_t groups = 1) {
        auto made =
            service_node::open(loop_, config, [](raft::group_id) { return register_service{asked_registers{}}; });
        REQUIRE_MESSAGE(made.has_value(), made.error().message);
        node_ = std::move(*made);
        for (std::uint32_t g = 1; g <= groups; ++g) {
            REQUIRE(node_->open_group(raft::group_id{g}, founders).has_value());
        }
        thread_ = std::jthread{[this] { loop_.run(); }};
    }
    running_node(running_node const&) = delete;
    running_node& operator=(running_node const&) = delete;
    ~running_node() { loop_.stop(); }

    /// Runs `ask(node, promise)` on the node's thread, and waits until it has kept its promise.
    template <class Answer>
    Answer on_its_thread(std::function<void(service_node&, std::promise<Answer>&)> const& ask) {
        std::promise<Answer> promise;
        auto answer = promise.get_future();
        loop_.post([&] { ask(*node_, promise); });
        return answer.get();
    }

  private:
    event_loop loop_;
    std::unique_ptr<service_node> node_;
    std::jthread thread_;
};

/// Nodes on free ports of the loopback interface, each with its log in a folder.
class cluster {
  public:
    explicit cluster(std::uint32_t founders = 3, std::uint32_t spares = 0, std::uint32_t groups = 1)
        : groups_{groups}, running_(founders + spares) {
        for (std::uint16_t const port : hpcsched::test::free_ports(founders + spares)) {
            raft::node_id const next{static_cast<std::uint32_t>(all_.size() + 1)};
            all_.push_back({next, "127.0.0.1:" + std::to_string(port)});
        }
        for (std::uint32_t i = 1; i <= founders; ++i) {
            founders_.push_back(raft::node_id{i});
        }
        for (std::uint32_t i = 1; i <= founders; ++i) {
            start(i);
        }
    }

    void start(std::uint32_t id) {
        bool const founder = id <= founders_.size();
        node_config config = quick_config(id, all_, folder_.path());
        config.network.peers.assign(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(founders_.size()));
        running_.at(id - 1) = std::make_unique<running_node>(
            config, founder ? std::span<raft::node_id const>{founders_} : std::span<raft::node_id const>{}, groups_);
    }
    void stop(std::uint32_t id) { running_.at(id - 1).reset(); }
    running_node& at(std::uint32_t id) { return *running_.at(id - 1); }
    [[nodiscard]] std::vector<peer> const& addresses() const { return all_; }

    /// A client that knows these nodes, or all founders.
    [[nodiscard]] client ask(std::vector<std::uint32_t> const& ids = {}) const {
        client_config c;
        c.cluster_id = 77;
        for (std::size_t i = 0; i < founders_.size(); ++i) {
            c.nodes.push_back(all_[i]);
        }
        if (!ids.empty()) {
            c.nodes.clear();
            for (std::uint32_t const id : ids) {
                c.nodes.push_back(all_.at(id - 1));
            }
        }
        return client::connect(c).value();
    }

  private:
    hpcsched::test::temporary_folder folder_;
    std::uint32_t groups_;
    std::vector<peer> all_;
    std::vector<raft::node_id> founders_;
    std::vector<std::unique_ptr<running_node>> running_;
};

constexpr duration patience = 20s;

raft::byte_buffer word(std::uint64_t w) {
    raft::byte_buffer out;
    put_word(out, w);
    return out;
}

/// A client's session: writes, and what its commands are.
struct writer {
    explicit writer(client& through, raft::group_id in = tested_group) : to{&through}, group{in} {
        auto const opened = to->call({.kind = request_kind::open_session, .group = group}, patience);
        REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
        REQUIRE(opened->payload.size() == 8);
        session = byte_reader{opened->payload}.word();
    }

    raft::byte_buffer command(std::uint64_t key, std::uint64_t value) {
        raft::byte_buffer inner;
        raft_sim::register_machine::encode({.what = operation::kind::write, .key = key, .value = value}, inner);
        raft::byte_buffer out;
        register_service::encode({session, ++sequence}, inner, out);
        return out;
    }
    /// What the register held before.
    std::optional<std::uint64_t> write(std::uint64_t key, std::uint64_t value) { return send(command(key, value)); }
    std::optional<std::uint64_t> send(raft::byte_buffer const& framed) {
        auto const answer = to->call({.group = group, .payload = framed}, patience);
        if (!answer || answer->status != response_status::ok || answer->payload.size() != 9) {
            return std::nullopt;
        }
        return byte_reader{answer->payload.subspan(1)}.word();
    }

    client* to;
    raft::group_id group;
    std::uint64_t session = 0;
    std::uint64_t sequence = 0;
};

std::optional<std::uint64_t> read(client& from, std::uint64_t key, raft::group_id group = tested_group) {
    auto const answer = from.call({.kind = request_kind::query, .group = group, .payload = word(key)}, patience);
    if (!answer || answer->status != response_status::ok || answer->payload.size() != 8) {
        return std::nullopt;
    }
    return byte_reader{answer->payload}.word();
}

std::string refusal(client& from, request const& r) {
    auto const answer = from.call(r, patience);
    if (!answer || answer->status != response_status::refused) {
        return "not refused";
    }
    std::string text;
    for (std::byte const b : answer->payload) {
        text.push_back(static_cast<char>(b));
    }
    return text;
}

TEST_CASE("node: commands are carried out by the leader, whichever node is asked, and every node answers queries") {
    cluster all;
    client to = all.ask();
    writer w{to};
    CHECK(w.write(1, 10) == 0);
    CHECK(w.write(1, 11) == 10);
    for (std::uint32_t id = 1; id <= 3; ++id) {
        client other = all.ask({id});
        CHECK(read(other, 1) == 11);
    }
}

TEST_CASE("node: a command of a session that is sent twice is carried out once") {
    cluster all;
    client to = all.ask();
    writer w{to};
    auto const command = w.command(5, 50);
    CHECK(w.send(command) == 0);
    CHECK(w.send(command) == 0); // the first answer again: it held 0 before
    CHECK(w.write(5, 51) == 50);
}

TEST_CASE("node: two of three go on, and the third catches up when it is back, by a snapshot where it must") {
    cluster all;
    client to = all.ask();
    writer w{to};
    REQUIRE(w.write(1, 1) == 0);
    std::uint32_t const gone = to.connected_to().value % 3 + 1;
    all.stop(gone);
    for (std::uint64_t i = 2; i <= 1200; ++i) { // more than two snapshots of `quick_config`
        REQUIRE(w.write(1, i) == i - 1);
    }
    all.start(gone);
    client returned = all.ask({gone});
    CHECK(read(returned, 1) == 1200);
}

TEST_CASE("node: when the leader goes another takes over, and nothing acknowledged is lost") {
    cluster all;
    client to = all.ask();
    writer w{to};
    REQUIRE(w.write(3, 7) == 0);
    all.stop(to.connected_to().value);
    CHECK(w.write(3, 8) == 7);
    CHECK(read(to, 3) == 8);
}

TEST_CASE("node: what was acknowledged is there after all nodes were stopped and started again") {
    cluster all;
    {
        client to = all.ask();
        writer w{to};
        for (std::uint64_t i = 0; i < 50; ++i) {
            REQUIRE(w.write(i, i + 100) == 0);
        }
    }
    for (std::uint32_t const id : {1U, 2U, 3U}) {
        all.stop(id);
    }
    for (std::uint32_t const id : {1U, 2U, 3U}) {
        all.start(id);
    }
    client to = all.ask();
    for (std::uint64_t i = 0; i < 50; ++i) {
        CHECK(read(to, i) == i + 100);
    }
}

TEST_CASE("node: a command that is offered to any node is applied by all of them") {
    cluster all;
    client to = all.ask();
    writer w{to};
    REQUIRE(w.write(1, 10) == 0); // there is a leader
    raft::byte_buffer opening;
    register_service::encode({}, {}, opening);
    std::array<std::promise<std::size_t>, 3> heard;
    for (std::uint32_t id = 1; id <= 3; ++id) {
        all.at(id).on_its_thread<bool>([&, id](service_node& n, std::promise<bool>& set) {
            n.set_on_applied(
                [&, id](raft::group_id, std::span<std::byte const> command, std::span<std::byte const> reply) {
                    if (std::ranges::equal(command, opening)) {
                        heard.at(id - 1).set_value(reply.size());
                    }
                });
            set.set_value(true);
        });
    }
    std::uint32_t const follower = to.connected_to().value % 3 + 1;
    all.at(follower).on_its_thread<bool>([&](service_node& n, std::promise<bool>& offered) {
        n.offer(raft::group_id{1}, opening);
        offered.set_value(true);
    });
    for (auto& each : heard) {
        CHECK(each.get_future().get() == 9); // the answer to the opening of a session
    }
}

TEST_CASE("node: requests of the host program are its own, and refused where it takes none") {
    cluster all{1};
    client to = all.ask();
    raft::byte_buffer const question = word(21);
    CHECK(refusal(to, {.kind = request_kind::host, .payload = question}) ==
          "this node's program takes no requests of its own");
    all.at(1).on_its_thread<bool>([](service_node& n, std::promise<bool>& set) {
        n.set_on_host_request([&n](service_node::client_token from, request const& r) {
            byte_reader in{r.payload};
            std::uint64_t const asked = in.word();
            n.answer_host(from, r.id, response_status::more, word(asked));
            n.answer_host(from, r.id, response_status::ok, word(2 * asked));
        });
        set.set_value(true);
    });
    auto const answer = to.call({.kind = request_kind::host, .payload = question}, patience);
    REQUIRE(answer.has_value());
    CHECK(std::vector(answer->payload.begin(), answer->payload.end()) == word(42)); // the last part
}

TEST_CASE("node: one that is added by its address is reached by all, and one that leaves is not needed any more") {
    cluster all{3, 1};
    client to = all.ask();
    writer w{to};
    REQUIRE(w.write(1, 1) == 0);
    all.start(4);
    addressed_change const join{{.what = raft::membership_change::action::add_voter, .node = raft::node_id{4}},
                                all.addresses().at(3).address};
    auto const joined =
        to.call({.kind = request_kind::change_membership, .group = tested_group, .payload = encode_changes({&join, 1})},
                patience);
    REQUIRE(joined.has_value());
    CHECK(joined->status == response_status::ok);
    client fourth = all.ask({4});
    CHECK(read(fourth, 1) == 1);
    auto const members = fourth.call({.kind = request_kind::members, .group = tested_group}, patience);
    REQUIRE(members.has_value());
    auto const known = raft::membership_codec::decode(members->payload);
    REQUIRE(known.has_value());
    CHECK(known->is_voter(raft::node_id{4}));

    std::uint32_t const goes = to.connected_to().value % 3 + 1; // a founder that does not lead
    addressed_change const leave{{.what = raft::membership_change::action::remove, .node = raft::node_id{goes}}, ""};
    auto const left = to.call(
        {.kind = request_kind::change_membership, .group = tested_group, .payload = encode_changes({&leave, 1})},
        patience);
    REQUIRE(left.has_value());
    CHECK(left->status == response_status::ok);
    all.stop(goes);
    CHECK(w.write(1, 2) == 1);
}

TEST_CASE("node: leadership goes where it is asked to") {
    cluster all;
    client to = all.ask();
    writer w{to};
    raft::node_id const next{to.connected_to().value % 3 + 1};
    auto const asked =
        to.call({.kind = request_kind::transfer, .group = tested_group, .payload = encode_node(next)}, patience);
    REQUIRE(asked.has_value());
    CHECK(asked->status == response_status::ok);
    REQUIRE(w.write(1, 1) == 0);
    CHECK(to.connected_to() == next);
}

TEST_CASE("node: what makes no sense is refused, and said why") {
    cluster all;
    client to = all.ask();
    writer w{to};
    raft::byte_buffer const large((std::size_t{1} << 20U) + 100);
    raft::byte_buffer const nonsense(3);
    CHECK(refusal(to, {.group = raft::group_id{9}, .payload = nonsense}) == "this node has no server of group 9");
    CHECK(refusal(to, {.group = tested_group, .payload = large}) == "larger than entry_bytes_max of the cluster");
    CHECK(refusal(to, {.kind = request_kind::transfer, .group = tested_group, .payload = nonsense}) ==
          "no node to transfer to");
    CHECK(refusal(to,
                  {.kind = request_kind::transfer, .group = tested_group, .payload = encode_node(raft::node_id{8})}) ==
          "node 8 may not lead this group");
    CHECK(refusal(to, {.kind = request_kind::change_membership, .group = tested_group, .payload = nonsense}) ==
          "no membership change");
    addressed_change const stranger{{.what = raft::membership_change::action::remove, .node = raft::node_id{8}}, ""};
    CHECK(refusal(to, {.kind = request_kind::change_membership,
                       .group = tested_group,
                       .payload = encode_changes({&stranger, 1})})
              .find("names a node that is no member") != std::string::npos);
}

TEST_CASE("node: within the process the leader takes commands, the others say that they do not lead") {
    cluster all;
    client to = all.ask();
    writer w{to};
    REQUIRE(w.write(1, 1) == 0);
    std::uint32_t const leader = to.connected_to().value;
    auto const submit = [&](std::uint32_t id) {
        auto const command = w.command(2, 22);
        return all.at(id).on_its_thread<outcome>([&](service_node& n, std::promise<outcome>& p) {
            n.submit(tested_group, command, [&p](outcome how, std::span<std::byte const>) { p.set_value(how); });
        });
    };
    CHECK(submit(leader % 3 + 1) == outcome::not_leader);
    CHECK(submit(leader) == outcome::applied);
    auto const value =
        all.at(leader % 3 + 1).on_its_thread<std::uint64_t>([](service_node& n, std::promise<std::uint64_t>& p) {
            n.read(tested_group,
                   [&p](register_service const* m) { p.set_value(m == nullptr ? 0 : m->machine().value(2)); });
        });
    CHECK(value == 22);
}

TEST_CASE("node: many groups share the connections and the log, each has a leader and a state of its own") {
    constexpr std::uint32_t groups = 40;
    cluster all{3, 0, groups};
    client to = all.ask();
    for (std::uint32_t g = 1; g <= groups; ++g) {
        writer w{to, raft::group_id{g}};
        CHECK(w.write(1, g) == 0);
    }
    all.stop(1);
    all.start(1);
    client first = all.ask({1});
    for (std::uint32_t g = 1; g <= groups; ++g) {
        CHECK(read(first, 1, raft::group_id{g}) == g);
    }
}

TEST_CASE("node: the heartbeats of many groups go in few frames") {
    constexpr std::uint32_t groups = 200;
    cluster all{3, 0, groups};
    client to = all.ask();
    for (std::uint32_t g = 1; g <= groups; ++g) {
        writer const led{to, raft::group_id{g}};
    }
    auto const sent = [&] {
        return all.at(1).on_its_thread<network_statistics>(
            [](service_node& n, std::promise<network_statistics>& p) { p.set_value(n.network().statistics()); });
    };
    auto const before = sent();
    network_statistics after = sent();
    while (after.messages_sent < before.messages_sent + std::uint64_t{20} * groups) {
        after = sent();
    }
    CHECK(after.messages_sent - before.messages_sent > 5 * (after.frames_sent - before.frames_sent));
}

} // namespace
} // namespace hpcsched::raft_asio::test
