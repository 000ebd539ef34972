/* SPDX-License-Identifier: MIT */
#ifndef E2E_CLIENT_STORE_H
#define E2E_CLIENT_STORE_H
/* The replay state of a session in a file: see store.c. */
#include "error.h"
#include "mqtt_e2e/session.h"

typedef struct {
    int fd; /* -1: no state is kept, and all calls succeed */
    uint64_t device, inode;
    uint8_t boot[16];
    uint64_t epoch;
    size_t snapshot_max, snapshot_len, records;
    uint8_t *buffer;
    void *mapped; /* the part of the file with the journal, from a page's start */
    size_t mapped_len;
    void *journal;
    mqtt_e2e_id in_hand; /* accepted last */
    int64_t in_hand_ms;  /* when that was sealed */
    bool in_hand_old;    /* a lasting message that is in no table */
    bool unsettled;      /* and not marked as handled yet */
    bool unhandled;      /* and never will be: its handler failed */
    mqtt_e2e_client_state news;
} e2e_store;

/* Opens, or makes, the file, and loads what it holds into a session that has just been made. False: *error says why; nothing may be
 * accepted or sent then. */
bool e2e_store_open(e2e_store *store, const char *path, mqtt_e2e_session *session, int64_t now_ms,
                    mqtt_e2e_error *error);

/* A message was accepted; to be handed on only if this returns true. */
bool e2e_store_accepted(e2e_store *store, mqtt_e2e_session *session, const mqtt_e2e_message *message);

/* All that was accepted has been handled. */
void e2e_store_settle(e2e_store *store);
/* The handler of the message in hand has failed: the next start names it. */
void e2e_store_not_handled(e2e_store *store);

/* The session has another stream or floor. */
bool e2e_store_snapshot(e2e_store *store, mqtt_e2e_session *session);

/* Flushes, marks the file as closed, and lets go of it. */
bool e2e_store_close(e2e_store *store, mqtt_e2e_session *session);

/* Lets go of it as it is: after a fork, or a failure. */
void e2e_store_drop(e2e_store *store);

#endif
