/*
 * The channel of a simulator: calls to it, by a break that never reaches Xen.
 *
 * Number 52 reads and 53 writes: channel, 1, address of {address, length}, kind. The bytes lie within a
 * page. The result is how many, or NOTHING_YET, or ENDED; 53 with kind 1 ends the session from our side.
 */
#include "channel.h"
#include "machine.h"
#include "xen.h"

#ifndef BARE_SIMULATOR_CHANNEL
#define BARE_SIMULATOR_CHANNEL 1000u
#endif
#define READ 52u
#define WRITE 53u
#define DATA 0u
#define END 1u
#define NOTHING_YET (-2)
#define ENDED (-3)

static struct {
    uint64_t address, length;
} request;

static int64_t transfer(uint64_t number, const void *data, size_t length, uint64_t kind)
{
    uint64_t argument[4], room;

    request.address = (uint64_t)(uintptr_t)data;
    room = XEN_PAGE - (request.address & (XEN_PAGE - 1));
    request.length = length < room ? length : room;
    argument[0] = BARE_SIMULATOR_CHANNEL;
    argument[1] = 1;
    argument[2] = (uint64_t)(uintptr_t)&request;
    argument[3] = kind;
    return machine_simulator(number, argument);
}

/* A session begins with its first byte, for which read() waits. */
static void simulator_accept(void)
{
}

static long simulator_read(void *data, size_t length)
{
    for (;;) {
        int64_t got = transfer(READ, data, length, DATA);

        if (got > 0)
            return (long)got;
        if (got == ENDED)
            return 0;
        if (got != NOTHING_YET)
            return -1;
        xen_yield();
    }
}

static long simulator_write(const void *data, size_t length)
{
    for (;;) {
        int64_t took = transfer(WRITE, data, length, DATA);

        if (took > 0)
            return (long)took;
        if (took != NOTHING_YET)
            return -1;
        xen_yield();
    }
}

static void simulator_end(void)
{
    (void)transfer(WRITE, &request, 1, END);
}

const struct channel simulator_channel = {"simulator", simulator_accept, simulator_read, simulator_write,
                                          simulator_end};
