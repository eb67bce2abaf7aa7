/* Tests of protocol.c over fake.c: what every message does, and what no peer can make it do. */
#include "fake.h"
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;

#define CHECK(what)                                                              \
    do {                                                                         \
        if (!(what)) {                                                           \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #what); \
            failed = 1;                                                          \
        }                                                                        \
    } while (0)

/* FAKE_TURN of `length` bytes, 0, 1, 2 ... */
static void turn(struct stream *to, uint32_t length)
{
    uint32_t i;

    call_head(to, FAKE_TURN, 0, 2, 2);
    put32(to, 16);
    put32(to, AGENT_IN | AGENT_OUT);
    put32(to, length);
    put32(to, AGENT_IN | AGENT_OUT);
    put_link(to, ARGUMENT, 0, 0, 0);
    put_link(to, 0, 0, 0, 1);
    put64(to, 0);
    put64(to, length);
    for (i = 0; i < ((length + 7) & ~7u); i++)
        to->bytes[to->size++] = (unsigned char)(i < length ? i : 0);
    end_frame(to);
}

static void pages(struct stream *to, uint32_t type, uint32_t domain, const uint64_t *frames,
                  uint32_t count)
{
    uint32_t i;

    begin_frame(to, type);
    put32(to, domain);
    put32(to, count);
    put64(to, 0);
    for (i = 0; i < count; i++)
        put64(to, frames[i]);
    if (type == AGENT_WRITE_PAGES)
        for (i = 0; i < count; i++)
            put_fill(to, 0x80 + (int)i, FAKE_PAGE);
    end_frame(to);
}

static void expose(struct stream *to, uint32_t region)
{
    call_head(to, FAKE_EXPOSE, 0, 0, 1);
    put_link(to, ARGUMENT, 0, 1, region);
    end_frame(to);
}

/* Serves a stream; the reply number `index`, which has to have this status; its body. */
static const unsigned char *reply(const struct fake *fake, size_t index, uint32_t status,
                                  uint32_t *length)
{
    size_t at = 0;

    for (;;) {
        const unsigned char *header = fake->out + at;

        if (fake->out_size - at < AGENT_HEADER) {
            fprintf(stderr, "reply %lu is not there\n", (unsigned long)index);
            exit(1);
        }
        if (index-- == 0) {
            if (get32(header + 12) != status)
                fprintf(stderr, "status %u, expected %u\n", get32(header + 12), status);
            CHECK(get32(header + 12) == status);
            *length = get32(header);
            return header + AGENT_HEADER;
        }
        at += AGENT_HEADER + get32(header);
    }
}

static struct stream stream;
static struct fake fake;

static int serve(size_t most)
{
    int result;
    const char *wrong;

    fake_init(&fake, stream.bytes, stream.size, most);
    result = fake_serve(&fake);
    wrong = fake_judge(&fake, result);
    if (wrong != NULL)
        fprintf(stderr, "%s (end %d)\n", wrong, result);
    CHECK(wrong == NULL);
    return result;
}

static void fresh(int hello)
{
    stream.size = 0;
    stream.id = 0;
    if (hello)
        greet(&stream);
}

/* One of each, good. */
static const uint64_t some[5] = {3, 7, 8, 9999, 1};

static void session(void)
{
    fresh(1);
    call_head(&stream, FAKE_SUM, 100, 0, 0);
    end_frame(&stream);
    turn(&stream, 13);
    turn(&stream, 9000);
    pages(&stream, AGENT_READ_PAGES, FAKE_DOMAIN, some, 5);
    pages(&stream, AGENT_WRITE_PAGES, FAKE_DOMAIN, some, 5);
    pages(&stream, AGENT_READ_PAGES, FAKE_DOMAIN, some, 5);
    pages(&stream, AGENT_CLEAR_PAGES, FAKE_DOMAIN, some + 2, 3);
    small(&stream, AGENT_RESERVE, 1, 0, 0);
    expose(&stream, 0);
    small(&stream, AGENT_READ_REGION, (uint64_t)40 << 32, 1, 4056);
    small(&stream, AGENT_RELEASE, 0, 0, 0);
    dirty_log(&stream, FAKE_INTERFACE, 7, 2);
    dirty_log(&stream, FAKE_INTERFACE, 9, 2);
    dirty_log(&stream, FAKE_INTERFACE, 7, 0);
    small(&stream, AGENT_RESERVE, 1, 0, 0); /* 15: left to the end, with what is exposed there */
    expose(&stream, 0);
}

