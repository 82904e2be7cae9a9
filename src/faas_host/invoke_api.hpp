// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_INVOKE_API_HPP
#define HPCSCHED_FAAS_HOST_INVOKE_API_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What the Lambda Invoke API says, without a connection: paths, errors, texts.
namespace hpcsched::faas_host::detail {

inline constexpr std::string_view account = "000000000000"; ///< in names of resources: there is none
inline constexpr std::string_view region = "us-east-1";
inline constexpr std::string_view latest_version = "$LATEST";

/// What the target of a request names.
struct invoke_target {
    enum class kind : std::uint8_t {
        invocations,   ///< /2015-03-31/functions/NAME/invocations
        function,      ///< /2015-03-31/functions/NAME
        functions,     ///< /2015-03-31/functions
        other,         ///< a path of something else
        not_a_function ///< of the API, but NAME is none
    };
    kind of = kind::other;
    std::string function{};  ///< its bare name
    std::string qualifier{}; ///< empty: none
    std::string path{};      ///< decoded, without the query
};

/// Takes a name as AWS does: "NAME", "NAME:QUALIFIER", "ACCOUNT:function:NAME", or an ARN.
/// \param target  of an HTTP request; any bytes
[[nodiscard]] invoke_target parse_target(std::string_view target);

/// Whether it can name a function: 1 .. 64 letters, digits, '-' and '_'.
[[nodiscard]] bool is_function_name(std::string_view name) noexcept;

/// "arn:aws:lambda:us-east-1:000000000000:function:NAME"
[[nodiscard]] std::string arn_of(std::string_view function);

/// An error of the service; how a client is told that the function was not run.
struct service_error {
    unsigned status = 400;
    std::string_view type{}; ///< in x-amzn-ErrorType
    std::string body{};      ///< JSON
};

[[nodiscard]] service_error function_not_found(std::string_view function);
[[nodiscard]] service_error bad_function_name(std::string_view function);
[[nodiscard]] service_error too_many_requests();
[[nodiscard]] service_error turned_away();
[[nodiscard]] service_error host_is_draining();
[[nodiscard]] service_error request_too_large(std::uint64_t size, std::uint64_t limit);
[[nodiscard]] service_error not_json(std::string_view why);
[[nodiscard]] service_error bad_client_context();
[[nodiscard]] service_error invalid_parameter(std::string_view name, std::string_view value, std::string_view allowed);
[[nodiscard]] service_error no_such_operation(std::string_view method, std::string_view path);
[[nodiscard]] service_error bad_request(std::string_view why);
[[nodiscard]] service_error no_token();
[[nodiscard]] service_error wrong_token();

/// What a function's error looks like to a client.
[[nodiscard]] std::string error_envelope(std::string_view type, std::string_view message);
/// With the "RequestId: ... Error: " in front that AWS gives errors of the platform.
[[nodiscard]] std::string platform_error(std::string_view type, std::string_view request_id, std::string_view message);

/// Why a text is not one JSON value; empty: it is. Nothing is kept of it.
[[nodiscard]] std::string why_not_json(std::string_view text);

[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Nothing: it is no base64.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

/// The JSON that a client sends in X-Amz-Client-Context, on one line, as a worker is to get it.
/// \return nothing: it is no base64, or no JSON
[[nodiscard]] std::optional<std::string> client_context_in(std::string_view header);

/// Whether two texts are equal, in a time that does not tell where they differ.
[[nodiscard]] bool is_same_secret(std::string_view one, std::string_view other) noexcept;

} // namespace hpcsched::faas_host::detail

#endif
