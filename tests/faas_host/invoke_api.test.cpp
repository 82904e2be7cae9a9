// SPDX-License-Identifier: Apache-2.0
#include "invoke_api.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using namespace hpcsched::faas_host::detail;
using kind = invoke_target::kind;

TEST_CASE("invoke api: a function is named as on AWS, by its name, with a qualifier, with an account, or by its ARN") {
    struct row {
        std::string name, function, qualifier;
    };
    for (row const& each :
         std::vector<row>{{"f", "f", ""},
                          {"f:$LATEST", "f", "$LATEST"},
                          {"123456789012:function:f", "f", ""},
                          {"123456789012:function:f:7", "f", "7"},
                          {"arn:aws:lambda:us-east-1:123456789012:function:f", "f", ""},
                          {"arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af%3Ablue", "f", "blue"}}) {
        invoke_target const target = parse_target("/2015-03-31/functions/" + each.name + "/invocations");
        CAPTURE(each.name);
        CHECK(target.of == kind::invocations);
        CHECK(target.function == each.function);
        CHECK(target.qualifier == each.qualifier);
    }
    CHECK(parse_target("/2015-03-31/functions/f/invocations?Qualifier=x").qualifier == "x");
}

TEST_CASE("invoke api: what names no function is told from what is of another API") {
    for (std::string const bad : {"", "a%20b", "a:b:c:d", "%00", "\xc3\xbc", "..%2f.."}) {
        CAPTURE(bad);
        CHECK(parse_target("/2015-03-31/functions/" + bad + "/invocations").of != kind::invocations);
    }
    for (std::string const other : {"/", "", "*", "x", "/2015-03-31/functions/f/invocations/x", "/2015-03-31", "//",
                                    "http://host/2015-03-31/functions/f/invocations", "/%", "/%zz"}) {
        CAPTURE(other);
        CHECK(parse_target(other).of == kind::other);
    }
    CHECK(parse_target("/2015-03-31/functions").of == kind::functions);
    CHECK(parse_target("/2015-03-31/functions/").of == kind::functions);
    CHECK(parse_target("/2015-03-31/functions/f").of == kind::function);
}

TEST_CASE("invoke api: base64 there and back, and what is none") {
    std::string bytes;
    for (int size = 0; size < 300; ++size) {
        CHECK(from_base64(to_base64(bytes)) == bytes);
        bytes.push_back(static_cast<char>(size * 7));
    }
    CHECK(to_base64("Man") == "TWFu");
    CHECK(to_base64("Ma") == "TWE=");
    CHECK(to_base64("M") == "TQ==");
    for (std::string const bad : {"T", "TW", "TWF", "TW-u", "T===", "TW=u", " TWF"}) {
        CAPTURE(bad);
        CHECK_FALSE(from_base64(bad).has_value());
    }
}

TEST_CASE("invoke api: no line's end of a client's context reaches a worker's headers") {
    CHECK(client_context_in(to_base64("{\r\n\"a\":\t1}")) == "{  \"a\": 1}");
    CHECK_FALSE(client_context_in(to_base64("{}\r\nX: y")).has_value());
    CHECK_FALSE(client_context_in(to_base64("\"\n\"")).has_value());
}

// Found by the fuzz target invoke_request.
TEST_CASE("invoke api: an error that shows what a client sent is JSON whatever that was") {
    for (service_error const& failed :
         {function_not_found("f:\x8e\xc8"), bad_function_name("\xff"), no_such_operation("GET", "/\xc3"),
          invalid_parameter("LogType", "\xe2\x82", "None"), bad_function_name(std::string(199, 'a') + "\xc3\xbc")}) {
        CHECK_MESSAGE(why_not_json(failed.body).empty(), failed.body);
    }
    CHECK(why_not_json(error_envelope("Function.Error", "\xff\n")).empty());
    CHECK(bad_function_name("\xc3\xbc").body.find("\xc3\xbc") != std::string::npos); // as it is, where it can be
}

TEST_CASE("invoke api: secrets are equal or not, whatever their length") {
    CHECK(is_same_secret("", ""));
    CHECK(is_same_secret("abc", "abc"));
    CHECK_FALSE(is_same_secret("abc", "abd"));
    CHECK_FALSE(is_same_secret("abc", "ab"));
    CHECK_FALSE(is_same_secret("", "a"));
}

TEST_CASE("invoke api: JSON is one value, however large, in UTF-8, and not too deep") {
    CHECK(why_not_json("1e999").empty());
    CHECK(why_not_json(" {\"a\":[true,null,\"\\u00fc\"]} ").empty());
    CHECK(why_not_json(std::string(500, '[') + std::string(500, ']')).empty());
    CHECK_FALSE(why_not_json(std::string(600, '[') + std::string(600, ']')).empty());
    for (std::string const bad : {"", " ", "{} {}", "tru", "\"\xff\"", "NaN", "01", "[1,]", "// c\n1"}) {
        CAPTURE(bad);
        CHECK_FALSE(why_not_json(bad).empty());
    }
}

} // namespace
