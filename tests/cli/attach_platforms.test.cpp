// SPDX-License-Identifier: Apache-2.0
// Real platforms of Debian, as they are, steered from outside: BusyBox's web server, which starts a process for each
// request, and the runtime that Docker and containerd start containers with.
#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "attached_program.hpp"
#include "free_ports.hpp"
#include "program.hpp"
#include "skip.hpp"
#include "temporary_folder.hpp"
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>

namespace hpcsched::test {

namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr char const* not_built = "steering real processes was not built (libbpf-dev and clang-19 are needed)";

bool is_installed(std::string const& program) {
    return fs::exists("/usr/bin/" + program) || fs::exists("/usr/sbin/" + program);
}

/// A shell's loop of so many turns.
std::string loop_of(int turns) {
    return "i=0; while [ $i -lt " + std::to_string(turns) + " ]; do i=$((i+1)); done; ";
}

/// A stock web server with CGI programs.
class web_server {
  public:
    web_server() {
        fs::create_directories(server_ / "cgi-bin");
        server_.start({"busybox", "httpd", "-f", "-p", "127.0.0.1:" + std::to_string(port_), "-h", server_ / ""});
    }
    ~web_server() {
        server_.send(SIGTERM);
        (void)server_.wait();
    }
    web_server(web_server const&) = delete;
    web_server& operator=(web_server const&) = delete;

    void add(std::string const& name, int turns) {
        std::string const path = server_ / ("cgi-bin/" + name + ".cgi");
        write_text(path,
                   "#!/bin/sh\n" + loop_of(turns) + "printf 'Content-Type: text/plain\\r\\n\\r\\nI am " + name + "'\n");
        (void)::chmod(path.c_str(), 0755);
    }

    /// What it answers, once it listens.
    [[nodiscard]] std::string get(std::string const& name) const {
        sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port_), .sin_addr = {}, .sin_zero = {}};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        std::string const request = "GET /cgi-bin/" + name + ".cgi HTTP/1.0\r\n\r\n";
        std::string heard;
        for (int i = 0; i < 5'000 && heard.empty(); ++i) {
            heard = said_by(AF_INET, address, request, std::string(1, '\0'));
            if (heard.empty()) {
                wait_for_the_program(1);
            }
        }
        return heard;
    }

  private:
    std::uint16_t port_ = free_ports(1).front();
    program server_;
};

/// A folder that runc takes for a container, whose control group is `group`.
class bundle {
  public:
    bundle(std::string const& group, int turns) {
        fs::create_directories(runc_ / "rootfs/bin");
        fs::copy_file("/bin/busybox", runc_ / "rootfs/bin/sh");
        REQUIRE(runc_.run({"runc", "spec"}).status == 0);
        json::value config = json::parse(read_text(runc_ / "config.json"));
        json::object& process = config.as_object()["process"].as_object();
        process["terminal"] = false;
        process["args"] = json::array{"/bin/sh", "-c", loop_of(turns) + "echo done"};
        config.as_object()["linux"].as_object()["cgroupsPath"] = group;
        write_text(runc_ / "config.json", json::serialize(config));
    }

    [[nodiscard]] finished_program run() {
        return runc_.run({"runc", "run", "hpcsched-test-" + std::to_string(getpid())});
    }

  private:
    program runc_;
};

/// A control group in every hierarchy, gone with what runc made in it.
class common_group {
  public:
    common_group() { fs::create_directories("/sys/fs/cgroup/cpu" + path()); }
    ~common_group() {
        std::error_code ignored;
        for (auto const& hierarchy : fs::directory_iterator{"/sys/fs/cgroup", ignored}) {
            fs::path const top = hierarchy.path().string() + path();
            for (auto const& each : fs::directory_iterator{top, ignored}) {
                if (each.is_directory(ignored)) {
                    ::rmdir(each.path().c_str());
                }
            }
            ::rmdir(top.c_str());
        }
    }
    common_group(common_group const&) = delete;
    common_group& operator=(common_group const&) = delete;

    [[nodiscard]] static std::string path() { return "/hpcsched-test-" + std::to_string(getpid()); }
};

double mean_cpu_seconds(json::value const& status, std::string const& name) {
    json::value const* const known = function_named(status, name);
    REQUIRE(known != nullptr);
    return known->at("cpu_seconds").to_number<double>() / known->at("finished").to_number<double>();
}

} // namespace

TEST_CASE("attach: the CGI programs of a stock web server are functions, and each request is an invocation") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    if (!is_installed("busybox")) {
        HPCSCHED_SKIP("a web server that runs CGI programs is missing (busybox-static)");
    }
    web_server server;
    server.add("thumbnail", 1'000);
    server.add("video", 40'000);
    REQUIRE(server.get("thumbnail").ends_with("I am thumbnail"));
    attached_program attach{{"--match", "([a-z]+)[.]cgi", "--policy", "serpt"}};
    constexpr int requests = 10;
    for (int i = 0; i < requests; ++i) {
        CHECK(server.get("thumbnail").ends_with("I am thumbnail"));
        CHECK(server.get("video").ends_with("I am video"));
    }
    json::value const status = attach.status_when([](json::value const& now) {
        return finished_of(now, "thumbnail") == requests && finished_of(now, "video") == requests;
    });
    CHECK(finished_of(status, "thumbnail") == requests);
    CHECK(finished_of(status, "video") == requests);
    CHECK(status.at("functions").as_array().size() == 2); // and nothing of the server itself
    CHECK(mean_cpu_seconds(status, "video") > 3 * mean_cpu_seconds(status, "thumbnail"));
    CHECK(function_named(status, "video")->at("expected_seconds").as_double() >
          function_named(status, "thumbnail")->at("expected_seconds").as_double());
    CHECK(attach.end().status == 0);
}

TEST_CASE("attach: the containers of a stock runc are functions, one for each, and what runc itself does is none") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    if (!is_installed("runc") || !is_installed("busybox")) {
        HPCSCHED_SKIP("a runtime of containers is missing (runc and busybox-static)");
    }
    common_group const group;
    bundle thumbnail{group.path() + "/thumbnail", 20'000};
    bundle video{group.path() + "/video", 400'000};
    if (thumbnail.run().status != 0) {
        HPCSCHED_SKIP("runc cannot start a container here (root is needed, and its namespaces)");
    }
    attached_program attach{{"--cgroup", group.path(), "--policy", "serpt"}};
    constexpr int containers = 3;
    for (int i = 0; i < containers; ++i) {
        CHECK(thumbnail.run().out == "done\n");
        CHECK(video.run().out == "done\n");
    }
    json::value const status = attach.status_when([](json::value const& now) {
        return finished_of(now, "thumbnail") >= containers && finished_of(now, "video") >= containers;
    });
    CHECK(finished_of(status, "thumbnail") == containers);
    CHECK(finished_of(status, "video") == containers);
    CHECK(status.at("functions").as_array().size() == 2);
    CHECK(mean_cpu_seconds(status, "video") > 3 * mean_cpu_seconds(status, "thumbnail"));
    CHECK(status.at("requests").as_int64() > 0);
    CHECK(status.at("requests_not_allowed").as_int64() == 0); // a backend that these groups allow
    CHECK(attach.end().status == 0);
}

} // namespace hpcsched::test