static void check_session(void)
{
    const unsigned char *body;
    uint32_t length, i;

    CHECK(serve(4096) == AGENT_END);
    body = reply(&fake, 0, 0, &length);
    CHECK(length == 64 && memcmp(body, "ia64save", 8) == 0 && get32(body + 8) == 1);
    CHECK(get32(body + 12) == FAKE_PAGE && get32(body + 16) == 0 && get32(body + 20) == 8);
    CHECK(get32(body + 24) == 16 + FAKE_BATCH * (FAKE_PAGE + 8) && get32(body + 28) == FAKE_BATCH);
    CHECK(get32(body + 32) == 8 && get32(body + 36) == 16 && get32(body + 40) == FAKE_ARENA);
    CHECK(get32(body + 48) == 2 && get32(body + 56) == 4);
    body = reply(&fake, 1, 0, &length);
    CHECK(length == 8 && get32(body) == 110);
    body = reply(&fake, 2, 0, &length);
    CHECK(length == 8 + 16 + 16 && get32(body) == 13);
    for (i = 0; i < 8; i++) /* no address comes back */
        CHECK(body[8 + i] == 0);
    for (i = 0; i < 13; i++)
        CHECK(body[24 + i] == 12 - i);
    for (i = 13; i < 16; i++)
        CHECK(body[24 + i] == 0);
    body = reply(&fake, 3, 0, &length);
    CHECK(length == 8 + 16 + 9000 && body[24] == (8999 & 0xff));
    body = reply(&fake, 4, 0, &length);
    CHECK(length == 20 + 3 * FAKE_PAGE);
    CHECK(get32(body) == 0 && get32(body + 4) == 14 && get32(body + 8) == 0);
    CHECK(get32(body + 12) == 14 && get32(body + 16) == 0);
    CHECK(body[20] == 3 && body[20 + FAKE_PAGE] == 8 && body[20 + 2 * FAKE_PAGE] == 1);
    body = reply(&fake, 5, 0, &length);
    CHECK(length == 20 && get32(body) == 0 && get32(body + 4) == 14);
    body = reply(&fake, 6, 0, &length);
    CHECK(body[20] == 0x80 && body[20 + FAKE_PAGE - 1] == 0x80);
    CHECK(body[20 + FAKE_PAGE] == 0x82 && body[20 + 2 * FAKE_PAGE] == 0x84);
    body = reply(&fake, 7, 0, &length);
    CHECK(length == 12 && get32(body + 4) == 14);
    CHECK(fake.page[8][0] == 0 && fake.page[1][FAKE_PAGE - 1] == 0 && fake.page[3][0] == 0x80);
    body = reply(&fake, 8, 0, &length);
    CHECK(length == 8 && get32(body) == 0);
    body = reply(&fake, 9, 0, &length);
    CHECK(length == 8 && get32(body) == 0);
    body = reply(&fake, 10, 0, &length);
    CHECK(length == 40 && body[0] == 0x5a && body[39] == 0x5a);
    (void)reply(&fake, 11, 0, &length);
    CHECK(length == 0);
    for (i = 12; i < 15; i++) {
        body = reply(&fake, i, 0, &length);
        CHECK(length == 8 + 144 && get32(body) == 0 && get32(body + 8) == 10);
    }
    CHECK(fake.stuck == 0);
}

/* However the stream is cut into reads and writes, the answers are the same. */
static void check_cuts(void)
{
    static unsigned char whole[1 << 20];
    size_t size, most;

    session();
    serve(1 << 20);
    size = fake.out_size;
    memcpy(whole, fake.out, size);
    fake_free(&fake);
    for (most = 1; most < 40; most += most < 9 ? 1 : 15) {
        CHECK(serve(most) == AGENT_END);
        CHECK(fake.out_size == size && memcmp(fake.out, whole, size) == 0);
        fake_free(&fake);
    }
}

