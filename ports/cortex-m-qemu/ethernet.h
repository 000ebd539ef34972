/* SPDX-License-Identifier: MIT */
/* The board's network card, an SMSC LAN9118, for lwIP. */
#ifndef ETHERNET_H
#define ETHERNET_H

#include "lwip/netif.h"

/* For netif_add. */
err_t ethernet_start(struct netif *netif);

/* Hands what came in to lwIP. False: nothing came. */
bool ethernet_poll(struct netif *netif);

#endif
