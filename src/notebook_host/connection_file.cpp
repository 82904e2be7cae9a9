// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/connection_file.hpp>

#include <boost/json.hpp>

#include <array>
#include <limits>
#include <utility>

namespace json = boost::json;

namespace hpcsched::notebook_host {
namespace {

[[nodiscard]] std::string problem(std::string_view what) {
    return "the connection file " + std::string{what} + "; it is the one that Jupyter writes for a kernel";
}

template <class Info>
[[nodiscard]] auto ports_of(Info& info) {
    return std::array{std::pair{"shell_port", &info.shell_port}, std::pair{"iopub_port", &info.iopub_port},
                      std::pair{"stdin_port", &info.stdin_port}, std::pair{"control_port", &info.control_port},
                      std::pair{"hb_port", &info.hb_port}};
}

template <class Info>
[[nodiscard]] auto texts_of(Info& info) {
    return std::array{std::pair{"transport", &info.transport}, std::pair{"ip", &info.ip},
                      std::pair{"signature_scheme", &info.signature_scheme}, std::pair{"key", &info.key},
                      std::pair{"kernel_name", &info.kernel_name}};
}

} // namespace

std::string connection_info::address(std::uint16_t port) const {
    return transport + "://" + ip + (transport == "ipc" ? "-" : ":") + std::to_string(port);
}

result<connection_info> parse_connection(std::string_view text) {
    boost::system::error_code failed;
    json::value const document = json::parse(json::string_view{text.data(), text.size()}, failed);
    if (failed || !document.is_object()) {
        return error{problem("is no JSON object")};
    }
    json::object const& o = document.as_object();
    connection_info info;
    for (auto const& [name, port] : ports_of(info)) {
        auto const* const value = o.if_contains(name);
        if (value == nullptr || !value->is_int64() || value->as_int64() < 1 ||
            value->as_int64() > std::numeric_limits<std::uint16_t>::max()) {
            return error{problem(std::string{"has no port as "} + name)};
        }
        *port = static_cast<std::uint16_t>(value->as_int64());
    }
    for (auto const& [name, target] : texts_of(info)) {
        if (auto const* const value = o.if_contains(name)) {
            if (!value->is_string()) {
                return error{problem(std::string{"has no text as "} + name)};
            }
            *target = std::string{value->as_string().data(), value->as_string().size()};
        }
    }
    if (info.transport != "tcp" && info.transport != "ipc") {
        return error{problem("has transport '" + info.transport + "', which is neither tcp nor ipc")};
    }
    return info;
}

std::string connection_json(connection_info const& info) {
    json::object o;
    for (auto const& [name, port] : ports_of(info)) {
        o[name] = *port;
    }
    for (auto const& [name, text] : texts_of(info)) {
        o[name] = *text;
    }
    return json::serialize(o) + '\n';
}

} // namespace hpcsched::notebook_host
