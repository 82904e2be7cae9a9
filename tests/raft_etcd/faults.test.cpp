// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_etcd/etcd_log.hpp>
#include <hpcsched/testing/conformance/replicated_log.hpp>

#include <doctest/doctest.h>

#include "cut_wire.hpp"
#include "real_etcd.hpp"
#include "skip.hpp"
#include "temporary_folder.hpp"
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::raft_etcd::test {

namespace {

using namespace std::chrono_literals;

std::span<std::byte const> bytes(std::string_view text) {
    return std::as_bytes(std::span{text});
}

/// A log with what it told.
struct replica : raft::silent_log_observer {
    explicit replica(etcd_log_config const& config)
        : log{*etcd_log<testing::log_journal>::open(config, testing::log_journal{})} {}

    void appended(std::uint64_t token, raft::log_index index) { CHECK(places.emplace(token, index).second); }
    void caught_up(std::uint64_t token) { barriers.insert(token); }
    void restored(raft::log_index /*index*/) { ++snapshots; }

    void append(std::uint64_t token, std::string_view text) {
        REQUIRE(log.append(token, bytes(text), time_point{}).has_value());
    }
    /// Runs until `done`, for at most a minute.
    template <class Done>
    bool run_until(Done done) {
        auto const end = std::chrono::steady_clock::now() + 60s;
        for (;;) {
            log.run(time_point{}, *this);
            if (done()) {
                return true;
            }
            if (std::chrono::steady_clock::now() > end) {
                MESSAGE(log.failure(), log.condition(), " applied ", log.applied(), " told ", places.size());
                return false;
            }
            pollfd watched{log.descriptor(), POLLIN, 0};
            ::poll(&watched, 1, 10);
        }
    }
    bool catch_up() {
        std::uint64_t const token = 1'000'000 + barriers.size();
        REQUIRE(log.barrier(token, time_point{}).has_value());
        return run_until([&] { return barriers.contains(token); });
    }

    etcd_log<testing::log_journal> log;
    std::map<std::uint64_t, raft::log_index> places;
    std::set<std::uint64_t> barriers;
    int snapshots = 0;
};

/// That each of `count` entries "<name> <token>" is in the journal, once and where it was told.
void check_each_once(replica const& r, replica const& teller, std::string const& name, std::uint64_t count) {
    std::map<testing::log_journal::imprint, std::vector<raft::log_index>> found;
    for (auto const& item : r.log.machine().items()) {
        found[item.payload].push_back(item.index);
    }
    for (std::uint64_t token = 0; token < count; ++token) {
        auto const& places = found[testing::log_journal::of(bytes(name + " " + std::to_string(token)))];
        REQUIRE(places.size() == 1);
        REQUIRE(places.front() == teller.places.at(token));
    }
}

etcd_log_config config_for(real_etcd const& etcd) {
    etcd_log_config config;
    config.endpoints = etcd.endpoints();
    config.backoff_max = 200ms;
    return config;
}

char const* const no_etcd = "no etcd on the PATH (apt-get install etcd-server)";

} // namespace

TEST_CASE("etcd log: of three members one is killed and begins again while two replicas append") {
    if (!real_etcd::is_there()) {
        HPCSCHED_SKIP(no_etcd);
    }
    real_etcd etcd{3, {"--heartbeat-interval", "20", "--election-timeout", "200"}};
    replica one{config_for(etcd)};
    replica two{config_for(etcd)};
    std::uint64_t const count = 300;
    std::uint64_t made = 0;
    // Each member in turn, so the leader too; with entries on their way all the while.
    for (std::size_t victim = 0; victim < 3; ++victim) {
        for (std::uint64_t end = made + 50; made < end; ++made) {
            one.append(made, "one " + std::to_string(made));
            two.append(made, "two " + std::to_string(made));
        }
        REQUIRE(one.run_until([&] { return one.places.size() + 40 >= made; }));
        etcd.kill(victim);
        for (std::uint64_t end = made + 50; made < end; ++made) {
            one.append(made, "one " + std::to_string(made));
            two.append(made, "two " + std::to_string(made));
        }
        REQUIRE(one.run_until([&] { return one.places.size() == made; }));
        REQUIRE(two.run_until([&] { return two.places.size() == made; }));
        etcd.begin(victim);
        etcd.wait_for(victim);
    }
    REQUIRE(made == count);
    replica late{config_for(etcd)};
    for (replica* const r : {&one, &two, &late}) {
        REQUIRE(r->catch_up());
        CHECK(r->log.machine().items().size() == 2 * count);
        CHECK(r->log.machine().items() == one.log.machine().items());
        check_each_once(*r, one, "one", count);
        check_each_once(*r, two, "two", count);
    }
}

TEST_CASE("etcd log: an append whose answer is lost is found, and not made again") {
    if (!real_etcd::is_there()) {
        HPCSCHED_SKIP(no_etcd);
    }
    real_etcd const etcd{1, {"--unsafe-no-fsync"}};
    cut_wire wire{etcd.port()};
    etcd_log_config config = config_for(etcd);
    replica other{config};
    config.endpoints = {wire.endpoint()};
    replica r{config};
    for (std::uint64_t token = 0; token < 20; token += 2) {
        r.append(token, "r " + std::to_string(token));
        REQUIRE(r.run_until([&] { return r.places.contains(token); }));
        wire.swallow_answers(true);
        r.append(token + 1, "r " + std::to_string(token + 1));
        // It arrives, and another replica sees it, while its author is told nothing.
        std::size_t const seen = token / 2 * 3 + 2;
        REQUIRE(other.run_until([&] { return other.log.machine().items().size() == seen; }));
        other.append(token, "other " + std::to_string(token));
        REQUIRE(other.run_until([&] { return other.places.contains(token); }));
        CHECK_FALSE(r.places.contains(token + 1));
        wire.swallow_answers(false);
        REQUIRE(r.run_until([&] { return r.places.contains(token + 1); }));
    }
    REQUIRE(r.catch_up());
    CHECK(r.log.machine().items().size() == 30);
    check_each_once(r, r, "r", 20);
}

TEST_CASE("etcd log: a replica that was away while its own entry was cut from the log is told of it from the note") {
    if (!real_etcd::is_there()) {
        HPCSCHED_SKIP(no_etcd);
    }
    real_etcd const etcd{1, {"--unsafe-no-fsync"}};
    cut_wire wire{etcd.port()};
    etcd_log_config config = config_for(etcd);
    config.snapshot_every = 10;
    config.snapshot_trailing = 0;
    replica other{config};
    config.endpoints = {wire.endpoint()};
    replica r{config};
    r.append(0, "first");
    REQUIRE(r.run_until([&] { return r.places.size() == 1; }));
    wire.swallow_answers(true);
    r.append(1, "second");
    REQUIRE(other.run_until([&] { return other.log.machine().items().size() == 2; }));
    for (std::uint64_t token = 0; token < 100; ++token) {
        other.append(token, "other");
        REQUIRE(other.run_until([&] { return other.places.contains(token); }));
    }
    CHECK(r.places.size() == 1);
    wire.swallow_answers(false);
    REQUIRE(r.run_until([&] { return r.places.size() == 2; }));
    CHECK(r.places[1] == 2); // its payload it has itself
    REQUIRE(r.catch_up());
    CHECK(r.snapshots == 1);
    CHECK(r.log.machine().items() == other.log.machine().items());
}

TEST_CASE("etcd log: a replica whose note is forgotten while it is in doubt says so, and does not guess") {
    if (!real_etcd::is_there()) {
        HPCSCHED_SKIP(no_etcd);
    }
    real_etcd const etcd{1, {"--unsafe-no-fsync"}};
    cut_wire wire{etcd.port()};
    etcd_log_config config = config_for(etcd);
    config.snapshot_every = 10;
    config.snapshot_trailing = 0;
    config.writers_max = 1;
    replica other{config};
    config.endpoints = {wire.endpoint()};
    replica in_doubt{config};
    replica idle{config};
    in_doubt.append(0, "told");
    REQUIRE(in_doubt.run_until([&] { return in_doubt.places.size() == 1; }));
    REQUIRE(idle.catch_up());
    wire.swallow_answers(true);
    in_doubt.append(1, "arrives");
    REQUIRE(other.run_until([&] { return other.log.machine().items().size() == 2; }));
    for (std::uint64_t token = 0; token < 50; ++token) {
        other.append(token, "other");
        REQUIRE(other.run_until([&] { return other.places.contains(token); }));
    }
    wire.swallow_answers(false);
    REQUIRE(in_doubt.run_until([&] { return !in_doubt.log.failure().empty(); }));
    CHECK(in_doubt.log.failure().find("writers_max") != std::string::npos);
    CHECK(in_doubt.places.size() == 1);
    idle.append(0, "goes on"); // it has no entry in doubt
    REQUIRE(idle.run_until([&] { return idle.places.size() == 1; }));
}

TEST_CASE("etcd log: etcd may compact its history under a watch that stands still") {
    if (!real_etcd::is_there() || !has_program("etcdctl")) {
        HPCSCHED_SKIP("no etcd or etcdctl on the PATH (apt-get install etcd-server etcd-client)");
    }
    real_etcd const etcd{1, {"--unsafe-no-fsync"}};
    cut_wire wire{etcd.port()};
    etcd_log_config config = config_for(etcd);
    replica writer{config};
    config.endpoints = {wire.endpoint()};
    config.request_timeout = 300ms;
    replica follower{config};
    writer.append(0, "writer 0");
    REQUIRE(follower.run_until([&] { return follower.log.applied() == 1; }));
    wire.stall(true);
    for (std::uint64_t token = 1; token < 100; ++token) {
        writer.append(token, "writer " + std::to_string(token));
        REQUIRE(writer.run_until([&] { return writer.places.contains(token); }));
    }
    REQUIRE(etcd.control({"compaction", "90"}) == 0);
    wire.cut();
    wire.stall(false);
    REQUIRE(follower.catch_up());
    check_each_once(follower, writer, "writer", 100);
}

TEST_CASE("etcd log: a watch that has died in silence is noticed") {
    if (!real_etcd::is_there()) {
        HPCSCHED_SKIP(no_etcd);
    }
    real_etcd const etcd{2, {"--unsafe-no-fsync"}};
    cut_wire wire{etcd.port(0)};
    etcd_log_config config = config_for(etcd);
    replica writer{config};
    config.endpoints = {wire.endpoint(), etcd.endpoint(1)};
    config.request_timeout = 200ms;
    config.look_every = 200ms;
    replica follower{config};
    writer.append(0, "writer 0");
    REQUIRE(follower.run_until([&] { return follower.log.applied() == 1; }));
    wire.stall(true); // for good: connections stand, and nothing comes
    writer.append(1, "writer 1");
    REQUIRE(writer.run_until([&] { return writer.places.size() == 2; }));
    CHECK(follower.run_until([&] { return follower.log.applied() == 2; }));
}

TEST_CASE("etcd log: what is wrong for good is a failure that names the cure, and what may pass is a condition") {
    if (!real_etcd::is_there() || !has_program("etcdctl")) {
        HPCSCHED_SKIP("no etcd or etcdctl on the PATH (apt-get install etcd-server etcd-client)");
    }
    real_etcd const etcd{1, {"--unsafe-no-fsync"}};
    REQUIRE(etcd.control({"put", "/hpcsched/log/last", "2 17 new"}) == 0);
    replica newer{config_for(etcd)};
    REQUIRE(newer.run_until([&] { return !newer.log.failure().empty(); }));
    CHECK(newer.log.failure().find("format version 2, and this program reads 1") != std::string::npos);
    CHECK(newer.log.append(0, {}, time_point{}).error() == raft::errc::no_leader);
    CHECK(newer.log.barrier(0, time_point{}).error() == raft::errc::no_leader);

    etcd_log_config config = config_for(etcd);
    config.endpoints = {"http://127.0.0.1:" + std::to_string(free_port())};
    replica nowhere{config};
    nowhere.append(0, "waits");
    REQUIRE(nowhere.run_until([&] { return !nowhere.log.condition().empty(); }));
    CHECK(nowhere.log.condition().find("connect: Connection refused") != std::string::npos);
    CHECK(nowhere.log.failure().empty());

    REQUIRE(etcd.control({"put", "/lost/last", "1 17"}) == 0);
    config = config_for(etcd);
    config.prefix = "/lost";
    replica lost{config};
    REQUIRE(lost.run_until([&] { return !lost.log.failure().empty(); }));
    CHECK(lost.log.failure() == "entry 1 is missing in etcd, and no snapshot has it");
}

TEST_CASE("etcd log: what is too large, or too much, is refused at once") {
    etcd_log_config config;
    config.endpoints = {"http://127.0.0.1:" + std::to_string(free_port())};
    config.entry_bytes_max = 1000;
    config.waiting_bytes_max = 1500;
    config.barriers_max = 1;
    replica r{config};
    std::vector<std::byte> const large(1001);
    auto const fits = std::span{large}.first(1000);
    CHECK(r.log.append(0, large, time_point{}).error() == raft::errc::entry_too_large);
    CHECK(r.log.append(0, fits, time_point{}).has_value());
    CHECK(r.log.append(1, fits, time_point{}).error() == raft::errc::quota_exceeded);
    CHECK(r.log.barrier(0, time_point{}).has_value());
    CHECK(r.log.barrier(1, time_point{}).error() == raft::errc::too_many_reads);
}

TEST_CASE("etcd log: speaks for a user where etcd asks who it is") {
    if (!real_etcd::is_there() || !has_program("etcdctl")) {
        HPCSCHED_SKIP("no etcd or etcdctl on the PATH (apt-get install etcd-server etcd-client)");
    }
    real_etcd const etcd{1, {"--unsafe-no-fsync", "--bcrypt-cost", "4"}};
    REQUIRE(etcd.control({"user", "add", "root:secret"}) == 0);
    REQUIRE(etcd.control({"user", "grant-role", "root", "root"}) == 0);
    REQUIRE(etcd.control({"auth", "enable"}) == 0);
    etcd_log_config config = config_for(etcd);
    replica nobody{config};
    REQUIRE(nobody.run_until([&] { return !nobody.log.condition().empty(); }));
    CHECK(nobody.log.condition().find("user name is empty") != std::string::npos);
    config.user = "root";
    config.password = "secret";
    replica root{config};
    root.append(0, "root 0");
    REQUIRE(root.run_until([&] { return root.places.size() == 1; }));
    REQUIRE(root.catch_up());
    config.password = "guess";
    replica stranger{config};
    REQUIRE(stranger.run_until([&] { return !stranger.log.condition().empty(); }));
    CHECK(stranger.log.condition().find("invalid user ID or password") != std::string::npos);
}

TEST_CASE("etcd log: speaks TLS with a certificate of its own") {
    if (!real_etcd::is_there() || !has_program("openssl")) {
        HPCSCHED_SKIP("no etcd or openssl on the PATH (apt-get install etcd-server openssl)");
    }
    hpcsched::test::temporary_folder const made;
    std::string const folder = made.path();
    auto const openssl = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "openssl");
        REQUIRE(process{arguments, folder + "/openssl.log"}.wait() == 0);
    };
    openssl({"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority", "-keyout",
             folder + "/ca.key", "-out", folder + "/ca.pem"});
    std::ofstream{folder + "/names"} << "subjectAltName=IP:127.0.0.1\n";
    for (std::string const who : {"server", "client"}) {
        openssl({"req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + who, "-keyout", folder + "/" + who + ".key",
                 "-out", folder + "/" + who + ".csr"});
        openssl({"x509", "-req", "-in", folder + "/" + who + ".csr", "-CA", folder + "/ca.pem", "-CAkey",
                 folder + "/ca.key", "-CAcreateserial", "-days", "2", "-extfile", folder + "/names", "-out",
                 folder + "/" + who + ".pem"});
    }
    {
        real_etcd const etcd{1,
                             {"--unsafe-no-fsync", "--cert-file", folder + "/server.pem", "--key-file",
                              folder + "/server.key", "--trusted-ca-file", folder + "/ca.pem", "--client-cert-auth"},
                             "https"};
        etcd_log_config config = config_for(etcd);
        replica distrusts{config};
        REQUIRE(distrusts.run_until([&] { return !distrusts.log.condition().empty(); }));
        CHECK(distrusts.log.condition().find("TLS: certificate verify failed") != std::string::npos);
        config.authority = folder + "/ca.pem";
        replica nobody{config};
        REQUIRE(nobody.run_until([&] { return !nobody.log.condition().empty(); }));
        config.certificate = folder + "/client.pem";
        config.key = folder + "/client.key";
        replica r{config};
        r.append(0, "r 0");
        REQUIRE(r.run_until([&] { return r.places.size() == 1; }));
        REQUIRE(r.catch_up());
        config.key = folder + "/none.key";
        CHECK(etcd_link::open(config).error().message.find("none.key") != std::string::npos);
    }
}

} // namespace hpcsched::raft_etcd::test
