// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse_torch/fused_model.hpp>
#include <hpcsched/fuse_torch/fused_network.hpp>
#include <hpcsched/fuse_torch/teacher_networks.hpp>

#include <doctest/doctest.h>

#include "authored.hpp"
#include <sys/resource.h>
#include <temporary_folder.hpp>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

namespace hpcsched::fuse_torch::test {
namespace {

using hpcsched::test::temporary_folder;

std::string refusal(std::vector<std::filesystem::path> const& files, tensor const& sample,
                    load_options const& options = {}) {
    auto const loaded = teacher_networks::load(files, sample, options);
    return loaded ? "" : loaded.error().message;
}

bool says(std::string const& text, char const* words) {
    INFO(text);
    CHECK(text.find(words) != std::string::npos);
    return text.find(words) != std::string::npos;
}

} // namespace

TEST_CASE("bad input: what cannot be fused is refused with what is wrong") {
    use_one_thread();
    temporary_folder const folder;
    auto const x = noise({3, 4}, 1);
    hpcsched::test::write_text(folder / "text.pt", "no network at all");
    says(refusal({folder / "text.pt"}, x), "is no TorchScript file");
    hpcsched::test::write_text(folder / "pickle.pt", std::string{"\x80\x02}q\x00."} + "more");
    says(refusal({folder / "pickle.pt"}, x), "would run code");
    says(refusal({folder / "none.pt"}, x), "cannot be read");
    hpcsched::test::write_text(folder / "zip.pt", "PK\x03\x04 but not whole");
    CHECK(!refusal({folder / "zip.pt"}, x).empty());
    write_two_inputs(folder / "two.pt");
    says(refusal({folder / "two.pt"}, x), "two.pt: ");
    write_tuple(folder / "tuple.pt");
    says(refusal({folder / "tuple.pt"}, x), "gives something else than tensors");
    write_with_nan(folder / "nan.pt");
    says(refusal({folder / "nan.pt"}, x), "not finite");
    write(vgg_like{}, folder / "vgg.pt", 1);
    says(refusal({folder / "vgg.pt"}, x), "vgg.pt: ");
    says(refusal({folder / "vgg.pt"}, {}), "no samples");
    says(refusal({folder / "vgg.pt"}, noise({2, 3, 16, 16}, 1), {.device = "nonsense"}), "device 'nonsense'");
    auto const odd = tensor::load(folder / "text.pt");
    REQUIRE(odd.has_error());
    says(odd.error().message, "neither a .npy file");
    write_frozen(folder / "frozen.pt");
    auto const frozen = teacher_networks::load(std::vector<std::filesystem::path>{folder / "frozen.pt"}, x).value();
    REQUIRE(!frozen.notes().empty());
    says(frozen.notes().front(), "it was frozen");
    says(describe_file(folder / "vgg.pt").error().message, "none of a fused network");
}

TEST_CASE("bad input: a disk that takes no more leaves the file as it was, and none beside it") {
    use_one_thread();
    temporary_folder const folder;
    write(vgg_like{}, folder / "vgg.pt", 1);
    auto const networks =
        teacher_networks::load(std::vector<std::filesystem::path>{folder / "vgg.pt"}, noise({2, 3, 16, 16}, 1)).value();
    auto const fused = fused_network::build(networks, fuse::model_graph::forest(networks.teachers()), 1).value();
    std::string const file = folder / "fused.pt";
    hpcsched::test::write_text(file, "what was there");
    auto const handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit small = before;
    small.rlim_cur = 4096;
    ::setrlimit(RLIMIT_FSIZE, &small);
    auto const saved = fused.save(file);
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    REQUIRE(saved.has_error());
    says(saved.error().message, "cannot be written");
    CHECK(hpcsched::test::read_text(file) == "what was there");
    std::size_t files = 0;
    for (auto const& each : std::filesystem::directory_iterator{folder.path()}) {
        files += each.is_regular_file() ? 1U : 0U;
    }
    CHECK(files == 2);
    says(fused.save(folder / "nowhere/fused.pt").error().message, "cannot be written");
    REQUIRE(fused.save(file).has_value());
    CHECK(describe_file(file).value().nodes.size() == networks.teachers().block_count());
}

} // namespace hpcsched::fuse_torch::test
