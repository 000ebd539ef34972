/* SPDX-License-Identifier: MIT */
/* mqtt-e2e key show. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "key.h"

static char *uri_of(const mqtt_e2e_config *config)
{
    enum { SIZE = 8192 };
    char *uri = calloc(1, SIZE);
    if (uri && mqtt_e2e_config_uri(config, uri, SIZE))
        return uri;
    free(uri);
    cli_error("out of memory");
    return NULL;
}

static json_t *hosts_json(const mqtt_e2e_config *config)
{
    json_t *hosts = json_array();
    char host[300];
    for (size_t i = 0; i < config->host_count; i++) {
        cli_host_text(config, i, host, sizeof host);
        json_array_append_new(hosts, json_string(host));
    }
    return hosts;
}

static void put_string(json_t *object, const char *key, const char *value)
{
    if (value[0])
        json_object_set_new(object, key, json_string(value));
}

static bool is_toit(const mqtt_e2e_config *config)
{
    return config->profile == MQTT_E2E_PROFILE_TOIT;
}

static int show_json(const cli_key_job *job, const char *path, const cli_identity *identity, const char *uri)
{
    const mqtt_e2e_config *c = &job->config;
    json_t *object = json_object();
    put_string(object, "file", path);
    json_object_set_new(object, "fingerprint", json_string(identity->fingerprint));
    json_object_set_new(object, "bits", json_integer((json_int_t)c->key_len * 8));
    json_object_set_new(object, "base", json_string(identity->base));
    json_object_set_new(object, "base_given", json_boolean(c->base_given));
    json_object_set_new(object, "hosts", hosts_json(c));
    put_string(object, "name", c->name);
    put_string(object, "user", c->user);
    json_object_set_new(object, "password", json_boolean(c->password[0] != '\0'));
    json_object_set_new(object, "tls", json_boolean(c->tls));
    json_object_set_new(object, "plain_topics", json_boolean(c->plain_topics || is_toit(c)));
    put_string(object, "announce", c->announce);
    if (is_toit(c))
        json_object_set_new(object, "profile", json_string("toit"));
    if (c->toit_too)
        json_object_set_new(object, "profile", json_string("toit,1"));
    put_string(object, "uri", uri);
    int failed = json_dumpf(object, stdout, JSON_COMPACT);
    json_decref(object);
    putchar('\n');
    return cli_flush() && !failed ? CLI_OK : CLI_FAILED;
}

static void show_hosts(const mqtt_e2e_config *config)
{
    char host[300];
    printf("hosts        ");
    for (size_t i = 0; i < config->host_count; i++) {
        cli_host_text(config, i, host, sizeof host);
        printf("%s%s", i ? ", " : "", host);
    }
    puts(config->host_count ? "" : "(none named: localhost)");
}

static int show_text(const cli_key_job *job, const char *path, const cli_identity *identity, const char *uri)
{
    const mqtt_e2e_config *c = &job->config;
    printf("key file     %s\n", path[0] ? path : "(standard input)");
    printf("fingerprint  %s%s%s\n", cli_paint(stdout, CLI_BOLD), identity->fingerprint,
           cli_paint(stdout, CLI_PLAIN));
    printf("key          %zu bits%s\n", c->key_len * 8, uri[0] ? "" : ", not shown (--reveal)");
    printf("base         %s%s\n", identity->base[0] ? identity->base : "(none)",
           c->base_given ? "" : " (follows from the key)");
    show_hosts(c);
    printf("tls          %s\n", c->tls ? "yes" : "no");
    printf("topics       %s\n", c->plain_topics || is_toit(c) ? "plain" : "hidden");
    if (is_toit(c) || c->toit_too)
        printf("profile      %s: everybody on the way reads the time and the topic of each message, and can\n"
               "             have it taken on another topic\n",
               c->toit_too ? "toit,1" : "toit");
    if (c->name[0])
        printf("name         %s\n", c->name);
    if (c->user[0])
        printf("user         %s%s\n", c->user, c->password[0] ? ", with a password" : "");
    if (c->announce[0])
        printf("announce     %s\n", c->announce);
    if (uri[0])
        printf("\n%s\n", uri);
    return cli_flush() ? CLI_OK : CLI_FAILED;
}

int cli_key_show(cli_key_job *job)
{
    cli_identity identity;
    char path[4096] = "";
    if (!cli_identify(&job->config, &identity))
        return CLI_FAILED;
    if (!job->secret)
        mqtt_e2e_config_path(path, sizeof path);
    else if (strcmp(job->secret, "-") != 0)
        snprintf(path, sizeof path, "%s", job->secret);
    char *uri = job->reveal ? uri_of(&job->config) : calloc(1, 1);
    if (!uri)
        return CLI_FAILED;
    int code = (job->json ? show_json : show_text)(job, path, &identity, uri);
    cli_forget(uri);
    return code;
}
