/* SPDX-License-Identifier: MIT */
/*
 * Key files, table-driven: each good form, and what it sets up; each bad form, with its message. Wherever a line
 * goes wrong, no message may hold a part of a secret: the tables put the secrets K (the key) and "hunter2" into every place
 * where people put them by mistake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "mqtt_e2e/client.h"

#define K    "AAECAwQFBgcICQoLDA0ODw"
#define HEX  "000102030405060708090a0b0c0d0e0f"
#define K32  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define URI  "mqtt-e2e://" K
#define MANY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG MANY MANY MANY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde" /* 255 bytes */

/* Text of NUL-terminated literals that may hold a NUL. */
#define TEXT(t) t, sizeof t - 1

/* ---- Good forms ----------------------------------------------------------------------------------- */

static const struct good {
    const char *text;
    size_t len;
    const char *uri; /* what is written of it; NULL = the text */
} good[] = {
    {TEXT(URI), NULL},
    {TEXT("mqtt-e2e://" K32), NULL},
    {TEXT(URI "=="), URI},
    {TEXT("mqtt-e2e://" K32 "="), "mqtt-e2e://" K32},
    /* Bare keys. */
    {TEXT(HEX), URI},
    {TEXT("000102030405060708090A0B0C0D0E0F"), URI},
    {TEXT(HEX "101112131415161718191a1b1c1d1e1f"), "mqtt-e2e://" K32},
    {TEXT(K), URI},
    {TEXT(K "=="), URI},
    {TEXT(K32), "mqtt-e2e://" K32},
    {TEXT(K32 "="), "mqtt-e2e://" K32},
    {TEXT("++++++++++++++++++++/w=="), "mqtt-e2e://--------------------_w"},
    {TEXT("--------------------_w"), "mqtt-e2e://--------------------_w"},
    {TEXT("AAAAAAAAAAAAAAAAAAAAAA"), "mqtt-e2e://AAAAAAAAAAAAAAAAAAAAAA"},
    /* Lines. */
    {TEXT("# a comment\n\n\t# another\n" URI "\n# and one behind\n"), URI},
    {TEXT("# a comment\r\n" URI "\r\n\r\n"), URI},
    {TEXT(URI "\r"), URI},
    {TEXT("  " URI " \t\n"), URI},
    {TEXT(URI "  # of the kitchen"), URI},
    {TEXT("\xEF\xBB\xBF" URI), URI},
    {TEXT("\xEF\xBB\xBF# from an editor\n" HEX), URI},
    /* Hosts. */
    {TEXT(URI "@localhost"), NULL},
    {TEXT(URI "@broker.example.org:1883"), NULL},
    {TEXT(URI "@a:1,b:65535,c"), NULL},
    {TEXT(URI "@h1,h2,h3,h4,h5,h6,h7,h8"), NULL},
    {TEXT(URI "@192.0.2.1:8883"), NULL},
    {TEXT(URI "@[::1]"), NULL},
    {TEXT(URI "@[2001:db8::1]:1884,x_y-z.example"), NULL},
    {TEXT(URI "@[fe80::1%25eth0]:1883"), NULL},
    {TEXT(URI "@host:00080"), URI "@host:80"},
    /* Bases. */
    {TEXT(URI "/"), URI},
    {TEXT(URI "?base="), NULL},
    {TEXT(URI "@h/?base="), URI "@h?base="},
    {TEXT(URI "@h?tls=1&base="), URI "@h?base=&tls=1"},
    {TEXT(URI "/home"), NULL},
    {TEXT(URI "@h/a/b/c"), NULL},
    {TEXT(URI "@h/a%20b/%C3%BC"), NULL},
    {TEXT(URI "/\xC3\xBC"), URI "/%C3%BC"},
    {TEXT(URI "//a"), NULL},
    {TEXT(URI "/a@b"), URI "/a%40b"},
    {TEXT(URI "/" LONG), NULL},
    /* Queries. */
    {TEXT(URI "?name=kitchen"), NULL},
    {TEXT(URI "@h?tls=1"), NULL},
    {TEXT(URI "@h?tls=0"), URI "@h"},
    {TEXT(URI "@h/?plain=1"), URI "@h?plain=1"},
    {TEXT(URI "@h?plain=0"), URI "@h"},
    {TEXT(URI "@h:1/b?name=n&tls=1&user=u&password=p&plain=1"), NULL},
    {TEXT(URI "@h?plain=1&profile=toit"), NULL},
    {TEXT(URI "?profile=toit"), NULL},
    {TEXT(URI "?profile=toit,1"), NULL},
    {TEXT(URI "?profile=toit%2C1"), URI "?profile=toit,1"},
    {TEXT(URI "?profile=1"), URI},
    {TEXT("mqtt-e2e://" K32 "?profile=1"), "mqtt-e2e://" K32},
    {TEXT(URI "@h?password=p&user=u"), URI "@h?user=u&password=p"},
    {TEXT(URI "?user=u&password=%26%3D%25%23%20%2F%3F%40%2B"), NULL},
    {TEXT(URI "?user=u&password=a=b/c?d@e+f"), URI "?user=u&password=a%3Db%2Fc%3Fd%40e%2Bf"},
    {TEXT(URI "?name=K%C3%BCche"), NULL},
    {TEXT(URI "?name=" LONG), NULL},
    {TEXT(URI "@h?name=n&announce=Jwc9CVP_3PlK/a-b/c"), URI "@h?name=n&announce=Jwc9CVP_3PlK%2Fa-b%2Fc"},
    {TEXT(URI "?announce=a%26b"), NULL},
    {TEXT(URI "?announce=" LONG LONG), NULL},
};

