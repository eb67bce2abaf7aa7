/*
 * A kernel with privcmd for linux_privcmd.c, on pages of 16384 bytes. The path that is opened says
 * which: "v2", "v1" (no MMAPBATCH_V2), or "none". It holds domain 5 with frames 0 to 99; what
 * frames divisible by 7 are like depends on the request. Frame f is full of f, until it is written to.
 *
 * Hypercalls: 36 (argument 0: a domctl) switches log-dirty of domain 5 on and off by shadow_op; 7 gives
 * whether it is on. It says on standard error when it is switched off. 1 gives the sum of its arguments; 2 turns the bytes around that a structure {pointer,
 * length} points to; 48 (12, region, ...) fills the region's first page with 0x5a; others are -38.
 */
#include "kernel.h"
#undef open
#undef ioctl
#undef mmap
#undef munmap
#undef sysconf
#undef mlock

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 16384u
#define FRAMES 100u
#define FILE_NUMBER 77
#define MAPPINGS 64

static unsigned char memory[FRAMES][PAGE];
static int has_v2;
static int dirty; /* log-dirty */

/* Each page of a mapping by its frame; -1: nothing is there. */
static struct mapping {
    unsigned char *address;
    size_t pages;
    int writable, used;
    long *frame;
} mappings[MAPPINGS];

static void wrong(const char *what)
{
    fprintf(stderr, "kernel: %s\n", what);
    abort();
}

int kernel_open(const char *path, int flags)
{
    uint32_t i;

    if (flags != O_RDWR)
        wrong("open without O_RDWR");
    if (strcmp(path, "/dev/null") == 0)
        return open(path, flags);
    if (strcmp(path, "v1") != 0 && strcmp(path, "v2") != 0) {
        errno = ENOENT;
        return -1;
    }
    has_v2 = strcmp(path, "v2") == 0;
    for (i = 0; i < FRAMES; i++)
        memset(memory[i], (int)i, PAGE);
    return FILE_NUMBER;
}

long kernel_sysconf(int name)
{
    if (name != _SC_PAGESIZE)
        wrong("sysconf of something else");
    return (long)PAGE;
}

int kernel_mlock(const void *at, size_t length)
{
    (void)at;
    (void)length;
    return 0;
}

void *kernel_mmap(void *at, size_t length, int protection, int flags, int file, off_t offset)
{
    struct mapping *one = mappings;
    size_t i;

    if (at != NULL || file != FILE_NUMBER || flags != MAP_SHARED || offset != 0 || length % PAGE != 0)
        wrong("mmap of something else");
    while (one->address != NULL)
        if (++one == mappings + MAPPINGS)
            wrong("too many mappings");
    /* Nobody may touch it before something is mapped there. */
    one->address = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (one->address == MAP_FAILED)
        wrong("no memory");
    one->pages = length / PAGE;
    one->writable = (protection & PROT_WRITE) != 0;
    one->used = 0;
    one->frame = malloc(one->pages * sizeof *one->frame);
    if (one->frame == NULL)
        wrong("no memory");
    for (i = 0; i < one->pages; i++)
        one->frame[i] = -1;
    return one->address;
}

static struct mapping *mapping_at(const void *at)
{
    struct mapping *one = mappings;

    while (one->address != at || at == NULL)
        if (++one == mappings + MAPPINGS)
            return NULL;
    return one;
}

int kernel_munmap(void *at, size_t length)
{
    struct mapping *one = mapping_at(at);
    size_t i;

    if (one == NULL || one->pages * PAGE != length)
        wrong("munmap of something else");
    for (i = 0; i < one->pages; i++)
        if (one->frame[i] >= 0 && one->writable)
            memcpy(memory[one->frame[i]], one->address + i * PAGE, PAGE);
    free(one->frame);
    one->address = NULL;
    return munmap(at, length);
}

