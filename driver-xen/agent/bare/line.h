/*
 * A stream of bytes over a console: lines of printable characters that survive what else is printed there,
 * and that are sent again until they have arrived.
 *
 *   ~ kind session(3) number(1) data(0 to 96) sum(4) newline
 *
 * All but the first two are digits of base 64. The sum is that of kind to data. What does not begin with a
 * tilde, or whose sum is wrong, is somebody else's, or spoilt: it is passed over.
 *
 * Each side has at most one numbered line on the way and waits for the acknowledgement that has its
 * number. PROTOCOL.md, chapter 5, says the rest. Freestanding; both ends are made of it: console.c in the
 * control domain, agent_console.c on the driver's machine.
 */
#ifndef IA64SAVE_BARE_LINE_H
#define IA64SAVE_BARE_LINE_H

#include <stddef.h>
#include <stdint.h>

#define LINE_DATA 72u /* bytes of data in a line */
#define LINE_MAX 112u /* characters of a line; Xen keeps 128 that nobody has read */

enum {
    LINE_BEGIN = 'B', /* numbered 0: the driver's side begins a session */
    LINE_CARRIES = 'D', /* numbered: data */
    LINE_END = 'E', /* numbered: no data follows */
    LINE_TAKEN = 'T', /* acknowledges that number */
    LINE_HERE = 'H'   /* the peer is there, and has nothing to say */
};

struct line {
    int kind;
    uint32_t session;
    uint32_t number;
    uint32_t length;
    unsigned char data[LINE_DATA];
};

/* Characters of a line, with its newline. `length` is at most LINE_DATA. */
uint32_t line_put(unsigned char to[LINE_MAX], const struct line *line);

/* A line from its characters without the newline: 1, or 0 where it is none. */
int line_get(struct line *line, const unsigned char *from, uint32_t length);

/* Lines out of what arrives. */
struct line_reader {
    unsigned char held[LINE_MAX];
    uint32_t length; /* 0: not within a line */
};

/* Takes one character; 1 where it ended a line. */
int line_read(struct line_reader *reader, unsigned char character, struct line *line);

/* One end of a session. */
struct line_end {
    int begins; /* it is the driver's side; set by line_open() */
    int open;
    uint32_t session;
    int asked; /* a session that the peer wants to begin */
    uint32_t asking;

    unsigned char out[LINE_MAX]; /* the numbered line on the way */
    uint32_t out_length;         /* 0: none is */
    uint32_t out_number;
    int out_due; /* it is to be sent, again */

    unsigned char in[LINE_DATA]; /* what has arrived and is not taken yet */
    uint32_t in_at, in_length;
    uint32_t in_number; /* the next one expected */
    int in_ended;

    unsigned char answer[LINE_MAX]; /* an acknowledgement to be sent */
    uint32_t answer_length;
    int heard; /* something of the session has arrived since it was last cleared */
    struct line_reader reader;
};

/* An end that waits for a session. */
void line_open(struct line_end *end);

/* Begins a session: the driver's side with a number of its own, the other with the one that was asked. */
void line_begin(struct line_end *end, uint32_t session);
void line_accept(struct line_end *end);

/* Takes what has arrived. */
void line_arrived(struct line_end *end, const unsigned char *data, size_t length);

/* Puts data on the way: how many bytes; 0 while another line is. */
uint32_t line_offer(struct line_end *end, const unsigned char *data, size_t length);
/* The same for the end of the data: 1, or 0 while another line is on the way. */
int line_finish(struct line_end *end);

/* Data that has arrived: how many bytes. */
uint32_t line_take(struct line_end *end, unsigned char *to, size_t room);

/* The next characters to be sent, or 0. */
uint32_t line_due(struct line_end *end, unsigned char to[LINE_MAX]);
/* The line on the way is to be sent again: it was not acknowledged in time. */
void line_again(struct line_end *end);
/* Characters that say that this side is there. */
uint32_t line_here(const struct line_end *end, unsigned char to[LINE_MAX]);

#endif
