/* Tests of bare/ on machine.c: what it asks of each release, and whole sessions over both channels. With the
 * path of agent-console, also that program at the other end of a pseudo terminal. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bare/channel.h"
#include "../bare/line.h"
#include "../bare/main.h"
#include "../bare/options.h"
#include "../bare/xen.h"
#include "machine.h"
#include "stream.h"

static int failed;

#define CHECK(what)                                                              \
    do {                                                                         \
        if (!(what)) {                                                           \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #what); \
            failed = 1;                                                          \
        }                                                                        \
    } while (0)

static struct xen xen;
static struct stream stream;
static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint32_t any(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20) % below;
}

/* The operations of every release, and its frames. */
static void check_releases(void)
{
    static const struct {
        uint32_t interface;
        const char *name;
        uint64_t first;
    } rows[6] = {{3, "3.0.3", MACHINE_MFN}, {4, "3.0.4", 0}, {5, "3.1 to 3.4", 0},
                 {6, "4.0", 0},             {7, "4.1", 0},   {8, "after 4.1", 0}};
    uint32_t i, round;

    machine_init(9);
    CHECK(xen_open(&xen, machine.window) == AGENT_ENOSYS);
    for (i = 0; i < 6; i++) {
        uint64_t frames[3];
        void *address = NULL;

        machine_init(rows[i].interface);
        CHECK(xen_open(&xen, machine.window) == 0);
        CHECK(strcmp(xen.release->name, rows[i].name) == 0);
        frames[0] = rows[i].first + 3;
        frames[1] = rows[i].first + 7;
        frames[2] = rows[i].first + 39;
        /* Round the window more than once, and no page is left. */
        for (round = 0; round < 3 * XEN_WINDOW_PAGES / 500; round++) {
            int32_t errors[500];
            uint64_t wanted[500];
            uint32_t j, count = round % 50 == 0 ? 500 : 3;

            memset(errors, 0, sizeof errors);
            for (j = 0; j < count; j++)
                wanted[j] = frames[j % 3];
            xen.next += count == 3 ? 497 : 0;
            CHECK(xen_map(&xen, MACHINE_DOMAIN, count, wanted, errors, &address) == 0);
            CHECK(errors[0] == 0 && errors[1] == 22 && errors[2] == 0);
            CHECK(*(unsigned char *)address == 3);
            CHECK(((unsigned char *)address)[2 * XEN_PAGE] == 39);
            xen_unmap(&xen, address, count);
            CHECK(machine.mapped == 0);
        }
        CHECK(machine.maps > machine.unmaps && xen.stuck == 0 && machine.wrong == 0);
        frames[0] = rows[i].first + 1;
        {
            int32_t error = 0;

            CHECK(xen_map(&xen, MACHINE_DOMAIN + 1, 1, frames, &error, &address) == 0);
            CHECK(error == 3);
            xen_unmap(&xen, address, 1);
        }
        CHECK(xen_map(&xen, MACHINE_DOMAIN, XEN_BATCH + 1, frames, NULL, &address) == AGENT_ENOMEM);
        CHECK(machine.wrong == 0);
    }
}