static int place(struct mapping *one, size_t page, uint64_t frame)
{
    unsigned char *at = one->address + page * PAGE;
    int protection = one->writable ? PROT_READ | PROT_WRITE : PROT_READ;

    if (frame >= FRAMES || frame % 7 == 0)
        return -EFAULT;
    if (mprotect(at, PAGE, PROT_READ | PROT_WRITE) != 0)
        wrong("mprotect");
    memcpy(at, memory[frame], PAGE);
    if (mprotect(at, PAGE, protection) != 0)
        wrong("mprotect");
    one->frame[page] = (long)frame;
    return 0;
}

static int hypercall(const uint64_t *call)
{
    uint64_t i, length;
    uint64_t structure[2];
    unsigned char *bytes;
    struct mapping *region;

    switch (call[0]) {
    case 36: {
        uint32_t head[5];

        memcpy(head, (void *)(uintptr_t)call[1], sizeof head);
        if (head[0] != 10 || head[1] != 5 || (head[2] & 0xffff) != 5)
            return -ENOSYS;
        if (head[4] == 2 && dirty)
            return -EINVAL;
        dirty = head[4] == 2;
        if (!dirty)
            fprintf(stderr, "kernel: log-dirty is off\n");
        return 0;
    }
    case 7:
        return dirty;
    case 1:
        return (int)(call[1] + call[2] + call[3] + call[4] + call[5]);
    case 2:
        memcpy(structure, (void *)(uintptr_t)call[1], 16);
        bytes = (unsigned char *)(uintptr_t)structure[0];
        length = structure[1];
        for (i = 0; i < length / 2; i++) {
            unsigned char kept = bytes[i];

            bytes[i] = bytes[length - 1 - i];
            bytes[length - 1 - i] = kept;
        }
        return (int)length;
    case 48:
        region = mapping_at((void *)(uintptr_t)call[2]);
        if (call[1] != 12 || region == NULL)
            return -EINVAL;
        if (mprotect(region->address, PAGE, PROT_READ | PROT_WRITE) != 0)
            wrong("mprotect");
        memset(region->address, 0x5a, PAGE);
        return 0;
    default:
        return -ENOSYS;
    }
}

int kernel_ioctl(int file, unsigned long request, void *argument)
{
    uint64_t batch[4];
    uint16_t domain;
    uint32_t count, i;
    struct mapping *one;
    uint64_t *frames;
    int result = 0;

    if (file != FILE_NUMBER)
        wrong("ioctl of something else");
    if (request == 0x00305000ul) {
        result = hypercall(argument);
        if (result < 0) {
            errno = -result;
            return -1;
        }
        return result;
    }
    if (request != 0x00105002ul && request != 0x00185003ul &&
        (request != 0x00205004ul || !has_v2)) {
        errno = EINVAL; /* what old kernels say of what they do not know */
        return -1;
    }
    memcpy(batch, argument, request >> 16);
    memcpy(&count, argument, 4);
    memcpy(&domain, (char *)argument + 4, 2);
    if (domain != 5) {
        errno = ESRCH;
        return -1;
    }
    if (request == 0x00105002ul) {
        uint64_t entry[3];

        memcpy(entry, (void *)(uintptr_t)batch[1], sizeof entry);
        one = mapping_at((void *)(uintptr_t)entry[0]);
        if (count != 1 || entry[2] != 1 || one == NULL || one->pages != 1 || one->used++)
            wrong("MMAP of something else");
        result = place(one, 0, entry[1]);
        errno = -result;
        return result < 0 ? -1 : 0;
    }
    one = mapping_at((void *)(uintptr_t)batch[1]);
    frames = (uint64_t *)(uintptr_t)batch[2];
    if (one == NULL || one->pages != count || one->used++)
        wrong("a batch for another mapping");
    for (i = 0; i < count; i++) {
        int error = place(one, i, frames[i]);

        if (request == 0x00205004ul) {
            ((int32_t *)(uintptr_t)batch[3])[i] = frames[i] == 49 ? -ENOENT : error;
            if (frames[i] == 49)
                result = -ENOENT;
        } else if (error != 0) {
            frames[i] |= frames[i] == 49 ? 0x80000000u : 0xf0000000u;
        }
    }
    errno = -result;
    return result < 0 ? -1 : 0;
}
