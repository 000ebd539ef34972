/* SPDX-License-Identifier: MIT */
#ifndef STUB_WIFI_H
#define STUB_WIFI_H
#include <Arduino.h>

#define WL_CONNECTED 3

class WiFiClient : public Client
{
};

class WiFiClientSecure : public WiFiClient
{
  public:
    void setInsecure()
    {
    }
};

class WiFiClass
{
  public:
    void begin(const char *, const char *)
    {
        begun = true;
    }
    int status() const
    {
        return begun ? WL_CONNECTED : 0;
    }

  private:
    bool begun = false;
};
extern WiFiClass WiFi;
#endif
