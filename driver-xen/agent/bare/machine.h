/*
 * What start.S gives: all that is not C. Tests bring their own (../tests/machine.c).
 */
#ifndef IA64SAVE_BARE_MACHINE_H
#define IA64SAVE_BARE_MACHINE_H

#include <stdint.h>

/* A hypercall: its result, negative an error number. */
int64_t machine_hypercall(uint64_t number, const uint64_t argument[5]);

/* A call to the simulator that everything runs in. Where there is none it does not come back. */
int64_t machine_simulator(uint64_t number, const uint64_t argument[4]);

/* The interval time counter: so many a second as the processor, or the simulator, pleases. */
uint64_t machine_ticks(void);

#endif
