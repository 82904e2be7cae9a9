// SPDX-License-Identifier: Apache-2.0
#include "completion.hpp"

#include <CLI/App.hpp>

#include <sstream>
#include <string>
#include <vector>

namespace hpcsched::cli {
namespace {

using completion_map = std::map<CLI::Option const*, value_completion const*>;

// The script walks over the words before the cursor: known commands lead deeper, options with a value swallow the next
// word. What is known of each command stands in three case statements, keyed by "command path" and "path option".
constexpr char const* script_head = R"bash(# bash completion for @program@; load it with
#   source <(@program@ completion bash)
# bash splits words at '=': both halves are joined again here.

_@program@_words() { # the words $2 that begin with $1
    local IFS=$'\n'
    COMPREPLY=($(compgen -W "$2" -- "$1"))
}

_@program@_list() { # the last element of a comma-separated list
    local head=""
    [[ $1 == *,* ]] && head="${1%,*},"
    local IFS=$'\n'
    COMPREPLY=($(compgen -P "$head" -W "$2" -- "${1##*,}"))
    compopt -o nospace 2>/dev/null
}

_@program@_paths() { # files for -f, folders for -d, and the words $3
    local IFS=$'\n'
    COMPREPLY=($(compgen "$2" -W "$3" -- "$1"))
    compopt -o filenames 2>/dev/null
}

_@program@_value() { # the value of option $2 of command $1, as far as typed: $3
    case "$1 $2" in
)bash";

constexpr char const* script_takes_value = R"bash(    *) COMPREPLY=() ;;
    esac
}

_@program@_takes_value() { # whether option $2 of command $1 is followed by a value
    case "$1 $2" in
)bash";

constexpr char const* script_commands = R"bash(    *) return 1 ;;
    esac
}

_@program@_commands() { # the commands below command $1
    case "$1" in
)bash";

constexpr char const* script_options = R"bash(    esac
}

_@program@_options() { # the options of command $1
    case "$1" in
)bash";

constexpr char const* script_tail = R"bash(    esac
}

_@program@() {
    local path="@program@" option="" word i commands current="${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; ++i)); do
        word="${COMP_WORDS[i]}"
        commands=" $(_@program@_commands "$path" | tr '\n' ' ')"
        if [[ $word == "=" ]]; then
            continue
        elif [[ -n $option ]]; then
            option=""
        elif _@program@_takes_value "$path" "$word"; then
            option="$word"
        elif [[ $commands == *" $word "* ]]; then
            path="$path $word"
        fi
    done
    [[ $current == "=" ]] && current=""
    commands="$(_@program@_commands "$path")"
    if [[ -n $option ]]; then
        _@program@_value "$path" "$option" "$current"
    elif [[ $current == -* ]]; then
        _@program@_words "$current" "$(_@program@_options "$path")"
    elif [[ -n $commands ]]; then
        _@program@_words "$current" "$commands"
    else
        _@program@_value "$path" "" "$current"
    fi
}

complete -F _@program@ @program@
)bash";

std::string with_program(std::string text, std::string const& program) {
    std::string const mark = "@program@";
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + program.size())) {
        text.replace(at, mark.size(), program);
    }
    return text;
}

std::vector<std::string> names_of(CLI::Option const& option) {
    std::vector<std::string> names;
    for (std::string const& name : option.get_lnames()) {
        names.push_back("--" + name);
    }
    for (std::string const& name : option.get_snames()) {
        names.push_back("-" + name);
    }
    return names;
}

std::string joined(std::vector<std::string> const& words, char const* between) {
    std::string all;
    for (std::string const& word : words) {
        all += (all.empty() ? "" : between) + word;
    }
    return all;
}

/// The four bodies of the case statements.
struct script_parts {
    std::ostringstream values, takes_value, commands, options;
};

void write_value(script_parts& parts, std::string const& pattern, value_completion const& complete) {
    switch (complete.of) {
    case value_completion::kind::none:
        return;
    case value_completion::kind::file:
        parts.values << pattern << "_@program@_paths \"$3\" -f $'" << joined(complete.words, "\\n") << "' ;;\n";
        return;
    case value_completion::kind::folder:
        parts.values << pattern << "_@program@_paths \"$3\" -d ;;\n";
        return;
    case value_completion::kind::words:
        parts.values << pattern << "_@program@_words \"$3\" $'" << joined(complete.words, "\\n") << "' ;;\n";
        return;
    case value_completion::kind::word_list:
        parts.values << pattern << "_@program@_list \"$3\" $'" << joined(complete.words, "\\n") << "' ;;\n";
        return;
    }
}

void write_command(script_parts& parts, std::string const& path, CLI::App const& app,
                   completion_map const& completions) {
    std::vector<std::string> all_names;
    for (CLI::Option const* const option : app.get_options()) {
        std::vector<std::string> const names = names_of(*option);
        std::vector<std::string> patterns;
        for (std::string const& name : names) {
            patterns.push_back("\"" + path + " " + name + "\"");
            all_names.push_back(name);
        }
        bool const is_positional = names.empty();
        if (is_positional) {
            patterns.push_back("\"" + path + " \"");
        }
        std::string const pattern = "    " + joined(patterns, " | ") + ") ";
        if (option->get_items_expected_max() > 0 && !is_positional) {
            parts.takes_value << pattern << ";;\n";
        }
        if (auto const found = completions.find(option); found != completions.end()) {
            write_value(parts, pattern, *found->second);
        }
    }
    parts.options << "    \"" << path << "\") printf '%s\\n' " << joined(all_names, " ") << " ;;\n";
    std::vector<std::string> commands;
    for (CLI::App const* const below : app.get_subcommands([](CLI::App const*) { return true; })) {
        commands.push_back(below->get_name());
        write_command(parts, path + " " + below->get_name(), *below, completions);
    }
    if (!commands.empty()) {
        parts.commands << "    \"" << path << "\") printf '%s\\n' " << joined(commands, " ") << " ;;\n";
    }
}

} // namespace

std::string bash_script(std::string const& program, CLI::App& app, completion_map const& completions) {
    script_parts parts;
    write_command(parts, program, app, completions);
    std::string const text = script_head + parts.values.str() + script_takes_value + parts.takes_value.str() +
                             script_commands + parts.commands.str() + script_options + parts.options.str() +
                             script_tail;
    return with_program(text, program);
}

} // namespace hpcsched::cli
