/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A scheduler for the tasks of policy SCHED_EXT, and for no others: those of the lowest band run.
 *
 * All that wait stand in one queue, ordered by a key of 64 bits: the band above, and below it what orders a band within
 * itself. A task goes to a CPU only at the moment when that CPU has nothing better: an idle one is woken for it, else
 * the CPU that runs the highest of the bands above the task's own is taken. So at any time the CPUs run the first of
 * the order, up to the microseconds that it takes to tell another CPU. Only a lower band takes a CPU in mid-slice;
 * within a band tasks change at the ends of their slices.
 *
 * It names only the members that it reads and the functions that it calls; where they lie, the loader takes from the
 * running kernel's BTF (CO-RE), so that it compiles where no kernel has sched_ext. */
#include "ext_scheduler.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <linux/bpf.h>
#include <stdbool.h>

typedef struct {
    int counter;
} atomic_t;

struct signal_struct {
    atomic_t live;
} __attribute__((preserve_access_index));

struct cpumask {
    unsigned long bits[1]; /* or more; complete, for the loader compares the kinds of types */
};

struct sched_ext_entity {
    __u32 flags;
    __u32 weight;
    __u64 slice;
    __u64 dsq_vtime;
} __attribute__((preserve_access_index));

struct task_struct {
    int pid;
    int tgid;
    struct cpumask const* cpus_ptr;
    struct signal_struct* signal;
    struct sched_ext_entity scx;
} __attribute__((preserve_access_index));

struct scx_exit_info {
    char const* reason;
} __attribute__((preserve_access_index));

struct scx_exit_task_args;

/* The members that this scheduler fills in; the loader finds them by name. */
struct sched_ext_ops {
    __s32 (*select_cpu)(struct task_struct* p, __s32 prev_cpu, __u64 wake_flags);
    void (*enqueue)(struct task_struct* p, __u64 enq_flags);
    void (*dispatch)(__s32 cpu, struct task_struct* prev);
    void (*tick)(struct task_struct* p);
    void (*runnable)(struct task_struct* p, __u64 enq_flags);
    void (*running)(struct task_struct* p);
    void (*stopping)(struct task_struct* p, bool runnable);
    void (*enable)(struct task_struct* p);
    void (*exit_task)(struct task_struct* p, struct scx_exit_task_args* args);
    void (*cpu_release)(__s32 cpu, void* args);
    __s32 (*init)(void);
    void (*exit)(struct scx_exit_info* info);
    __u64 flags;
    char name[128];
};

struct bpf_iter_scx_dsq {
    __u64 opaque[6];
} __attribute__((aligned(8)));

struct bpf_iter_num {
    __u64 opaque[1];
} __attribute__((aligned(8)));

extern __s32 scx_bpf_create_dsq(__u64 dsq, __s32 node) __ksym __weak;
extern __s32 scx_bpf_select_cpu_dfl(struct task_struct* p, __s32 prev, __u64 wake_flags, bool* is_idle) __ksym __weak;
extern __s32 scx_bpf_pick_idle_cpu(struct cpumask const* allowed, __u64 flags) __ksym __weak;
extern void scx_bpf_dsq_insert_vtime(struct task_struct* p, __u64 dsq, __u64 slice, __u64 vtime,
                                     __u64 enq_flags) __ksym __weak;
extern bool scx_bpf_dsq_move_to_local(__u64 dsq) __ksym __weak;
extern bool scx_bpf_dsq_move(struct bpf_iter_scx_dsq* it, struct task_struct* p, __u64 dsq,
                             __u64 enq_flags) __ksym __weak;
extern void scx_bpf_dsq_move_set_slice(struct bpf_iter_scx_dsq* it, __u64 slice) __ksym __weak;
extern __s32 scx_bpf_dsq_nr_queued(__u64 dsq) __ksym __weak;
extern void scx_bpf_kick_cpu(__s32 cpu, __u64 flags) __ksym __weak;
extern __s32 scx_bpf_task_cpu(struct task_struct const* p) __ksym __weak;
extern __u32 scx_bpf_nr_cpu_ids(void) __ksym __weak;
extern __u32 scx_bpf_reenqueue_local(void) __ksym __weak;
extern bool scx_bpf_task_set_slice(struct task_struct* p, __u64 slice) __ksym __weak;
extern int bpf_iter_scx_dsq_new(struct bpf_iter_scx_dsq* it, __u64 dsq, __u64 flags) __ksym __weak;
extern struct task_struct* bpf_iter_scx_dsq_next(struct bpf_iter_scx_dsq* it) __ksym __weak;
extern void bpf_iter_scx_dsq_destroy(struct bpf_iter_scx_dsq* it) __ksym __weak;
extern int bpf_iter_num_new(struct bpf_iter_num* it, int start, int end) __ksym __weak;
extern int* bpf_iter_num_next(struct bpf_iter_num* it) __ksym __weak;
extern void bpf_iter_num_destroy(struct bpf_iter_num* it) __ksym __weak;
extern bool bpf_cpumask_test_cpu(__u32 cpu, struct cpumask const* mask) __ksym __weak;

