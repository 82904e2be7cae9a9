// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu_linux/process_rule.hpp>

#include <boost/regex.hpp>

#include "small_file.hpp"
#include "split.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace hpcsched::cpu_linux {

namespace {

std::string joined(std::vector<std::string> const& words) {
    std::string line;
    for (std::string const& word : words) {
        line += line.empty() ? word : ' ' + word;
    }
    return line;
}

/// Below "/a" are "/a" itself and "/a/b", not "/ab".
bool is_at_or_below(std::string const& path, std::string const& top) {
    return top == "/" || path == top || (path.starts_with(top) && path[top.size()] == '/');
}

struct control_group {
    std::string path{}; ///< "/a/b"
};

/// The group that a folder stands for: a mounted hierarchy is the root of its groups.
result<control_group> group_of_folder(std::string const& folder) {
    std::error_code failed;
    std::string const path = std::filesystem::canonical(folder, failed).string();
    if (failed) {
        return error{"cgroup: " + folder + ": " + failed.message() + ": give a control group as /a/b, or its folder"};
    }
    std::string mount;
    for (std::string const& line : detail::split(detail::read_small_file("/proc/self/mountinfo"), '\n')) {
        auto const fields = detail::split(line, ' ');
        auto const dash = std::ranges::find(fields, "-");
        bool const is_hierarchy = fields.size() >= 5 && fields.end() - dash >= 2 && dash[1].starts_with("cgroup");
        if (is_hierarchy && is_at_or_below(path, fields[4]) && fields[4].size() > mount.size()) {
            mount = fields[4];
        }
    }
    if (mount.empty()) {
        return error{"cgroup: " + folder + " is not in a mounted control group hierarchy (such as /sys/fs/cgroup)"};
    }
    return control_group{path == mount ? "/" : path.substr(mount.size())};
}

result<boost::regex> compiled(std::string const& what, std::string const& text) {
    try {
        return boost::regex{text};
    } catch (boost::regex_error const& wrong) {
        return error{what + ": " + text + ": " + wrong.what()};
    }
}

/// What an expression finds in a text.
std::optional<std::string> found(boost::regex const& expression, std::string const& text) {
    try {
        boost::smatch match;
        if (boost::regex_search(text, match, expression)) {
            return match.size() > 1 ? match[1].str() : match[0].str();
        }
        return std::nullopt;
    } catch (std::runtime_error const&) {
        return std::nullopt; // too complex for this text
    }
}

} // namespace

result<process_facts> facts_of(process_id process) {
    std::string const folder = "/proc/" + std::to_string(process);
    std::string const cgroups = detail::read_small_file(folder + "/cgroup");
    if (cgroups.empty()) {
        return error{"process " + std::to_string(process) + " has exited"};
    }
    process_facts facts;
    for (std::string const& line : detail::split(cgroups, '\n')) { // "4:cpu,cpuacct:/docker/4f3a"
        auto const second = line.find(':', line.find(':') + 1);
        if (second != std::string::npos) {
            facts.cgroups.push_back(line.substr(second + 1));
        }
    }
    facts.arguments = detail::split(detail::read_small_file(folder + "/cmdline"), '\0');
    facts.environment = detail::split(detail::read_small_file(folder + "/environ"), '\0');
    return facts;
}

class process_rule::state {
  public:
    enum class source : std::uint8_t { cgroup, command, environment };

    [[nodiscard]] result<void> set(process_rule_config const& config) {
        if (!config.cgroup.empty()) {
            bool const is_folder = config.cgroup.front() != '/' || config.cgroup.starts_with("/sys/fs/cgroup");
            auto group =
                is_folder ? group_of_folder(config.cgroup) : result<control_group>{control_group{config.cgroup}};
            if (group.has_error()) {
                return group.error();
            }
            cgroup_ = std::move(group->path);
            if (cgroup_.size() > 1 && cgroup_.back() == '/') {
                cgroup_.pop_back();
            }
        }
        if (!config.match.empty()) {
            auto expression = compiled("match", config.match);
            if (expression.has_error()) {
                return expression.error();
            }
            match_ = std::move(*expression);
        }
        return set_function(config.function);
    }

