/*
 * The protocol of PROTOCOL.md. Freestanding: see protocol.h.
 *
 * A request is a frame: 16 bytes of header, then a body whose length the header gives. `agent->left`
 * counts what of it has not been read, and every read goes through take() or into_pages(), which
 * never go beyond it. A message that makes no sense inside of a sound frame is answered with an error
 * and skipped; a frame that makes no sense ends the connection with AGENT_ABORT.
 */
#include "undo.h"

#define MARK 0x3641u /* "A6" */
#define ARGUMENT 0xffffffffu

/* Numbers on the wire are little-endian at any address. */

static uint32_t get16(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t get32(const unsigned char *at)
{
    return get16(at) | get16(at + 2) << 16;
}

static uint64_t get64(const unsigned char *at)
{
    return (uint64_t)get32(at) | (uint64_t)get32(at + 4) << 32;
}

static void put16(unsigned char *at, uint32_t value)
{
    at[0] = (unsigned char)(value & 0xff);
    at[1] = (unsigned char)(value >> 8 & 0xff);
}

static void put32(unsigned char *at, uint32_t value)
{
    put16(at, value);
    put16(at + 2, value >> 16);
}

static void put64(unsigned char *at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

/* Volatile, lest a compiler makes a call to memset or memcpy of it, which need not be there. */

static void clear(unsigned char *at, uint64_t length)
{
    volatile unsigned char *to = at;

    while (length-- != 0)
        *to++ = 0;
}

static void copy(unsigned char *to, const unsigned char *from, uint64_t length)
{
    volatile unsigned char *at = to;

    while (length-- != 0)
        *at++ = *from++;
}

static uint64_t padded(uint64_t length)
{
    return (length + 7) & ~(uint64_t)7;
}

/* Reading and writing. All of these give 0, or why the connection ends. */

static int fill(struct agent *agent, unsigned char *to, uint64_t length)
{
    while (length != 0) {
        size_t ask = length > 0x40000000u ? (size_t)0x40000000u : (size_t)length;
        long got = agent->table->read(agent->context, to, ask);

        if (got < 0 || (unsigned long)got > ask)
            return AGENT_READ_FAILED;
        if (got == 0)
            return AGENT_CUT_SHORT;
        to += got;
        length -= (uint64_t)got;
    }
    return 0;
}

static int send(struct agent *agent, const unsigned char *from, uint64_t length)
{
    while (length != 0) {
        size_t ask = length > 0x40000000u ? (size_t)0x40000000u : (size_t)length;
        long took = agent->table->write(agent->context, from, ask);

        if (took <= 0 || (unsigned long)took > ask)
            return AGENT_WRITE_FAILED;
        from += took;
        length -= (uint64_t)took;
    }
    return 0;
}

/* The next bytes of the body. The caller knows that they are there and that they fit. */
static int take(struct agent *agent, unsigned char *to, uint32_t length)
{
    agent->left -= length;
    return fill(agent, to, length);
}

/* What is left of the body goes nowhere. */
static int skip(struct agent *agent)
{
    while (agent->left != 0) {
        uint32_t length = agent->left;
        int end;

        if (length > agent->memory.arena_size)
            length = (uint32_t)agent->memory.arena_size;
        end = take(agent, agent->memory.arena, length);
        if (end != 0)
            return end;
    }
    return 0;
}

static void header(const struct agent *agent, unsigned char *at, uint64_t length, uint32_t status)
{
    put32(at, (uint32_t)length);
    put32(at + 4, agent->id);
    put16(at + 8, (uint32_t)agent->type | AGENT_REPLY);
    put16(at + 10, MARK);
    put32(at + 12, status);
}

/* An answer without a body. */
static int answer(struct agent *agent, int error)
{
    int end = skip(agent);

    if (end != 0)
        return end;
    header(agent, agent->stage, 0, (uint32_t)error);
    return send(agent, agent->stage, AGENT_HEADER);
}

/* Says why the connection ends, as far as that still gets through. */
static int end_with(struct agent *agent, int reason)
{
    unsigned char *at = agent->stage;

    if (reason == AGENT_WRITE_FAILED) /* perhaps in the middle of a frame */
        return reason;
    agent->type = AGENT_ABORT;
    header(agent, at, 8, 0);
    put32(at + AGENT_HEADER, (uint32_t)reason);
    put32(at + AGENT_HEADER + 4, 0);
    (void)send(agent, at, AGENT_HEADER + 8);
    return reason;
}

/* hello: what both sides can do. */
static int hello(struct agent *agent)
{
    static const unsigned char magic[8] = {'i', 'a', '6', '4', 's', 'a', 'v', 'e'};
    static const uint16_t order = 1;
    unsigned char *at = agent->stage;
    const struct agent_memory *memory = &agent->memory;
    uint32_t i;
    int end;

    if (agent->greeted || agent->left != 16)
        return AGENT_NO_HELLO;
    end = take(agent, at, 16);
    if (end != 0)
        return end;
    for (i = 0; i < 8; i++)
        if (at[i] != magic[i])
            return AGENT_NO_HELLO;
    if (get32(at + 8) > AGENT_VERSION || get32(at + 12) < AGENT_VERSION)
        return AGENT_BAD_VERSION;
    agent->greeted = 1;
    header(agent, at, 64, 0);
    at += AGENT_HEADER;
    copy(at, magic, 8);
    put32(at + 8, AGENT_VERSION);
    put32(at + 12, memory->page_size);
    put32(at + 16, *(const unsigned char *)&order == 1 ? 0 : 1);
    put32(at + 20, (uint32_t)sizeof(void *));
    put32(at + 24, agent->max_frame);
    put32(at + 28, memory->max_pages);
    put32(at + 32, AGENT_BUFFERS);
    put32(at + 36, AGENT_LINKS);
    put64(at + 40, memory->arena_size);
    put32(at + 48, memory->max_regions);
    put32(at + 52, 0);
    put64(at + 56, memory->max_region_pages);
    return send(agent, agent->stage, AGENT_HEADER + 64);
}

void agent_link_set(struct agent_call *call, uint32_t link, uint64_t address)
{
    const struct agent_link *one = &call->link[link];

    if (one->place != NULL)
        copy(one->place, (const unsigned char *)&address, 8);
    else
        call->argument[one->argument] = address;
}

static struct agent_region *region_of(struct agent *agent, uint32_t number)
{
    if (number >= agent->memory.max_regions || agent->memory.regions[number].address == NULL)
        return NULL;
    return &agent->memory.regions[number];
}

/* One link of a request, at `at`. */
static int link_of(struct agent *agent, struct agent_link *link, const unsigned char *at)
{
    struct agent_call *call = &agent->call;
    uint32_t holder = get32(at), offset = get32(at + 4), kind = get32(at + 8), target = get32(at + 12);

    link->place = NULL;
    link->argument = 0;
    link->region = NULL;
    if (holder == ARGUMENT) {
        if (offset >= AGENT_ARGUMENTS)
            return AGENT_EINVAL;
        link->argument = offset;
    } else {
        if (holder >= call->buffers || call->buffer[holder].length < 8 ||
            offset > call->buffer[holder].length - 8)
            return AGENT_EINVAL;
        link->place = call->buffer[holder].data + offset;
    }
    if (kind == 0) {
        if (target >= call->buffers)
            return AGENT_EINVAL;
        link->target = call->buffer[target].data;
        link->length = call->buffer[target].length;
    } else if (kind == 1) {
        struct agent_region *region = region_of(agent, target);

        if (region == NULL)
            return AGENT_EBADF;
        link->region = region;
        link->target = region->address;
        link->length = region->pages * agent->memory.page_size;
    } else {
        return AGENT_EINVAL;
    }
    return 0;
}

/* Finds the call's parts in the body, which is in the arena, and gives the others room behind it. */
static int call_of(struct agent *agent, uint32_t length)
{
    struct agent_call *call = &agent->call;
    unsigned char *arena = agent->memory.arena;
    uint64_t at, room = padded(length);
    uint32_t i;

    call->number = get64(arena);
    for (i = 0; i < AGENT_ARGUMENTS; i++)
        call->argument[i] = get64(arena + 8 + 8 * i);
    call->buffers = get32(arena + 48);
    call->links = get32(arena + 52);
    if (get64(arena + 56) != 0)
        return AGENT_EINVAL;
    if (call->buffers > AGENT_BUFFERS || call->links > AGENT_LINKS)
        return AGENT_E2BIG;
    at = 64 + 8 * (uint64_t)call->buffers + 16 * (uint64_t)call->links;
    if (at > length)
        return AGENT_EINVAL;
    for (i = 0; i < call->buffers; i++) {
        struct agent_buffer *buffer = &call->buffer[i];

        buffer->length = get32(arena + 64 + 8 * i);
        buffer->flags = get32(arena + 68 + 8 * i);
        if (buffer->flags < AGENT_IN || buffer->flags > (AGENT_IN | AGENT_OUT))
            return AGENT_EINVAL;
        if ((buffer->flags & AGENT_IN) != 0) {
            if (padded(buffer->length) > length - at)
                return AGENT_EINVAL;
            buffer->data = arena + at;
            at += padded(buffer->length);
        } else {
            if (padded(buffer->length) > agent->memory.arena_size - room)
                return AGENT_E2BIG;
            buffer->data = arena + room;
            room += padded(buffer->length);
            clear(buffer->data, buffer->length);
        }
    }
    if (at != length)
        return AGENT_EINVAL;
    for (i = 0; i < call->links; i++) {
        int error =
            link_of(agent, &call->link[i], arena + 64 + 8 * (size_t)call->buffers + 16 * (size_t)i);

        if (error != 0)
            return error;
    }
    return 0;
}

/* The reply to a hypercall: result, then what the buffers hold now. Small ones are one write. */
static int returned(struct agent *agent, int64_t result)
{
    static const unsigned char zeros[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    struct agent_call *call = &agent->call;
    uint64_t length = 8, staged = AGENT_HEADER + 8;
    uint32_t i;
    int end;

    for (i = 0; i < call->buffers; i++)
        if ((call->buffer[i].flags & AGENT_OUT) != 0)
            length += padded(call->buffer[i].length);
    header(agent, agent->stage, length, 0);
    put64(agent->stage + AGENT_HEADER, (uint64_t)result);
    for (i = 0; i < call->buffers; i++) {
        const struct agent_buffer *buffer = &call->buffer[i];
        uint64_t pad = padded(buffer->length) - buffer->length;

        if ((buffer->flags & AGENT_OUT) == 0)
            continue;
        if (staged + buffer->length + pad <= AGENT_STAGE) {
            copy(agent->stage + staged, buffer->data, buffer->length);
            clear(agent->stage + staged + buffer->length, pad);
            staged += buffer->length + pad;
            continue;
        }
        end = send(agent, agent->stage, staged);
        if (end == 0)
            end = send(agent, buffer->data, buffer->length);
        if (end == 0)
            end = send(agent, zeros, pad);
        if (end != 0)
            return end;
        staged = 0;
    }
    return send(agent, agent->stage, staged);
}

static int hypercall(struct agent *agent)
{
    struct agent_call *call = &agent->call;
    uint32_t i, length = agent->left;
    int64_t result;
    int end;

    if (length < 64)
        return answer(agent, AGENT_EINVAL);
    if (length > agent->memory.arena_size - 8) /* padded, it has to fit as well */
        return answer(agent, AGENT_E2BIG);
    end = take(agent, agent->memory.arena, length);
    if (end != 0)
        return end;
    end = call_of(agent, length);
    if (end == 0)
        end = undo_before(agent);
    if (end != 0)
        return answer(agent, end);
    result = agent->table->hypercall(agent->context, call);
    undo_after(agent, result);
    /* Addresses mean nothing to a peer. */
    for (i = 0; i < call->links; i++) {
        if (call->link[i].place != NULL)
            clear(call->link[i].place, 8);
        if (call->link[i].region != NULL && result >= 0)
            call->link[i].region->filled = 1;
    }
    return returned(agent, result);
}

/* The beginning that all messages with pages share: domain, count, frames. */
static int frames_of(struct agent *agent, uint32_t *domain, uint32_t *count, int with_data)
{
    unsigned char *arena = agent->memory.arena;
    uint64_t expected;
    uint32_t i;
    int end;

    *count = 0;
    if (agent->left < 16)
        return AGENT_EINVAL;
    end = take(agent, arena, 16);
    if (end != 0)
        return -end;
    *domain = get32(arena);
    if (get64(arena + 8) != 0 || get32(arena + 4) == 0)
        return AGENT_EINVAL;
    if (get32(arena + 4) > agent->memory.max_pages)
        return AGENT_E2BIG;
    expected = get32(arena + 4) * (uint64_t)(with_data ? 8 + agent->memory.page_size : 8);
    if (agent->left != expected)
        return AGENT_EINVAL;
    *count = get32(arena + 4);
    end = take(agent, arena, 8 * *count);
    if (end != 0)
        return -end;
    for (i = 0; i < *count; i++) {
        agent->memory.frames[i] = get64(arena + 8 * (size_t)i);
        agent->memory.errors[i] = 0;
    }
    return 0;
}

/* A stretch of pages from `from` on that all went well, or all failed. */
static uint32_t stretch(const struct agent *agent, uint32_t from, uint32_t count)
{
    uint32_t to = from + 1;
    int good = agent->memory.errors[from] == 0;

    while (to < count && (agent->memory.errors[to] == 0) == good)
        to++;
    return to;
}

/* Header and errors of the pages, in one write. */
static int send_errors(struct agent *agent, uint32_t count, uint64_t more)
{
    unsigned char *at = agent->memory.arena;
    uint32_t i;

    header(agent, at, 4 * (uint64_t)count + more, 0);
    for (i = 0; i < count; i++)
        put32(at + AGENT_HEADER + 4 * (size_t)i, (uint32_t)agent->memory.errors[i]);
    return send(agent, at, AGENT_HEADER + 4 * (uint64_t)count);
}

/* Pages go from the mapping into the stream. The last bytes are held back until it is unmapped: who has
 * the whole reply may rely on that nothing is mapped any more. */
static int read_pages(struct agent *agent)
{
    const struct agent_memory *memory = &agent->memory;
    uint32_t domain = 0, count = 0, from, to, good = 0, held = 0;
    void *address = NULL;
    int end, error = frames_of(agent, &domain, &count, 0);

    if (error < 0)
        return -error;
    if (error == 0)
        error = agent->table->map(agent->context, domain, 0, count, memory->frames, memory->errors,
                                  &address);
    if (error != 0)
        return answer(agent, error);
    for (from = 0; from < count; from++)
        good += memory->errors[from] == 0;
    if (good == 0) {
        agent->table->unmap(agent->context, address, count);
        return send_errors(agent, count, 0);
    }
    end = send_errors(agent, count, (uint64_t)good * memory->page_size);
    for (from = 0; from < count && end == 0; from = to) {
        const unsigned char *at = (unsigned char *)address + (size_t)from * memory->page_size;
        uint64_t length;

        to = stretch(agent, from, count);
        if (memory->errors[from] != 0)
            continue;
        length = (uint64_t)(to - from) * memory->page_size;
        good -= to - from;
        if (good == 0) {
            held = memory->page_size < AGENT_STAGE ? memory->page_size : AGENT_STAGE;
            length -= held;
            copy(agent->stage, at + length, held);
        }
        end = send(agent, at, length);
    }
    agent->table->unmap(agent->context, address, count);
    return end != 0 ? end : send(agent, agent->stage, held);
}

/* The pages of a request: straight into the mapping, and past those that failed. */
static int into_pages(struct agent *agent, unsigned char *address, uint32_t count)
{
    uint32_t from, to;
    int end = 0;

    for (from = 0; from < count && end == 0; from = to) {
        to = stretch(agent, from, count);
        if (agent->memory.errors[from] == 0) {
            uint64_t length = (uint64_t)(to - from) * agent->memory.page_size;

            agent->left -= (uint32_t)length;
            end = fill(agent, address + (size_t)from * agent->memory.page_size, length);
        } else {
            uint32_t behind = (count - to) * agent->memory.page_size;
            agent->left -= behind; /* skip() is to stop where the good ones begin */
            end = skip(agent);
            agent->left = behind;
        }
    }
    return end;
}

static int write_pages(struct agent *agent, int with_data)
{
    const struct agent_memory *memory = &agent->memory;
    uint32_t domain = 0, count = 0, i;
    void *address = NULL;
    int end = 0, error = frames_of(agent, &domain, &count, with_data);

    if (error < 0)
        return -error;
    if (error == 0)
        error = agent->table->map(agent->context, domain, 1, count, memory->frames, memory->errors,
                                  &address);
    if (error != 0)
        return answer(agent, error);
    if (with_data)
        end = into_pages(agent, (unsigned char *)address, count);
    else
        for (i = 0; i < count; i++)
            if (memory->errors[i] == 0)
                clear((unsigned char *)address + (size_t)i * memory->page_size, memory->page_size);
    agent->table->unmap(agent->context, address, count);
    return end != 0 ? end : send_errors(agent, count, 0);
}

static int reserve(struct agent *agent)
{
    const struct agent_memory *memory = &agent->memory;
    unsigned char *at = agent->stage;
    void *address = NULL;
    uint64_t pages;
    uint32_t number;
    int end, error;

    if (agent->left != 8)
        return answer(agent, AGENT_EINVAL);
    end = take(agent, at, 8);
    if (end != 0)
        return end;
    pages = get64(at);
    if (pages == 0)
        return answer(agent, AGENT_EINVAL);
    if (pages > memory->max_region_pages)
        return answer(agent, AGENT_E2BIG);
    for (number = 0; number < memory->max_regions; number++)
        if (memory->regions[number].address == NULL)
            break;
    if (number == memory->max_regions)
        return answer(agent, AGENT_ENOSPC);
    error = agent->table->map(agent->context, 0, 0, pages, NULL, NULL, &address);
    if (error == 0 && address == NULL)
        error = AGENT_ENOMEM;
    if (error != 0)
        return answer(agent, error);
    memory->regions[number].address = (unsigned char *)address;
    memory->regions[number].pages = pages;
    memory->regions[number].filled = 0;
    header(agent, at, 8, 0);
    put32(at + AGENT_HEADER, number);
    put32(at + AGENT_HEADER + 4, 0);
    return send(agent, at, AGENT_HEADER + 8);
}

static int read_region(struct agent *agent)
{
    unsigned char *at = agent->stage;
    const struct agent_region *region;
    uint64_t offset, size;
    uint32_t length;
    int end;

    if (agent->left != 16)
        return answer(agent, AGENT_EINVAL);
    end = take(agent, at, 16);
    if (end != 0)
        return end;
    region = region_of(agent, get32(at));
    length = get32(at + 4);
    offset = get64(at + 8);
    if (region == NULL)
        return answer(agent, AGENT_EBADF);
    size = region->pages * agent->memory.page_size;
    if (!region->filled || offset > size || length > size - offset)
        return answer(agent, AGENT_EFAULT);
    if (length > agent->max_frame)
        return answer(agent, AGENT_E2BIG);
    header(agent, at, length, 0);
    end = send(agent, at, AGENT_HEADER);
    return end != 0 ? end : send(agent, region->address + offset, length);
}

static void free_region(struct agent *agent, struct agent_region *region)
{
    agent->table->unmap(agent->context, region->address, region->pages);
    region->address = NULL;
}

static int release(struct agent *agent)
{
    unsigned char *at = agent->stage;
    struct agent_region *region;
    int end;

    if (agent->left != 8)
        return answer(agent, AGENT_EINVAL);
    end = take(agent, at, 8);
    if (end != 0)
        return end;
    if (get32(at + 4) != 0)
        return answer(agent, AGENT_EINVAL);
    region = region_of(agent, get32(at));
    if (region == NULL)
        return answer(agent, AGENT_EBADF);
    free_region(agent, region);
    return answer(agent, 0);
}

/* Reads a header: 0, or why the connection ends; *over at the end of the stream between frames. */
static int next(struct agent *agent, int *over)
{
    unsigned char *at = agent->stage;
    long got = agent->table->read(agent->context, at, AGENT_HEADER);
    int end;

    agent->id = 0;
    *over = got == 0;
    if (got == 0)
        return 0;
    if (got < 0 || got > AGENT_HEADER)
        return AGENT_READ_FAILED;
    end = fill(agent, at + got, AGENT_HEADER - (uint64_t)got);
    if (end != 0)
        return end;
    if (get16(at + 10) != MARK)
        return AGENT_BAD_MARK;
    agent->left = get32(at);
    agent->id = get32(at + 4);
    agent->type = (uint16_t)get16(at + 8);
    if (agent->left > agent->max_frame)
        return AGENT_BAD_LENGTH;
    if (get32(at + 12) != 0 || (agent->type & AGENT_REPLY) != 0)
        return AGENT_BAD_HEADER;
    if (!agent->greeted && agent->type != AGENT_HELLO)
        return AGENT_NO_HELLO;
    return 0;
}

static int serve_one(struct agent *agent)
{
    switch (agent->type) {
    case AGENT_HELLO:
        return hello(agent);
    case AGENT_HYPERCALL:
        return hypercall(agent);
    case AGENT_READ_PAGES:
        return read_pages(agent);
    case AGENT_WRITE_PAGES:
        return write_pages(agent, 1);
    case AGENT_CLEAR_PAGES:
        return write_pages(agent, 0);
    case AGENT_RESERVE:
        return reserve(agent);
    case AGENT_READ_REGION:
        return read_region(agent);
    case AGENT_RELEASE:
        return release(agent);
    default:
        return answer(agent, AGENT_ENOSYS);
    }
}

/*
 * Whether the memory can work, so that no sum above can overflow. Products and shifts by constants
 * only: an ia64 compiler makes a call to libgcc of a division, and of nothing else here.
 */
static int usable(const struct agent_memory *memory)
{
    uint32_t size = memory->page_size;

    return memory->arena != NULL && (uintptr_t)memory->arena % 16 == 0 && memory->frames != NULL &&
           memory->errors != NULL && memory->max_pages >= 1 && memory->max_pages <= 65536 &&
           memory->arena_size <= 0x40000000u &&
           memory->arena_size >= 4096 + 8 * (size_t)memory->max_pages && size >= 512 &&
           size <= 65536 && (size & (size - 1)) == 0 &&
           (uint64_t)memory->max_pages * (size + 8) <= 0x40000000u && memory->max_regions <= 4096 &&
           (memory->max_regions == 0 || memory->regions != NULL) &&
           memory->max_region_pages <= (uint64_t)1 << 31 &&
           memory->max_region_pages * size <= (uint64_t)1 << 40;
}

int agent_serve(struct agent *agent)
{
    struct agent_memory *memory = &agent->memory;
    uint64_t pages;
    uint32_t i;
    int end, over = 0;

    if (!usable(memory))
        return AGENT_BAD_MEMORY;
    agent->greeted = 0;
    agent->type = 0;
    agent->left = 0;
    agent->undos = 0;
    agent->stuck = 0;
    pages = 16 + (8 + (uint64_t)memory->page_size) * memory->max_pages;
    agent->max_frame = (uint32_t)(pages > memory->arena_size ? pages : memory->arena_size);
    for (i = 0; i < memory->max_regions; i++)
        memory->regions[i].address = NULL;
    do {
        end = next(agent, &over);
        if (end == 0 && !over)
            end = serve_one(agent);
    } while (end == 0 && !over);
    if (end != 0)
        end = end_with(agent, end);
    for (i = 0; i < memory->max_regions; i++)
        if (memory->regions[i].address != NULL)
            free_region(agent, &memory->regions[i]);
    undo_all(agent);
    return end;
}

const char *agent_reason(int result)
{
    switch (result) {
    case AGENT_END:
        return "the peer has ended the connection";
    case AGENT_BAD_MEMORY:
        return "the memory handed in cannot work";
    case AGENT_BAD_MARK:
        return "no frame where one should begin";
    case AGENT_BAD_LENGTH:
        return "a frame longer than the limit";
    case AGENT_BAD_HEADER:
        return "a header that is not a request's";
    case AGENT_NO_HELLO:
        return "no hello, or not just one, at the beginning";
    case AGENT_BAD_VERSION:
        return "no version of the protocol that both know";
    case AGENT_CUT_SHORT:
        return "the stream ended within a frame";
    case AGENT_READ_FAILED:
        return "reading from the peer failed";
    case AGENT_WRITE_FAILED:
        return "writing to the peer failed";
    default:
        return "unknown";
    }
}
