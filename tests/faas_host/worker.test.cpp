// SPDX-License-Identifier: Apache-2.0
#include "worker.hpp"

#include <boost/asio/post.hpp>
#include <doctest/doctest.h>

#include "running_host.hpp"
#include <unistd.h>

#include <memory>
#include <string>

namespace {

using namespace hpcsched;
using namespace hpcsched::test;
namespace asio = boost::asio;

/// Remembers whether the worker has started, and whether it is gone.
class watching_owner final : public faas_host::detail::worker_owner {
  public:
    using worker = faas_host::detail::worker;
    void on_started(worker&) override { has_started = true; }
    void on_ready(worker&) override {}
    void on_answer(worker&, std::string&&) override {}
    void on_error(worker&, std::string&&) override {}
    void on_start_error(worker&, std::string&&) override {}
    void on_exit(worker&) override { is_gone = true; }

    bool has_started = false;
    bool is_gone = false;
};

/// Returns once all that was launched before is told to the loop: launches follow one another, and each closes its
/// descriptors when it is over.
void await_launches(faas_host::detail::launcher& starter) {
    auto ends = faas_host::detail::make_pipe();
    REQUIRE(ends.has_value());
    ::fcntl(ends->from.get(), F_SETFL, 0); // to wait
    faas_host::detail::launch_request last{.process = {.command = {"/no/such/program"}}, .group_name = "last"};
    last.process.standard_error = ::fcntl(ends->to.get(), F_DUPFD_CLOEXEC, 0);
    ends->to = {};
    starter.launch(std::move(last), [](auto const&) {});
    char nothing{};
    CHECK(::read(ends->from.get(), &nothing, 1) == 0);
}

} // namespace

// Asio hands the state of a closed descriptor to the next that is opened, and an event that it had taken from the
// kernel for the first may be told to the second. By that, commands were taken for dead while they ran.
TEST_CASE("worker: an event of a descriptor that was closed does not end a worker that was started at that moment") {
    asio::io_context loop;
    faas_host::detail::launcher starter{loop, false};
    faas_host::detail::worker_place const place{.loop = loop, .starter = starter, .body_limit = 1000};
    watching_owner owner;
    faas_host::function_config const function = command("read line; exit 3");

    auto ends = faas_host::detail::make_pipe();
    REQUIRE(ends.has_value());
    asio::posix::stream_descriptor closed{loop, ::dup(ends->from.get())};
    closed.async_wait(asio::posix::descriptor_base::wait_read, [](auto const&) {});
    CHECK(::write(ends->to.get(), "x", 1) == 1);

    auto const worker = std::make_shared<faas_host::detail::worker>(faas_host::worker_id{1}, function, place, owner,
                                                                    std::make_shared<faas_host::detail::log_file>(""));
    asio::post(loop, [&] { closed.close(); });
    worker->start();
    await_launches(starter);
    loop.poll();
    CHECK(owner.has_started);
    CHECK_FALSE(owner.is_gone);

    faas_host::detail::invocation const what{.request = {.event = "go\n"}};
    worker->give(what);
    while (!owner.is_gone) {
        loop.run_one();
    }
    CHECK(worker->how_it_ended() == "exit status 3");
}