/* What a link becomes: a frame for a region, a handle for memory. */
static void check_handles(void)
{
    struct agent_call call;
    struct agent_region region;
    uint64_t word[2] = {0, 0}, target = 0;
    void *address[XEN_REGIONS + 1];
    uint32_t i;

    machine_init(5);
    CHECK(xen_open(&xen, machine.window) == 0);
    for (i = 0; i < XEN_REGIONS; i++)
        CHECK(xen_map(&xen, 0, XEN_REGION_PAGES, NULL, NULL, &address[i]) == 0);
    CHECK(xen_map(&xen, 0, 1, NULL, NULL, &address[i]) == AGENT_ENOMEM);
    xen_unmap(&xen, address[2], XEN_REGION_PAGES);
    CHECK(xen_map(&xen, 0, XEN_REGION_PAGES + 1, NULL, NULL, &address[i]) == AGENT_ENOMEM);
    CHECK(xen_map(&xen, 0, 1, NULL, NULL, &address[i]) == 0 && address[i] == address[2]);

    memset(&call, 0, sizeof call);
    region.address = address[1];
    region.pages = 1;
    region.filled = 0;
    call.number = 48;
    call.argument[0] = 12;
    call.argument[2] = MACHINE_DOMAIN;
    call.buffers = 1;
    call.buffer[0].data = (unsigned char *)word;
    call.buffer[0].length = sizeof word;
    call.buffer[0].flags = AGENT_IN;
    call.links = 3;
    call.link[0].argument = 1;
    call.link[0].region = &region;
    call.link[0].target = region.address;
    call.link[1].argument = 3;
    call.link[1].target = (unsigned char *)word;
    call.link[2].place = (unsigned char *)&word[1];
    call.link[2].target = (unsigned char *)&target;
    CHECK(xen_hypercall(&xen, &call) == 0);
    CHECK(machine.argument[1] == machine.window + XEN_WINDOW_PAGES + XEN_REGION_PAGES);
    CHECK(machine.argument[3] == ((uint64_t)(uintptr_t)word | (uint64_t)1 << 63));
    CHECK(word[0] == 0 && word[1] == ((uint64_t)(uintptr_t)&target | (uint64_t)1 << 63));
    CHECK(machine.exposed == 1);
    /* What cannot be unexposed is not used for something else. */
    machine.stubborn = 1;
    xen_unmap(&xen, address[1], 1);
    CHECK(xen.stuck == 1 && machine.exposed == 1);
    machine.stubborn = 0;
    xen_unmap(&xen, address[1], 1);
    CHECK(machine.exposed == 0);
    for (i = 0; i < XEN_REGIONS; i++)
        if (i != 1)
            xen_unmap(&xen, address[i], XEN_REGION_PAGES);
    CHECK(machine.wrong == 0 && machine.unmaps == 0);
}

static void check_options(void)
{
    static const struct {
        const char *line;
        const struct channel *channel;
        uint64_t window;
    } rows[12] = {
        {NULL, &console_channel, 7},
        {"", &console_channel, 7},
        {"channel=simulator", &simulator_channel, 7},
        {"ro  channel=simulator window=0x8000000 x", &simulator_channel, 0x8000000},
        {"window=20000", &console_channel, 0x20000},
        {"channel=simulator channel=console", &console_channel, 7},
        {"xchannel=simulator", &console_channel, 7},
        {"channel=simulators", &console_channel, 7},
        {"channel=", &console_channel, 7},
        {"window=", &console_channel, 7},
        {"window=0 window=xyz window=12g", &console_channel, 7},
        {"window=1234567890123", &console_channel, 7},
    };
    static char endless[3000];
    struct options options;
    uint32_t i;

    for (i = 0; i < 12; i++) {
        options.channel = &console_channel;
        options.window = 7;
        options_read(&options, rows[i].line);
        CHECK(options.channel == rows[i].channel && options.window == rows[i].window);
    }
    memset(endless, 'x', sizeof endless); /* without an end: it is not followed for ever */
    options_read(&options, endless);
    memset(endless, ' ', sizeof endless);
    options_read(&options, endless);
}

/* Lines of every length; one character changed, lost or added makes them none. */
static void check_lines(void)
{
    uint32_t length, i, j;

    for (length = 0; length <= LINE_DATA; length++) {
        struct line line, back;
        unsigned char text[LINE_MAX], spoilt[LINE_MAX];
        uint32_t size;

        line.kind = LINE_CARRIES;
        line.session = 0x2a5c1 + length;
        line.number = length % 64;
        line.length = length;
        for (i = 0; i < length; i++)
            line.data[i] = (unsigned char)any(256);
        size = line_put(text, &line);
        CHECK(size <= LINE_MAX && text[size - 1] == '\n');
        for (i = 0; i + 1 < size; i++)
            CHECK(text[i] > ' ' && text[i] < 0x7f && (i == 0) == (text[i] == '~'));
        CHECK(line_get(&back, text, size - 1) == 1);
        CHECK(back.kind == line.kind && back.session == line.session && back.number == line.number);
        CHECK(back.length == length && memcmp(back.data, line.data, length) == 0);
        for (i = 1; i + 1 < size; i++) {
            memcpy(spoilt, text, size);
            spoilt[i] = (unsigned char)(spoilt[i] == 'A' ? 'B' : 'A');
            CHECK(line_get(&back, spoilt, size - 1) == 0);
            memmove(spoilt + i, text + i + 1, size - i - 1);
            CHECK(line_get(&back, spoilt, size - 2) == 0);
        }
    }
    for (i = 0; i < 20000; i++) { /* whatever it is, it is passed over */
        struct line_reader reader;
        struct line line;

        reader.length = 0;
        for (j = 0; j < 300; j++)
            CHECK(line_read(&reader, (unsigned char)(j % 100 == 0 ? '~' : any(256)), &line) == 0);
    }
}

