/* See fake.h. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define POISON 1
#endif
#ifdef POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, length) ((void)(at), (void)(length))
#define ASAN_UNPOISON_MEMORY_REGION(at, length) ((void)(at), (void)(length))
#endif

/* What stands before each mapping, so that unmap() knows it again. */
struct mapping {
    uint64_t count;
    int writable, pages, exposed;
    int64_t frame[FAKE_BATCH]; /* negative: not there */
};
#define BEFORE 4096u

static uint32_t le32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static long fake_read(void *context, void *data, size_t length)
{
    struct fake *fake = context;
    size_t some = fake->in_size - fake->in_at;

    if (length == 0)
        fake->wrong = 1;
    if (some > length)
        some = length;
    if (some > fake->most)
        some = fake->most;
    if (some > 0)
        memcpy(data, fake->in + fake->in_at, some);
    fake->in_at += some;
    return (long)some;
}

static long fake_write(void *context, const void *data, size_t length)
{
    struct fake *fake = context;

    if (length == 0)
        fake->wrong = 2;
    if (length > fake->most)
        length = fake->most;
    if (fake->out_size + length > fake->out_limit)
        return -32;
    if (fake->out_size + length > fake->out_room) {
        fake->out_room = 2 * (fake->out_size + length);
        fake->out = realloc(fake->out, fake->out_room);
        if (fake->out == NULL)
            abort();
    }
    memcpy(fake->out + fake->out_size, data, length);
    fake->out_size += length;
    while (fake->out_size - fake->whole >= AGENT_HEADER &&
           fake->out_size - fake->whole >= AGENT_HEADER + (size_t)le32(fake->out + fake->whole))
        fake->whole += AGENT_HEADER + (size_t)le32(fake->out + fake->whole);
    if (fake->whole == fake->out_size && fake->pages != 0)
        fake->wrong = 9; /* who has the whole reply may rely on that nothing is mapped */
    return (long)length;
}

/* A domctl as Xen/ia64 takes it: ESRCH, EACCES for another interface version, EINVAL for log-dirty that
 * is on already. */
static int64_t fake_domctl(struct fake *fake, const struct agent_call *call)
{
    const unsigned char *at;
    uint32_t domain;

    if (call->links != 1 || call->link[0].place != NULL || call->link[0].argument != 0 ||
        call->link[0].region != NULL || call->link[0].length < 144)
        return -22;
    at = call->link[0].target;
    domain = (uint32_t)at[8] | (uint32_t)at[9] << 8;
    if (le32(at + 4) != FAKE_INTERFACE)
        return -13;
    if (le32(at) != 10)
        return -38;
    if (domain >= FAKE_DOMAINS)
        return -3;
    switch (le32(at + 16)) {
    case 0:
        if (fake->stubborn)
            return -22;
        fake->dirty[domain] = 0;
        return 0;
    case 2:
        if (fake->dirty[domain] != 0)
            return -22;
        fake->dirty[domain] = 1;
        return 0;
    default:
        return -22;
    }
}

