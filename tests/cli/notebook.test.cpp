// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "program.hpp"
#include "skip.hpp"
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::test {

namespace json = boost::json;

namespace {

std::vector<std::string> small(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"notebook", "simulate", "--sessions", "20", "--length", "1d"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

} // namespace

TEST_CASE("notebook simulate: a generated trace under every policy gives a table, a page, CSV and JSON") {
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched(small({"--seeds", "2", "--out", "o"}));
    CHECK(ended.status == 0);
    CHECK(ended.out.starts_with("generated, 20 sessions: "));
    for (char const* const policy :
         {"reservation", "batch", "notebookos-lcp", "notebookos", "notebookos-foreseen", "predictive", "foreseeing"}) {
        CHECK(ended.out.find(std::string{"\n  "} + policy + ' ') != std::string::npos);
    }
    json::value const document = json::parse(read_text(hpcsched / "o/results.json"));
    CHECK(document.at("results").as_array().size() == 14);
    CHECK(document.at("results").as_array().at(13).at("seed") == 2);
    std::string const csv = read_text(hpcsched / "o/results.csv");
    CHECK(std::count(csv.begin(), csv.end(), '\n') == 15);
    CHECK(read_text(hpcsched / "o/report.html").find("Interactivity delay") != std::string::npos);
}

TEST_CASE("notebook simulate: the same seed gives the same numbers, whatever the threads") {
    program hpcsched;
    auto const figures = [&](char const* threads) {
        CHECK(hpcsched.hpcsched(small({"--threads", threads, "--out", threads})).status == 0);
        json::value document = json::parse(read_text(hpcsched / (std::string{threads} + "/results.json")));
        for (json::value& r : document.at("results").as_array()) {
            r.as_object().erase("run_seconds");
        }
        return json::serialize(document.at("results"));
    };
    CHECK(figures("1") == figures("2"));
}

TEST_CASE("notebook simulate: the busiest window of a real trace, or one from a given time") {
    auto const trace = shared_data("idlt_june.csv");
    if (!trace) {
        HPCSCHED_SKIP("HPCSCHED_DATA names no folder with the real traces");
    }
    program hpcsched;
    finished_program const busiest =
        hpcsched.hpcsched({"notebook", "simulate", *trace, "-p", "predictive", "--window", "17.5h"});
    CHECK(busiest.status == 0);
    CHECK(busiest.out.find(
              "idlt_june.csv: 1332 cells of 186 sessions\nThe busiest window of the trace: 17.5 hours from hour "
              "561.6;") != std::string::npos);
    finished_program const given = hpcsched.hpcsched(
        {"notebook", "simulate", *trace, "-p", "batch,reservation", "--window", "1d", "--from", "100h"});
    CHECK(given.status == 0);
    CHECK(given.out.find("A window of the trace: 24 hours from hour 100;") != std::string::npos);
}

TEST_CASE(
    "notebook simulate: on hosts that stay every queue is compared, or those that are named, beside other policies") {
    program hpcsched;
    finished_program const each = hpcsched.hpcsched(small({"--hosts", "4", "--out", "e"}));
    CHECK(each.status == 0);
    json::value const all = json::parse(read_text(hpcsched / "e/results.json"));
    std::vector<std::string> names;
    for (json::value const& r : all.at("results").as_array()) {
        names.emplace_back(r.at("policy").as_string());
        CHECK(r.at("hosts_peak").to_number<int>() == 4);
    }
    CHECK(names ==
          std::vector<std::string>{"standing-fifo", "standing-shortest", "standing-aged", "standing-fair-share"});
    finished_program const some =
        hpcsched.hpcsched(small({"--hosts", "4", "--queue", "aged", "--placement", "pack", "--patience", "never",
                                 "--replicas", "1", "-p", "reservation", "--out", "s"}));
    CHECK(some.status == 0);
    json::value const two = json::parse(read_text(hpcsched / "s/results.json"));
    REQUIRE(two.at("results").as_array().size() == 2);
    CHECK(two.at("results").at(0).at("policy") == "standing-aged");
    CHECK(two.at("results").at(1).at("policy") == "reservation");
}

TEST_CASE("notebook simulate: on hosts that stay, who is not admitted waits, and those that are find room") {
    program hpcsched;
    auto const at_once = [&](std::vector<std::string> const& admission) {
        std::vector<std::string> words{"--hosts", "2", "--replicas", "1", "--queue", "fifo", "--out", "a"};
        words.insert(words.end(), admission.begin(), admission.end());
        CHECK(hpcsched.hpcsched(small(words)).status == 0);
        json::value const all = json::parse(read_text(hpcsched / "a/results.json"));
        return all.at("results").at(0).at("at_once").to_number<double>();
    };
    double const everyone = at_once({});
    CHECK(at_once({"--admission", "everyone"}) == everyone);
    CHECK(at_once({"--admission", "service-level", "--service-level", "0"}) == everyone);
    CHECK(at_once({"--admission", "service-level", "--service-level", "0.95"}) != everyone);
}

TEST_CASE("notebook simulate: what is wrong is said in one line, with what to do") {
    program hpcsched;
    auto const fails = [&](std::vector<std::string> const& more, int status, std::string const& line) {
        std::vector<std::string> words{"notebook", "simulate"};
        words.insert(words.end(), more.begin(), more.end());
        finished_program const ended = hpcsched.hpcsched(words);
        CHECK(ended.status == status);
        CHECK(ended.err == "hpcsched notebook simulate: " + line + "\n");
    };
    fails({"-p", "predictve"}, 2, "--policies: there is no policy 'predictve'; did you mean 'predictive'?");
    fails({"--queue", "fifo"}, 2, "--queue needs --hosts, which says how many there are");
    fails({"--hosts", "4", "--queue", "fifo,last"}, 2, "--queue: 'last' is none of fifo, shortest, aged, fair-share");
    fails({"--hosts", "4", "--admission", "all"}, 2,
          "--admission: 'all' is none of everyone, subscription-limit, service-level");
    fails({"--hosts", "4", "--service-level", "0.9"}, 2, "--service-level needs --admission service-level");
    fails({"--hosts", "4", "--admission", "service-level", "--service-level", "2"}, 2,
          "--service-level: '2' is out of range: give 0 to 1");
    fails({"--admission", "everyone"}, 2, "--admission needs --hosts, which says how many there are");
    fails({"--hosts", "2", "--replicas", "3"}, 2, "--replicas: '3' is out of range: give 1 to 2");
    fails({"--from", "1h"}, 2, "--from needs --window, which says how long");
    fails({"--sessions", "0"}, 2, "--sessions: '0' is out of range: give 1 to 1000000");
    fails({"absent.csv"}, 3, "absent.csv: cannot be opened: No such file or directory; check the path");
    std::ofstream{hpcsched / "empty.csv"} << "submit_s,session,gpus,run_s\n";
    fails({"empty.csv"}, 3, "empty.csv: there is no cell in this trace");
    std::ofstream{hpcsched / "wide.csv"} << "submit_s,session,gpus,run_s\n0,0,16,60\n";
    fails({"wide.csv"}, 2,
          "a cell of the trace needs 16 GPUs on one host, which has 8: give hosts more with --host-gpus");
    std::ofstream{hpcsched / "other.csv"} << "a,b\n";
    fails({"other.csv"}, 3,
          "other.csv:1:1: not a trace of notebooks; it begins with a header that names submit_s,session,gpus,run_s, or "
          "num_gpu,submit_time,duration");
}

TEST_CASE("notebook simulate: hosts may have other devices, and may fail") {
    program hpcsched;
    std::ofstream{hpcsched / "wide.csv"} << "submit_s,session,gpus,run_s\n0,0,16,60\n600,0,16,60\n";
    CHECK(hpcsched.hpcsched({"notebook", "simulate", "wide.csv", "--host-gpus", "16"}).status == 0);
    finished_program const ended =
        hpcsched.hpcsched(small({"-p", "predictive", "--host-lifetime", "2h", "--out", "f"}));
    CHECK(ended.status == 0);
    json::value const document = json::parse(read_text(hpcsched / "f/results.json"));
    CHECK(document.at("results").as_array().at(0).at("hosts_lost").to_number<double>() > 0);
}

TEST_CASE("notebook kernel: a connection file that is not there, or is none, is an error that names it") {
    if (!HPCSCHED_HAS_NOTEBOOK_HOST) {
        HPCSCHED_SKIP("hpcsched notebook kernel is not built");
    }
    program hpcsched;
    finished_program const absent = hpcsched.hpcsched({"notebook", "kernel", "-f", "absent.json"});
    CHECK(absent.status == 3);
    CHECK(absent.err == "hpcsched notebook kernel: cannot open the connection file 'absent.json'\n");
    std::ofstream{hpcsched / "bad.json"} << "{}";
    finished_program const bad = hpcsched.hpcsched({"notebook", "kernel", "-f", "bad.json"});
    CHECK(bad.status == 3);
    CHECK(bad.err.starts_with("hpcsched notebook kernel: bad.json: the connection file has no port as shell_port;"));
}

TEST_CASE("notebook install: a name that is none, and a Python without ipykernel, are refused") {
    if (!HPCSCHED_HAS_NOTEBOOK_HOST) {
        HPCSCHED_SKIP("hpcsched notebook install is not built");
    }
    program hpcsched;
    finished_program const name = hpcsched.hpcsched({"notebook", "install", "--prefix", "p", "--name", "a/b"});
    CHECK(name.status == 2);
    CHECK(name.err.find("--name: 'a/b' is no name of a kernel") != std::string::npos);
    finished_program const python = hpcsched.hpcsched({"notebook", "install", "--prefix", "p", "--python", "true"});
    CHECK(python.status == 0); // `true` says yes to everything
    finished_program const none = hpcsched.hpcsched({"notebook", "install", "--prefix", "p", "--python", "false"});
    CHECK(none.status == 1);
    CHECK(none.err.find("apt-get install python3-ipykernel") != std::string::npos);
    json::value const spec = json::parse(read_text(hpcsched / "p/share/jupyter/kernels/hpcsched/kernel.json"));
    CHECK(spec.at("argv").as_array().at(2) == "kernel");
    CHECK(spec.at("interrupt_mode") == "message");
}

TEST_CASE("notebook certificates: made once, added to later, never for nobody") {
    if (!HPCSCHED_HAS_NOTEBOOK_HOST) {
        HPCSCHED_SKIP("hpcsched notebook certificates is not built");
    }
    program p;
    finished_program const made = p.hpcsched({"notebook", "certificates", "--out", "tls", "--nodes",
                                              "1=127.0.0.1:7101,7=127.0.0.1:7102", "--clients", "ada, operator"});
    CHECK(made.status == 0);
    CHECK(made.err == "");
    CHECK(made.out == "tls/authority.key\ntls/authority.pem\ntls/node-1.key\ntls/node-1.pem\ntls/node-7.key\n"
                      "tls/node-7.pem\ntls/ada.key\ntls/ada.pem\ntls/operator.key\ntls/operator.pem\n");
    finished_program const more = p.hpcsched({"notebook", "certificates", "--out", "tls", "--clients", "ada,bob"});
    CHECK(more.out == "tls/bob.key\ntls/bob.pem\n");
    CHECK(p.hpcsched({"notebook", "certificates", "--out", "tls", "--clients", "ada"}).out ==
          "all of them were there: nothing was made\n");
    std::string const who = "hpcsched notebook certificates: ";
    CHECK(p.hpcsched({"notebook", "certificates", "--out", "tls"}).err ==
          who + "nobody is named: give --nodes, --clients, or both\n");
    CHECK(p.hpcsched({"notebook", "certificates", "--out", "tls", "--clients", "node-1"}).err ==
          who + "--clients: 'node-1' would be a node's name: give it in --nodes\n");
    finished_program const bad = p.hpcsched({"notebook", "certificates", "--out", "tls", "--clients", "a/b"});
    CHECK(bad.status == 1);
    CHECK(bad.err.starts_with(who + "'a/b' is no name for a certificate"));
}

TEST_CASE("notebook serve: as root it does not begin before somebody has said whose the kernels are") {
    if (!HPCSCHED_HAS_NOTEBOOK_HOST) {
        HPCSCHED_SKIP("hpcsched notebook serve is not built");
    }
    if (::geteuid() != 0) {
        HPCSCHED_SKIP("this is not root");
    }
    program p;
    std::vector<std::string> words{"notebook", "serve",         "--id",     "1",
                                   "--nodes",  "1=127.0.0.1:1", "--listen", "127.0.0.1:0"};
    finished_program const silent = p.hpcsched(words);
    CHECK(silent.status == 2);
    CHECK(silent.err == "hpcsched notebook serve: started as root, and nobody says whose the kernels are: give "
                        "certificates (--tls-certificate ...; kernels run as the users whom clients' certificates "
                        "name), --run-as USER for all kernels, or --run-as self to run them as root\n");
    for (auto const& [who, why] : std::vector<std::pair<std::string, std::string>>{
             {"certificate", "who asks for a kernel is known by certificates alone"},
             {"no-such-user", "this system has no user 'no-such-user'"}}) {
        auto with = words;
        with.insert(with.end(), {"--run-as", who});
        finished_program const ended = p.hpcsched(with);
        CHECK(ended.status == 1);
        CHECK(ended.err.starts_with("hpcsched notebook serve: " + why));
    }
    for (auto const& [option, value, why] : std::vector<std::array<std::string, 3>>{
             {"--placement", "random",
              "--placement: 'random' is none of least-loaded, pack, spread, one-group, keeps-room"},
             {"--queue", "lifo", "--queue: 'lifo' is none of fifo, shortest, aged, fair-share"},
             {"--quota", "ada", "--quota: 'ada' is no quota: give USER=DEVICES,..., as in ada=4,others=1"}}) {
        auto with = words;
        with.insert(with.end(), {option, value});
        finished_program const ended = p.hpcsched(with);
        CHECK(ended.status == 2);
        CHECK(ended.err == "hpcsched notebook serve: " + why + "\n");
    }
    words.insert(words.end(), {"--run-as", "self", "--start", "never"});
    CHECK(p.hpcsched(words).err ==
          "hpcsched notebook serve: --start: 'never' is not known: give request or decision\n");
}

} // namespace hpcsched::test