/* A stream that ends anywhere, and a peer that stops to listen anywhere. */
static void check_ends(void)
{
    size_t whole, out;

    session();
    whole = stream.size;
    serve(4096);
    out = fake.out_size;
    fake_free(&fake);
    for (stream.size = 0; stream.size < whole; stream.size += stream.size % 512 < 200 ? 1 : 97) {
        int result = serve(4096);

        CHECK(result == AGENT_END || result == AGENT_CUT_SHORT);
        fake_free(&fake);
    }
    stream.size = whole;
    for (whole = 0; whole < out; whole += whole % 512 < 200 ? 1 : 97) {
        int result;

        fake_init(&fake, stream.bytes, stream.size, 4096);
        fake.out_limit = whole;
        result = fake_serve(&fake);
        CHECK(result == AGENT_WRITE_FAILED);
        CHECK(fake_judge(&fake, result) == NULL);
        fake_free(&fake);
    }
}

/* What a peer has switched on is off when it is gone, however it goes; what it has not is left alone. */
static void check_undone(void)
{
    uint32_t length, i, calls;

    fresh(1);
    dirty_log(&stream, FAKE_INTERFACE, 3, 2); /* 1 */
    dirty_log(&stream, FAKE_INTERFACE, 4, 2); /* 2: somebody else's */
    dirty_log(&stream, FAKE_INTERFACE, 5, 2); /* 3 */
    dirty_log(&stream, FAKE_INTERFACE, 5, 0);
    fake_init(&fake, stream.bytes, stream.size, 4096);
    fake.dirty[4] = 2;
    CHECK(fake_serve(&fake) == AGENT_END);
    CHECK(get32(reply(&fake, 2, 0, &length)) == (uint32_t)-22);
    CHECK(fake.dirty[3] == 0 && fake.dirty[4] == 2 && fake.dirty[5] == 0);
    CHECK(fake.calls == 5); /* one for what was left on, none for the others */
    CHECK(fake_judge(&fake, AGENT_END) == NULL);
    fake_free(&fake);

    /* A peer that takes over what another has left: off, on. */
    fresh(1);
    dirty_log(&stream, FAKE_INTERFACE, 4, 0);
    dirty_log(&stream, FAKE_INTERFACE, 4, 2);
    fake_init(&fake, stream.bytes, stream.size, 4096);
    fake.dirty[4] = 2;
    CHECK(fake_serve(&fake) == AGENT_END);
    CHECK(fake.dirty[4] == 0);
    fake_free(&fake);

    /* On twice is off once; an error of the hypervisor's is told to whoever links the agent. */
    fresh(1);
    dirty_log(&stream, FAKE_INTERFACE, 6, 2);
    dirty_log(&stream, FAKE_INTERFACE, 6, 2);
    dirty_log(&stream, FAKE_INTERFACE, 6, 0);
    dirty_log(&stream, FAKE_INTERFACE, 8, 2);
    fake_init(&fake, stream.bytes, stream.size, 4096);
    fake.stubborn = 1;
    CHECK(fake_serve(&fake) == AGENT_END);
    CHECK(fake.calls == 6 && fake.stuck == 2);
    CHECK(fake_judge(&fake, AGENT_END) == NULL);
    fake_free(&fake);

    /* No more than can be remembered, and that much. */
    fresh(1);
    for (i = 0; i <= AGENT_UNDOS; i++)
        dirty_log(&stream, FAKE_INTERFACE, i, 2);
    dirty_log(&stream, FAKE_INTERFACE, 0, 0);
    dirty_log(&stream, FAKE_INTERFACE, AGENT_UNDOS, 2);
    CHECK(serve(4096) == AGENT_END);
    (void)reply(&fake, AGENT_UNDOS, 0, &length);
    (void)reply(&fake, AGENT_UNDOS + 1, AGENT_ENOSPC, &length);
    (void)reply(&fake, AGENT_UNDOS + 3, 0, &length);
    CHECK(fake.calls == 2 * AGENT_UNDOS + 2);
    fake_free(&fake);

    /* What looks like it and is not: another hypercall, another domctl, no structure, half of one,
     * one that only comes back, one whose head an address is written over. */
    for (i = 0; i < 6; i++) {
        fresh(1);
        dirty_log(&stream, FAKE_INTERFACE, 3, 2);
        switch (i) {
        case 0: stream.bytes[stream.frame + 16] = 35; break;
        case 1: stream.bytes[stream.frame + 16 + 64 + 24] = 13; break;
        case 2: stream.bytes[stream.frame + 16 + 64 + 12] = 1; break;
        case 3:
            set32(stream.bytes + stream.frame + 16 + 64, 16);
            stream.size -= 128;
            end_frame(&stream);
            break;
        case 4:
            set32(stream.bytes + stream.frame + 16 + 68, AGENT_OUT);
            stream.size -= 144;
            end_frame(&stream);
            break;
        default: set32(stream.bytes + stream.frame + 16 + 72, 0); break;
        }
        CHECK(serve(4096) == AGENT_END);
        CHECK(fake.calls == 1);
        fake_free(&fake);
    }

    /* Every byte at which a peer can go after it has left two domains with log-dirty and a region. */
    for (calls = 0; calls < 3; calls++) {
        size_t whole, from;

        fresh(1);
        dirty_log(&stream, FAKE_INTERFACE, 1, 2);
        small(&stream, AGENT_RESERVE, 1, 0, 0);
        expose(&stream, 0);
        dirty_log(&stream, FAKE_INTERFACE, 2, 2);
        whole = stream.size;
        if (calls == 1) { /* goes on to do something wrong */
            stream.bytes[stream.frame + 10] = 'B';
            serve(1 << 20);
            fake_free(&fake);
            continue;
        }
        for (from = 0; from <= whole; from++) {
            if (calls == 0) {
                stream.size = from;
                serve(1 + from % 300);
            } else { /* or stops to listen */
                int result;

                fake_init(&fake, stream.bytes, whole, 4096);
                fake.out_limit = from;
                result = fake_serve(&fake);
                CHECK(fake_judge(&fake, result) == NULL);
            }
            fake_free(&fake);
        }
    }
}

