/* SPDX-License-Identifier: MIT */
/* Standard input, in numbered chunks, to one device: at most as many as it has room for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remote.h"

enum { AGAIN_MS = 1000 };

bool remote_input_open(remote_state *remote)
{
    const cli_options *options = remote->run.options;
    bool key_there = options->secret && strcmp(options->secret, "-") == 0;
    remote->input_storage = malloc(MQTT_E2E_BOX_SIZE(MQTT_E2E_CHUNKS, MQTT_E2E_PART_DATA));
    if (!remote->input_storage) {
        cli_error("out of memory");
        return false;
    }
    mqtt_e2e_outbox_init(&remote->input, remote->input_storage, MQTT_E2E_CHUNKS, MQTT_E2E_PART_DATA);
    remote->input_open = remote->device && !key_there && (options->pass_input || !isatty(STDIN_FILENO));
    if (!remote->input_open)
        mqtt_e2e_outbox_add(&remote->input, MQTT_E2E_INPUT_ENDS, NULL, 0);
    return true;
}

bool remote_input_wanted(const remote_state *remote)
{
    return remote->input_open && remote->count > 0 && remote->answers[0].known &&
           mqtt_e2e_outbox_free(&remote->input) > 1;
}

void remote_input_read(remote_state *remote)
{
    uint8_t data[MQTT_E2E_PART_DATA];
    ssize_t n = read(STDIN_FILENO, data, sizeof data);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n > 0) {
        mqtt_e2e_outbox_add(&remote->input, MQTT_E2E_INPUT, data, (size_t)n);
        return;
    }
    if (n < 0)
        cli_error("cannot read standard input: %s", strerror(errno));
    mqtt_e2e_outbox_add(&remote->input, MQTT_E2E_INPUT_ENDS, NULL, 0);
    remote->input_open = false;
}

void remote_input_turn(remote_state *remote)
{
    mqtt_e2e_part chunk;
    if (!remote->device || remote->count == 0 || !remote->answers[0].known)
        return;
    while (mqtt_e2e_outbox_peek(&remote->input, &chunk)) {
        remote_control(remote, &remote->answers[0], chunk.type, chunk.number, chunk.data.data,
                       chunk.data.len);
        mqtt_e2e_outbox_sent(&remote->input);
        remote->input_sent_at = cli_run_now();
    }
}

void remote_input_state(remote_state *remote, const remote_answer *answer, const mqtt_e2e_bytes *data)
{
    uint32_t taken, arrived;
    if (!mqtt_e2e_state_read(data, &taken, &arrived))
        return;
    if (!remote->device) { /* many devices get no input: only its end */
        if (arrived == 0)
            remote_control(remote, answer, MQTT_E2E_INPUT_ENDS, 0, NULL, 0);
        return;
    }
    mqtt_e2e_outbox_got(&remote->input, taken);
    if (arrived != remote->input.next && cli_run_now() - remote->input_sent_at >= AGAIN_MS)
        mqtt_e2e_outbox_again(&remote->input, arrived);
}