/* A session with one of each; the last region and log-dirty are left on. */
static void session(uint32_t interface)
{
    static const uint64_t frames[4] = {3, 7, 39, 1};
    uint64_t first = interface == 3 ? MACHINE_MFN : 0;
    uint32_t i, type;

    stream.size = 0;
    stream.id = 0;
    greet(&stream);
    dirty_log(&stream, interface, MACHINE_DOMAIN, 2);
    for (type = AGENT_READ_PAGES; type <= AGENT_CLEAR_PAGES; type++) {
        begin_frame(&stream, type);
        put32(&stream, MACHINE_DOMAIN);
        put32(&stream, 4);
        put64(&stream, 0);
        for (i = 0; i < 4; i++)
            put64(&stream, first + frames[i] - (type == AGENT_CLEAR_PAGES && i == 2));
        if (type == AGENT_WRITE_PAGES)
            for (i = 0; i < 4; i++)
                put_fill(&stream, 0x80 + (int)i, XEN_PAGE);
        end_frame(&stream);
    }
    small(&stream, AGENT_RESERVE, 2, 0, 0);
    call_head(&stream, 48, 12, 1, 2);
    put32(&stream, 8);
    put32(&stream, AGENT_IN);
    put_link(&stream, ARGUMENT, 1, 1, 0);
    put_link(&stream, ARGUMENT, 3, 0, 0);
    put_fill(&stream, 0, 8);
    for (i = 0; i < 8; i++) /* the third argument: the domain */
        stream.bytes[stream.frame + AGENT_HEADER + 24 + i] = i == 0 ? MACHINE_DOMAIN : 0;
    end_frame(&stream);
    small(&stream, AGENT_READ_REGION, (uint64_t)24 << 32, 1, 16);
}

/* What it has to answer. */
static void judge(const unsigned char *out, size_t size)
{
    static const uint32_t lengths[8] = {64, 8 + 144, 16 + 3 * 16384, 16, 16, 8, 8, 24};
    size_t at = 0;
    uint32_t i;

    for (i = 0; i < 8; i++) {
        const unsigned char *header = out + at;

        if (size - at < AGENT_HEADER) {
            CHECK(!"a reply is missing");
            return;
        }
        CHECK(get32(header) == lengths[i] && get32(header + 4) == i + 1 && get32(header + 12) == 0);
        at += AGENT_HEADER + get32(header);
        if (at > size) {
            CHECK(!"half a reply");
            return;
        }
        header += AGENT_HEADER;
        if (i == 0)
            CHECK(get32(header + 12) == XEN_PAGE && get32(header + 28) == XEN_BATCH);
        if (i == 2)
            CHECK(get32(header + 4) == 22 && header[16] == 3 && header[16 + 16384] == 39 &&
                  header[16 + 3 * 16384 - 1] == 1);
        if (i == 6)
            CHECK(get32(header) == 0);
        if (i == 7)
            CHECK(header[0] == 0x5a && header[23] == 0x5a);
    }
    CHECK(at == size);
    CHECK(machine_byte(3, 0) == 0 && machine_byte(39, 5) == 0x82 && machine_byte(38, 9) == 0);
}

static void nothing_is_left(void)
{
    CHECK(machine.mapped == 0 && machine.exposed == 0 && machine.dirty == 0 && machine.wrong == 0);
}

/* Boots it with a command line for one channel. */
static void boot(const char *channel)
{
    static char line[100];
    struct bare_boot boot;

    snprintf(line, sizeof line, "root=/dev/ram channel=%s window=%llx", channel,
             (unsigned long long)machine.window);
    boot.command_line = (uint64_t)(uintptr_t)line;
    CHECK(bare_open(&boot) == 0);
}

