// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook/scheduler_machine.hpp>
#include <hpcsched/notebook_host/kernel_host.hpp>
#include <hpcsched/raft_asio/node.hpp>

#include "access_token.hpp"
#include "commands.hpp"
#include "ending_signals.hpp"
#include "failure.hpp"
#ifdef HPCSCHED_HAS_GPU_CUDA
#include "gpu_inventory.hpp"
#endif
#include "raft_settings.hpp"
#include "standing_settings.hpp"
#include "values.hpp"
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

constexpr char const* details =
    R"(One host of a cluster that keeps notebook kernels in replicas: what a cell changes is on a majority of a kernel's
hosts before its reply comes, and when a host is lost, the kernel goes on where it was. GPUs are leased to a cell while
it runs. Start one on each machine with the same --nodes, then tell Jupyter (hpcsched notebook install --nodes ...).

Example, three hosts on one machine, and a notebook executed on them:
  N=1=127.0.0.1:7101,2=127.0.0.1:7102,3=127.0.0.1:7103
  for i in 1 2 3; do hpcsched notebook serve --id $i --nodes $N --gpus 8 --store /tmp/store & done
  hpcsched notebook install --nodes $N
  jupyter nbconvert --execute --to notebook --ExecutePreprocessor.kernel_name=hpcsched mine.ipynb

Values larger than 64 KiB go to the store, a folder that all hosts share or a Redis, and not through the log; without
--store they are not replicated, and the notebook says so. Ctrl-C or SIGTERM ends the host and its interpreters; what
was acknowledged is on the disks of a majority.

As root, with certificates (hpcsched notebook certificates), kernels run as the users who ask for them: each in their
home and with their groups, reached by who has a certificate with their name alone; never as root. What users have in
a store that is a folder is theirs; a Redis is one for all. No session of PAM is opened, and no limits are set.

Exit status: 0 ended by Ctrl-C or SIGTERM, 1 failure, 2 wrong command line.)";

gpu::host_info machine() {
    gpu::host_info info;
    info.cpu_milli = 1000 * ::sysconf(_SC_NPROCESSORS_ONLN);
    info.memory_mib = ::sysconf(_SC_PHYS_PAGES) / 1024 * ::sysconf(_SC_PAGESIZE) / 1024;
    return info;
}

#ifdef HPCSCHED_HAS_GPU_CUDA
// Those that are well, in the order of their bus ids. Cells are given their UUIDs: numbers are counted anew by CUDA,
// in an order of its own.
void find_devices(arguments const& given, notebook_host::kernel_host_config& config) {
    gpu_inventory found = read_gpus(given);
    std::vector<gpu::device_facts> well;
    for (std::size_t i = 0; i < found.devices.size(); ++i) {
        auto const vitals = found.driver.vitals(static_cast<std::uint32_t>(i));
        if (vitals && gpu::judge(*vitals) == gpu::device_health::healthy) {
            config.device_names.push_back(found.devices[i].uuid);
            well.push_back(std::move(found.devices[i]));
        } else {
            std::cerr << "GPU " << i << " (" << found.devices[i].uuid
                      << ") is left out: " << (vitals ? gpu::why(*vitals) : "the driver does not tell how it is")
                      << '\n';
        }
    }
    auto const host = machine();
    config.devices = gpu::host_info_of(well, host.cpu_milli, host.memory_mib);
}
#else
void find_devices(arguments const& /*given*/, notebook_host::kernel_host_config& /*config*/) {
    throw failure{exit_code::usage, "--gpus auto: this program is built without gpu_cuda: give a number, or configure "
                                    "with -DHPCSCHED_WITH_GPU_CUDA=ON"};
}
#endif

void set_devices(arguments const& given, notebook_host::kernel_host_config& config) {
    std::string const gpus = given.one("--gpus", "0");
    if (gpus == "auto") {
        find_devices(given, config);
        return;
    }
    config.devices = machine();
    auto const count = or_fail(parse_count(gpus, 0, gpu::device_count_max), exit_code::usage, "--gpus: ");
    auto const memory = or_fail(parse_size(given.one("--gpu-memory", "80GiB"), std::uint64_t{1} << 50U),
                                exit_code::usage, "--gpu-memory: ");
    config.devices.devices.assign(count, {.memory_mib = static_cast<std::uint32_t>(memory >> 20U)});
}

/// hpcsched_chunks as it is installed with this program, or built with it.
std::string library_beside() {
    std::error_code failed;
    auto const folder = std::filesystem::read_symlink("/proc/self/exe", failed).parent_path();
    for (char const* const candidate : {HPCSCHED_CHUNKS_INSTALLED, HPCSCHED_CHUNKS_BUILT}) {
        auto const path = (folder / candidate).lexically_normal();
        if (std::filesystem::exists(path, failed)) {
            return path.string();
        }
    }
    throw failure{exit_code::failure, "the library of the store, libhpcsched_chunks.so, is not found beside this "
                                      "program: name it with --store-library"};
}

