// SPDX-License-Identifier: MIT
// The same from C++, as far as it differs: the headers, the names, a call of each library.
#include <mqtt_e2e/client.h>
#include <mqtt_e2e/session.h>

#include <cstring>
#include <iostream>
#include <string>
#include <vector>

static std::string round_trip(const std::string &text)
{
    const std::vector<uint8_t> key(32, 7);
    const uint8_t random_a[MQTT_E2E_RANDOM_SIZE] = {1}, random_b[MQTT_E2E_RANDOM_SIZE] = {2}; // a test
    const int64_t now = 1700000000000;
    mqtt_e2e_options options;
    mqtt_e2e_defaults(&options);
    options.crypto = &mqtt_e2e_openssl;
    options.key = key.data();
    options.key_len = key.size();

    std::vector<uint64_t> storage_a(mqtt_e2e_session_size(&options) / 8 + 1), storage_b(storage_a.size());
    mqtt_e2e_session *a = nullptr, *b = nullptr;
    if (mqtt_e2e_init(&a, storage_a.data(), storage_a.size() * 8, &options, random_a, now) != MQTT_E2E_OK ||
        mqtt_e2e_init(&b, storage_b.data(), storage_b.size() * 8, &options, random_b, now) != MQTT_E2E_OK)
        return "init failed";

    char wire[100];
    mqtt_e2e_topic topic;
    mqtt_e2e_message message;
    std::vector<uint8_t> packet(mqtt_e2e_sealed_size(a, text.size()));
    size_t len = 0;
    if (mqtt_e2e_hide(a, "iot/kitchen", wire, sizeof wire, &topic) != MQTT_E2E_OK)
        return "hide failed";
    mqtt_e2e_status status = mqtt_e2e_seal(a, &topic, MQTT_E2E_MESSAGE, text.data(), text.size(), packet.data(),
                                           packet.size(), now + 1, &len);
    if (status == MQTT_E2E_OK)
        status = mqtt_e2e_open(b, &topic, packet.data(), len, packet.data(), len, now + 2, &message);
    if (status != MQTT_E2E_OK)
        return mqtt_e2e_status_text(status);
    const std::string opened(static_cast<const char *>(message.payload.data), message.payload.len);
    mqtt_e2e_wipe(a);
    mqtt_e2e_wipe(b);
    return opened;
}

int main()
{
    std::cout << round_trip("hello, sealed") << std::endl;
    mqtt_e2e_client_free(nullptr);
    return 0;
}
