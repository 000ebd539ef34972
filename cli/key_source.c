/* SPDX-License-Identifier: MIT */
/* mqtt-e2e key c, key toit: the key and what belongs to it as source text. */
#include <stdlib.h>
#include <string.h>

#include "key.h"

/* A C string literal for any bytes: what is not plain ASCII is octal, always three digits, so that no digit behind it
 * is drawn in; a question mark might start a trigraph. */
static void c_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c >= 0x7F)
            fprintf(out, "\\%03o", (unsigned)c);
        else
            fprintf(out, strchr("\"\\?", c) ? "\\%c" : "%c", c);
    }
    fputc('"', out);
}

/* A Toit string literal: UTF-8 stays; `$` would start an interpolation. */
static void toit_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7F)
            fprintf(out, "\\u{%X}", (unsigned)c);
        else
            fprintf(out, strchr("\"\\$", c) ? "\\%c" : "%c", c);
    }
    fputc('"', out);
}

static void bytes(FILE *out, const mqtt_e2e_config *config)
{
    for (size_t i = 0; i < config->key_len; i++)
        fprintf(out, "%s0x%02x", i ? ", " : "", config->key[i]);
}

static unsigned port_of(const mqtt_e2e_config *config, const mqtt_e2e_host *host)
{
    return mqtt_e2e_host_port(host, config->tls);
}

static const mqtt_e2e_host localhost = {"localhost", 0, MQTT_E2E_AS_SET};

static bool is_toit(const mqtt_e2e_config *config)
{
    return config->profile == MQTT_E2E_PROFILE_TOIT;
}

static void c_define(FILE *out, const char *name, const char *value)
{
    fprintf(out, "#define MQTT_E2E_NODE_%s ", name);
    c_string(out, value);
    fputc('\n', out);
}

static void write_c(FILE *out, const mqtt_e2e_config *c, const cli_identity *identity)
{
    const mqtt_e2e_host *hosts = c->host_count ? c->hosts : &localhost;
    size_t count = c->host_count ? c->host_count : 1;
    fprintf(out,
            "/* mqtt-e2e key, fingerprint %s. Secret: keep it out of repositories. */\n"
            "#ifndef MQTT_E2E_NODE_H\n#define MQTT_E2E_NODE_H\n\n"
            "static const unsigned char mqtt_e2e_node_key[%zu] = {",
            identity->fingerprint, c->key_len);
    bytes(out, c);
    fputs("};\n\n", out);
    c_define(out, "BASE", identity->base);
    c_define(out, "NAME", c->name);
    c_define(out, "USER", c->user);
    c_define(out, "PASSWORD", c->password);
    c_define(out, "ANNOUNCE", c->announce);
    fprintf(out, "#define MQTT_E2E_NODE_TLS %d\n#define MQTT_E2E_NODE_PLAIN_TOPICS %d\n", c->tls,
            c->plain_topics || is_toit(c));
    if (is_toit(c))
        fputs("#define MQTT_E2E_NODE_TOIT 1 /* the options go through mqtt_e2e_toit */\n", out);
    fprintf(out,
            "#define MQTT_E2E_NODE_HOSTS %zu\n\n"
            "static const struct {\n    const char *name;\n    unsigned short port;\n} "
            "mqtt_e2e_node_hosts[%zu] = {\n",
            count, count);
    for (size_t i = 0; i < count; i++) {
        fputs("    {", out);
        c_string(out, hosts[i].name);
        fprintf(out, ", %u},\n", port_of(c, &hosts[i]));
    }
    fputs("};\n\n#endif\n", out);
}

static void toit_constant(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%s ::= ", name);
    toit_string(out, value);
    fputc('\n', out);
}

/* By the names that the examples of the Toit library have for it: in the place of their shared.toit. The library asks for no more than
 * a host and a port. */
static void write_toit_shared(FILE *out, const mqtt_e2e_config *c, const cli_identity *identity)
{
    const mqtt_e2e_host *host = c->host_count ? c->hosts : &localhost;
    fprintf(out,
            "// mqtt-e2e key, fingerprint %s. Secret: keep it out of repositories.\n"
            "// For the Toit library mqtt-e2e: in the place of its examples' shared.toit. Topics start with "
            "%s.\n\n"
            "encryption-key ::= #[",
            identity->fingerprint, identity->base);
    bytes(out, c);
    fputs("]\npad-size ::= 50\n", out);
    toit_constant(out, "controller-suffix", "controller");
    toit_constant(out, "mqtt-host", host->name);
    fprintf(out, "mqtt-port ::= %u\n", port_of(c, host));
}

/* What that library can't have from a key file. */
static void warn_of_toit(const mqtt_e2e_config *c)
{
    const mqtt_e2e_host *host = c->host_count ? c->hosts : &localhost;
    const char *what = mqtt_e2e_host_tls(host, c->tls) ? "TLS"
                       : c->user[0]                    ? "a user name at the broker"
                       : c->base_given                 ? "a base of its own"
                       : c->host_count > 1             ? "more than one broker"
                       : port_of(c, host) != 1883      ? "a port other than 1883"
                                                       : NULL;
    if (what)
        cli_warning("the key file has %s, which the examples of the Toit library do not use", what);
}

static void write_toit(FILE *out, const mqtt_e2e_config *c, const cli_identity *identity)
{
    const mqtt_e2e_host *hosts = c->host_count ? c->hosts : &localhost;
    size_t count = c->host_count ? c->host_count : 1;
    fprintf(out, "// mqtt-e2e key, fingerprint %s. Secret: keep it out of repositories.\n\nKEY ::= #[",
            identity->fingerprint);
    bytes(out, c);
    fputs("]\n", out);
    toit_constant(out, "BASE", identity->base);
    toit_constant(out, "NAME", c->name);
    toit_constant(out, "USER", c->user);
    toit_constant(out, "PASSWORD", c->password);
    toit_constant(out, "ANNOUNCE", c->announce);
    fprintf(out, "TLS ::= %s\nPLAIN-TOPICS ::= %s\n", c->tls ? "true" : "false",
            c->plain_topics ? "true" : "false");
    fputs("HOSTS ::= [", out);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", out);
        toit_string(out, hosts[i].name);
    }
    fputs("]\nPORTS ::= [", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%u", i ? ", " : "", port_of(c, &hosts[i]));
    fputs("]\n", out);
}

static int write_source(cli_key_job *job,
                        void (*print)(FILE *, const mqtt_e2e_config *, const cli_identity *))
{
    cli_identity identity;
    char *text = NULL;
    size_t len = 0;
    if (!cli_identify(&job->config, &identity))
        return CLI_FAILED;
    FILE *out = open_memstream(&text, &len);
    if (out)
        print(out, &job->config, &identity);
    int code = CLI_FAILED;
    if (!out || fclose(out) != 0)
        cli_error("out of memory");
    else
        code = cli_key_write(job, text, len);
    cli_forget(text);
    return code;
}

int cli_key_c(cli_key_job *job)
{
    return write_source(job, write_c);
}

int cli_key_toit(cli_key_job *job)
{
    if (job->config.toit_too) /* it is for those who are not moved yet */
        job->config.profile = MQTT_E2E_PROFILE_TOIT;
    if (!is_toit(&job->config))
        return write_source(job, write_toit);
    warn_of_toit(&job->config);
    return write_source(job, write_toit_shared);
}
