// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SIM_REGISTER_MACHINE_HPP
#define HPCSCHED_RAFT_SIM_REGISTER_MACHINE_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/state_machine.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

namespace hpcsched::raft_sim {

/// What a client does to one register.
struct operation {
    enum class kind : std::uint8_t {
        read,             ///< what the register holds
        write,            ///< puts `value` there
        compare_and_swap, ///< puts `value` there if it holds `expected`
    };

    kind what = kind::read;
    std::uint64_t key = 0;
    std::uint64_t value = 0;
    std::uint64_t expected = 0;

    friend bool operator==(operation const&, operation const&) = default;
};

/// Registers that hold a number, 0 at first: the state machine of a simulated group. A command is an encoded write or
/// compare-and-swap; the answer is what the register held before, one word. Reads do not go through the log.
class register_machine {
  public:
    static void encode(operation const& o, raft::byte_buffer& out) {
        put_word(out, static_cast<std::uint64_t>(o.what));
        put_word(out, o.key);
        put_word(out, o.value);
        put_word(out, o.expected);
    }

    void apply(raft::log_index /*index*/, std::span<std::byte const> command, raft::byte_buffer& reply) {
        byte_reader in{command};
        std::uint64_t const what = in.word();
        std::uint64_t const key = in.word();
        std::uint64_t const value = in.word();
        std::uint64_t const expected = in.word();
        if (!in.good()) {
            return;
        }
        std::uint64_t& held = values_[key];
        put_word(reply, held);
        bool const swap = what == static_cast<std::uint64_t>(operation::kind::compare_and_swap);
        if (what == static_cast<std::uint64_t>(operation::kind::write) || (swap && held == expected)) {
            held = value;
        }
    }

    void save(raft::byte_buffer& out) const {
        put_word(out, values_.size());
        for (auto const& [key, value] : values_) {
            put_word(out, key);
            put_word(out, value);
        }
    }

    [[nodiscard]] bool restore(std::span<std::byte const> saved) {
        values_.clear();
        byte_reader in{saved};
        std::uint64_t const count = in.word();
        for (std::uint64_t i = 0; i < count && in.good(); ++i) {
            std::uint64_t const key = in.word();
            values_[key] = in.word();
        }
        return in.good() && values_.size() == count;
    }

    [[nodiscard]] std::uint64_t value(std::uint64_t key) const {
        auto const at = values_.find(key);
        return at == values_.end() ? 0 : at->second;
    }

    friend bool operator==(register_machine const&, register_machine const&) = default;

  private:
    std::map<std::uint64_t, std::uint64_t> values_;
};
static_assert(raft::state_machine<register_machine>);

} // namespace hpcsched::raft_sim

#endif
