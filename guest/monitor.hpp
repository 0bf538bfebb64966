// Monitor: everything that `neonvm monitor` does, put together: samples and pressure to the host, CPUs and memory switched
// on, consent given, memory asked for, commands run, power-off.
//
// Called by cli/monitor. Reads /proc, /sys and the kernel's uevents; writes CPU and memory states; talks over the
// virtio-serial port and, only when told to, over TCP ports 10301, 9100 and 9499. Threads: one loop, and its workers for what
// blocks. Lifetime: until SIGTERM or SIGINT. A restarted monitor takes over from what the kernel says; the host sees a new
// session. Failure: each part that cannot work says so in the log and leaves the others working.
#pragma once

#include <memory>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "core/wire/guest_protocol.hpp"

namespace neonvm::guest {

struct MonitorOptions {
  std::string port = wire::guest_port_name;
  Duration period = std::chrono::seconds(1);
  // Upstream's monitor protocol on 10301, metrics on 9100 and 9499: all without authentication, so off unless asked for here
  // or with neonvm.upstream=1 on the kernel's command line.
  bool upstream_ports = false;
  std::string upstream_address = "0.0.0.0";
  std::string cgroup;                       // below /sys/fs/cgroup: its anonymous memory must fit a shrink (upstream's rule)
};

// The exit code: 0 after a signal.
int run_monitor(const MonitorOptions& options);

}  // namespace neonvm::guest
