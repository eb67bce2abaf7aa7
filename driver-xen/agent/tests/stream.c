/* See stream.h. */
#include "stream.h"

#include <string.h>

void put32(struct stream *to, uint32_t value)
{
    int i;

    for (i = 0; i < 4; i++)
        to->bytes[to->size++] = (unsigned char)(value >> 8 * i & 0xff);
}

void put64(struct stream *to, uint64_t value)
{
    put32(to, (uint32_t)value);
    put32(to, (uint32_t)(value >> 32));
}

void set32(unsigned char *at, uint32_t value)
{
    int i;

    for (i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> 8 * i & 0xff);
}

uint32_t get32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void put_fill(struct stream *to, int value, size_t count)
{
    memset(to->bytes + to->size, value, count);
    to->size += count;
}

void begin_frame(struct stream *to, uint32_t type)
{
    to->frame = to->size;
    put32(to, 0);
    put32(to, ++to->id);
    put32(to, type | 0x36410000u);
    put32(to, 0);
}

void end_frame(struct stream *to)
{
    set32(to->bytes + to->frame, (uint32_t)(to->size - to->frame - AGENT_HEADER));
}

void greet(struct stream *to)
{
    begin_frame(to, AGENT_HELLO);
    memcpy(to->bytes + to->size, "ia64save", 8);
    to->size += 8;
    put32(to, 1);
    put32(to, 1);
    end_frame(to);
}

void call_head(struct stream *to, uint64_t number, uint64_t argument, uint32_t buffers,
                      uint32_t links)
{
    int i;

    begin_frame(to, AGENT_HYPERCALL);
    put64(to, number);
    for (i = 0; i < 5; i++)
        put64(to, i == 0 ? argument : (uint64_t)i);
    put32(to, buffers);
    put32(to, links);
    put64(to, 0);
}

void put_link(struct stream *to, uint32_t holder, uint32_t offset, uint32_t kind, uint32_t target)
{
    put32(to, holder);
    put32(to, offset);
    put32(to, kind);
    put32(to, target);
}

/* shadow_op for a domain: 2 switches log-dirty on, 0 off. */
void dirty_log(struct stream *to, uint32_t interface, uint32_t domain, uint32_t operation)
{
    call_head(to, STREAM_DOMCTL, 0, 1, 1);
    put32(to, 144);
    put32(to, AGENT_IN | AGENT_OUT);
    put_link(to, ARGUMENT, 0, 0, 0);
    put32(to, 10);
    put32(to, interface);
    put64(to, domain);
    put64(to, operation);
    put_fill(to, 0, 120);
    end_frame(to);
}

void small(struct stream *to, uint32_t type, uint64_t one, int has_two, uint64_t two)
{
    begin_frame(to, type);
    put64(to, one);
    if (has_two)
        put64(to, two);
    end_frame(to);
}
