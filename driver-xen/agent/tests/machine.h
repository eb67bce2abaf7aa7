/*
 * A machine for bare/ that is not there: a hypervisor of any release, with a domain whose pages appear
 * where they are mapped, a simulator's byte channel, and a console that loses characters.
 */
#ifndef IA64SAVE_AGENT_MACHINE_H
#define IA64SAVE_AGENT_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#define MACHINE_FRAMES 40u /* of the domain: 0 to 39; those divisible by 7 are not there */
#define MACHINE_DOMAIN 5u
#define MACHINE_MFN 0xbe00u /* its machine frames, in Xen 3.0.3, begin here */

struct machine {
    uint32_t interface; /* of domctl; 0: none is answered */
    uint64_t window;    /* where bare/ may map: a frame of this process's address space */

    /* What was seen, and what is there now. */
    unsigned calls, maps, unmaps, yields;
    unsigned mapped, exposed, dirty;
    uint64_t argument[5]; /* of the last call */
    int stubborn;         /* unexposing fails */
    int wrong;            /* bare/ did what it must not */

    /* The simulator's channel: a driver that sends all it has, and then goes. */
    const unsigned char *in;
    size_t in_size, in_at, most;
    unsigned char *out;
    size_t out_size, out_room;
    unsigned ends;
    int deaf; /* writes fail */

    /* The console: what is typed, and who reads what is printed. */
    unsigned char typed[128]; /* as much as Xen keeps */
    size_t typed_size;
    void (*printed)(const unsigned char *data, size_t length);
    void (*idle)(void); /* somebody else's turn */
    uint64_t ticks, tick;
};

extern struct machine machine;

/* A fresh machine; the domain's page f is full of f. Frees what the last one had. */
void machine_init(uint32_t interface);

/* A byte of the domain's memory. */
unsigned char machine_byte(uint32_t frame, size_t offset);

/* Types on the console; what there is no room for is lost. */
void machine_type(const unsigned char *data, size_t length);

#endif
