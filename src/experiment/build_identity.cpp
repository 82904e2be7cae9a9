// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/hash.hpp>
#include <hpcsched/experiment/build_identity.hpp>

#include <link.h>

#include <cstddef>
#include <cstring>
#include <string_view>

namespace hpcsched::experiment {
namespace {

constexpr std::size_t aligned(std::size_t size) noexcept {
    return (size + 3U) & ~std::size_t{3};
}

/// Hashes the GNU build id in one segment of notes, if it is there.
bool add_build_id(char const* notes, std::size_t size, sequence_hash& hash) {
    while (size >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note{};
        std::memcpy(&note, notes, sizeof note);
        char const* const name = notes + sizeof note;
        std::size_t const whole = sizeof note + aligned(note.n_namesz) + aligned(note.n_descsz);
        if (whole > size) {
            return false;
        }
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
            hash.add(std::string_view{name + aligned(note.n_namesz), note.n_descsz});
            return true;
        }
        notes += whole;
        size -= whole;
    }
    return false;
}

// The first object that is visited is the program itself.
int visit_program(dl_phdr_info* program, std::size_t, void* hash) {
    for (std::size_t i = 0; i < program->dlpi_phnum; ++i) {
        ElfW(Phdr) const& segment = program->dlpi_phdr[i];
        if (segment.p_type == PT_NOTE) {
            // The loader reports addresses as integers.
            auto const* const notes = reinterpret_cast<char const*>(program->dlpi_addr + segment.p_vaddr); // NOLINT
            if (add_build_id(notes, segment.p_memsz, *static_cast<sequence_hash*>(hash))) {
                break;
            }
        }
    }
    return 1;
}

} // namespace

std::string_view library_version() noexcept {
    return HPCSCHED_VERSION;
}

std::uint64_t build_identity() {
    sequence_hash hash;
    hash.add(library_version());
    dl_iterate_phdr(&visit_program, &hash);
    return hash.value();
}

} // namespace hpcsched::experiment
