// SPDX-License-Identifier: Apache-2.0
// A stock Jupyter on a kernel in replicas: three hosts on this machine, each with an ipykernel of its own.
#include <doctest/doctest.h>

#include "run_conformance.hpp"

namespace hpcsched::notebook_host {
namespace {

using test::conforms;

TEST_CASE("replicated kernel: cells run, are counted, print and fail as on one kernel, between one busy and one idle") {
    conforms("execute", 3);
}
TEST_CASE("replicated kernel: every request that a client has is answered") {
    conforms("every_request", 3);
}
TEST_CASE("replicated kernel: comms go both ways, with their buffers") {
    conforms("comm", 3);
}
TEST_CASE("replicated kernel: widgets are the same to the page, whichever host runs them") {
    conforms("widgets", 3);
}
TEST_CASE("replicated kernel: the kernel asks for input, and gets it") {
    conforms("stdin", 3);
}
TEST_CASE("replicated kernel: rich output and five megabytes of it arrive whole") {
    conforms("rich_output", 3);
}
TEST_CASE("replicated kernel: a cell is interrupted by a message") {
    conforms("interrupt", 3);
}
TEST_CASE("replicated kernel: a cell is interrupted by a signal") {
    conforms("signal", 3);
}
TEST_CASE("replicated kernel: a restarted kernel knows nothing") {
    conforms("restart", 3);
}
TEST_CASE("replicated kernel: after a shutdown nobody is left") {
    conforms("shutdown", 3);
}
TEST_CASE("replicated kernel: its proxy ends with the server that started it, however that ends") {
    conforms("server_dies", 1);
}
TEST_CASE("replicated kernel: heartbeats are answered while a cell runs") {
    conforms("heartbeat", 3);
}
TEST_CASE("replicated kernel: strangers, replays and rubbish are turned away, and nobody else is harmed") {
    conforms("strangers", 3);
}
TEST_CASE("replicated kernel: two clients share a kernel") {
    conforms("two_clients", 3);
}
TEST_CASE("replicated kernel: nbclient executes a notebook with the outputs that a plain kernel gives") {
    conforms("nbclient", 3);
}

TEST_CASE(
    "replicated kernel: a notebook's outputs are the same where hosts are killed between cells, in one, and lead") {
    conforms("notebook_survives", 3);
}
TEST_CASE("replicated kernel: hosts are killed between cells one after the other, and the state is where it was") {
    conforms("host_killed_between_cells", 3);
}
TEST_CASE("replicated kernel: with a host missing a kernel begins with two replicas, and the third follows") {
    conforms("host_missing", 3);
}

TEST_CASE("replicated kernel: a cell whose kernel has lost its majority says that it waits, and goes on with it") {
    conforms("majority_lost", 3);
}
TEST_CASE("replicated kernel: a cell whose host is killed runs once more, and shows its output once") {
    conforms("host_killed_in_a_cell", 3);
}
TEST_CASE(
    "replicated kernel: a cell that kills its interpreter fails alone, and all interpreters at once lose nothing") {
    conforms("interpreter_killed", 3);
}

TEST_CASE("replicated kernel: a cell that comes as its interpreter ends is for the one that follows") {
    conforms("interpreter_killed_before_cell", 3);
}

TEST_CASE("replicated kernel: on seventeen hosts kernels live on three each, and others take the place of those that "
          "are lost") {
    conforms("many_hosts", 17);
}
TEST_CASE("replicated kernel: what a host did that was only slow counts for nothing") {
    conforms("host_paused", 3);
}
TEST_CASE("replicated kernel: what a host that was cut off executed counts for nothing, in its own interpreter too") {
    conforms("executor_cut_off", 3);
}
TEST_CASE("replicated kernel: a host is asked again for the cell that it is at, and says of it what is new alone") {
    conforms("executor_asked_again", 3);
}
TEST_CASE(
    "replicated kernel: what starts before it is decided on shows nothing until then, and where it loses, never") {
    conforms("start_before_decision", 3);
}
TEST_CASE("replicated kernel: a cell whose end was on its way when its host was lost is replied to, and runs once") {
    conforms("end_on_its_way", 3);
}
TEST_CASE("replicated kernel: kernels run as the users whom certificates name, and nobody else reaches them") {
    conforms("users", 3);
}
TEST_CASE("replicated kernel: a cell sees the GPUs that it asked for and no others, and waits where there are none") {
    conforms("gpus", 3);
}
TEST_CASE("replicated kernel: large values go through the store, and not through the log") {
    conforms("large_values", 3);
}
TEST_CASE("replicated kernel: what nobody points to any more goes from the store, and all of it with the kernel") {
    conforms("store_is_swept", 3);
}
TEST_CASE("replicated kernel: the store is a Redis, and where that is gone the user is told what is not replicated") {
    conforms("redis", 3);
}
TEST_CASE("replicated kernel: with certificates of an authority of their own, nobody else is let in") {
    conforms("tls", 3);
}
TEST_CASE("replicated kernel: the leader of the cluster is killed, and GPUs are leased all the same") {
    conforms("leader_killed", 3);
}
TEST_CASE("replicated kernel: cells wait for GPUs by the policies that the cluster's first host was started with") {
    conforms("policies", 1);
}
TEST_CASE(
    "replicated kernel: one that the cluster does not admit is there, says that it waits, and starts when it may") {
    conforms("admission", 1);
}
TEST_CASE("replicated kernel: interpreters that nobody uses end, and the next cell finds what the log has") {
    conforms("idle_interpreters_end", 3);
}
TEST_CASE("replicated kernel: a host is emptied, and its replicas go on elsewhere") {
    conforms("drain", 4);
}
TEST_CASE("replicated kernel: one whose proxy was killed is closed after a while") {
    conforms("proxy_killed", 3);
}
TEST_CASE("replicated kernel: one that is closed leaves nothing behind on any host, one that was away included") {
    conforms("closed_kernels_leave_nothing", 3);
}
TEST_CASE("replicated kernel: behind a stock notebook server it runs, is interrupted, restarted and survives a host") {
    conforms("notebook_server", 3);
}
TEST_CASE("replicated kernel: behind a stock jupyter_server it runs, is interrupted, restarted and survives a host") {
    conforms("jupyter_server", 3);
}
TEST_CASE("replicated kernel: in notebook 6's own page cells run, a slider moves, and a lost host is not noticed") {
    conforms("notebook_page", 3);
}
TEST_CASE("replicated kernel: the users of a stock JupyterHub have kernels that run as themselves") {
    conforms("jupyterhub", 3);
}
TEST_CASE("replicated kernel: a browser shows hosts, leases and kernels, and finds nothing to complain of") {
    conforms("page", 3);
}
TEST_CASE("replicated kernel: the page's status is for who has the token") {
    conforms("page_with_token", 3);
}
TEST_CASE(
    "replicated kernel: a hundred cells with every binding form of Python leave the replicas alike, name by name") {
    test::run_python("hpcsched_kernel_torture.py");
}
TEST_CASE("replicated kernel: what a cell changed is sent, nothing else, and large values go through the store") {
    test::run_python("hpcsched_kernel_test.py");
}

} // namespace
} // namespace hpcsched::notebook_host
