// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/sequenced.hpp>
#include <hpcsched/testing/conformance/replicated_log.hpp>
#include <hpcsched/testing/conformance/state_machine.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace hpcsched::raft {

namespace {

using machine = sequenced<testing::log_journal>;

byte_buffer command(sequence_header const& header, std::string_view payload = "x") {
    byte_buffer out;
    machine::encode(header, std::as_bytes(std::span{payload}), out);
    return out;
}

struct bench {
    explicit bench(std::size_t writers_max = 10) : m{testing::log_journal{}, writers_max} {}

    sequenced_reply apply(sequence_header const& header) {
        byte_buffer reply;
        m.apply(++index, command(header), reply);
        return static_cast<sequenced_reply>(reply.front());
    }

    machine m;
    log_index index = 0;
};

} // namespace

TEST_CASE("sequenced: copies, gaps and late arrivals are carried out in order and once") {
    bench b;
    CHECK(b.apply({0, 77, 0}) == sequenced_reply::opened);
    CHECK(b.apply({1, 2, 0}) == sequenced_reply::gap);
    CHECK(b.apply({1, 1, 0}) == sequenced_reply::applied);
    CHECK(b.apply({1, 1, 0}) == sequenced_reply::duplicate);
    CHECK(b.apply({1, 2, 0}) == sequenced_reply::applied);
    CHECK(b.apply({9, 1, 0}) == sequenced_reply::expired);
    byte_buffer reply;
    b.m.apply(100, std::vector<std::byte>(23), reply);
    CHECK(reply == byte_buffer{static_cast<std::byte>(sequenced_reply::malformed)});
    CHECK(b.m.machine().items().size() == 2);
}

TEST_CASE("sequenced: where a command is in the log is known until its writer has acknowledged it") {
    bench b;
    b.apply({0, 77, 0});
    b.apply({1, 1, 0});
    b.apply({1, 2, 0});
    CHECK(b.m.next(1) == 3);
    CHECK(b.m.place(1, 1) == 2);
    CHECK(b.m.place(1, 2) == 3);
    CHECK_FALSE(b.m.place(1, 3));
    b.apply({1, 3, 2});
    CHECK_FALSE(b.m.place(1, 2));
    CHECK(b.m.place(1, 3) == 4);
    CHECK_FALSE(b.m.place(5, 1));
    b.apply({1, 4, 1'000'000}); // more than there are
    CHECK(b.m.place(1, 4) == 5);
}

TEST_CASE("sequenced: beyond the limit the writer that has been silent longest is forgotten") {
    bench b{2};
    b.apply({0, 1, 0});                                    // writer 1
    b.apply({0, 2, 0});                                    // writer 2
    CHECK(b.apply({1, 1, 0}) == sequenced_reply::applied); // so 2 is older now
    b.apply({0, 3, 0});
    CHECK(b.m.writer_count() == 2);
    CHECK(b.apply({2, 1, 0}) == sequenced_reply::expired);
    CHECK(b.apply({1, 2, 0}) == sequenced_reply::applied);
}

TEST_CASE("sequenced: is a state machine") {
    std::vector<byte_buffer> const commands{command({0, 5, 0}), command({1, 1, 0}), command({1, 3, 0}),
                                            command({1, 2, 0}), command({0, 6, 0}), command({5, 1, 0}, ""),
                                            byte_buffer(3),     command({1, 3, 2}), command({1, 3, 2}),
                                            command({5, 2, 1}), command({8, 1, 0})};
    auto const wrong = testing::check_state_machine([] { return machine{testing::log_journal{}, 10}; }, commands);
    CHECK_MESSAGE(wrong.empty(), (wrong.empty() ? "" : wrong.front()));
}

} // namespace hpcsched::raft
