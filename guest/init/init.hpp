// init: PID 1 of the default guest: mounts, modules, network, the monitor, a workload, a shell on the console, power-off.
//
// Called by cli/main_guest when the program is started as `init`. One thread, no loop library: what PID 1 does not have
// cannot fail. Kernel command line:
//   neonvm.run="COMMAND ARGS"   the workload, cut into words, run without a shell; neonvm.env=NAME=VALUE, any number
//   neonvm.exit=restart|poweroff|stay   when the workload ends: run it again (default), power off, or leave it at that
//   neonvm.ip=ADDRESS/PREFIX[,GATEWAY[,DNS]]|dhcp|none   neonvm.shell=0: none on the console
//   neonvm.grace=SECONDS        how long processes may take to end at power-off before SIGKILL (default 4)
//   hostname=NAME               root=/dev/vda [rootfstype=TYPE] [ro] [init=/sbin/init]: boot that disk instead
// Signals: SIGUSR2 or SIGTERM power off, SIGINT (Ctrl-Alt-Del) reboots. The power button powers off. Failure: each step that
// fails is said on the console and the next is taken; a guest with half its devices can still be asked what is wrong.
#pragma once

namespace neonvm::guest {

// Returns only when it is not PID 1: the exit code.
int run_init();

}  // namespace neonvm::guest
