/* SPDX-License-Identifier: MIT */
#include "main.c" /* of the example; its statics are what the test looks at */

#include "port.h"
#include "world.h"

const int port_counts_oversize = 1;
const unsigned port_payload = 950;
const int64_t port_start_ms = 5;
const char *const port_default_name = "esp32";

void app_main(void);

void port_device(void)
{
    app_main();
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
