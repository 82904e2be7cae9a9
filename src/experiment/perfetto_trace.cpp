// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/perfetto_trace.hpp>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "report/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ostream>
#include <utility>

namespace hpcsched::experiment {
namespace {

constexpr std::size_t flush_size = 64UL * 1024;
constexpr std::size_t name_size_max = 24;
constexpr std::uint64_t arrivals_track = 1;
constexpr std::uint64_t exits_track = 2;
constexpr std::uint64_t first_cpu_track = 10;

[[nodiscard]] std::string_view name_of(cpu_sim::switch_reason why) noexcept {
    switch (why) {
    case cpu_sim::switch_reason::blocked:
        return "blocked";
    case cpu_sim::switch_reason::exited:
        return "exited";
    case cpu_sim::switch_reason::preempted:
        return "preempted";
    case cpu_sim::switch_reason::slice_expired:
        return "slice expired";
    case cpu_sim::switch_reason::throttled:
        return "throttled";
    case cpu_sim::switch_reason::moved:
        return "moved";
    }
    return "unknown";
}

void append(std::string& to, std::uint64_t value) {
    std::array<char, 24> digits{};
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    to.append(digits.data(), end.ptr);
}

/// Nanoseconds as the format's microseconds, exactly.
void append_microseconds(std::string& to, std::int64_t nanoseconds) {
    if (nanoseconds < 0) {
        to += '-';
    }
    auto const size = static_cast<std::uint64_t>(nanoseconds < 0 ? -nanoseconds : nanoseconds);
    append(to, size / 1000);
    std::uint64_t const rest = size % 1000;
    if (rest != 0) {
        to += '.';
        to += static_cast<char>('0' + rest / 100);
        to += static_cast<char>('0' + rest / 10 % 10);
        to += static_cast<char>('0' + rest % 10);
    }
}

[[nodiscard]] std::string quoted(std::string_view text) {
    return boost::json::serialize(boost::json::string{detail::clean_utf8(text)});
}

/// The beginning of a long name, such as the hashes of the published traces are.
[[nodiscard]] std::string shortened(std::string const& name) {
    std::size_t end = 12;
    while (end < name.size() && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) {
        ++end;
    }
    return name.substr(0, end) + "\xE2\x80\xA6";
}

[[nodiscard]] std::int64_t nanoseconds_of(time_point at) noexcept {
    return at.time_since_epoch().count();
}

} // namespace

perfetto_trace::perfetto_trace(std::ostream& out, perfetto_options options) : out_{out}, options_{std::move(options)} {
    cpus_.resize(options_.cpu_count);
    // No displayTimeUnit: viewers differ on whether it also changes the unit of the times, which are microseconds.
    text_ = "{\"traceEvents\":[\n";
    text_ += "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":" + quoted(options_.title) + "}}";
    write_track_name(arrivals_track, "arrivals");
    write_track_name(exits_track, "exits");
    for (std::uint32_t cpu = 0; cpu < options_.cpu_count; ++cpu) {
        write_track_name(first_cpu_track + cpu, "CPU " + std::to_string(cpu));
    }
}

perfetto_trace::~perfetto_trace() {
    static_cast<void>(finish());
}

void perfetto_trace::on_arrival(task_id task, function_id function, time_point now) {
    std::uint64_t const sequence = arrivals_++;
    if (!admit(now)) {
        return;
    }
    tasks_.insert(task, alive{.function = function, .sequence = sequence});
    ++runnable_;
    ++in_system_;
    begin_event("i", arrivals_track, now);
    text_ += ",\"s\":\"t\",\"name\":" + name_of(function) + ",\"args\":{\"task\":";
    append(text_, sequence);
    text_ += '}';
    end_event();
    write_counters(now);
}

void perfetto_trace::on_wake(task_id task, time_point now) {
    alive* const known = tasks_.find(task);
    if (!admit(now) || known == nullptr || !known->blocked) {
        return;
    }
    known->blocked = false;
    ++runnable_;
    write_counters(now);
}

void perfetto_trace::on_run(cpu_id cpu, task_id task, time_point now) {
    if (!admit(now)) {
        return;
    }
    on_wake(task, now);
    if (cpu.value >= cpus_.size()) {
        for (std::size_t added = cpus_.size(); added <= cpu.value; ++added) {
            write_track_name(first_cpu_track + added, "CPU " + std::to_string(added));
        }
        cpus_.resize(cpu.value + std::size_t{1});
    }
    cpus_[cpu.value] = running{.active = true, .task = task, .since = now};
}

void perfetto_trace::on_stop(cpu_id cpu, task_id task, cpu_sim::switch_reason why, time_point now) {
    if (!admit(now)) {
        return;
    }
    if (cpu.value < cpus_.size() && cpus_[cpu.value].active) {
        write_slice(cpu.value, std::exchange(cpus_[cpu.value], running{}), experiment::name_of(why), now);
    }
    alive* const known = tasks_.find(task);
    if (known != nullptr && why == cpu_sim::switch_reason::blocked && !known->blocked) {
        known->blocked = true;
        --runnable_;
        write_counters(now);
    }
}