/* Of the kernel's kernel/sched/ext*.h and linux/sched/ext.h. */
#define OPS_SWITCH_PARTIAL (1ULL << 3)
#define ENQ_WAKEUP 1ULL
#define ENQ_REENQ (1ULL << 40)
#define KICK_IDLE 1ULL
#define KICK_PREEMPT 2ULL
#define DSQ_LOCAL ((1ULL << 63) | 2)
#define TASK_QUEUED 1U

#define QUEUE 1ULL
#define CPU_COUNT_MAX 1024
#define ORDER_BITS 40
#define ORDER_UNIT_BITS 12 /* the order within a band is in units of 4.1 us: it wraps after 52 days */
#define DEFAULT_SLICE 3000000ULL
#define DEFAULT_WEIGHT 100 /* the kernel's, of nice 0 */
#define SLEEPER_CREDIT 3000000ULL
#define CLOCK_MONOTONIC 1

/* Who has waited for `longest_wait` gets a turn whatever its band, else the kernel would throw the scheduler out after
 * 30 s. One turn in so long: a tick or less, so that it takes at most some percent of one CPU; more often where many
 * wait, so that each of them is served in time. */
#define TURN 1000000ULL
#define TURN_PERIOD 100000000ULL
#define TURNS_WITHIN 20000000000ULL
#define BEAT 10000000ULL

/* A thread's place in the order. */
struct place {
    __u64 woke_at;     /* or when it came into its band, if that was later */
    __u64 vruntime;    /* CPU time received where that orders, weighted by nice, ns */
    __u64 began;       /* its run under way; 0: none */
    __u64 waits_since; /* 0: it does not wait */
    __u64 turn_until;  /* it runs out of turn until then, and nobody takes its CPU */
    __u64 slice_left;  /* when a normal task took its CPU; it goes on with that, before its equals */
    __u32 band;
    bool in_order;   /* as its wish was when it was looked at last: of waking, not by vruntime */
    bool came_off;   /* a CPU, and did not sleep */
    bool found_idle; /* a CPU that is waking up for it */
};

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct place);
} places SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u32);
    __type(value, struct ext_wish);
} wishes SEC(".maps");

/* What each CPU runs: a band + 1; 0: none of our tasks. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, CPU_COUNT_MAX);
    __type(key, __u32);
    __type(value, __u32);
} runs SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct ext_state);
} state SEC(".maps");

struct beat {
    struct bpf_timer timer;
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct beat);
} beats SEC(".maps");

__u64 vruntime_now = 0; /* the most that anyone had when it began to run */
__u64 last_turn = 0;

static struct ext_state* own_state(void) {
    __u32 key = 0;
    return bpf_map_lookup_elem(&state, &key);
}

static struct ext_wish wish_of(struct task_struct* p) {
    __u32 process = (__u32)p->tgid;
    struct ext_wish* known = bpf_map_lookup_elem(&wishes, &process);
    struct ext_wish wish = {.slice = DEFAULT_SLICE, .band = EXT_BAND_NORMAL};
    if (known != 0) {
        wish.band = known->band;
        wish.in_order = known->in_order;
        wish.slice = known->slice != 0 ? known->slice : DEFAULT_SLICE;
    }
    return wish;
}

