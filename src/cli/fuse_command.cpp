// SPDX-License-Identifier: Apache-2.0
#include "fuse_command.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

constexpr char const* run_details =
    R"(The networks are TorchScript files (torch.jit.script or torch.jit.trace, then save) that read the same input and
give one tensor each. INPUTS are samples of what they are used on, a .npy file or a tensor of torch.save, the first
dimension counting them; no labels are needed: without them a task is judged by how often the fused network chooses the
class that the original chooses. 60 % of the samples train and 15 % choose; on 10 % what was chosen must hold, and 15 %
are looked at once, for the report.

Labels are given once per network, in their order, as numbers of classes (accuracy, matthews) or 0 and 1 for each class
(micro_precision, macro_precision).

Ctrl-C ends the search; the best so far is written. What was found is written in any case: where nothing can be shared,
the separate networks in one file, and it is said why.

Examples:
  hpcsched fuse age.pt gender.pt --inputs faces.npy --budget 30m --out fused.pt
  hpcsched fuse a.pt b.pt --inputs x.npy --labels a.npy --labels b.npy --metric accuracy --metric accuracy
  hpcsched fuse a.pt b.pt --inputs x.npy --parse      what the networks are taken apart into, and no more

Exit status: 0 success, 1 failure, 2 wrong command line, 3 a file that cannot be fused.)";

command_spec run_spec() {
    return {
        .name = "run",
        .description = "What `hpcsched fuse MODELS ...` does: fuse trained networks of the same input into one",
        .details = run_details,
        .options = {{.name = "MODELS",
                     .value = "MODELS",
                     .help = "TorchScript files, one per task",
                     .complete = value_completion::file(),
                     .repeatable = true,
                     .required = true},
                    {.name = "-i,--inputs",
                     .value = "FILE",
                     .help = "samples: .npy, or .pt of torch.save",
                     .complete = value_completion::file(),
                     .required = true},
                    {.name = "-l,--labels",
                     .value = "FILE",
                     .help = "labels of a network, in their order",
                     .complete = value_completion::file(),
                     .repeatable = true},
                    {.name = "-m,--metric",
                     .value = "NAME",
                     .help = "how a network is judged, in their order; one for all, or one each\n"
                             "[default: accuracy with labels, else agreement]",
                     .complete = value_completion::one_of(
                         {"agreement", "accuracy", "matthews", "micro_precision", "macro_precision"}),
                     .repeatable = true},
                    {"-d,--drop", "FRACTION", "the loss of each metric that is tolerated [default: 0.01]"},
                    {"--confidence", "SHARE",
                     "that a loss must be within that, by the samples that choose;\n"
                     "0.5: as measured [default: 0.9]"},
                    {"-b,--budget", "TIME", "of the search, its trainings included [default: 30min]"},
                    {.name = "-o,--out",
                     .value = "FILE",
                     .help = "the fused network [default: fused.pt]",
                     .complete = value_completion::file()},
                    {.name = "--json",
                     .value = "FILE",
                     .help = "all that was found and tried, as JSON",
                     .complete = value_completion::file()},
                    {.name = "--report",
                     .value = "FILE",
                     .help = "a page: networks before and after, what was tried, scores",
                     .complete = value_completion::file()},
                    {.name = "--search",
                     .value = "NAME",
                     .help = "which search [default: cost_first]",
                     .complete = value_completion::one_of({"cost_first", "gmorph", "gmorph_p", "gmorph_pr", "random"})},
                    {"--epochs", "N", "that a candidate is trained for at most [default: 10]"},
                    {"--batch", "N", "samples in a step of training [default: 64]"},
                    {"--iterations", "N", "proposals of the search [default: 200]"},
                    {"--seed", "N", "of everything that is drawn [default: 1]"},
                    {"--threads", "N", "that LibTorch computes with [default: what is fastest, tried first]"},
                    {"--device", "NAME", "cpu, cuda, cuda:1 [default: cpu]"},
                    {"--memory", "SIZE", "that training may take; the batch is halved to keep it"},
                    {.name = "--folder",
                     .value = "DIR",
                     .help = "for the search's journal and weights: the same command after a kill goes on",
                     .complete = value_completion::folder()},
                    {"--gmorph-training", "", "train as GMorph does: L1, constant rate, random adapters"},
                    {"--parse", "", "print what the networks are taken apart into and what may be gained; end"},
                    {"-q,--quiet", "", "show no progress"}}};
}