/* Frames that end the connection, and how they say so. */
static void ends_with(int reason)
{
    uint32_t length;
    const unsigned char *last;
    int result = serve(4096);

    if (result != reason)
        fprintf(stderr, "ended with %d, expected %d\n", result, reason);
    CHECK(result == reason);
    last = fake.out + fake.out_size - 24;
    CHECK(fake.out_size >= 24 && last[8] == 0xff && last[9] == 0xff);
    CHECK(get32(last + 16) == (uint32_t)reason);
    length = get32(last);
    CHECK(length == 8);
    fake_free(&fake);
}

static void check_violations(void)
{
    fresh(0);
    call_head(&stream, FAKE_SUM, 1, 0, 0);
    end_frame(&stream);
    ends_with(AGENT_NO_HELLO);
    fresh(1);
    greet(&stream);
    ends_with(AGENT_NO_HELLO);
    fresh(1);
    stream.bytes[16] = 'I';
    ends_with(AGENT_NO_HELLO);
    fresh(1);
    set32(stream.bytes + 24, 2);
    set32(stream.bytes + 28, 9);
    ends_with(AGENT_BAD_VERSION);
    fresh(1);
    set32(stream.bytes + 28, 0);
    ends_with(AGENT_BAD_VERSION);
    fresh(1);
    stream.bytes[10] = 'B';
    ends_with(AGENT_BAD_MARK);
    fresh(1);
    stream.bytes[12] = 1;
    ends_with(AGENT_BAD_HEADER);
    fresh(1);
    begin_frame(&stream, AGENT_HYPERCALL | AGENT_REPLY);
    ends_with(AGENT_BAD_HEADER);
    fresh(1);
    begin_frame(&stream, AGENT_HYPERCALL);
    set32(stream.bytes + stream.frame, 16 + FAKE_BATCH * (FAKE_PAGE + 8) + 1);
    ends_with(AGENT_BAD_LENGTH);
    fresh(1);
    begin_frame(&stream, AGENT_HYPERCALL);
    set32(stream.bytes + stream.frame, 64);
    ends_with(AGENT_CUT_SHORT);
}

