// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_JOURNAL_HPP
#define HPCSCHED_FUSE_JOURNAL_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/hash.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// Records in a row: each its length, a check sum and its bytes. What a kill leaves half written is seen, and cut off.
namespace hpcsched::fuse {

/// Of the bytes of a record and its place in the journal. Against accidents, not against forgery.
[[nodiscard]] inline std::uint64_t record_sum(std::span<std::byte const> bytes, std::uint64_t number) noexcept {
    sequence_hash hash;
    hash.add(number);
    for (std::byte const b : bytes) {
        hash.add(static_cast<std::uint64_t>(b));
    }
    return hash.value();
}

/// \param number  how many records stand before it
inline void append_record(byte_buffer& journal, std::span<std::byte const> bytes, std::uint64_t number) {
    put_word(journal, bytes.size());
    put_word(journal, record_sum(bytes, number));
    journal.insert(journal.end(), bytes.begin(), bytes.end());
}

/// The records of a journal, borrowed of it, up to the first that is not whole.
struct journal_records {
    std::vector<std::span<std::byte const>> records{};
    std::size_t whole = 0; ///< bytes that they take; what follows is to be cut off before more is appended
};

[[nodiscard]] inline journal_records read_records(std::span<std::byte const> journal) {
    journal_records found;
    for (byte_reader in{journal}; !in.rest().empty();) {
        std::uint64_t const size = in.word();
        std::uint64_t const sum = in.word();
        if (!in.good() || size > in.rest().size()) {
            break;
        }
        auto const bytes = in.rest().first(static_cast<std::size_t>(size));
        if (record_sum(bytes, found.records.size()) != sum) {
            break;
        }
        found.records.push_back(bytes);
        found.whole += 16 + bytes.size();
        in = byte_reader{journal.subspan(found.whole)};
    }
    return found;
}

} // namespace hpcsched::fuse

#endif
