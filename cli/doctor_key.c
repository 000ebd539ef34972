/* SPDX-License-Identifier: MIT */
/* The key file, and what the machine itself says of its clock. */
#include "doctor.h"
#include "files.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

int64_t cli_doctor_ticks(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t cli_doctor_utc(const cli_options *options)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + options->client.clock_offset_ms;
}

const char *cli_doctor_span(int64_t ms, char out[32])
{
    if (ms < 1000)
        snprintf(out, 32, "%lld ms", (long long)ms);
    else if (ms < 120000)
        snprintf(out, 32, "%.1f s", (double)ms / 1000);
    else if (ms < 7200000)
        snprintf(out, 32, "%lld min", (long long)(ms / 60000));
    else if (ms < 2 * 86400000)
        snprintf(out, 32, "%lld h", (long long)(ms / 3600000));
    else
        snprintf(out, 32, "%lld days", (long long)(ms / 86400000));
    return out;
}

/* ---- The key file -------------------------------------------------------------------------------- */

/* The path of the key file, or "" for standard input. */
static void place_of(const cli_options *options, char *out, size_t size)
{
    out[0] = '\0';
    if (!options->secret)
        mqtt_e2e_config_path(out, size);
    else if (strcmp(options->secret, "-") != 0)
        snprintf(out, size, "%s", options->secret);
}

/* Whoever can write the directory can put a key of his own in our key's place. */
static void check_directory(const char *path)
{
    char dir[4096];
    struct stat info;
    const char *slash = strrchr(path, '/');
    snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (stat(dir[0] ? dir : "/", &info) == 0 && info.st_mode & (S_IWGRP | S_IWOTH) &&
        !(info.st_mode & S_ISVTX))
        cli_report(CLI_WRONG, "chmod go-w on that directory",
                   "others can replace the key file: they may write to %s", dir);
}

static void check_file(const cli_options *options, const char *path)
{
    struct stat info;
    if (options->config.others_can_read)
        cli_report(CLI_WRONG, "chmod 600 on it; if others here are not trusted, make a new key",
                   "others on this machine can read the key file");
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return;
    if (info.st_mode & (S_IWGRP | S_IWOTH))
        cli_report(CLI_WRONG, "chmod 600 on it", "others on this machine can write the key file");
    if (info.st_uid != geteuid() && info.st_uid != 0 && geteuid() != 0)
        cli_report(CLI_NOTE, "", "the key file belongs to another user");
    check_directory(path);
}

/* Keys that stand in examples and test vectors. */
static bool is_known_key(const mqtt_e2e_config *config)
{
    unsigned same = 0, counting = 0;
    for (size_t i = 1; i < config->key_len; i++) {
        same |= (unsigned)(config->key[i] ^ config->key[0]);
        counting |= (unsigned)(uint8_t)(config->key[i] - config->key[i - 1] - 1);
    }
    return same == 0 || counting == 0;
}

void cli_doctor_key(const cli_options *options)
{
    const mqtt_e2e_config *config = &options->config;
    cli_identity identity;
    char path[4096];
    place_of(options, path, sizeof path);
    cli_report_about("key file");
    if (!cli_identify(config, &identity))
        return;
    cli_report(CLI_FINE, "", "%s, %zu bits, fingerprint %s", path[0] ? path : "standard input",
               config->key_len * 8, identity.fingerprint);
    if (path[0])
        check_file(options, path);
    if (is_known_key(config))
        cli_report(CLI_WRONG, "make one: mqtt-e2e keygen FILE",
                   "the key is one of those that stand in examples");
    if (options->client.session.profile == MQTT_E2E_PROFILE_TOIT)
        cli_report(CLI_NOTE, "",
                   "the Toit profile: everybody on the way reads the time and the topic of each message, and "
                   "can have "
                   "it taken on another topic");
    else if (options->client.session.plain_topics)
        cli_report(CLI_NOTE, "",
                   "topics are plain: the broker can read their names; all nodes must have it so");
    if (options->client.host_count == 0)
        cli_report(CLI_NOTE, "", "no broker is named: localhost is taken");
}

/* ---- Our clock ----------------------------------------------------------------------------------- */

void cli_doctor_own_clock(const cli_options *options)
{
    static const char set_clock[] = "set it: timedatectl set-ntp true, or what your system has for that";
    struct timex kernel = {0};
    struct stat info;
    char path[4096], utc[32], span[32];
    time_t now = (time_t)(cli_doctor_utc(options) / 1000);
    struct tm tm;
    cli_report_about("clock");
    strftime(utc, sizeof utc, "%Y-%m-%d %H:%M:%S", gmtime_r(&now, &tm));
    place_of(options, path, sizeof path);
    if (path[0] && stat(path, &info) == 0 && info.st_mtime > now + 86400) {
        cli_report(CLI_WRONG, set_clock,
                   "it is %s UTC by our clock, which is %s before the key file was written", utc,
                   cli_doctor_span((int64_t)(info.st_mtime - now) * 1000, span));
        return;
    }
    int state = adjtimex(&kernel);
    if (state >= 0 && state != TIME_ERROR && !(kernel.status & STA_UNSYNC))
        cli_report(CLI_FINE, "", "it is %s UTC; the system keeps its clock by others (NTP)", utc);
    else
        cli_report(
            CLI_NOTE,
            "compare it with another clock: if it is 10 s off, others refuse our messages, or we theirs",
            "it is %s UTC; the system does not say that it keeps its clock by others (NTP)", utc);
}