command_spec inspect_spec() {
    return {.name = "inspect",
            .description = "Print what a fused network is made of",
            .details = "Examples:\n  hpcsched fuse inspect fused.pt\n\nExit status: 0 success, 2 wrong command line, 3 "
                       "no fused network.",
            .options = {{.name = "FILE",
                         .value = "FILE",
                         .help = "a fused network",
                         .complete = value_completion::file(),
                         .required = true}}};
}

command_spec bench_spec() {
    return {.name = "bench",
            .description = "Time a fused network, and the originals beside it",
            .details = "All run in turn in each round, warm, on one input; minimum and quartiles are printed, frozen "
                       "and not.\n\nExamples:\n  hpcsched fuse bench fused.pt\n  hpcsched fuse bench fused.pt "
                       "--against age.pt --against gender.pt\n\nExit status: 0 success, 1 failure, 2 wrong command "
                       "line, 3 no fused network.",
            .options = {{.name = "FILE",
                         .value = "FILE",
                         .help = "a fused network",
                         .complete = value_completion::file(),
                         .required = true},
                        {.name = "--against",
                         .value = "FILE",
                         .help = "an original; several run one after the other",
                         .complete = value_completion::file(),
                         .repeatable = true},
                        {"--batch", "N", "samples in a run [default: 1]"},
                        {"--rounds", "N", "that are counted [default: 100]"},
                        {"--threads", "N", "that LibTorch computes with [default: 1]"},
                        {"--device", "NAME", "cpu, cuda, cuda:1 [default: cpu]"}}};
}

/// The program beside this one, installed or in a build folder.
std::string program_for_fuse() {
    std::error_code failed;
    auto const here = std::filesystem::read_symlink("/proc/self/exe", failed).parent_path();
    for (char const* const candidate : {HPCSCHED_FUSE_INSTALLED, HPCSCHED_FUSE_BUILT}) {
        if (auto const path = here / candidate; std::filesystem::exists(path, failed)) {
            return path.string();
        }
    }
    throw failure{exit_code::failure,
                  "the program hpcsched_fusing is not installed with this one; install hpcsched again"};
}

} // namespace

command_spec fuse_command(fuse_actions const& actions) {
    command_spec run = run_spec();
    run.run = actions.run;
    command_spec inspect = inspect_spec();
    inspect.run = actions.inspect;
    command_spec bench = bench_spec();
    bench.run = actions.bench;
    std::vector<command_spec> commands;
    commands.push_back(std::move(run));
    commands.push_back(std::move(inspect));
    commands.push_back(std::move(bench));
    return {.name = "fuse",
            .description = "Fuse trained networks of the same input into one that is faster, inspect and time it",
            .commands = std::move(commands)};
}

std::vector<char*> with_fuse_run(int argument_count, char** argument_values) {
    static char run[] = "run"; // as long-lived and as writable as the arguments of main
    std::vector<char*> words;
    for (int i = 0; i < argument_count; ++i) {
        bool const follows = i == 2 && std::string_view{argument_values[1]} == "fuse";
        std::string_view const word = argument_values[i];
        if (follows && word != "run" && word != "inspect" && word != "bench" && word != "-h" && word != "--help") {
            words.push_back(run);
        }
        words.push_back(argument_values[i]);
    }
    return words;
}

fuse_actions hand_over_to_fuse(std::vector<char*> words) {
    words.push_back(nullptr);
    auto const become = [words](arguments const&) -> exit_code {
        std::string const program = program_for_fuse();
        ::execv(program.c_str(), words.data());
        throw failure{exit_code::failure, program + ": " + std::strerror(errno)};
    };
    return {become, become, become};
}

} // namespace hpcsched::cli
