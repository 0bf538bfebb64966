// Workload: what an image runs, and how. Written into a disk as /neonvm/workload.json when it is built, read by PID 1 in
// the guest. Nothing in it is shell text but `shell` and `shutdown_hook`, so nothing can be quoted wrongly.
//
// Schema 1; docs/reference/image.md says what each member is for. Unknown members are ignored: a disk may be newer than
// the init that boots it. Numbers of owners are found when the image is built.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

constexpr const char* workload_path = "/neonvm/workload.json";

struct WorkloadCheck {
  std::vector<std::string> argv;  // exit code 0: healthy
  Duration interval = std::chrono::seconds(30), timeout = std::chrono::seconds(30), start_period{};
  std::int32_t retries = 3;

  friend bool operator==(const WorkloadCheck&, const WorkloadCheck&) = default;
};

// A line of upstream's inittab: `shell` is run by /bin/sh as `user`.
struct WorkloadCommand {
  std::string name, user, action, shell;  // action: of busybox' inittab: sysinit, wait, once, respawn, shutdown, …
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> groups;

  friend bool operator==(const WorkloadCommand&, const WorkloadCommand&) = default;
};

struct Workload {
  std::int32_t schema = 1;
  std::vector<std::string> entrypoint, cmd;  // run one after the other, as one command line; both empty: nothing to run
  std::vector<std::string> env;              // "NAME=value"
  std::string user = "root", home = "/root", workdir = "/";
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> groups;         // further ones
  std::string stop_signal = "SIGTERM";
  std::vector<std::string> ports;            // "80/tcp"
  std::optional<WorkloadCheck> healthcheck;
  std::vector<WorkloadCommand> commands;
  std::string shutdown_hook;                 // shell text, run until the workload has ended

  friend bool operator==(const Workload&, const Workload&) = default;
};

std::string encode(const Workload& workload);
Result<Workload> decode_workload(std::string_view json);

// The number of "SIGTERM", "TERM" or "15" in a Linux guest.
Result<int> signal_number(std::string_view name);

}  // namespace neonvm::wire