static int64_t fake_hypercall(void *context, struct agent_call *call)
{
    struct fake *fake = context;
    struct mapping *mapping;
    uint64_t sum = 0, value;
    uint32_t i, j;

    fake->calls++;
    for (i = 0; i < call->buffers; i++) {
        if ((uintptr_t)call->buffer[i].data % 8 != 0)
            fake->wrong = 3;
        /* All of it is there, and an output alone holds nothing. */
        for (j = 0; j < call->buffer[i].length; j++) {
            sum += call->buffer[i].data[j];
            if (call->buffer[i].flags == AGENT_OUT && call->buffer[i].data[j] != 0)
                fake->wrong = 4;
        }
    }
    for (i = 0; i < call->links; i++)
        agent_link_set(call, i, (uint64_t)(uintptr_t)call->link[i].target);
    switch (call->number) {
    case FAKE_SUM:
        sum = 0;
        for (i = 0; i < AGENT_ARGUMENTS; i++)
            sum += call->argument[i];
        return (int64_t)(sum & 0x7fffffff);
    case FAKE_TURN:
        /* Only where everything is linked: a fake must not follow what a fuzzer calls a pointer. */
        if (call->links != 2 || call->link[0].place != NULL || call->link[0].argument != 0 ||
            call->link[0].length < 16 || call->link[1].place != call->link[0].target)
            return -22;
        memcpy(&value, (unsigned char *)(uintptr_t)call->argument[0], 8);
        if (value != (uint64_t)(uintptr_t)call->link[1].target)
            fake->wrong = 5;
        if (call->link[1].region != NULL)
            return -22;
        for (i = 0; i < call->link[1].length / 2; i++) {
            unsigned char *a = call->link[1].target + i;
            unsigned char *b = call->link[1].target + call->link[1].length - 1 - i;
            unsigned char kept = *a;

            *a = *b;
            *b = kept;
        }
        return (int64_t)call->link[1].length;
    case FAKE_FAIL:
        return -13;
    case FAKE_EXPOSE:
        if (call->links != 1 || call->link[0].region == NULL)
            return -22;
        memset(call->link[0].region->address, 0x5a, (size_t)call->link[0].length);
        mapping = (struct mapping *)(void *)(call->link[0].region->address - BEFORE);
        fake->exposed += !mapping->exposed;
        mapping->exposed = 1;
        return 0;
    case FAKE_DOMCTL:
        return fake_domctl(fake, call);
    case FAKE_LOOK:
        return (int64_t)sum;
    default:
        return -38;
    }
}

static int fake_map(void *context, uint32_t domain, int writable, uint64_t count,
                    const uint64_t *frames, int32_t *errors, void **address)
{
    struct fake *fake = context;
    struct mapping *mapping;
    unsigned char *bytes;
    uint64_t i;

    if (count == 0 || count > FAKE_BATCH)
        fake->wrong = 6;
    if (frames != NULL && domain != FAKE_DOMAIN)
        return 3;
    bytes = malloc(BEFORE + (size_t)count * FAKE_PAGE);
    if (bytes == NULL)
        abort();
    mapping = (struct mapping *)(void *)bytes;
    mapping->count = count;
    mapping->writable = writable;
    mapping->pages = frames != NULL;
    mapping->exposed = 0;
    fake->pages += frames != NULL;
    bytes += BEFORE;
    for (i = 0; i < count; i++) {
        unsigned char *at = bytes + i * FAKE_PAGE;

        mapping->frame[i] = -1;
        memset(at, 0xee, FAKE_PAGE);
        if (frames == NULL)
            continue;
        if (errors[i] != 0)
            fake->wrong = 7;
        if (frames[i] >= FAKE_PAGES || frames[i] % 7 == 0) {
            errors[i] = 14;
            ASAN_POISON_MEMORY_REGION(at, FAKE_PAGE);
            continue;
        }
        mapping->frame[i] = (int64_t)frames[i];
        memcpy(at, fake->page[frames[i]], FAKE_PAGE);
    }
    fake->mapped++;
    *address = bytes;
    return 0;
}

static void fake_unmap(void *context, void *address, uint64_t count)
{
    struct fake *fake = context;
    unsigned char *bytes = address;
    struct mapping *mapping = (struct mapping *)(void *)(bytes - BEFORE);
    uint64_t i;

    if (mapping->count != count)
        fake->wrong = 8;
    ASAN_UNPOISON_MEMORY_REGION(bytes, (size_t)count * FAKE_PAGE);
    for (i = 0; i < count; i++)
        if (mapping->writable && mapping->frame[i] >= 0)
            memcpy(fake->page[mapping->frame[i]], bytes + i * FAKE_PAGE, FAKE_PAGE);
    fake->mapped--;
    fake->exposed -= mapping->exposed != 0;
    fake->pages -= mapping->pages != 0;
    free(mapping);
}

static const struct agent_table table = {fake_read, fake_write, fake_hypercall, fake_map, fake_unmap};

void fake_init(struct fake *fake, const unsigned char *in, size_t size, size_t most)
{
    unsigned i;

    memset(fake, 0, sizeof *fake);
    fake->in = in;
    fake->in_size = size;
    fake->most = most;
    fake->out_limit = (size_t)-1;
    for (i = 0; i < FAKE_PAGES; i++)
        memset(fake->page[i], (int)i, FAKE_PAGE);
}