static void check_simulator(void)
{
    uint32_t interface;
    size_t cut, whole, most;

    machine_init(9);
    CHECK(bare_open(NULL) == 1);
    for (interface = 3; interface <= 8; interface++)
        for (most = 1; most < 70000; most *= 33) {
            machine_init(interface);
            boot("simulator");
            session(interface);
            machine.in = stream.bytes;
            machine.in_size = stream.size;
            machine.most = most;
            CHECK(bare_session() == AGENT_END);
            CHECK(machine.ends == 1);
            judge(machine.out, machine.out_size);
            nothing_is_left();
        }
    /* A driver that is lost at any byte, and one that reads no answer. */
    session(5);
    whole = stream.size;
    for (cut = 0; cut <= whole; cut += cut % 16384 < 400 || whole - cut < 400 ? 1 : 241) {
        int end;

        machine_init(5);
        boot("simulator");
        machine.in = stream.bytes;
        machine.in_size = cut;
        machine.most = 70000;
        machine.deaf = cut % 5 == 4;
        end = bare_session();
        CHECK(end == AGENT_END || end == AGENT_CUT_SHORT || end == AGENT_WRITE_FAILED);
        nothing_is_left();
    }
}

/* The driver's side of the console, stepped whenever the control domain yields. */
static struct {
    struct line_end end;
    size_t sent, vanishes; /* bytes of the stream; where it stops to exist */
    unsigned char *out;
    size_t out_size;
    uint32_t idle, loss; /* one character of so many is spoilt; 0: none */
    uint32_t again;      /* turns until a line is sent again */
    uint32_t begins;     /* another session, when this one has got so far */
    int finished, gone;
} driver;

static int spoilt(void)
{
    return driver.loss != 0 && any(driver.loss) == 0;
}

static void driver_reads(const unsigned char *data, size_t length)
{
    while (length-- > 0) {
        unsigned char one = *data++;

        if (spoilt())
            one = (unsigned char)any(256);
        if (!spoilt() && !driver.gone)
            line_arrived(&driver.end, &one, 1);
        if (spoilt()) /* Xen prints too */
            line_arrived(&driver.end, (const unsigned char *)"(XEN) ~hm\n", 10);
    }
}

static void driver_types(const unsigned char *text, uint32_t length)
{
    while (length-- > 0) {
        unsigned char one = spoilt() ? (unsigned char)any(256) : *text;

        text++;
        if (!spoilt())
            machine_type(&one, 1);
    }
}

static void driver_turn(void)
{
    unsigned char text[LINE_MAX];
    uint32_t length;

    if (driver.gone)
        return;
    if (driver.sent >= driver.vanishes) {
        driver.gone = 1;
        return;
    }
    driver.out_size += line_take(&driver.end, driver.out + driver.out_size, LINE_DATA);
    if (driver.sent < stream.size) {
        driver.sent += line_offer(&driver.end, stream.bytes + driver.sent, stream.size - driver.sent);
    } else if (!driver.finished) {
        driver.finished = line_finish(&driver.end);
    }
    if (++driver.idle % driver.again == 0)
        line_again(&driver.end);
    if (driver.idle % 64 == 0) {
        length = line_here(&driver.end, text);
        driver_types(text, length);
    }
    while ((length = line_due(&driver.end, text)) != 0)
        driver_types(text, length);
}

static void driver_init(uint32_t number, uint32_t loss)
{
    free(driver.out);
    memset(&driver, 0, sizeof driver);
    driver.out = malloc(1 << 17);
    driver.vanishes = (size_t)-1;
    driver.loss = loss;
    driver.again = 20;
    line_open(&driver.end);
    line_begin(&driver.end, number);
}

static void console_machine(uint32_t interface)
{
    machine_init(interface);
    boot("console");
    machine.printed = driver_reads;
    machine.idle = driver_turn;
    machine.tick = 50000; /* a turn is 50 million: a line is sent again after 21 */
}