void perfetto_trace::on_exit(cpu_sim::task_record const& record, time_point now) {
    if (!admit(now)) {
        return;
    }
    if (alive const* const known = tasks_.find(record.task); known != nullptr) {
        runnable_ -= known->blocked ? 0 : 1;
        --in_system_;
        tasks_.erase(record.task);
    }
    begin_event("i", exits_track, now);
    text_ += ",\"s\":\"t\",\"name\":" + name_of(record.function) + ",\"args\":{\"task\":";
    append(text_, record.sequence);
    auto const time = [this](std::string_view label, duration length) {
        text_ += ",\"";
        text_ += label;
        text_ += "\":";
        append_microseconds(text_, length.count());
    };
    time("turnaround_us", record.turnaround());
    time("service_us", record.service);
    time("waited_us", record.waited());
    time("blocked_us", record.blocked);
    time("queueing_delay_us", record.first_run - record.arrival);
    text_ += ",\"context_switches\":";
    append(text_, record.context_switches);
    text_ += ",\"migrations\":";
    append(text_, record.migrations);
    text_ += '}';
    end_event();
    write_counters(now);
}

result<void> perfetto_trace::finish() {
    if (!std::exchange(finished_, true)) {
        for (std::uint32_t cpu = 0; cpu < cpus_.size(); ++cpu) {
            if (cpus_[cpu].active) {
                write_slice(cpu, cpus_[cpu], cut_ ? "not shown" : "still running", std::max(last_, cpus_[cpu].since));
            }
        }
        std::string note;
        if (cut_) {
            note = "cut after " + std::to_string(options_.event_count_max) +
                   " events: ask for more events to see the rest of the run";
            begin_event("i", exits_track, last_);
            text_ += ",\"s\":\"g\",\"name\":" + quoted(note);
            end_event();
        }
        text_ += "\n],\"otherData\":{\"generator\":\"hpcsched\",\"note\":" + quoted(note) + ",\"long names\":{";
        write_long_names();
        text_ += "}}}\n";
        out_ << text_;
        out_.flush();
        text_.clear();
    }
    if (!out_) {
        return error{"the trace could not be written: is the disk full?"};
    }
    return {};
}

/// Whether an event at `now` is still shown.
bool perfetto_trace::admit(time_point now) {
    if (finished_ || cut_) {
        return false;
    }
    if (event_count_ >= options_.event_count_max) {
        cut_ = true;
        return false;
    }
    last_ = std::max(last_, now);
    return true;
}

std::string const& perfetto_trace::name_of(function_id function) {
    if (function.value >= names_.size()) {
        names_.resize(function.value + std::size_t{1});
    }
    std::string& name = names_[function.value];
    if (name.empty()) {
        std::string const number = 'f' + std::to_string(function.value);
        bool const given = function.value < options_.function_names.size();
        std::string const full = detail::clean_utf8(given ? options_.function_names[function.value] : number);
        name = quoted(full.size() > name_size_max ? number + ' ' + shortened(full) : full);
    }
    return name;
}

/// Those that slices show in part.
void perfetto_trace::write_long_names() {
    bool first = true;
    for (std::size_t i = 0; i < names_.size() && i < options_.function_names.size(); ++i) {
        std::string const full = detail::clean_utf8(options_.function_names[i]);
        if (!names_[i].empty() && full.size() > name_size_max) {
            flush_if_large();
            text_ += std::exchange(first, false) ? "\"f" : ",\"f";
            append(text_, i);
            text_ += "\":" + quoted(full);
        }
    }
}

void perfetto_trace::begin_event(std::string_view phase, std::uint64_t track, time_point at) {
    flush_if_large();
    text_ += ",\n{\"ph\":\"";
    text_ += phase;
    text_ += "\",\"pid\":1,\"tid\":";
    append(text_, track);
    text_ += ",\"ts\":";
    append_microseconds(text_, nanoseconds_of(at));
}

void perfetto_trace::end_event() {
    text_ += '}';
    ++event_count_;
}

void perfetto_trace::write_slice(std::uint32_t cpu, running const& from, std::string_view why, time_point until) {
    alive* const known = tasks_.find(from.task);
    begin_event("X", first_cpu_track + cpu, from.since);
    text_ += ",\"dur\":";
    append_microseconds(text_, (until - from.since).count());
    text_ += ",\"name\":";
    text_ += known == nullptr ? std::string{"\"?\""} : name_of(known->function);
    text_ += ",\"args\":{\"stopped\":" + quoted(why);
    if (known != nullptr) {
        text_ += ",\"task\":";
        append(text_, known->sequence);
        text_ += ",\"slice\":";
        append(text_, ++known->slices);
    }
    text_ += '}';
    end_event();
}

void perfetto_trace::write_counters(time_point now) {
    auto const counter = [this, now](std::string_view name, std::int64_t value, std::int64_t& written) {
        if (std::exchange(written, value) == value) {
            return;
        }
        begin_event("C", arrivals_track, now); // belongs to the process; thread 0 would be the idle one
        text_ += ",\"name\":\"";
        text_ += name;
        text_ += "\",\"args\":{\"tasks\":";
        append(text_, static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0)));
        text_ += '}';
        end_event();
    };
    counter("runnable", runnable_, runnable_written_);
    counter("in the system", in_system_, in_system_written_);
}

void perfetto_trace::write_track_name(std::uint64_t track, std::string_view name) {
    text_ += ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":";
    append(text_, track);
    text_ += ",\"name\":\"thread_name\",\"args\":{\"name\":" + quoted(name) + "}},\n{\"ph\":\"M\",\"pid\":1,\"tid\":";
    append(text_, track);
    text_ += ",\"name\":\"thread_sort_index\",\"args\":{\"sort_index\":";
    append(text_, track);
    text_ += "}}";
}

void perfetto_trace::flush_if_large() {
    if (text_.size() >= flush_size) {
        out_ << text_;
        text_.clear();
    }
}

} // namespace hpcsched::experiment