static void parses_good_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        mqtt_e2e_config config, again;
        mqtt_e2e_error error;
        char uri[4096];
        bool fine = mqtt_e2e_config_parse(good[i].text, good[i].len, &config, &error);
        if (!fine)
            fail_msg("'%s': %s", good[i].text, error.text);
        size_t len = mqtt_e2e_config_uri(&config, uri, sizeof uri);
        assert_int_equal(len, strlen(uri));
        assert_string_equal(uri, good[i].uri ? good[i].uri : good[i].text);
        /* What was written reads back as the same. */
        assert_true(mqtt_e2e_config_parse(uri, strlen(uri), &again, &error));
        assert_memory_equal(&config, &again, sizeof config);
    }
}

static mqtt_e2e_config parsed(const char *text)
{
    mqtt_e2e_config config;
    mqtt_e2e_error error;
    if (!mqtt_e2e_config_parse(text, strlen(text), &config, &error))
        fail_msg("'%s': %s", text, error.text);
    return config;
}

static void sets_every_field(void **state)
{
    (void)state;
    mqtt_e2e_config c =
        parsed(URI "@one:1,[2001:db8::1]:65535,[fe80::1%25eth0],last/ba%2Fse/x?name=n%26m&tls=1&user=%C3%BC"
                   "&password=p%20w&plain=1&announce=b%2f%C3%BC/x");
    for (uint8_t i = 0; i < 16; i++)
        assert_int_equal(c.key[i], i);
    assert_int_equal(c.key_len, 16);
    assert_int_equal(c.host_count, 4);
    assert_string_equal(c.hosts[0].name, "one");
    assert_int_equal(c.hosts[0].port, 1);
    assert_string_equal(c.hosts[1].name, "2001:db8::1");
    assert_int_equal(c.hosts[1].port, 65535);
    assert_string_equal(c.hosts[2].name, "fe80::1%eth0");
    assert_int_equal(c.hosts[2].port, 0);
    assert_string_equal(c.hosts[3].name, "last");
    assert_true(c.base_given);
    assert_string_equal(c.base, "ba/se/x");
    assert_string_equal(c.name, "n&m");
    assert_string_equal(c.user, "\xC3\xBC");
    assert_string_equal(c.password, "p w");
    assert_true(c.tls);
    assert_true(c.plain_topics);
    assert_int_equal(c.profile, MQTT_E2E_PROFILE_1);
    assert_false(c.others_can_read);
    assert_int_equal(parsed(URI "?profile=toit").profile, MQTT_E2E_PROFILE_TOIT);
}

static void sets_the_profile(void **state)
{
    (void)state;
    mqtt_e2e_config c = parsed(URI "?profile=toit");
    mqtt_e2e_client_options options;
    mqtt_e2e_client_defaults(&options);
    mqtt_e2e_client_use(&options, &c);
    assert_int_equal(options.session.profile, MQTT_E2E_PROFILE_TOIT);
    assert_true(options.session.plain_topics);
    assert_int_equal(options.session.clock_skew_ms, 15000);
    assert_int_equal(options.session.clock_lead_ms, 15000);
    assert_int_equal(options.mqtt_version, 4);
    assert_false(c.toit_too);
    c = parsed(URI "?profile=toit,1");
    assert_int_equal(c.profile, MQTT_E2E_PROFILE_1);
    assert_true(c.toit_too);
    c = parsed(URI);
    mqtt_e2e_client_defaults(&options);
    mqtt_e2e_client_use(&options, &c);
    assert_int_equal(options.session.profile, MQTT_E2E_PROFILE_1);
    assert_false(options.session.plain_topics);
    assert_int_equal(options.session.clock_skew_ms, 300000);
}

