// SPDX-License-Identifier: Apache-2.0
#include "scripted_group.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

namespace hpcsched::raft::test {

namespace {

using namespace std::chrono_literals;

std::uint64_t to_number(std::string const& word) {
    std::size_t used = 0;
    std::uint64_t const n = std::stoull(word, &used);
    REQUIRE_MESSAGE(used == word.size(), word << " is no number");
    return n;
}

duration to_duration(std::string const& word) {
    REQUIRE_MESSAGE(word.ends_with("ms"), word << " is no time in ms");
    return std::chrono::milliseconds{to_number(word.substr(0, word.size() - 2))};
}

// "100*x" stands for 100 times x.
std::string to_payload(std::string const& word) {
    std::size_t const star = word.find('*');
    return star == std::string::npos || star == 0 ? word
                                                  : std::string(to_number(word.substr(0, star)), word.at(star + 1));
}

std::span<std::byte const> bytes_of(std::string const& text) {
    return std::as_bytes(std::span{text});
}

void configure(replica_config& c, std::string const& name, std::string const& value) {
    std::map<std::string, duration replica_config::*> const times{
        {"election_timeout", &replica_config::election_timeout},
        {"heartbeat_interval", &replica_config::heartbeat_interval},
        {"lease_margin", &replica_config::lease_margin},
        {"quiesce_after", &replica_config::quiesce_after}};
    std::map<std::string, std::size_t replica_config::*> const sizes{
        {"window_entries", &replica_config::window_entries},
        {"window_bytes", &replica_config::window_bytes},
        {"entry_bytes_max", &replica_config::entry_bytes_max},
        {"append_entries_max", &replica_config::append_entries_max},
        {"append_bytes_max", &replica_config::append_bytes_max},
        {"inflight_entries_max", &replica_config::inflight_entries_max},
        {"inflight_bytes_max", &replica_config::inflight_bytes_max},
        {"uncommitted_bytes_max", &replica_config::uncommitted_bytes_max},
        {"snapshot_chunk_bytes", &replica_config::snapshot_chunk_bytes},
        {"reads_max", &replica_config::reads_max}};
    std::map<std::string, bool replica_config::*> const switches{{"pre_vote", &replica_config::pre_vote},
                                                                 {"check_quorum", &replica_config::check_quorum}};
    if (auto const time = times.find(name); time != times.end()) {
        c.*time->second = to_duration(value);
    } else if (auto const size = sizes.find(name); size != sizes.end()) {
        c.*size->second = to_number(value);
    } else if (auto const flag = switches.find(name); flag != switches.end()) {
        c.*flag->second = value == "on";
    } else if (name == "reads") {
        c.reads = value == "lease" ? read_mode::lease : read_mode::quorum;
    } else if (name == "seed") {
        c.seed = to_number(value);
    } else {
        FAIL("nodes: no option " << name);
    }
}

} // namespace

// --- lines ----------------------------------------------------------------------------------------------------------

script_line::script_line(std::string_view text) {
    std::istringstream in{std::string{text}};
    for (std::string word; in >> word;) {
        words_.push_back(word);
        std::size_t const equals = word.find('=');
        if (equals != std::string::npos) {
            options_[word.substr(0, equals)] = word.substr(equals + 1);
        } else if (words_.size() > 1) {
            rest_.push_back(word);
        }
    }
    REQUIRE(!words_.empty());
}

bool script_line::has(std::string const& word) const {
    return std::ranges::find(rest_, word) != rest_.end();
}

std::uint64_t script_line::number(std::size_t n) const {
    REQUIRE_MESSAGE(n < rest_.size(), verb() << " wants more words");
    return to_number(rest_[n]);
}

std::optional<std::string> script_line::option(std::string const& name) const {
    auto const found = options_.find(name);
    return found == options_.end() ? std::nullopt : std::optional{found->second};
}

std::vector<std::uint32_t> script_line::list(std::string const& option) const {
    std::vector<std::uint32_t> out;
    std::istringstream in{this->option(option).value_or("")};
    for (std::string word; std::getline(in, word, ',');) {
        out.push_back(static_cast<std::uint32_t>(to_number(word)));
    }
    return out;
}

// --- commands -------------------------------------------------------------------------------------------------------

std::map<std::string, scripted_group::action, std::less<>> const& scripted_group::actions() {
    using self = scripted_group;
    static std::map<std::string, action, std::less<>> const all{{"nodes", &self::nodes},
                                                                {"campaign", &self::campaign},
                                                                {"elect", &self::elect},
                                                                {"propose", &self::propose},
                                                                {"forward", &self::forward},
                                                                {"session", &self::session},
                                                                {"deliver", &self::deliver},
                                                                {"duplicate", &self::duplicate},
                                                                {"stabilize", &self::stabilize},
                                                                {"pass", &self::pass},
                                                                {"timer", &self::timer},
                                                                {"hold-writes", &self::hold_writes},
                                                                {"write-out", &self::write_out},
                                                                {"restart", &self::restart},
                                                                {"stored", &self::stored},
                                                                {"isolate", &self::isolate},
                                                                {"cut", &self::cut},
                                                                {"heal", &self::heal},
                                                                {"change", &self::change},
                                                                {"transfer", &self::transfer},
                                                                {"read", &self::read},
                                                                {"snapshot", &self::snapshot},
                                                                {"unreachable", &self::unreachable},
                                                                {"wake", &self::wake},
                                                                {"log", &self::log},
                                                                {"state", &self::state},
                                                                {"status", &self::status},
                                                                {"flying", &self::flying},
                                                                {"lease", &self::lease}};
    return all;
}

std::string scripted_group::carry_out(std::string_view command) {
    script_line const line{command};
    auto const found = actions().find(line.verb());
    REQUIRE_MESSAGE(found != actions().end(), "no command " << line.verb());
    output_.clear();
    quiet_ = line.has("quiet");
    (this->*found->second)(line);
    settle();
    return std::exchange(output_, {});
}

void scripted_group::nodes(script_line const& line) {
    servers_.clear();
    flying_.clear();
    cut_.clear();
    now_ = {};
    trace_ = {};
    auto const count = static_cast<std::uint32_t>(line.number(0));
    auto const learners = line.list("learners");
    auto const witnesses = line.list("witnesses");
    auto const priorities = line.list("priorities");
    auto const waiting = line.list("waiting");
    std::vector<node_id> voters;
    for (std::uint32_t id = 1; id <= count; ++id) {
        voters.push_back(node_id{id});
    }
    membership members{voters};
    using how = membership_change::action;
    auto const with = [&](how what, std::uint32_t id, std::uint8_t priority) {
        membership_change const one{what, node_id{id}, priority};
        members = members.changed({&one, 1}).value();
    };
    for (std::uint32_t id = 1; id <= priorities.size(); ++id) {
        with(how::add_voter, id, static_cast<std::uint8_t>(priorities[id - 1]));
    }
    std::ranges::for_each(learners, [&](std::uint32_t id) { with(how::add_learner, id, 1); });
    std::ranges::for_each(witnesses, [&](std::uint32_t id) { with(how::add_witness, id, 1); });
    replica_config config;
    config.seed = 7;
    config.election_timeout = 1s;
    config.heartbeat_interval = 100ms;
    for (auto const& [name, value] : line.options()) {
        if (name == "sessions") {
            trace_.with_sessions = value == "on";
        } else if (name != "learners" && name != "witnesses" && name != "priorities" && name != "waiting") {
            configure(config, name, value);
        }
    }
    auto const add = [&](std::uint32_t id, membership const& founders) {
        config.id = node_id{id};
        REQUIRE(validate(config).has_value());
        server& s = servers_[id];
        s.config = config;
        s.log = memory_log{founders};
        start(id);
    };
    for (member const& m : members.members()) {
        add(m.id.value, members);
    }
    std::ranges::for_each(waiting, [&](std::uint32_t id) { add(id, {}); });
}

void scripted_group::campaign(script_line const& line) {
    server& s = at(line.number(0));
    s.process->campaign(now_, s.out);
}

// What every script begins with, written down in election.txt alone.
void scripted_group::elect(script_line const& line) {
    campaign(line);
    stabilize(script_line{"stabilize"});
    output_.clear();
    state(line);
}

void scripted_group::propose(script_line const& line) {
    server& s = at(line.number(0));
    for (std::size_t i = 1; i < line.words().size(); ++i) {
        tell_refusal(s.process->propose(bytes_of(to_payload(line.words()[i])), now_));
    }
}

void scripted_group::forward(script_line const& line) {
    server& s = at(line.number(0));
    std::string const command = to_payload(line.words().at(1));
    tell_refusal(s.process->forward(bytes_of(command), now_, s.out));
    settle(); // the message borrows the command
}

void scripted_group::session(script_line const& line) {
    server& s = at(line.number(0));
    session_key key;
    std::string command;
    if (line.words().size() > 1) {
        key = {line.number(1), line.number(2)};
        command = line.words().at(3);
    }
    byte_buffer bytes;
    sessions<tape>::encode(key, bytes_of(command), bytes);
    tell_refusal(s.process->propose(bytes, now_));
}

void scripted_group::deliver(script_line const& line) {
    auto const most = line.option("count") ? to_number(*line.option("count")) : flying_.size();
    flight stay;
    flight go;
    for (auto& m : flying_) {
        bool const goes = go.size() < most && fits(m.get(), line);
        (goes ? go : stay).push_back(std::move(m));
    }
    flying_ = std::move(stay);
    for (auto const& m : go) {
        if (line.has("drop")) {
            say(trace_.text(m.get(), true));
        } else {
            hand_over(m);
        }
    }
}

void scripted_group::duplicate(script_line const& line) {
    flight copies;
    for (auto const& m : flying_) {
        if (fits(m.get(), line)) {
            copies.emplace_back(m.get());
        }
    }
    std::ranges::move(copies, std::back_inserter(flying_));
}

void scripted_group::stabilize(script_line const& line) {
    settle();
    for (int steps = 0; steps < 10'000; ++steps) {
        auto const next = std::ranges::find_if(flying_, [&](auto const& m) { return fits(m.get(), line); });
        if (next == flying_.end()) {
            return;
        }
        raft_sim::owned_message const m = std::move(*next);
        flying_.erase(next);
        hand_over(m);
    }
    FAIL("the group does not come to rest");
}

// Timers go off in order, messages arrive at once.
void scripted_group::pass(script_line const& line) {
    script_line const all{"stabilize"};
    time_point const end = now_ + to_duration(line.words().at(0));
    for (;;) {
        auto const next = std::ranges::min_element(
            servers_, {}, [](auto const& s) { return std::pair{s.second.process->next_deadline(), s.first}; });
        if (next->second.process->next_deadline() > end) {
            break;
        }
        now_ = std::max(now_, next->second.process->next_deadline());
        fire(next->first);
        stabilize(all);
    }
    now_ = end;
}

void scripted_group::timer(script_line const& line) {
    auto const id = static_cast<std::uint32_t>(line.number(0));
    REQUIRE(at(id).process->next_deadline() != never);
    now_ = std::max(now_, at(id).process->next_deadline());
    fire(id);
}

void scripted_group::hold_writes(script_line const& line) {
    at(line.number(0)).holds_writes = !line.has("no-more");
}

void scripted_group::write_out(script_line const& line) {
    auto const id = static_cast<std::uint32_t>(line.number(0));
    server& s = at(id);
    std::size_t most = line.words().size() > 1 ? line.number(1) : s.writes.size();
    for (; most > 0 && !s.writes.empty(); --most) {
        held_write const& w = s.writes.front();
        REQUIRE(s.log
                    .write({.number = w.number,
                            .state = w.state,
                            .commit = w.commit,
                            .first_index = w.first_index,
                            .entries = {std::span<entry const>{w.entries}, {}}})
                    .has_value());
        say(trace::number(id) + " write no. " + trace::number(w.number) + " is durable");
        s.process->written(w.number, now_);
        s.writes.pop_front();
        tell_changes(id);
    }
}

void scripted_group::restart(script_line const& line) {
    start(static_cast<std::uint32_t>(line.number(0)));
    state(line);
}

// A server that begins with a log of these terms.
void scripted_group::stored(script_line const& line) {
    auto const id = static_cast<std::uint32_t>(line.number(0));
    server& s = at(id);
    s.log = memory_log{s.log.stored().members};
    std::vector<entry> entries;
    for (std::size_t i = 1; i < line.words().size(); ++i) {
        entries.push_back({i, line.number(i), entry_kind::no_op, {}});
    }
    log_term const term = line.option("term") ? to_number(*line.option("term")) : 0;
    log_index const commit = line.option("commit") ? to_number(*line.option("commit")) : 0;
    REQUIRE(s.log
                .write({.number = 1,
                        .state = {term, no_node},
                        .commit = commit,
                        .first_index = 1,
                        .entries = {std::span<entry const>{entries}, {}}})
                .has_value());
    start(id);
}

void scripted_group::isolate(script_line const& line) {
    for (auto const& [other, s] : servers_) {
        auto const id = static_cast<std::uint32_t>(line.number(0));
        cut_.insert({id, other});
        cut_.insert({other, id});
    }
}

void scripted_group::cut(script_line const& line) {
    cut_.insert({static_cast<std::uint32_t>(line.number(0)), static_cast<std::uint32_t>(line.number(1))});
}

void scripted_group::heal(script_line const& /*line*/) {
    cut_.clear();
}

void scripted_group::change(script_line const& line) {
    std::map<std::string, membership_change::action> const what{{"add_voter", membership_change::action::add_voter},
                                                                {"add_learner", membership_change::action::add_learner},
                                                                {"add_witness", membership_change::action::add_witness},
                                                                {"remove", membership_change::action::remove}};
    std::vector<membership_change> changes;
    for (std::size_t i = 1; i + 1 < line.words().size(); i += 2) {
        changes.push_back({what.at(line.words()[i]), node_id{static_cast<std::uint32_t>(line.number(i + 1))}});
    }
    tell_refusal(at(line.number(0)).process->change_membership(changes, now_, line.words().back() == "joint"));
}

void scripted_group::transfer(script_line const& line) {
    server& s = at(line.number(0));
    tell_refusal(s.process->transfer_leadership(node_id{static_cast<std::uint32_t>(line.number(1))}, now_, s.out));
}

void scripted_group::read(script_line const& line) {
    server& s = at(line.number(0));
    tell_refusal(s.process->read(line.number(1), now_, s.out));
}

// Of what is applied; keep=N entries behind it stay in the log.
void scripted_group::snapshot(script_line const& line) {
    server& s = at(line.number(0));
    byte_buffer bytes;
    trace_.with_sessions ? s.with_sessions.save(bytes) : s.plain.save(bytes);
    log_index const keep = line.option("keep") ? to_number(*line.option("keep")) : 0;
    REQUIRE(s.log
                .save_snapshot({s.applied, s.applied_term, s.applied_members, bytes.size()}, bytes,
                               s.applied - std::min(keep, s.applied) + 1)
                .has_value());
    say(line.words().front() + " snapshot of " + trace::place(s.applied, s.applied_term) + ", " +
        trace::number(bytes.size()) + " bytes");
}

void scripted_group::unreachable(script_line const& line) {
    at(line.number(0)).process->peer_unreachable(node_id{static_cast<std::uint32_t>(line.number(1))}, now_);
}

void scripted_group::wake(script_line const& line) {
    at(line.number(0)).process->wake(now_);
}

void scripted_group::log(script_line const& line) {
    log_window const& window = at(line.number(0)).process->log();
    std::string entries;
    for (log_index i = window.first_index(); i <= window.last_index(); ++i) {
        entries += (entries.empty() ? "" : ", ") + trace_.text(window.at(i));
    }
    say(line.words().front() + " log [" + entries + "]");
}

void scripted_group::state(script_line const& line) {
    auto const id = static_cast<std::uint32_t>(line.number(0));
    server& s = at(id);
    replica const& r = *s.process;
    say(trace::number(id) + " " + trace::text(r.role()) + " term " + trace::number(r.term()) + " vote " +
        trace::name(r.hard_state().voted_for) + " leader " + trace::name(r.leader()) + " last " +
        trace::place(r.log().last_index(), r.log().last_term()) + " durable " + trace::number(r.durable()) +
        " commit " + trace::number(r.commit()) + (r.quiescent() ? " rests" : ""));
}

void scripted_group::status(script_line const& /*line*/) {
    for (auto const& [id, s] : servers_) {
        state(script_line{"state " + std::to_string(id)});
    }
}

void scripted_group::flying(script_line const& line) {
    settle();
    for (auto const& m : flying_) {
        if (fits(m.get(), line)) {
            say("in flight " + trace_.text(m.get()));
        }
    }
    if (std::ranges::none_of(flying_, [&](auto const& m) { return fits(m.get(), line); })) {
        say("nothing in flight");
    }
}

void scripted_group::lease(script_line const& line) {
    say(line.words().front() + (at(line.number(0)).process->holds_lease(now_) ? " holds a lease" : " holds no lease"));
}

// --- what follows ---------------------------------------------------------------------------------------------------

// What was not durable is gone.
void scripted_group::start(std::uint32_t id) {
    server& s = servers_.at(id);
    s.writes.clear();
    s.out.clear();
    s.process = std::make_unique<replica>(s.config, s.log.stored(), now_);
    s.log.each_stored([&](entry const& e) { s.process->restore(e, now_); });
    snapshot_info const info = s.log.snapshot();
    s.applied = info.index;
    s.applied_term = info.term;
    s.applied_members = s.log.stored().members;
    s.plain = tape{};
    s.with_sessions = sessions<tape>{tape{}, 2};
    if (info.index > 0) {
        auto const bytes = s.log.read_snapshot(0, static_cast<std::size_t>(info.size));
        REQUIRE((trace_.with_sessions ? s.with_sessions.restore(bytes) : s.plain.restore(bytes)));
    }
    seen_[id] = view_of(id);
}

void scripted_group::settle() {
    for (auto& [id, s] : servers_) {
        for (s.process->flush(now_, s.out); !s.out.empty(); s.process->flush(now_, s.out)) {
            carry_out_ready(id);
        }
        tell_changes(id);
    }
}

void scripted_group::carry_out_ready(std::uint32_t id) {
    server& s = servers_.at(id);
    tell_changes(id);
    if (!s.out.write.empty()) {
        keep_write(id, s.out.write);
    }
    for (message const& m : s.out.messages.items()) {
        flying_.emplace_back(m);
    }
    std::string applied;
    for (log_index i = s.out.committed_first; i != 0 && i <= s.out.committed_last; ++i) {
        apply(id, i);
    }
    for (read_outcome const& r : s.out.reads.items()) {
        say(trace::number(id) + " read " + trace::number(r.id) +
            (r.confirmed ? " is confirmed at " + trace::number(r.index) : std::string{" is not confirmed"}));
    }
    std::vector<fetch> const fetches(s.out.fetches.items().begin(), s.out.fetches.items().end());
    std::vector<snapshot_read_request> const reads(s.out.snapshot_reads.items().begin(),
                                                   s.out.snapshot_reads.items().end());
    std::uint64_t const written = s.holds_writes ? 0 : s.out.write.number;
    s.out.clear();
    std::ranges::for_each(fetches, [&](fetch const& f) { answer(id, f); });
    std::ranges::for_each(reads, [&](snapshot_read_request const& r) { answer(id, r); });
    if (written != 0) {
        s.process->written(written, now_);
    }
}

void scripted_group::keep_write(std::uint32_t id, log_write const& w) {
    server& s = servers_.at(id);
    if (!s.holds_writes) {
        REQUIRE(s.writes.empty());
        REQUIRE(s.log.write(w).has_value());
        return;
    }
    held_write held{w.number, w.state, w.commit, w.first_index, {}, {}};
    for (auto const& part : w.entries) {
        for (entry e : part) {
            held.payloads.emplace_back(e.payload.begin(), e.payload.end());
            e.payload = held.payloads.back();
            held.entries.push_back(e);
        }
    }
    say(trace::number(id) + " begins write no. " + trace::number(w.number) + " term " + trace::number(w.state.term) +
        " vote " + trace::name(w.state.voted_for) + " " + trace_.text(std::span<entry const>{held.entries}));
    s.writes.push_back(std::move(held));
}

void scripted_group::apply(std::uint32_t id, log_index index) {
    server& s = servers_.at(id);
    auto const stored = s.process->log().holds(index) ? std::nullopt : s.log.read(index, 1, 0);
    entry const e = stored ? stored->entries.front() : s.process->log().at(index);
    std::string answer;
    if (e.kind == entry_kind::command) {
        byte_buffer reply;
        trace_.with_sessions ? s.with_sessions.apply(index, e.payload, reply) : s.plain.apply(index, e.payload, reply);
        char const* const outcomes[] = {"done ", "stale", "expired", "malformed"};
        if (trace_.with_sessions) {
            auto const text = std::span{reply}.subspan(1);
            bool const opened = text.size() == 8 && text.back() == std::byte{0};
            answer = std::string{": "} + outcomes[static_cast<std::size_t>(reply.front())] +
                     (opened ? "client " + trace::number(byte_reader{text}.word())
                             : std::string{reinterpret_cast<char const*>(text.data()), text.size()});
        }
    }
    if (e.kind == entry_kind::membership) {
        s.applied_members = membership_codec::decode(e.payload).value();
    }
    REQUIRE(s.applied + 1 == index);
    s.applied = index;
    s.applied_term = e.term;
    say(trace::number(id) + " applies " + trace_.text(e) + answer);
}

void scripted_group::answer(std::uint32_t id, fetch const& f) {
    server& s = servers_.at(id);
    auto const found = s.log.read(f.first_index, f.count_max, f.bytes_max);
    say(trace::number(id) + " reads its log from " + trace::number(f.first_index) + " for " + trace::name(f.peer) +
        (found ? ": " + trace::number(found->entries.size()) + " entries" : std::string{": gone"}));
    if (found) {
        s.process->fetched(f.peer, found->previous_term, found->entries, s.out);
        send(s.out);
    } else {
        s.process->fetch_failed(f.peer);
    }
}

void scripted_group::answer(std::uint32_t id, snapshot_read_request const& r) {
    server& s = servers_.at(id);
    snapshot_info const info = s.log.snapshot();
    REQUIRE(info.index > 0);
    std::uint64_t const offset = r.last_index == info.index ? r.offset : 0;
    auto const members = membership_codec::encode(info.members);
    auto const bytes = s.log.read_snapshot(offset, r.bytes_max);
    s.process->snapshot_read(r.peer,
                             {.last_index = info.index,
                              .last_term = info.term,
                              .offset = offset,
                              .last = offset + bytes.size() >= info.size,
                              .members = {members.data(), members.size()},
                              .bytes = bytes},
                             s.out);
    send(s.out);
}

// What a fetch or a chunk makes borrows from the storage: it is sent before anything else happens.
void scripted_group::send(ready& out) {
    for (message const& m : out.messages.items()) {
        flying_.emplace_back(m);
    }
    out.messages.clear();
}

void scripted_group::store(std::uint32_t id, snapshot_store_request const& r) {
    server& s = servers_.at(id);
    snapshot_progress const progress = s.log.store_chunk(r.chunk).value();
    if (progress.complete) {
        snapshot_info const info = s.log.snapshot();
        s.process->snapshot_restored(info.index, info.term, info.members, now_);
        auto const bytes = s.log.read_snapshot(0, static_cast<std::size_t>(info.size));
        REQUIRE((trace_.with_sessions ? s.with_sessions.restore(bytes) : s.plain.restore(bytes)));
        s.applied = info.index;
        s.applied_term = info.term;
        s.applied_members = info.members;
        say(trace::number(id) + " is put to the snapshot of " + trace::place(info.index, info.term) + ": " +
            (trace_.with_sessions ? s.with_sessions.machine() : s.plain).text());
    }
    s.process->snapshot_stored(r.from, r.chunk.last_index, progress.next_offset, s.out);
}

void scripted_group::hand_over(raft_sim::owned_message const& m) {
    auto const to = servers_.find(m.get().to.value);
    bool const lost = to == servers_.end() || is_lost(m.get());
    if (!quiet_) {
        say(trace_.text(m.get(), lost));
    }
    if (lost) {
        return;
    }
    server& s = to->second;
    s.process->receive(m.get(), now_, s.out);
    for (snapshot_store_request const& r : s.out.snapshot_stores.items()) {
        store(to->first, r);
    }
    s.out.snapshot_stores.clear();
    settle();
}

void scripted_group::fire(std::uint32_t id) {
    server& s = servers_.at(id);
    if (!quiet_ || s.process->role() != role::leader) {
        say(trace::number(id) + " timer at " +
            trace::number(static_cast<std::uint64_t>(now_.time_since_epoch() / 1ms)) + "ms");
    }
    s.process->tick(now_, s.out);
}

void scripted_group::tell_changes(std::uint32_t id) {
    view const after = view_of(id);
    view const before = std::exchange(seen_[id], after);
    std::string const who = trace::number(id);
    bool const same = before.role == after.role && before.term == after.term && before.leader == after.leader;
    if (!same) {
        say(who + " is " + trace::text(after.role) +
            (after.role == role::follower && after.leader != no_node ? " of " + trace::name(after.leader) : "") +
            ", term " + trace::number(after.term));
    }
    tell_log_changes(id, before, after);
    if (before.members != after.members) {
        say(who + " members " + trace::text(after.members));
    }
    if (before.commit != after.commit) {
        say(who + " commit " + trace::number(after.commit));
    }
    if (before.quiet != after.quiet) {
        say(who + (after.quiet ? " rests" : " wakes"));
    }
}

void scripted_group::tell_log_changes(std::uint32_t id, view const& before, view const& after) {
    std::vector<entry> added;
    std::string removed;
    for (entry const& e : after.log) {
        bool const known =
            std::ranges::any_of(before.log, [&](entry const& b) { return b.index == e.index && b.term == e.term; });
        if (!known && after.role == role::leader && e.term == after.term) {
            added.push_back(at(id).process->log().at(e.index));
        }
    }
    for (entry const& e : before.log) {
        bool const replaced =
            std::ranges::any_of(after.log, [&](entry const& a) { return a.index == e.index && a.term != e.term; });
        bool const cut_off = !after.log.empty() && e.index > after.log.back().index;
        if (replaced || cut_off) {
            removed += " " + trace::place(e.index, e.term);
        }
    }
    if (!removed.empty()) {
        say(trace::number(id) + " removes" + removed);
    }
    if (!added.empty()) {
        say(trace::number(id) + " appends " + trace_.text(std::span<entry const>{added}));
    }
}

// --- helpers --------------------------------------------------------------------------------------------------------

scripted_group::view scripted_group::view_of(std::uint32_t id) const {
    replica const& r = *servers_.at(id).process;
    view v{r.role(), r.term(), r.leader(), r.quiescent(), r.commit(), r.members(), {}};
    for (log_index i = r.log().first_index(); i <= r.log().last_index(); ++i) {
        v.log.push_back({i, r.log().at(i).term, r.log().at(i).kind, {}});
    }
    return v;
}

scripted_group::server& scripted_group::at(std::uint64_t id) {
    auto const found = servers_.find(static_cast<std::uint32_t>(id));
    REQUIRE_MESSAGE(found != servers_.end(), "no server " << id);
    return found->second;
}

bool scripted_group::is_lost(message const& m) const {
    return cut_.contains({m.from.value, m.to.value});
}

bool scripted_group::fits(message const& m, script_line const& line) const {
    auto const between = line.list("between");
    auto const holds = [&](char const* option, std::uint32_t id) {
        auto const ids = line.list(option);
        return ids.empty() || std::ranges::find(ids, id) != ids.end();
    };
    auto const kind = line.option("kind");
    return holds("from", m.from.value) && holds("to", m.to.value) && holds("between", m.from.value) &&
           holds("between", m.to.value) && (!kind || *kind == trace::kind(m));
}

void scripted_group::say(std::string const& line) {
    output_ += "  " + line + "\n";
}

void scripted_group::refused(errc why) {
    say("refused: " + trace::text(why));
}

} // namespace hpcsched::raft::test