/* Messages that are refused, behind which the connection goes on. */
static void refused_with(uint32_t status)
{
    uint32_t length;
    const unsigned char *body;

    call_head(&stream, FAKE_SUM, 5, 0, 0);
    end_frame(&stream);
    CHECK(serve(4096) == AGENT_END);
    (void)reply(&fake, 1, status, &length);
    CHECK(length == 0);
    body = reply(&fake, 2, 0, &length);
    CHECK(length == 8 && get32(body) == 15);
    CHECK(fake.calls == 1); /* nothing of a refused message reaches the hypervisor */
    fake_free(&fake);
}

static void check_refusals(void)
{
    uint64_t many[FAKE_BATCH + 1];
    uint32_t i;

    memset(many, 0, sizeof many);
    fresh(1);
    small(&stream, 77, 1, 0, 0);
    refused_with(AGENT_ENOSYS);
    fresh(1);
    small(&stream, AGENT_HYPERCALL, 1, 0, 0);
    refused_with(AGENT_EINVAL);
    fresh(1);
    begin_frame(&stream, AGENT_HYPERCALL);
    put_fill(&stream, 0, FAKE_ARENA);
    end_frame(&stream);
    refused_with(AGENT_E2BIG);
    fresh(1);
    call_head(&stream, FAKE_SUM, 1, AGENT_BUFFERS + 1, 0);
    end_frame(&stream);
    refused_with(AGENT_E2BIG);
    fresh(1);
    call_head(&stream, FAKE_SUM, 1, 0xffffffffu, 0xffffffffu);
    end_frame(&stream);
    refused_with(AGENT_E2BIG);
    fresh(1);
    call_head(&stream, FAKE_SUM, 1, 1, 0); /* a buffer that is not there */
    end_frame(&stream);
    refused_with(AGENT_EINVAL);
    fresh(1);
    call_head(&stream, FAKE_SUM, 1, 0, 0); /* more than it says */
    put_fill(&stream, 0, 8);
    end_frame(&stream);
    refused_with(AGENT_EINVAL);
    for (i = 0; i < 9; i++) { /* lengths and directions of one buffer */
        static const uint32_t lengths[9] = {17, 0xffffffffu, 0xfffffff9u, 0x80000000u, 16,
                                            16, 25,          FAKE_ARENA,  0xfffffff8u};
        static const uint32_t flags[9] = {1, 1, 1, 3, 0, 4, 3, 2, 2};

        fresh(1);
        call_head(&stream, FAKE_SUM, 1, 1, 0);
        put32(&stream, lengths[i]);
        put32(&stream, flags[i]);
        if (flags[i] != 2)
            put_fill(&stream, 1, 16);
        end_frame(&stream);
        refused_with(i < 7 ? AGENT_EINVAL : AGENT_E2BIG);
    }
    for (i = 0; i < 8; i++) { /* links that lead nowhere */
        static const uint32_t bad[8][4] = {
            {ARGUMENT, 5, 0, 0}, {0, 9, 0, 0}, {0, 0xffffffffu, 0, 0}, {1, 0, 0, 0},
            {0, 0, 0, 1},        {0, 0, 2, 0}, {0, 0, 1, 0},           {0, 0, 1, 0xffffffffu}};

        fresh(1);
        call_head(&stream, FAKE_SUM, 1, 1, 1);
        put32(&stream, 16);
        put32(&stream, 1);
        put_link(&stream, bad[i][0], bad[i][1], bad[i][2], bad[i][3]);
        put_fill(&stream, 1, 16);
        end_frame(&stream);
        refused_with(i < 6 ? AGENT_EINVAL : AGENT_EBADF);
    }
    for (i = 0; i < 3; i++) {
        static const uint32_t types[3] = {AGENT_READ_PAGES, AGENT_WRITE_PAGES, AGENT_CLEAR_PAGES};

        fresh(1);
        pages(&stream, types[i], FAKE_DOMAIN, some, 0);
        refused_with(AGENT_EINVAL);
        fresh(1);
        pages(&stream, types[i], FAKE_DOMAIN + 1, some, 5);
        refused_with(3);
        fresh(1); /* more frames than it says */
        pages(&stream, types[i], FAKE_DOMAIN, some, 5);
        set32(stream.bytes + stream.frame + 20, 4);
        refused_with(AGENT_EINVAL);
        fresh(1); /* many more than it says */
        pages(&stream, types[i], FAKE_DOMAIN, some, 5);
        set32(stream.bytes + stream.frame + 20, 0x20000005u);
        refused_with(AGENT_E2BIG);
        fresh(1);
        pages(&stream, types[i], FAKE_DOMAIN, some, 5);
        stream.bytes[stream.frame + 24] = 1;
        refused_with(AGENT_EINVAL);
    }
    fresh(1);
    pages(&stream, AGENT_READ_PAGES, FAKE_DOMAIN, many, FAKE_BATCH + 1);
    refused_with(AGENT_E2BIG);
    fresh(1);
    small(&stream, AGENT_RESERVE, 0, 0, 0);
    refused_with(AGENT_EINVAL);
    fresh(1);
    small(&stream, AGENT_RESERVE, 5, 0, 0);
    refused_with(AGENT_E2BIG);
    fresh(1);
    small(&stream, AGENT_RESERVE, ~(uint64_t)0, 0, 0);
    refused_with(AGENT_E2BIG);
    fresh(1);
    small(&stream, AGENT_RESERVE, 1, 1, 1);
    refused_with(AGENT_EINVAL);
    fresh(1);
    small(&stream, AGENT_RELEASE, 0, 0, 0);
    refused_with(AGENT_EBADF);
    fresh(1);
    small(&stream, AGENT_READ_REGION, 0xffffffffu, 1, 0);
    refused_with(AGENT_EBADF);
}