static void tells_no_base_from_the_empty_one(void **state)
{
    (void)state;
    assert_false(parsed(URI).base_given);
    assert_false(parsed(URI "@h?tls=1").base_given);
    /* A slash with nothing behind it, which programs add to URLs as they like, is no base. */
    assert_false(parsed(URI "/").base_given);
    assert_false(parsed(URI "@h/").base_given);
    assert_false(parsed(URI "@h/?tls=1").base_given);
    assert_true(parsed(URI "?base=").base_given);
    assert_true(parsed(URI "@h/?tls=1&base=").base_given);
    assert_string_equal(parsed(URI "@h/?base=&tls=1").base, "");
    assert_true(parsed(URI "@h/?base=&tls=1").tls);
    assert_int_equal(parsed(URI).host_count, 0);
}

/* ---- Bad forms ------------------------------------------------------------------------------------ */

#define NOT_A_KEY "neither an mqtt-e2e:// URI nor a bare key of 16 or 32 bytes in hex or base64"
#define BAD_NAME  "a host name is empty, too long, or has characters that no host name has"

static const struct bad {
    const char *text;
    size_t len;
    const char *error;
} bad[] = {
    {TEXT(""), "no key: no line but comments"},
    {TEXT("\n\r\n# " URI "\n"), "no key: no line but comments"},
    {TEXT(URI "\n" URI), "lines 1 and 2 both hold a key; one line may"},
    {TEXT("#\n" HEX "\n\n" K), "lines 2 and 4 both hold a key; one line may"},
    {TEXT(URI "\0"), "a NUL byte: this is not a text file"},
    {TEXT("\0"), "a NUL byte: this is not a text file"},
    {TEXT("# a\0b\n" URI), "a NUL byte: this is not a text file"},
    /* Bare keys. */
    {TEXT("hunter2"), "line 1: " NOT_A_KEY},
    {TEXT("\n00010203"), "line 2: " NOT_A_KEY},
    {TEXT(HEX "0"), "line 1: " NOT_A_KEY},
    {TEXT(HEX "00"), "line 1: " NOT_A_KEY},
    {TEXT("000102030405060708090a0b0c0d0e0g"), "line 1: " NOT_A_KEY},
    {TEXT("AAECAwQFBgcICQoLDA0ODx"), "line 1: " NOT_A_KEY}, /* bits set behind the last byte */
    {TEXT(K "="), "line 1: " NOT_A_KEY},
    {TEXT(K "==="), "line 1: " NOT_A_KEY},
    {TEXT("AAECAwQFBgcICQoLDA0O"), "line 1: " NOT_A_KEY},
    {TEXT("AAECAwQFBgcICQoLDA0O+_"), "line 1: " NOT_A_KEY}, /* two alphabets */
    {TEXT(HEX " " HEX), "line 1: " NOT_A_KEY},
    {TEXT("key=" HEX), "line 1: " NOT_A_KEY},
    {TEXT(K "@host"), "line 1: " NOT_A_KEY},
    /* Schemes. */
    {TEXT("mqtt://user:hunter2@host"), "line 1: a URI of another scheme than mqtt-e2e://"},
    {TEXT("MQTT-E2E://" K), "line 1: a URI of another scheme than mqtt-e2e://"},
    {TEXT("mqtt-e2e:" K), "line 1: " NOT_A_KEY},
    /* Keys in a URI. */
    {TEXT("mqtt-e2e://"), "line 1: no key behind mqtt-e2e://"},
    {TEXT("mqtt-e2e://@host"), "line 1: no key behind mqtt-e2e://"},
    {TEXT("mqtt-e2e:///base"), "line 1: no key behind mqtt-e2e://"},
    {TEXT("mqtt-e2e://hunter2@host"),
     "line 1: the key in the URI is not 16 or 32 bytes in base64url (it has 7 characters)"},
    {TEXT("mqtt-e2e://" HEX),
     "line 1: the key in the URI is not 16 or 32 bytes in base64url (it has 32 characters)"},
    {TEXT("mqtt-e2e://user:hunter2@host:1883"),
     "line 1: the key in the URI is not 16 or 32 bytes in base64url (it has 12 characters)"},
    {TEXT("mqtt-e2e://++++++++++++++++++++-w"),
     "line 1: the key in the URI is not 16 or 32 bytes in base64url (it has 22 characters)"},
    {TEXT("mqtt-e2e://AAECAwQFBgcICQoLDA0ODx"),
     "line 1: the key in the URI is not 16 or 32 bytes in base64url (it has 22 characters)"},
    {TEXT("mqtt-e2e://host@" K),
     "line 1: the key in the URI is not 16 or 32 bytes in base64url (it has 4 characters)"},
    /* Characters. */
    {TEXT(URI "@host /base"), "line 1: white space or a control character in the URI"},
    {TEXT(URI "@host\x01"), "line 1: white space or a control character in the URI"},
    {TEXT(URI "@host\r/base"), "line 1: white space or a control character in the URI"},
    {TEXT(URI "?user=u&password=hunter2 x"), "line 1: white space or a control character in the URI"},
    {TEXT(URI "?user=u&password=hunter2#x"), "line 1: '#' in the URI"},
    /* Hosts. */
    {TEXT(URI "@"), "line 1: no host behind '@'"},
    {TEXT(URI "@/base"), "line 1: no host behind '@'"},
    {TEXT(URI "@user:hunter2@host"), "line 1: more than one '@' before the base"},
    {TEXT(URI "@,a"), "line 1: a host name is missing before or behind a comma"},
    {TEXT(URI "@a,"), "line 1: a host name is missing before or behind a comma"},
    {TEXT(URI "@a,,b"), "line 1: a host name is missing before or behind a comma"},
    {TEXT(URI "@:1883"), "line 1: " BAD_NAME},
    {TEXT(URI "@hun%20ter2"), "line 1: " BAD_NAME},
    {TEXT(URI "@hunter2!"), "line 1: " BAD_NAME},
    {TEXT(URI "@" LONG), "line 1: " BAD_NAME},
    {TEXT(URI "@a,b,c,d,e,f,g,h,i"), "line 1: more than 8 hosts"},
    {TEXT(URI "@h:"), "line 1: the port of host 'h' is not a number from 1 to 65535"},
    {TEXT(URI "@h:hunter2"), "line 1: the port of host 'h' is not a number from 1 to 65535"},
    {TEXT(URI "@h:-1"), "line 1: the port of host 'h' is not a number from 1 to 65535"},
    {TEXT(URI "@h:1883x"), "line 1: the port of host 'h' is not a number from 1 to 65535"},
    {TEXT(URI "@h:0"), "line 1: the port of host 'h' must be 1 to 65535, not 0"},
    {TEXT(URI "@h:65536"), "line 1: the port of host 'h' must be 1 to 65535, not 65536"},
    {TEXT(URI "@h:99999999999999999999"), "line 1: the port of host 'h' is not a number from 1 to 65535"},
    {TEXT(URI "@::1"), "line 1: " BAD_NAME},
    {TEXT(URI "@2001:db8::1"), "line 1: the port of host '2001' is not a number from 1 to 65535"},
    {TEXT(URI "@[::1"), "line 1: a '[' without its ']' among the hosts"},
    {TEXT(URI "@[::1],[x"), "line 1: a '[' without its ']' among the hosts"},
    {TEXT(URI "@[]"), "line 1: what stands in brackets is not an IPv6 address"},
    {TEXT(URI "@[hunter2]"), "line 1: what stands in brackets is not an IPv6 address"},
    {TEXT(URI "@[::1%25]"), "line 1: what stands in brackets is not an IPv6 address"},
    {TEXT(URI "@[::1%25a b]"), "line 1: white space or a control character in the URI"},
    {TEXT(URI "@[::1%2]"),
     "line 1: a percent sign in the address in brackets is not followed by two hex digits"},
    {TEXT(URI "@[::1]1883"), "line 1: something between ']' and the port of host '::1'"},
    /* Bases. */
    {TEXT(URI "/a/"), "line 1: the base ends with '/'"},
    {TEXT(URI "//"), "line 1: the base ends with '/'"},
    {TEXT(URI "/a%2F"), "line 1: the base ends with '/'"},
    {TEXT(URI "/a/+"), "line 1: the base holds a wildcard, '+' or '#'"},
    {TEXT(URI "/a%23"), "line 1: the base holds a wildcard, '+' or '#'"},
    {TEXT(URI "/a%00b"), "line 1: the base is not UTF-8, or holds a NUL"},
    {TEXT(URI "/%C3"), "line 1: the base is not UTF-8, or holds a NUL"},
    {TEXT(URI "/\xED\xA0\x80"), "line 1: the base is not UTF-8, or holds a NUL"},
    {TEXT(URI "/a%"), "line 1: a percent sign in the base is not followed by two hex digits"},
    {TEXT(URI "/a%4"), "line 1: a percent sign in the base is not followed by two hex digits"},
    {TEXT(URI "/a%4g"), "line 1: a percent sign in the base is not followed by two hex digits"},
    {TEXT(URI "/" LONG "x"), "line 1: the base is over 255 bytes long"},
    {TEXT(URI "/$share/g"), "line 1: the base starts with $share/"},
    {TEXT(URI "?base=a"), "line 1: base in the query sets the empty base, and takes no value"},
    {TEXT(URI "/a?base=a"), "line 1: base in the query sets the empty base, and takes no value"},
    {TEXT(URI "/a?base="), "line 1: a base in the path, and 'base=' in the query"},
    {TEXT(URI "?base=&base="), "line 1: base is given twice in the query"},
    /* Queries. */
    {TEXT(URI "?"), "line 1: a part of the query has no '='"},
    {TEXT(URI "?name"), "line 1: a part of the query has no '='"},
    {TEXT(URI "?hunter2"), "line 1: a part of the query has no '='"},
    {TEXT(URI "?name=a&"), "line 1: a part of the query has no '='"},
    {TEXT(URI "?&name=a"), "line 1: a part of the query has no '='"},
    {TEXT(URI "?nam=a"), "line 1: unknown key 'nam' in the query"},
    {TEXT(URI "?names=a"), "line 1: unknown key 'names' in the query"},
    {TEXT(URI "?TLS=1"), "line 1: unknown key 'TLS' in the query"},
    {TEXT(URI "?pass=hunter2"), "line 1: unknown key 'pass' in the query"},
    {TEXT(URI "?hunter2!=x"), "line 1: an unknown key in the query"},
    {TEXT(URI "?=x"), "line 1: an unknown key in the query"},
    {TEXT(URI "?user=u&password=a&hunter2=x"), "line 1: an unknown key in the query"},
    {TEXT(URI "?user=u&password=a&hunter2"), "line 1: a part of the query has no '='"},
    {TEXT(URI "?name=a&name=a"), "line 1: name is given twice in the query"},
    {TEXT(URI "?user=u&password=hunter2&password=hunter2"), "line 1: password is given twice in the query"},
    {TEXT(URI "?tls=0&tls=0"), "line 1: tls is given twice in the query"},
    {TEXT(URI "?tls="), "line 1: tls must be 0 or 1"},
    {TEXT(URI "?profile="), "line 1: profile must be 1, toit, or toit,1"},
    {TEXT(URI "?profile=hunter2"), "line 1: profile must be 1, toit, or toit,1"},
    {TEXT(URI "?profile=hunter2hunter2hunter2"), "line 1: the profile is over 15 bytes long"},
    {TEXT(URI "?profile=Toit"), "line 1: profile must be 1, toit, or toit,1"},
    {TEXT(URI "?profile=1,toit"), "line 1: profile must be 1, toit, or toit,1"},
    {TEXT("mqtt-e2e://" K32 "?profile=toit,1"), "line 1: a key of 256 bits: the Toit profile takes 128"},
    {TEXT("mqtt-e2e://" K32 "?profile=toit"), "line 1: a key of 256 bits: the Toit profile takes 128"},
    {TEXT(URI "?profile=toit&profile=1"), "line 1: profile is given twice in the query"},
    {TEXT(URI "?tls=2"), "line 1: tls must be 0 or 1"},
    {TEXT(URI "?tls=true"), "line 1: tls must be 0 or 1"},
    {TEXT(URI "?plain=yes"), "line 1: plain must be 0 or 1"},
    {TEXT(URI "?plain=10"), "line 1: plain must be 0 or 1"},
    {TEXT(URI "?name="), "line 1: name has no value"},
    {TEXT(URI "?user="), "line 1: user has no value"},
    {TEXT(URI "?user=u&password="), "line 1: password has no value"},
    {TEXT(URI "?name=" LONG "x"), "line 1: the name is over 255 bytes long"},
    {TEXT(URI "?name=%00"), "line 1: the name is not UTF-8, or holds a NUL"},
    {TEXT(URI "?name=a%0Ab"), "line 1: a control character in the name"},
    {TEXT(URI "?user=%FF"), "line 1: the user is not UTF-8, or holds a NUL"},
    {TEXT(URI "?user=u&password=hunter2%"),
     "line 1: a percent sign in the password is not followed by two hex digits"},
    {TEXT(URI "?user=u&password=hunter2%7F"), "line 1: a control character in the password"},
    {TEXT(URI "?password=hunter2"), "line 1: a password without a user"},
    {TEXT(URI "?announce="), "line 1: announce has no value"},
    {TEXT(URI "?announce=a&announce=a"), "line 1: announce is given twice in the query"},
    {TEXT(URI "?announce=a/%23"),
     "line 1: announce is no topic to publish to: it has a wildcard, or starts with '~'"},
    {TEXT(URI "?announce=a/+/b"),
     "line 1: announce is no topic to publish to: it has a wildcard, or starts with '~'"},
    {TEXT(URI "?announce=~time"),
     "line 1: announce is no topic to publish to: it has a wildcard, or starts with '~'"},
    {TEXT(URI "?announce=a%00b"), "line 1: the announce is not UTF-8, or holds a NUL"},
    {TEXT(URI "?announce=a%0Ab"), "line 1: a control character in the announce"},
    {TEXT(URI "?announce=" LONG LONG "xx"), "line 1: the announce is over 511 bytes long"},
};

