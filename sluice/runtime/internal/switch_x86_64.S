// SPDX-License-Identifier: Apache-2.0
//
// void sluice_switch(void** save_sp, void* load_sp)
//
// Saves the callee-saved registers of the System V ABI on the running stack, stores the stack
// pointer at *save_sp and goes on where the context behind load_sp saved its own. The x87 and SSE
// control words are not switched: nothing in a goroutine may change them across a park.
// It ends in `ret`: both sides call it from the same place, so the return predictor is right.
// The frame pointer chain stays walkable in a parked context: saved rbp stands at sp + 40, the
// return address at sp + 48.

#if defined(__x86_64__)

    .text
    .globl sluice_switch
    .hidden sluice_switch
    .type sluice_switch, @function
    .p2align 6
sluice_switch:
    .cfi_startproc
    endbr64
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r15, 0
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    ret
    .cfi_endproc
    .size sluice_switch, .-sluice_switch

// The first frame of every goroutine: the outermost one for every unwinder.
// It is entered behind its first instruction: see goroutine_entry() in switch.h.
    .globl sluice_goroutine_start
    .hidden sluice_goroutine_start
    .type sluice_goroutine_start, @function
    .p2align 4
sluice_goroutine_start:
    .cfi_startproc
    .cfi_undefined rip
    endbr64
    xorl %ebp, %ebp
    callq sluice_goroutine_main
    ud2
    .cfi_endproc
    .size sluice_goroutine_start, .-sluice_goroutine_start

#include "sluice/runtime/internal/gdb_script.inc"

#endif

    .section .note.GNU-stack, "", @progbits
