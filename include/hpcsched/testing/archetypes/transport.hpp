// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_TRANSPORT_HPP
#define HPCSCHED_TESTING_ARCHETYPES_TRANSPORT_HPP

#include <hpcsched/raft/transport.hpp>

namespace hpcsched::testing {

/// No more than `raft::transport` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_transport {
  public:
    minimal_transport() = delete;
    minimal_transport(minimal_transport&&) noexcept;
    minimal_transport& operator=(minimal_transport&&) noexcept;
    minimal_transport(minimal_transport const&) = delete;
    minimal_transport& operator=(minimal_transport const&) = delete;
    ~minimal_transport();

    void send(raft::message const&);
};

static_assert(raft::transport<minimal_transport>);

} // namespace hpcsched::testing

#endif
