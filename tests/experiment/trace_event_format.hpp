// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_EXPERIMENT_TRACE_EVENT_FORMAT_HPP
#define HPCSCHED_TESTS_EXPERIMENT_TRACE_EVENT_FORMAT_HPP

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::test {

/// Judges a document by Chrome's trace event format, in the JSON object form and with the phases that hpcsched writes:
/// complete events (X), instants (i), counters (C) and metadata (M). Stricter than viewers are: slices of a track may
/// not even nest, for a CPU runs one task at a time, and each track in use must be named.
/// \source "Trace Event Format", the Chromium project: JSON object format, and the sections of the four phases
class trace_event_judge {
  public:
    /// What is wrong, with the event; empty: nothing.
    [[nodiscard]] static std::vector<std::string> faults_in(boost::json::value const& document) {
        trace_event_judge judge;
        judge.judge_document(document);
        return std::move(judge.faults_);
    }

  private:
    using json_value = boost::json::value;
    using json_object = boost::json::object;
    using track = std::pair<std::int64_t, std::int64_t>; ///< process and thread

    struct slice {
        double from, to;
        std::string text;
    };

    void fault(std::string const& what, json_value const& where) {
        faults_.push_back(what + ": " + boost::json::serialize(where).substr(0, 200));
    }

    void judge_document(json_value const& document) {
        if (!document.is_object() || !document.as_object().contains("traceEvents") ||
            !document.at("traceEvents").is_array()) {
            return fault("no object with an array traceEvents", document);
        }
        for (auto const& [key, value] : document.as_object()) {
            if (key != "traceEvents" && key != "otherData") {
                fault("a key that viewers may take for an option of theirs: " + std::string{key}, value);
            }
        }
        for (json_value const& event : document.at("traceEvents").as_array()) {
            if (event.is_object()) {
                judge_event(event);
            } else {
                fault("an event that is no object", event);
            }
        }
        for (auto& [on, slices] : slices_) {
            judge_slices(slices);
        }
        for (track const& used : used_) {
            if (std::find(named_.begin(), named_.end(), used) == named_.end()) {
                fault("a track without a name", json_value{used.first, used.second});
            }
        }
    }

    [[nodiscard]] bool has(json_value const& event, std::string_view key, bool (json_value::*kind)() const noexcept) {
        json_value const* const found = event.as_object().if_contains(key);
        if (found == nullptr || !(found->*kind)()) {
            fault("no " + std::string{key} + " of the right kind", event);
            return false;
        }
        return true;
    }

    /// Microseconds: a finite number of at least 0.
    [[nodiscard]] bool has_time(json_value const& event, std::string_view key) {
        if (!has(event, key, &json_value::is_number)) {
            return false;
        }
        auto const time = event.at(key).to_number<double>();
        if (!std::isfinite(time) || time < 0) {
            fault(std::string{key} + " is no time", event);
            return false;
        }
        return true;
    }

    void judge_event(json_value const& event) {
        if (!has(event, "ph", &json_value::is_string) || !has(event, "name", &json_value::is_string) ||
            !has(event, "pid", &json_value::is_int64)) {
            return;
        }
        std::string_view const phase = event.at("ph").as_string();
        bool const must_have_args = phase == "C" || phase == "M";
        if ((must_have_args || event.as_object().contains("args")) && !has(event, "args", &json_value::is_object)) {
            return;
        }
        if (event.at("name").as_string().empty()) {
            fault("an empty name", event);
        }
        if (phase == "M") {
            return judge_metadata(event);
        }
        if (!has(event, "tid", &json_value::is_int64) || !has_time(event, "ts")) {
            return;
        }
        track const on{event.at("pid").as_int64(), event.at("tid").as_int64()};
        used_.push_back(on);
        if (phase == "X") {
            if (has_time(event, "dur")) {
                auto const from = event.at("ts").to_number<double>();
                slices_[on].push_back(
                    {from, from + event.at("dur").to_number<double>(), boost::json::serialize(event)});
            }
        } else if (phase == "i") {
            if (has(event, "s", &json_value::is_string) &&
                std::string_view{"gpt"}.find(event.at("s").as_string()) == std::string_view::npos) {
                fault("an instant whose scope is neither g, p nor t", event);
            }
        } else if (phase == "C") {
            for (auto const& [series, value] : event.at("args").as_object()) {
                if (!value.is_number()) {
                    fault("a counter of something else than numbers", event);
                }
            }
        } else {
            fault("an unexpected phase", event);
        }
    }

    void judge_metadata(json_value const& event) {
        std::string_view const name = event.at("name").as_string();
        json_object const& args = event.at("args").as_object();
        bool const is_of_thread = name.starts_with("thread_");
        if (is_of_thread && !has(event, "tid", &json_value::is_int64)) {
            return;
        }
        bool const names = name == "process_name" || name == "thread_name";
        json_value const* const value = args.if_contains(names ? "name" : "sort_index");
        if ((!names && name != "thread_sort_index") || value == nullptr ||
            !(names ? value->is_string() : value->is_int64())) {
            return fault("metadata of another kind", event);
        }
        if (name == "thread_name") {
            named_.emplace_back(event.at("pid").as_int64(), event.at("tid").as_int64());
        }
    }

    void judge_slices(std::vector<slice>& slices) {
        std::sort(slices.begin(), slices.end(),
                  [](slice const& a, slice const& b) { return std::pair{a.from, a.to} < std::pair{b.from, b.to}; });
        for (std::size_t i = 1; i < slices.size(); ++i) {
            if (slices[i].from < slices[i - 1].to - 1e-4) { // a tenth of a nanosecond, for the sum's rounding
                fault("slices that overlap", json_value{slices[i - 1].text, slices[i].text});
            }
        }
    }

    std::vector<std::string> faults_;
    std::vector<track> used_, named_;
    std::map<track, std::vector<slice>> slices_;
};

} // namespace hpcsched::test

#endif
