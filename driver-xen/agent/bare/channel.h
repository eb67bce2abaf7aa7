/*
 * How a driver is reached: a stream of bytes, one session after the other.
 */
#ifndef IA64SAVE_BARE_CHANNEL_H
#define IA64SAVE_BARE_CHANNEL_H

#include <stddef.h>

struct channel {
    const char *name;
    /* Waits for a driver. */
    void (*accept)(void);
    /* As in struct agent_table: they wait for some bytes at least; a driver that is gone is the end. */
    long (*read)(void *data, size_t length);
    long (*write)(const void *data, size_t length);
    /* Ends the session, from our side. */
    void (*end)(void);
};

/* Lines on the hypervisor's console (line.h). */
extern const struct channel console_channel;
/* A byte channel of the simulator that everything runs in. */
extern const struct channel simulator_channel;

#endif
