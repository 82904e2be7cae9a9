/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Tells of every process that starts, executes another program or is moved to another control group: the moments at
 * which who it is can change. As task_watch.bpf.c, it names only the members that it reads. */
#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "process_watch.h"

struct task_struct {
    int pid;
    int tgid;
} __attribute__((preserve_access_index));

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 18);
} events SEC(".maps");

__u64 dropped = 0; /* events that found the ring buffer full */

static void tell(__u32 process, __u32 parent, __u32 kind) {
    struct sighting_event* e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
    if (e == 0) {
        __sync_fetch_and_add(&dropped, 1);
        return;
    }
    e->at = bpf_ktime_get_ns();
    e->process = process;
    e->parent = parent;
    e->kind = kind;
    e->unused = 0;
    bpf_ringbuf_submit(e, 0);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct* parent, struct task_struct* child) {
    if (child->pid == child->tgid) { /* else it is a thread */
        tell(child->tgid, parent->tgid, sighting_forked);
    }
    return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct* task) {
    tell(task->tgid, 0, sighting_executed);
    return 0;
}

struct cgroup;

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_move, struct cgroup* to, char const* path, struct task_struct* task) {
    if (task->pid == task->tgid) {
        tell(task->tgid, 0, sighting_moved);
    }
    return 0;
}

char licence_terms[] SEC("license") = "Dual BSD/GPL";
