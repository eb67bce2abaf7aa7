/*
 * An agent whose kernel is a test at the other end of a Unix socket, named by the argument. All that
 * the table's functions are asked goes there as 64-bit words and bytes, and what comes back is theirs.
 * So the whole suite of the driver can run through protocol.c.
 *
 *   'H' number argument[5] buffers links
 *       {length flags bytes}* {argument or ~0, buffer, offset, is_region, target}*
 *           -> result {bytes of what comes back}*
 *   'M' domain writable count frame*     -> error; mapping, error*, {bytes of a page that is there}*
 *   'W' mapping count bytes              -> 0; it is gone, and these are the count pages of it that
 *                                           are there, if it was writable
 *   'R' pages                            -> error; region
 *   'G' region offset length             -> error; bytes
 *   'X' region                           -> 0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../protocol.h"

#define PAGES 1024
#define REGIONS 4
#define ARENA ((size_t)8 << 20)
#define NONE (~(uint64_t)0)

static int bridge = -1;
static uint64_t page_size;

/* What map() gave; `bytes` is exact, so that one byte beyond is seen. */
struct mapping {
    struct mapping *next;
    unsigned char *bytes;
    uint64_t count, number;
    int is_region, writable;
    unsigned char *there;
};
static struct mapping *mappings;

static void fail(const char *what)
{
    fprintf(stderr, "bridge: %s: %s\n", what, strerror(errno));
    exit(3);
}

static void *memory(size_t length)
{
    void *at = calloc(length == 0 ? 1 : length, 1);

    if (at == NULL)
        fail("memory");
    return at;
}

static void put(const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t took = write(bridge, at, length);

        if (took <= 0)
            fail("writing");
        at += took;
        length -= (size_t)took;
    }
}

static void get(void *data, size_t length)
{
    char *at = data;

    while (length > 0) {
        ssize_t got = read(bridge, at, length);

        if (got <= 0)
            fail("reading");
        at += got;
        length -= (size_t)got;
    }
}

static void put_word(uint64_t word)
{
    put(&word, 8);
}

static uint64_t get_word(void)
{
    uint64_t word;

    get(&word, 8);
    return word;
}

static struct mapping *mapping_of(const void *address)
{
    struct mapping *one = mappings;

    while (one != NULL && ((const unsigned char *)address < one->bytes ||
                           (const unsigned char *)address >= one->bytes + one->count * page_size))
        one = one->next;
    return one;
}

static long bridge_read(void *context, void *data, size_t length)
{
    (void)context;
    return (long)read(STDIN_FILENO, data, length);
}

static long bridge_write(void *context, const void *data, size_t length)
{
    struct mapping *one = mapping_of(data);

    (void)context;
    /* A region changes whenever the hypervisor wants: it is looked at when it is read. */
    if (one != NULL && one->is_region) {
        put_word('G');
        put_word(one->number);
        put_word((uint64_t)((const unsigned char *)data - one->bytes));
        put_word(length);
        if (get_word() != 0)
            return -1;
        get(one->bytes + ((const unsigned char *)data - one->bytes), length);
    }
    return (long)write(STDOUT_FILENO, data, length);
}

static int64_t bridge_hypercall(void *context, struct agent_call *call)
{
    uint32_t i, j;
    int64_t result;

    (void)context;
    put_word('H');
    put_word(call->number);
    put(call->argument, sizeof call->argument);
    put_word(call->buffers);
    put_word(call->links);
    for (i = 0; i < call->buffers; i++) {
        put_word(call->buffer[i].length);
        put_word(call->buffer[i].flags);
        put(call->buffer[i].data, call->buffer[i].length);
    }
    for (i = 0; i < call->links; i++) {
        const struct agent_link *link = &call->link[i];
        const struct mapping *region = link->region != NULL ? mapping_of(link->target) : NULL;
        uint64_t holder = NONE, offset = 0, target = NONE;

        for (j = 0; j < call->buffers; j++) {
            const struct agent_buffer *buffer = &call->buffer[j];

            if (link->place != NULL && link->place >= buffer->data &&
                link->place < buffer->data + buffer->length) {
                holder = j;
                offset = (uint64_t)(link->place - buffer->data);
            }
            if (link->region == NULL && link->target == buffer->data && link->length == buffer->length)
                target = j;
        }
        put_word(link->place != NULL ? NONE : link->argument);
        put_word(holder);
        put_word(offset);
        put_word(region != NULL);
        put_word(region != NULL ? region->number : target);
    }
    result = (int64_t)get_word();
    for (i = 0; i < call->buffers; i++)
        if ((call->buffer[i].flags & AGENT_OUT) != 0)
            get(call->buffer[i].data, call->buffer[i].length);
    /* The test's kernel has written no addresses; the agent has to take away even these. */
    for (i = 0; i < call->links; i++)
        agent_link_set(call, i, 0x6164647265737321u);
    return result;
}

