// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_COMMAND_LINE_HPP
#define HPCSCHED_CLI_COMMAND_LINE_HPP

#include "failure.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cli {

/// How a shell completes a value.
struct value_completion {
    enum class kind : std::uint8_t { none, file, folder, words, word_list };
    kind of = kind::none;
    std::vector<std::string> words{}; ///< of `words`, the elements of a comma-separated `word_list`, or beside files

    static value_completion file() { return {kind::file, {}}; }
    static value_completion file_or(std::vector<std::string> words) { return {kind::file, std::move(words)}; }
    static value_completion folder() { return {kind::folder, {}}; }
    static value_completion one_of(std::vector<std::string> words) { return {kind::words, std::move(words)}; }
    static value_completion list_of(std::vector<std::string> words) { return {kind::word_list, std::move(words)}; }
};

/// An option, a switch or a positional argument.
struct option_spec {
    std::string name;  ///< "--loads"; without dashes: positional
    std::string value; ///< what stands for its value in the help, "LIST"; empty: a switch
    std::string help;  ///< one line or more
    std::string group{"Options"};
    value_completion complete{};
    bool repeatable = false;
    bool required = false;
};

/// What was given on the command line, by the names of the options.
class arguments {
  public:
    void set(std::string const& name, std::vector<std::string> values) { values_[name] = std::move(values); }

    [[nodiscard]] bool has(std::string const& name) const { return values_.contains(name); }

    /// All values of an option, in order; empty where it was not given.
    [[nodiscard]] std::vector<std::string> all(std::string const& name) const;

    /// The only value of an option, or `otherwise`.
    [[nodiscard]] std::string one(std::string const& name, std::string const& otherwise = {}) const;

    /// The whole command line, quoted for a shell.
    [[nodiscard]] std::string const& command() const noexcept { return command_; }
    void set_command(std::string text) { command_ = std::move(text); }

  private:
    std::map<std::string, std::vector<std::string>> values_;
    std::string command_;
};

/// A command of the program, or the program itself.
struct command_spec {
    std::string name;
    std::string description; ///< one line
    std::string details{};   ///< examples and more, below the options
    std::vector<option_spec> options{};
    std::vector<command_spec> commands{};
    std::function<exit_code(arguments const&)> run{}; ///< of a command without commands; throws `failure`
};

/// Parses the command line and runs the command it names. Prints help, the version, and the one line of a failure.
/// \return the exit status
[[nodiscard]] int run_command_line(command_spec const& program, int argument_count, char const* const* argument_values);

/// A script for bash that completes the program's commands, options and values.
[[nodiscard]] std::string bash_completion(command_spec const& program);

} // namespace hpcsched::cli

#endif
