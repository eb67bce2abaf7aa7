/*
 * See undo.h.
 *
 * A domctl is the same in its first 24 bytes in every interface version from 3 on, on ia64 and x86:
 * command at 0, interface version at 4, domain at 8 (16 bits), and for shadow_op its operation at 16.
 */
#include "undo.h"

#define DOMCTL 36u
#define SHADOW_OP 10u
#define SHADOW_OFF 0u
#define SHADOW_ENABLE_LOGDIRTY 2u
#define HEAD 24u
#define LONGEST 4096u /* domctls have been 144 bytes; what is longer is none */
#define ESRCH 3

enum { NOTHING, SWITCHES_ON, SWITCHES_OFF };

/* Numbers in a buffer have this machine's byte order. */

static uint32_t word(const unsigned char *at)
{
    union {
        uint32_t value;
        unsigned char bytes[4];
    } one;
    uint32_t i;

    for (i = 0; i < 4; i++)
        one.bytes[i] = at[i];
    return one.value;
}

static uint32_t half(const unsigned char *at)
{
    union {
        uint16_t value;
        unsigned char bytes[2];
    } one;

    one.bytes[0] = at[0];
    one.bytes[1] = at[1];
    return one.value;
}

static void put(unsigned char *at, uint32_t value, uint32_t bytes)
{
    union {
        uint32_t word;
        uint16_t half;
        unsigned char bytes[4];
    } one;
    uint32_t i;

    if (bytes == 2)
        one.half = (uint16_t)value;
    else
        one.word = value;
    for (i = 0; i < bytes; i++)
        at[i] = one.bytes[i];
}

/* The buffer that a call's first argument points to, if its head is what the hypervisor will see. */
static const struct agent_buffer *structure_of(const struct agent_call *call)
{
    const struct agent_buffer *found = NULL;
    uint32_t i, j;

    for (i = 0; i < call->links; i++)
        if (call->link[i].place == NULL && call->link[i].argument == 0) {
            found = NULL; /* the last one counts */
            for (j = 0; j < call->buffers && call->link[i].region == NULL; j++)
                if (call->buffer[j].data == call->link[i].target &&
                    (call->buffer[j].flags & AGENT_IN) != 0 && call->buffer[j].length >= HEAD &&
                    call->buffer[j].length <= LONGEST)
                    found = &call->buffer[j];
        }
    for (i = 0; i < call->links && found != NULL; i++)
        if (call->link[i].place != NULL && call->link[i].place + 8 > found->data &&
            call->link[i].place < found->data + HEAD)
            found = NULL; /* an address is written over it */
    return found;
}

static struct agent_undo *undo_of(struct agent *agent, uint32_t domain)
{
    uint32_t i;

    for (i = 0; i < agent->undos; i++)
        if (agent->undo[i].domain == domain)
            return &agent->undo[i];
    return NULL;
}

int undo_before(struct agent *agent)
{
    const struct agent_buffer *at;
    uint32_t operation;

    agent->change = NOTHING;
    if (agent->call.number != DOMCTL)
        return 0;
    at = structure_of(&agent->call);
    if (at == NULL || word(at->data) != SHADOW_OP)
        return 0;
    operation = word(at->data + 16);
    if (operation != SHADOW_ENABLE_LOGDIRTY && operation != SHADOW_OFF)
        return 0;
    agent->change = operation == SHADOW_OFF ? SWITCHES_OFF : SWITCHES_ON;
    agent->changed.interface = word(at->data + 4);
    agent->changed.domain = half(at->data + 8);
    agent->changed.length = at->length;
    if (agent->change == SWITCHES_ON && agent->undos == AGENT_UNDOS &&
        undo_of(agent, agent->changed.domain) == NULL)
        return AGENT_ENOSPC;
    return 0;
}

void undo_after(struct agent *agent, int64_t result)
{
    struct agent_undo *known;

    if (agent->change == NOTHING || result < 0)
        return;
    known = undo_of(agent, agent->changed.domain);
    if (agent->change == SWITCHES_OFF) {
        if (known != NULL) {
            struct agent_undo *last = &agent->undo[--agent->undos];

            known->interface = last->interface;
            known->domain = last->domain;
            known->length = last->length;
        }
        return;
    }
    if (known == NULL)
        known = &agent->undo[agent->undos++];
    known->interface = agent->changed.interface;
    known->domain = agent->changed.domain;
    known->length = agent->changed.length;
}

/* The call that takes back one. */
static int64_t switch_off(struct agent *agent, const struct agent_undo *undo)
{
    struct agent_call *call = &agent->call;
    volatile unsigned char *zero = agent->memory.arena;
    unsigned char *at = agent->memory.arena;
    uint32_t i;

    for (i = 0; i < undo->length; i++)
        zero[i] = 0;
    put(at, SHADOW_OP, 4);
    put(at + 4, undo->interface, 4);
    put(at + 8, undo->domain, 2);
    put(at + 16, SHADOW_OFF, 4);
    call->number = DOMCTL;
    for (i = 0; i < AGENT_ARGUMENTS; i++)
        call->argument[i] = 0;
    call->buffers = 1;
    call->buffer[0].data = at;
    call->buffer[0].length = undo->length;
    call->buffer[0].flags = AGENT_IN | AGENT_OUT;
    call->links = 1;
    call->link[0].place = NULL;
    call->link[0].argument = 0;
    call->link[0].target = at;
    call->link[0].length = undo->length;
    call->link[0].region = NULL;
    return agent->table->hypercall(agent->context, call);
}

void undo_all(struct agent *agent)
{
    while (agent->undos != 0) {
        int64_t result = switch_off(agent, &agent->undo[--agent->undos]);

        if (result < 0 && result != -ESRCH) /* a domain that is gone has nothing on */
            agent->stuck++;
    }
}
