// SPDX-License-Identifier: Apache-2.0

// Beast 1.81 asserts of a last chunk that came in pieces that five bytes of it are there, goes on well with four, and
// is built without assertions in Release, as here.
#define BOOST_DISABLE_ASSERTS

#include <hpcsched/core/assert.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/parse.hpp>

#include "../../src/faas_host/invoke_api.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// What a client may send to a FaaS host, from its first byte to the function's name, the event and the client's
/// context. Whatever the input is:
///
/// * nothing crashes, overflows or leaks (the sanitizers see to it);
/// * a name that is taken is one, and every error is a JSON object of one line;
/// * an event that is taken as JSON is JSON to Boost.JSON's own parser, and one that is not, is not;
/// * what a worker gets in a header has no line's end;
/// * a request that is taken at once and in two pieces is the same.
namespace {

using namespace hpcsched::faas_host::detail;
namespace http = boost::beast::http;
namespace json = boost::json;
using parser = http::request_parser<http::string_body>;

constexpr std::size_t body_limit = 1024;

void check_error(service_error const& failed) {
    json::error_code wrong;
    HPCSCHED_ASSERT(json::parse(failed.body, wrong).is_object());
    HPCSCHED_ASSERT(failed.body.find('\n') == std::string::npos);
    HPCSCHED_ASSERT(failed.status >= 400 && failed.status <= 503);
    HPCSCHED_ASSERT(!failed.type.empty());
}

/// Feeds a parser as a connection does.
/// \return whether a whole request came out
bool read(parser& into, std::string_view bytes, std::size_t first_piece) {
    into.header_limit(1024);
    into.body_limit(body_limit);
    into.eager(true);
    std::size_t used = 0;
    boost::system::error_code failed;
    for (std::size_t const end : {std::min(first_piece, bytes.size()), bytes.size()}) {
        while (used < end && !into.is_done()) {
            std::size_t const more = into.put(boost::asio::buffer(bytes.data() + used, end - used), failed);
            used += more;
            if (failed == http::error::need_more || (!failed && more == 0)) {
                break;
            }
            if (failed) {
                check_error(bad_request(failed.message()));
                return false;
            }
        }
    }
    return into.is_done();
}

std::string_view view_of(boost::beast::string_view text) {
    return {text.data(), text.size()};
}

void check_target(std::string_view target) {
    invoke_target const found = parse_target(target);
    switch (found.of) {
    case invoke_target::kind::invocations:
    case invoke_target::kind::function:
        HPCSCHED_ASSERT(is_function_name(found.function));
        check_error(function_not_found(found.function + ":" + found.qualifier));
        break;
    case invoke_target::kind::not_a_function:
        check_error(bad_function_name(found.function));
        break;
    case invoke_target::kind::functions:
    case invoke_target::kind::other:
        check_error(no_such_operation("GET", target));
        break;
    }
}

void check_event(std::string const& event) {
    std::string const why = why_not_json(event);
    json::error_code wrong;
    json::parse_options options;
    options.max_depth = 512;
    (void)json::parse(event, wrong, {}, options);
    HPCSCHED_ASSERT(why.empty() == !wrong);
    if (!why.empty()) {
        check_error(not_json(why));
    }
    HPCSCHED_ASSERT(from_base64(to_base64(event)) == event);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::size_t const first_piece = size == 0 ? 0 : data[0];
    std::string_view const bytes{reinterpret_cast<char const*>(data) + (size == 0 ? 0 : 1), size == 0 ? 0 : size - 1};
    parser at_once;
    parser in_two;
    // Beast counts the limit of the header differently for one that comes in pieces, and may take one of the two only.
    if (!read(at_once, bytes, bytes.size()) || !read(in_two, bytes, first_piece)) {
        return 0;
    }
    auto const& request = at_once.get();
    HPCSCHED_ASSERT(request.body() == in_two.get().body());
    HPCSCHED_ASSERT(request.body().size() <= body_limit);
    check_target(view_of(request.target()));
    check_event(request.body());
    check_error(invalid_parameter("InvocationType", view_of(request["X-Amz-Invocation-Type"]), "Event"));
    if (auto const context = client_context_in(view_of(request["X-Amz-Client-Context"]))) {
        HPCSCHED_ASSERT(std::ranges::none_of(*context, [](char c) { return static_cast<unsigned char>(c) < ' '; }));
    }
    return 0;
}
