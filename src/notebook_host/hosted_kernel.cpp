// SPDX-License-Identifier: Apache-2.0
#include "hosted_kernel.hpp"

#include "hexadecimal.hpp"
#include "json_words.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

namespace hpcsched::notebook_host {
namespace {

namespace json = boost::json;
using notebook::cell_attempt;
using notebook::cell_status;
using notebook::stored_value;

// What the log holds beside names: no name of Python begins so.
constexpr std::string_view count_key = "#count"; // of executions, after the last cell
constexpr std::string_view reply_key = "#reply"; // the content of the reply to the last cell

constexpr duration offer_again = std::chrono::milliseconds{300};
constexpr duration first_backoff = std::chrono::milliseconds{100};
constexpr duration longest_backoff = std::chrono::seconds{30};
constexpr duration longest_silence = std::chrono::seconds{5}; // of a cell that nobody can agree on
constexpr duration interrupt_again = std::chrono::milliseconds{500};
constexpr duration give_way = std::chrono::milliseconds{10}; // with what others changed
constexpr std::size_t gathered_bytes_max = std::size_t{1} << 20U;
constexpr duration longest_farewell = std::chrono::seconds{10}; // of a cell, or of an interpreter that nobody needs

// Requests that change nothing. What other ones do is in the log with the next cell.
constexpr std::array<std::string_view, 8> only_looks{"complete_request",    "inspect_request",   "history_request",
                                                     "kernel_info_request", "interrupt_request", "is_complete_request",
                                                     "comm_info_request",   "input_reply"};

[[nodiscard]] std::string text_of(json::value const* value) {
    return value != nullptr && value->is_string() ? std::string{value->get_string()} : std::string{};
}

[[nodiscard]] byte_buffer bytes_of(std::string_view text) {
    auto const bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
}

[[nodiscard]] std::string text_of(byte_buffer const& bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()}; // NOLINT(*-reinterpret-cast): bytes
}

/// What an interpreter says that a cell changed.
[[nodiscard]] notebook::state_delta read_delta(json::object const& told, std::vector<frame>& buffers) {
    notebook::state_delta delta;
    std::size_t next = 0;
    if (json::value const* const changed = told.if_contains("changed"); changed != nullptr && changed->is_array()) {
        for (json::value const& each : changed->get_array()) {
            json::array const* const entry = each.if_array();
            if (entry == nullptr || entry->size() != 3 || !entry->at(0).is_string()) {
                continue;
            }
            std::string key{entry->at(0).get_string()};
            if (entry->at(2).is_string()) {
                if (auto const digest = bytes_in<32>(entry->at(2).get_string())) {
                    auto const size = entry->at(1).is_int64() ? entry->at(1).get_int64() : 0;
                    delta.changed.emplace_back(std::move(key),
                                               notebook::chunk_pointer{*digest, static_cast<std::uint64_t>(size)});
                }
            } else if (next < buffers.size()) {
                delta.changed.emplace_back(std::move(key), bytes_of(buffers[next++]));
            }
        }
    }
    if (json::value const* const removed = told.if_contains("removed"); removed != nullptr && removed->is_array()) {
        for (json::value const& each : removed->get_array()) {
            delta.removed.push_back(text_of(&each));
        }
    }
    return delta;
}

[[nodiscard]] std::uint64_t read_count(notebook::kernel_log const& log) {
    auto const at = log.names().find(count_key);
    auto const* const bytes = at == log.names().end() ? nullptr : std::get_if<byte_buffer>(&at->second);
    byte_reader in{bytes == nullptr ? std::span<std::byte const>{} : std::span<std::byte const>{*bytes}};
    return in.word();
}

void note_count(notebook::state_delta& delta, std::uint64_t count) {
    byte_buffer word;
    put_word(word, count);
    delta.changed.emplace_back(std::string{count_key}, std::move(word));
}

[[nodiscard]] jupyter_message broadcast(std::string_view type, std::string const& parent, json::object const& content) {
    return {.identities = {"kernel.hpcsched." + std::string{type}},
            .header = make_header(type),
            .parent_header = parent,
            .metadata = "{}",
            .content = json::serialize(content)};
}

/// What CUDA_VISIBLE_DEVICES is to name.
[[nodiscard]] json::array names_of(gpu::device_mask devices, std::span<std::string const> names) {
    json::array list = devices_in(devices);
    for (json::value& each : list) {
        if (std::size_t const d = each.to_number<std::size_t>(); d < names.size()) {
            each = names[d];
        }
    }
    return list;
}

[[nodiscard]] cell_status status_of(std::string const& word) {
    return word == "ok" ? cell_status::ok : word == "aborted" ? cell_status::aborted : cell_status::error;
}

} // namespace

