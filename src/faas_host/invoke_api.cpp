// SPDX-License-Identifier: Apache-2.0
#include "invoke_api.hpp"

#include <boost/archive/iterators/base64_from_binary.hpp>
#include <boost/archive/iterators/binary_from_base64.hpp>
#include <boost/archive/iterators/transform_width.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <iterator>
#include <vector>

namespace hpcsched::faas_host::detail {

namespace {

namespace json = boost::json;

/// Takes all that a JSON text can hold, and keeps nothing.
struct no_handler {
    static constexpr std::size_t max_object_size = std::size_t(-1);
    static constexpr std::size_t max_array_size = std::size_t(-1);
    static constexpr std::size_t max_key_size = std::size_t(-1);
    static constexpr std::size_t max_string_size = std::size_t(-1);
    using code = boost::system::error_code;
    using text = json::string_view;

    static bool on_document_begin(code&) { return true; }
    static bool on_document_end(code&) { return true; }
    static bool on_object_begin(code&) { return true; }
    static bool on_object_end(std::size_t, code&) { return true; }
    static bool on_array_begin(code&) { return true; }
    static bool on_array_end(std::size_t, code&) { return true; }
    static bool on_key_part(text, std::size_t, code&) { return true; }
    static bool on_key(text, std::size_t, code&) { return true; }
    static bool on_string_part(text, std::size_t, code&) { return true; }
    static bool on_string(text, std::size_t, code&) { return true; }
    static bool on_number_part(text, code&) { return true; }
    static bool on_int64(std::int64_t, text, code&) { return true; }
    static bool on_uint64(std::uint64_t, text, code&) { return true; }
    static bool on_double(double, text, code&) { return true; }
    static bool on_bool(bool, code&) { return true; }
    static bool on_null(code&) { return true; }
    static bool on_comment_part(text, code&) { return true; }
    static bool on_comment(text, code&) { return true; }
};

constexpr std::size_t depth_limit = 512;

std::string text_of(json::object const& object) {
    return json::serialize(object);
}

/// A text from outside as it may stand in JSON: unchanged if it is UTF-8, else with a '?' for each byte beyond ASCII.
std::string shown(std::string_view text) {
    if (why_not_json(json::serialize(json::string{text.data(), text.size()})).empty()) {
        return std::string{text};
    }
    std::string ascii{text};
    std::ranges::replace_if(ascii, [](char c) { return static_cast<unsigned char>(c) > '~'; }, '?');
    return ascii;
}

constexpr std::size_t longest_shown = 200; // bytes of what a client sent

/// The service has two spellings of the key; each error has the one that its model names.
std::string user_error(std::string_view message) {
    return text_of({{"Type", "User"}, {"Message", message}});
}

/// The name and the qualifier in "NAME", "NAME:Q", "ACCOUNT:function:NAME[:Q]" and
/// "arn:aws:lambda:R:A:function:NAME[:Q]".
void split_name(std::string_view text, invoke_target& into) {
    std::vector<std::string_view> parts;
    for (std::size_t from = 0; from <= text.size();) {
        std::size_t const end = std::min(text.find(':', from), text.size());
        parts.push_back(text.substr(from, end - from));
        from = end + 1;
    }
    std::size_t name = 0;
    if (parts.size() >= 7 && parts[0] == "arn" && parts[2] == "lambda" && parts[5] == "function") {
        name = 6;
    } else if (parts.size() >= 3 && parts[1] == "function") {
        name = 2;
    }
    into.function = parts[name];
    if (parts.size() > name + 1) {
        into.qualifier = parts[name + 1];
    }
    if (parts.size() > name + 2 || !is_function_name(into.function)) {
        into.function = text;
        into.of = invoke_target::kind::not_a_function;
    }
}

} // namespace

bool is_function_name(std::string_view name) noexcept {
    constexpr std::size_t longest = 64;
    return !name.empty() && name.size() <= longest && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

invoke_target parse_target(std::string_view target) {
    invoke_target found;
    auto const parsed = boost::urls::parse_origin_form({target.data(), target.size()});
    if (parsed.has_error()) {
        return found;
    }
    found.path = parsed->path();
    auto const segments = parsed->segments();
    std::vector<std::string> const parts{segments.begin(), segments.end()};
    bool const is_of_the_api = parts.size() >= 2 && parts[0] == "2015-03-31" && parts[1] == "functions";
    if (!is_of_the_api) {
        return found;
    }
    if (parts.size() == 2 || (parts.size() == 3 && parts[2].empty())) {
        found.of = invoke_target::kind::functions;
        return found;
    }
    if (parts.size() == 3) {
        found.of = invoke_target::kind::function;
    } else if (parts.size() == 4 && parts[3] == "invocations") {
        found.of = invoke_target::kind::invocations;
    } else {
        return found;
    }
    split_name(parts[2], found);
    auto const parameters = parsed->params();
    if (auto const given = parameters.find("Qualifier"); given != parameters.end()) {
        found.qualifier = (*given).value;
    }
    return found;
}

std::string arn_of(std::string_view function) {
    std::string arn = "arn:aws:lambda:";
    arn.append(region).append(":").append(account).append(":function:").append(function);
    return arn;
}

service_error function_not_found(std::string_view function) {
    return {404, "ResourceNotFoundException",
            user_error("Function not found: " + arn_of(shown(function.substr(0, longest_shown))))};
}

service_error bad_function_name(std::string_view function) {
    return {400, "InvalidParameterValueException",
            text_of({{"Type", "User"},
                     {"message", "'" + shown(function.substr(0, longest_shown)) +
                                     "' is not the name of a function: 1 to 64 letters, digits, '-' and '_'"}})};
}

service_error too_many_requests() {
    return {429, "TooManyRequestsException",
            text_of({{"Reason", "ReservedFunctionConcurrentInvocationLimitExceeded"},
                     {"Type", "User"},
                     {"message", "Rate Exceeded."}})};
}

service_error turned_away() {
    return {429, "TooManyRequestsException",
            text_of({{"Reason", "FunctionInvocationRateLimitExceeded"},
                     {"Type", "User"},
                     {"message", "Rate Exceeded: a latency target of this host would be broken."}})};
}

service_error host_is_draining() {
    return {503, "ServiceException", text_of({{"Type", "Service"}, {"Message", "The host is shutting down."}})};
}

service_error request_too_large(std::uint64_t size, std::uint64_t limit) {
    std::string const what = size == 0 ? "Request" : "Request of " + std::to_string(size) + " bytes";
    return {413, "RequestTooLargeException",
            text_of({{"Type", "User"},
                     {"message", what + " must be smaller than " + std::to_string(limit) +
                                     " bytes for the InvokeFunction operation"}})};
}

service_error not_json(std::string_view why) {
    return {400, "InvalidRequestContentException",
            text_of({{"Type", "User"}, {"message", "Could not parse request body into json: " + std::string{why}}})};
}

service_error bad_client_context() {
    return {400, "InvalidRequestContentException",
            text_of({{"Type", "User"}, {"message", "Client context must be a valid Base64-encoded JSON object."}})};
}

service_error invalid_parameter(std::string_view name, std::string_view value, std::string_view allowed) {
    return {400, "InvalidParameterValueException",
            text_of({{"Type", "User"},
                     {"message", std::string{name} + ": '" + shown(value.substr(0, longest_shown)) +
                                     "' is not one of " + std::string{allowed}}})};
}

service_error no_such_operation(std::string_view method, std::string_view path) {
    return {404, "UnknownOperationException",
            text_of({{"Message", "No operation '" + shown(method) + " " + shown(path.substr(0, longest_shown)) +
                                     "': POST /2015-03-31/functions/NAME/invocations invokes a function"}})};
}

service_error bad_request(std::string_view why) {
    return {400, "BadRequestException", text_of({{"Message", "Not an HTTP request: " + std::string{why}}})};
}

service_error no_token() {
    return {401, "MissingAuthenticationTokenException",
            text_of({{"message", "Missing token: send it as 'Authorization: Bearer TOKEN'"}})};
}

service_error wrong_token() {
    return {403, "UnrecognizedClientException", text_of({{"message", "The token is not the one of this host"}})};
}

std::string error_envelope(std::string_view type, std::string_view message) {
    return text_of({{"errorType", type}, {"errorMessage", shown(message)}});
}

std::string platform_error(std::string_view type, std::string_view request_id, std::string_view message) {
    return error_envelope(type, "RequestId: " + std::string{request_id} + " Error: " + std::string{message});
}

std::string why_not_json(std::string_view text) {
    json::parse_options options;
    options.max_depth = depth_limit;
    json::basic_parser<no_handler> parser{options};
    boost::system::error_code failed;
    std::size_t const used = parser.write_some(false, text.data(), text.size(), failed);
    if (!failed && used < text.size()) {
        failed = json::error::extra_data;
    }
    return failed ? failed.message() + " at byte " + std::to_string(used) : std::string{};
}

std::string to_base64(std::string_view bytes) {
    using namespace boost::archive::iterators;
    using encoder = base64_from_binary<transform_width<std::string_view::const_iterator, 6, 8>>;
    std::string text{encoder{bytes.begin()}, encoder{bytes.end()}};
    text.append((3 - bytes.size() % 3) % 3, '=');
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    using namespace boost::archive::iterators;
    using decoder = transform_width<binary_from_base64<std::string_view::const_iterator>, 8, 6>;
    std::size_t const padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    bool const is_in_alphabet = std::ranges::all_of(text.substr(0, text.size() - padding), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
    });
    if (text.size() % 4 != 0 || !is_in_alphabet) {
        return std::nullopt;
    }
    std::string padded{text}; // what stands for nothing is decoded too, and cut off
    std::ranges::replace(padded, '=', 'A');
    std::string_view const all{padded};
    std::string bytes{decoder{all.begin()}, decoder{all.end()}};
    bytes.resize(text.size() / 4 * 3 - padding);
    return bytes;
}

std::optional<std::string> client_context_in(std::string_view header) {
    auto bytes = from_base64(header);
    if (!bytes || !why_not_json(*bytes).empty()) {
        return std::nullopt;
    }
    // Outside of strings, where JSON has none: a line's end in it would begin another header of the worker's.
    std::ranges::replace_if(*bytes, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
    return bytes;
}

bool is_same_secret(std::string_view one, std::string_view other) noexcept {
    unsigned char differs = one.size() == other.size() ? 0 : 1;
    for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) {
        differs = static_cast<unsigned char>(differs | static_cast<unsigned char>(one[i] ^ other[i]));
    }
    return differs == 0;
}

} // namespace hpcsched::faas_host::detail