static bool all_zero(const void *memory, size_t len)
{
    const uint8_t *bytes = memory;
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

/* No six characters of a secret in a row; four are too few to tell from chance. */
static void assert_hides(const mqtt_e2e_error *error, const char *secret)
{
    char part[7];
    for (size_t i = 0; i + 6 <= strlen(secret); i++) {
        memcpy(part, secret + i, 6);
        part[6] = '\0';
        if (strstr(error->text, part) || strstr(error->hint, part))
            fail_msg("a secret in '%s' or '%s'", error->text, error->hint);
    }
}

static void refuses_bad_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mqtt_e2e_config config;
        mqtt_e2e_error error;
        memset(&config, 0xAA, sizeof config);
        memset(&error, 0xAA, sizeof error);
        if (mqtt_e2e_config_parse(bad[i].text, bad[i].len, &config, &error))
            fail_msg("accepted: '%s'", bad[i].text);
        assert_string_equal(error.text, bad[i].error);
        assert_true(all_zero(&config, sizeof config));
        assert_hides(&error, K);
        assert_hides(&error, HEX);
        assert_hides(&error, "hunter2");
        assert_true(strlen(error.hint) < sizeof error.hint - 1); /* it was not cut */
        /* Lower case, no full stop. */
        assert_false(error.text[0] >= 'A' && error.text[0] <= 'Z');
        assert_false(error.text[strlen(error.text) - 1] == '.');
    }
}

