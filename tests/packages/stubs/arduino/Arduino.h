/* SPDX-License-Identifier: MIT */
#ifndef STUB_ARDUINO_H
#define STUB_ARDUINO_H
/* Of an Arduino core what the adapters and their examples use. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint8_t byte;
typedef bool boolean;

unsigned long millis();
void delay(unsigned long ms);

class Print
{
  public:
    void begin(unsigned long)
    {
    }
    void print(const char *text)
    {
        fputs(text, stdout);
    }
    void println(const char *text)
    {
        puts(text);
    }
};
extern Print Serial;

class Client
{
  public:
    virtual ~Client()
    {
    }
};

#ifdef ESP8266
class EspClass
{
  public:
    uint8_t *random(uint8_t *out, size_t len) const;
};
extern EspClass ESP;
#endif
#endif
