/* SPDX-License-Identifier: MIT */
#include SKETCH /* its statics are what the test looks at */

#include "port.h"
#include "world.h"

extern "C" {
extern const int port_counts_oversize = 0;
extern const unsigned port_payload = 330;
extern const int64_t port_start_ms = (INT64_C(1) << 32) - 40000; /* millis() starts again soon */
extern const char *const port_default_name = "arduino";
}

void port_device(void)
{
    setup();
    for (;;)
        loop();
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