void fake_free(struct fake *fake)
{
    free(fake->out);
    fake->out = NULL;
}

int fake_serve(struct fake *fake)
{
    struct agent *agent = calloc(1, sizeof *agent);
    int end;

    if (agent == NULL)
        abort();
    agent->table = &table;
    agent->context = fake;
    agent->memory.arena = malloc(FAKE_ARENA);
    agent->memory.arena_size = FAKE_ARENA;
    agent->memory.frames = malloc(FAKE_BATCH * sizeof(uint64_t));
    agent->memory.errors = malloc(FAKE_BATCH * sizeof(int32_t));
    agent->memory.max_pages = FAKE_BATCH;
    agent->memory.regions = malloc(2 * sizeof(struct agent_region));
    agent->memory.max_regions = 2;
    agent->memory.max_region_pages = 4;
    agent->memory.page_size = FAKE_PAGE;
    if (agent->memory.arena == NULL || agent->memory.frames == NULL ||
        agent->memory.errors == NULL || agent->memory.regions == NULL)
        abort();
    /* What happens to be there must not matter. */
    memset(agent->memory.arena, 0xdd, FAKE_ARENA);
    memset(agent->memory.regions, 0xdd, 2 * sizeof(struct agent_region));
    end = agent_serve(agent);
    fake->stuck = agent->stuck;
    free(agent->memory.arena);
    free(agent->memory.frames);
    free(agent->memory.errors);
    free(agent->memory.regions);
    free(agent);
    return end;
}

const char *fake_judge(const struct fake *fake, int end)
{
    size_t at = 0, asked = 0, requests = 0, replies = 0;
    uint32_t on = 0, i;
    int aborted = 0;

    while (fake->in_size - asked >= AGENT_HEADER) {
        asked += AGENT_HEADER + (size_t)le32(fake->in + asked);
        requests++;
        if (asked > fake->in_size)
            break;
    }
    while (at < fake->out_size) {
        const unsigned char *header = fake->out + at;
        uint32_t type;

        if (aborted)
            return "something behind an abort";
        if (fake->out_size - at < AGENT_HEADER)
            return end == AGENT_WRITE_FAILED ? NULL : "half a header";
        if (le32(header) > fake->out_size - at - AGENT_HEADER)
            return end == AGENT_WRITE_FAILED ? NULL : "half a frame";
        type = (uint32_t)header[8] | (uint32_t)header[9] << 8;
        if (header[10] != 'A' || header[11] != '6' || (type & AGENT_REPLY) == 0)
            return "no reply";
        if (le32(header + 12) != 0 && le32(header) != 0)
            return "an error with a body";
        aborted = type == (AGENT_ABORT | AGENT_REPLY);
        replies += !aborted;
        at += AGENT_HEADER + (size_t)le32(header);
    }
    if (replies > requests)
        return "more replies than requests";
    if (end != AGENT_WRITE_FAILED && aborted != (end != AGENT_END))
        return "an end without an abort, or the other way round";
    if (fake->mapped != 0)
        return "something is still mapped";
    if (fake->exposed != 0)
        return "something is still exposed";
    for (i = 0; i < FAKE_DOMAINS; i++)
        on += fake->dirty[i] == 1;
    if (on != (fake->stubborn ? fake->stuck : 0))
        return "log-dirty is still on, or said to be";
    return fake->wrong != 0 ? "the table was used against its rules" : NULL;
}

void fake_fuzz(const unsigned char *data, size_t size)
{
    struct fake *fake = malloc(sizeof *fake);
    const char *wrong;
    unsigned char *exact;
    int end;

    if (fake == NULL || size < 2) {
        free(fake);
        return;
    }
    /* A copy of its own, so that reading one byte too many is seen. */
    exact = malloc(size - 1);
    if (exact == NULL)
        abort();
    memcpy(exact, data + 1, size - 1);
    fake_init(fake, exact, size - 1, data[0] == 0 ? 4096 : data[0]);
    end = fake_serve(fake);
    wrong = fake_judge(fake, end);
    if (wrong != NULL) {
        fprintf(stderr, "fake_fuzz: %s (end %d, wrong %d)\n", wrong, end, fake->wrong);
        abort();
    }
    fake_free(fake);
    free(fake);
    free(exact);
}
