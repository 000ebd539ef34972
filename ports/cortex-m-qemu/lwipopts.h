/* SPDX-License-Identifier: MIT */
/* lwIP as the firmware uses it: IPv4 and TCP, no threads. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS                         1
#define SYS_LIGHTWEIGHT_PROT           0 /* interrupts don't call lwIP */
#define LWIP_SOCKET                    0
#define LWIP_NETCONN                   0
#define LWIP_UDP                       0
#define LWIP_RAW                       0
#define IP_REASSEMBLY                  0
#define IP_FRAG                        0
#define LWIP_SINGLE_NETIF              1
#define LWIP_DISABLE_TCP_SANITY_CHECKS 0

#define MEM_ALIGNMENT           4
#define MEM_SIZE                8192
#define MEMP_NUM_TCP_PCB        5
#define MEMP_NUM_TCP_PCB_LISTEN 1
#define MEMP_NUM_TCP_SEG        16
#define MEMP_NUM_SYS_TIMEOUT    (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 1) /* the MQTT client's */

/* Many short packets or a few long ones: short buffers, chained. Three segments are in flight at most, which the
 * card's FIFO has room for. */
#define PBUF_POOL_SIZE    40
#define PBUF_POOL_BUFSIZE 256
#define TCP_MSS           1460
#define TCP_WND           (3 * TCP_MSS)
#define TCP_SND_BUF       (2 * TCP_MSS)
#define TCP_SND_QUEUELEN  12
#define TCP_OVERSIZE      128 /* acknowledgements of MQTT are four bytes each, and join */
#define TCP_QUEUE_OOSEQ   1

#define LWIP_STATS         1 /* of buffers: the log shows that none is lost */
#define LWIP_STATS_DISPLAY 0
#define MEMP_STATS         1

#define MQTT_OUTPUT_RINGBUF_SIZE   1024
#define MQTT_VAR_HEADER_BUFFER_LEN 256
#define MQTT_REQ_MAX_IN_FLIGHT     8
#define MQTT_CYCLIC_TIMER_INTERVAL 1
#define MQTT_CONNECT_TIMOUT        10
#define MQTT_REQ_TIMEOUT           10

#endif
