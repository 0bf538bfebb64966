// neonvm monitor: what runs in every guest.
#include "guest/monitor.hpp"

#include <memory>

#include "cli/commands_guest.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::cli {

namespace {

struct MonitorFlags {
  guest::MonitorOptions options;
  std::int64_t period_ms = 1000;
  bool verbose = false;
};

Result<int> monitor(MonitorFlags flags) {
  runtime::LogOptions log;
  if (flags.verbose) log.level = runtime::LogLevel::debug;
  if (const Status opened = runtime::open_log(log); !opened) return opened.error();
  flags.options.period = std::chrono::milliseconds(flags.period_ms);
  return guest::run_monitor(flags.options);
}

}  // namespace

Command monitor_command() {
  return {"monitor", "Guest", "Watch this guest's load and memory and do what its host asks", [](Options& o) {
            auto flags = std::make_shared<MonitorFlags>();
            o.text("--port", flags->options.port, "NAME", "Name of the virtio-serial port to the host");
            o.number("--period", flags->period_ms, 50, 60'000, "MS", "Time between two samples");
            o.text("--cgroup", flags->options.cgroup, "NAME",
                   "Below /sys/fs/cgroup; its anonymous memory must fit a shrink (upstream's rule; also: neonvm.cgroup=)");
            o.flag("--upstream-ports", flags->options.upstream_ports,
                   "Serve upstream's monitor protocol on port 10301 and metrics on 9100 and 9499, to everybody who "
                   "reaches this guest: none of them knows passwords (also: neonvm.upstream=1 on the kernel's command line)");
            o.text("--upstream-address", flags->options.upstream_address, "ADDRESS", "Where those ports listen");
            o.flag("-v,--verbose", flags->verbose, "Say more on standard error");
            o.example("neonvm monitor");
            o.example("neonvm monitor --upstream-ports --upstream-address 10.0.2.15 --cgroup neon-postgres");
            return [flags](Context&) { return monitor(*flags); };
          }};
}

}  // namespace neonvm::cli
