// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu_cuda/cuda_driver.hpp>

#include <boost/json.hpp>

#include "commands.hpp"
#include "gpu_inventory.hpp"
#include "values.hpp"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

namespace json = boost::json;

constexpr char const* list_details =
    R"(Asks NVIDIA's driver (NVML) for the devices of this machine, in the order of their bus ids: what they have, what
joins them (devices of one number under "link" are joined by NVLink), and how many processes use them. A device in MIG
mode is shown with its instances. CUDA is not needed, and what CUDA_VISIBLE_DEVICES hides is shown too.

Examples:
  hpcsched gpu list
  hpcsched gpu list --json | jq .gpus[].uuid

Exit status: 0 success, no device included; 1 the driver is missing or does not answer, 2 wrong command line.)";

constexpr char const* check_details =
    R"(Says of each device of this machine whether leases may go to it: well; draining, which is to take no new ones (it
is hot, or its memory waits for a repair); or failed (off the bus, uncorrectable errors of its memory). Errors that the
driver reported before this command was started (Xid, in the kernel's log) are not seen. A device that cannot even be
counted is missing: say with --expect how many there should be.

Examples:
  hpcsched gpu check
  hpcsched gpu check --expect 8 --temperature-max 85 && hpcsched notebook serve --gpus auto ...

Exit status: 0 all are well, and there is one at least; 1 one is not, is missing, or the driver is; 2 wrong command
line.)";

char const* word_for(gpu::device_health health) {
    switch (health) {
    case gpu::device_health::healthy:
        return "well";
    case gpu::device_health::draining:
        return "draining";
    default:
        return "failed";
    }
}

std::string memory_text(std::uint32_t mebibytes) {
    return std::to_string(mebibytes) + " MiB";
}

json::object facts_of(gpu_inventory const& found, std::size_t i) {
    gpu::device_facts const& d = found.devices[i];
    json::object told{{"number", i},
                      {"name", d.name},
                      {"uuid", d.uuid},
                      {"bus_id", d.bus_id},
                      {"memory_mib", d.info.memory_mib},
                      {"numa_node", d.info.numa_node},
                      {"link_group", d.info.link_group},
                      {"mig", d.info.sliced}};
    if (d.info.sliced) {
        json::array instances;
        for (gpu::slice_facts const& s : d.slices) {
            instances.push_back(
                {{"uuid", s.uuid}, {"memory_mib", s.memory_mib}, {"compute_slices", s.profile.compute_slices}});
        }
        told["instances"] = std::move(instances);
    }
    return told;
}

void add_vitals(json::object& told, gpu::device_vitals const& v, gpu::health_limits const& limits) {
    told["health"] = word_for(gpu::judge(v, limits));
    if (std::string const reason = gpu::why(v, limits); !reason.empty()) {
        told["why"] = reason;
    }
    told["reachable"] = v.reachable;
    told["memory_used_mib"] = v.memory_used_mib;
    told["temperature_c"] = v.temperature_c;
    told["corrected_errors"] = v.corrected_errors;
    told["uncorrected_errors"] = v.uncorrected_errors;
    told["repair_pending"] = v.repair_pending;
    told["repair_failed"] = v.repair_failed;
}

// Columns as wide as what is in them.
void print_table(std::vector<std::vector<std::string>> const& rows, std::ostream& out) {
    std::vector<std::size_t> widths;
    for (auto const& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    for (auto const& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i] + std::string(i + 1 < row.size() ? widths[i] - row[i].size() + 2 : 0, ' ');
        }
        out << line << '\n';
    }
}

std::optional<std::size_t> processes_of(gpu_inventory& found, std::size_t i) {
    auto const there = found.driver.processes(static_cast<std::uint32_t>(i));
    return there ? std::optional{there->size()} : std::nullopt;
}

exit_code list(arguments const& given) {
    gpu_inventory found = read_gpus(given);
    if (given.has("--json")) {
        json::array all;
        for (std::size_t i = 0; i < found.devices.size(); ++i) {
            json::object told = facts_of(found, i);
            if (auto const count = processes_of(found, i)) {
                told["processes"] = *count;
            }
            all.push_back(std::move(told));
        }
        std::cout << json::serialize(json::object{{"driver", found.driver.about()}, {"gpus", std::move(all)}}) << '\n';
        return exit_code::success;
    }
    std::cout << found.driver.about() << '\n';
    if (found.devices.empty()) {
        std::cout << "it shows no device\n";
        return exit_code::success;
    }
    std::vector<std::vector<std::string>> rows{
        {"gpu", "name", "memory", "link", "numa", "processes", "bus id", "uuid"}};
    for (std::size_t i = 0; i < found.devices.size(); ++i) {
        gpu::device_facts const& d = found.devices[i];
        auto const count = processes_of(found, i);
        rows.push_back({std::to_string(i), d.name, memory_text(d.info.memory_mib), std::to_string(d.info.link_group),
                        std::to_string(d.info.numa_node), count ? std::to_string(*count) : "-", d.bus_id, d.uuid});
        for (gpu::slice_facts const& s : d.slices) {
            rows.push_back({"", "MIG " + std::to_string(s.profile.compute_slices) + "g", memory_text(s.memory_mib), "",
                            "", "", "", s.uuid});
        }
    }
    print_table(rows, std::cout);
    return exit_code::success;
}

