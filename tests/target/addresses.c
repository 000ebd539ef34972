/* SPDX-License-Identifier: MIT */
/*
 * A plugin of qemu that follows what a program does between two markers: the sequence of addresses executed and of
 * addresses accessed, with their sizes and directions. What it shows is what a cache, a branch predictor or a bus sees.
 *
 *     -plugin addresses.so,begin=ADDRESS,end=ADDRESS,out=FILE
 *
 * `begin` and `end` are addresses of instructions, in hex, of functions that do nothing. For each span between them a line
 * is written: instructions, accesses, hash of the sequence (FNV-1a, 64 bits, over whole words).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qemu-plugin.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static uint64_t begin, end;
static FILE *out;
static int following;
static uint64_t instructions, accesses, hash;

static void mix(uint64_t what)
{
    hash = (hash ^ what) * UINT64_C(0x100000001b3);
    hash ^= hash >> 29; /* whole words at a time need more than FNV's shift */
}

static void executed(unsigned cpu, void *address)
{
    uint64_t at = (uint64_t)(uintptr_t)address;

    (void)cpu;
    if (at == end && following) {
        fprintf(out, "%" PRIu64 " %" PRIu64 " %016" PRIx64 "\n", instructions, accesses, hash);
        following = 0;
    }
    if (following) {
        instructions++;
        mix(at);
    }
    if (at == begin) {
        following = 1;
        instructions = accesses = 0;
        hash = UINT64_C(0xcbf29ce484222325);
    }
}

static void accessed(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
    (void)cpu, (void)data;
    if (!following)
        return;
    accesses++;
    mix(address << 8 | qemu_plugin_mem_size_shift(info) << 1 | qemu_plugin_mem_is_store(info));
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        void *address = (void *)(uintptr_t)qemu_plugin_insn_vaddr(instruction);

        qemu_plugin_register_vcpu_insn_exec_cb(instruction, executed, QEMU_PLUGIN_CB_NO_REGS, address);
        qemu_plugin_register_vcpu_mem_cb(instruction, accessed, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
                                         NULL);
    }
}

static void ended(qemu_plugin_id_t id, void *data)
{
    (void)id, (void)data;
    fclose(out);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "begin=", 6) == 0)
            begin = strtoull(argv[i] + 6, NULL, 16);
        else if (strncmp(argv[i], "end=", 4) == 0)
            end = strtoull(argv[i] + 4, NULL, 16);
        else if (strncmp(argv[i], "out=", 4) == 0)
            out = fopen(argv[i] + 4, "w");
    }
    if (begin == 0 || end == 0 || out == NULL) {
        fprintf(stderr, "addresses: begin=, end= and out= are needed\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
