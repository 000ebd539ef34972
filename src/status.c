/* SPDX-License-Identifier: MIT */
#include "mqtt_e2e/session.h"

const char *mqtt_e2e_status_text(mqtt_e2e_status status)
{
    switch (status) {
    case MQTT_E2E_OK:
        return "ok";
    case MQTT_E2E_OWN:
        return "own";
    case MQTT_E2E_REPLAY:
        return "replay";
    case MQTT_E2E_FORGED:
        return "forged";
    case MQTT_E2E_MALFORMED:
        return "malformed";
    case MQTT_E2E_UNSUPPORTED:
        return "unsupported";
    case MQTT_E2E_UNASKED:
        return "unasked";
    case MQTT_E2E_NO_CLOCK:
        return "no_clock";
    case MQTT_E2E_STALE:
        return "stale";
    case MQTT_E2E_FUTURE:
        return "future";
    case MQTT_E2E_TIME_ASKED:
        return "time asked for";
    case MQTT_E2E_TIME_SET:
        return "time set";
    case MQTT_E2E_BAD_OPTION:
        return "option out of range";
    case MQTT_E2E_BAD_TOPIC:
        return "topic not allowed";
    case MQTT_E2E_BAD_FILTER:
        return "filter not allowed";
    case MQTT_E2E_TOO_LONG:
        return "too long";
    case MQTT_E2E_NO_ROOM:
        return "buffer too small";
    case MQTT_E2E_BUSY:
        return "too many at once";
    case MQTT_E2E_EXHAUSTED:
        return "stream used up";
    case MQTT_E2E_CRYPTO_FAILED:
        return "crypto library failed";
    case MQTT_E2E_BAD_STATE:
        return "stored state not usable";
    case MQTT_E2E_CAUSES:
        break;
    }
    return "unknown status";
}