hosted_kernel::hosted_kernel(notebook::replica_id self, surroundings around)
    : around_{std::move(around)}, replica_{self, {.start = around_.start}},
      install_soon_{*around_.loop, [this] { install_gathered(); }} {
    start_interpreter();
}

hosted_kernel::~hosted_kernel() {
    *alive_ = false;
}

// --- the interpreter ---------------------------------------------------------------------------------------------

void hosted_kernel::start_interpreter() {
    start_at_ = never;
    started_ = used_ = raft_asio::event_loop::now();
    keeps_more_ = up_ = false;
    unanswered_ = 0;
    auto made = around_.interpreters->take(
        around_.user, [this](channel where, jupyter_message message) { hear(where, std::move(message)); },
        [this](int status) { ended(status); });
    if (!made) {
        around_.complain(made.error().message);
        start_at_ = saturating_add(started_, longest_backoff);
        return;
    }
    interpreter_ = std::move(*made);
    install_all();
}

// After a sleep; one that died is started when it is due.
void hosted_kernel::wake(time_point now) {
    used_ = now;
    if (!interpreter_ && start_at_ == never) {
        start_interpreter();
    }
}

void hosted_kernel::sleep_if_idle(time_point now) {
    if (leaving_ && now >= leaves_by_) {
        leaving_.reset(); // it does not end by itself
    }
    bool const idle = up_ && unanswered_ == 0 && !running_ && requests_.empty() && !executing() && ending() == nullptr;
    if (!idle || !interpreter_ || keeps_more_ || leaving_ || now - used_ < around_.reclaim_after) {
        return;
    }
    leaving_ = std::move(interpreter_);
    leaves_by_ = saturating_add(now, longest_farewell);
    gathered_.clear();
    gathered_bytes_ = 0;
    leaving_->listen([](channel, jupyter_message const&) {},
                     [this](int) {
                         around_.loop->post([this, alive = alive_] { // not in its own call
                             if (*alive) {
                                 leaving_.reset();
                             }
                         });
                     });
    leaving_->ask_to_end();
}

void hosted_kernel::ended(int status) {
    ready_ = false;
    given_up_.clear();
    auto const now = raft_asio::event_loop::now();
    std::string const how =
        status > 128 ? "by signal " + std::to_string(status - 128) : "with status " + std::to_string(status);
    constexpr std::uint32_t restarts_max = 3;
    bool const starts_again = running_ && !running_->begun && ++running_->restarts <= restarts_max;
    if (running_ && !running_->reply && !starts_again) {
        fail_cell("the interpreter ended " + how +
                  " while it executed this cell; what the cells before it made is kept");
    }
    bool const lasted = now - started_ > longest_backoff;
    backoff_ = lasted || backoff_ == duration{} ? first_backoff : std::min(backoff_ * 2, longest_backoff);
    start_at_ = saturating_add(now, backoff_);
    around_.complain("an interpreter ended " + how + "; another is started from the kernel's log");
    ended_ = std::move(interpreter_);           // nothing is sent to it any more
    around_.loop->post([this, alive = alive_] { // not in its own call
        if (*alive) {
            ended_.reset();
        }
    });
    if (starts_again) { // the cell is not what it died of
        send_cell();
    }
}

// Ends the cell that runs with an error of this program's own.
void hosted_kernel::fail_cell(std::string const& what) {
    auto const count = read_count(*around_.log()) + 1;
    std::string const& parent = running_->request.header;
    json::object content{{"ename", "InterpreterDied"}, {"evalue", what}, {"traceback", {"InterpreterDied: " + what}}};
    if (!running_->begun) { // or what it said of it died with it
        say_of_cell(channel::iopub, broadcast("status", parent, {{"execution_state", "busy"}}));
    }
    say_of_cell(channel::iopub, broadcast("error", parent, content));
    content["status"] = "error";
    content["execution_count"] = count;
    content["user_expressions"] = json::object{};
    content["payload"] = json::array{};
    running_->idle = broadcast("status", parent, {{"execution_state", "idle"}});
    running_->reply = {.identities = running_->request.identities,
                       .header = make_header("execute_reply"),
                       .parent_header = parent,
                       .metadata = "{}",
                       .content = json::serialize(content)};
    notebook::state_delta delta;
    note_count(delta, count);
    delta.changed.emplace_back(std::string{reply_key}, bytes_of(running_->reply->content));
    replica_.handle(notebook::cell_ran{running_->attempt, cell_status::error, std::move(delta)}, *around_.log(),
                    raft_asio::event_loop::now(), commands_);
    carry_out_soon();
}

