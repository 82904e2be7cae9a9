// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict/response.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace hpcsched::predict {

TEST_CASE("response: a lapse answers by habit") {
    CHECK(response_model{}.share(0.3) == 0.3);
    CHECK(response_model{.lapse = 1, .bias = 0.8}.share(0.3) == 0.8);
    CHECK(response_model{.lapse = 0.5, .bias = 1}.share(0.2) == doctest::Approx(0.6));
}

TEST_CASE("response: the likelihood is the binomial one, and highest at the share that was seen") {
    std::vector<observed_answers> const observed{{.yes = 3, .asked = 4}};
    auto const at = [&](double p) { return log_likelihood(std::vector<double>{p}, observed, {}); };
    CHECK(at(0.6) == doctest::Approx(3 * std::log(0.6) + std::log(0.4)));
    CHECK(at(0.75) > at(0.74));
    CHECK(at(0.75) > at(0.76));
}

TEST_CASE("response: a model that is sure and wrong is very unlikely, not impossible") {
    std::vector<observed_answers> const observed{{.yes = 1, .asked = 1}};
    double const sure_of_no = log_likelihood(std::vector<double>{0}, observed, {}, 1e-3);
    CHECK(sure_of_no == doctest::Approx(std::log(1e-3)));
    CHECK(log_likelihood(std::vector<double>{0}, observed, {.lapse = 0.1}, 1e-3) == doctest::Approx(std::log(0.05)));
}

} // namespace hpcsched::predict
