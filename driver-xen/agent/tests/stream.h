/* Requests of the agent's protocol, written one behind the other, as tests send them. */
#ifndef IA64SAVE_AGENT_STREAM_H
#define IA64SAVE_AGENT_STREAM_H

#include "../protocol.h"

#define ARGUMENT 0xffffffffu /* holder of a link: an argument */
#define STREAM_DOMCTL 36u

/* A stream of requests that is being written. */
struct stream {
    unsigned char bytes[1 << 20];
    size_t size;
    size_t frame; /* where the last frame began */
    uint32_t id;
};

void put32(struct stream *to, uint32_t value);
void put64(struct stream *to, uint64_t value);
void set32(unsigned char *at, uint32_t value);
uint32_t get32(const unsigned char *at);
void put_fill(struct stream *to, int value, size_t count);
void begin_frame(struct stream *to, uint32_t type);
void end_frame(struct stream *to);
void greet(struct stream *to);
void call_head(struct stream *to, uint64_t number, uint64_t argument, uint32_t buffers,
               uint32_t links);
void put_link(struct stream *to, uint32_t holder, uint32_t offset, uint32_t kind, uint32_t target);
void dirty_log(struct stream *to, uint32_t interface, uint32_t domain, uint32_t operation);
void small(struct stream *to, uint32_t type, uint64_t one, int has_two, uint64_t two);

#endif
