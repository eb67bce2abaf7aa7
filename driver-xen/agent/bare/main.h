/* Where start.S goes, and what tests go to instead. */
#ifndef IA64SAVE_BARE_MAIN_H
#define IA64SAVE_BARE_MAIN_H

#include <stdint.h>

/* The beginning of what r28 points to: the boot parameters of Linux/ia64. */
struct bare_boot {
    uint64_t command_line; /* physical address of a string; 0: none */
};

/* Finds the hypervisor's release and what the command line says: 0, or 1 where nothing can work. */
int bare_open(const struct bare_boot *boot);

/* Waits for a driver and serves it: how agent_serve() ended. */
int bare_session(void);

/* All of it, for ever. */
void bare_main(const struct bare_boot *boot);

#endif
