// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"

#include <hpcsched/experiment/build_identity.hpp>
#include <hpcsched/experiment/suggest.hpp>

#include <CLI/CLI.hpp>

#include "completion.hpp"
#include "launcher.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <thread>
#include <utility>

namespace hpcsched::cli {
namespace {

/// An option as CLI11 knows it, and where its values go.
struct bound_option {
    option_spec const* spec = nullptr;
    CLI::Option* option = nullptr;
    std::vector<std::string> values{};
};

/// A command as CLI11 knows it.
struct bound_command {
    command_spec const* spec = nullptr;
    CLI::App* app = nullptr;
    std::string full_name{}; ///< "hpcsched workload describe"
    std::deque<bound_option> options{};
    std::deque<bound_command> commands{};
};

/// The help in this program's layout.
class help_formatter final : public CLI::Formatter {
  public:
    explicit help_formatter(std::string full_name) : full_name_{std::move(full_name)} {
        column_width(30);
        label("Positionals", "Arguments");
    }

    std::string make_help(CLI::App const* app, std::string name, CLI::AppFormatMode mode) const override {
        std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
        for (auto at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n", at)) {
            text.erase(at, 1);
        }
        return text;
    }

    std::string make_usage(CLI::App const* app, std::string) const override {
        bool const has_commands = !app->get_subcommands([](CLI::App const*) { return true; }).empty();
        std::string line = "\nUsage: " + full_name_ + (has_commands ? " COMMAND ..." : " [OPTIONS]");
        for (CLI::Option const* const option :
             app->get_options([](CLI::Option const* candidate) { return candidate->get_positional(); })) {
            std::string const shown = option->get_type_name() + (option->get_expected_max() > 1 ? "..." : "");
            line += required_.contains(option) ? " " + shown : " [" + shown + "]";
        }
        return line + "\n\n";
    }

    std::string make_option_name(CLI::Option const* option, bool is_positional) const override {
        return is_positional ? option->get_type_name() : CLI::Formatter::make_option_name(option, is_positional);
    }

    std::string make_option_opts(CLI::Option const* option) const override {
        return option->get_positional() || option->get_type_size() == 0 ? "" : " " + option->get_type_name();
    }

    void require(CLI::Option const* option) { required_.insert(option); }

