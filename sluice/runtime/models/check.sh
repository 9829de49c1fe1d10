#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks the models of this folder with spin, and that each broken variant is noticed.
set -euo pipefail

models=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# check holds|fails MODEL [-DVARIANT...]
check() {
  local expected=$1 model=$2 found=fails
  shift 2
  spin "$@" -a "$models/$model.pml"
  "${CC:-cc}" -O1 -w -DSAFETY -DMEMLIM=1024 -DVECTORSZ=2048 -o pan pan.c
  ./pan -n -m200000 >log || true
  if grep -q 'errors: 0' log && ! grep -qE 'max search depth|not completed|out of memory' log; then
    found=holds
  elif ! grep -q '^pan:1: .*\(assertion violated\|invalid end state\)' log; then
    found=incomplete
  fi
  if [[ $found != "$expected" ]]; then
    echo "$model $*: $found, expected: $expected" >&2
    cat log >&2
    exit 1
  fi
  echo "$model $*: $found, as expected"
}

check holds region
check fails region -DNO_FENCE
check fails region -DUNBAR_TAKEN
check holds park
check fails park -DNO_ON_CPU
check fails park -DLATE_CLEAR
check fails park -DWAIT_ON_STACK
check holds idle -DPUSHES
check holds idle -DRETURNS
check holds idle -DBLOCKS
check fails idle -DPUSHES -DNO_FENCE
check fails idle -DPUSHES -DNO_RECHECK
check fails idle -DPUSHES -DNOBODY_LOOKS
check fails idle -DPUSHES -DDRAIN_ANY
check fails idle -DRETURNS -DBLIND_HAND_OFF
check fails idle -DBLOCKS -DRETURNS -DBLIND_HAND_OFF
check holds poll
check fails poll -DLATEST
check fails poll -DREAD_ONCE
check fails poll -DNO_IDLE_LOOK
check fails poll -DNO_BREAK
