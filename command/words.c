/* SPDX-License-Identifier: MIT */
/* A command as a list of words (docs/TERMINAL.md): as text where that can be, else with a NUL before and after each. */
#include "bytes.h"

static bool is_plain(const char *word)
{
    if (*word == '\0')
        return false;
    for (; *word != '\0'; word++)
        if ((unsigned char)*word <= 0x20 || *word == 0x7F)
            return false;
    return true;
}

size_t mqtt_e2e_words_write(const char *const *words, size_t count, void *out, size_t size)
{
    char *to = out;
    size_t at = 0;
    bool text = true;

    for (size_t i = 0; i < count; i++)
        text = text && is_plain(words[i]);
    if (!text && size > 0)
        to[at++] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(words[i]);
        size_t behind = text && i + 1 == count ? 0 : 1;

        if (len > size - at || behind > size - at - len)
            return 0;
        memcpy(to + at, words[i], len);
        at += len;
        if (behind > 0)
            to[at++] = text ? ' ' : '\0';
    }
    return at;
}

size_t mqtt_e2e_words_read(const void *payload, size_t len, char *text, size_t size, const char **words,
                           size_t most)
{
    const char *from = payload;
    size_t count = 0;
    bool list = len > 0 && from[0] == '\0';

    if (len == 0 || size <= len || (list && (len == 1 || from[len - 1] != '\0')))
        return 0;
    memcpy(text, from, len);
    text[len] = '\0';
    if (!list && strlen(text) < len)
        return 0;
    for (size_t i = 0; !list && i < len; i++)
        if (text[i] == ' ')
            text[i] = '\0';
    for (size_t i = list ? 1 : 0; i < len + (list ? 0 : 1);) {
        if (count == most || (!list && !is_plain(text + i)))
            return 0;
        words[count++] = text + i;
        i += strlen(text + i) + 1;
    }
    return count;
}