static void check_regions(void)
{
    uint32_t length;

    fresh(1);
    small(&stream, AGENT_RESERVE, 1, 0, 0);                         /* 1: region 0 */
    small(&stream, AGENT_READ_REGION, (uint64_t)8 << 32, 1, 0);     /* 2: nothing is in it */
    small(&stream, AGENT_RESERVE, 1, 0, 0);                         /* 3: region 1 */
    small(&stream, AGENT_RESERVE, 1, 0, 0);                         /* 4: one too many */
    expose(&stream, 1);                                             /* 5 */
    small(&stream, AGENT_READ_REGION, 1 | (uint64_t)8 << 32, 1, 0); /* 6 */
    small(&stream, AGENT_READ_REGION, 1 | (uint64_t)8 << 32, 1, 4089);
    small(&stream, AGENT_READ_REGION, 1 | (uint64_t)0 << 32, 1, 4096); /* 8: nothing, at the end */
    small(&stream, AGENT_READ_REGION, 1, 1, 4097);
    small(&stream, AGENT_READ_REGION, 1 | (uint64_t)8 << 32, 1, ~(uint64_t)0 - 3);
    small(&stream, AGENT_READ_REGION, 1 | (uint64_t)0xffffffffu << 32, 1, 0);
    small(&stream, AGENT_RELEASE, 1, 0, 0); /* 12 */
    small(&stream, AGENT_READ_REGION, 1 | (uint64_t)8 << 32, 1, 0);
    small(&stream, AGENT_RELEASE, 1, 0, 0);
    small(&stream, AGENT_RESERVE, 2, 0, 0);                         /* 15: region 1 again */
    small(&stream, AGENT_READ_REGION, 1 | (uint64_t)8 << 32, 1, 0); /* 16: and empty */
    call_head(&stream, FAKE_FAIL, 0, 0, 1);                         /* 17 */
    put_link(&stream, ARGUMENT, 0, 1, 1);
    end_frame(&stream);
    small(&stream, AGENT_READ_REGION, 1 | (uint64_t)8 << 32, 1, 0); /* 18: still empty */
    /* region 0 and 1 are left to the end of the connection */
    CHECK(serve(4096) == AGENT_END);
    (void)reply(&fake, 2, AGENT_EFAULT, &length);
    CHECK(get32(reply(&fake, 3, 0, &length)) == 1);
    (void)reply(&fake, 4, AGENT_ENOSPC, &length);
    (void)reply(&fake, 6, 0, &length);
    CHECK(length == 8);
    (void)reply(&fake, 7, AGENT_EFAULT, &length);
    (void)reply(&fake, 8, 0, &length);
    CHECK(length == 0);
    (void)reply(&fake, 9, AGENT_EFAULT, &length);
    (void)reply(&fake, 10, AGENT_EFAULT, &length);
    (void)reply(&fake, 11, AGENT_EFAULT, &length);
    (void)reply(&fake, 12, 0, &length);
    (void)reply(&fake, 13, AGENT_EBADF, &length);
    (void)reply(&fake, 14, AGENT_EBADF, &length);
    CHECK(get32(reply(&fake, 15, 0, &length)) == 1);
    (void)reply(&fake, 16, AGENT_EFAULT, &length);
    (void)reply(&fake, 18, AGENT_EFAULT, &length);
    fake_free(&fake);
}

