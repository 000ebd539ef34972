/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_COMMAND_H
#define MQTT_E2E_COMMAND_H
/*
 * Commands and their answers (docs/TERMINAL.md): what goes between a controller, which asks, and an agent, which answers. No
 * I/O, no heap, no clock: the caller has the storage, hands in the time (now_ms, of a clock that never jumps), and sends
 * and receives by whatever client he has.
 *
 * A device that answers a command with one short text needs nothing of this: it replies with the text. What
 * is here is for answers of any length, in parts, which arrive once and in order; and for input.
 *
 *     words      a command is a list of words                          mqtt_e2e_words_*
 *     parts      pieces of an answer: replies to the command           mqtt_e2e_part_*
 *     controls   what the controller says meanwhile: messages          mqtt_e2e_control_*
 *     announcements  what a device says of itself                      mqtt_e2e_announcement_*
 *     outbox     numbered pieces that are to arrive: kept until got    mqtt_e2e_outbox_*
 *     inbox      and where they arrive: once, in order                 mqtt_e2e_inbox_*
 *
 * The agent has an outbox for the answer, and an inbox for the input; the controller the other way round.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Words -------------------------------------------------------------------------------------- */

/* Writes a command of `count` words (NUL-terminated) to `out`. Returns its length; 0: no words, or no room for them. */
size_t mqtt_e2e_words_write(const char *const *words, size_t count, void *out, size_t size);

/* Takes a command apart. The words, each with a NUL, go to `text`, of at least `len` + 1 bytes; where they start, to `words`.
 * Returns how many there are; 0: it is malformed, or has more than `most`, or there is no room. */
size_t mqtt_e2e_words_read(const void *payload, size_t len, char *text, size_t size, const char **words,
                           size_t most);

/* ---- Parts -------------------------------------------------------------------------------------- */

#define MQTT_E2E_PART_DATA    4000 /* bytes of data in one part, or control, at most */
#define MQTT_E2E_PART_HEAD    5
#define MQTT_E2E_CONTROL_HEAD 21
#define MQTT_E2E_PARTS        32 /* that an agent may have sent that were not got */
#define MQTT_E2E_CHUNKS       16 /* of input, that a controller may have sent that were not taken */

typedef enum {
    MQTT_E2E_PLAIN = 0,        /* no part: the payload is the whole answer */
    MQTT_E2E_OUTPUT = 1,       /* numbered, from 0: standard output, */
    MQTT_E2E_ERROR_OUTPUT = 2, /* standard error, */
    MQTT_E2E_END = 3,          /* the end (mqtt_e2e_end), */
    MQTT_E2E_START = 4,        /* and the start, number 0: the agent's name */
    MQTT_E2E_STATE = 5 /* not numbered: the number is that of the next part; data: input taken and arrived */
} mqtt_e2e_part_type;

typedef struct {
    uint8_t type;
    uint32_t number;
    mqtt_e2e_bytes data;
} mqtt_e2e_part;

/* False: malformed, or of a type that a later version knows. An answer without parts is one of type MQTT_E2E_PLAIN. */
bool mqtt_e2e_part_read(const void *payload, size_t len, mqtt_e2e_part *part);

/* Returns the length; 0: no room. */
size_t mqtt_e2e_part_write(const mqtt_e2e_part *part, void *out, size_t size);

/* What became of a command. */
typedef enum {
    MQTT_E2E_EXITED = 0,       /* code: its exit code */
    MQTT_E2E_KILLED = 1,       /* code: the signal */
    MQTT_E2E_NOT_RUN = 2,      /* code: 127 there is none of that name, 126 it can't be run */
    MQTT_E2E_TIME_LIMIT = 3,   /* stopped: it ran for too long, */
    MQTT_E2E_OUTPUT_LIMIT = 4, /* it wrote too much, */
    MQTT_E2E_STOPPED = 5,      /* or was to be: code: the signal; 0: the agent itself ended */
    MQTT_E2E_NOT_KNOWN = 6     /* the agent was started since, or it is too long ago */
} mqtt_e2e_how;

typedef struct {
    uint8_t how;
    uint32_t code;
    mqtt_e2e_bytes text; /* for people; may be empty. From the network: may hold anything */
} mqtt_e2e_end;

#define MQTT_E2E_END_HEAD 5

bool mqtt_e2e_end_read(const mqtt_e2e_bytes *data, mqtt_e2e_end *end);
size_t mqtt_e2e_end_write(const mqtt_e2e_end *end, void *out, size_t size); /* 0: no room */

#define MQTT_E2E_STATE_SIZE 8

/* Data of MQTT_E2E_STATE: input chunks below `taken` make room for more; those below `arrived` need not be sent again. */
bool mqtt_e2e_state_read(const mqtt_e2e_bytes *data, uint32_t *taken, uint32_t *arrived);
void mqtt_e2e_state_write(uint32_t taken, uint32_t arrived, uint8_t out[MQTT_E2E_STATE_SIZE]);

/* ---- Controls ----------------------------------------------------------------------------------- */

typedef enum {
    MQTT_E2E_INPUT = 0x10,        /* numbered, from 0: standard input, */
    MQTT_E2E_INPUT_ENDS = 0x11,   /* and its end */
    MQTT_E2E_STOP = 0x12,         /* data: the signal, one byte */
    MQTT_E2E_PARTS_GOT = 0x13,    /* all parts below the number have been dealt with */
    MQTT_E2E_PARTS_MISSING = 0x14 /* send again from the number on */
} mqtt_e2e_control_type;

