// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_asio/client.hpp>

#include <doctest/doctest.h>

#include "loopback.hpp"
#include "skip.hpp"

#include <cstdlib>
#include <filesystem>

namespace {

using namespace hpcsched;
using namespace hpcsched::raft_asio;
using namespace hpcsched::test;
using raft::node_id;

namespace fs = std::filesystem;

// Two authorities, and certificates of both, made by the openssl command in a folder of their own.
class certificates {
  public:
    certificates() {
        fs::create_directories(folder_);
        is_made_ = authority("ours") && authority("theirs") && certificate("ours", "node-1") &&
                   certificate("ours", "node-2") && certificate("ours", "somebody") && certificate("theirs", "node-2");
    }
    certificates(certificates const&) = delete;
    ~certificates() { fs::remove_all(folder_); }

    [[nodiscard]] bool made() const { return is_made_; }

    [[nodiscard]] tls_files of(std::string const& name, std::string const& signed_by = "ours",
                               std::string const& trusts = "ours") const {
        std::string const stem = folder_ + '/' + signed_by + '-' + name;
        return {stem + ".pem", stem + ".key", folder_ + '/' + trusts + ".pem"};
    }

  private:
    [[nodiscard]] bool run(std::string const& arguments) const {
        std::string const command = "cd '" + folder_ + "' && openssl " + arguments + " >/dev/null 2>&1";
        return std::system(command.c_str()) == 0; // NOLINT(bugprone-command-processor)
    }
    [[nodiscard]] bool authority(std::string const& name) const {
        return run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" + name +
                   " -keyout " + name + ".key -out " + name + ".pem");
    }
    [[nodiscard]] bool certificate(std::string const& by, std::string const& name) const {
        std::string const stem = by + '-' + name;
        return run("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name +
                   " -addext subjectAltName=DNS:" + name + " -keyout " + stem + ".key -out " + stem + ".csr") &&
               run("x509 -req -in " + stem + ".csr -CA " + by + ".pem -CAkey " + by +
                   ".key -CAcreateserial -copy_extensions copy -days 2 -out " + stem + ".pem");
    }

    std::string folder_ = (fs::temp_directory_path() / ("hpcsched-tls-" + std::to_string(::getpid()))).string();
    bool is_made_ = false;
};

network_config with(std::uint32_t id, tls_files files) {
    auto config = node::basic(id);
    config.tls = std::move(files);
    return config;
}

TEST_SUITE("tls") {
    TEST_CASE("tls: nodes and clients with certificates of the authority talk, also many megabytes") {
        certificates const made;
        if (!made.made()) {
            HPCSCHED_SKIP("the openssl command is missing or too old (Debian package openssl)");
        }
        event_loop loop;
        node a{loop, with(1, made.of("node-1"))};
        node b{loop, with(2, made.of("node-2"))};
        introduce({&a, &b});
        REQUIRE(comes_true(loop, [&] { return all_connected({&a, &b}); }));
        random_messages draw{6};
        std::vector<raft::message> sent;
        for (int i = 0; i < 40; ++i) {
            auto m = draw.make(a.id(), b.id(), 11);
            m.body = raft::forwarded_command{draw.bytes(std::size_t{200} << 10U)};
            sent.push_back(m);
        }
        std::size_t next = 0;
        b.on_message = [&](raft::group_id, raft::message const& came) {
            REQUIRE(next < sent.size());
            CHECK(same(sent[next], came));
            ++next;
        };
        for (raft::message const& m : sent) {
            a.net->send(raft::group_id{1}, m);
        }
        a.net->flush();
        CHECK(comes_true(loop, [&] { return next == sent.size(); }));

        a.net->set_on_request([&](network::client_token from, request const& r) {
            a.net->reply(from, {.id = r.id, .payload = r.payload});
        });
        loop.set_on_turn([&](time_point) {
            a.net->flush();
            return never;
        });
        auto c =
            client::connect(loop, {.nodes = {a.as_peer()}, .cluster_id = cluster, .tls = made.of("somebody")}).value();
        std::size_t answered = 0;
        for (int i = 0; i < 50; ++i) {
            c.submit({.payload = draw.bytes(100'000)}, 20s,
                     [&](result<response> const& r) { answered += r ? 1U : 0U; });
        }
        CHECK(comes_true(loop, [&] { return answered == 50; }));
    }

    TEST_CASE("tls: who has no certificate, or one of another authority or name, is refused, and both sides say why") {
        certificates const made;
        if (!made.made()) {
            HPCSCHED_SKIP("the openssl command is missing or too old (Debian package openssl)");
        }
        struct trial {
            char const* what;
            tls_files files;
            char const* says_here;
            char const* says_there;
        };
        for (trial const& t : {trial{"a certificate of another authority", made.of("node-2", "theirs"),
                                     "certificate verify failed", "unknown ca"},
                               trial{"no trust in this authority", made.of("node-2", "ours", "theirs"), "unknown ca",
                                     "certificate verify failed"},
                               trial{"a client's certificate", made.of("somebody"),
                                     "does not carry the DNS name node-2", "does not carry the DNS name node-2"},
                               trial{"no TLS at all", {}, "TLS: ", "cannot be reached"}}) {
            CAPTURE(t.what);
            event_loop loop;
            node a{loop, with(1, made.of("node-1"))};
            node b{loop, with(2, t.files)};
            a.knows({{node_id{2}, "127.0.0.1:1"}}); // only the other calls
            b.knows({a.as_peer()});
            CHECK(comes_true(loop, [&] { return a.logged(t.says_here) && b.logged(t.says_there); }));
            CHECK_FALSE(a.net->connected(b.id()));
            CHECK_FALSE(b.net->connected(a.id()));
        }
    }

    TEST_CASE("tls: a node whose certificate has another's name is not called") {
        certificates const made;
        if (!made.made()) {
            HPCSCHED_SKIP("the openssl command is missing or too old (Debian package openssl)");
        }
        event_loop loop;
        node a{loop, with(1, made.of("somebody"))}; // not node-1
        node b{loop, with(2, made.of("node-2"))};
        b.knows({a.as_peer()});
        CHECK(comes_true(loop, [&] { return b.logged("hostname mismatch"); }));
        CHECK_FALSE(b.net->connected(a.id()));

        auto c =
            client::connect(loop, {.nodes = {a.as_peer()}, .cluster_id = cluster, .tls = made.of("somebody")}).value();
        std::string why;
        CHECK(comes_true(loop, [&] {
            if (c.pending() == 0) {
                c.submit({}, 50ms, [&](result<response> const& r) { why = r ? "" : r.error().message; });
            }
            return why.find("hostname mismatch") != std::string::npos;
        }));
    }
}

} // namespace
