// SPDX-License-Identifier: Apache-2.0
#include "saving.hpp"

#include "states.hpp"
#include <ATen/ATen.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
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

/// A file that is gone unless it was kept.
class beside {
  public:
    explicit beside(std::filesystem::path const& target)
        : target_{target}, path_{target.string() + ".part" + std::to_string(::getpid())} {}
    beside(beside const&) = delete;
    beside& operator=(beside const&) = delete;
    ~beside() {
        if (!kept_) {
            ::unlink(path_.c_str());
        }
    }

    [[nodiscard]] std::string const& path() const { return path_; }

    /// Brings it to disk, then puts it in the place of the target. \return 0, or the system's error
    [[nodiscard]] int keep() {
        int const handle = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
        if (handle < 0) {
            return errno;
        }
        int const synced = ::fsync(handle) == 0 ? 0 : errno;
        ::close(handle);
        if (synced != 0) {
            return synced;
        }
        if (::rename(path_.c_str(), target_.c_str()) != 0) {
            return errno;
        }
        kept_ = true;
        return 0;
    }

  private:
    std::filesystem::path target_;
    std::string path_;
    bool kept_ = false;
};

} // namespace

result<void> save_module(torch::jit::Module const& module, std::string const& description,
                         std::filesystem::path const& file) {
    beside part{file};
    errno = 0;
    std::ofstream out{part.path(), std::ios::binary | std::ios::trunc};
    if (!out) {
        return error{file.string() + ": cannot be written: " + reason_of(errno)};
    }
    int cause = 0;
    auto const written = guarded([&] {
        torch::jit::ExtraFilesMap const extra{{description_name, description}};
        errno = 0;
        module.save(out, extra);
    });
    cause = errno;
    out.close();
    if (!written || !out) {
        return error{file.string() + ": cannot be written: " +
                     (cause != 0 ? reason_of(cause)
                      : written  ? "the disk took less than all"
                                 : written.error().message)};
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
