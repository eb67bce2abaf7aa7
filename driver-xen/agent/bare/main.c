/*
 * A control domain that does nothing but serve the agent's protocol, one driver after the other.
 *
 *   start.S -> bare_main() -> agent_serve() (../protocol.c) -> the table here -> xen.c, a channel
 */
#include "main.h"

#include "channel.h"
#include "options.h"
#include "xen.h"

#define ARENA ((uint64_t)8 << 20)
#ifndef BARE_CHANNEL
#define BARE_CHANNEL console_channel
#endif

static union {
    unsigned char bytes[ARENA + XEN_PAGE];
    uint64_t alignment;
} arena;
static uint64_t frames[XEN_BATCH];
static int32_t errors[XEN_BATCH];
static struct agent_region regions[XEN_REGIONS];
static struct agent agent;
static struct xen xen;
static struct options options;

static void say(const char *text)
{
    uint64_t length = 0;

    while (text[length] != '\0')
        length++;
    (void)xen_console_write(text, length);
}

static long bare_read(void *context, void *data, size_t length)
{
    (void)context;
    return options.channel->read(data, length);
}

static long bare_write(void *context, const void *data, size_t length)
{
    (void)context;
    return options.channel->write(data, length);
}

static int64_t bare_hypercall(void *context, struct agent_call *call)
{
    return xen_hypercall(context, call);
}

static int bare_map(void *context, uint32_t domain, int writable, uint64_t count, const uint64_t *wanted,
                    int32_t *result, void **address)
{
    (void)writable; /* there is one kind of mapping */
    return xen_map(context, domain, count, wanted, result, address);
}

static void bare_unmap(void *context, void *address, uint64_t count)
{
    xen_unmap(context, address, count);
}

static const struct agent_table table = {bare_read, bare_write, bare_hypercall, bare_map, bare_unmap};

int bare_open(const struct bare_boot *boot)
{
    const char *line = NULL;

    if (boot != NULL && boot->command_line != 0)
        line = (const char *)(uintptr_t)boot->command_line;
    options.channel = &BARE_CHANNEL;
    options.window = XEN_WINDOW;
    options_read(&options, line);
    if (xen_open(&xen, options.window) != 0) {
        say("agent: no release of Xen that is known\n");
        return 1;
    }
    say("agent: Xen ");
    say(xen.release->name);
    say(", waiting on the ");
    say(options.channel->name);
    say("\n");
    agent.table = &table;
    agent.context = &xen;
    agent.memory.arena = arena.bytes + (XEN_PAGE - ((uintptr_t)arena.bytes & (XEN_PAGE - 1)));
    agent.memory.arena_size = ARENA;
    agent.memory.frames = frames;
    agent.memory.errors = errors;
    agent.memory.max_pages = XEN_BATCH;
    agent.memory.regions = regions;
    agent.memory.max_regions = XEN_REGIONS;
    agent.memory.max_region_pages = XEN_REGION_PAGES;
    agent.memory.page_size = (uint32_t)XEN_PAGE;
    return 0;
}

int bare_session(void)
{
    int end;

    options.channel->accept();
    xen.stuck = 0;
    end = agent_serve(&agent);
    options.channel->end();
    say("agent: ");
    say(agent_reason(end));
    if (agent.stuck != 0)
        say("; log-dirty of a domain could not be switched off");
    if (xen.stuck != 0)
        say("; pages could not be unmapped");
    say("\n");
    return end;
}

void bare_main(const struct bare_boot *boot)
{
    if (bare_open(boot) == 0)
        for (;;)
            (void)bare_session();
    for (;;)
        xen_yield();
}
