/*
 * The agent on Linux: standard input and output, and privcmd. For the control domain of a Xen host:
 *
 *   ssh root@host ./agent
 *
 * It ends when its input does, or at a signal, and then takes back what its peer has left: a connection
 * that breaks leaves nothing in the hypervisor, only SIGKILL does.
 *
 * Linux's privcmd takes plain pointers. On ia64 its kernel makes xencomm descriptors of them, for
 * which the memory has to be there: hence the locked arena.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "protocol.h"

#define PAGES 1024
#define REGIONS 8
#define ARENA ((size_t)8 << 20)
#define REGION_BYTES ((uint64_t)1 << 32)

/* privcmd's ioctls: _IOC(none, 'P', number, size). */
#define HYPERCALL 0x00305000ul
#define MMAP 0x00105002ul
#define MMAPBATCH 0x00185003ul
#define MMAPBATCH_V2 0x00205004ul
/* What MMAPBATCH puts into the entry of a page that failed, or that is paged out. */
#define BATCH_ERROR ((uint64_t)0xf0000000u)
#define BATCH_PAGED_OUT ((uint64_t)0x80000000u)

struct privcmd_hypercall {
    uint64_t op;
    uint64_t arg[5];
};

struct privcmd_mmap_entry {
    uint64_t va;
    uint64_t mfn;
    uint64_t npages;
};

struct privcmd_mmap {
    int32_t num;
    uint16_t dom;
    uint64_t entry;
};

struct privcmd_mmapbatch {
    int32_t num;
    uint16_t dom;
    uint64_t addr;
    uint64_t arr;
};

struct privcmd_mmapbatch_v2 {
    uint32_t num;
    uint16_t dom;
    uint64_t addr;
    uint64_t arr;
    uint64_t err;
};

static int privcmd = -1;
static enum { V2_UNKNOWN, V2_THERE, V2_MISSING } v2; /* whether the kernel has MMAPBATCH_V2 */
static size_t page_size;
static int nowhere = -1;               /* /dev/null */
static volatile sig_atomic_t signalled; /* the signal that ends us */

/* Twice the alignment that is needed is in every page, and locking goes by pages. */
static union {
    unsigned char bytes[ARENA + 65536];
    uint64_t alignment;
} arena;
static uint64_t frames[PAGES], scratch[PAGES];
static int32_t errors[PAGES];
static struct agent_region regions[REGIONS];
static struct agent agent;

