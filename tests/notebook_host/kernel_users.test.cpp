// SPDX-License-Identifier: Apache-2.0
// As whom kernels run, and who may ask for what: one host in this process, with a program that only sleeps for an
// interpreter. What users see of it is in conformance.py.
#include <hpcsched/notebook_host/certificates.hpp>
#include <hpcsched/notebook_host/kernel_host.hpp>
#include <hpcsched/raft_asio/client.hpp>

#include <doctest/doctest.h>

#include "host_machine.hpp"
#include "host_protocol.hpp"
#include "skip.hpp"
#include "temporary_folder.hpp"
#include "user_identity.hpp"
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace hpcsched::notebook_host {
namespace {

using namespace std::chrono_literals;
using raft_asio::event_loop;
using raft_asio::request_kind;
using raft_asio::response;

constexpr duration patience = 20s;

/// The users whose processes are children of this one.
std::set<std::string> users_of_children() {
    std::set<std::string> users;
    for (auto const& thread : std::filesystem::directory_iterator{"/proc/self/task"}) {
        std::ifstream children{thread.path() / "children"};
        for (std::string pid; children >> pid;) {
            std::ifstream status{"/proc/" + pid + "/status"};
            for (std::string word; status >> word;) {
                if (word == "Uid:" && status >> word) {
                    users.insert(word);
                }
            }
        }
    }
    return users;
}

class one_host {
  public:
    explicit one_host(kernel_users const& users, bool tls = true) {
        std::filesystem::permissions(folder_.path(), std::filesystem::perms{0711});
        REQUIRE(make_certificates({.folder = folder_ / "tls",
                                   .names = {"node-1", "nobody", "daemon", "root", "stranger", "operator"}})
                    .has_value());
        kernel_host_config config;
        config.network.self.value = 1;
        config.network.cluster_id = 1;
        config.network.listen = "127.0.0.1:0";
        config.network.peers = {{raft::node_id{1}, "127.0.0.1:1"}};
        config.network.tls = tls ? of("node-1") : raft_asio::tls_files{};
        config.log.directory = folder_ / "log";
        config.log.cluster_id = 1;
        config.log.node = config.network.self;
        config.log.sync = false;
        config.election_timeout = 50ms;
        config.policies.replicas = 1;
        config.interpreter = {"sleep", "1000"};
        config.users = users;
        config.say = [this](std::string const& line) { said += line + '\n'; };
        auto made = kernel_host::open(loop_, std::move(config));
        if (made) {
            host_ = std::move(*made);
        } else {
            failure = made.error().message;
        }
    }
    ~one_host() { clients_.clear(); }

    /// What a client with this certificate gets for an answer: its text where it is refused.
    std::string ask(std::string const& name, request_kind kind, raft::group_id group, byte_buffer const& payload) {
        auto& c = clients_[name];
        if (!c) {
            c = std::make_unique<raft_asio::client>(
                raft_asio::client::connect(loop_,
                                           {.nodes = {{raft::node_id{1}, "127.0.0.1:" + std::to_string(host_->port())}},
                                            .cluster_id = 1,
                                            .tls = of(name)})
                    .value());
        }
        auto const told = std::make_shared<std::string>();
        auto const ended = std::make_shared<bool>(false);
        c->submit({.kind = kind, .group = group, .payload = payload}, patience,
                  [told, ended, this](result<response> const& r) {
                      if (*ended) {
                          return;
                      }
                      *ended = true;
                      *told = !r ? r.error().message
                              : r->status == raft_asio::response_status::refused
                                  ? "refused: " +
                                        std::string{reinterpret_cast<char const*>(r->payload.data()), r->payload.size()}
                                  : "answered";
                      if (r) {
                          last.assign(r->payload.begin(), r->payload.end());
                      }
                  });
        (void)loop_.run_until([&] { return *ended; }, event_loop::now() + patience);
        return *told;
    }
    std::string command(std::string const& name, byte_buffer const& payload) {
        return ask(name, request_kind::command, cluster_group, payload);
    }
    std::string host_request(std::string const& name, host_request const& what) {
        byte_buffer bytes;
        encode(what, bytes);
        return ask(name, request_kind::host, {}, bytes);
    }
    bool comes_true(std::function<bool()> const& holds) { return loop_.run_until(holds, event_loop::now() + patience); }
    [[nodiscard]] std::string folder() const { return folder_.path(); }

    std::string failure;
    std::string said;
    byte_buffer last; // of an answer

  private:
    [[nodiscard]] raft_asio::tls_files of(std::string const& name) const {
        std::string const tls = folder_ / "tls/";
        return {tls + name + ".pem", tls + name + ".key", tls + "authority.pem"};
    }

    test::temporary_folder folder_;
    event_loop loop_;
    std::unique_ptr<kernel_host> host_;
    std::map<std::string, std::unique_ptr<raft_asio::client>> clients_;
};

byte_buffer opens(std::string const& name, std::string const& owner) {
    byte_buffer out;
    cluster_machine::open_kernel(name, 0, wall_clock(), out, owner);
    return out;
}

bool says(std::string const& whole, std::string const& part) {
    return whole.find(part) != std::string::npos;
}

constexpr kernel_users by_certificate{kernel_users::kind::of_certificate, {}};

TEST_CASE("kernel users: a host that cannot keep them apart does not begin, and says what it needs") {
    if (::geteuid() != 0) {
        CHECK(says(one_host{by_certificate}.failure, "only where this is started as root"));
        return;
    }
    CHECK(says(one_host(by_certificate, false).failure, "known by certificates alone"));
    CHECK(says(one_host{kernel_users{kernel_users::kind::named, "no-such-user"}}.failure, "no user 'no-such-user'"));
}

TEST_CASE("kernel users: an interpreter is of who opened the kernel, nobody opens one for another, and none for root") {
    if (::geteuid() != 0) {
        HPCSCHED_SKIP("only root can start kernels of other users");
    }
    auto const nobody = *user_identity::find("nobody");
    one_host h{by_certificate};
    REQUIRE(h.failure.empty());
    CHECK(says(h.command("daemon", opens("a", "nobody")), "refused: a kernel for 'nobody' is for who has"));
    CHECK(says(h.command("nobody", opens("a", "")), "refused: a kernel for ''"));
    CHECK(says(h.command("root", opens("a", "root")), "refused: no kernel runs as root"));
    CHECK(says(h.command("stranger", opens("a", "stranger")), "no user 'stranger'"));
    CHECK(h.command("nobody", opens("a", "nobody")) == "answered");
    auto const opened = cluster_machine::decode(h.last);
    REQUIRE(opened.outcome == notebook::scheduler_outcome::done);
    std::set<std::string> const expected{std::to_string(nobody.user)};
    CHECK(h.comes_true([&] { return users_of_children() == expected; }));

    std::uint64_t const serial = opened.serial;
    for (char const* const stranger : {"daemon", "operator"}) {
        CAPTURE(stranger);
        for (host_request const& what :
             {host_request{attach_asked{serial}}, host_request{cell_asked{.kernel = serial}},
              host_request{message_passed{.kernel = serial}}, host_request{close_asked{serial}}}) {
            CHECK(h.host_request(stranger, what) == "refused: that kernel is another user's");
        }
        byte_buffer closes;
        cluster_machine::close_kernel(opened.kernel, serial, wall_clock(), closes);
        CHECK(h.command(stranger, closes) == "refused: that kernel is another user's");
    }
    CHECK(h.host_request("nobody", attach_asked{serial}) == "answered");
    CHECK(h.host_request("nobody", attach_asked{serial + 1}) == "refused: no kernel of that number is open");
    CHECK(h.host_request("daemon", status_asked{}) == "answered");
    CHECK(says(h.host_request("nobody", drain_asked{true}), "DNS name 'operator'"));
    CHECK(h.host_request("operator", drain_asked{false}) == "answered");
}

TEST_CASE("kernel users: the logs are the hosts' own, the one of a client's own kernel too") {
    if (::geteuid() != 0) {
        HPCSCHED_SKIP("only root can start kernels of other users");
    }
    one_host h{by_certificate};
    REQUIRE(h.failure.empty());
    CHECK(h.command("nobody", opens("a", "nobody")) == "answered");
    auto const serial = cluster_machine::decode(h.last).serial;
    std::string const refused = "refused: that is the hosts' own business";
    byte_buffer lost;
    cluster_machine::lose_host(gpu::host_id{1}, wall_clock(), lost);
    for (char const* const client : {"nobody", "operator"}) {
        CAPTURE(client);
        for (request_kind const kind : {request_kind::command, request_kind::query, request_kind::open_session,
                                        request_kind::change_membership, request_kind::transfer}) {
            CHECK(h.ask(client, kind, group_of_kernel(serial), {}) == refused);
        }
        CHECK(h.ask(client, request_kind::change_membership, cluster_group, {}) == refused);
        CHECK(h.ask(client, request_kind::transfer, cluster_group, {}) == refused);
        CHECK(h.command(client, lost) == refused);
        CHECK(h.command(client, {}) == refused);
    }
    byte_buffer question;
    cluster_machine::ask_for("a", question);
    CHECK(h.ask("nobody", request_kind::query, cluster_group, question) == "answered");
}

TEST_CASE("kernel users: one user for all kernels, whoever asks, and, unless told otherwise, who started the host") {
    if (::geteuid() != 0) {
        HPCSCHED_SKIP("only root can start kernels of other users");
    }
    auto const nobody = *user_identity::find("nobody");
    one_host named{kernel_users{kernel_users::kind::named, "nobody"}};
    CHECK(named.command("stranger", opens("a", "stranger")) == "answered");
    CHECK(named.comes_true([&] { return users_of_children() == std::set{std::to_string(nobody.user)}; }));
    one_host own{kernel_users{}};
    CHECK(own.command("stranger", opens("a", "stranger")) == "answered");
    CHECK(own.comes_true([&] { return users_of_children().contains("0"); }));
}

TEST_CASE("kernel users: what a user's process is told is theirs to know") {
    REQUIRE(::setenv("HPCSCHED_SECRET", "token", 1) == 0);  // NOLINT(concurrency-mt-unsafe): there is one thread
    REQUIRE(::setenv("CUDA_VISIBLE_DEVICES", "3", 1) == 0); // NOLINT(concurrency-mt-unsafe)
    auto const root = user_identity::find("root");
    REQUIRE(root.has_value());
    std::set<std::string> told;
    for (std::string const& each : root->environment()) {
        told.insert(each);
    }
    CHECK(told.contains("USER=root"));
    CHECK(told.contains("LOGNAME=root"));
    CHECK(told.contains("HOME=" + root->home));
    CHECK(told.contains("CUDA_VISIBLE_DEVICES=3"));
    CHECK_FALSE(told.contains("HPCSCHED_SECRET=token"));
    ::unsetenv("CUDA_VISIBLE_DEVICES"); // NOLINT(concurrency-mt-unsafe)
    CHECK(user_identity::find("no-such-user").error().message == "this system has no user 'no-such-user'");
}

} // namespace
} // namespace hpcsched::notebook_host
