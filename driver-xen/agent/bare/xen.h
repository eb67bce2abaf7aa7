/*
 * The hypervisor, as a control domain without an operating system meets it: what the agent's table of
 * functions does where linux_privcmd.c has a kernel.
 *
 * Everything is addressed physically. Memory of ours is contiguous, so that a pointer in a hypercall is an
 * inline xencomm handle, never a descriptor; a page of another domain is put into our own physical map, at
 * a frame of the window, and is read there.
 */
#ifndef IA64SAVE_BARE_XEN_H
#define IA64SAVE_BARE_XEN_H

#include "../protocol.h"

#define XEN_PAGE_SHIFT 14
#define XEN_PAGE ((uint64_t)1 << XEN_PAGE_SHIFT)

/* Pages of a message, regions, and pages of a region: a table of 8 Mi entries, 128 GiB of a domain. */
#define XEN_BATCH 512u
#define XEN_REGIONS 8u
#define XEN_REGION_PAGES 0x1000u

/* The window: frames of our own physical map with nothing in them. First those for pages of messages, which
 * are used in turn, then so many for each region. */
#define XEN_WINDOW 0x20000u /* where it begins unless told otherwise: at 2 GiB */
#define XEN_WINDOW_PAGES 0x8000u
#define XEN_WINDOW_SIZE (XEN_WINDOW_PAGES + XEN_REGIONS * XEN_REGION_PAGES)

/* What a release has: a row of data each. */
struct xen_release {
    const char *name;
    uint32_t interface;  /* version of domctl, by which it is known */
    uint32_t map, unmap; /* operations of dom0vp on our physical map */
};

struct xen_region {
    int used;
    int exposed; /* a physical map of `domain` is there */
    uint32_t domain;
};

struct xen {
    const struct xen_release *release;
    uint64_t window; /* its first frame */
    uint32_t next;   /* of XEN_WINDOW_PAGES, the one to be used next */
    unsigned char mapped[XEN_WINDOW_PAGES];
    struct xen_region region[XEN_REGIONS];
    uint32_t stuck; /* frames and regions that could not be given back */
};

/* Finds the release. 0, or AGENT_ENOSYS where no known interface version is answered. */
int xen_open(struct xen *xen, uint64_t window);

/* A pointer, as hypercalls take it. */
uint64_t xen_handle(const void *pointer);

/* The rest of a time slice goes to others. */
void xen_yield(void);

/* Bytes to the hypervisor's console, and what was typed there: how many, or a negative error number. */
int64_t xen_console_write(const void *data, uint64_t length);
int64_t xen_console_read(void *data, uint64_t room);

/* Of struct agent_table; the context is a struct xen. */
int64_t xen_hypercall(struct xen *xen, struct agent_call *call);
int xen_map(struct xen *xen, uint32_t domain, uint64_t count, const uint64_t *frames, int32_t *errors,
            void **address);
void xen_unmap(struct xen *xen, void *address, uint64_t count);

#endif
