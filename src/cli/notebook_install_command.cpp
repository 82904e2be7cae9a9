// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/results_io.hpp>

#include <boost/json.hpp>

#include "commands.hpp"
#include "raft_settings.hpp"
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>

namespace hpcsched::cli {
namespace {

namespace json = boost::json;

constexpr char const* details =
    R"(Afterwards `jupyter kernelspec list` shows it, and a notebook server, JupyterLab, nbclient or JupyterHub offers
and starts it as any other kernel.

Examples:
  hpcsched notebook install                      for this user, in ~/.local/share/jupyter
  hpcsched notebook install --prefix /usr/local  for all users
  hpcsched notebook install --nodes 1=a:7101,2=b:7101,3=c:7101
                                                 with kernels in replicas on a cluster (hpcsched notebook serve)
  jupyter nbconvert --execute --to notebook --ExecutePreprocessor.kernel_name=hpcsched mine.ipynb

Exit status: 0 success, 1 failure, 2 wrong command line.)";

// Those of `hpcsched notebook kernel` that say which cluster, and what of it.
std::array<std::string, 6> const cluster_options{"--nodes",           "--cluster", "--gpus",
                                                 "--tls-certificate", "--tls-key", "--tls-authority"};

/// Whether a Python is there and has ipykernel.
bool has_ipykernel(std::string const& python) {
    pid_t const child = ::fork();
    if (child == 0) {
        (void)std::freopen("/dev/null", "w", stderr); // NOLINT(*-owning-memory)
        std::array<char const*, 4> const words{python.c_str(), "-c", "import ipykernel", nullptr};
        ::execvp(words[0], const_cast<char* const*>(words.data())); // NOLINT(*-const-cast): execvp does not write
        ::_exit(127);
    }
    int status = 0;
    return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

std::string choose_python(arguments const& given) {
    if (given.has("--python")) {
        std::string const named = given.one("--python");
        if (!has_ipykernel(named)) {
            throw failure{exit_code::failure, "'" + named + "' does not run, or has no ipykernel; on Debian: " +
                                                  "apt-get install python3-ipykernel, and --python /usr/bin/python3"};
        }
        return named;
    }
    for (char const* const candidate : {"python3", "/usr/bin/python3"}) {
        if (has_ipykernel(candidate)) {
            return candidate;
        }
    }
    throw failure{exit_code::failure,
                  "no Python with ipykernel is found; on Debian: apt-get install python3-ipykernel, or "
                  "name one with --python"};
}

std::filesystem::path data_folder(arguments const& given) {
    if (given.has("--prefix")) {
        return std::filesystem::path{given.one("--prefix")} / "share/jupyter";
    }
    if (char const* const own = std::getenv("JUPYTER_DATA_DIR");
        own != nullptr && *own != '\0') { // NOLINT(*-mt-unsafe)
        return own;
    }
    char const* const home = std::getenv("HOME"); // NOLINT(concurrency-mt-unsafe): there is one thread
    if (home == nullptr || *home == '\0') {
        throw failure{exit_code::failure, "HOME is not set: name a folder with --prefix"};
    }
    return std::filesystem::path{home} / ".local/share/jupyter";
}

exit_code install(arguments const& given) {
    std::string const name = given.one("--name", "hpcsched");
    auto const allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
    if (name.empty() || !std::all_of(name.begin(), name.end(), allowed)) {
        throw failure{exit_code::usage,
                      "--name: '" + name + "' is no name of a kernel: use letters, digits, - _ and ."};
    }
    std::error_code failed;
    auto const program = std::filesystem::read_symlink("/proc/self/exe", failed);
    if (failed) {
        throw failure{exit_code::failure, "cannot tell where this program is: " + failed.message()};
    }
    json::array words{program.string(), "notebook", "kernel", "-f", "{connection_file}"};
    if (given.has("--nodes")) {
        (void)client_settings(given); // what is wrong is said now, and not to a server's log
        for (std::string const& option : cluster_options) {
            if (given.has(option)) {
                words.emplace_back(option);
                words.emplace_back(given.one(option));
            }
        }
    } else {
        words.emplace_back("--python");
        words.emplace_back(choose_python(given));
    }
    json::object const spec{{"argv", std::move(words)},
                            {"display_name", given.one("--display-name", "Python 3 (hpcsched)")},
                            {"language", "python"},
                            {"interrupt_mode", "message"},
                            {"metadata", json::object{{"debugger", true}}}};
    auto const folder = data_folder(given) / "kernels" / name;
    std::filesystem::create_directories(folder, failed);
    if (failed) {
        throw failure{exit_code::failure, "cannot make the folder '" + folder.string() + "': " + failed.message()};
    }
    or_fail(experiment::write_file((folder / "kernel.json").string(), json::serialize(spec) + '\n'),
            exit_code::failure);
    std::cout << "Installed the kernel '" << name << "' in " << folder.string() << '\n';
    return exit_code::success;
}

} // namespace

command_spec notebook_install_command() {
    std::vector<option_spec> options{
        {.name = "--name", .value = "NAME", .help = "of the kernel [default: hpcsched]"},
        {.name = "--display-name", .value = "TEXT", .help = "[default: Python 3 (hpcsched)]"},
        {.name = "--prefix",
         .value = "FOLDER",
         .help = "for all users of what is installed there [default: for this user]",
         .complete = value_completion::folder()},
        {.name = "--python",
         .value = "PROGRAM",
         .help = "the Python that has ipykernel, without --nodes [default: python3, else /usr/bin/python3]",
         .complete = value_completion::file()},
        {.name = "--gpus", .value = "N", .help = "the most that a cell will ask for, with --nodes [default: 0]"}};
    for (option_spec& o : client_options()) {
        if (std::ranges::find(cluster_options, o.name) != cluster_options.end()) {
            o.required = false;
            options.push_back(std::move(o));
        }
    }
    return {.name = "install",
            .description = "Tell Jupyter of a kernel that this program stands in front of",
            .details = details,
            .options = std::move(options),
            .run = &install};
}

} // namespace hpcsched::cli