static uint64_t address_of(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

/*
 * The stream ends where the signal finds it: reads give its end, and writes that wait for a peer are let
 * go. Whether it comes before or within a call makes no difference.
 */
static void end_stream(int number)
{
    int kept = errno;

    signalled = number;
    (void)dup2(nowhere, STDIN_FILENO);
    (void)dup2(nowhere, STDOUT_FILENO);
    errno = kept;
}

/* Signals that would end us before anything is taken back; what whoever started us has ignored stays so. */
static int catch_signals(void)
{
    static const int numbers[3] = {SIGHUP, SIGINT, SIGTERM};
    struct sigaction action;
    int i;

    nowhere = open("/dev/null", O_RDWR);
    if (nowhere < 0)
        return -1;
    memset(&action, 0, sizeof action); /* without SA_RESTART: a call that waits begins anew */
    action.sa_handler = end_stream;
    for (i = 0; i < 3; i++) {
        struct sigaction before;

        if (sigaction(numbers[i], NULL, &before) != 0)
            return -1;
        if (before.sa_handler != SIG_IGN && sigaction(numbers[i], &action, NULL) != 0)
            return -1;
    }
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

static long linux_read(void *context, void *data, size_t length)
{
    long got;

    (void)context;
    do
        got = (long)read(STDIN_FILENO, data, length);
    while (got < 0 && errno == EINTR);
    return got;
}

static long linux_write(void *context, const void *data, size_t length)
{
    long took;

    (void)context;
    do
        took = (long)write(STDOUT_FILENO, data, length);
    while (took < 0 && errno == EINTR);
    return took;
}

static int64_t linux_hypercall(void *context, struct agent_call *call)
{
    struct privcmd_hypercall hypercall;
    uint32_t i;
    long result;

    (void)context;
    for (i = 0; i < call->links; i++)
        agent_link_set(call, i, address_of(call->link[i].target));
    hypercall.op = call->number;
    for (i = 0; i < AGENT_ARGUMENTS; i++)
        hypercall.arg[i] = call->argument[i];
    result = ioctl(privcmd, HYPERCALL, &hypercall);
    return result < 0 ? -(int64_t)errno : (int64_t)result;
}

static int batch_v2(void *address, uint32_t domain, uint32_t count, const uint64_t *wanted,
                    int32_t *result)
{
    struct privcmd_mmapbatch_v2 batch;
    uint32_t i;

    memset(&batch, 0, sizeof batch);
    batch.num = count;
    batch.dom = (uint16_t)domain;
    batch.addr = address_of(address);
    batch.arr = address_of(wanted);
    batch.err = address_of(result);
    /* ENOENT: some page is paged out, and the errors say which. */
    if (ioctl(privcmd, MMAPBATCH_V2, &batch) < 0 && errno != ENOENT)
        return errno;
    for (i = 0; i < count; i++)
        result[i] = result[i] < 0 ? -result[i] : result[i];
    return 0;
}

/* The older request marks the frames that failed, and does not say why. */
static int batch_v1(void *address, uint32_t domain, uint32_t count, const uint64_t *wanted,
                    int32_t *result)
{
    struct privcmd_mmapbatch batch;
    uint32_t i;

    memset(&batch, 0, sizeof batch);
    memcpy(scratch, wanted, count * sizeof *wanted);
    batch.num = (int32_t)count;
    batch.dom = (uint16_t)domain;
    batch.addr = address_of(address);
    batch.arr = address_of(scratch);
    if (ioctl(privcmd, MMAPBATCH, &batch) < 0 && errno != ENOENT)
        return errno;
    for (i = 0; i < count; i++)
        if (scratch[i] == wanted[i] && (wanted[i] & BATCH_ERROR) != BATCH_ERROR)
            result[i] = 0;
        else if ((scratch[i] & BATCH_ERROR) == BATCH_PAGED_OUT && (wanted[i] & BATCH_ERROR) == 0)
            result[i] = ENOENT;
        else
            result[i] = EINVAL;
    return 0;
}

/* For one page the oldest request does say why. */
static int one_page(void *address, uint32_t domain, const uint64_t *wanted, int32_t *result)
{
    struct privcmd_mmap_entry entry;
    struct privcmd_mmap request;

    memset(&request, 0, sizeof request);
    entry.va = address_of(address);
    entry.mfn = *wanted;
    entry.npages = 1;
    request.num = 1;
    request.dom = (uint16_t)domain;
    request.entry = address_of(&entry);
    *result = 0;
    if (ioctl(privcmd, MMAP, &request) < 0) {
        if (errno == ENOSYS || errno == ENOTTY)
            return errno;
        *result = errno;
    }
    return 0;
}

/* Fills a mapping with pages: 0, or why none of them is there. */
static int batch(void *address, uint32_t domain, uint32_t count, const uint64_t *wanted,
                 int32_t *result)
{
    int error;

    if (v2 != V2_MISSING) {
        error = batch_v2(address, domain, count, wanted, result);
        if (error == 0)
            v2 = V2_THERE;
        /* Kernels without it call it invalid, as they do other things: the older ones decide. */
        if (v2 == V2_THERE || (error != EINVAL && error != ENOTTY && error != ENOSYS))
            return error;
    }
    error = count == 1 ? one_page(address, domain, wanted, result)
                       : batch_v1(address, domain, count, wanted, result);
    if (error == 0)
        v2 = V2_MISSING;
    return error;
}

static int linux_map(void *context, uint32_t domain, int writable, uint64_t count,
                     const uint64_t *wanted, int32_t *result, void **address)
{
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ, error;

    (void)context;
    if (domain > 0xffff)
        return EINVAL;
    *address = mmap(NULL, (size_t)count * page_size, protection, MAP_SHARED, privcmd, 0);
    if (*address == MAP_FAILED)
        return errno;
    if (wanted == NULL)
        return 0;
    error = batch(*address, domain, (uint32_t)count, wanted, result);
    if (error != 0)
        munmap(*address, (size_t)count * page_size);
    return error;
}

static void linux_unmap(void *context, void *address, uint64_t count)
{
    (void)context;
    munmap(address, (size_t)count * page_size);
}

static const struct agent_table table = {linux_read, linux_write, linux_hypercall, linux_map,
                                         linux_unmap};

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/proc/xen/privcmd";
    size_t past;
    int end;

    page_size = (size_t)sysconf(_SC_PAGESIZE);
    privcmd = open(path, O_RDWR);
    if (privcmd < 0 && argc <= 1 && errno == ENOENT)
        privcmd = open("/dev/xen/privcmd", O_RDWR);
    if (privcmd < 0) {
        fprintf(stderr, "agent: %s: %s\n", path, strerror(errno));
        return 1;
    }
    past = (size_t)(address_of(arena.bytes) % 65536);
    agent.memory.arena = arena.bytes + (65536 - past);
    agent.memory.arena_size = ARENA;
    if (mlock(agent.memory.arena, ARENA) != 0) {
        fprintf(stderr, "agent: locking %lu bytes: %s\n", (unsigned long)ARENA, strerror(errno));
        return 1;
    }
    if (catch_signals() != 0) {
        fprintf(stderr, "agent: signals: %s\n", strerror(errno));
        return 1;
    }
    agent.table = &table;
    agent.memory.frames = frames;
    agent.memory.errors = errors;
    agent.memory.max_pages = PAGES;
    agent.memory.regions = regions;
    agent.memory.max_regions = REGIONS;
    agent.memory.max_region_pages = REGION_BYTES / page_size;
    agent.memory.page_size = (uint32_t)page_size;
    end = agent_serve(&agent);
    if (signalled != 0)
        fprintf(stderr, "agent: ended by signal %d\n", (int)signalled);
    else if (end != AGENT_END)
        fprintf(stderr, "agent: %s\n", agent_reason(end));
    if (agent.stuck != 0)
        fprintf(stderr, "agent: log-dirty is still on for %lu domains: it could not be switched off\n",
                (unsigned long)agent.stuck);
    return end == AGENT_END && signalled == 0 && agent.stuck == 0 ? 0 : 1;
}