static void check_console(void)
{
    uint32_t round, turns;

    for (round = 0; round < 8; round++) {
        static const uint32_t losses[4] = {0, 3000, 600, 200};

        console_machine(3 + round % 6);
        session(3 + round % 6);
        driver_init(77 + round, losses[round % 4]);
        CHECK(bare_session() == AGENT_END);
        for (turns = 0; turns < 3; turns++)
            driver_turn();
        judge(driver.out, driver.out_size);
        CHECK(driver.finished && driver.end.in_ended);
        nothing_is_left();
    }
    /* A driver that falls silent is lost, wherever it was. */
    for (round = 0; round < 40; round++) {
        int end;

        console_machine(5);
        session(5);
        driver_init(500 + round, 0);
        driver.vanishes = round < 20 ? 1 + 13 * round : 1 + any((uint32_t)stream.size);
        end = bare_session();
        CHECK(end == AGENT_END || end == AGENT_CUT_SHORT || end == AGENT_WRITE_FAILED);
        nothing_is_left();
        /* And another, on the same agent, has its own session. */
        driver_init(900 + round, 0);
        CHECK(bare_session() == AGENT_END);
        nothing_is_left();
        driver_turn();
        CHECK(driver.out_size > 64 && memcmp(driver.out + 16, "ia64save", 8) == 0);
    }
}

static uint32_t takes_over;

static void turn_and_take_over(void)
{
    driver_turn();
    if (takes_over != 0 && driver.sent >= takes_over) {
        takes_over = 0;
        driver_init(4242, 0); /* killed, and started again at once */
    }
}

static void check_take_over(void)
{
    int end;

    console_machine(5);
    session(5);
    machine.idle = turn_and_take_over;
    driver_init(4000, 0);
    takes_over = 300; /* within its third request */
    end = bare_session();
    CHECK(takes_over == 0);
    CHECK(end == AGENT_CUT_SHORT || end == AGENT_WRITE_FAILED);
    nothing_is_left();
    CHECK(bare_session() == AGENT_END);
    driver_turn();
    judge(driver.out, driver.out_size);
    nothing_is_left();
}

/* A console that is a pseudo terminal. */
static int terminal = -1;

static void terminal_prints(const unsigned char *data, size_t length)
{
    if (write(terminal, data, length) != (ssize_t)length)
        CHECK(!"the terminal takes it");
}

static void terminal_turn(void)
{
    struct pollfd wait;
    unsigned char bytes[16];
    ssize_t got;

    wait.fd = terminal;
    wait.events = POLLIN;
    if (poll(&wait, 1, 1) > 0 && (got = read(terminal, bytes, sizeof bytes)) > 0)
        machine_type(bytes, (size_t)got);
}

static void check_program(const char *program)
{
    static unsigned char out[1 << 17];
    int asks[2], answers[2], status = -1, keep;
    size_t size = 0;
    ssize_t got;
    pid_t child, feeder;

    session(5);
    console_machine(5);
    terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0 || pipe(asks) != 0 ||
        pipe(answers) != 0) {
        CHECK(!"there is a pseudo terminal");
        return;
    }
    keep = open(ptsname(terminal), O_RDWR | O_NOCTTY); /* until the program has it open */
    child = fork();
    if (child == 0) {
        dup2(asks[0], 0);
        dup2(answers[1], 1);
        close(asks[0]);
        close(asks[1]);
        close(answers[0]);
        close(answers[1]);
        execl(program, program, ptsname(terminal), (char *)NULL);
        _exit(127);
    }
    close(asks[0]);
    close(answers[1]);
    feeder = fork();
    if (feeder == 0) { /* what the program is told */
        size_t at = 0;

        while (at < stream.size && (got = write(asks[1], stream.bytes + at, stream.size - at)) > 0)
            at += (size_t)got;
        _exit(at == stream.size ? 0 : 1);
    }
    close(asks[1]);
    machine.printed = terminal_prints;
    machine.idle = terminal_turn;
    machine.tick = 1000;
    CHECK(bare_session() == AGENT_END);
    while ((got = read(answers[0], out + size, sizeof out - size)) > 0)
        size += (size_t)got;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(waitpid(feeder, &status, 0) == feeder && status == 0);
    judge(out, size);
    nothing_is_left();
    close(keep);
    close(terminal);
    close(answers[0]);
}

/* bare [PATH OF agent-console] */
int main(int argc, char **argv)
{
    check_releases();
    check_handles();
    check_options();
    check_lines();
    check_simulator();
    check_console();
    check_take_over();
    if (argc > 1)
        check_program(argv[1]);
    free(driver.out);
    driver.out = NULL;
    machine_init(0);
    printf("bare: %s\n", failed ? "FAILED" : "ok");
    return failed;
}
