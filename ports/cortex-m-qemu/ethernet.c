/* SPDX-License-Identifier: MIT */
/* SMSC LAN9118 (datasheet revision 1.5), polled. A frame is always read from the FIFO to its end, even if there is no
 * memory for it: what is left would be taken for the next one. */
#include "ethernet.h"

#include <string.h>

#include "lwip/etharp.h"
#include "lwip/pbuf.h"
#include "netif/ethernet.h"

#define CARD           0x40200000
#define REG(offset)    (*(volatile uint32_t *)(CARD + (offset)))
#define RX_DATA_FIFO   REG(0x00)
#define TX_DATA_FIFO   REG(0x20)
#define RX_STATUS_FIFO REG(0x40)
#define TX_STATUS_FIFO REG(0x48)
#define BYTE_TEST      REG(0x64)
#define TX_CFG         REG(0x70)
#define HW_CFG         REG(0x74)
#define RX_FIFO_INF    REG(0x7c)
#define TX_FIFO_INF    REG(0x80)
#define MAC_CSR_CMD    REG(0xa4)
#define MAC_CSR_DATA   REG(0xa8)

#define TX_ON         2u
#define CSR_BUSY      0x80000000u
#define CSR_READ      0x40000000u
#define MAC_CR        1u
#define MAC_CR_ON     0x0010000cu /* full duplex, transmitter, receiver */
#define MAC_ADDRH     2u
#define MAC_ADDRL     3u
#define RX_ERROR      0x8000u
#define FCS_LEN       4u
#define FRAME_MAX     1518u
#define FRAME_MIN     14u
#define TX_FIRST_LAST 0x3000u

static uint32_t mac_read(uint32_t index)
{
    MAC_CSR_CMD = CSR_BUSY | CSR_READ | index;
    while ((MAC_CSR_CMD & CSR_BUSY) != 0)
        ;
    return MAC_CSR_DATA;
}

static void mac_write(uint32_t index, uint32_t value)
{
    MAC_CSR_DATA = value;
    MAC_CSR_CMD = CSR_BUSY | index;
    while ((MAC_CSR_CMD & CSR_BUSY) != 0)
        ;
}

/* ---- Sending ------------------------------------------------------------------------------------ */

static err_t send(struct netif *netif, struct pbuf *frame)
{
    uint32_t words = (frame->tot_len + 3u) / 4;

    (void)netif;
    while ((TX_FIFO_INF >> 16 & 0xff) != 0)
        (void)TX_STATUS_FIFO; /* nobody asks, but it must not fill up */
    if ((TX_FIFO_INF & 0xffff) < words * 4 + 8)
        return ERR_MEM; /* TCP sends it again */
    TX_DATA_FIFO = TX_FIRST_LAST | frame->tot_len;
    TX_DATA_FIFO = frame->tot_len;
    for (uint32_t i = 0; i < words; i++) {
        uint32_t word = 0;

        pbuf_copy_partial(frame, &word, 4, (u16_t)(4 * i));
        TX_DATA_FIFO = word;
    }
    return ERR_OK;
}

/* ---- Receiving ---------------------------------------------------------------------------------- */

/* The frame whose status was read, or NULL. `len` counts the FCS. */
static struct pbuf *take(uint32_t status, uint32_t len)
{
    static uint32_t words[(FRAME_MAX + 3) / 4];
    struct pbuf *frame;

    for (uint32_t i = 0; i < (len + 3) / 4; i++) {
        uint32_t word = RX_DATA_FIFO;

        if (i < LWIP_ARRAYSIZE(words))
            words[i] = word;
    }
    if ((status & RX_ERROR) != 0 || len > FRAME_MAX || len < FRAME_MIN + FCS_LEN)
        return NULL;
    frame = pbuf_alloc(PBUF_RAW, (u16_t)(len - FCS_LEN), PBUF_POOL);
    if (frame != NULL)
        pbuf_take(frame, words, (u16_t)(len - FCS_LEN));
    return frame;
}

bool ethernet_poll(struct netif *netif)
{
    uint32_t status;
    struct pbuf *frame;

    if ((RX_FIFO_INF >> 16 & 0xff) == 0)
        return false;
    status = RX_STATUS_FIFO;
    frame = take(status, status >> 16 & 0x3fff);
    if (frame != NULL && netif->input(frame, netif) != ERR_OK)
        pbuf_free(frame);
    return true;
}

/* ---- The start ---------------------------------------------------------------------------------- */

err_t ethernet_start(struct netif *netif)
{
    uint32_t low, high;

    if (BYTE_TEST != 0x87654321)
        return ERR_IF;
    low = mac_read(MAC_ADDRL);
    high = mac_read(MAC_ADDRH);
    memcpy(netif->hwaddr, &low, 4);
    memcpy(netif->hwaddr + 4, &high, 2);
    HW_CFG = 0x00050000; /* 5 kB of the memory for sending, the rest for receiving */
    TX_CFG = TX_ON;
    mac_write(MAC_CR, MAC_CR_ON);

    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->mtu = 1500;
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    netif->output = etharp_output;
    netif->linkoutput = send;
    return ERR_OK;
}
