// ProcessId: one process, told from a later one with the same pid by its start time; and what is done to processes.
//
// Called by leases, runners and the supervisor. A process is watched and signalled by a pidfd that is checked after it
// was opened, so that no signal ever reaches a stranger. Everything here is safe when the process is gone already.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/model/result.hpp"
#include "plugins/orchestrator-local/unique_fd.hpp"

namespace neonvm::local {

struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start = 0;  // clock ticks after boot, field 22 of /proc/<pid>/stat

  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

ProcessId this_process();
// The process that has this pid now; none when there is none or it is a zombie.
std::optional<ProcessId> process_with(pid_t pid);
bool is_alive(const ProcessId& process);
// Start ticks out of the text of /proc/<pid>/stat; 0 when it is not one, or a zombie's.
std::uint64_t start_from_stat(const char* text, std::size_t length);

// A pidfd of just this process, which becomes readable when the process ends (also for a zombie that nobody reaped
// yet); not_found when it is gone for certain, other errors when that could not be told.
Result<UniqueFd> open_process(const ProcessId& process);
bool has_ended(const UniqueFd& pidfd);
void send_signal(const UniqueFd& pidfd, int signal);

// How a child of ours ended, reaped by this: "killed by signal 9", "ended with exit code 3". None when it has not ended
// or is nobody's child here.
std::optional<std::string> reap(const UniqueFd& pidfd);

// Names the pid namespace: pids of another one mean nothing here.
std::string pid_namespace();

// A process of this user that has the file open, other than `except`; `likely` is tried first. An error when not all
// could be looked at.
Result<std::optional<ProcessId>> process_holding(const std::string& path, std::optional<pid_t> likely, pid_t except);

}  // namespace neonvm::local
