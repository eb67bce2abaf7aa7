/*
 * The channel on the hypervisor's console: a serial line, or what a simulator or a management processor
 * makes of one. Xen prints there too, and keeps no more than 128 characters of what was typed.
 */
#include "channel.h"
#include "line.h"
#include "machine.h"
#include "xen.h"

/* In ticks of ar.itc: about a second, and a minute, at 1.5 GHz. The driver's side says every two seconds that
 * it is there. */
#define AGAIN ((uint64_t)1 << 30)
#define LOST ((uint64_t)1 << 36)

/* What hypercalls write and read. */
static union {
    unsigned char bytes[LINE_MAX];
    uint64_t alignment;
} typed, printed;

static struct line_end end;
static uint64_t heard; /* when the driver's side was last heard */
static uint64_t sent;  /* when the line on the way was last sent */

/* Writes what is due, reads what is there: whether there was anything. */
static int turn(void)
{
    uint64_t now = machine_ticks();
    uint32_t length;
    int64_t got = xen_console_read(typed.bytes, sizeof typed.bytes);
    int busy = got > 0;

    if (got > 0 && (uint64_t)got <= sizeof typed.bytes)
        line_arrived(&end, typed.bytes, (size_t)got);
    if (end.heard) {
        end.heard = 0;
        heard = now;
    }
    if (end.out_length != 0 && !end.out_due && now - sent > AGAIN)
        line_again(&end);
    while ((length = line_due(&end, printed.bytes)) != 0) {
        (void)xen_console_write(printed.bytes, length); /* what fails is sent again */
        sent = now;
        busy = 1;
    }
    if (!busy)
        xen_yield();
    return busy;
}

/* Whether the session cannot go on: another wants to begin, or the driver's side is silent. What is waiting
 * to be read comes first: a hypercall may have taken long. */
static int over(int busy)
{
    return !end.open || end.asked || (!busy && machine_ticks() - heard > LOST);
}

static void console_accept(void)
{
    end.open = 0;
    while (!end.asked)
        (void)turn();
    line_accept(&end);
    heard = machine_ticks();
    (void)turn();
}

static long console_read(void *data, size_t length)
{
    int busy = 1;

    while (!over(busy)) {
        uint32_t got = line_take(&end, data, length);

        if (got != 0)
            return (long)got;
        if (end.in_ended)
            return 0;
        busy = turn();
    }
    return 0;
}

static long console_write(const void *data, size_t length)
{
    int busy = 1;

    while (!over(busy)) {
        uint32_t took = line_offer(&end, data, length);

        if (took != 0) {
            (void)turn();
            return (long)took;
        }
        busy = turn();
    }
    return -1;
}

static void console_end(void)
{
    uint64_t since = machine_ticks();
    int finished = 0;

    /* What was written last is on the way, and then the end; nobody may be there to take it. */
    while (!end.asked && machine_ticks() - since < 4 * AGAIN) {
        if (end.out_length == 0) {
            if (finished)
                break;
            finished = line_finish(&end);
        }
        (void)turn();
    }
    end.open = 0;
}

const struct channel console_channel = {"console", console_accept, console_read, console_write,
                                        console_end};
