/* SPDX-License-Identifier: MIT */
/* The clocks of ESP-IDF, in the milliseconds of session.h. */
#include "mqtt_e2e_esp.h"

#include <esp_timer.h>
#include <sys/time.h>

#define YEAR_2020 INT64_C(1577836800000)

int64_t mqtt_e2e_esp_uptime(void)
{
    return esp_timer_get_time() / 1000 + 1;
}

int64_t mqtt_e2e_esp_since_power(void)
{
    struct timeval now;

    gettimeofday(&now, NULL);
    return (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000 + 1;
}

int64_t mqtt_e2e_esp_utc(void)
{
    int64_t now = mqtt_e2e_esp_since_power();

    return now > YEAR_2020 ? now : 0;
}