void hosted_kernel::hear(channel where, jupyter_message message) {
    if (where == channel::iopub) {
        hear_output(std::move(message));
        return;
    }
    auto const parent = read_header(message.parent_header);
    if (parent.type == "hpcsched_install_request") {
        up_ = true;
        if (!std::exchange(ready_, true)) {
            backoff_ = {};
            around_.tell(replica_here{});
        }
        json::object const content = parse_object(message.content);
        if (json::value const* const failed = content.if_contains("failed"); failed != nullptr && failed->is_array()) {
            for (json::value const& each : failed->get_array()) {
                around_.complain("a value could not be taken over: " + json::serialize(each));
            }
        }
        return;
    }
    used_ = raft_asio::event_loop::now();
    bool const ends_cell = where == channel::shell && parent.type == "execute_request";
    given_up* const gone = ending();
    if (ends_cell && gone != nullptr && gone->id == parent.id) { // the log knows better
        gone->reply_due = false;
        if (running_ && !running_->is_sent) {
            send_cell();
        }
    } else if (running_ && parent.id == running_->id) {
        if (ends_cell && !running_->reply) {
            cell_ended(std::move(message));
        } else if (!ends_cell) {
            say_of_cell(where, std::move(message));
        }
    } else if (!ends_cell && !parent.type.starts_with("hpcsched_") && !is_of_given_up(parent.id)) {
        unanswered_ -= std::min<std::size_t>(unanswered_, where != channel::stdin_ ? 1 : 0);
        around_.tell(message_heard{where, std::move(message)});
    }
}

void hosted_kernel::hear_output(jupyter_message message) {
    auto const parent = read_header(message.parent_header);
    if (parent.id.empty() || parent.type.starts_with("hpcsched_")) {
        return; // of this program's own doing
    }
    std::string const state = read_header(message.header).type == "status"
                                  ? text_of(parse_object(message.content), "execution_state")
                                  : std::string{};
    auto const gone =
        std::ranges::find_if(given_up_, [&](given_up const& g) { return g.idle_due && g.id == parent.id; });
    if (gone != given_up_.end()) {
        gone->begun = true;
        gone->idle_due = state != "idle";
        return;
    }
    if (!running_ || parent.id != running_->id) {
        if (!is_of_given_up(parent.id)) {
            around_.tell(message_heard{channel::iopub, std::move(message)});
        }
        return;
    }
    if (state == "busy") {
        running_->begun = true;
    } else if (state == "idle") {
        if (!running_->released) {
            running_->idle = std::move(message);
            return;
        }
        around_.tell(message_heard{channel::iopub, std::move(message)});
        running_.reset();
        return;
    }
    say_of_cell(channel::iopub, std::move(message));
}

// What of the cell that runs is for the clients, once the log has decided on it.
void hosted_kernel::say_of_cell(channel where, jupyter_message message) {
    if (running_->shown) {
        around_.tell(message_heard{where, std::move(message)});
    } else {
        running_->withheld.emplace_back(where, std::move(message));
    }
}

bool hosted_kernel::is_of_given_up(std::string const& id) const {
    return std::ranges::find(given_up_, id, &given_up::id) != given_up_.end();
}

// Of what was given up, what the interpreter is still at, or comes to next.
hosted_kernel::given_up* hosted_kernel::ending() noexcept {
    auto const at = std::ranges::find(given_up_, true, &given_up::reply_due);
    return at == given_up_.end() ? nullptr : &*at;
}

void hosted_kernel::give_up() {
    if (interpreter_ && running_->is_sent) {
        constexpr std::size_t remembered = 16;
        given_up_.push_back({.id = running_->id,
                             .reply_due = !running_->reply,
                             .idle_due = !running_->idle,
                             .begun = running_->begun,
                             .since = raft_asio::event_loop::now()});
        if (given_up_.size() > remembered) {
            given_up_.pop_front();
        }
    }
    running_.reset();
    hurry_up(raft_asio::event_loop::now());
}