static void names_the_line(void **state)
{
    mqtt_e2e_config config;
    mqtt_e2e_error error;
    const char text[] = "# one\n# two\n\n" URI "@h:0\n";
    (void)state;
    assert_false(mqtt_e2e_config_parse(text, sizeof text - 1, &config, &error));
    assert_string_equal(error.text, "line 4: the port of host 'h' must be 1 to 65535, not 0");
}

static void limits_the_length(void **state)
{
    mqtt_e2e_config config;
    mqtt_e2e_error error;
    (void)state;
    char *text = malloc(65537);
    assert_non_null(text);
    memset(text, '#', 65537);
    memcpy(text, URI "\n", sizeof URI);
    assert_true(mqtt_e2e_config_parse(text, 65536, &config, &error));
    assert_false(mqtt_e2e_config_parse(text, 65537, &config, &error));
    assert_string_equal(error.text, "over 65536 bytes long, which no key file is");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_good_forms), cmocka_unit_test(sets_every_field),
        cmocka_unit_test(sets_the_profile),  cmocka_unit_test(tells_no_base_from_the_empty_one),
        cmocka_unit_test(refuses_bad_forms), cmocka_unit_test(names_the_line),
        cmocka_unit_test(limits_the_length),
    };
    return cmocka_run_group_tests_name("key files: text", tests, NULL, NULL);
}
