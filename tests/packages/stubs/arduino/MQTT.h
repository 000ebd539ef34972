/* SPDX-License-Identifier: MIT */
#ifndef STUB_MQTT_H
#define STUB_MQTT_H
/* Of 256dpi's MQTT 2.5.1 what the adapter and its example use. */
#include <Arduino.h>

class MQTTClient;
typedef void (*MQTTClientCallbackAdvanced)(MQTTClient *client, char topic[], char bytes[], int length);

class MQTTClient
{
  public:
    void *ref = nullptr;

    explicit MQTTClient(int bufSize = 128);
    ~MQTTClient();
    void begin(const char hostname[], int port, Client &client);
    void onMessageAdvanced(MQTTClientCallbackAdvanced cb);
    void dropOverflow(bool enabled);
    bool connect(const char clientId[], const char username[], const char password[], bool skip = false);
    bool publish(const char topic[], const char payload[], int length, bool retained, int qos);
    bool subscribe(const char topic[], int qos);
    bool loop();
    bool connected();

  private:
    MQTTClientCallbackAdvanced callback = nullptr;
    char *readBuf;
    int bufSize;
    bool isConnected = false, drops = false, hasServer = false, sending = false;
    unsigned connection = 0;

    bool receive();
    bool close();
};
#endif