struct checked {
    std::size_t well = 0;
    json::array told{};
    std::vector<std::vector<std::string>> rows{{"gpu", "name", "memory used", "temperature", "errors", "state"}};
};

void check_one(gpu_inventory& found, std::size_t i, gpu::health_limits const& limits, checked& all) {
    gpu::device_facts const& d = found.devices[i];
    json::object told = facts_of(found, i);
    auto const vitals = found.driver.vitals(static_cast<std::uint32_t>(i));
    if (!vitals) {
        told["health"] = "unknown";
        all.rows.push_back({std::to_string(i), d.name, "-", "-", "-", "unknown: the driver does not tell"});
    } else {
        add_vitals(told, *vitals, limits);
        auto const health = gpu::judge(*vitals, limits);
        all.well += health == gpu::device_health::healthy ? 1 : 0;
        std::string const reason = gpu::why(*vitals, limits);
        all.rows.push_back({std::to_string(i), d.name,
                            std::to_string(vitals->memory_used_mib) + " of " + memory_text(vitals->memory_total_mib),
                            std::to_string(vitals->temperature_c) + " C",
                            std::to_string(vitals->corrected_errors) + " corrected, " +
                                std::to_string(vitals->uncorrected_errors) + " not",
                            word_for(health) + (reason.empty() ? "" : ": " + reason)});
    }
    all.told.push_back(std::move(told));
}

exit_code check(arguments const& given) {
    gpu::health_limits limits;
    limits.temperature_max_c = static_cast<std::int32_t>(
        or_fail(parse_count(given.one("--temperature-max", std::to_string(limits.temperature_max_c)), 1, 200),
                exit_code::usage, "--temperature-max: "));
    std::optional<std::uint64_t> expected;
    if (given.has("--expect")) {
        expected =
            or_fail(parse_count(given.one("--expect"), 0, gpu::device_count_max), exit_code::usage, "--expect: ");
    }
    gpu_inventory found = read_gpus(given);
    checked all;
    for (std::size_t i = 0; i < found.devices.size(); ++i) {
        check_one(found, i, limits, all);
    }
    bool const missing = expected && found.devices.size() != *expected;
    bool const well = all.well == found.devices.size() && !missing && (expected || !found.devices.empty());
    if (given.has("--json")) {
        json::object told{{"driver", found.driver.about()}, {"well", well}, {"gpus", std::move(all.told)}};
        if (expected) {
            told["expected"] = *expected;
        }
        std::cout << json::serialize(told) << '\n';
    } else {
        std::cout << found.driver.about() << '\n';
        if (!found.devices.empty()) {
            print_table(all.rows, std::cout);
        }
        std::cout << all.well << " of " << found.devices.size() << " devices are well"
                  << (missing ? ", and " + std::to_string(*expected) + " should be there" : "") << '\n';
    }
    return well ? exit_code::success : exit_code::failure;
}

command_spec list_command() {
    std::vector<option_spec> options{{"--json", "", "for programs"}};
    append_gpu_library_options(options);
    return {.name = "list",
            .description = "Show the devices of this machine",
            .details = list_details,
            .options = std::move(options),
            .run = &list};
}

command_spec check_command() {
    std::vector<option_spec> options{
        {"--expect", "N", "so many devices should be there [default: one at least]"},
        {"--temperature-max", "N", "degrees C; hotter, a device is to take no new leases [default: 90]"},
        {"--json", "", "for programs"}};
    append_gpu_library_options(options);
    return {.name = "check",
            .description = "Say whether the devices of this machine are well",
            .details = check_details,
            .options = std::move(options),
            .run = &check};
}

} // namespace

command_spec gpu_command() {
    return {.name = "gpu",
            .description = "NVIDIA's devices of this machine: what they are, and how they are",
            .commands = {list_command(), check_command()}};
}

} // namespace hpcsched::cli
