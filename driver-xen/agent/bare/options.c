/* See options.h. */
#include "options.h"

#include <stddef.h>

#define LONGEST 1024u

/* The rest of a word behind its beginning, or NULL. */
static const char *behind(const char *word, const char *beginning)
{
    while (*beginning != '\0')
        if (*word++ != *beginning++)
            return NULL;
    return word;
}

static int ends(char character)
{
    return character == ' ' || character == '\0';
}

static int digit(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    return -1;
}

static void window(struct options *options, const char *at)
{
    uint64_t value = 0;
    uint32_t count = 0;

    if (at[0] == '0' && at[1] == 'x')
        at += 2;
    for (; digit(*at) >= 0 && count < 12; count++)
        value = value << 4 | (uint64_t)digit(*at++);
    if (count != 0 && ends(*at) && value != 0)
        options->window = value;
}

static void channel(struct options *options, const char *at)
{
    const struct channel *known[2];
    uint32_t i;

    known[0] = &console_channel;
    known[1] = &simulator_channel;
    for (i = 0; i < 2; i++) {
        const char *rest = behind(at, known[i]->name);

        if (rest != NULL && ends(*rest))
            options->channel = known[i];
    }
}

void options_read(struct options *options, const char *line)
{
    uint32_t at = 0;

    if (line == NULL)
        return;
    while (at < LONGEST && line[at] != '\0') {
        const char *value;

        if ((value = behind(line + at, "channel=")) != NULL)
            channel(options, value);
        else if ((value = behind(line + at, "window=")) != NULL)
            window(options, value);
        while (at < LONGEST && !ends(line[at]))
            at++;
        while (at < LONGEST && line[at] == ' ')
            at++;
    }
}
