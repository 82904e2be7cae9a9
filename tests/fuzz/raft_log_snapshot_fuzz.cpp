// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>

#include "../../src/raft_log/snapshot_files.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

/// What a disk may hold in the place of a snapshot. The input's first byte chooses whether the header's and the end's
/// checksums are made right. Whatever it is:
///
/// * nothing crashes, overflows or leaks (the sanitizers see to it);
/// * a file that is refused is refused in one line that names it;
/// * of one that is taken, as many bytes are read as it says.
namespace {

using namespace hpcsched;
using namespace hpcsched::raft_log::detail;

class one_file final : public file {
  public:
    explicit one_file(std::vector<std::byte> const& content) : content_{&content} {}
    result<void> allocate(std::uint64_t /*size*/) override { return error{"read only"}; }
    result<void> write(std::uint64_t /*offset*/, std::span<std::byte const> /*bytes*/) override {
        return error{"read only"};
    }
    result<std::size_t> read(std::uint64_t offset, std::span<std::byte> to) const override {
        std::size_t const from = std::min<std::size_t>(static_cast<std::size_t>(offset), content_->size());
        std::size_t const count = std::min(to.size(), content_->size() - from);
        std::copy_n(content_->begin() + static_cast<std::ptrdiff_t>(from), count, to.begin());
        return count;
    }
    result<void> truncate(std::uint64_t /*size*/) override { return {}; }
    result<void> sync() override { return {}; }
    result<std::uint64_t> size() const override { return content_->size(); }
    error failed(char const* what, int /*number*/) const override { return error{what}; }

  private:
    std::vector<std::byte> const* content_;
};

class one_file_system final : public file_system {
  public:
    std::vector<std::byte> content;

    result<std::unique_ptr<file>> open(std::string const& /*name*/, open_mode /*mode*/, bool /*direct*/) override {
        return std::unique_ptr<file>{std::make_unique<one_file>(content)};
    }
    result<std::vector<std::string>> list() const override { return std::vector<std::string>{}; }
    result<void> rename(std::string const& /*from*/, std::string const& /*to*/) override { return error{"read only"}; }
    result<void> remove(std::string const& /*name*/) override { return error{"read only"}; }
    result<void> sync_directory() override { return {}; }
    std::string path(std::string const& name) const override { return "log/" + name; }
    std::uint64_t salt() override { return 1; }
};

constexpr std::uint64_t salt = 99;

/// A snapshot with the input for its frames; the checksums of frames are put right as far as their lengths allow.
std::vector<std::byte> sound_file(std::span<std::byte const> input) {
    raft::node_id const ids[] = {raft::node_id{1}};
    auto const members = raft::membership_codec::encode(raft::membership{ids});
    std::vector<std::byte> out = encode(snapshot_header{.cluster = 1,
                                                        .node = raft::node_id{1},
                                                        .group = raft::group_id{1},
                                                        .index = 5,
                                                        .term = 1,
                                                        .salt = salt,
                                                        .members = {members.begin(), members.end()}});
    std::uint64_t offset = 0;
    while (input.size() > 1) {
        std::size_t const length = std::min<std::size_t>(static_cast<std::size_t>(input[0]), input.size() - 1);
        auto const payload = input.subspan(1, length);
        std::uint64_t const place = out.size();
        out.resize(out.size() + frame_header_bytes);
        // Now and then of another place in the snapshot than it should be.
        std::uint64_t const said = offset + (input[0] == std::byte{0xee} ? 1U : 0U);
        encode(salt, place, said, payload,
               std::span<std::byte, frame_header_bytes>{out.data() + place, frame_header_bytes});
        out.insert(out.end(), payload.begin(), payload.end());
        offset += length;
        input = input.subspan(1 + length);
    }
    std::uint64_t const place = out.size();
    out.resize(out.size() + trailer_bytes);
    encode(salt, place, snapshot_trailer{.size = offset + input.size()},
           std::span<std::byte, trailer_bytes>{out.data() + place, trailer_bytes});
    return out;
}

void check_refusal(error const& why) {
    HPCSCHED_ASSERT(why.message.starts_with("log/snapshot"));
    HPCSCHED_ASSERT(why.message.find('\n') == std::string::npos);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::span<std::byte const> const input{reinterpret_cast<std::byte const*>(data), size};
    bool const sound = !input.empty() && input[0] != std::byte{0};
    auto const rest = input.subspan(input.empty() ? 0 : 1);
    one_file_system files;
    files.content = sound ? sound_file(rest) : std::vector<std::byte>{rest.begin(), rest.end()};
    auto const resumed = resume_incoming(files, raft::group_id{1}, {1, raft::node_id{1}});
    (void)resumed;
    auto reader = snapshot_reader::open(files, "snapshot", {1, raft::node_id{1}});
    if (!reader) {
        check_refusal(reader.error());
        return 0;
    }
    if (auto const checked = reader->check(true); !checked) {
        check_refusal(checked.error());
        return 0;
    }
    std::vector<std::byte> bytes;
    auto const whole = static_cast<std::size_t>(reader->trailer().size);
    HPCSCHED_ASSERT(reader->read(whole / 3, whole - whole / 3, bytes).has_value());
    HPCSCHED_ASSERT(bytes.size() == whole - whole / 3);
    return 0;
}
