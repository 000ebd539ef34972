/* SPDX-License-Identifier: MIT */
/*
 * A device on a battery: wakes, publishes a reading, executes what waited for it, sleeps.
 *
 *     mqtt-e2e key c -o main/key.h
 *     idf.py menuconfig                   your Wi-Fi; Oldest message accepted: above SLEEP_S
 *     idf.py flash monitor
 *
 * In deep sleep all memory is lost but the RTC's. mbedTLS's contexts hold pointers to the heap, and its state may lie in the
 * AES engine, so a session can't be laid to sleep as it is. What is kept is its replay state, by mqtt_e2e_save; each
 * wake starts a stream of its own. The state is taken out of RTC memory before it is used and put there again at the very end:
 * no run ever starts from a state that an earlier run has used. After a loss of power there is none, and the device accepts
 * nothing that was sealed before it learns the time.
 */
#include <esp_attr.h>
#include <esp_crt_bundle.h>
#include <esp_event.h>
#include <esp_log.h>
#include <esp_netif.h>
#include <esp_rom_crc.h>
#include <esp_sleep.h>
#include <nvs_flash.h>
#include <protocol_examples_common.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "mqtt_e2e_esp.h"

#if __has_include("key.h")
#include "key.h"
#else
#error "no main/key.h: make it on your machine by `mqtt-e2e key c -o main/key.h`"
#endif

#define SLEEP_S      240   /* below Kconfig's MQTT_E2E_CLOCK_SKEW_S, or commands grow stale in the broker */
#define LISTEN_MS    3000  /* after the last thing that happened */
#define AWAKE_MAX_MS 30000 /* where the broker is not reached, say */
#define STATE_MAX    (128 + CONFIG_MQTT_E2E_STREAMS * 40)

_Static_assert(SLEEP_S + AWAKE_MAX_MS / 1000 < CONFIG_MQTT_E2E_CLOCK_SKEW_S,
               "commands that wait in the broker would grow stale: raise CONFIG_MQTT_E2E_CLOCK_SKEW_S");

/* What outlives deep sleep. Every other reset clears it. */
typedef struct {
    int64_t utc_ms, at_ms; /* the time, and when that was by our own clock; utc_ms 0: not known */
    uint32_t wakes, len;
    bool led;
    uint8_t state[STATE_MAX];
} memory;

static RTC_DATA_ATTR memory kept;
static RTC_DATA_ATTR uint32_t kept_check; /* 0: nothing kept */

static const char tag[] = "sleeper";
static mqtt_e2e_esp node;
static char own_topic[64], status_topic[64];
static const char *const filters[] = {own_topic};
static answer_device device;
static uint32_t wakes;
static int64_t awake_until;

/* ---- Waking and falling asleep ---- */

static uint32_t check_of(const memory *m)
{
    return esp_rom_crc32_le(0, (const uint8_t *)m, sizeof *m) | 1;
}

/* Takes up where the last run ended. False: there is nothing, or it is damaged; the session starts without memory. */
static bool take_up(void)
{
    static memory m;
    uint32_t check = kept_check;
    int64_t now = node.now();

    kept_check = 0; /* before anything is done with it: this state serves once */
    memcpy(&m, &kept, sizeof m);
    memset(&kept, 0, sizeof kept);
    if (check == 0 || check != check_of(&m) || m.len > sizeof m.state ||
        mqtt_e2e_load(node.device.session, m.state, m.len, now) != MQTT_E2E_OK)
        return false;
    if (m.utc_ms > 0 && now >= m.at_ms)
        mqtt_e2e_set_clock(node.device.session, m.utc_ms + (now - m.at_ms),
                           now); /* and it is asked for anyway */
    wakes = m.wakes;
    device.led = m.led;
    return true;
}

/* Each run has a reply topic of its own; the broker, which remembers our subscriptions, must not collect them. */
static void forget_reply_topic(void)
{
    static char name[MQTT_E2E_REPLY_NAME_SIZE], wire[CONFIG_MQTT_E2E_TOPIC_MAX];
    mqtt_e2e_id own = mqtt_e2e_own_stream(node.device.session);
    mqtt_e2e_topic topic;

    if (mqtt_e2e_reply_topic(node.device.session, own.stream, name, wire, sizeof wire, &topic) == MQTT_E2E_OK)
        esp_mqtt_client_unsubscribe(node.client, topic.wire);
}

