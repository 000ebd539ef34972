/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MORE_H
#define BENCH_MORE_H

/* A row: open with 4,096 streams in the table, heard in random order, against one stream in a table of that size. */
void more_streams(void);

/* A table of what is done less often: hiding and revealing topics, HMAC, stored state. */
void more_single(void);

/* Rows of the same table: the client's cache of prepared topics. */
void more_cache(void);

#endif