/* A call that is as large as it may be, one with zeros where nothing was given, and one that fails. */
static void check_hypercalls(void)
{
    uint32_t length, i;
    const unsigned char *body;

    fresh(1);
    turn(&stream, FAKE_ARENA - 64 - 16 - 32 - 16 - 8);
    call_head(&stream, FAKE_LOOK, 0, 2, 0);
    put32(&stream, 16);
    put32(&stream, AGENT_IN);
    put32(&stream, 13000);
    put32(&stream, AGENT_OUT);
    put_fill(&stream, 2, 16);
    end_frame(&stream);
    call_head(&stream, FAKE_FAIL, 0, 0, 0);
    end_frame(&stream);
    CHECK(serve(777) == AGENT_END);
    body = reply(&fake, 1, 0, &length);
    CHECK(get32(body) == FAKE_ARENA - 136);
    body = reply(&fake, 2, 0, &length);
    CHECK(length == 8 + 13000 && get32(body) == 32);
    for (i = 0; i < 13000; i++)
        CHECK(body[8 + i] == 0);
    body = reply(&fake, 3, 0, &length);
    CHECK(length == 8 && get32(body) == (uint32_t)-13 && get32(body + 4) == 0xffffffffu);
    fake_free(&fake);
}

static uint64_t random_state;

static uint32_t any(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20) % below;
}

/* Sessions of random messages with some of their bytes changed. */
static void check_random(uint32_t rounds)
{
    uint32_t round, i;

    for (round = 0; round < rounds && !failed; round++) {
        random_state = 0x9e3779b97f4a7c15u ^ ((uint64_t)round << 24);
        fresh(any(16) != 0);
        for (i = any(9); i > 0; i--) {
            uint64_t frames[FAKE_BATCH];
            uint32_t j, count = 1 + any(6);

            for (j = 0; j < count; j++)
                frames[j] = any(FAKE_PAGES + 2);
            switch (any(10)) {
            case 0:
                turn(&stream, any(7000));
                break;
            case 1:
                pages(&stream, AGENT_READ_PAGES, FAKE_DOMAIN, frames, count);
                break;
            case 2:
                pages(&stream, AGENT_WRITE_PAGES, FAKE_DOMAIN, frames, count);
                break;
            case 3:
                pages(&stream, AGENT_CLEAR_PAGES, FAKE_DOMAIN, frames, count);
                break;
            case 4:
                small(&stream, AGENT_RESERVE, 1 + any(4), 0, 0);
                break;
            case 5:
                expose(&stream, any(2));
                break;
            case 6:
                small(&stream, AGENT_READ_REGION, any(2) | (uint64_t)any(5000) << 32, 1, any(5000));
                break;
            case 7:
                small(&stream, AGENT_RELEASE, any(2), 0, 0);
                break;
            case 8:
                dirty_log(&stream, FAKE_INTERFACE, any(4) == 0 ? any(FAKE_DOMAINS + 2) : any(2), any(3));
                break;
            default:
                begin_frame(&stream, any(12));
                put_fill(&stream, (int)any(256), any(200));
                end_frame(&stream);
            }
            for (j = any(3) == 0 ? any(4) : 0; j > 0; j--) /* within the first bytes of it */
                stream.bytes[stream.frame + any(120) % (stream.size - stream.frame)] =
                    (unsigned char)(any(2) ? any(256) : any(3) - 1);
        }
        if (any(4) == 0 && stream.size > 0)
            stream.size -= any((uint32_t)stream.size);
        serve(1 + any(any(2) ? 5000 : 20));
        fake_free(&fake);
    }
}