    [[nodiscard]] std::string const& cgroup() const noexcept { return cgroup_; }

    [[nodiscard]] std::optional<std::string> function_of(process_facts const& facts) const {
        if (facts.arguments.empty()) {
            return std::nullopt; // a thread of the kernel, or on its way out
        }
        std::string const* const group = group_among(facts.cgroups);
        std::string const command = joined(facts.arguments);
        if (group == nullptr || (match_ && !found(*match_, command))) {
            return std::nullopt;
        }
        std::optional<std::string> const name = name_of(facts, *group, command);
        return name && !name->empty() ? name : std::nullopt;
    }

  private:
    [[nodiscard]] result<void> set_function(std::string const& text) {
        if (text.empty()) {
            if (match_ && match_->mark_count() > 0) {
                source_ = source::command;
                find_ = match_;
            } else {
                source_ = cgroup_.empty() ? source::command : source::cgroup;
            }
            return {};
        }
        auto const equals = text.find('=');
        std::string const from = text.substr(0, equals);
        if (from == "cgroup") {
            source_ = source::cgroup;
        } else if (from == "command") {
            source_ = source::command;
        } else if (from.starts_with("env:") && from.size() > 4) {
            source_ = source::environment;
            variable_ = from.substr(4) + '=';
        } else {
            return error{"function: '" + from + "' is no source of a name: cgroup, command or env:NAME"};
        }
        if (equals != std::string::npos) {
            auto expression = compiled("function", text.substr(equals + 1));
            if (expression.has_error()) {
                return expression.error();
            }
            find_ = std::move(*expression);
        }
        return {};
    }

    /// The group of a process that decides; none where it is not meant.
    [[nodiscard]] std::string const* group_among(std::vector<std::string> const& groups) const {
        // Of many hierarchies a process is in the root of most: the deepest path says most.
        std::string const* best = nullptr;
        for (std::string const& each : groups) {
            if ((cgroup_.empty() || is_at_or_below(each, cgroup_)) && (best == nullptr || each.size() > best->size())) {
                best = &each;
            }
        }
        return best;
    }

    [[nodiscard]] std::optional<std::string> name_of(process_facts const& facts, std::string const& group,
                                                     std::string const& command) const {
        switch (source_) {
        case source::cgroup:
            return find_ ? found(*find_, group) : part_of(group);
        case source::command: {
            std::string const& program = facts.arguments.front();
            return find_ ? found(*find_, command) : program.substr(program.rfind('/') + 1);
        }
        case source::environment:
            for (std::string const& each : facts.environment) {
                if (each.starts_with(variable_)) {
                    std::string value = each.substr(variable_.size());
                    return find_ ? found(*find_, value) : std::optional{std::move(value)};
                }
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] std::string part_of(std::string const& group) const {
        if (cgroup_.empty()) {
            return group.substr(group.rfind('/') + 1);
        }
        std::string const below = group.substr(std::min(group.size(), cgroup_ == "/" ? 1 : cgroup_.size() + 1));
        return below.empty() ? cgroup_.substr(cgroup_.rfind('/') + 1) : below.substr(0, below.find('/'));
    }

    std::string cgroup_;
    std::optional<boost::regex> match_;
    std::optional<boost::regex> find_;
    std::string variable_; ///< "NAME="
    source source_ = source::command;
};

process_rule::process_rule(std::unique_ptr<state const> made) noexcept : state_{std::move(made)} {}
process_rule::process_rule(process_rule&&) noexcept = default;
process_rule& process_rule::operator=(process_rule&&) noexcept = default;
process_rule::~process_rule() = default;

result<process_rule> process_rule::make(process_rule_config const& config) {
    auto made = std::make_unique<state>();
    if (auto const set = made->set(config); set.has_error()) {
        return set.error();
    }
    return process_rule{std::move(made)};
}

std::string const& process_rule::cgroup() const noexcept {
    return state_->cgroup();
}
std::optional<std::string> process_rule::function_of(process_facts const& facts) const {
    return state_->function_of(facts);
}

} // namespace hpcsched::cpu_linux
