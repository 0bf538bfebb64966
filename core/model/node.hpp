// Node: a place where VMs run, with what it can give; Neighbour: others there; Runner: one process that holds one VM there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"

namespace neonvm {

struct Node {
  std::string name;
  Resources capacity;                // what VMs may be promised in total
  double watermark = 0.9;            // above this share the scheduler wants VMs to leave; (0, 1]
  bool schedulable = true;
  std::map<std::string, std::string> labels;
  std::uint32_t pods = 0;            // that may be there at once, VMs' and others'; 0: as many as find room

  friend bool operator==(const Node&, const Node&) = default;
};

// Somebody else's work on a node: what it has reserved there no VM can have. Gone when it has ended.
struct Neighbour {
  std::string node;
  Resources reserved;

  friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

enum class RunnerRole { source, target };      // target: waits for an incoming migration
enum class RunnerPhase { starting, running, succeeded, failed };

const char* to_string(RunnerRole role);
const char* to_string(RunnerPhase phase);

// The wish: hold this VM on that node.
struct RunnerSpec {
  std::string vm;
  std::string vm_uid;
  std::string node;
  RunnerRole role = RunnerRole::source;
  std::string machine;               // MachineSpec as JSON: all that the runner needs, so that it asks nobody
  bool attach_only = false;          // successor of a runner that vanished: take hold of its QEMU or end, start nothing

  friend bool operator==(const RunnerSpec&, const RunnerSpec&) = default;
};

// The facts. A runner is gone when its process and its QEMU are gone.
struct RunnerStatus {
  RunnerPhase phase = RunnerPhase::starting;
  std::string endpoint;              // "unix:/…/runner.sock" or "https://10.0.0.7:25183"; empty: not yet
  std::int64_t pid = 0;              // local only
  std::string exit_reason;           // how it ended; of one that is starting: what it cannot begin without
  WallTime started{}, ended{};
  bool vm_ended = false;             // set with succeeded and failed: its QEMU is known to be gone. false: it may still
                                     // run, and a successor with the same run_dir takes hold of it

  friend bool operator==(const RunnerStatus&, const RunnerStatus&) = default;
};

// A server that hands calls on to a runner which its caller cannot reach by itself. Never logged.
struct RunnerProxy {
  std::string endpoint, path;        // "https://10.0.0.1:6443", and what comes before the runner's own paths
  std::string authority, server_name;  // PEM and the name in its certificate; empty authority: the system's
  bool unverified = false;           // it is taken for the right one, whoever it is
  std::string certificate, key;      // PEM, of the caller; empty: none
  std::string authorization;         // header of the caller; empty: none

  friend bool operator==(const RunnerProxy&, const RunnerProxy&) = default;
};

// What a caller of a runner, or of a scheduler, beyond a Unix socket needs: to know it for the right one, and to be let in. Never logged.
struct RunnerAccess {
  std::string authority;           // PEM, signed the runner's certificate; empty: its door is a Unix socket
  std::string server_name;         // that the certificate carries
  std::string token;               // bearer; through a proxy, which takes that header for itself, pod::token_header
  std::optional<RunnerProxy> through{};  // then the two above are the proxy's business

  friend bool operator==(const RunnerAccess&, const RunnerAccess&) = default;
};

// An authority that signs certificates, both PEM. Never logged.
struct Authority {
  std::string certificate, key;

  friend bool operator==(const Authority&, const Authority&) = default;
};

}  // namespace neonvm
