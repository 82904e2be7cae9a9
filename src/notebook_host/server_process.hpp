// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_SERVER_PROCESS_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_SERVER_PROCESS_HPP

namespace hpcsched::notebook_host {

/// The process that started this kernel and wants it to end with it: the server, or whoever else starts kernels as
/// Jupyter does, which names itself in JPY_PARENT_PID. Not always the parent: a launcher may stand between.
class server_process {
  public:
    server_process();
    server_process(server_process const&) = delete;
    server_process& operator=(server_process const&) = delete;
    ~server_process();

    /// Can be read once that process has ended; -1: there is none to end with.
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  private:
    int descriptor_ = -1; // a pidfd
};

} // namespace hpcsched::notebook_host

#endif
