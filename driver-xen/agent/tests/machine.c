/* See machine.h. Pages of the domain are a file that is mapped where bare/ has them mapped; everything
 * else in the window is not accessible. */
#define _GNU_SOURCE
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../bare/machine.h"
#include "../bare/xen.h"

#define INLINE ((uint64_t)1 << 63)
#define MOST_EXPOSED 8

struct machine machine;
static unsigned char *window, *memory;
static int file = -1;
static unsigned char *mapped_at; /* of each frame of the window, whether a page is there */
static uint64_t exposed_at[MOST_EXPOSED];

static void fail(const char *what)
{
    perror(what);
    abort();
}

void machine_init(uint32_t interface)
{
    size_t size = (size_t)XEN_WINDOW_SIZE * XEN_PAGE, i;
    uintptr_t past;

    if (window == NULL) {
        window = mmap(NULL, size + XEN_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                      0);
        if (window == MAP_FAILED)
            fail("window");
        past = (uintptr_t)window % XEN_PAGE;
        window += past == 0 ? 0 : XEN_PAGE - past;
        file = memfd_create("domain", 0);
        if (file < 0 || ftruncate(file, (off_t)(MACHINE_FRAMES * XEN_PAGE)) != 0)
            fail("domain");
        memory = mmap(NULL, MACHINE_FRAMES * XEN_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        mapped_at = calloc(XEN_WINDOW_SIZE, 1);
        if (memory == MAP_FAILED || mapped_at == NULL)
            fail("domain");
    }
    for (i = 0; i < MACHINE_FRAMES; i++)
        memset(memory + i * XEN_PAGE, (int)i, XEN_PAGE);
    memset(exposed_at, 0, sizeof exposed_at);
    free(machine.out);
    memset(&machine, 0, sizeof machine);
    machine.interface = interface;
    machine.window = (uint64_t)(uintptr_t)window >> XEN_PAGE_SHIFT;
    machine.most = 4096;
    machine.tick = 1000;
}

unsigned char machine_byte(uint32_t frame, size_t offset)
{
    return memory[frame * XEN_PAGE + offset];
}

/* Memory of the caller behind a handle. */
static unsigned char *behind(uint64_t handle)
{
    if ((handle & INLINE) == 0) {
        machine.wrong = 1;
        abort();
    }
    return (unsigned char *)(uintptr_t)(handle & ~INLINE);
}

static void place(uint64_t frame, int protection, int64_t page)
{
    void *at = window + (frame - machine.window) * XEN_PAGE, *got;

    if (frame < machine.window || frame >= machine.window + XEN_WINDOW_SIZE)
        abort();
    if (page < 0)
        got = mmap(at, XEN_PAGE, protection, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                   0);
    else
        got = mmap(at, XEN_PAGE, protection, MAP_FIXED | MAP_SHARED, file,
                   (off_t)(page * (int64_t)XEN_PAGE));
    if (got == MAP_FAILED)
        fail("page");
}

static int64_t map(const uint64_t *a)
{
    uint64_t first = machine.interface == 3 ? MACHINE_MFN : 0, page = a[2] - first;
    uint64_t at = a[1] - machine.window;

    machine.maps++;
    if (at >= XEN_WINDOW_PAGES || mapped_at[at])
        machine.wrong = 2; /* outside, or over another page */
    if (a[3] != 0)
        machine.wrong = 3;
    if (a[4] != MACHINE_DOMAIN)
        return -3;
    if (a[2] < first || page >= MACHINE_FRAMES || page % 7 == 0)
        return -22;
    place(a[1], PROT_READ | PROT_WRITE, (int64_t)page);
    mapped_at[at] = 1;
    machine.mapped++;
    return 0;
}

static int64_t unmap(const uint64_t *a)
{
    uint64_t at = a[1] - machine.window;

    machine.unmaps++;
    if (at >= XEN_WINDOW_PAGES || !mapped_at[at]) {
        machine.wrong = 4;
        return -22;
    }
    place(a[1], PROT_NONE, -1);
    mapped_at[at] = 0;
    machine.mapped--;
    return 0;
}

/* A table of one page appears there. */
static int64_t expose(const uint64_t *a)
{
    int i;

    if (a[1] < machine.window + XEN_WINDOW_PAGES || a[2] != MACHINE_DOMAIN)
        return -22;
    (void)*behind(a[3]);
    for (i = 0; i < MOST_EXPOSED; i++)
        if (exposed_at[i] == 0) {
            exposed_at[i] = a[1];
            place(a[1], PROT_READ | PROT_WRITE, -1);
            memset((void *)(uintptr_t)(a[1] << XEN_PAGE_SHIFT), 0x5a, XEN_PAGE);
            machine.exposed++;
            return 0;
        }
    return -12;
}

static int64_t unexpose(const uint64_t *a)
{
    int i;

    for (i = 0; i < MOST_EXPOSED; i++)
        if (exposed_at[i] == a[1] && a[2] == MACHINE_DOMAIN && !machine.stubborn) {
            exposed_at[i] = 0;
            place(a[1], PROT_NONE, -1);
            machine.exposed--;
            return 0;
        }
    return -22;
}

static int64_t dom0vp(const uint64_t *a)
{
    int old = machine.interface == 3;

    if (a[0] == (old ? 18u : 9u))
        return map(a);
    if (a[0] == (old ? 17u : 5u))
        return unmap(a);
    if (a[0] == 12)
        return expose(a);
    if (a[0] == 13)
        return unexpose(a);
    return -1; /* as the real one says of what it does not know */
}

static int64_t domctl(const unsigned char *at)
{
    uint32_t word[5];

    memcpy(word, at, sizeof word);
    if (word[1] != machine.interface)
        return -13;
    if (word[0] == 5)
        return 0;
    if (word[0] != 10 || (word[2] & 0xffff) != MACHINE_DOMAIN)
        return -38;
    if (word[4] == 2 && machine.dirty)
        return -22;
    machine.dirty = word[4] == 2;
    return 0;
}

static int64_t console(const uint64_t *a)
{
    unsigned char *data = behind(a[2]);
    size_t size = machine.typed_size;

    if (a[0] == 0) {
        if (machine.printed != NULL)
            machine.printed(data, (size_t)a[1]);
        return (int64_t)a[1];
    }
    if (a[0] != 1)
        return -38;
    if (size > a[1])
        size = (size_t)a[1];
    memcpy(data, machine.typed, size);
    memmove(machine.typed, machine.typed + size, machine.typed_size - size);
    machine.typed_size -= size;
    return (int64_t)size;
}

void machine_type(const unsigned char *data, size_t length)
{
    while (length-- > 0 && machine.typed_size < sizeof machine.typed)
        machine.typed[machine.typed_size++] = *data++;
}

int64_t machine_hypercall(uint64_t number, const uint64_t argument[5])
{
    machine.calls++;
    memcpy(machine.argument, argument, sizeof machine.argument);
    switch (number) {
    case 18:
        return console(argument);
    case 29:
        machine.yields++;
        machine.ticks += 1000 * machine.tick;
        if (machine.idle != NULL)
            machine.idle();
        return 0;
    case 36:
        return domctl(behind(argument[0]));
    case 48:
        return dom0vp(argument);
    default:
        return -38;
    }
}

int64_t machine_simulator(uint64_t number, const uint64_t argument[4])
{
    const uint64_t *request = (const uint64_t *)(uintptr_t)argument[2];
    unsigned char *data = (unsigned char *)(uintptr_t)request[0];
    size_t length = (size_t)request[1];

    if (argument[0] != 1000 || argument[1] != 1 || length == 0 ||
        request[0] / XEN_PAGE != (request[0] + length - 1) / XEN_PAGE)
        machine.wrong = 5;
    if (number == 53 && argument[3] == 1) {
        machine.ends++;
        return 0;
    }
    if (length > machine.most)
        length = machine.most;
    if (number == 52) {
        if (machine.yields++ % 3 == 0)
            return -2;
        if (machine.in_at == machine.in_size)
            return -3;
        if (length > machine.in_size - machine.in_at)
            length = machine.in_size - machine.in_at;
        memcpy(data, machine.in + machine.in_at, length);
        machine.in_at += length;
        return (int64_t)length;
    }
    if (machine.deaf)
        return -1;
    if (machine.out_size + length > machine.out_room) {
        machine.out_room = 2 * (machine.out_size + length);
        machine.out = realloc(machine.out, machine.out_room);
        if (machine.out == NULL)
            fail("memory");
    }
    memcpy(machine.out + machine.out_size, data, length);
    machine.out_size += length;
    return (int64_t)length;
}

uint64_t machine_ticks(void)
{
    return machine.ticks += machine.tick;
}
