// SPDX-License-Identifier: Apache-2.0
#include "saving.hpp"

#include "states.hpp"
#include <ATen/ATen.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <sstream>
#include <streambuf>
#include <system_error>

namespace hpcsched::fuse_torch::detail {
namespace {

std::string reason_of(int code) {
    return std::generic_category().message(code);
}

/// What `fused_model` and `hpcsched fuse inspect` read: a line each.
///   input <reals|integers> <shape of one sample>
///   task <name>
///   node <id> <id of the parent> <block|kind of adapter> <shape it gives> <parameters> <path in its teacher>
std::string describe(fused_network::state const& network) {
    fuse::teacher_set const& teachers = network.networks.teachers();
    fuse::model_graph const& graph = network.graph;
    std::ostringstream out;
    out << "hpcsched fused network 1\n";
    out << "input " << (network.networks.held()->reads_reals ? "reals " : "integers ") << to_string(teachers.input())
        << '\n';
    for (fuse::teacher const& each : teachers.teachers()) {
        out << "task " << each.name << '\n';
    }
    for (fuse::node_index i = 1; i < graph.size(); ++i) {
        fuse::graph_node const& n = graph[i];
        out << "node " << to_string(n.id) << ' ' << to_string(graph[n.parent].id) << ' '
            << (n.is_adapter() ? fuse::name_of(n.adapter) : "block") << ' '
            << to_string(graph.output_shape(teachers, i)) << ' '
            << (n.is_adapter() ? fuse::parameters_of(n.adapter, graph.input_shape(teachers, i), n.output)
                               : teachers.at(n.id).parameters)
            << ' ' << (n.is_adapter() ? "-" : network.networks.path(n.id)) << '\n';
    }
    return out.str();
}

/// A file that is gone unless it was kept, and a stream into it that never fails: LibTorch's writer throws from its
/// destructor where a write fails, which ends the process. What went wrong is noted, and asked for at the end.
class part_file : private std::streambuf {
  public:
    explicit part_file(std::filesystem::path const& target)
        : target_{target}, path_{target.string() + ".part" + std::to_string(::getpid())},
          handle_{::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)}, stream_{this} {
        failure_ = handle_ < 0 ? errno : 0;
    }
    part_file(part_file const&) = delete;
    part_file& operator=(part_file const&) = delete;
    ~part_file() override {
        if (handle_ >= 0) {
            ::close(handle_);
            ::unlink(path_.c_str()); // not there any more where it was kept
        }
    }

    [[nodiscard]] std::ostream& stream() { return stream_; }
    [[nodiscard]] int failure() const { return failure_; }

    /// Brings it to disk, then puts it in the place of the target. \return 0, or the system's error
    [[nodiscard]] int keep() {
        if (failure_ == 0 && (::fsync(handle_) != 0 || ::rename(path_.c_str(), target_.c_str()) != 0)) {
            failure_ = errno;
        }
        return failure_;
    }

  private:
    std::streamsize xsputn(char const* bytes, std::streamsize count) override {
        for (std::streamsize done = 0; done < count && failure_ == 0;) {
            auto const n = ::write(handle_, bytes + done, static_cast<std::size_t>(count - done));
            if (n < 0 && errno != EINTR) {
                failure_ = errno;
            }
            done += std::max<std::streamsize>(n, 0);
        }
        return count;
    }
    int_type overflow(int_type c) override {
        char const one = traits_type::to_char_type(c);
        xsputn(&one, 1);
        return traits_type::not_eof(c);
    }

    std::filesystem::path target_;
    std::string path_;
    int handle_;
    int failure_ = 0;
    std::ostream stream_;
};

} // namespace

result<void> save_module(torch::jit::Module const& module, std::string const& description,
                         std::filesystem::path const& file) {
    part_file part{file};
    if (part.failure() == 0) {
        auto const written = guarded([&] {
            torch::jit::ExtraFilesMap const extra{{description_name, description}};
            module.save(part.stream(), extra);
        });
        if (!written) {
            return error{file.string() + ": cannot be written: " + written.error().message};
        }
    }
    if (int const code = part.keep(); code != 0) {
        return error{file.string() + ": cannot be written: " + reason_of(code)};
    }
    return {};
}

result<void> save_network(fused_network::state const& network, std::filesystem::path const& file) {
    // The file is for any machine, and in the state in which it is served.
    auto const copy = guarded([&] {
        c10::NoGradGuard const no_grad;
        torch::jit::Module made = trainable_copy(network.whole);
        made.to(at::Device{at::kCPU});
        made.eval();
        return made;
    });
    if (!copy) {
        return error{file.string() + ": " + copy.error().message};
    }
    return save_module(*copy, describe(network), file);
}

} // namespace hpcsched::fuse_torch::detail