// What is given up is interrupted until it ends: a signal may come before the cell's own code, or be caught there.
// Until then nothing is sent that a signal could hit in its place. What does not end takes its interpreter with it.
void hosted_kernel::hurry_up(time_point now) {
    given_up* const gone = ending();
    if (gone == nullptr || !interpreter_) {
        return;
    }
    if (now - gone->since > longest_farewell) {
        around_.complain("a cell that was given up does not end: its interpreter is started again from the log");
        given_up_.clear();
        ready_ = false;
        interpreter_.reset();
        start_interpreter();
        if (running_) {
            send_cell();
        }
    } else if (gone->begun && now - gone->interrupted >= interrupt_again) {
        gone->interrupted = now;
        interpreter_->interrupt();
    }
}

void hosted_kernel::cell_ended(jupyter_message reply) {
    json::object metadata = parse_object(reply.metadata);
    json::object const content = parse_object(reply.content);
    notebook::state_delta delta;
    std::uint64_t count = read_count(*around_.log());
    if (json::value const* const told = metadata.if_contains("hpcsched"); told != nullptr && told->is_object()) {
        delta = read_delta(told->get_object(), reply.buffers);
        json::value const* const whole = told->get_object().if_contains("whole");
        keeps_more_ = whole == nullptr || !whole->is_bool() || !whole->get_bool();
        json::value const* const counted = told->get_object().if_contains("execution_count");
        count = counted != nullptr && counted->is_int64() ? static_cast<std::uint64_t>(counted->get_int64()) : count;
        metadata.erase("hpcsched");
        reply.metadata = json::serialize(metadata);
        reply.buffers.clear();
    }
    note_count(delta, count);
    delta.changed.emplace_back(std::string{reply_key}, bytes_of(reply.content));
    cell_status const status = status_of(text_of(content, "status"));
    running_->reply = std::move(reply);
    replica_.handle(notebook::cell_ran{running_->attempt, status, std::move(delta)}, *around_.log(),
                    raft_asio::event_loop::now(), commands_);
    carry_out_soon();
}

// --- the log -----------------------------------------------------------------------------------------------------

void hosted_kernel::applied(std::span<std::byte const> command, notebook::entry_outcome outcome,
                            notebook::kernel_log const& log) {
    std::erase_if(offered_, [&](byte_buffer const& each) { return std::ranges::equal(each, command); });
    if (auto entry = notebook::kernel_codec::decode(command)) {
        replica_.handle(notebook::entry_applied{std::move(*entry), outcome}, log, raft_asio::event_loop::now(),
                        commands_);
        carry_out_soon();
    }
}

void hosted_kernel::restored() {
    around_.loop->post([this, alive = alive_] {
        if (*alive) {
            replica_.handle(notebook::log_replaced{}, *around_.log(), raft_asio::event_loop::now(), commands_);
            carry_out_soon();
        }
    });
}

void hosted_kernel::tick(time_point now) {
    hurry_up(now);
    if (!interpreter_ && start_at_ <= now) {
        start_interpreter();
    }
    sleep_if_idle(now);
    say_that_it_waits(now);
    if (!offered_.empty() && now - offered_at_ >= offer_again) {
        offered_at_ = now;
        for (byte_buffer const& each : offered_) {
            around_.offer(each);
        }
    }
}

void hosted_kernel::carry_out_soon() {
    if (!commands_.empty() && !std::exchange(will_carry_out_, true)) {
        around_.loop->post([this, alive = alive_] {
            if (*alive) {
                will_carry_out_ = false;
                carry_out();
            }
        });
    }
}

void hosted_kernel::carry_out() {
    std::vector<notebook::replica_command> const due{commands_.items().begin(), commands_.items().end()};
    commands_.clear(); // carrying them out makes more
    for (notebook::replica_command const& c : due) {
        std::visit([this](auto const& command) { carry_out(command); }, c);
    }
}

void hosted_kernel::carry_out(notebook::propose_entry const& c) {
    byte_buffer& command = offered_.emplace_back();
    notebook::kernel_codec::encode(c.entry, command);
    offered_at_ = raft_asio::event_loop::now();
    around_.offer(command);
}

