/* See line.h. */
#include "line.h"

#define HEAD 6u /* ~ kind session number */
#define SUM 4u
#define NUMBERS 64u
#define SESSIONS 0x40000u

static const unsigned char digits[64] = {
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P',
    'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f',
    'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v',
    'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '/'};

static void put_digits(unsigned char *to, uint32_t value, uint32_t count)
{
    while (count-- != 0) {
        to[count] = digits[value & 63];
        value >>= 6;
    }
}

/* 1, or 0 where one of them is no digit. */
static int get_digits(const unsigned char *from, uint32_t count, uint32_t *value)
{
    uint32_t digit;

    *value = 0;
    while (count-- != 0) {
        for (digit = 0; digit < 64 && digits[digit] != *from; digit++)
            ;
        if (digit == 64)
            return 0;
        *value = *value << 6 | digit;
        from++;
    }
    return 1;
}

/* A CRC of 24 bits: every burst of errors up to that length is seen. */
static uint32_t sum_of(const unsigned char *at, uint32_t length)
{
    uint32_t sum = 0xb704ce;
    int bit;

    while (length-- != 0) {
        sum ^= (uint32_t)*at++ << 16;
        for (bit = 0; bit < 8; bit++)
            sum = sum << 1 ^ ((sum & 0x800000) != 0 ? 0x1864cfbu : 0);
    }
    return sum & 0xffffff;
}

uint32_t line_put(unsigned char to[LINE_MAX], const struct line *line)
{
    uint32_t i, at = HEAD;

    to[0] = '~';
    to[1] = (unsigned char)line->kind;
    put_digits(to + 2, line->session, 3);
    put_digits(to + 5, line->number, 1);
    /* Three bytes are four digits; one and two at the end are two and three. */
    for (i = 0; i < line->length; i += 3) {
        uint32_t left = line->length - i, value = (uint32_t)line->data[i] << 16;

        if (left > 1)
            value |= (uint32_t)line->data[i + 1] << 8;
        if (left > 2)
            value |= line->data[i + 2];
        if (left > 2) {
            put_digits(to + at, value, 4);
            at += 4;
        } else {
            put_digits(to + at, value >> (left == 1 ? 12 : 6), left + 1);
            at += left + 1;
        }
    }
    put_digits(to + at, sum_of(to + 1, at - 1), SUM);
    at += SUM;
    to[at++] = '\n';
    return at;
}

int line_get(struct line *line, const unsigned char *from, uint32_t length)
{
    uint32_t at, value, behind;

    if (length < HEAD + SUM || length > LINE_MAX - 1 || from[0] != '~')
        return 0;
    behind = length - SUM;
    if (!get_digits(from + behind, SUM, &value) || value != sum_of(from + 1, behind - 1) ||
        !get_digits(from + 2, 3, &line->session) || !get_digits(from + 5, 1, &line->number))
        return 0;
    line->kind = from[1];
    line->length = 0;
    for (at = HEAD; at < behind; at += 4) {
        uint32_t count = behind - at < 4 ? behind - at : 4;

        if (count == 1 || line->length + count - 1 > LINE_DATA ||
            !get_digits(from + at, count, &value))
            return 0;
        value <<= 6 * (4 - count);
        line->data[line->length++] = (unsigned char)(value >> 16 & 0xff);
        if (count > 2)
            line->data[line->length++] = (unsigned char)(value >> 8 & 0xff);
        if (count > 3)
            line->data[line->length++] = (unsigned char)(value & 0xff);
    }
    return 1;
}

int line_read(struct line_reader *reader, unsigned char character, struct line *line)
{
    uint32_t length = reader->length;

    if (character == '~') { /* wherever it is, it begins a line */
        reader->held[0] = character;
        reader->length = 1;
        return 0;
    }
    if (length == 0)
        return 0;
    if (character == '\n' || character == '\r') {
        reader->length = 0;
        return line_get(line, reader->held, length);
    }
    if (length == LINE_MAX - 1) {
        reader->length = 0;
        return 0;
    }
    reader->held[reader->length++] = character;
    return 0;
}

void line_open(struct line_end *end)
{
    end->begins = 0;
    end->open = 0;
    end->asked = 0;
    end->out_length = 0;
    end->out_due = 0;
    end->in_at = 0;
    end->in_length = 0;
    end->in_ended = 0;
    end->answer_length = 0;
    end->heard = 0;
    end->reader.length = 0;
}

static void begin(struct line_end *end, uint32_t session)
{
    end->open = 1;
    end->session = session;
    end->out_length = 0;
    end->out_due = 0;
    end->in_at = 0;
    end->in_length = 0;
    end->in_ended = 0;
    end->answer_length = 0;
    end->heard = 1;
}

/* A line without data. */
static uint32_t bare(const struct line_end *end, int kind, uint32_t number, unsigned char *to)
{
    struct line line;

    line.kind = kind;
    line.session = end->session;
    line.number = number;
    line.length = 0;
    return line_put(to, &line);
}

static void on_the_way(struct line_end *end, struct line *line)
{
    line->session = end->session;
    line->number = end->out_number;
    end->out_length = line_put(end->out, line);
    end->out_due = 1;
}

void line_begin(struct line_end *end, uint32_t session)
{
    struct line line;

    begin(end, session & (SESSIONS - 1));
    end->begins = 1;
    end->in_number = 0;
    end->out_number = 0;
    line.kind = LINE_BEGIN;
    line.length = 0;
    on_the_way(end, &line);
}

void line_accept(struct line_end *end)
{
    begin(end, end->asking);
    end->asked = 0;
    end->in_number = 1; /* behind its beginning */
    end->out_number = 0;
    end->answer_length = bare(end, LINE_TAKEN, 0, end->answer);
}

/* A numbered line of this session: what is expected is kept, if there is room; what has been, is
 * acknowledged once more. */
static void numbered(struct line_end *end, const struct line *line)
{
    uint32_t i;

    if (line->number == end->in_number && line->kind != LINE_BEGIN) {
        if (end->in_length != end->in_at || end->in_ended)
            return; /* no room yet; it will come again */
        for (i = 0; i < line->length; i++)
            ((volatile unsigned char *)end->in)[i] = line->data[i];
        end->in_at = 0;
        end->in_length = line->kind == LINE_END ? 0 : line->length;
        end->in_ended = line->kind == LINE_END;
        end->in_number = (end->in_number + 1) & (NUMBERS - 1);
    } else if (line->number != ((end->in_number - 1) & (NUMBERS - 1))) {
        return;
    }
    end->answer_length = bare(end, LINE_TAKEN, line->number, end->answer);
}

void line_arrived(struct line_end *end, const unsigned char *data, size_t length)
{
    struct line line;

    while (length-- != 0) {
        if (!line_read(&end->reader, *data++, &line))
            continue;
        if (line.kind == LINE_BEGIN && !end->begins && (!end->open || line.session != end->session)) {
            end->asked = 1;
            end->asking = line.session;
            continue;
        }
        if (!end->open || line.session != end->session)
            continue;
        end->heard = 1;
        switch (line.kind) {
        case LINE_TAKEN:
            if (end->out_length != 0 && line.number == end->out_number) {
                end->out_length = 0;
                end->out_due = 0;
                end->out_number = (end->out_number + 1) & (NUMBERS - 1);
            }
            break;
        case LINE_BEGIN:
        case LINE_CARRIES:
        case LINE_END:
            numbered(end, &line);
            break;
        default:
            break;
        }
    }
}

uint32_t line_offer(struct line_end *end, const unsigned char *data, size_t length)
{
    struct line line;
    uint32_t i;

    if (!end->open || end->out_length != 0)
        return 0;
    line.kind = LINE_CARRIES;
    line.length = length > LINE_DATA ? LINE_DATA : (uint32_t)length;
    for (i = 0; i < line.length; i++)
        ((volatile unsigned char *)line.data)[i] = data[i];
    on_the_way(end, &line);
    return line.length;
}

int line_finish(struct line_end *end)
{
    struct line line;

    if (!end->open || end->out_length != 0)
        return 0;
    line.kind = LINE_END;
    line.length = 0;
    on_the_way(end, &line);
    return 1;
}

uint32_t line_take(struct line_end *end, unsigned char *to, size_t room)
{
    uint32_t taken = 0;

    while (taken < room && end->in_at < end->in_length)
        ((volatile unsigned char *)to)[taken++] = end->in[end->in_at++];
    return taken;
}

static uint32_t copy(unsigned char *to, const unsigned char *from, uint32_t length)
{
    uint32_t i;

    for (i = 0; i < length; i++)
        ((volatile unsigned char *)to)[i] = from[i];
    return length;
}

uint32_t line_due(struct line_end *end, unsigned char to[LINE_MAX])
{
    uint32_t length = end->answer_length;

    if (length != 0) {
        end->answer_length = 0;
        return copy(to, end->answer, length);
    }
    if (!end->out_due)
        return 0;
    end->out_due = 0;
    return copy(to, end->out, end->out_length);
}

void line_again(struct line_end *end)
{
    end->out_due = end->out_length != 0;
}

uint32_t line_here(const struct line_end *end, unsigned char to[LINE_MAX])
{
    return bare(end, LINE_HERE, 0, to);
}