  private:
    std::string full_name_;
    std::set<CLI::Option const*> required_;
};

void bind_option(bound_command& to, option_spec const& spec) {
    bound_option& bound = to.options.emplace_back();
    bound.spec = &spec;
    if (spec.value.empty()) {
        bound.option = to.app->add_flag(spec.name)->description(spec.help);
    } else {
        bound.option = to.app->add_option(spec.name, bound.values, spec.help);
        bound.option->type_name(spec.value);
        bool const is_positional = spec.name.front() != '-';
        if (!is_positional || !spec.repeatable) {
            // One value per mention; several mentions are counted after the parse, for a better message.
            bound.option->expected(1)->allow_extra_args(false);
            bound.option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        }
    }
    bound.option->group(spec.group);
}

void bind_command(bound_command& bound, command_spec const& spec, CLI::App* app, std::string full_name) {
    bound.spec = &spec;
    bound.app = app;
    bound.full_name = std::move(full_name);
    auto const formatter = std::make_shared<help_formatter>(bound.full_name);
    app->formatter(formatter);
    app->set_help_flag("-h,--help", "print this help and exit");
    app->footer(spec.details);
    app->allow_extras(); // judged after the parse, for a better message
    for (option_spec const& option : spec.options) {
        bind_option(bound, option);
        if (option.required) {
            formatter->require(bound.options.back().option);
        }
    }
    for (command_spec const& command : spec.commands) {
        bound_command& below = bound.commands.emplace_back();
        bind_command(below, command, app->add_subcommand(command.name, command.description)->group("Commands"),
                     bound.full_name + " " + command.name);
    }
}

/// The deepest command that was named.
bound_command& selected(bound_command& from) {
    bool const swallowed = !from.app->remaining().empty(); // what stands before the next command is none
    for (bound_command& below : from.commands) {
        if (below.app->parsed() && !swallowed) {
            return selected(below);
        }
    }
    return from;
}

std::vector<std::string> option_names(bound_command const& command) {
    std::vector<std::string> names;
    for (CLI::Option const* const option : command.app->get_options()) {
        for (std::string const& name : option->get_lnames()) {
            names.push_back("--" + name);
        }
    }
    return names;
}

[[noreturn]] void fail_usage(bound_command const& command, std::string const& message) {
    throw failure{exit_code::usage, message + " (see " + command.full_name + " --help)"};
}

void reject_extras(bound_command const& command) {
    std::vector<std::string> const extras = command.app->remaining();
    for (std::string const& extra : extras) {
        if (extra.size() > 1 && extra.front() == '-') {
            std::string const name = extra.substr(0, extra.find('='));
            std::string const near = experiment::nearest_name(name, option_names(command));
            fail_usage(command,
                       "unknown option '" + name + "'" + (near.empty() ? "" : ": did you mean '" + near + "'?"));
        }
    }
    if (!extras.empty() && !command.commands.empty()) {
        std::vector<std::string> names;
        for (bound_command const& below : command.commands) {
            names.push_back(below.spec->name);
        }
        fail_usage(command, "unknown command '" + extras.front() +
                                "': " + experiment::suggestion(extras.front(), names, "commands"));
    }
    if (!extras.empty()) {
        fail_usage(command, "one argument too many: '" + extras.front() + "'");
    }
}

arguments collect(bound_command const& command) {
    arguments given;
    std::vector<std::string> const known = option_names(command);
    for (bound_option const& bound : command.options) {
        std::size_t const mentions = bound.option->count();
        std::string const name =
            bound.spec->name.substr(bound.spec->name.find("--") == std::string::npos ? 0 : bound.spec->name.find("--"));
        if (mentions > 1 && !bound.spec->repeatable && !bound.spec->value.empty()) {
            fail_usage(command, name + " is given twice: give it once" +
                                    (bound.spec->value == "LIST" ? ", with commas between its values" : ""));
        }
        if (mentions == 0 && bound.spec->required) {
            fail_usage(command, bound.spec->value + " is missing");
        }
        for (std::string const& value : bound.values) {
            // CLI11 takes whatever follows for a value; an option's name hardly is one.
            if (std::find(known.begin(), known.end(), value) != known.end()) {
                fail_usage(command, name + " needs a value: " + name + " " + bound.spec->value);
            }
        }
        if (mentions > 0) {
            given.set(name, bound.values);
        }
    }
    return given;
}

/// CLI11's complaints in this program's words.
[[noreturn]] void translate(CLI::ParseError const& error, bound_command const& command) {
    std::string const text = error.what();
    if (dynamic_cast<CLI::ArgumentMismatch const*>(&error) != nullptr) {
        std::string const name = text.substr(0, text.find(':'));
        for (bound_option const& bound : command.options) {
            if (bound.spec->name.find(name) != std::string::npos && !bound.spec->value.empty()) {
                fail_usage(command, name + " needs a value: " + name + " " + bound.spec->value);
            }
        }
        fail_usage(command, name + " takes no value");
    }
    fail_usage(command, text);
}

/// The command line as a shell would take it again.
std::string command_text(int argument_count, char const* const* argument_values) {
    std::string text;
    for (int i = 0; i < argument_count; ++i) {
        std::string const word = argument_values[i];
        bool const is_plain =
            !word.empty() && word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                    "0123456789_-+=.,:/%@") == std::string::npos;
        text += i == 0 ? "" : " ";
        if (is_plain) {
            text += i == 0 ? word.substr(word.rfind('/') + 1) : word;
            continue;
        }
        text += '\'';
        for (char const c : word) {
            text += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
        }
        text += '\'';
    }
    return text;
}

exit_code dispatch(bound_command& root, int argument_count, char const* const* argument_values) {
    try {
        root.app->parse(argument_count, argument_values);
    } catch (CLI::CallForHelp const&) {
        bound_command const& command = selected(root);
        std::cout << command.app->help();
        return exit_code::success;
    } catch (CLI::ParseError const& error) {
        translate(error, selected(root));
    }
    bound_command const& command = selected(root);
    if (root.app->count("--version") > 0) {
        std::cout << root.full_name << ' ' << experiment::library_version() << '\n';
        return exit_code::success;
    }
    reject_extras(command);
    if (!command.commands.empty()) {
        std::vector<std::string> names;
        for (bound_command const& below : command.commands) {
            names.push_back(below.spec->name);
        }
        fail_usage(command, "no command is given: " + experiment::suggestion("", names, "commands"));
    }
    arguments given = collect(command);
    given.set_command(command_text(argument_count, argument_values));
    return command.spec->run(given);
}

/// Ranks share the mistakes of their command line, and the first tells them. A launcher ends all ranks once one has
/// ended with an error, so the others give the first time to speak; a rank that is still there then has met its own
/// failure.
void tell(std::string const& where, std::string const& message) {
    unsigned const rank = launched_as().rank;
    if (rank != 0) {
        std::this_thread::sleep_for(std::chrono::seconds{3});
    }
    if (!message.empty()) {
        std::cerr << where << ": " << (rank == 0 ? "" : "rank " + std::to_string(rank) + ": ") << message << '\n';
    }
}

} // namespace

std::vector<std::string> arguments::all(std::string const& name) const {
    auto const found = values_.find(name);
    return found == values_.end() ? std::vector<std::string>{} : found->second;
}

std::string arguments::one(std::string const& name, std::string const& otherwise) const {
    auto const found = values_.find(name);
    return found == values_.end() || found->second.empty() ? otherwise : found->second.front();
}

int run_command_line(command_spec const& program, int argument_count, char const* const* argument_values) {
    std::string where = program.name;
    try {
        CLI::App app{program.description};
        bound_command root;
        bind_command(root, program, &app, program.name);
        app.add_flag("--version")->description("print the version and exit");
        try {
            auto const code = dispatch(root, argument_count, argument_values);
            std::cout.flush();
            if (!std::cout) {
                throw failure{exit_code::failure, "cannot write to standard output"};
            }
            return static_cast<int>(code);
        } catch (...) {
            where = selected(root).full_name;
            throw;
        }
    } catch (failure const& ended) {
        tell(where, ended.message);
        return static_cast<int>(ended.code);
    } catch (std::bad_alloc const&) {
        std::cerr << where << ": out of memory: use fewer threads (--threads 1), or a smaller workload\n";
    } catch (std::exception const& unexpected) {
        std::cerr << where << ": " << unexpected.what() << '\n';
    }
    return static_cast<int>(exit_code::failure);
}

std::string bash_completion(command_spec const& program) {
    CLI::App app{program.description};
    bound_command root;
    bind_command(root, program, &app, program.name);
    app.add_flag("--version")->description("print the version and exit");
    std::map<CLI::Option const*, value_completion const*> completions;
    auto const gather = [&completions](auto const& self, bound_command const& command) -> void {
        for (bound_option const& bound : command.options) {
            completions[bound.option] = &bound.spec->complete;
        }
        for (bound_command const& below : command.commands) {
            self(self, below);
        }
    };
    gather(gather, root);
    return bash_script(program.name, app, completions);
}

} // namespace hpcsched::cli