static void fall_asleep(void)
{
    size_t len = 0;

    if (node.client != NULL) {
        forget_reply_topic();
        esp_mqtt_client_stop(node.client);
        while (!xMessageBufferIsEmpty(node.inbox)) /* acknowledged already: nobody will send it again */
            mqtt_e2e_esp_run(&node, 0);
    }
    if (node.device.session != NULL &&
        mqtt_e2e_save(node.device.session, kept.state, sizeof kept.state, &len) == MQTT_E2E_OK) {
        kept.len = (uint32_t)len;
        kept.at_ms = node.now();
        kept.utc_ms = mqtt_e2e_utc(node.device.session, kept.at_ms);
        kept.wakes = wakes;
        kept.led = device.led;
        kept_check = check_of(&kept);
    }
    mqtt_e2e_esp_stop(&node); /* nothing is sealed or accepted after it was saved */
    example_disconnect();     /* deep sleep does not switch Wi-Fi off in good order by itself */
    esp_deep_sleep(SLEEP_S * UINT64_C(1000000));
}

/* ---- Awake ---- */

static void on_message(mqtt_e2e_device *d, const mqtt_e2e_message *message, int64_t now_ms, void *context)
{
    char text[160];
    size_t len;

    (void)context;
    awake_until = now_ms + LISTEN_MS;
    len = answer(&device, message->payload.data, message->payload.len, text, sizeof text);
    ESP_LOGI(tag, "%.*s", (int)len, text);
    if (message->kind ==
        MQTT_E2E_REQUEST) /* whoever asked may have gone by now: it is executed all the same */
        mqtt_e2e_device_reply(d, &message->id, text, len, 1, now_ms);
}

static mqtt_e2e_status start(void)
{
    mqtt_e2e_device_options options;

    device.name = MQTT_E2E_NODE_NAME[0] != '\0' ? MQTT_E2E_NODE_NAME : "sleeper";
    snprintf(own_topic, sizeof own_topic, "command/%s", device.name);
    snprintf(status_topic, sizeof status_topic, "status/%s", device.name);
    mqtt_e2e_esp_defaults(&options);
    options.session.key = mqtt_e2e_node_key;
    options.session.key_len = sizeof mqtt_e2e_node_key;
    options.session.base = MQTT_E2E_NODE_BASE;
    options.session.plain_topics = MQTT_E2E_NODE_PLAIN_TOPICS;
    options.session.clock_lead_ms += SLEEP_S * 1000 / 20; /* the RTC's oscillator may be slow by 5 % */
    options.filters = filters;
    options.filter_count = 1;
    options.on_message = on_message;
    return mqtt_e2e_esp_init(&node, &options, mqtt_e2e_esp_since_power);
}

static esp_err_t connect(void)
{
    const esp_mqtt_client_config_t config = {
        .broker.address.hostname = mqtt_e2e_node_hosts[0].name,
        .broker.address.port = mqtt_e2e_node_hosts[0].port,
        .broker.address.transport = MQTT_E2E_NODE_TLS ? MQTT_TRANSPORT_OVER_SSL : MQTT_TRANSPORT_OVER_TCP,
        .broker.verification.crt_bundle_attach = MQTT_E2E_NODE_TLS ? esp_crt_bundle_attach : NULL,
        .credentials.username = MQTT_E2E_NODE_USER[0] != '\0' ? MQTT_E2E_NODE_USER : NULL,
        .credentials.authentication.password =
            MQTT_E2E_NODE_PASSWORD[0] != '\0' ? MQTT_E2E_NODE_PASSWORD : NULL,
        .session.disable_clean_session = true, /* the broker keeps commands for us meanwhile */
    };

    return mqtt_e2e_esp_connect(&node, &config);
}

static bool publish_reading(void)
{
    char text[64];
    int len =
        snprintf(text, sizeof text, "wake %lu, led %s", (unsigned long)wakes, device.led ? "on" : "off");

    return mqtt_e2e_device_publish(&node.device, status_topic, text, (size_t)len, 1, false, node.now()) ==
           MQTT_E2E_OK;
}

static void work(void)
{
    int64_t give_up = node.now() + AWAKE_MAX_MS;
    bool published = false;

    while (node.now() < give_up) {
        mqtt_e2e_esp_run(&node, 100);
        if (!published &&
            publish_reading()) { /* not OK as long as it is not connected, or does not know the time */
            published = true;
            wakes++;
            awake_until = node.now() + LISTEN_MS;
        }
        if (published && node.now() >= awake_until && esp_mqtt_client_get_outbox_size(node.client) == 0)
            return;
    }
}

void app_main(void)
{
    ESP_ERROR_CHECK(nvs_flash_init());
    ESP_ERROR_CHECK(esp_netif_init());
    ESP_ERROR_CHECK(esp_event_loop_create_default());
    ESP_ERROR_CHECK(example_connect());
    if (start() == MQTT_E2E_OK) {
        if (!take_up())
            ESP_LOGW(tag, "no memory of an earlier run");
        if (connect() == ESP_OK)
            work();
    }
    fall_asleep();
}
