/* What the boot loader's command line says. */
#ifndef IA64SAVE_BARE_OPTIONS_H
#define IA64SAVE_BARE_OPTIONS_H

#include <stdint.h>

#include "channel.h"

struct options {
    const struct channel *channel;
    uint64_t window; /* first frame of the window */
};

/* channel=console|simulator and window=HEX, between other words; NULL: none. What is not understood is
 * left as it was. */
void options_read(struct options *options, const char *line);

#endif
