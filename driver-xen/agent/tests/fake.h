/* A peer and a hypervisor that are not there: bytes in, bytes out, and a domain of a few pages. */
#ifndef IA64SAVE_AGENT_FAKE_H
#define IA64SAVE_AGENT_FAKE_H

#include "../protocol.h"

#define FAKE_PAGE 4096u
#define FAKE_PAGES 24u /* frames of the domain: 0 to 23; those divisible by 7 are not there */
#define FAKE_DOMAIN 5u
#define FAKE_ARENA 20000u
#define FAKE_BATCH 16u

/* Hypercalls that the fake answers; the others are -38. */
enum {
    FAKE_SUM = 1,    /* the sum of its arguments */
    FAKE_TURN = 2,   /* argument 0: a structure {pointer, length}; turns the bytes it points to around */
    FAKE_FAIL = 3,   /* -13 */
    FAKE_EXPOSE = 4, /* argument 0: a region of one page; fills it with 0x5a */
    FAKE_LOOK = 5,   /* argument 0: 16 bytes; the sum of them as they were found */
    FAKE_DOMCTL = 36 /* shadow_op: log-dirty of domains below FAKE_DOMAINS on (once) and off */
};
#define FAKE_DOMAINS 40u
#define FAKE_INTERFACE 5u

struct fake {
    const unsigned char *in;
    size_t in_size, in_at;
    size_t most; /* bytes of one read or write */
    unsigned char *out;
    size_t out_size, out_room;
    size_t out_limit; /* the peer takes no more than that */
    unsigned char page[FAKE_PAGES][FAKE_PAGE];
    unsigned mapped; /* mappings that are still there */
    unsigned pages;  /* of them, those of pages, not of regions */
    size_t whole;    /* where the reply begins that is being written */
    unsigned calls;
    int dirty[FAKE_DOMAINS]; /* log-dirty: 0 off, 1 a peer's, 2 somebody else's */
    unsigned exposed;        /* regions in which something is exposed */
    int stubborn;            /* switching off fails */
    uint32_t stuck;          /* what the agent says could not be undone */
    int wrong; /* the agent asked for something that it must not */
};

/* A fresh domain: every byte of frame f is f. */
void fake_init(struct fake *fake, const unsigned char *in, size_t size, size_t most);
void fake_free(struct fake *fake);

/* Serves the input whole. The agent's memory is exactly as large as it says. */
int fake_serve(struct fake *fake);

/* Whether the output is what an agent may say: whole frames, no more replies than requests, nothing
 * behind an abort; and whether nothing is left mapped, exposed or on. 0, or what is wrong. */
const char *fake_judge(const struct fake *fake, int end);

/* An input of a fuzzer, judged: the first byte is how many bytes a read gives. Ends the process where
 * something is wrong. */
void fake_fuzz(const unsigned char *data, size_t size);

#endif
