/* SPDX-License-Identifier: MIT */
/* One bare MQTT connection, of version 5 where the broker knows it: its CONNACK tells the broker's limits. */
#include "doctor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <mqtt_protocol.h>

static void on_connect(struct mosquitto *mosq, void *context, int reason, int flags,
                       const mosquitto_property *properties)
{
    cli_patient *p = context;
    (void)mosq;
    (void)flags;
    p->answered = true;
    p->reason = reason;
    if (reason == 0)
        mosquitto_property_copy_all(&p->limits, properties);
}

static void on_message(struct mosquitto *mosq, void *context, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    cli_patient *p = context;
    (void)mosq;
    (void)properties;
    if (p->on_message)
        p->on_message(p->context, message);
}

static int set_up(cli_patient *p)
{
    const mqtt_e2e_client_options *o = &p->options->client;
    int code = mosquitto_int_option(p->mosq, MOSQ_OPT_PROTOCOL_VERSION, p->version);
    mosquitto_int_option(p->mosq, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_connect_v5_callback_set(p->mosq, on_connect);
    mosquitto_message_v5_callback_set(p->mosq, on_message);
    if (code == 0 && o->user)
        code = mosquitto_username_pw_set(p->mosq, o->user, o->password);
    if (code == 0 && p->tls) {
        const char *path = o->ca_file ? NULL : o->ca_path ? o->ca_path : "/etc/ssl/certs";
        code = mosquitto_tls_set(p->mosq, o->ca_file, path, o->cert_file, o->tls_key_file, NULL);
        if (code == 0)
            code = mosquitto_tls_insecure_set(p->mosq, o->insecure);
    }
    return code;
}

/* socks5h://[user[:password]@]host[:port]; what is wrong with it the client says in its turn. */
static void set_proxy(cli_patient *p)
{
    char copy[600], *host = copy, *at, *colon, *user = NULL, *password = NULL;
    const char *url = p->options->client.proxy;
    if (!url || strncmp(url, "socks5h://", 10) != 0)
        return;
    snprintf(copy, sizeof copy, "%s", url + 10);
    if ((at = strrchr(copy, '@'))) {
        *at = '\0';
        user = copy;
        host = at + 1;
        if ((colon = strchr(user, ':'))) {
            *colon = '\0';
            password = colon + 1;
        }
    }
    if ((colon = strrchr(host, ':')))
        *colon = '\0';
    mosquitto_socks5_set(p->mosq, host, colon ? atoi(colon + 1) : 1080, user, password);
    explicit_bzero(copy, sizeof copy);
}

void cli_doctor_run(cli_patient *p, int64_t ms, const bool *done)
{
    int64_t end = cli_doctor_ticks() + ms, left;
    while (!*done && p->lost == 0 && (left = end - cli_doctor_ticks()) > 0)
        p->lost = mosquitto_loop(p->mosq, left < 50 ? (int)left : 50, 1);
}

void cli_doctor_disconnect(cli_patient *p)
{
    if (!p->mosq)
        return;
    mosquitto_disconnect(p->mosq);
    mosquitto_destroy(p->mosq);
    mosquitto_property_free_all(&p->limits);
    p->mosq = NULL;
}

/* One attempt. False: `lost` or `reason` says why. */
static bool attempt(cli_patient *p, int version)
{
    char id[24];
    uint8_t random[11];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return false;
    cli_hex(random, sizeof random, id);
    p->version = version;
    p->answered = false;
    p->reason = p->lost = 0;
    p->mosq = mosquitto_new(id, true, p);
    if (!p->mosq) {
        p->lost = MOSQ_ERR_NOMEM;
        return false;
    }
    p->lost = set_up(p);
    set_proxy(p);
    if (p->lost == 0)
        p->lost = mosquitto_connect_bind_v5(p->mosq, p->host.name, p->host.port, 60,
                                            p->options->client.bind_address, NULL);
    cli_doctor_run(p, p->timeout_ms, &p->answered);
    if (p->answered && p->reason == 0 && p->lost == 0)
        return true;
    cli_doctor_disconnect(p);
    return false;
}

static bool wants_older(const cli_patient *p)
{
    if (p->answered)
        return p->reason == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION ||
               p->reason == CONNACK_REFUSED_PROTOCOL_VERSION;
    return p->lost == MOSQ_ERR_CONN_LOST || p->lost == MOSQ_ERR_PROTOCOL;
}

static void report_refusal(const cli_patient *p)
{
    const mqtt_e2e_client_options *o = &p->options->client;
    const char *why = p->version == MQTT_PROTOCOL_V5 ? mosquitto_reason_string(p->reason)
                                                     : mosquitto_connack_string(p->reason);
    bool login = p->reason == MQTT_RC_BAD_USERNAME_OR_PASSWORD || p->reason == MQTT_RC_NOT_AUTHORIZED ||
                 (p->version != MQTT_PROTOCOL_V5 && (p->reason == 4 || p->reason == 5));
    cli_report(
        CLI_WRONG,
        !login ? ""
        : o->user
            ? "are user name and password right? they stand in the key file, or are given with -u and -P"
            : "the broker wants a user name and a password: -u NAME -P file:PATH, or in the key file",
        "the broker does not let us in: %s", why);
}

static void report_loss(const cli_patient *p)
{
    bool tls = p->tls;
    if (p->lost == MOSQ_ERR_TLS)
        cli_report(CLI_WRONG,
                   "is its certificate known here (--cafile), for this name, and not expired? is the port "
                   "one for TLS? is our clock right?",
                   "no TLS connection comes about");
    else if (p->lost == 0)
        cli_report(CLI_WRONG,
                   tls ? "is it an MQTT broker with TLS?"
                       : "is it an MQTT broker? does this port want TLS (--tls)?",
                   "somebody listens there, but does not answer in MQTT");
    else
        cli_report(CLI_WRONG, tls ? "" : "is it an MQTT broker? does this port want TLS (--tls)?",
                   "the connection ends before the broker has answered: %s", mosquitto_strerror(p->lost));
}

bool cli_doctor_connect(cli_patient *p)
{
    int64_t start = cli_doctor_ticks();
    bool fine = attempt(p, MQTT_PROTOCOL_V5);
    if (!fine && wants_older(p)) {
        start = cli_doctor_ticks();
        fine = attempt(p, MQTT_PROTOCOL_V311);
    }
    if (!fine) {
        if (p->answered && p->reason)
            report_refusal(p);
        else
            report_loss(p);
        return false;
    }
    char span[32];
    cli_report(CLI_FINE, "", "the broker lets us in, by MQTT %s%s, within %s",
               p->version == MQTT_PROTOCOL_V5 ? "5" : "3.1.1", p->tls ? " over TLS" : "",
               cli_doctor_span(cli_doctor_ticks() - start, span));
    cli_report_number("connect_ms", (double)(cli_doctor_ticks() - start));
    cli_report_number("mqtt_version", p->version == MQTT_PROTOCOL_V5 ? 5 : 4);
    if (p->version == MQTT_PROTOCOL_V5)
        cli_doctor_limits(p);
    else
        cli_report(CLI_NOTE, "", "it knows no MQTT 5: it does not tell its limits, and -V 5 fails");
    return true;
}
