/* SPDX-License-Identifier: MIT */
/*
 * With several brokers every message arrives several times. The first copy is accepted; the others are refused, as replays
 * are. They are no attack, though, and not worth a word, as long as each broker shows a message once.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define PLACES                                                                                               \
    4096 /* of messages; one that was accepted longer ago, and is late at another broker, counts as a replay */

typedef struct e2e_copy {
    mqtt_e2e_id id;
    uint16_t brokers; /* that showed it: a bit each; 0 = no message */
} e2e_copy;

_Static_assert(E2E_BROKERS_MAX <= 16, "a bit for each broker");

bool e2e_copies_init(e2e_copies *copies)
{
    copies->table = calloc(PLACES, sizeof(e2e_copy));
    return copies->table != NULL;
}

void e2e_copies_free(e2e_copies *copies)
{
    free(copies->table);
    copies->table = NULL;
}

/* The counter spreads the messages of a stream, its id the streams: its last bytes, as in the Toit profile, where ids are nonces, these
 * are random and the first ones are the time. */
static e2e_copy *place(e2e_copies *copies, const mqtt_e2e_id *id)
{
    return &copies
                ->table[(id->counter + ((uint32_t)id->stream[10] | (uint32_t)id->stream[11] << 8)) % PLACES];
}

void e2e_copies_accepted(e2e_copies *copies, const mqtt_e2e_id *id, unsigned broker)
{
    if (copies->table != NULL)
        *place(copies, id) = (e2e_copy){*id, (uint16_t)(1u << broker)};
}

bool e2e_copies_is_copy(e2e_copies *copies, const mqtt_e2e_id *id, unsigned broker)
{
    e2e_copy *copy;
    uint16_t bit = (uint16_t)(1u << broker);

    if (copies->table == NULL)
        return false;
    copy = place(copies, id);
    if (copy->brokers == 0 || (copy->brokers & bit) != 0 || copy->id.counter != id->counter ||
        memcmp(copy->id.stream, id->stream, sizeof id->stream) != 0)
        return false;
    copy->brokers |= bit;
    return true;
}
