/* SPDX-License-Identifier: MIT */
/* mqtt-e2e doctor: finds out what is wrong, and says what to do. */
#include "doctor.h"

#include <string.h>

const char cli_doctor_help[] =
    "Usage: mqtt-e2e doctor [OPTION]...\n"
    "\n"
    "Finds out what is wrong, and says in words what to do. Checks the key file;\n"
    "looks each broker up and connects to it, one by one; reads its limits; compares\n"
    "the clock with those of other nodes; and sends a sealed message to itself, last by\n"
    "all brokers at once. Takes about three seconds a broker. Exits with 1 if anything\n"
    "is wrong.\n";

static int64_t timeout_of(const cli_options *options)
{
    return options->wait_ms ? options->wait_ms : 5000;
}

static void examine(const cli_options *options, const mqtt_e2e_host *host)
{
    cli_patient patient = {.options = options, .host = *host};
    patient.timeout_ms = timeout_of(options);
    patient.host.port = mqtt_e2e_host_port(host, options->client.tls);
    patient.tls = mqtt_e2e_host_tls(host, options->client.tls);
    snprintf(patient.name, sizeof patient.name, strchr(host->name, ':') ? "[%s]:%u" : "%s:%u", host->name,
             (unsigned)patient.host.port);
    cli_report_about("broker %s", patient.name);
    if (!cli_doctor_net(&patient) || !cli_doctor_connect(&patient))
        return;
    cli_doctor_clock(&patient);
    cli_doctor_disconnect(&patient);
    cli_doctor_trip(&patient);
}

static int run(const cli_options *options)
{
    static const mqtt_e2e_host localhost = {"localhost", 0, MQTT_E2E_AS_SET};
    const mqtt_e2e_client_options *client = &options->client;
    const mqtt_e2e_host *hosts = client->host_count ? client->hosts : &localhost;
    size_t count = client->host_count ? client->host_count : 1;
    mosquitto_lib_init();
    cli_report_begin(options->json);
    cli_doctor_key(options);
    cli_doctor_own_clock(options);
    for (size_t i = 0; i < count; i++)
        examine(options, &hosts[i]);
    if (count > 1)
        cli_doctor_together(options, timeout_of(options));
    int code = cli_report_end();
    mosquitto_lib_cleanup();
    return code;
}

int cli_doctor(int argc, char **argv)
{
    static cli_options options;
    int code = cli_options_parse(&options, CLI_FOR_DOCTOR, argc, argv);
    if (code == CLI_OK && !options.help)
        code = run(&options);
    cli_options_free(&options);
    return code;
}
