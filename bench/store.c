/* SPDX-License-Identifier: MIT */
/* What the receiver's state file costs a message, the snapshots in between included. The file lies in the current directory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"
#include "ours.h"
#include "store.h"
#include "table.h"

#define SECONDS 1.0
#define OPS     8192 /* two journals full */

typedef struct {
    e2e_store store;
    mqtt_e2e_session *session;
    mqtt_e2e_message message;
    size_t settle_after; /* messages, as many as come in one turn of the loop */
} job;

static void accept(void *context)
{
    job *j = context;

    for (size_t i = 1; i <= OPS; i++) {
        j->message.id.counter++;
        j->message.time++;
        bench_check(e2e_store_accepted(&j->store, j->session, &j->message), "e2e_store_accepted");
        if (j->settle_after > 0 && i % j->settle_after == 0)
            e2e_store_settle(&j->store);
    }
}

static void row(const char *what, size_t streams, size_t settle_after)
{
    char path[] = "bench-store.XXXXXX";
    job j = {.session = ours_session(&mqtt_e2e_openssl, streams), .settle_after = settle_after};
    bench_side side = bench_timed(NULL, accept, &j, OPS);
    mqtt_e2e_error error;
    bench_pair pair;
    int fd = mkstemp(path);

    bench_check(fd >= 0, "mkstemp");
    close(fd);
    j.message.kind = MQTT_E2E_MESSAGE;
    j.message.time = bench_now_ms();
    bench_check(e2e_store_open(&j.store, path, j.session, bench_now_ms(), &error), "e2e_store_open");
    pair = bench_alone(&side, SECONDS);
    bench_row_alone(what, &pair);
    e2e_store_close(&j.store, j.session);
    ours_free(j.session);
    unlink(path);
}

int main(void)
{
    bench_pin();
    bench_title_alone("The receiver's state file");
    row("note that a message was accepted", 4096, 0);
    row("the same, and that it was handled", 4096, 1);
    row("the same, where 16 come at once", 4096, 16);
    return 0;
}
