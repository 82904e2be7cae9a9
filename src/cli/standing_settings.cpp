// SPDX-License-Identifier: Apache-2.0
#include "standing_settings.hpp"

#include "failure.hpp"
#include "values.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace hpcsched::cli {
namespace {

/// \param found  what has that name
template <class Names, class Found>
Found one_of(std::string const& option, std::string const& name, Names const& names, std::optional<Found> found) {
    if (!found) {
        std::string all;
        for (std::string_view const each : names) {
            all += (all.empty() ? "" : ", ") + std::string{each};
        }
        throw failure{exit_code::usage, option + ": '" + name + "' is none of " + all};
    }
    return *found;
}

} // namespace

std::vector<option_spec> standing_options(std::string const& group, option_spec queue, std::string const& replicas) {
    queue.group = group;
    return {
        {.name = "--replicas", .value = "N", .help = replicas, .group = group},
        {.name = "--placement",
         .value = "NAME",
         .help = "where replicas live, and where one moves whose cell finds no room: least-loaded,\n"
                 "where most devices are free; pack, where the fewest are that suffice; spread,\n"
                 "where the fewest are subscribed; one-group, where links between them are fast;\n"
                 "keeps-room, not where eight are free for a large cell [default: least-loaded]",
         .group = group,
         .complete = value_completion::one_of({"least-loaded", "pack", "spread", "one-group", "keeps-room"})},
        {.name = "--admission",
         .value = "NAME",
         .help = "which kernels that may ask for devices are let in; the others wait until some end:\n"
                 "everyone; subscription-limit, NotebookOS's: while what kernels may ask for is, on\n"
                 "none of their hosts, devices x replicas x a limit that follows what runs, 7 at\n"
                 "rest; service-level, while one of their hosts is likely to have room at any\n"
                 "moment, by how much of the time kernels have had devices [default: everyone]",
         .group = group,
         .complete = value_completion::one_of({"everyone", "subscription-limit", "service-level"})},
        {.name = "--service-level",
         .value = "P",
         .help = "how likely, of service-level: 0 to 1 [default: 0.9]",
         .group = group},
        std::move(queue),
        {.name = "--patience",
         .value = "TIME",
         .help = "a cell that waits lets those behind it run that fit, until it has waited for so\n"
                 "long; 0: it never does; never: it always does, and small cells can starve it; for\n"
                 "all but shortest, where it always does [default: 1min]",
         .group = group},
    };
}

notebook::standing_policies standing_settings(arguments const& given, std::uint64_t hosts, std::string const& queue) {
    notebook::standing_policies p;
    p.replicas = static_cast<std::uint32_t>(
        or_fail(parse_count(given.one("--replicas", std::to_string(std::min<std::uint64_t>(3, hosts))), 1, hosts),
                exit_code::usage, "--replicas: "));
    std::string const placement = given.one("--placement", std::string{p.placement.name()});
    p.placement =
        one_of("--placement", placement, gpu::chosen_placement::names, gpu::chosen_placement::named(placement));
    p.target = p.placement;
    std::string const admission = given.one("--admission", std::string{p.admission.name()});
    gpu::chosen_admission::config admitting{.replicas = p.replicas};
    admitting.policy =
        one_of("--admission", admission, gpu::chosen_admission::names, gpu::chosen_admission::named(admission));
    if (given.has("--service-level")) {
        if (admitting.policy != gpu::chosen_admission::kind::service_level) {
            throw failure{exit_code::usage, "--service-level needs --admission service-level"};
        }
        admitting.level =
            or_fail(parse_real(given.one("--service-level"), 0, 1), exit_code::usage, "--service-level: ");
    }
    p.admission = gpu::chosen_admission{admitting};
    gpu::chosen_queueing::config queueing = p.queueing.chosen();
    queueing.policy = one_of("--queue", queue, gpu::chosen_queueing::names, gpu::chosen_queueing::named(queue));
    if (std::string const patience = given.one("--patience", "1min"); patience == "never") {
        queueing.patience = unlimited;
    } else {
        queueing.patience = or_fail(parse_duration(patience), exit_code::usage, "--patience: ");
    }
    p.queueing = gpu::chosen_queueing{std::move(queueing)};
    return p;
}

} // namespace hpcsched::cli
