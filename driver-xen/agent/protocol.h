/*
 * The agent: carries hypercalls, their buffers and pages of other domains over a byte stream.
 *
 * This half (protocol.c, undo.c) is freestanding C99: no libc, no libgcc, no allocation, no global
 * state. Whoever links it hands in memory (struct agent_memory) and a table of functions (struct agent_table), and calls
 * agent_serve(). linux_privcmd.c does so on Linux; bare/ is a control domain without an operating
 * system and brings a table of its own, which is where xencomm handles are built.
 *
 *   peer  <-- byte stream -->  agent_serve()  -->  agent_table  -->  kernel or hypervisor
 *
 * PROTOCOL.md describes every message, every limit, and what a peer has to do.
 */
#ifndef IA64SAVE_AGENT_PROTOCOL_H
#define IA64SAVE_AGENT_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#define AGENT_VERSION 1

/* Limits of the protocol itself; those that depend on memory are in the hello reply. */
#define AGENT_ARGUMENTS 5
#define AGENT_BUFFERS 8
#define AGENT_LINKS 16
#define AGENT_HEADER 16
#define AGENT_STAGE 4096
/* Domains that a peer may have log-dirty switched on for at a time. */
#define AGENT_UNDOS 32

/* Messages. A reply has the request's type with AGENT_REPLY set. */
enum {
    AGENT_HELLO = 1,
    AGENT_HYPERCALL = 2,
    AGENT_READ_PAGES = 3,
    AGENT_WRITE_PAGES = 4,
    AGENT_CLEAR_PAGES = 5,
    AGENT_RESERVE = 6,
    AGENT_READ_REGION = 7,
    AGENT_RELEASE = 8,
    AGENT_ABORT = 0x7fff,
    AGENT_REPLY = 0x8000
};

/* Error numbers that the agent itself uses, as Linux has them on ia64 and x86. */
enum {
    AGENT_EIO = 5,
    AGENT_E2BIG = 7,
    AGENT_EBADF = 9,
    AGENT_ENOMEM = 12,
    AGENT_EFAULT = 14,
    AGENT_EINVAL = 22,
    AGENT_ENOSPC = 28,
    AGENT_ENOSYS = 38
};

/* How agent_serve() ends, and what AGENT_ABORT says; 0 is the end of the stream between two frames. */
enum {
    AGENT_END = 0,
    AGENT_BAD_MEMORY = 1,  /* the memory handed in cannot work; nothing was read */
    AGENT_BAD_MARK = 2,    /* no frame where one should begin */
    AGENT_BAD_LENGTH = 3,  /* a frame longer than the limit */
    AGENT_BAD_HEADER = 4,  /* a status in a request, or a reply where requests are expected */
    AGENT_NO_HELLO = 5,    /* the first message is no hello, or a later one is */
    AGENT_BAD_VERSION = 6, /* no version that both know */
    AGENT_CUT_SHORT = 7,   /* the stream ended within a frame */
    AGENT_READ_FAILED = 8,
    AGENT_WRITE_FAILED = 9
};

/* Which way a buffer's bytes go. */
enum {
    AGENT_IN = 1, /* they came with the request */
    AGENT_OUT = 2 /* they go back with the reply */
};

/* Memory of a hypercall. Aligned to 8 bytes, contiguous in the agent's address space. */
struct agent_buffer {
    unsigned char *data;
    uint32_t length;
    uint32_t flags;
};

/* Address space that the table's map() gave; what a region of the protocol is. */
struct agent_region {
    unsigned char *address; /* NULL: free */
    uint64_t pages;
    int filled; /* a hypercall that was given its address succeeded */
};

/* A place that has to hold an address before the hypercall is made. */
struct agent_link {
    unsigned char *place; /* 8 bytes inside of a buffer, or NULL: an argument */
    uint32_t argument;    /* which, 0 to 4 */
    unsigned char *target;
    uint64_t length;             /* of the target, bytes */
    struct agent_region *region; /* the target, where it is one; NULL: a buffer */
};

/* A hypercall, checked: every link lies within what it names. */
struct agent_call {
    uint64_t number;
    uint64_t argument[AGENT_ARGUMENTS];
    uint32_t buffers;
    uint32_t links;
    struct agent_buffer buffer[AGENT_BUFFERS];
    struct agent_link link[AGENT_LINKS];
};

/* A domain for which a peer has switched log-dirty on, and what switching it off takes (undo.h). */
struct agent_undo {
    uint32_t interface; /* version of domctl that the peer speaks */
    uint32_t domain;
    uint32_t length; /* of its structure, bytes */
};

/*
 * All access to the outside. Errors are positive error numbers except where something else is said.
 */
struct agent_table {
    /* Some of `length` bytes, at least one: how many. 0: the stream has ended. Negative: failed.
     * `data` may lie in memory that map() gave. */
    long (*read)(void *context, void *data, size_t length);
    long (*write)(void *context, const void *data, size_t length);

    /* Puts an address into every link with agent_link_set(), in the form that its hypercalls take:
     * a pointer on Linux, whose kernel builds xencomm descriptors from it; a xencomm handle, or a
     * frame, without a kernel. Then makes the call: its result, or a negative error number. */
    int64_t (*hypercall)(void *context, struct agent_call *call);

    /* `count` pages of a domain, in order, in one stretch of address space, each with its error in
     * errors[] (zero when called). frames == NULL: address space only. A page that failed is never
     * touched. */
    int (*map)(void *context, uint32_t domain, int writable, uint64_t count,
               const uint64_t *frames, int32_t *errors, void **address);

    /* Gives back what map() gave, whole. */
    void (*unmap)(void *context, void *address, uint64_t count);
};

/* Memory for the agent's own use. Nothing else is ever written to, but for what map() gave. */
struct agent_memory {
    /* Requests and buffers of hypercalls; aligned to 16 bytes. At least
     * 4096 + 8 * max_pages, at most 2^30 bytes. */
    unsigned char *arena;
    size_t arena_size;
    /* max_pages of each; max_pages is what one message may map, 1 to 65536. */
    uint64_t *frames;
    int32_t *errors;
    uint32_t max_pages;
    /* Regions that a peer may hold at a time, at most 4096, and how many pages each may have. */
    struct agent_region *regions;
    uint32_t max_regions;
    uint64_t max_region_pages;
    /* Bytes of a page: a power of two, 512 to 65536. */
    uint32_t page_size;
};

/* An agent. The first three are set by whoever links it, the others are its own. */
struct agent {
    const struct agent_table *table;
    void *context;
    struct agent_memory memory;

    int greeted;
    uint32_t id;
    uint16_t type;
    uint32_t left; /* bytes of the current frame that are still to be read */
    uint32_t max_frame;
    struct agent_call call;
    int change; /* what the call does to the list of undos, and for whom */
    struct agent_undo changed;
    struct agent_undo undo[AGENT_UNDOS];
    uint32_t undos;
    unsigned char stage[AGENT_STAGE];

    /* After agent_serve(): domains whose log-dirty could not be switched off. */
    uint32_t stuck;
};

/* Serves one peer until the stream ends or breaks; then unmaps everything, and switches off what the
 * peer has left on. */
int agent_serve(struct agent *agent);

/* Puts an address into link number `link` of a call, in this machine's byte order. */
void agent_link_set(struct agent_call *call, uint32_t link, uint64_t address);

/* What a result of agent_serve() means, in a few words. */
const char *agent_reason(int result);

#endif
