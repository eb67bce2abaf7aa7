/*
 * The driver's side of the console channel: standard input and output, and a terminal device.
 *
 *   stty -F /dev/ttyS0 115200; ia64save xen list --agent './agent-console /dev/ttyS0'
 *
 * What is printed there by others goes to standard error. Anything that is no device is made one with socat:
 * socat pty,raw,echo=0,link=console TCP:host:port
 */
#define _XOPEN_SOURCE 600
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "line.h"

/* Milliseconds. */
#define AGAIN 1000   /* until a line is sent again */
#define HERE 2000    /* between signs of life */
#define NOBODY 30000 /* until there is no agent */
#define LEAVING 5000 /* for the end, after a signal or a reader that is gone */

static struct line_end end;
static volatile sig_atomic_t signalled;

static void caught(int number)
{
    signalled = number;
}

static long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (long)(time.tv_sec * 1000 + time.tv_nsec / 1000000);
}

static int put(int file, const unsigned char *data, size_t length)
{
    while (length > 0) {
        ssize_t took = write(file, data, length);

        if (took < 0 && errno == EAGAIN) {
            struct pollfd wait = {0, POLLOUT, 0};

            wait.fd = file;
            poll(&wait, 1, 100);
        } else if (took < 0 && errno != EINTR) {
            return -1;
        }
        if (took > 0) {
            data += took;
            length -= (size_t)took;
        }
    }
    return 0;
}

/* Lines to their session, the rest to whoever watches. */
static void arrived(const unsigned char *data, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++) {
        if (end.reader.length == 0 && data[i] != '~')
            (void)put(STDERR_FILENO, data + i, 1);
        line_arrived(&end, data + i, 1);
    }
}

static int open_device(const char *path)
{
    struct termios raw;
    int device = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);

    if (device < 0)
        return -1;
    if (tcgetattr(device, &raw) == 0) {
        raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
        raw.c_oflag &= ~(tcflag_t)OPOST;
        raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
        raw.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
        raw.c_cflag |= CS8;
        if (tcsetattr(device, TCSANOW, &raw) != 0)
            return -1;
    }
    return device;
}

/* Serves until one side has ended: the exit code. */
static int serve(int device)
{
    unsigned char bytes[4096];
    long began = now(), sent = began, here = began, left = 0;
    int input_ended = 0, finished = 0, answered = 0;

    for (;;) {
        struct pollfd files[2];
        uint32_t length;
        ssize_t got;

        if (end.out_length != 0 && !end.out_due && now() - sent >= AGAIN)
            line_again(&end);
        if (now() - here >= HERE) {
            here = now();
            length = line_here(&end, bytes);
            if (put(device, bytes, length) != 0)
                return 1;
        }
        while ((length = line_due(&end, bytes)) != 0) {
            sent = now();
            if (put(device, bytes, length) != 0)
                return 1;
        }
        answered = answered || end.out_length == 0;
        if (!answered && now() - began > NOBODY) {
            fprintf(stderr, "agent-console: no agent answers\n");
            return 1;
        }
        if ((length = line_take(&end, bytes, sizeof bytes)) != 0 &&
            put(STDOUT_FILENO, bytes, length) != 0 && left == 0)
            left = now();
        if (end.in_ended && end.in_at == end.in_length)
            return finished && left == 0 ? 0 : 1;
        if (signalled && left == 0)
            left = now();
        if (left != 0 && now() - left > LEAVING)
            return 1;
        if ((input_ended || left != 0) && !finished)
            finished = line_finish(&end);

        files[0].fd = device;
        files[0].events = POLLIN;
        files[1].fd = input_ended || left != 0 || end.out_length != 0 ? -1 : STDIN_FILENO;
        files[1].events = POLLIN;
        files[0].revents = files[1].revents = 0;
        if (end.out_due || poll(files, 2, 100) <= 0)
            continue;
        if (files[0].revents != 0) {
            got = read(device, bytes, sizeof bytes);
            if (got > 0)
                arrived(bytes, (size_t)got);
            else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
                fprintf(stderr, "agent-console: the console has ended\n");
                return 1;
            }
        }
        if (files[1].fd >= 0 && files[1].revents != 0) {
            got = read(STDIN_FILENO, bytes, LINE_DATA);
            if (got > 0)
                (void)line_offer(&end, bytes, (size_t)got);
            else if (got == 0 || errno != EINTR)
                input_ended = 1;
        }
    }
}

int main(int argc, char **argv)
{
    struct sigaction action;
    int device;

    if (argc != 2) {
        fprintf(stderr, "agent-console DEVICE\n");
        return 2;
    }
    device = open_device(argv[1]);
    if (device < 0) {
        fprintf(stderr, "agent-console: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    memset(&action, 0, sizeof action);
    action.sa_handler = caught;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    line_open(&end);
    line_begin(&end, (uint32_t)time(NULL) ^ (uint32_t)getpid() << 6);
    return serve(device);
}
