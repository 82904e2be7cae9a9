// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_EXPERIMENT_JSON_SCHEMA_HPP
#define HPCSCHED_TESTS_EXPERIMENT_JSON_SCHEMA_HPP

#include <boost/json.hpp>

#include <string>
#include <string_view>

namespace hpcsched::test {

/// As much of JSON Schema as results.schema.json uses: type, const, enum, required, properties, items, $ref.
/// Stricter in one thing: a property that the schema does not name is an error, so that it cannot fall behind.
class json_schema {
  public:
    explicit json_schema(boost::json::value schema) : root_(std::move(schema)) {} // braces would make an array

    /// Where and how the value breaks the schema; empty: it does not.
    [[nodiscard]] std::string check(boost::json::value const& document) const { return check(document, root_, "$"); }

  private:
    using value = boost::json::value;

    [[nodiscard]] std::string check(value const& v, value const& schema, std::string const& at) const {
        boost::json::object const& rules = schema.as_object();
        if (value const* const reference = rules.if_contains("$ref")) {
            std::string_view const path{reference->as_string()};
            return check(v, root_.at_pointer(std::string{path.substr(1)}), at);
        }
        if (value const* const type = rules.if_contains("type"); type != nullptr && !has_type(v, *type)) {
            return at + ": is not " + boost::json::serialize(*type);
        }
        if (value const* const wanted = rules.if_contains("const"); wanted != nullptr && v != *wanted) {
            return at + ": is not " + boost::json::serialize(*wanted);
        }
        if (value const* const allowed = rules.if_contains("enum")) {
            for (value const& one : allowed->as_array()) {
                if (v == one) {
                    return {};
                }
            }
            return at + ": is none of " + boost::json::serialize(*allowed);
        }
        return v.is_object()  ? check_object(v.as_object(), rules, at)
               : v.is_array() ? check_array(v.as_array(), rules, at)
                              : std::string{};
    }

    [[nodiscard]] std::string check_object(boost::json::object const& object, boost::json::object const& rules,
                                           std::string const& at) const {
        if (value const* const required = rules.if_contains("required")) {
            for (value const& name : required->as_array()) {
                if (!object.contains(name.as_string())) {
                    return at + ": lacks " + boost::json::serialize(name);
                }
            }
        }
        value const* const properties = rules.if_contains("properties");
        for (auto const& [name, member] : object) {
            value const* const rule = properties == nullptr ? nullptr : properties->as_object().if_contains(name);
            if (rule == nullptr) {
                return at + ": has " + std::string{name} + ", which the schema does not name";
            }
            if (std::string wrong = check(member, *rule, at + "." + std::string{name}); !wrong.empty()) {
                return wrong;
            }
        }
        return {};
    }

    [[nodiscard]] std::string check_array(boost::json::array const& array, boost::json::object const& rules,
                                          std::string const& at) const {
        if (value const* const items = rules.if_contains("items")) {
            for (std::size_t i = 0; i < array.size(); ++i) {
                if (std::string wrong = check(array[i], *items, at + "[" + std::to_string(i) + "]"); !wrong.empty()) {
                    return wrong;
                }
            }
        }
        return {};
    }

    [[nodiscard]] static bool has_type(value const& v, value const& type) {
        if (type.is_array()) {
            for (value const& one : type.as_array()) {
                if (has_type(v, one)) {
                    return true;
                }
            }
            return false;
        }
        std::string_view const name{type.as_string()};
        return (name == "object" && v.is_object()) || (name == "array" && v.is_array()) ||
               (name == "string" && v.is_string()) || (name == "boolean" && v.is_bool()) ||
               (name == "null" && v.is_null()) || (name == "number" && v.is_number()) ||
               (name == "integer" && (v.is_int64() || v.is_uint64()));
    }

    value root_;
};

} // namespace hpcsched::test

#endif
