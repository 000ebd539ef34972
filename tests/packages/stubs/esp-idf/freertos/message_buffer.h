/* SPDX-License-Identifier: MIT */
#ifndef STUB_FREERTOS_MESSAGE_BUFFER_H
#define STUB_FREERTOS_MESSAGE_BUFFER_H
#include <stddef.h>

#include "freertos/FreeRTOS.h"

typedef struct {
    uint8_t *memory;
    size_t size, used;
} StaticMessageBuffer_t;
typedef StaticMessageBuffer_t *MessageBufferHandle_t;

MessageBufferHandle_t xMessageBufferCreateStatic(size_t size, uint8_t *memory,
                                                 StaticMessageBuffer_t *control);
size_t xMessageBufferSend(MessageBufferHandle_t buffer, const void *data, size_t len, TickType_t wait);
size_t xMessageBufferReceive(MessageBufferHandle_t buffer, void *data, size_t size, TickType_t wait);
BaseType_t xMessageBufferIsEmpty(MessageBufferHandle_t buffer);
void vMessageBufferDelete(MessageBufferHandle_t buffer);
#endif
