// Object: one stored thing, as every orchestrator keeps it: a name, bookkeeping, what is wanted, what is.
//
// spec and status are JSON text; wire/model_json turns them into VmSpec, VmStatus, … and back. The spec is written by
// people and by the agent, the status by the controller only. Modelled on Kubernetes' object metadata.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm {

// neighbour: what somebody else runs on a node, told by orchestrators that share their nodes; only read. ip_pool: a range of the
// overlay network's addresses and who has which (IpPool); its name may have dots.
enum class Kind { virtual_machine, migration, node, runner, neighbour, ip_pool };

const char* to_string(Kind kind);  // "VirtualMachine", "VirtualMachineMigration", "Node", "Runner", "Neighbour", "IPPool"
std::optional<Kind> kind_from(std::string_view text);

// Names are DNS labels (RFC 1123): they become host names, file names and Kubernetes names. Errors say what is allowed.
Status check_name(std::string_view name);
// Of an object of that kind: an IPPool's, called after its range, may also have dots.
Status check_name(Kind kind, std::string_view name);
// An orchestrator that sees many namespaces calls its objects "NAMESPACE/NAME"; this is the NAME, and of others the whole.
std::string short_name(const std::string& name);
// A name beside `name`, in its namespace: before + NAME + after, cut in the middle to what a DNS label may have.
std::string name_beside(const std::string& name, const std::string& before, const std::string& after);

struct Object {
  Kind kind = Kind::virtual_machine;
  std::string ns = "default";
  std::string name;
  std::string uid;                     // never used twice, even for a name used again
  std::uint64_t version = 0;           // changes with every write; 0: not stored yet
  std::uint64_t generation = 0;        // changes with every write of spec
  WallTime created{};
  std::optional<WallTime> deleting;    // somebody asked to delete it; it goes when `finalizers` lets it
  bool finalizer = false;              // the controller holds it until it has cleaned up
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::string owner_uid;               // a runner's VM, a migration's VM; empty: none
  std::string spec = "{}";
  std::string status = "{}";

  friend bool operator==(const Object&, const Object&) = default;
};

// What happened to whom, for people: `neonvm events`, Kubernetes Events.
struct Event {
  WallTime at{};
  Kind kind = Kind::virtual_machine;
  std::string ns = "default";
  std::string name;
  bool warning = false;
  std::string reason;                  // CamelCase, one word: "Scaled", "MigrationFailed"
  std::string message;
  std::int64_t revision = 0;           // 0: none

  friend bool operator==(const Event&, const Event&) = default;
};

}  // namespace neonvm
