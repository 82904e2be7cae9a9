// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/certificates.hpp>
#include <hpcsched/notebook_host/replicated_proxy.hpp>

#include <boost/json.hpp>

#include "front.hpp"
#include "hexadecimal.hpp"
#include "host_machine.hpp"
#include "host_protocol.hpp"
#include "json_words.hpp"
#include "server_process.hpp"
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::notebook_host {
namespace {

namespace json = boost::json;
using raft_asio::event_loop;
using raft_asio::response;
using raft_asio::response_status;

constexpr duration ask_again = std::chrono::milliseconds{100};
constexpr duration patience = std::chrono::seconds{30}; // for the cluster's answers
constexpr duration farewell = std::chrono::seconds{2};
constexpr duration place_limit = std::chrono::seconds{5}; // a kernel without hosts for so long says that it waits

/// How many GPUs a cell asks for: by `%gpu N` in its first line, or by the metadata of the request.
[[nodiscard]] std::uint32_t gpus_of(json::object const& content, json::object const& metadata) {
    std::string const code = text_of(content, "code");
    std::size_t const begins = code.find_first_not_of(" \t\r\n");
    constexpr std::string_view magic = "%gpu";
    std::uint32_t gpus = 0;
    if (begins != std::string::npos && std::string_view{code}.substr(begins).starts_with(magic)) {
        std::size_t const digits = code.find_first_not_of(" \t", begins + magic.size());
        if (digits != std::string::npos) {
            (void)std::from_chars(code.data() + digits, code.data() + code.size(), gpus);
        }
    } else if (json::value const* const asked = metadata.if_contains("gpus");
               asked != nullptr && asked->is_int64() && asked->get_int64() > 0) {
        gpus = static_cast<std::uint32_t>(std::min<std::int64_t>(asked->get_int64(), 1'000'000));
    }
    return gpus;
}

[[nodiscard]] std::string words_in(std::span<std::byte const> bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()}; // NOLINT(*-reinterpret-cast): bytes
}

[[nodiscard]] jupyter_message answer_to(jupyter_message const& request, std::string_view type,
                                        json::object const& content) {
    return {.identities = request.identities,
            .header = make_header(type),
            .parent_header = request.header,
            .metadata = "{}",
            .content = json::serialize(content)};
}
[[nodiscard]] jupyter_message broadcast(jupyter_message const& request, std::string_view type,
                                        json::object const& content) {
    jupyter_message made = answer_to(request, type, content);
    made.identities = {"kernel.hpcsched." + std::string{type}};
    return made;
}

class proxy {
  public:
    proxy(replicated_proxy_config& config, message_signer signer)
        : config_{config}, front_{sockets_, config.front, std::move(signer), config.limits, config.complain} {
        for (channel const c : {channel::shell, channel::control, channel::stdin_}) {
            watch(front_.socket(c));
        }
        watch(front_.heartbeat());
    }

    result<replicated_proxy_summary> run() {
        watch_the_end();
        auto cluster = raft_asio::client::connect(loop_, config_.cluster);
        if (!cluster) {
            return cluster.error();
        }
        cluster_.emplace(std::move(*cluster));
        byte_buffer command;
        cluster_machine::open_kernel(name_, config_.gpus, wall_clock(), command, config_.owner);
        command_cluster(command, [this](cluster_machine::answer const& a) {
            using outcome = notebook::scheduler_outcome;
            if (a.outcome != outcome::done && a.outcome != outcome::repeated) {
                fail("the cluster refuses a kernel whose cells need " + std::to_string(config_.gpus) + " GPUs");
                return;
            }
            kernel_ = a.kernel;
            serial_ = a.serial;
            look();
            after(place_limit, [this] { say_that_it_waits(); });
        });
        read_soon();
        loop_.run();
        links_.clear();
        cluster_.reset();
        loop_.unwatch(signals_);
        ::close(signals_);
        ::pthread_sigmask(SIG_SETMASK, &signals_before_, nullptr);
        if (!failure_.empty()) {
            return error{failure_};
        }
        summary_.turned_away = front_.turned_away();
        return summary_;
    }

  private:
    // The way to a host that has a replica.
    struct link {
        explicit link(raft_asio::client made) : client{std::move(made)} {}
        raft_asio::client client;
        bool up = false; // a replica is there, and up to the log
    };
    struct cell {
        notebook::cell_number number = 0;
        std::uint32_t attempts = 0;
        jupyter_message request{};
        std::string id{};
        std::uint32_t gpus = 0;
        bool stop_on_error = true;
        bool shown = false;                   // clients have seen something of it
        std::optional<raft::node_id> where{}; // of the present attempt
        std::uint64_t generation = 0;         // of the lease that it was tried with
    };
    struct open_request {
        channel where{};
        jupyter_message message{};
    };

    void complain(std::string const& what) const {
        if (config_.complain) {
            config_.complain(what);
        }
    }
    void fail(std::string why) {
        failure_ = std::move(why);
        loop_.stop();
    }

    // --- the cluster ---------------------------------------------------------------------------------------------

    void command_cluster(byte_buffer const& command, std::function<void(cluster_machine::answer const&)> done) {
        cluster_->submit({.kind = raft_asio::request_kind::command, .group = cluster_group, .payload = command},
                         patience, [this, done = std::move(done)](result<response> const& r) {
                             if (!r) {
                                 fail("the cluster does not answer: " + r.error().message);
                             } else if (r->status == response_status::refused) {
                                 fail("the cluster refuses: " + words_in(r->payload));
                             } else if (done) {
                                 done(cluster_machine::decode(r->payload));
                             }
                         });
    }

    // Until the kernel has a place, and once in a while: what hosts say of it may be lost with them.
    void look() {
        if (closing_) {
            return;
        }
        byte_buffer question;
        cluster_machine::ask_for(name_, question);
        cluster_->submit({.kind = raft_asio::request_kind::query, .group = cluster_group, .payload = question},
                         patience, [this](result<response> const& r) {
                             auto const view = r ? cluster_machine::decode_view(r->payload) : std::nullopt;
                             if (view) {
                                 placed(*view);
                             }
                             after(view && !view->founders.empty() ? std::chrono::seconds{2} : ask_again,
                                   [this] { look(); });
                         });
    }

    // Who started the kernel is told that it is there, or would start it again; and who runs a cell, why it waits.
    void say_that_it_waits() {
        if (!view_.founders.empty()) {
            return;
        }
        waits_ = true;
        for (open_request& each : std::exchange(waiting_, {})) {
            forward(each.where, std::move(each.message));
        }
        for (cell const& each : queue_) {
            say_why_it_waits(each);
        }
    }

    void say_why_it_waits(cell const& which) {
        std::string const more = config_.gpus == 0 ? ""
                                                   : ", or admits no more kernels that may ask for " +
                                                         std::to_string(config_.gpus) + " GPUs until some end";
        front_.send(channel::iopub,
                    broadcast(which.request, "stream",
                              {{"name", "stderr"},
                               {"text", "hpcsched: the kernel waits for its hosts: the cluster has too few" + more +
                                            " (hpcsched notebook status shows it); the cell runs then\n"}}));
    }

    // As a kernel of the cluster's would answer, as far as it is known before there is one.
    void tell_what_it_will_be(channel c, jupyter_message const& asked) {
        front_.send(channel::iopub, broadcast(asked, "status", {{"execution_state", "busy"}}));
        front_.send(c, answer_to(asked, "kernel_info_reply",
                                 {{"status", "ok"},
                                  {"protocol_version", "5.3"},
                                  {"implementation", "hpcsched"},
                                  {"implementation_version", HPCSCHED_VERSION},
                                  {"banner", "hpcsched: a kernel that waits for its hosts"},
                                  {"help_links", json::array{}},
                                  {"language_info",
                                   {{"name", "python"},
                                    {"version", "3"},
                                    {"mimetype", "text/x-python"},
                                    {"file_extension", ".py"},
                                    {"pygments_lexer", "ipython3"},
                                    {"nbconvert_exporter", "python"},
                                    {"codemirror_mode", {{"name", "ipython"}, {"version", 3}}}}}}));
        front_.send(channel::iopub, broadcast(asked, "status", {{"execution_state", "idle"}}));
        read_soon();
    }

    void placed(notebook::kernel_view const& view) {
        if (view.generation < view_.generation) {
            return;
        }
        view_ = view;
        if (view.founders.empty()) {
            return;
        }
        waits_ = false;
        std::vector<raft::node_id> wanted;
        for (notebook::replica const& r : view.replicas) {
            wanted.push_back(node_of(r.host));
        }
        for (raft::node_id const id : wanted) {
            if (!links_.contains(id)) {
                connect(id);
            }
        }
        std::erase_if(links_, [&](auto const& each) {
            bool const gone = std::ranges::find(wanted, each.first) == wanted.end();
            if (gone) { // not within one of its own calls
                auto kept = each.second;
                loop_.post([kept] {});
                left_.push_back(each.first);
            }
            return gone;
        });
        for (raft::node_id const id : std::exchange(left_, {})) {
            lost(id);
        }
        if (cell_ && cell_->gpus > 0 && view.running && view.cell == cell_->number &&
            (view.generation != cell_->generation || !cell_->where)) {
            attempt(node_of(view.executor_host));
        }
    }

    // --- the hosts -----------------------------------------------------------------------------------------------

    void connect(raft::node_id id) {
        auto const at = std::ranges::find(config_.cluster.nodes, id, &raft_asio::peer::id);
        if (at == config_.cluster.nodes.end()) {
            complain("the kernel has a replica on node " + std::to_string(id.value) + ", which --nodes does not name");
            return;
        }
        raft_asio::client_config config = config_.cluster;
        config.nodes = {*at};
        config.resend = false;
        config.frame_bytes_max = config_.limits.bytes + (std::size_t{1} << 20U);
        auto made = raft_asio::client::connect(loop_, std::move(config));
        if (!made) {
            complain(made.error().message);
            return;
        }
        links_.emplace(id, std::make_shared<link>(std::move(*made)));
        attach(id);
    }

    void attach(raft::node_id id) {
        ask(id, attach_asked{serial_}, unlimited, [this, id](result<response> const& r) {
            if (r && r->status == response_status::more) {
                if (auto answer = decode_host_answer(r->payload)) {
                    std::visit([&](auto& what) { take(id, what); }, *answer);
                }
                return;
            }
            if (r && r->status != response_status::refused) { // the kernel is closed
                return;
            }
            lost(id); // or the host has not heard of the kernel yet
            after(ask_again, [this, id] {
                if (links_.contains(id)) {
                    attach(id);
                }
            });
        });
    }

    void ask(raft::node_id id, host_request const& what, duration timeout = patience,
             raft_asio::client::callback done = {}) {
        byte_buffer bytes;
        encode(what, bytes);
        links_.at(id)->client.submit({.kind = raft_asio::request_kind::host, .payload = bytes}, timeout,
                                     std::move(done));
    }

    void take(raft::node_id from, replica_here const& /*what*/) {
        links_.at(from)->up = true;
        if (!current_) {
            become_current(from);
        }
        if (!cell_) {
            next_cell();
        } else if (!cell_->where && (cell_->gpus == 0 || node_of(view_.executor_host) == from)) {
            try_again();
        }
    }

    void take(raft::node_id /*from*/, placement_changed const& what) {
        if (auto const view = cluster_machine::decode_view(what.view)) {
            placed(*view);
        }
    }

    void take(raft::node_id from, message_heard const& what) {
        if (what.where != channel::iopub) {
            open_.erase(read_header(what.message.parent_header).id);
            front_.send(what.where, what.message);
            read_soon();
            return;
        }
        if (cell_) {
            auto const parent = read_header(what.message.parent_header);
            if (parent.id == cell_->id) {
                if (cell_->where != from) {
                    return; // of an attempt that was given up
                }
                // Clients have seen that a second attempt is busy, and with what.
                auto const type = read_header(what.message.header).type;
                if (cell_->attempts > 1 && (type == "execute_input" || type == "status") && cell_->shown) {
                    if (text_of(parse_object(what.message.content), "execution_state") != "idle") {
                        return;
                    }
                }
                cell_->shown = cell_->shown || type != "stream"; // a cell says first that it is busy; else it waits
            }
        }
        front_.send(channel::iopub, what.message);
    }

    void take(raft::node_id from, cell_replied const& what) {
        if (!cell_ || what.attempt.cell != cell_->number) {
            return;
        }
        cell const done = std::move(*cell_);
        cell_.reset();
        jupyter_message reply = what.reply;
        front_.send(channel::shell, reply);
        read_soon();
        ++summary_.cells;
        summary_.attempts += done.attempts;
        become_current(from);
        if (done.gpus > 0) {
            byte_buffer command;
            cluster_machine::finish_cell(kernel_, serial_, done.number, wall_clock(), command);
            command_cluster(command, {});
        }
        if (done.stop_on_error && text_of(parse_object(reply.content), "status") == "error") {
            abort_waiting();
        }
        next_cell();
    }

    void become_current(raft::node_id id) {
        current_ = id;
        for (open_request& each : std::exchange(waiting_, {})) {
            forward(each.where, std::move(each.message));
        }
    }

    // A host is gone, or does not answer: what it was asked for is asked of another.
    void lost(raft::node_id id) {
        if (auto const at = links_.find(id); at != links_.end()) {
            at->second->up = false;
        }
        if (current_ == id) {
            current_.reset();
            for (auto& [message_id, each] : std::exchange(open_, {})) {
                waiting_.push_back(std::move(each));
            }
            if (auto const other = somebody()) {
                become_current(*other);
            }
        }
        if (cell_ && cell_->where == id) {
            complain("node " + std::to_string(id.value) + " was lost while it executed cell " +
                     std::to_string(cell_->number));
            cell_->where.reset();
            if (cell_->gpus == 0) { // else the cluster says where there are others
                try_again();
            }
        }
    }

    [[nodiscard]] std::optional<raft::node_id> somebody() const {
        if (current_) {
            return current_;
        }
        auto const at = std::ranges::find_if(links_, [](auto const& each) { return each.second->up; });
        return at == links_.end() ? std::nullopt : std::optional{at->first};
    }

    // --- cells ---------------------------------------------------------------------------------------------------

    void take_cell(jupyter_message message) {
        json::object const content = parse_object(message.content);
        cell made{.id = read_header(message.header).id,
                  .gpus = gpus_of(content, parse_object(message.metadata)),
                  .stop_on_error = flag_of(content, "stop_on_error", true)};
        made.request = std::move(message);
        queue_.push_back(std::move(made));
        if (waits_) {
            say_why_it_waits(queue_.back());
        }
        next_cell();
    }

    void next_cell() {
        if (cell_ || queue_.empty() || serial_ == 0) {
            return;
        }
        // One that asks for GPUs waits for them as soon as the kernel has a place.
        if (queue_.front().gpus == 0 ? !somebody() : view_.founders.empty()) {
            return;
        }
        cell_ = std::move(queue_.front());
        queue_.pop_front();
        cell_->number = ++cells_;
        if (cell_->gpus == 0) {
            attempt(*somebody());
            return;
        }
        byte_buffer command;
        cluster_machine::submit_cell(kernel_, serial_, cell_->number, cell_->gpus, wall_clock(), command);
        command_cluster(command, [this, number = cell_->number](cluster_machine::answer const& a) {
            bool const taken =
                a.outcome == notebook::scheduler_outcome::done || a.outcome == notebook::scheduler_outcome::repeated;
            if (!taken && cell_ && cell_->number == number) {
                refuse_cell("NoSuchDevices", "no host of the cluster has " + std::to_string(cell_->gpus) +
                                                 " GPUs for a cell of this kernel");
            }
        });
    }

    void try_again() {
        if (auto const other = somebody()) {
            attempt(cell_->gpus == 0 ? *other : node_of(view_.executor_host));
        }
    }

    void attempt(raft::node_id where) {
        if (!links_.contains(where) || !links_.at(where)->up) {
            return; // it says when it is
        }
        if (cell_->shown) {
            front_.send(channel::iopub, broadcast(cell_->request, "clear_output", {{"wait", false}}));
        }
        cell_->where = where;
        cell_->generation = view_.generation;
        bool const leased = cell_->gpus > 0;
        ask(where, cell_asked{.kernel = serial_,
                              .attempt = {cell_->number, ++cell_->attempts},
                              .lease = leased ? view_.lease : 0,
                              .devices = leased ? view_.devices : 0,
                              .message = cell_->request});
    }

    // Ends the present cell with an error of this program's own.
    void refuse_cell(std::string const& name, std::string const& why) {
        cell const refused = std::move(*cell_);
        cell_.reset();
        json::object content{{"ename", name}, {"evalue", why}, {"traceback", {name + ": " + why}}};
        front_.send(channel::iopub, broadcast(refused.request, "status", {{"execution_state", "busy"}}));
        front_.send(channel::iopub, broadcast(refused.request, "error", content));
        content["status"] = "error";
        content["execution_count"] = 0;
        front_.send(channel::shell, answer_to(refused.request, "execute_reply", content));
        front_.send(channel::iopub, broadcast(refused.request, "status", {{"execution_state", "idle"}}));
        read_soon();
        if (refused.stop_on_error) {
            abort_waiting();
        }
        next_cell();
    }

    // As ipykernel does with what waits when a cell has failed.
    void abort_waiting() {
        for (cell const& each : std::exchange(queue_, {})) {
            front_.send(channel::iopub, broadcast(each.request, "status", {{"execution_state", "busy"}}));
            front_.send(channel::shell, answer_to(each.request, "execute_reply", {{"status", "aborted"}}));
            front_.send(channel::iopub, broadcast(each.request, "status", {{"execution_state", "idle"}}));
        }
        read_soon();
    }

    // --- the clients ---------------------------------------------------------------------------------------------

    void watch(jupyter_socket& socket) {
        loop_.watch(socket.descriptor(), [this, &socket] {
            socket.note_news();
            read_soon();
        });
    }

    // After news, and after sending, which may take them.
    void read_soon() {
        if (!std::exchange(will_read_, true)) {
            loop_.post([this] {
                will_read_ = false;
                front_.answer_heartbeats();
                for (channel const c : {channel::control, channel::shell, channel::stdin_}) {
                    while (auto message = front_.next(c)) {
                        take_request(c, std::move(*message));
                    }
                }
            });
        }
    }

    void take_request(channel c, jupyter_message message) {
        auto const type = read_header(message.header).type;
        if (c == channel::shell && type == "execute_request") {
            take_cell(std::move(message));
        } else if (type == "shutdown_request") {
            bool const restart = flag_of(parse_object(message.content), "restart", false);
            json::object const content{{"status", "ok"}, {"restart", restart}};
            front_.send(c, answer_to(message, "shutdown_reply", content));
            front_.send(channel::iopub, broadcast(message, "shutdown_reply", content));
            close();
        } else if (type == "interrupt_request" && waits_) { // what waits for hosts is not wanted any more
            front_.send(c, answer_to(message, "interrupt_reply", {{"status", "ok"}}));
            abort_waiting();
        } else {
            forward(c, std::move(message));
        }
    }

    void forward(channel c, jupyter_message message) {
        auto to = current_;
        if (cell_ && cell_->where && c != channel::shell) { // input, and interrupts, are for the cell that runs
            to = cell_->where;
        }
        if (waits_ && read_header(message.header).type == "kernel_info_request") {
            tell_what_it_will_be(c, message);
            return;
        }
        if (!to || !links_.contains(*to)) {
            waiting_.push_back({c, std::move(message)});
            return;
        }
        ask(*to, message_passed{serial_, c, message});
        auto const header = read_header(message.header);
        if (header.type.ends_with("_request")) {
            open_.insert_or_assign(header.id, open_request{c, std::move(message)});
        }
    }

    // --- the end -------------------------------------------------------------------------------------------------

    void close() {
        if (std::exchange(closing_, true)) {
            return;
        }
        if (serial_ == 0) {
            loop_.stop();
            return;
        }
        for (auto const& [id, each] : links_) { // who sees to it, whatever becomes of this process
            ask(id, close_asked{serial_});
        }
        byte_buffer command;
        cluster_machine::close_kernel(kernel_, serial_, wall_clock(), command);
        command_cluster(command, [this](cluster_machine::answer const&) { loop_.stop(); });
        after(farewell, [this] { loop_.stop(); });
    }

    void after(duration wait, std::function<void()> work) {
        timers_.emplace(event_loop::now() + wait, std::move(work));
    }

    time_point run_timers(time_point now) {
        while (!timers_.empty() && timers_.begin()->first <= now) {
            auto const work = std::move(timers_.begin()->second);
            timers_.erase(timers_.begin());
            work();
        }
        return timers_.empty() ? never : timers_.begin()->first;
    }

    void watch_the_end() {
        sigset_t wanted{};
        sigemptyset(&wanted);
        sigaddset(&wanted, SIGINT);
        sigaddset(&wanted, SIGTERM);
        ::pthread_sigmask(SIG_BLOCK, &wanted, &signals_before_);
        signals_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
        loop_.watch(signals_, [this] {
            signalfd_siginfo info{};
            while (::read(signals_, &info, sizeof info) == sizeof info) {
                if (info.ssi_signo == SIGTERM) {
                    close();
                } else if (waits_) {
                    abort_waiting();
                } else {
                    forward(channel::control, {.header = make_header("interrupt_request"),
                                               .parent_header = "{}",
                                               .metadata = "{}",
                                               .content = "{}"});
                }
            }
        });
        if (server_.descriptor() >= 0) {
            loop_.watch(server_.descriptor(), [this] {
                loop_.unwatch(server_.descriptor());
                close();
            });
        }
        loop_.set_on_turn([this](time_point now) { return run_timers(now); });
    }

    replicated_proxy_config& config_;
    server_process server_;
    event_loop loop_;
    zmq::context_t sockets_{1};
    front front_;
    std::string name_ = "kernel-" + random_digits<12>();
    std::optional<raft_asio::client> cluster_;
    notebook::kernel_id kernel_{};
    std::uint64_t serial_ = 0; // 0: not known yet
    notebook::kernel_view view_;
    std::map<raft::node_id, std::shared_ptr<link>> links_;
    std::vector<raft::node_id> left_;
    std::optional<raft::node_id> current_; // who answers what is no cell
    std::deque<cell> queue_;
    std::optional<cell> cell_; // at the head: waits for devices, or for a host, or runs
    notebook::cell_number cells_ = 0;
    std::map<std::string, open_request> open_; // passed on, and not answered
    std::vector<open_request> waiting_;        // for somebody to pass them to
    std::multimap<time_point, std::function<void()>> timers_;
    bool waits_ = false; // for its hosts, longer than usual
    bool will_read_ = false;
    bool closing_ = false;
    int signals_ = -1;
    sigset_t signals_before_{};
    std::string failure_;
    replicated_proxy_summary summary_;
};

} // namespace

result<replicated_proxy_summary> run_replicated_proxy(replicated_proxy_config config) {
    auto signer = message_signer::make(config.front.key, config.front.signature_scheme);
    if (!signer) {
        return signer.error();
    }
    if (config.owner.empty() && !config.cluster.tls.empty()) {
        auto owner = name_in_certificate(config.cluster.tls.certificate);
        if (!owner) {
            return owner.error();
        }
        config.owner = std::move(*owner);
    }
    try {
        auto made = std::make_unique<proxy>(config, std::move(*signer));
        return made->run();
    } catch (zmq::error_t const& failed) {
        return error{"a socket of the connection file: " + std::string{failed.what()}};
    }
}

} // namespace hpcsched::notebook_host