notebook_host::kernel_users users_of(arguments const& given) {
    using notebook_host::kernel_users;
    bool const root = ::geteuid() == 0;
    bool const certificates = given.has("--tls-certificate");
    std::string const text = given.one("--run-as", root && certificates ? "certificate" : root ? "" : "self");
    if (text.empty()) {
        throw failure{exit_code::usage, "started as root, and nobody says whose the kernels are: give certificates "
                                        "(--tls-certificate ...; kernels run as the users whom clients' certificates "
                                        "name), --run-as USER for all kernels, or --run-as self to run them as root"};
    }
    if (text == "self") {
        return {};
    }
    return text == "certificate" ? kernel_users{kernel_users::kind::of_certificate, {}}
                                 : kernel_users{kernel_users::kind::named, text};
}

notebook::start_after start_of(arguments const& given) {
    std::string const text = given.one("--start", "request");
    if (text != "request" && text != "decision") {
        throw failure{exit_code::usage, "--start: '" + text + "' is not known: give request or decision"};
    }
    return text == "request" ? notebook::start_after::request : notebook::start_after::decision;
}

/// "ada=4,ben=2,others=1": by tenant, in thousandths of devices.
void set_quotas(std::string const& text, gpu::chosen_queueing::config& queueing) {
    std::size_t from = 0;
    while (from <= text.size()) {
        std::size_t const end = std::min(text.find(',', from), text.size());
        std::string const one = text.substr(from, end - from);
        std::size_t const equals = one.rfind('=');
        if (equals == std::string::npos || equals == 0) {
            throw failure{exit_code::usage,
                          "--quota: '" + one + "' is no quota: give USER=DEVICES,..., as in ada=4,others=1"};
        }
        std::string const user = one.substr(0, equals);
        auto const amount = static_cast<std::int64_t>(
            or_fail(parse_count(one.substr(equals + 1), 0, 100'000), exit_code::usage, "--quota: "));
        if (user == "others") {
            queueing.default_quota = amount * gpu::whole_device;
        } else {
            queueing.quota[notebook::tenant_of(user)] = amount * gpu::whole_device;
        }
        from = end + 1;
    }
}

notebook::standing_policies policies_of(arguments const& given, std::uint64_t hosts) {
    notebook::standing_policies p = standing_settings(given, hosts, given.one("--queue", "fifo"));
    if (given.has("--quota")) {
        gpu::chosen_queueing::config queueing = p.queueing.chosen();
        set_quotas(given.one("--quota"), queueing);
        p.queueing = gpu::chosen_queueing{std::move(queueing)};
    }
    return p;
}

exit_code serve(arguments const& given) {
    raft_asio::node_config const node = node_settings(given);
    notebook_host::kernel_host_config config;
    config.network = node.network;
    config.log = node.log;
    if (!given.has("--data")) {
        config.log.directory = "hpcsched-notebook-" + std::to_string(node.network.self.value);
    }
    config.election_timeout = node.replica.election_timeout;
    config.network.frame_bytes_max = std::size_t{1} << 30U; // Jupyter's messages go over it
    config.network.client_queue_bytes_max = std::size_t{1} << 30U;
    config.policies = policies_of(given, static_cast<std::uint64_t>(node.network.peers.size()));
    config.changes_policies = given.has("--change-policies");
    config.users = users_of(given);
    config.start = start_of(given);
    set_devices(given, config);
    config.interpreter.front() = given.one("--python", config.interpreter.front());
    if (given.has("--store")) {
        config.store = given.one("--store");
        config.store_library = given.has("--store-library") ? given.one("--store-library") : library_beside();
        config.interpreter.insert(config.interpreter.end(), {"--store-library", config.store_library});
    }
    config.store_interval =
        or_fail(parse_duration(given.one("--store-interval", "5min")), exit_code::usage, "--store-interval: ");
    config.store_age = or_fail(parse_duration(given.one("--store-age", "15min")), exit_code::usage, "--store-age: ");
    config.warm =
        static_cast<std::size_t>(or_fail(parse_count(given.one("--warm", "1"), 0, 1000), exit_code::usage, "--warm: "));
    config.host_limit =
        or_fail(parse_duration(given.one("--host-timeout", "5s")), exit_code::usage, "--host-timeout: ");
    if (given.has("--reclaim-after")) {
        config.reclaim_after =
            or_fail(parse_duration(given.one("--reclaim-after")), exit_code::usage, "--reclaim-after: ");
    }
    config.orphan_limit =
        or_fail(parse_duration(given.one("--orphan-timeout", "10min")), exit_code::usage, "--orphan-timeout: ");
    config.page = given.one("--page");
    config.page_token = token_of(given);
    bool const quiet = given.has("--quiet");
    config.say = [quiet](std::string const& line) {
        if (!quiet) {
            std::cerr << line << '\n';
        }
    };
    raft_asio::event_loop loop;
    loop.set_spin(or_fail(parse_duration(given.one("--spin", "100us")), exit_code::usage, "--spin: "));
    ending_signals const ends_by{loop};
    auto const host = or_fail(notebook_host::kernel_host::open(loop, std::move(config)), exit_code::failure);
    std::cout << "host " << node.network.self.value << " of cluster " << node.network.cluster_id << " listens on port "
              << host->port();
    if (host->page_port() != 0) {
        std::string const page = given.one("--page");
        std::cout << ", page at http://" << page.substr(0, page.rfind(':')) << ':' << host->page_port() << '/';
    }
    std::cout << std::endl;
    loop.run();
    if (!host->failure().empty()) {
        throw failure{exit_code::failure, host->failure()};
    }
    return exit_code::success;
}

void append_policy_options(std::vector<option_spec>& options) {
    constexpr char const* policies = "Policies (the cluster goes by those of the host that comes first)";
    for (option_spec& o :
         standing_options(policies,
                          {.name = "--queue",
                           .value = "NAME",
                           .help = "which of the cells that wait for devices runs next: fifo; shortest, by how long\n"
                                   "the kernel's cells have kept their devices; aged, by waiting over that; or\n"
                                   "fair-share, who has the smallest part of their quota [default: fifo]",
                           .complete = value_completion::one_of({"fifo", "shortest", "aged", "fair-share"})},
                          "of each kernel, the same on all hosts [default: 3, or all nodes if fewer]")) {
        options.push_back(std::move(o));
    }
    options.push_back({"--quota", "LIST",
                       "devices of each user, as their certificates name them, for fair-share:\n"
                       "USER=N,..., and others=N for each of the rest [default: others=1]",
                       policies});
    options.push_back({"--change-policies", "",
                       "the cluster goes by other policies: by these from now on. Their number of replicas\n"
                       "stays while kernels live",
                       policies});
}

} // namespace

command_spec notebook_serve_command() {
    std::vector<option_spec> options = node_options();
    for (option_spec& o : options) {
        if (o.name == "--data") {
            o.help = "where the log is [default: hpcsched-notebook-ID]";
        }
    }
    append_policy_options(options);
    options.push_back({"--run-as", "WHO",
                       "as whom kernels run, the same on all hosts: certificate, the user whom the\n"
                       "client's certificate names, who alone reaches the kernel; a user's name, for\n"
                       "all kernels; or self, who started this [default: self; as root certificate]",
                       "Options", value_completion::one_of({"certificate", "self"})});
    options.push_back({"--start", "WHEN",
                       "request: a cell starts at once where it is asked for, shows nothing before the\n"
                       "others have agreed, and is undone where they decide for another host; decision:\n"
                       "it waits for them [default: request]",
                       "Options", value_completion::one_of({"request", "decision"})});
    options.push_back({"--gpus", "N",
                       "devices of this host that cells can ask for; auto: those that NVIDIA's driver\n"
                       "shows, and that are well (hpcsched gpu check) [default: 0]",
                       "Options", value_completion::one_of({"auto"})});
    options.push_back({"--gpu-memory", "SIZE", "of each; auto: as it is [default: 80GiB]"});
    options.push_back({"--store", "WHERE",
                       "a folder that all hosts share, or redis://[:PASSWORD@]HOST[:PORT][/DB], for large values",
                       "Options", value_completion::folder()});
    options.push_back({"--store-library", "FILE",
                       "libhpcsched_chunks.so [default: the one installed with this program]", "Options",
                       value_completion::file()});
    options.push_back({"--store-interval", "TIME", "between two looks for what can go from the store [default: 5min]"});
    options.push_back({"--store-age", "TIME", "what was put into the store since then stays [default: 15min]"});
    options.push_back({"--python", "PROGRAM", "the Python that has ipykernel and cloudpickle [default: python3]",
                       "Options", value_completion::file()});
    options.push_back({"--warm", "N", "interpreters that are started ahead, for kernels to come [default: 1]"});
    options.push_back({"--host-timeout", "TIME", "a host that cannot be reached for so long is lost [default: 5s]"});
    options.push_back({"--reclaim-after", "TIME",
                       "an interpreter that nobody has used for so long ends, and the next cell starts\n"
                       "another from the log; one that has what the log has not (open files, threads,\n"
                       "widgets, another folder or environment) stays, and what was set in a module (a\n"
                       "seed, an option) is not looked for [default: never]"});
    options.push_back({"--orphan-timeout", "TIME", "a kernel that no Jupyter is attached to ends [default: 10min]"});
    options.push_back({"--page", "ADDRESS:PORT", "where to show the cluster as a page, as in 127.0.0.1:7180"});
    append_token_options(options, "Options");
#ifdef HPCSCHED_HAS_GPU_CUDA
    append_gpu_library_options(options);
#endif
    options.push_back({"-q,--quiet", "", "say nothing of connections, hosts and kernels"});
    return {.name = "serve",
            .description = "Run one host of a cluster that keeps notebook kernels in replicas",
            .details = details,
            .options = std::move(options),
            .run = &serve};
}

} // namespace hpcsched::cli