static int bridge_map(void *context, uint32_t domain, int writable, uint64_t count,
                      const uint64_t *frames, int32_t *errors, void **address)
{
    struct mapping *one = memory(sizeof *one);
    uint64_t i, error;

    (void)context;
    if (frames == NULL) {
        put_word('R');
        put_word(count);
        error = get_word();
    } else {
        put_word('M');
        put_word(domain);
        put_word((uint64_t)writable);
        put_word(count);
        put(frames, (size_t)count * 8);
        error = get_word();
    }
    if (error != 0) {
        free(one);
        return (int)error;
    }
    one->bytes = memory((size_t)(count * page_size));
    one->there = memory((size_t)count);
    one->count = count;
    one->is_region = frames == NULL;
    one->writable = writable;
    one->number = get_word();
    if (frames != NULL) {
        for (i = 0; i < count; i++)
            errors[i] = (int32_t)get_word();
        for (i = 0; i < count; i++) {
            one->there[i] = errors[i] == 0;
            if (one->there[i])
                get(one->bytes + i * page_size, (size_t)page_size);
        }
    }
    one->next = mappings;
    mappings = one;
    *address = one->bytes;
    return 0;
}

static void bridge_unmap(void *context, void *address, uint64_t count)
{
    struct mapping **at = &mappings, *one;
    uint64_t i, good = 0;

    (void)context;
    while (*at != NULL && (*at)->bytes != address)
        at = &(*at)->next;
    one = *at;
    if (one == NULL || one->count != count)
        fail("unmap of something else");
    *at = one->next;
    if (one->is_region) {
        put_word('X');
        put_word(one->number);
        get_word();
    } else {
        for (i = 0; i < count && one->writable; i++)
            good += one->there[i];
        put_word('W');
        put_word(one->number);
        put_word(good);
        for (i = 0; i < count && one->writable; i++)
            if (one->there[i])
                put(one->bytes + i * page_size, (size_t)page_size);
        get_word();
    }
    free(one->bytes);
    free(one->there);
    free(one);
}

static const struct agent_table table = {bridge_read, bridge_write, bridge_hypercall, bridge_map,
                                         bridge_unmap};

int main(int argc, char **argv)
{
    static struct agent agent;
    struct sockaddr_un name;
    int end;

    memset(&name, 0, sizeof name);
    name.sun_family = AF_UNIX;
    if (argc != 2 || strlen(argv[1]) >= sizeof name.sun_path)
        return 2;
    strcpy(name.sun_path, argv[1]);
    bridge = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bridge < 0 || connect(bridge, (struct sockaddr *)&name, sizeof name) != 0)
        fail(argv[1]);
    page_size = get_word();
    signal(SIGPIPE, SIG_IGN); /* a driver that is killed while it is answered */
    agent.table = &table;
    agent.memory.arena = memory(ARENA);
    agent.memory.arena_size = ARENA;
    agent.memory.frames = memory(PAGES * sizeof(uint64_t));
    agent.memory.errors = memory(PAGES * sizeof(int32_t));
    agent.memory.max_pages = PAGES;
    agent.memory.regions = memory(REGIONS * sizeof(struct agent_region));
    agent.memory.max_regions = REGIONS;
    agent.memory.max_region_pages = 65536;
    agent.memory.page_size = (uint32_t)page_size;
    end = agent_serve(&agent);
    if (end != AGENT_END)
        fprintf(stderr, "bridge: %s\n", agent_reason(end));
    free(agent.memory.arena);
    free(agent.memory.frames);
    free(agent.memory.errors);
    free(agent.memory.regions);
    return end == AGENT_END && mappings == NULL ? 0 : 1;
}
