// SPDX-License-Identifier: Apache-2.0
//
// void sluice_switch(void** save_sp, void* load_sp)
//
// As in switch_x86_64.S: x19-x28, the frame record x29/x30 and, as AAPCS64 asks, d8-d15.

#if defined(__aarch64__)

    .text
    .globl sluice_switch
    .hidden sluice_switch
    .type sluice_switch, %function
    .p2align 6
sluice_switch:
    .cfi_startproc
    hint #34
    sub sp, sp, #160
    .cfi_adjust_cfa_offset 160
    stp d8, d9, [sp, #0]
    stp d10, d11, [sp, #16]
    stp d12, d13, [sp, #32]
    stp d14, d15, [sp, #48]
    stp x19, x20, [sp, #64]
    stp x21, x22, [sp, #80]
    stp x23, x24, [sp, #96]
    stp x25, x26, [sp, #112]
    stp x27, x28, [sp, #128]
    stp x29, x30, [sp, #144]
    .cfi_rel_offset x29, 144
    .cfi_rel_offset x30, 152
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp d8, d9, [sp, #0]
    ldp d10, d11, [sp, #16]
    ldp d12, d13, [sp, #32]
    ldp d14, d15, [sp, #48]
    ldp x19, x20, [sp, #64]
    ldp x21, x22, [sp, #80]
    ldp x23, x24, [sp, #96]
    ldp x25, x26, [sp, #112]
    ldp x27, x28, [sp, #128]
    ldp x29, x30, [sp, #144]
    add sp, sp, #160
    .cfi_adjust_cfa_offset -160
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size sluice_switch, .-sluice_switch

// The first frame of every goroutine: the outermost one for every unwinder.
// It is entered behind its first instruction: see goroutine_entry() in switch.h.
    .globl sluice_goroutine_start
    .hidden sluice_goroutine_start
    .type sluice_goroutine_start, %function
    .p2align 4
sluice_goroutine_start:
    .cfi_startproc
    .cfi_undefined x30
    hint #34
    mov x29, #0
    mov x30, #0
    bl sluice_goroutine_main
    brk #1
    .cfi_endproc
    .size sluice_goroutine_start, .-sluice_goroutine_start

#include "sluice/runtime/internal/gdb_script.inc"

#endif

    .section .note.GNU-stack, "", %progbits