typedef struct {
    uint8_t type;
    mqtt_e2e_id command; /* the packet that the command came in */
    uint32_t number;
    mqtt_e2e_bytes data;
} mqtt_e2e_control;

bool mqtt_e2e_control_read(const void *payload, size_t len, mqtt_e2e_control *control);
size_t mqtt_e2e_control_write(const mqtt_e2e_control *control, void *out, size_t size);

/* ---- Announcements ------------------------------------------------------------------------------ */

/* What a device says on device/NAME: when it starts, every so often, when all are asked for a ping, and when it ends. */
typedef struct {
    bool here;              /* false: gone */
    uint32_t every_s;       /* it will say so again within so many seconds; 0: not by itself */
    mqtt_e2e_bytes version; /* what runs there; may be empty. From the network: may hold anything */
} mqtt_e2e_announcement;

bool mqtt_e2e_announcement_read(const void *payload, size_t len, mqtt_e2e_announcement *announcement);
size_t mqtt_e2e_announcement_write(const mqtt_e2e_announcement *announcement, void *out,
                                   size_t size); /* 0: no room */

/* ---- Outbox ------------------------------------------------------------------------------------- */

/* Bytes of storage for an outbox or inbox of `slots` (a power of two) pieces of up to `room` bytes. */
#define MQTT_E2E_BOX_SIZE(slots, room) ((size_t)(slots) * ((size_t)(room) + 4))

typedef struct {
    uint8_t *storage;
    uint32_t slots;
    uint32_t room;
    uint32_t got;  /* pieces below are done with, */
    uint32_t next; /* and the number of the next that is added */
    uint32_t send; /* the next to be sent */
} mqtt_e2e_outbox;

void mqtt_e2e_outbox_init(mqtt_e2e_outbox *box, void *storage, uint16_t slots, uint16_t room);

/* How many pieces more it takes. */
uint32_t mqtt_e2e_outbox_free(const mqtt_e2e_outbox *box);

/* Takes a piece, and gives it its number. False: there is no room, or it is too long. */
bool mqtt_e2e_outbox_add(mqtt_e2e_outbox *box, uint8_t type, const void *data, size_t len);

/* The next piece to be sent; it stays so until mqtt_e2e_outbox_sent. False: none. */
bool mqtt_e2e_outbox_peek(const mqtt_e2e_outbox *box, mqtt_e2e_part *piece);
void mqtt_e2e_outbox_sent(mqtt_e2e_outbox *box);

/* All below `number` are done with. A number that can't be is ignored. */
void mqtt_e2e_outbox_got(mqtt_e2e_outbox *box, uint32_t number);

/* Those from `number` on, as far as they are still here, are to be sent again. */
void mqtt_e2e_outbox_again(mqtt_e2e_outbox *box, uint32_t number);

/* ---- Inbox -------------------------------------------------------------------------------------- */

typedef struct {
    uint8_t *storage;
    uint32_t slots;
    uint32_t room;
    uint32_t taken;   /* pieces below were handed out, */
    uint32_t arrived; /* those below have arrived, */
    uint32_t known;   /* and those below were sent, as far as we know */
    uint32_t told;    /* the `taken` that was told last */
    int64_t tell_at;  /* when it is to be told; 0 = nothing new */
    int64_t since;    /* when something was heard last, or asked for */
    uint8_t asked;    /* how often since then */
} mqtt_e2e_inbox;

#define MQTT_E2E_TELL_EVERY 8     /* pieces */
#define MQTT_E2E_TELL_MS    50    /* or so long after the first that was not told */
#define MQTT_E2E_GAP_MS     250   /* how long a gap waits before it is asked for, */
#define MQTT_E2E_SILENCE_MS 2000  /* and how long one waits without one: each doubles every time, */
#define MQTT_E2E_ASK_MS     10000 /* up to this */

void mqtt_e2e_inbox_init(mqtt_e2e_inbox *box, void *storage, uint16_t slots, uint16_t room, int64_t now_ms);

/* A numbered piece has come. False: it is not new, or there is no room for it. */
bool mqtt_e2e_inbox_put(mqtt_e2e_inbox *box, const mqtt_e2e_part *piece, int64_t now_ms);

/* The other end said that `next` is the number of the next piece. */
void mqtt_e2e_inbox_hear(mqtt_e2e_inbox *box, uint32_t next, int64_t now_ms);

/* The next piece in order. False: it is not there yet. It stays so until mqtt_e2e_inbox_take. */
bool mqtt_e2e_inbox_peek(const mqtt_e2e_inbox *box, mqtt_e2e_part *piece);
void mqtt_e2e_inbox_take(mqtt_e2e_inbox *box, int64_t now_ms);

/* Whether it is time to say that all below *number are done with (got, or state). Saying so is up to the caller, at once. */
bool mqtt_e2e_inbox_got(mqtt_e2e_inbox *box, int64_t now_ms, uint32_t *number);

/* Whether it is time to ask for all from *number on: there is a gap, or nothing was heard for long. */
bool mqtt_e2e_inbox_missing(mqtt_e2e_inbox *box, int64_t now_ms, uint32_t *number);

/* The time at which one of the two may become true. */
int64_t mqtt_e2e_inbox_when(const mqtt_e2e_inbox *box);

#ifdef __cplusplus
}
#endif
#endif