void hosted_kernel::carry_out(notebook::execute_cell const& c) {
    auto const at = requests_.find(c.attempt);
    if (at == requests_.end()) {
        return; // whoever asked asks again, elsewhere
    }
    running_ = running_cell{.attempt = c.attempt, .request = at->second.message};
    running_->id = read_header(running_->request.header).id;
    json::object metadata = parse_object(running_->request.metadata);
    // With the attempt: an interpreter that is sent the same bytes once more takes them for a replay.
    metadata["hpcsched"] =
        json::object{{"devices", names_of(at->second.devices, around_.device_names)}, {"attempt", c.attempt.number}};
    running_->sent = running_->request;
    running_->sent.metadata = json::serialize(metadata);
    // What waits for a cell that failed waits at the proxy, which aborts it. Here the next cell may be one that another
    // replica was given up for: the end of what is undone must not abort it.
    json::object content = parse_object(running_->request.content);
    content["stop_on_error"] = false;
    running_->sent.content = json::serialize(content);
    requests_.erase(requests_.begin(), std::next(at));
    send_cell();
}

void hosted_kernel::carry_out(notebook::show_outputs const& c) {
    if (running_ && running_->attempt == c.attempt) {
        running_->shown = true;
        for (auto& [where, message] : std::exchange(running_->withheld, {})) {
            around_.tell(message_heard{where, std::move(message)});
        }
    }
}

void hosted_kernel::send_cell() {
    if (!interpreter_) {
        start_interpreter();
    }
    if (ending() != nullptr) {
        return; // when that has ended
    }
    if (interpreter_) {
        running_->is_sent = true;
        send(channel::shell, running_->sent);
    } else {
        fail_cell("the interpreter cannot be started");
    }
}

void hosted_kernel::carry_out(notebook::release_reply const& c) {
    if (!running_ || running_->attempt != c.attempt || !running_->reply) {
        return;
    }
    installed_ = std::max(installed_, c.attempt.cell);
    running_->released = true;
    around_.tell(cell_replied{c.attempt, *running_->reply});
    if (running_->idle) {
        around_.tell(message_heard{channel::iopub, *running_->idle});
        running_.reset();
    }
}

void hosted_kernel::carry_out(notebook::discard_changes const& c) {
    if (running_ && running_->attempt == c.attempt) {
        give_up();
    }
    install_all();
}

void hosted_kernel::carry_out(notebook::install_log const& /*c*/) {
    answer_waiting();
    install_all();
}

void hosted_kernel::carry_out(notebook::install_delta const& c) {
    answer_waiting();
    wake(raft_asio::event_loop::now()); // it may be the next to execute a cell
    if (c.attempt.cell <= installed_ || !interpreter_) {
        return;
    }
    installed_ = c.attempt.cell;
    gathered_.push_back(c.delta);
    for (auto const& [name, value] : c.delta.changed) {
        auto const* const bytes = std::get_if<byte_buffer>(&value);
        gathered_bytes_ += name.size() + (bytes == nullptr ? 0 : bytes->size());
    }
    if (gathered_bytes_ > gathered_bytes_max) {
        install_gathered();
    } else if (gathered_.size() == 1) {
        install_soon_.once(give_way);
    }
}

// What other replicas' cells changed is of no hurry: whoever has just got the reply goes first.
void hosted_kernel::install_gathered() {
    gathered_bytes_ = 0;
    for (notebook::state_delta const& delta : std::exchange(gathered_, {})) {
        if (!interpreter_) {
            return; // the next one begins with all of the log
        }
        std::vector<std::pair<std::string_view, stored_value const*>> changed;
        for (auto const& [name, value] : delta.changed) {
            changed.emplace_back(name, &value);
        }
        install(changed, delta.removed, false);
    }
}

// All that an interpreter is asked is asked of one that is up to the log.
void hosted_kernel::send(channel where, jupyter_message const& message) {
    install_gathered();
    interpreter_->send(where, message);
}

// Brings an interpreter to what the log holds, whatever it had before.
void hosted_kernel::install_all() {
    notebook::kernel_log const* const log = around_.log();
    if (!interpreter_ || log == nullptr) {
        return;
    }
    installed_ = log->last_done().cell;
    gathered_.clear();
    gathered_bytes_ = 0;
    std::vector<std::pair<std::string_view, stored_value const*>> all;
    for (auto const& [name, value] : log->names()) {
        all.emplace_back(name, &value);
    }
    install(all, {}, true);
}

