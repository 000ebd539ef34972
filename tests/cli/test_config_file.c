/* SPDX-License-Identifier: MIT */
/* Key files on the disk: the default place, the mode, what is said of a bad one; and writing the URI back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mqtt_e2e/client.h"

#define HEX "000102030405060708090a0b0c0d0e0f"
#define URI "mqtt-e2e://AAECAwQFBgcICQoLDA0ODw"

static bool all_zero(const void *memory, size_t len)
{
    const uint8_t *bytes = memory;
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

static mqtt_e2e_config parsed(const char *text)
{
    mqtt_e2e_config config;
    mqtt_e2e_error error;
    if (!mqtt_e2e_config_parse(text, strlen(text), &config, &error))
        fail_msg("'%s': %s", text, error.text);
    return config;
}

/* ---- Writing -------------------------------------------------------------------------------------- */

static void writes_only_what_fits(void **state)
{
    (void)state;
    mqtt_e2e_config c = parsed(URI "@h:1/b?name=n%20m&user=u&password=hunter2");
    char uri[200];
    size_t len = mqtt_e2e_config_uri(&c, uri, sizeof uri);
    assert_int_equal(len, strlen(uri));
    for (size_t size = 0; size <= len; size++) {
        memset(uri, 'x', sizeof uri);
        assert_int_equal(mqtt_e2e_config_uri(&c, uri, size), 0);
        for (size_t i = size; i < sizeof uri; i++)
            assert_int_equal(uri[i], 'x'); /* nothing behind its end */
        assert_true(all_zero(uri, size));  /* and no part of the key left */
    }
    assert_int_equal(mqtt_e2e_config_uri(&c, uri, len + 1), len);
    c.key_len = 15;
    assert_int_equal(mqtt_e2e_config_uri(&c, uri, sizeof uri), 0);
}

static void wipes(void **state)
{
    (void)state;
    mqtt_e2e_config c = parsed(URI "?user=u&password=hunter2");
    mqtt_e2e_config_wipe(&c);
    assert_true(all_zero(&c, sizeof c));
}

/* ---- Files ---------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/test_config.XXXXXX";
static char file[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(file, sizeof file, "%s/key", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(file);
    return rmdir(folder);
}

static void write_file(const char *text, mode_t mode)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(file, mode), 0);
}

static void loads_and_looks_at_the_mode(void **state)
{
    static const struct {
        mode_t mode;
        bool others;
    } modes[] = {{0600, false}, {0400, false}, {0610, false}, {0622, false},
                 {0640, true},  {0604, true},  {0644, true}};
    mqtt_e2e_config config;
    mqtt_e2e_error error;
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        unlink(file);
        write_file(URI "@h\n", modes[i].mode);
        assert_true(mqtt_e2e_config_load(file, &config, &error));
        assert_string_equal(config.hosts[0].name, "h");
        assert_int_equal(config.others_can_read, modes[i].others);
    }
}

static void says_which_file_is_wrong(void **state)
{
    mqtt_e2e_config config;
    mqtt_e2e_error error;
    char expected[300];
    (void)state;
    write_file("# x\n" URI "@h:0\n", 0600);
    assert_false(mqtt_e2e_config_load(file, &config, &error));
    snprintf(expected, sizeof expected,
             "key file '%s': line 2: the port of host 'h' must be 1 to 65535, not 0", file);
    assert_string_equal(error.text, expected);
    unlink(file);
    assert_false(mqtt_e2e_config_load(file, &config, &error));
    snprintf(expected, sizeof expected, "cannot open the key file '%s': No such file or directory", file);
    assert_string_equal(error.text, expected);
    assert_string_equal(error.hint, "'mqtt-e2e keygen FILE' makes one");
    assert_true(all_zero(&config, sizeof config));
    assert_false(mqtt_e2e_config_load(folder, &config, &error));
    snprintf(expected, sizeof expected, "key file '%s': cannot read it: Is a directory", folder);
    assert_string_equal(error.text, expected);
    assert_false(mqtt_e2e_config_load("/dev/zero", &config, &error)); /* ends */
    assert_string_equal(error.text, "key file '/dev/zero': over 65536 bytes long, which no key file is");
}

static void reads_standard_input(void **state)
{
    mqtt_e2e_config config;
    mqtt_e2e_error error;
    int ends[2], stdin_was = dup(STDIN_FILENO);
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], HEX "\n", sizeof HEX), (int)sizeof HEX);
    close(ends[1]);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    assert_true(mqtt_e2e_config_load("-", &config, &error));
    assert_int_equal(config.key[15], 15);
    assert_false(config.others_can_read);
    assert_false(mqtt_e2e_config_load("-", &config, &error)); /* at its end now, and still open */
    assert_string_equal(error.text, "the key on standard input: no key: no line but comments");
    dup2(stdin_was, STDIN_FILENO);
    close(stdin_was);
}

static void knows_the_default_place(void **state)
{
    char path[4096];
    mqtt_e2e_config config;
    mqtt_e2e_error error;
    (void)state;
    setenv("MQTT_E2E_KEY_FILE", "/some/where", 1);
    setenv("XDG_CONFIG_HOME", "/xdg", 1);
    setenv("HOME", "/some/one", 1);
    assert_true(mqtt_e2e_config_path(path, sizeof path));
    assert_string_equal(path, "/some/where");
    setenv("MQTT_E2E_KEY_FILE", "", 1);
    assert_true(mqtt_e2e_config_path(path, sizeof path));
    assert_string_equal(path, "/xdg/mqtt-e2e/key");
    setenv("XDG_CONFIG_HOME", "relative", 1);
    assert_true(mqtt_e2e_config_path(path, sizeof path));
    assert_string_equal(path, "/some/one/.config/mqtt-e2e/key");
    assert_false(mqtt_e2e_config_path(path, 10));
    unsetenv("HOME"); /* then the user's, by the system's list */
    assert_true(mqtt_e2e_config_path(path, sizeof path));
    assert_non_null(strstr(path, "/.config/mqtt-e2e/key"));
    setenv("MQTT_E2E_KEY_FILE", file, 1);
    write_file(HEX "\n", 0600);
    assert_true(mqtt_e2e_config_load(NULL, &config, &error));
    unlink(file);
    assert_false(mqtt_e2e_config_load(NULL, &config, &error));
    assert_string_equal(error.hint, "'mqtt-e2e keygen' makes one; to use another, name it with -K FILE");
    write_file("", 0600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_only_what_fits),       cmocka_unit_test(wipes),
        cmocka_unit_test(loads_and_looks_at_the_mode), cmocka_unit_test(says_which_file_is_wrong),
        cmocka_unit_test(reads_standard_input),        cmocka_unit_test(knows_the_default_place),
    };
    return cmocka_run_group_tests_name("key files: files", tests, make_folder, remove_folder);
}
