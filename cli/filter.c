/* SPDX-License-Identifier: MIT */
#include "filter.h"
#include "profile.h"
#include "topics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* The latest time that fits the 48 bits of a packet. */
#define LATEST (((int64_t)1 << 48) - 1)

void cli_filter_init(cli_filter *filter, const char *command)
{
    memset(filter, 0, sizeof *filter);
    filter->command = command;
    mqtt_e2e_defaults(&filter->options);
    filter->options.crypto = &mqtt_e2e_openssl;
    filter->options.longest_packet = MQTT_E2E_PAYLOAD_MAX;
    filter->options.clock_skew_ms = filter->options.clock_lead_ms = CLI_SPAN_OF_PROFILE;
}

bool cli_filter_option(cli_filter *filter, int option)
{
    switch (option) {
    case 'K':
        filter->secret = optarg;
        return true;
    case CLI_NOW:
        filter->now_given = true;
        return cli_parse_number(filter->command, "--now", optarg, 1, LATEST, &filter->now);
    case CLI_BASE:
        filter->base_given = true;
        filter->options.base = optarg;
        return true;
    case CLI_PROFILE:
        filter->profile = optarg;
        return true;
    case CLI_PLAIN_TOPICS:
        filter->plain_given = true;
        return true;
    default:
        return false;
    }
}

int64_t cli_filter_now(const cli_filter *filter)
{
    struct timespec now;
    if (filter->now_given)
        return filter->now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool get_random(uint8_t out[MQTT_E2E_RANDOM_SIZE])
{
    ssize_t n;
    do
        n = getrandom(out, MQTT_E2E_RANDOM_SIZE, 0); /* up to 256 bytes come whole (getrandom(2)) */
    while (n < 0 && errno == EINTR);
    if (n == MQTT_E2E_RANDOM_SIZE)
        return true;
    cli_error("cannot get random bytes: %s", strerror(errno));
    return false;
}

static int start_session(cli_filter *filter)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    size_t size = mqtt_e2e_session_size(&filter->options);
    filter->storage = size ? calloc(1, size) : NULL;
    if (size && !filter->storage) {
        cli_error("out of memory for a session of %zu bytes", size);
        return CLI_FAILED;
    }
    if (!get_random(random))
        return CLI_FAILED;
    mqtt_e2e_status status = mqtt_e2e_init(&filter->session, filter->storage, size, &filter->options, random,
                                           cli_filter_now(filter));
    explicit_bzero(random, sizeof random);
    if (status == MQTT_E2E_OK)
        return CLI_OK;
    cli_error("cannot start a session: %s", mqtt_e2e_status_text(status));
    return CLI_FAILED;
}

static int use_profile(cli_filter *filter)
{
    mqtt_e2e_options *options = &filter->options;
    uint32_t skew = options->clock_skew_ms, lead = options->clock_lead_ms;
    int code = cli_profile_choose(filter->command, filter->profile, &filter->config);
    if (code == CLI_OK)
        code = cli_profile_one(filter->command, &filter->config);
    if (code == CLI_OK && filter->config.profile == MQTT_E2E_PROFILE_TOIT) {
        if (options->lasting_topics)
            return cli_usage_error(filter->command, "the Toit profile has no lasting (retained) messages");
        mqtt_e2e_toit(options);
        options->clock_skew_ms = skew;
        options->clock_lead_ms = lead;
    }
    cli_profile_spans(options);
    return code;
}

int cli_filter_start(cli_filter *filter)
{
    int code = filter->base_given ? cli_check_base(filter->command, filter->options.base) : CLI_OK;
    if (code != CLI_OK)
        return code;
    return cli_load_key(filter->secret, &filter->config) ? cli_filter_begin(filter) : CLI_FAILED;
}

int cli_filter_begin(cli_filter *filter)
{
    filter->options.key = filter->config.key;
    filter->options.key_len = filter->config.key_len;
    filter->options.plain_topics = filter->plain_given || filter->config.plain_topics;
    int code = use_profile(filter);
    if (code != CLI_OK)
        return code;
    if (!filter->base_given && filter->config.base_given)
        filter->options.base = filter->config.base;
    code = start_session(filter);
    explicit_bzero(filter->config.key, sizeof filter->config.key);
    explicit_bzero(filter->config.password, sizeof filter->config.password);
    return code;
}

bool cli_filter_renew(cli_filter *filter)
{
    uint8_t random[MQTT_E2E_RANDOM_SIZE];
    if (!get_random(random))
        return false;
    mqtt_e2e_status status = mqtt_e2e_renew(filter->session, random, cli_filter_now(filter));
    explicit_bzero(random, sizeof random);
    if (status != MQTT_E2E_OK)
        cli_error("cannot start a new stream: %s", mqtt_e2e_status_text(status));
    return status == MQTT_E2E_OK;
}

void cli_filter_end(cli_filter *filter)
{
    mqtt_e2e_wipe(filter->session);
    free(filter->storage);
    mqtt_e2e_config_wipe(&filter->config);
    filter->session = NULL;
    filter->storage = NULL;
}
