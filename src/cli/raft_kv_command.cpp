// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/key_value_store.hpp>
#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/raft_asio/client.hpp>

#include "commands.hpp"
#include "failure.hpp"
#include "raft_settings.hpp"
#include "values.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

using machine = raft::sessions<raft::key_value_store>;
using action = raft::membership_change::action;

constexpr char const* kv_details =
    R"(Asks the nodes that hpcsched raft serve runs. ACTION is one of:
  get KEY             print the value; exit status 1 where there is none
  put KEY VALUE       set it
  remove KEY          remove it
  swap KEY OLD NEW    set it to NEW if it holds OLD; exit status 1 if not
  add KEY NUMBER      add to the number that it holds, and print the sum
  status              print what each node knows of the group
  members             print who belongs to the group
  join ID HOST:PORT   make a node a voter; start it with --join. join-learner: without a vote;
                      join-witness: with a vote, and a log that does not hold the values
  leave ID            take a node out of the group
  transfer ID         hand the leadership to a node

Reads see every write that was acknowledged before; writes are carried out once, also when an answer was lost and they
are sent again.

Exit status: 0 done, 1 no such key, another value, or no answer, 2 wrong command line.)";

/// One client with its answers.
class asker {
  public:
    explicit asker(arguments const& given)
        : client_{or_fail(raft_asio::client::connect(client_settings(given)), exit_code::failure)},
          timeout_{or_fail(parse_duration(given.one("--timeout", "10s")), exit_code::usage, "--timeout: ")} {
        group_.value = static_cast<std::uint32_t>(
            or_fail(parse_count(given.one("--group", "1"), 0, std::numeric_limits<std::uint32_t>::max()),
                    exit_code::usage, "--group: "));
    }

    raft::byte_buffer ask(raft_asio::request_kind kind, std::span<std::byte const> payload) {
        auto const answer = client_.call({.kind = kind, .group = group_, .payload = payload}, timeout_);
        if (!answer) {
            throw failure{exit_code::failure, answer.error().message};
        }
        if (answer->status != raft_asio::response_status::ok) {
            throw failure{exit_code::failure, "refused: " + text(answer->payload)};
        }
        return {answer->payload.begin(), answer->payload.end()};
    }

    /// A command of the store, in a session of its own.
    raft::key_value_store::answer command(raft::byte_buffer const& inner) {
        auto const opened = ask(raft_asio::request_kind::open_session, {});
        raft::byte_buffer framed;
        machine::encode({byte_reader{opened}.word(), 1}, inner, framed);
        reply_ = ask(raft_asio::request_kind::command, framed);
        if (reply_.empty() || reply_.front() != static_cast<std::byte>(machine::session_reply::done)) {
            throw failure{exit_code::failure, "the session was forgotten before the command came: ask again"};
        }
        return raft::key_value_store::decode(std::span{reply_}.subspan(1));
    }
    raft::key_value_store::answer query(raft::byte_buffer const& question) {
        reply_ = ask(raft_asio::request_kind::query, question);
        return raft::key_value_store::decode(reply_);
    }

    static std::string text(std::span<std::byte const> bytes) {
        std::string out;
        for (std::byte const b : bytes) {
            out.push_back(static_cast<char>(b));
        }
        return out;
    }

  private:
    raft_asio::client client_;
    duration timeout_;
    raft::group_id group_{1};
    raft::byte_buffer reply_;
};

using words = std::vector<std::string>;

/// The exit status for an answer of the store; says on standard error what was not as hoped.
exit_code judge(raft::key_value_store::answer const& a, bool prints_value) {
    using status = raft::key_value_store::status;
    switch (a.how) {
    case status::done:
        if (prints_value) {
            std::cout << a.value << '\n';
        }
        return exit_code::success;
    case status::absent:
        std::cerr << "there is no such key\n";
        break;
    case status::differs:
        std::cerr << "it holds '" << a.value << "'\n";
        break;
    case status::malformed:
        std::cerr << "the nodes do not know this command: are they of an older version?\n";
        break;
    }
    return exit_code::failure;
}

exit_code add_number(asker& to, words const& w) {
    raft::byte_buffer command;
    std::int64_t delta = 0;
    auto const [end, failed] = std::from_chars(w[1].data(), w[1].data() + w[1].size(), delta);
    if (failed != std::errc{} || end != w[1].data() + w[1].size()) {
        throw failure{exit_code::usage, "NUMBER: '" + w[1] + "' is no whole number of 64 bits"};
    }
    raft::key_value_store::add(w[0], delta, command);
    return judge(to.command(command), true);
}

raft::node_id node_of(std::string const& text) {
    return {static_cast<std::uint32_t>(
        or_fail(parse_count(text, 1, std::numeric_limits<std::uint32_t>::max()), exit_code::usage, "ID: "))};
}

exit_code change(asker& to, action what, words const& w) {
    raft_asio::addressed_change const c{{.what = what, .node = node_of(w[0])}, w.size() > 1 ? w[1] : ""};
    to.ask(raft_asio::request_kind::change_membership, raft_asio::encode_changes({&c, 1}));
    return exit_code::success;
}

