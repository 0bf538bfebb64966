// QEMU owned by a libvirt: started, confined and shown (virsh list) by it, driven by us over a monitor of our own.
//
// Made by libvirt_plugin. settings.libvirt_uri says which: qemu:///session, qemu:///system, qemu:///embed?root=DIR, …
// It must be on this machine and run QEMU as our user (qemu.conf: user, group, dynamic_ownership = 0), for QEMU makes
// its sockets in run_dir and is ended by a signal.
// Limits: libvirt rounds base memory up to 1 MiB, so under TCG a VM is moved while it stands still (qemu_machine.cpp);
// paths of sockets have at most 107 characters; CPUs and memory in `virsh dumpxml` are those of power-on.
// Threads: any. One libvirt connection a process, made when it is first needed; its event loop runs on a thread of its
// own. Failure: unavailable when libvirt cannot be reached, else its own words. A call into libvirt has no deadline.
#pragma once

#include <memory>

#include "plugins/hypervisor-qemu/launcher.hpp"

namespace neonvm::qemu {

std::unique_ptr<Launcher> make_libvirt_launcher(const Settings& settings);

}  // namespace neonvm::qemu
