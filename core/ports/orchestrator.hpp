// The orchestrator door: where wishes and facts are stored, and who runs the runners.
//
// Called by daemon/* and cli; implemented by plugins/orchestrator-local, orchestrator-k8s and the working fake in
// tests/support. One contract suite (tests/core/ports/orchestrator_contract.hpp) runs against all.
//
// Threads: every call may be made from any thread, and blocks at most until its deadline. A Watch belongs to one
// thread at a time. Writes are conditional on Object::version: `conflict` means read again and decide again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/node.hpp"
#include "core/model/object.hpp"
#include "core/model/result.hpp"
#include "core/model/service_place.hpp"

namespace neonvm {

enum class ChangeKind { added, changed, deleted, synced };  // synced: everything that existed has been delivered

struct Change {
  ChangeKind kind = ChangeKind::changed;
  Object object;                 // deleted: the last known state; synced: empty
};

// Pulled. First delivers all objects as `added`, then `synced`, then changes in the order of their writes. Versions of
// one object never go back. Intermediate versions may be left out; a deletion and a new object of the same name are
// always two changes. A watch that lost its place catches up by itself and delivers `synced` again.
class Watch {
 public:
  virtual ~Watch() = default;
  // Next change; none when the deadline came first. Errors are transient unless data_loss or permission_denied.
  virtual Result<std::optional<Change>> next(Deadline deadline) = 0;
  // Makes a blocked next() return none at once, from any thread.
  virtual void wake() = 0;
};

// Newest last. after: sequence number of the last one seen, 0 for all that is kept.
struct StoredEvent {
  std::uint64_t sequence = 0;
  Event event;
};

class Orchestrator {
 public:
  virtual ~Orchestrator() = default;

  virtual Result<std::vector<Object>> list(Kind kind, Deadline deadline) = 0;
  // Those of one VM at least, as they are stored now; more is no harm. With thousands of VMs all of them are too many to ask for.
  virtual Result<std::vector<Object>> list_runners(const std::string& vm_name, Deadline deadline) {
    (void)vm_name;
    return list(Kind::runner, deadline);
  }
  virtual Result<Object> get(Kind kind, const std::string& name, Deadline deadline) = 0;
  // Names are DNS labels (RFC 1123). already_exists when the name is taken. Fills uid, version, generation, created.
  virtual Result<Object> create(const Object& object, Deadline deadline) = 0;
  // Writes spec, labels, annotations and finalizer if object.version is still the stored one.
  virtual Result<Object> update(const Object& object, Deadline deadline) = 0;
  // Writes status alone, likewise conditional.
  virtual Result<Object> update_status(const Object& object, Deadline deadline) = 0;
  // Marks `deleting`; removes at once what has no finalizer. Idempotent.
  virtual Status remove(Kind kind, const std::string& name, Deadline deadline) = 0;

  virtual Result<std::unique_ptr<Watch>> watch(Kind kind, Deadline deadline) = 0;

  virtual Status record(const Event& event, Deadline deadline) = 0;
  virtual Result<std::vector<StoredEvent>> events(std::uint64_t after, Deadline deadline) = 0;
  // Blocks until there is an event newer than `after`; empty when the deadline came first.
  virtual Result<std::vector<StoredEvent>> wait_events(std::uint64_t after, Deadline deadline) = 0;

  // Starts a runner for object.spec (a RunnerSpec) under object.name, and stores it as Kind::runner, whose status this
  // door keeps up to date (a RunnerStatus). already_exists when that runner exists, alive or not: a name is one life.
  virtual Result<Object> start_runner(const Object& runner, Deadline deadline) = 0;
  // Asks it to end its VM within `grace`, then kills runner and VM. The object goes when both are gone. Idempotent.
  virtual Status stop_runner(const std::string& name, Duration grace, Deadline deadline) = 0;

  // Holds `name` for `holder` for `ttl` from now: true if held now. Also renews. At most one holder at any time.
  virtual Result<bool> hold_lease(const std::string& name, const std::string& holder, Duration ttl, Deadline) = 0;
  virtual Status release_lease(const std::string& name, const std::string& holder, Deadline deadline) = 0;

  // Where things of one VM are kept on this machine (disks, logs), absolute; empty when that is not for us to know.
  virtual std::string vm_directory(const std::string& vm_name) = 0;
  // For the doors of all runners of a VM, and the same for as long as one of them lives. permission_denied: whoever asks may
  // not speak to runners; not_found: none was started yet.
  virtual Result<RunnerAccess> runner_access(const std::string& vm_name, Deadline deadline) = 0;
  // For the certificate of our admission webhooks. Before it answers, the servers that call them were told to trust this
  // authority. unsupported: nobody here would call any.
  virtual Result<Authority> webhook_authority(Deadline deadline) = 0;

  // For orchestrators where a runner is started without a node, and gets one when its scheduler asks: gives the pod (a runner, or
  // somebody else's) that node for good. Idempotent. conflict: it has another node, or that uid is not its own; not_found.
  virtual Status bind_pod(const std::string& pod, const std::string& uid, const std::string& node, Deadline deadline) {
    (void)pod, (void)uid, (void)node, (void)deadline;
    return Error{Code::unsupported, "this orchestrator has no pods"};
  }
  // For the doors of a scheduler in a process of its own. Whoever may, makes what is missing and renews what is due, the
  // scheduler's side as well; not_found and permission_denied: it is not there, and whoever asks may not make it.
  virtual Result<RunnerAccess> scheduler_access(Deadline deadline) {
    (void)deadline;
    return Error{Code::unsupported, "this orchestrator keeps no secrets of a scheduler"};
  }

  // For those who count nodes and not books: what is free on a node for VMs and pods, told on the node itself. came: and somebody may fit
  // now who waits for it; who waits by that node's news (a kube-scheduler) is woken.
  virtual Status show_room(const std::string& node, const Resources& free, bool came, Deadline deadline) {
    (void)node, (void)free, (void)came, (void)deadline;
    return Error{Code::unsupported, "this orchestrator shows nobody what is free"};
  }
  // From now on requests to that service of ours go to this place alone. Idempotent; the last one counts, so only who leads calls it.
  virtual Status lead_service(const ServicePlace& place, Deadline deadline) {
    (void)place, (void)deadline;
    return Error{Code::unsupported, "this orchestrator has no services"};
  }

  // Keeps fresh what a VM that runs is given beside its spec and that does not last: certificates. To be called by whoever leads,
  // when it takes the VM up, when the VM's wish has changed, and when the answer says; none: only then. Failure: what is missing,
  // for people; to be tried again after a while.
  virtual Result<std::optional<Duration>> tend(const Object& vm, Deadline deadline) {
    (void)vm, (void)deadline;
    return std::optional<Duration>();
  }

  // What a runner says of itself, piece by piece as it comes: its last `lines` lines (below 0: all), and with `follow` on until the
  // runner ends. deadline_exceeded: it would go on; not_found: there is no such runner, or nothing of its log any more.
  virtual Status runner_log(const std::string& runner, std::int64_t lines, bool follow, const std::function<void(std::string_view)>& take,
                            Deadline deadline) {
    (void)runner, (void)lines, (void)follow, (void)take, (void)deadline;
    return Error{Code::unsupported, "this orchestrator keeps no logs of runners"};
  }
};

}  // namespace neonvm
