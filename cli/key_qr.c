/* SPDX-License-Identifier: MIT */
/* mqtt-e2e key qr: the key file's URI as a QR code. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <png.h>
#include <qrencode.h>

#include "key.h"

#define QUIET  4 /* modules of light around the code (ISO/IEC 18004 §5.3.8) */
#define PIXELS 8 /* a module's side in a picture */

/* Whether a module is dark; the quiet zone, and what is beyond, is not. */
static bool dark(const QRcode *code, int x, int y)
{
    x -= QUIET;
    y -= QUIET;
    return x >= 0 && y >= 0 && x < code->width && y < code->width && (code->data[y * code->width + x] & 1);
}

static int side(const QRcode *code)
{
    return code->width + 2 * QUIET;
}

/* Two modules a character, one above the other. With colours, dark on light whatever the terminal's are; without, light is
 * what is printed, which suits a dark terminal, and most cameras on a light one. */
static void draw(const QRcode *code, FILE *out)
{
    static const char *const blocks[2][2] = {{"\u2588", "\u2580"},
                                             {"\u2584", " "}}; /* [above dark][below dark] */
    bool colours = *cli_paint(out, CLI_BOLD);
    for (int y = 0; y < side(code); y += 2) {
        fputs(colours ? "\033[38;5;231;48;5;16m" : "", out);
        for (int x = 0; x < side(code); x++) {
            /* Below the last row of an odd number lies nothing: leave the terminal's ground there. */
            bool below = y + 1 >= side(code) || dark(code, x, y + 1);
            fputs(blocks[dark(code, x, y)][below], out);
        }
        fputs(colours ? "\033[0m\n" : "\n", out);
    }
}

static char *svg(const QRcode *code, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (!out)
        return NULL;
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "shape-rendering=\"crispEdges\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n<path fill=\"#000\" d=\"",
            side(code), side(code), side(code) * PIXELS, side(code) * PIXELS);
    for (int y = 0; y < side(code); y++)
        for (int x = 0; x < side(code); x++)
            if (dark(code, x, y))
                fprintf(out, "M%d %dh1v1h-1z", x, y);
    fputs("\"/>\n</svg>\n", out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static char *png(const QRcode *code, size_t *len)
{
    size_t n = (size_t)(side(code) * PIXELS);
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)n,
                       .height = (png_uint_32)n,
                       .format = PNG_FORMAT_GRAY};
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    uint8_t *pixels = malloc(n * n), *out = malloc(size);
    for (size_t i = 0; pixels && i < n * n; i++)
        pixels[i] = dark(code, (int)(i % n) / PIXELS, (int)(i / n) / PIXELS) ? 0 : 255;
    if (!pixels || !out || !png_image_write_to_memory(&image, out, &size, 0, pixels, 0, NULL)) {
        free(out);
        out = NULL;
    }
    if (pixels)
        explicit_bzero(pixels, n * n);
    free(pixels);
    *len = size;
    return (char *)out;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len > n && strcasecmp(text + len - n, end) == 0;
}

static int to_file(cli_key_job *job, const QRcode *code)
{
    size_t len = 0;
    char *data = ends_with(job->out, ".svg") ? svg(code, &len) : png(code, &len);
    if (!data) {
        cli_error("cannot draw the QR code: out of memory");
        return CLI_FAILED;
    }
    int result = cli_key_write(job, data, len);
    explicit_bzero(data, len);
    free(data);
    return result;
}

static QRcode *encode(const mqtt_e2e_config *config)
{
    char uri[8192];
    QRcode *code = NULL;
    errno = 0;
    if (mqtt_e2e_config_uri(config, uri, sizeof uri))
        code = QRcode_encodeString8bit(uri, 0, QR_ECLEVEL_M);
    if (!code && errno == ERANGE)
        cli_error("the key file's line of %zu bytes is too long for a QR code", strlen(uri));
    else if (!code)
        cli_error("cannot make the QR code: out of memory");
    explicit_bzero(uri, sizeof uri);
    return code;
}

int cli_key_qr(cli_key_job *job)
{
    if (job->out && !ends_with(job->out, ".png") && !ends_with(job->out, ".svg"))
        return cli_usage_error("key", "key qr -o takes FILE.png or FILE.svg, not '%s'", job->out);
    QRcode *code = encode(&job->config);
    if (!code)
        return CLI_FAILED;
    int result = CLI_OK;
    if (job->out) {
        result = to_file(job, code);
    } else {
        draw(code, stdout);
        result = cli_flush() ? CLI_OK : CLI_FAILED;
    }
    explicit_bzero(code->data, (size_t)code->width * (size_t)code->width);
    QRcode_free(code);
    if (result == CLI_OK)
        cli_warning("the QR code shows the key%s: who photographs it reads and writes the messages",
                    job->config.password[0] ? " and the broker's password" : "");
    return result;
}
