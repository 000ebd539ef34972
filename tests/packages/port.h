/* SPDX-License-Identifier: MIT */
#ifndef MQTT_E2E_TESTS_PORT_H
#define MQTT_E2E_TESTS_PORT_H
/* What conversation.c asks of each port: its example, and what is inside. */
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void port_device(void);                     /* the example, as a coroutine that never ends */
unsigned port_dropped(void);                /* packets that the adapter did not take */
unsigned port_refused(void);                /* by the session, in all */
extern const int port_counts_oversize;      /* or the MQTT library drops them by itself */
extern const unsigned port_payload;         /* bytes, of a message that takes most of its buffer */
extern const int64_t port_start_ms;         /* of its clock */
extern const char *const port_default_name; /* of the device, where key.h has none */

#ifdef __cplusplus
}
#endif
#endif