void hosted_kernel::install(std::vector<std::pair<std::string_view, stored_value const*>> const& changed,
                            std::vector<std::string> const& removed, bool replace) {
    json::array list;
    jupyter_message message{.header = make_header("hpcsched_install_request"), .parent_header = "{}", .metadata = "{}"};
    for (auto const& [name, value] : changed) {
        if (name.starts_with('#')) {
            continue;
        }
        if (auto const* const bytes = std::get_if<byte_buffer>(value)) {
            list.push_back(json::array{name, bytes->size(), nullptr});
            message.buffers.push_back(text_of(*bytes));
        } else {
            auto const& pointer = std::get<notebook::chunk_pointer>(*value);
            list.push_back(json::array{name, pointer.size, hexadecimal(pointer.digest)});
        }
    }
    json::array gone;
    for (std::string const& name : removed) {
        gone.emplace_back(name);
    }
    message.content = json::serialize(json::object{{"changed", std::move(list)},
                                                   {"removed", std::move(gone)},
                                                   {"execution_count", read_count(*around_.log())},
                                                   {"replace", replace},
                                                   {"store", around_.store}});
    interpreter_->send(channel::shell, message);
}

// Who waits for a cell hears why: the log takes nothing in while too many of its replicas are lost.
void hosted_kernel::say_that_it_waits(time_point now) {
    if (offered_.empty() || around_.has_majority()) {
        agreed_at_ = now;
        return;
    }
    bool const runs = running_ && !running_->released;
    if (now - agreed_at_ < longest_silence || (!runs && requests_.empty())) {
        return;
    }
    std::string const& request = runs ? running_->request.header : requests_.rbegin()->second.message.header;
    if (std::string id = read_header(request).id; id != said_to_wait_) {
        said_to_wait_ = std::move(id);
        around_.tell(message_heard{
            channel::iopub,
            broadcast(
                "stream", request,
                {{"name", "stderr"},
                 {"text", "hpcsched: the cell waits: a majority of the kernel's replicas cannot be reached "
                          "(hpcsched notebook status shows which hosts are lost); it goes on when they are back\n"}})});
    }
}

// --- the clients ---------------------------------------------------------------------------------------------------

void hosted_kernel::ask(cell_asked request) {
    notebook::kernel_log const* const log = around_.log();
    if (log == nullptr) {
        return;
    }
    if (request.attempt.cell <= log->last_done().cell) {
        answer_from_log(request);
        return;
    }
    notebook::cell_requested const what{request.attempt, replica_.self(), request.lease};
    requests_.insert_or_assign(request.attempt, std::move(request));
    replica_.handle(what, *log, raft_asio::event_loop::now(), commands_);
    carry_out_soon();
}

// This host was asked for a cell that an earlier attempt has ended after all: its end was on the way when its host was
// lost.
void hosted_kernel::answer_waiting() {
    cell_attempt const over = around_.log()->last_done();
    for (auto at = requests_.begin(); at != requests_.end() && at->first.cell <= over.cell; at = requests_.erase(at)) {
        if (at->first > over) {
            answer_from_log(at->second);
        }
    }
}

// The reply was lost on its way, and not what the cell made.
void hosted_kernel::answer_from_log(cell_asked const& request) {
    auto const& names = around_.log()->names();
    auto const at = names.find(reply_key);
    auto const* const content = at == names.end() ? nullptr : std::get_if<byte_buffer>(&at->second);
    if (content == nullptr || request.attempt.cell != around_.log()->last_done().cell) {
        return;
    }
    around_.tell(cell_replied{request.attempt,
                              {.identities = request.message.identities,
                               .header = make_header("execute_reply"),
                               .parent_header = request.message.header,
                               .metadata = "{}",
                               .content = text_of(*content)}});
    around_.tell(
        message_heard{channel::iopub, broadcast("status", request.message.header, {{"execution_state", "idle"}})});
}

void hosted_kernel::pass(channel where, jupyter_message const& message) {
    wake(raft_asio::event_loop::now());
    if (!interpreter_) {
        return;
    }
    std::string const type = read_header(message.header).type;
    keeps_more_ = keeps_more_ || std::ranges::find(only_looks, type) == only_looks.end();
    if (where == channel::control && type == "interrupt_request") {
        interpreter_->interrupt();
        around_.tell(message_heard{where,
                                   {.identities = message.identities,
                                    .header = make_header("interrupt_reply"),
                                    .parent_header = message.header,
                                    .metadata = "{}",
                                    .content = R"({"status": "ok"})"}});
        return;
    }
    unanswered_ += type.ends_with("_request") ? 1U : 0U;
    send(where, message);
}

} // namespace hpcsched::notebook_host
