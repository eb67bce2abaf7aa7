/*
 * What a peer has switched on in the hypervisor, and what is switched off again when it is gone.
 *
 * Regions and mappings end with the connection because the table's unmap() ends them. Log-dirty is the
 * one thing that lasts in the hypervisor by itself: a domain whose saver has died keeps it for ever,
 * and the next saver is told EINVAL. So it is the one hypercall that the agent looks into.
 *
 * Used by protocol.c, freestanding like it.
 */
#ifndef IA64SAVE_AGENT_UNDO_H
#define IA64SAVE_AGENT_UNDO_H

#include "protocol.h"

/* Looks at agent->call before it is made: 0, or AGENT_ENOSPC where it would switch on what could not be
 * remembered. It is not made then. */
int undo_before(struct agent *agent);

/* Remembers, or forgets, by the result of the call that undo_before() has looked at. */
void undo_after(struct agent *agent, int64_t result);

/* Switches off what is still on. Uses the arena and agent->call. */
void undo_all(struct agent *agent);

#endif