/* Memory that cannot work is refused before a byte is read. */
static void check_memory(void)
{
    static uint64_t arena[1024], frames[4];
    static int32_t errors[4];
    static struct agent_region regions[1];
    struct agent agent;
    uint32_t i;

    for (i = 0; i < 10; i++) {
        memset(&agent, 0, sizeof agent);
        agent.memory.arena = (unsigned char *)arena;
        agent.memory.arena += 16 - (uintptr_t)arena % 16;
        agent.memory.arena_size = 8000;
        agent.memory.frames = frames;
        agent.memory.errors = errors;
        agent.memory.max_pages = 4;
        agent.memory.regions = regions;
        agent.memory.max_regions = 1;
        agent.memory.max_region_pages = 4;
        agent.memory.page_size = 4096;
        switch (i) {
        case 0: agent.memory.arena += 8; break;
        case 1: agent.memory.arena_size = 4096; break;
        case 2: agent.memory.arena_size = 0x40000001u; break;
        case 3: agent.memory.max_pages = 0; break;
        case 4: agent.memory.max_pages = 65537; break;
        case 5: agent.memory.page_size = 12288; break;
        case 6: agent.memory.page_size = 256; break;
        case 7: agent.memory.regions = NULL; break;
        case 8: agent.memory.max_region_pages = (uint64_t)1 << 60; break;
        default: agent.memory.max_regions = 4097; break;
        }
        CHECK(agent_serve(&agent) == AGENT_BAD_MEMORY);
    }
}

/* For a fuzzer to start from: the whole session, and each of its messages behind a hello. */
static int write_seeds(const char *folder)
{
    size_t at = 0, length, hello = 0;
    unsigned number;

    session();
    for (number = 0; number == 0 || at < stream.size; number++) {
        char path[4096];
        FILE *file;

        snprintf(path, sizeof path, "%s/%u", folder, number);
        file = fopen(path, "wb");
        if (file == NULL) {
            fprintf(stderr, "%s cannot be written\n", path);
            return 1;
        }
        fputc(0, file);
        length = AGENT_HEADER + get32(stream.bytes + at);
        if (number == 0) {
            hello = length;
            fwrite(stream.bytes, 1, stream.size, file);
        } else {
            fwrite(stream.bytes, 1, hello, file);
            fwrite(stream.bytes + at, 1, length, file);
        }
        at += length;
        if (fclose(file) != 0)
            return 1;
    }
    return 0;
}

/* check [ROUNDS] | check --seeds FOLDER */
int main(int argc, char **argv)
{
    uint32_t rounds = argc > 1 ? (uint32_t)atoi(argv[1]) : 20000;
    int i;

    if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
        return write_seeds(argv[2]);

    for (i = 0; i <= 10; i++)
        CHECK(agent_reason(i)[0] != '\0');
    check_memory();
    session();
    check_session();
    fake_free(&fake);
    check_cuts();
    check_ends();
    check_undone();
    check_violations();
    check_refusals();
    check_regions();
    check_hypercalls();
    check_random(rounds);
    printf("agent: %s\n", failed ? "FAILED" : "ok");
    return failed;
}
