// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>

#include "../../src/raft_log/recovery.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// What a disk may hold in the place of a log. The input's first byte chooses whether its checksums are made right, so
/// that what no checksum finds is read too; the rest is records, in batches that a byte 0xff between two bytes 0x00
/// ends. Whatever it is:
///
/// * nothing crashes, overflows or leaks (the sanitizers see to it);
/// * a log that is refused is refused in one line that names a file;
/// * of one that is taken, entries are consecutive, and no commit is beyond the last.
namespace {

using namespace hpcsched;
using namespace hpcsched::raft_log::detail;

using bytes = std::vector<std::byte>;

class memory_file final : public file {
  public:
    explicit memory_file(bytes const& content) : content_{&content} {}
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
    result<void> truncate(std::uint64_t /*size*/) override { return error{"read only"}; }
    result<void> sync() override { return {}; }
    result<std::uint64_t> size() const override { return content_->size(); }
    error failed(char const* what, int /*number*/) const override { return error{what}; }

  private:
    bytes const* content_;
};

class memory_files final : public file_system {
  public:
    std::map<std::string, bytes> all;

    result<std::unique_ptr<file>> open(std::string const& name, open_mode /*mode*/, bool /*direct*/) override {
        auto const at = all.find(name);
        return at == all.end() ? result<std::unique_ptr<file>>{error{"none"}}
                               : result<std::unique_ptr<file>>{std::make_unique<memory_file>(at->second)};
    }
    result<std::vector<std::string>> list() const override {
        std::vector<std::string> names;
        for (auto const& [name, content] : all) {
            names.push_back(name);
        }
        return names;
    }
    result<void> rename(std::string const& /*from*/, std::string const& /*to*/) override { return error{"read only"}; }
    result<void> remove(std::string const& /*name*/) override { return error{"read only"}; }
    result<void> sync_directory() override { return {}; }
    std::string path(std::string const& name) const override { return "log/" + name; }
    std::uint64_t salt() override { return 1; }
};

/// Puts right the checksums of the records in a batch, as far as their lengths allow.
std::uint32_t put_right(std::span<std::byte> records, segment_key key, std::uint64_t offset) {
    std::uint32_t count = 0;
    while (records.size() >= record_header_bytes) {
        std::uint32_t length = 0;
        std::memcpy(&length, records.data() + 8, 4);
        length %= 64; // else hardly any would fit
        std::memcpy(records.data() + 8, &length, 4);
        std::size_t const size = record_bytes(length);
        if (size > records.size()) {
            break;
        }
        std::uint64_t const sum = checksum(records.subspan(8, record_header_bytes - 8 + length), key.at(offset));
        std::memcpy(records.data(), &sum, 8);
        records = records.subspan(size);
        offset += size;
        ++count;
    }
    return count;
}

/// A segment of the input's bytes.
bytes segment_of(std::span<std::byte const> input, bool sound) {
    segment_key const key{1, 77};
    bytes file(header_bytes);
    encode(segment_header{.cluster = 1, .node = raft::node_id{1}, .number = 1, .salt = key.salt},
           std::span<std::byte, header_bytes>{file.data(), header_bytes});
    if (!sound) {
        file.insert(file.end(), input.begin(), input.end());
        return file;
    }
    for (std::uint64_t sequence = 1; !input.empty(); ++sequence) {
        std::byte const mark[] = {std::byte{0}, std::byte{0xff}, std::byte{0}};
        auto const end = std::search(input.begin(), input.end(), std::begin(mark), std::end(mark));
        auto const part = input.first(static_cast<std::size_t>(end - input.begin()));
        input = input.subspan(std::min(input.size(), part.size() + 3));
        std::size_t const begin = file.size();
        file.resize(begin + round_up(batch_header_bytes + part.size(), 512));
        auto const whole = std::span{file}.subspan(begin);
        std::ranges::copy(part, whole.begin() + batch_header_bytes);
        std::uint32_t const count =
            put_right(whole.subspan(batch_header_bytes, part.size()), key, begin + batch_header_bytes);
        std::uint64_t used = begin + batch_header_bytes;
        record r;
        for (std::uint32_t i = 0; i < count; ++i) {
            used += decode(std::span<std::byte const>{file}.subspan(static_cast<std::size_t>(used)), key, used, r);
        }
        seal({.length = static_cast<std::uint32_t>(whole.size()),
              .used = static_cast<std::uint32_t>(used - begin),
              .record_count = count,
              .sequence = sequence,
              .oldest = 1},
             key, begin, whole);
    }
    return file;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::span<std::byte const> const input{reinterpret_cast<std::byte const*>(data), size};
    bool const sound = !input.empty() && input[0] != std::byte{0};
    memory_files files;
    files.all.emplace("00000001.log", segment_of(input.subspan(input.empty() ? 0 : 1), sound));
    owner const mine{1, raft::node_id{1}};
    auto const found = recover(files, &mine);
    if (!found) {
        HPCSCHED_ASSERT(found.error().message.starts_with("log/"));
        HPCSCHED_ASSERT(found.error().message.find('\n') == std::string::npos);
        return 0;
    }
    for (auto const& [id, g] : found->groups) {
        HPCSCHED_ASSERT(g->commit <= g->last());
        HPCSCHED_ASSERT(g->entries.empty() || g->first == 1);
        for (entry_place const& e : g->entries) {
            HPCSCHED_ASSERT(e.at.segment == 1);
        }
    }
    return 0;
}
