/* SPDX-License-Identifier: MIT */
/* An agent says that it is here: when it starts, every so often, when all are asked; and that it goes. */
#include <string.h>

#include "agent.h"

/*
 * To who has the fleet's key, and can't open what we seal: that something comes on this topic tells him our name, and so our key. The broker
 * is to keep it, for those who come later; how old it is does not matter, since nothing is taken from it but the name.
 */
static void announce_to_fleet(agent_state *agent, const char *text, size_t len)
{
    const char *topic = agent->run.options->config.announce;
    mqtt_e2e_error error;
    if (topic[0] && !mqtt_e2e_client_publish_wire(agent->run.client, topic, text, len, true, &error))
        cli_tell(&error);
}

void agent_announce(agent_state *agent, bool here)
{
    if (agent_toit_is(agent)) /* who listens to iot/# would take it for an answer */
        return;
    static const char version[] = "mqtt-e2e " MQTT_E2E_VERSION;
    int64_t every = agent->run.options->heartbeat_ms;
    char topic[AGENT_NAME_MAX + 16], text[128];
    mqtt_e2e_error error;
    const mqtt_e2e_announcement announcement = {
        here, (uint32_t)((every + 999) / 1000), {version, sizeof version - 1}};
    size_t len = mqtt_e2e_announcement_write(&announcement, text, sizeof text);
    snprintf(topic, sizeof topic, "device/%s", agent->name);
    if (!mqtt_e2e_client_publish(agent->run.client, topic, text, len, 0, false, NULL, &error))
        cli_tell(&error);
    if (here)
        announce_to_fleet(agent, text, len);
    agent->announce_at = cli_run_now() + every;
}

int64_t agent_announce_turn(agent_state *agent)
{
    if (!agent->ready || agent->run.options->heartbeat_ms == 0 || agent_toit_is(agent))
        return INT64_MAX;
    /* What is queued while we are offline would be of no use later. */
    if (cli_run_now() >= agent->announce_at && mqtt_e2e_client_connected(agent->run.client))
        agent_announce(agent, true);
    int64_t soon = cli_run_now() + 1000;
    return agent->announce_at > soon ? agent->announce_at : soon;
}
