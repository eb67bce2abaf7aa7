/*
 * See xen.h. Numbers are those of Xen's public interface; which release has which was seen on the real
 * hypervisors from 3.0.3 to 4.0.
 */
#include "xen.h"

#include "machine.h"

#define CONSOLE_IO 18u
#define CONSOLE_WRITE 0u
#define CONSOLE_READ 1u
#define SCHED_OP 29u
#define SCHED_YIELD 0u
#define DOMCTL 36u
#define DOMCTL_GETDOMAININFO 5u
#define DOMCTL_SIZE 144u
#define DOM0VP 48u
#define EXPOSE_FOREIGN_P2M 12u
#define UNEXPOSE_FOREIGN_P2M 13u
#define INLINE ((uint64_t)1 << 63)
#define EACCES 13

/*
 * Interface 3 names foreign pages by machine frame, and its map and unmap are other operations (add_physmap
 * and zap_physmap before they were renumbered); the others by the domain's own frame (add_physmap_with_gmfn).
 * The arguments are the same.
 */
static const struct xen_release releases[] = {
    {"3.0.3", 3, 18, 17}, {"3.0.4", 4, 9, 5}, {"3.1 to 3.4", 5, 9, 5},
    {"4.0", 6, 9, 5},     {"4.1", 7, 9, 5},   {"after 4.1", 8, 9, 5},
};
#define RELEASES (sizeof releases / sizeof releases[0])

static int64_t call(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    uint64_t argument[5];

    argument[0] = a;
    argument[1] = b;
    argument[2] = c;
    argument[3] = d;
    argument[4] = e;
    return machine_hypercall(number, argument);
}

uint64_t xen_handle(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer | INLINE;
}

void xen_yield(void)
{
    (void)call(SCHED_OP, SCHED_YIELD, 0, 0, 0, 0);
}

int64_t xen_console_write(const void *data, uint64_t length)
{
    return call(CONSOLE_IO, CONSOLE_WRITE, length, xen_handle(data), 0, 0);
}

int64_t xen_console_read(void *data, uint64_t room)
{
    return call(CONSOLE_IO, CONSOLE_READ, room, xen_handle(data), 0, 0);
}

/* Whether the hypervisor speaks an interface version: it says EACCES to others before anything else. */
static int speaks(uint32_t interface)
{
    static union {
        uint32_t word[DOMCTL_SIZE / 4];
        uint64_t alignment;
    } domctl;
    uint32_t i;

    for (i = 0; i < DOMCTL_SIZE / 4; i++)
        ((volatile uint32_t *)domctl.word)[i] = 0;
    domctl.word[0] = DOMCTL_GETDOMAININFO;
    domctl.word[1] = interface;
    return call(DOMCTL, xen_handle(&domctl), 0, 0, 0, 0) != -EACCES;
}

int xen_open(struct xen *xen, uint64_t window)
{
    uint32_t i;

    xen->window = window;
    xen->next = 0;
    xen->stuck = 0;
    xen->release = NULL;
    for (i = 0; i < XEN_WINDOW_PAGES; i++)
        ((volatile unsigned char *)xen->mapped)[i] = 0;
    for (i = 0; i < XEN_REGIONS; i++) {
        xen->region[i].used = 0;
        xen->region[i].exposed = 0;
    }
    for (i = 0; i < RELEASES && xen->release == NULL; i++)
        if (speaks(releases[i].interface))
            xen->release = &releases[i];
    return xen->release == NULL ? AGENT_ENOSYS : 0;
}

static uint64_t region_frame(const struct xen *xen, uint32_t number)
{
    return xen->window + XEN_WINDOW_PAGES + (uint64_t)number * XEN_REGION_PAGES;
}

/* The region that begins at a frame, or NULL. */
static struct xen_region *region_at(struct xen *xen, uint64_t frame)
{
    uint32_t i;

    for (i = 0; i < XEN_REGIONS; i++)
        if (region_frame(xen, i) == frame && xen->region[i].used)
            return &xen->region[i];
    return NULL;
}

int64_t xen_hypercall(struct xen *xen, struct agent_call *one)
{
    uint32_t i;
    int64_t result;

    /* A region is named by its first frame, memory by a handle. */
    for (i = 0; i < one->links; i++) {
        const struct agent_link *link = &one->link[i];

        if (link->region != NULL)
            agent_link_set(one, i, (uint64_t)(uintptr_t)link->target >> XEN_PAGE_SHIFT);
        else
            agent_link_set(one, i, xen_handle(link->target));
    }
    result = machine_hypercall(one->number, one->argument);
    /* What a kernel's privcmd does when such a mapping goes, xen_unmap() has to know. */
    if (one->number == DOM0VP && one->argument[0] == EXPOSE_FOREIGN_P2M && result >= 0) {
        struct xen_region *region = region_at(xen, one->argument[1]);

        if (region != NULL) {
            region->exposed = 1;
            region->domain = (uint32_t)one->argument[2];
        }
    }
    return result;
}

static int map_region(struct xen *xen, uint64_t count, void **address)
{
    uint32_t i;

    if (count > XEN_REGION_PAGES)
        return AGENT_ENOMEM;
    for (i = 0; i < XEN_REGIONS; i++)
        if (!xen->region[i].used) {
            xen->region[i].used = 1;
            xen->region[i].exposed = 0;
            *address = (void *)(uintptr_t)(region_frame(xen, i) << XEN_PAGE_SHIFT);
            return 0;
        }
    return AGENT_ENOMEM;
}

int xen_map(struct xen *xen, uint32_t domain, uint64_t count, const uint64_t *frames, int32_t *errors,
            void **address)
{
    uint64_t frame;
    uint32_t i;

    if (frames == NULL)
        return map_region(xen, count, address);
    if (count > XEN_BATCH)
        return AGENT_ENOMEM;
    if (xen->next + count > XEN_WINDOW_PAGES)
        xen->next = 0;
    frame = xen->window + xen->next;
    for (i = 0; i < count; i++) {
        int64_t result =
            call(DOM0VP, xen->release->map, frame + i, frames[i], 0, domain); /* flags: writable */

        xen->mapped[xen->next + i] = result >= 0;
        if (result < 0)
            errors[i] = (int32_t)-result;
    }
    xen->next += (uint32_t)count;
    *address = (void *)(uintptr_t)(frame << XEN_PAGE_SHIFT);
    return 0;
}

void xen_unmap(struct xen *xen, void *address, uint64_t count)
{
    uint64_t frame = (uint64_t)(uintptr_t)address >> XEN_PAGE_SHIFT, i;
    struct xen_region *region = region_at(xen, frame);

    if (region != NULL) {
        if (region->exposed &&
            call(DOM0VP, UNEXPOSE_FOREIGN_P2M, frame, region->domain, 0, 0) < 0) {
            xen->stuck++; /* it stays used: what is exposed there is still there */
            return;
        }
        region->used = 0;
        return;
    }
    for (i = 0; i < count; i++) {
        unsigned char *mapped = &xen->mapped[frame - xen->window + i];

        if (*mapped != 0 && call(DOM0VP, xen->release->unmap, frame + i, 0, 0, 0) < 0)
            xen->stuck++;
        *mapped = 0;
    }
}