exit_code print_members(asker& to) {
    auto const members = raft::membership_codec::decode(to.ask(raft_asio::request_kind::members, {}));
    if (!members) {
        throw failure{exit_code::failure, "the node's answer names no members"};
    }
    for (raft::member const& m : members->members()) {
        std::cout << "node " << m.id.value << (m.votes || m.voted ? "  votes" : "  learns")
                  << (m.witness ? ", as a witness" : "")
                  << (m.votes != m.voted && members->joint() ? ", in a change" : "") << '\n';
    }
    return exit_code::success;
}

/// Each node is asked for itself.
exit_code print_status(arguments const& given) {
    bool all = true;
    for (raft_asio::peer const& node : client_settings(given).nodes) {
        std::string line = "node " + std::to_string(node.id.value) + " (" + node.address + "): ";
        raft_asio::client_config alone = client_settings(given);
        alone.nodes = {node};
        auto client = or_fail(raft_asio::client::connect(alone), exit_code::failure);
        raft::group_id const group{static_cast<std::uint32_t>(
            or_fail(parse_count(given.one("--group", "1"), 0, std::numeric_limits<std::uint32_t>::max()),
                    exit_code::usage, "--group: "))};
        duration const wait = or_fail(parse_duration(given.one("--timeout", "1s")), exit_code::usage, "--timeout: ");
        auto const answer = client.call({.kind = raft_asio::request_kind::status, .group = group}, wait);
        if (answer) {
            std::string text = asker::text(answer->payload);
            for (char& c : text) {
                c = c == '\n' ? ' ' : c;
            }
            line += text;
        } else {
            line += "no answer";
        }
        all = all && answer.has_value();
        std::cout << line << '\n';
    }
    return all ? exit_code::success : exit_code::failure;
}

struct action_spec {
    std::size_t word_count;
    std::function<exit_code(asker&, words const&)> run;
};

std::map<std::string, action_spec, std::less<>> const& actions() {
    using store = raft::key_value_store;
    static std::map<std::string, action_spec, std::less<>> const all{
        {"get",
         {1,
          [](asker& to, words const& w) {
              raft::byte_buffer question;
              store::get(w[0], question);
              return judge(to.query(question), true);
          }}},
        {"put",
         {2,
          [](asker& to, words const& w) {
              raft::byte_buffer command;
              store::put(w[0], w[1], command);
              return judge(to.command(command), false);
          }}},
        {"remove",
         {1,
          [](asker& to, words const& w) {
              raft::byte_buffer command;
              store::remove(w[0], command);
              return judge(to.command(command), false);
          }}},
        {"swap",
         {3,
          [](asker& to, words const& w) {
              raft::byte_buffer command;
              store::compare_and_swap(w[0], w[1], w[2], command);
              return judge(to.command(command), false);
          }}},
        {"add", {2, &add_number}},
        {"members", {0, [](asker& to, words const&) { return print_members(to); }}},
        {"join", {2, [](asker& to, words const& w) { return change(to, action::add_voter, w); }}},
        {"join-learner", {2, [](asker& to, words const& w) { return change(to, action::add_learner, w); }}},
        {"join-witness", {2, [](asker& to, words const& w) { return change(to, action::add_witness, w); }}},
        {"leave", {1, [](asker& to, words const& w) { return change(to, action::remove, w); }}},
        {"transfer", {1, [](asker& to, words const& w) {
                          to.ask(raft_asio::request_kind::transfer, raft_asio::encode_node(node_of(w[0])));
                          return exit_code::success;
                      }}}};
    return all;
}

exit_code kv(arguments const& given) {
    std::string const name = given.one("ACTION");
    words const more = given.all("WORD");
    if (name == "status" && more.empty()) {
        return print_status(given);
    }
    auto const at = actions().find(name);
    if (at == actions().end()) {
        std::string known = "status";
        for (auto const& [each, spec] : actions()) {
            known += ", " + each;
        }
        throw failure{exit_code::usage, "unknown action '" + name + "': the actions are " + known};
    }
    if (more.size() != at->second.word_count) {
        throw failure{exit_code::usage, name + " takes " + std::to_string(at->second.word_count) + " words, not " +
                                            std::to_string(more.size()) + " (see hpcsched raft kv --help)"};
    }
    asker to{given};
    return at->second.run(to, more);
}

} // namespace

command_spec raft_kv_command() {
    std::vector<option_spec> options = client_options();
    std::vector<std::string> names{"status"};
    for (auto const& [name, spec] : actions()) {
        names.push_back(name);
    }
    options.push_back({.name = "ACTION",
                       .value = "ACTION",
                       .help = "what to do, see below",
                       .complete = value_completion::one_of(names),
                       .required = true});
    options.push_back({.name = "WORD", .value = "WORD", .help = "what the action is about", .repeatable = true});
    return {.name = "kv",
            .description = "Read and write the keys of a running cluster, and change who belongs to it",
            .details = kv_details,
            .options = std::move(options),
            .run = &kv};
}

} // namespace hpcsched::cli