static struct place* place_of(struct task_struct* p) {
    return bpf_task_storage_get(&places, p, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __u64 weighted(struct task_struct* p, __u64 ran) {
    __u32 weight = p->scx.weight;
    return weight == 0 ? ran : ran * DEFAULT_WEIGHT / weight;
}

static __u64 key_of(struct ext_wish const* wish, struct place const* place, __u64 vruntime) {
    __u64 order = wish->in_order ? place->woke_at : vruntime;
    return (__u64)wish->band << ORDER_BITS | ((order >> ORDER_UNIT_BITS) & ((1ULL << ORDER_BITS) - 1));
}

/* Puts it where its wish is now. Who comes to those that are ordered by vruntime from an order of waking begins where
 * they are: what it has received before is no debt, as of a real-time task that the kernel makes a fair one. */
static void follow(struct place* place, struct ext_wish const* wish) {
    if (place->band != wish->band) {
        place->band = wish->band;
        place->woke_at = bpf_ktime_get_ns();
    }
    if (place->in_order && !wish->in_order) {
        place->vruntime = vruntime_now;
    }
    place->in_order = wish->in_order;
}

static void set_slice(struct task_struct* p, __u64 slice) {
    if (scx_bpf_task_set_slice) { /* from Linux 6.19 on */
        scx_bpf_task_set_slice(p, slice);
    } else {
        p->scx.slice = slice;
    }
}

static void set_run(__s32 cpu, __u32 band_and_one) {
    __u32 key = (__u32)cpu;
    __u32* run = bpf_map_lookup_elem(&runs, &key);
    if (run != 0) {
        *run = band_and_one;
    }
}

/* Whether someone waits who comes before `key` and may run on `cpu`. */
static bool waits_before(__u64 key, __s32 cpu) {
    struct bpf_iter_scx_dsq it;
    struct task_struct* q;
    bool found = false;
    bpf_iter_scx_dsq_new(&it, QUEUE, 0);
    while ((q = bpf_iter_scx_dsq_next(&it)) != 0) {
        if (q->scx.dsq_vtime >= key) {
            break;
        }
        if (bpf_cpumask_test_cpu((__u32)cpu, q->cpus_ptr)) {
            found = true;
            break;
        }
    }
    bpf_iter_scx_dsq_destroy(&it);
    return found;
}

/* Takes the CPU that runs the highest band, if that is above `band` and `p` may run there. */
static void preempt_for(struct task_struct* p, __u32 band) {
    __u32 highest = band + 1;
    __s32 victim = -1;
    struct bpf_iter_num it;
    int* cpu;
    bpf_iter_num_new(&it, 0, (int)scx_bpf_nr_cpu_ids());
    while ((cpu = bpf_iter_num_next(&it)) != 0) {
        __u32 key = (__u32)*cpu;
        __u32* run = bpf_map_lookup_elem(&runs, &key);
        if (run != 0 && *run > highest && bpf_cpumask_test_cpu(key, p->cpus_ptr)) {
            highest = *run;
            victim = (__s32)key;
        }
    }
    bpf_iter_num_destroy(&it);
    if (victim >= 0) {
        set_run(victim, band + 1); /* the next to wake looks for another */
        scx_bpf_kick_cpu(victim, KICK_PREEMPT);
        struct ext_state* s = own_state();
        if (s != 0) {
            __sync_fetch_and_add(&s->preemptions, 1);
        }
    }
}

/* Finds a CPU for the first of the queue: an idle one, or that of someone whom it comes before. */
static void look_for_cpu(bool may_preempt) {
    struct bpf_iter_scx_dsq it;
    struct task_struct* q;
    bpf_iter_scx_dsq_new(&it, QUEUE, 0);
    if ((q = bpf_iter_scx_dsq_next(&it)) != 0) {
        __s32 idle = scx_bpf_pick_idle_cpu(q->cpus_ptr, 0);
        if (idle >= 0) {
            scx_bpf_kick_cpu(idle, KICK_IDLE);
        } else if (may_preempt) {
            preempt_for(q, wish_of(q).band);
        }
    }
    bpf_iter_scx_dsq_destroy(&it);
}

SEC("struct_ops/select_cpu")
__s32 BPF_PROG(ext_select_cpu, struct task_struct* p, __s32 prev_cpu, __u64 wake_flags) {
    bool is_idle = false;
    __s32 cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, 0, &is_idle);
    struct place* place = place_of(p);
    if (place != 0) {
        place->found_idle = is_idle; /* the kernel reschedules it, for it runs nothing */
    }
    return cpu;
}

SEC("struct_ops/enqueue")
void BPF_PROG(ext_enqueue, struct task_struct* p, __u64 enq_flags) {
    struct ext_wish wish = wish_of(p);
    struct place* place = place_of(p);
    if (place == 0) { /* no memory */
        scx_bpf_dsq_insert_vtime(p, QUEUE, wish.slice, (__u64)wish.band << ORDER_BITS, enq_flags);
        return;
    }
    follow(place, &wish);
    if (place->waits_since == 0) { /* there was no memory for its place when it woke */
        place->waits_since = bpf_ktime_get_ns();
    }
    if (place->slice_left != 0) {
        scx_bpf_dsq_insert_vtime(p, QUEUE, place->slice_left, (__u64)wish.band << ORDER_BITS, enq_flags);
    } else {
        scx_bpf_dsq_insert_vtime(p, QUEUE, wish.slice, key_of(&wish, place, place->vruntime), enq_flags);
    }
    bool found_idle = place->found_idle;
    bool came_off = place->came_off;
    place->found_idle = false;
    place->came_off = false;
    if (found_idle) {
        return;
    }
    __s32 idle = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
    if (idle >= 0) {
        scx_bpf_kick_cpu(idle, KICK_IDLE);
    } else if (!came_off || (enq_flags & ENQ_REENQ) != 0) {
        preempt_for(p, wish.band); /* else its CPU is about to take the first of the queue anyway */
    }
}

/* Gives this CPU to one who has waited too long, if there is one and it is time. */
static bool give_turn(__s32 cpu, __u64 now) {
    __s32 waiting = scx_bpf_dsq_nr_queued(QUEUE);
    __u64 period = waiting > 0 ? TURNS_WITHIN / (__u64)waiting : TURN_PERIOD;
    if (now - last_turn < (period < TURN_PERIOD ? period : TURN_PERIOD)) {
        return false;
    }
    last_turn = now;
    struct ext_state* s = own_state();
    __u64 longest_wait = s != 0 ? s->longest_wait : 0;
    if (longest_wait == 0) {
        return false;
    }
    struct bpf_iter_scx_dsq it;
    struct task_struct* q;
    bool given = false;
    bpf_iter_scx_dsq_new(&it, QUEUE, 0);
    while ((q = bpf_iter_scx_dsq_next(&it)) != 0) {
        struct place* place = bpf_task_storage_get(&places, q, 0, 0);
        if (place == 0 || place->waits_since == 0 || now - place->waits_since < longest_wait ||
            !bpf_cpumask_test_cpu((__u32)cpu, q->cpus_ptr)) {
            continue;
        }
        scx_bpf_dsq_move_set_slice(&it, TURN);
        if (scx_bpf_dsq_move(&it, q, DSQ_LOCAL, 0)) {
            place->turn_until = now + TURN;
            given = true;
            break;
        }
    }
    bpf_iter_scx_dsq_destroy(&it);
    if (given) {
        __sync_fetch_and_add(&s->turns, 1);
    }
    return given;
}

SEC("struct_ops/dispatch")
void BPF_PROG(ext_dispatch, __s32 cpu, struct task_struct* prev) {
    __u64 now = bpf_ktime_get_ns();
    if (give_turn(cpu, now)) {
        return;
    }
    /* Who runs is not in the queue: it stays, unless someone comes before it. */
    if (prev != 0 && (prev->scx.flags & TASK_QUEUED) != 0) {
        struct ext_wish wish = wish_of(prev);
        struct place* place = place_of(prev);
        if (place != 0) {
            __u64 ran = place->began != 0 ? now - place->began : 0;
            if (!waits_before(key_of(&wish, place, place->vruntime + weighted(prev, ran)), cpu)) {
                set_slice(prev, wish.slice);
                return;
            }
        }
    }
    scx_bpf_dsq_move_to_local(QUEUE);
}

SEC("struct_ops/tick")
void BPF_PROG(ext_tick, struct task_struct* p) {
    struct place* place = place_of(p);
    if (place == 0 || bpf_ktime_get_ns() < place->turn_until) {
        return;
    }
    struct ext_wish wish = wish_of(p);
    if (waits_before((__u64)wish.band << ORDER_BITS, scx_bpf_task_cpu(p))) {
        set_slice(p, 0);
    }
}

SEC("struct_ops/runnable")
void BPF_PROG(ext_runnable, struct task_struct* p, __u64 enq_flags) {
    struct place* place = place_of(p);
    if (place == 0) {
        return;
    }
    __u64 now = bpf_ktime_get_ns();
    if (place->waits_since == 0) {
        place->waits_since = now;
    }
    if ((enq_flags & ENQ_WAKEUP) != 0) {
        place->woke_at = now;
        if (place->vruntime + SLEEPER_CREDIT < vruntime_now) {
            place->vruntime = vruntime_now - SLEEPER_CREDIT; /* sleep saves up no CPU time */
        }
    }
}

SEC("struct_ops/running")
void BPF_PROG(ext_running, struct task_struct* p) {
    struct place* place = place_of(p);
    if (place == 0) {
        return;
    }
    __s32 cpu = scx_bpf_task_cpu(p);
    struct ext_wish wish = wish_of(p);
    __u64 now = bpf_ktime_get_ns();
    place->began = now;
    place->waits_since = 0;
    place->slice_left = 0;
    place->came_off = false;
    follow(place, &wish);
    if (!place->in_order && vruntime_now < place->vruntime) {
        vruntime_now = place->vruntime;
    }
    bool in_turn = now < place->turn_until;
    set_run(cpu, in_turn ? 1 : wish.band + 1);
    /* What it runs for may have changed since it was chosen, or in mid-run. */
    if (!in_turn && waits_before((__u64)wish.band << ORDER_BITS, cpu)) {
        scx_bpf_kick_cpu(cpu, KICK_PREEMPT);
    }
}

SEC("struct_ops/stopping")
void BPF_PROG(ext_stopping, struct task_struct* p, bool runnable) {
    set_run(scx_bpf_task_cpu(p), 0);
    struct place* place = place_of(p);
    if (place == 0) {
        return;
    }
    __u64 now = bpf_ktime_get_ns();
    if (place->began != 0) {
        place->vruntime += place->in_order ? 0 : weighted(p, now - place->began);
        place->began = 0;
    }
    place->came_off = runnable;
    place->waits_since = runnable ? now : 0;
    place->slice_left = 0;
    if (runnable && p->scx.slice != 0) {
        /* The kernel would keep it on this CPU and ask nobody when that is free again: who is taken off by normal tasks
         * often enough would run for ever. Without a slice it goes to the queue. (Re-enqueueing it in cpu_release does
         * not do: it is the current task there, so the BPF program itself has disabled its migration, and the kernel
         * spares such tasks the way through ops.enqueue and fills up their slice.) */
        place->slice_left = p->scx.slice;
        set_slice(p, 0);
    }
}

SEC("struct_ops/enable")
void BPF_PROG(ext_enable, struct task_struct* p) {
    struct place* place = place_of(p);
    if (place != 0) {
        place->woke_at = bpf_ktime_get_ns();
        place->vruntime = vruntime_now;
        place->band = EXT_BAND_NORMAL;
        place->in_order = false;
    }
}

SEC("struct_ops/exit_task")
void BPF_PROG(ext_exit_task, struct task_struct* p, struct scx_exit_task_args* args) {
    __u32 process = (__u32)p->tgid;
    if (p->signal->live.counter == 0) {
        bpf_map_delete_elem(&wishes, &process);
    }
}

/* A task of a higher class, as every normal one is, has taken the CPU: who ran or was to run there may come before
 * someone on another. */
SEC("struct_ops/cpu_release")
void BPF_PROG(ext_cpu_release, __s32 cpu, void* args) {
    scx_bpf_reenqueue_local();
    look_for_cpu(true);
}

/* An idle CPU that was woken for a task can be taken by a normal one before it gets there. So whoever waits beside an
 * idle CPU is looked for now and then. */
static int on_beat(void* map, int* key, struct beat* beat) {
    look_for_cpu(false);
    bpf_timer_start(&beat->timer, BEAT, 0);
    return 0;
}

SEC("struct_ops/init") /* sleepable: the loader says so */
__s32 BPF_PROG(ext_init) {
    __u32 key = 0;
    struct beat* beat = bpf_map_lookup_elem(&beats, &key);
    if (beat == 0) {
        return -1;
    }
    __s32 failed = scx_bpf_create_dsq(QUEUE, -1);
    if (failed != 0) {
        return failed;
    }
    bpf_timer_init(&beat->timer, &beats, CLOCK_MONOTONIC);
    bpf_timer_set_callback(&beat->timer, on_beat);
    return bpf_timer_start(&beat->timer, BEAT, 0);
}

SEC("struct_ops/exit")
void BPF_PROG(ext_exit, struct scx_exit_info* info) {
    struct ext_state* s = own_state();
    if (s != 0) {
        bpf_probe_read_kernel_str(s->reason, sizeof s->reason, info->reason);
        s->ended = 1;
    }
}

SEC(".struct_ops")
struct sched_ext_ops hpcsched_ops = {
    .select_cpu = (void*)ext_select_cpu,
    .enqueue = (void*)ext_enqueue,
    .dispatch = (void*)ext_dispatch,
    .tick = (void*)ext_tick,
    .runnable = (void*)ext_runnable,
    .running = (void*)ext_running,
    .stopping = (void*)ext_stopping,
    .enable = (void*)ext_enable,
    .exit_task = (void*)ext_exit_task,
    .cpu_release = (void*)ext_cpu_release,
    .init = (void*)ext_init,
    .exit = (void*)ext_exit,
    .flags = OPS_SWITCH_PARTIAL,
    .name = "hpcsched",
};

char licence_terms[] SEC("license") = "Dual BSD/GPL";
