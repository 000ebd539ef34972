/* SPDX-License-Identifier: MIT */
#define main sample_main
#include "main.c" /* of the sample; its statics are what the test looks at */
#undef main

#include "port.h"
#include "world.h"

const int port_counts_oversize = 1;
const unsigned port_payload = 950;
const int64_t port_start_ms = 0;
const char *const port_default_name = "zephyr";

void port_device(void)
{
    sample_main();
    for (;;)
        world_yield();
}

unsigned port_dropped(void)
{
    return node.dropped;
}

unsigned port_refused(void)
{
    unsigned n = 0;

    for (int i = MQTT_E2E_OK + 1; i < MQTT_E2E_CAUSES; i++)
        n += mqtt_e2e_counts(node.device.session)[i];
    return n;
}
