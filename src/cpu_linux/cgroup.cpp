// SPDX-License-Identifier: Apache-2.0
#include "cgroup.hpp"

#include "file_descriptor.hpp"
#include "small_file.hpp"
#include "split.hpp"
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <exception>
#include <string>

namespace hpcsched::cpu_linux::detail {

namespace {

bool names(std::string_view controller, std::string_view list, char separator) {
    auto const all = split(list, separator);
    return std::ranges::find(all, controller) != all.end();
}

bool root_has(std::string const& folder, std::string_view controller) {
    std::string const controllers = read_small_file(folder + "/cgroup.controllers");
    return names(controller, controllers.substr(0, controllers.find('\n')), ' ');
}

outcome write_number(std::string const& path, std::int64_t number) noexcept {
    file_descriptor const file{open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    std::string const text = std::to_string(number);
    if (file.is_open() && write(file.get(), text.data(), text.size()) >= 0) {
        return outcome::done;
    }
    return errno == EACCES || errno == EPERM || errno == EROFS ? outcome::not_allowed : outcome::not_possible;
}

} // namespace

cgroup_mount find_cgroup_mount(std::string_view mountinfo, bool (*has)(std::string const&, std::string_view),
                               std::string_view controller) {
    cgroup_mount found;
    for (std::string const& line : split(mountinfo, '\n')) {
        // "31 24 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu"
        auto const fields = split(line, ' ');
        auto const dash = std::ranges::find(fields, "-");
        if (fields.size() < 5 || fields.end() - dash < 4) {
            continue;
        }
        if (dash[1] == "cgroup" && names(controller, dash[3], ',')) {
            return {cgroup_version::v1, fields[4]};
        }
        if (dash[1] == "cgroup2" && has(fields[4], controller)) {
            found = {cgroup_version::v2, fields[4]};
        }
    }
    return found;
}

std::string group_in(std::string_view cgroup_file, cgroup_version version, std::string_view controller) {
    for (std::string const& line : split(cgroup_file, '\n')) {
        auto const first = line.find(':');
        auto const second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) {
            continue;
        }
        std::string const controllers = line.substr(first + 1, second - first - 1);
        bool const is_it = version == cgroup_version::v2 ? controllers.empty() : names(controller, controllers, ',');
        if (is_it) {
            return line.substr(second + 1);
        }
    }
    return {};
}

cgroup_mount mount_of(std::string_view controller) {
    return find_cgroup_mount(read_small_file("/proc/self/mountinfo"), &root_has, controller);
}

cgroup_mount const& cpu_controller() {
    static cgroup_mount const found = mount_of("cpu");
    return found;
}

std::string group_folder(process_id process) {
    cgroup_mount const& mount = cpu_controller();
    if (mount.version == cgroup_version::none) {
        return {};
    }
    std::string const group = group_in(read_small_file("/proc/" + std::to_string(process) + "/cgroup"), mount.version);
    return group.empty() ? std::string{} : mount.folder + (group == "/" ? "" : group);
}

std::string weight_file_of(std::string const& folder) {
    return folder + (cpu_controller().version == cgroup_version::v1 ? "/cpu.shares" : "/cpu.weight");
}

std::optional<std::int64_t> weight_of_group(std::string const& folder) {
    std::string const text = read_small_file(weight_file_of(folder));
    std::int64_t weight = 0;
    bool const is_number = std::from_chars(text.data(), text.data() + text.size(), weight).ec == std::errc{};
    return is_number && folder != cpu_controller().folder ? std::optional{weight} : std::nullopt;
}

outcome set_group_weight(std::string const& folder, std::int64_t weight) noexcept {
    try {
        bool const is_v1 = cpu_controller().version == cgroup_version::v1;
        std::int64_t const allowed =
            is_v1 ? std::clamp<std::int64_t>(weight, 2, 262'144) : std::clamp<std::int64_t>(weight, 1, 10'000);
        outcome const came = write_number(weight_file_of(folder), allowed);
        return came == outcome::not_possible && access(folder.c_str(), F_OK) != 0 ? outcome::gone : came;
    } catch (std::exception const&) { // no memory
        return outcome::not_possible;
    }
}

} // namespace hpcsched::cpu_linux::detail
