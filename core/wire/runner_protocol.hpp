// Controller, agent and CLI <-> runner: everything that is done to one VM goes through its runner.
//
// Carrier: a WebSocket at /v1/link on the runner's endpoint (a Unix socket, mode 0600, at the desk; TLS with a token in
// a cluster). Several peers may hold a link at a time. Text messages, one JSON object each. A peer sends requests
// {"id":N,"type":T,…}, each answered by exactly one {"type":"reply","id":N,…}; the runner pushes `status` whenever it
// changed (and once at the start), and, to peers that asked with `subscribe`, `sample` and `want`. All requests are
// idempotent by their content. Unknown members are ignored, unknown types answered with `unsupported`.
// exec, console and log have WebSockets of their own: /v1/exec, /v1/console (see below), /v1/log (daemon/log_door).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/model/machine.hpp"
#include "core/model/metrics.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "core/model/revision.hpp"
#include "core/model/vm.hpp"

namespace neonvm::wire {

constexpr int runner_protocol_schema = 1;

// What the runner knows, whole, at every change.
struct RunnerReport {
  std::uint64_t sequence = 0;           // grows by one with every report of this runner process
  std::string vm, runner;
  MachinePhase phase = MachinePhase::starting;
  std::string exit_reason;              // set when phase is an end
  std::int64_t pid = 0;                 // QEMU's
  std::string accelerator, machine_type, hypervisor_version;
  std::uint32_t max_cpus = 1;
  std::uint32_t cpus_present = 0;       // slots filled, for the target of a migration; 0: not known yet
  std::vector<std::uint32_t> cpu_slots; // their numbers; empty: the lowest `cpus_present`
  CpuState cpu;                         // actual: online in the guest if it is connected, else slots present
  MemoryState memory;                   // of the whole VM: base + plugged
  Revision revision;                    // of the last size that was asked
  bool resizing = false;                // a resize has not settled yet
  bool guest_connected = false;
  std::string guest_version;
  WorkloadHealth health;                // as the guest told last
  std::string clock_news;               // how the guest's clock was put right last, if people should hear of it
  bool clock_warning = false;           // it was set back
  std::optional<MemoryState> swap;      // none: the machine has no swap disk
  Bytes swap_used;                      // by the last sample; no report comes for it alone
  std::vector<FilesState> files;        // each that the guest is to have
  std::vector<std::string> notices;     // as the guest told last; kept while it is silent
  std::optional<Bytes> guest_floor;     // from the last refused consent
  MigrationReport migration;
  std::string incoming_address;         // target: where to migrate to; empty until it listens
  std::vector<Port> forwards;

  friend bool operator==(const RunnerReport&, const RunnerReport&) = default;
};

// explains: the peer decides over the VM's size, and is asked `explain` when somebody wants to know why it is what it is.
struct Subscribe {
  bool samples = true;
  bool explains = false;
  friend bool operator==(const Subscribe&, const Subscribe&) = default;
};
// There is nothing to say: once this is answered, both ends keep the bare connection and nothing else, and send nothing. The runner ends it
// when it has news, and the peer, which may do so too, links anew. Refused to peers that subscribed.
struct Rest {
  friend bool operator==(const Rest&, const Rest&) = default;
};
// Make the VM so big. Answered when the order was taken; the way there is told by `status`.
struct Resize {
  Resources size; Revision revision;
  friend bool operator==(const Resize&, const Resize&) = default;
};
struct Consent {  // passed on to the guest
  Resources target; Revision revision;
  bool insist = false;
  friend bool operator==(const Consent&, const Consent&) = default;
};
struct Grown {  // passed on to the guest
  Resources granted; Revision revision;
  friend bool operator==(const Grown&, const Grown&) = default;
};
// Have so much swap. Answered when the order was taken; the way there is told by `status`.
struct Swap {
  Bytes size;
  friend bool operator==(const Swap&, const Swap&) = default;
};
// Limit what a disk of the guest may hold (0: no limit); answered when the guest has done it.
struct Quota {
  std::string disk;
  Bytes limit;
  friend bool operator==(const Quota&, const Quota&) = default;
};
// Power off in order within `grace`, then harder: guest shutdown, power button, quit, SIGKILL; each step is reported.
struct Stop {
  Duration grace{};
  friend bool operator==(const Stop&, const Stop&) = default;
};
struct Listen {  // target; reply.text: the address
  MachineState replay;
  friend bool operator==(const Listen&, const Listen&) = default;
};
struct MigrateTo {
  std::string address; MigrationSpec limits;
  friend bool operator==(const MigrateTo&, const MigrateTo&) = default;
};
struct CancelMigration {
  friend bool operator==(const CancelMigration&, const CancelMigration&) = default;
};
struct Activate {  // target: the source is known to have stopped; run, and open the forwards
  friend bool operator==(const Activate&, const Activate&) = default;
};
struct Abandon {  // target: the migration is off; end this QEMU. Source after completion: end it
  bool unless_whole = false;  // a target in which everything has arrived refuses
  friend bool operator==(const Abandon&, const Abandon&) = default;
};
struct GetReport {
  friend bool operator==(const GetReport&, const GetReport&) = default;
};

struct RunnerReply {
  bool ok = false;
  Code code = Code::internal;           // of !ok
  std::string why;
  std::string text;                     // listen: the address
  std::optional<Bytes> floor;           // consent refused: the memory that the guest could shrink to
  bool no_guest = false;                // consent, grown: nobody answers in the guest

  friend bool operator==(const RunnerReply&, const RunnerReply&) = default;
};

struct SamplePush { GuestSample sample; std::string event; };
struct WantPush {
  Bytes memory; std::string why;
  friend bool operator==(const WantPush&, const WantPush&) = default;
};

// Runner -> a peer that explains, with an id of the runner's own; answered by `explained` with the same id: the agent's
// explanation (wire/explanation) as a text. newer: not before there is a decision after that number, or for 25 s.
struct Explain {
  std::optional<std::uint64_t> newer;
  friend bool operator==(const Explain&, const Explain&) = default;
};
struct Explained {
  std::string explanation;
  friend bool operator==(const Explained&, const Explained&) = default;
};

using RunnerBody = std::variant<RunnerReport, Subscribe, Resize, Consent, Grown, Swap, Quota, Stop, Listen, MigrateTo, CancelMigration,
                                Activate, Abandon, GetReport, RunnerReply, SamplePush, WantPush, Explain, Explained, Rest>;
struct RunnerMessage {
  std::uint64_t id = 0;                 // 0: a push
  RunnerBody body;

  friend bool operator==(const RunnerMessage&, const RunnerMessage&) = default;
};

Result<RunnerMessage> decode_runner_message(std::string_view json);
std::string encode(const RunnerMessage& message);
// The id of a message that could not be decoded, so that its sender gets its answer; 0 when it has none.
std::uint64_t runner_message_id(std::string_view json);

// /v1/exec: the first text message is an ExecRequest; then binary messages whose first byte is the stream (0 stdin,
// 1 stdout, 2 stderr; an empty rest closes it) and, from the CLI, guest_protocol's {"type":"signal","id":0,"signal":2}; the
// runner ends with the text message {"exitCode":0} or {"error":"…"}. Also carries files: op "put" (bytes as stream 0) and
// "get" (bytes as stream 1) with a path. The runner tells with {"ack":N} that the guest consumed N more bytes of what the
// CLI sent; the CLI keeps at most stream_window bytes unacknowledged.
struct ExecRequest {
  std::string op = "exec";              // "exec", "put", "get"
  std::vector<std::string> argv;
  std::string path;
  std::uint32_t mode = 0600;
  bool tty = false;
  std::uint16_t rows = 24, columns = 80;

  friend bool operator==(const ExecRequest&, const ExecRequest&) = default;
};
Result<ExecRequest> decode_exec_request(std::string_view json);
std::string encode(const ExecRequest& request);
struct ExecEnd {
  int exit_code = 0; std::string error;
  friend bool operator==(const ExecEnd&, const ExecEnd&) = default;
};
Result<ExecEnd> decode_exec_end(std::string_view json);
std::string encode(const ExecEnd& end);
// {"VCPUs":2} or {"VCPUs":"1500m"}: body of /cpu_current and /cpu_change.
struct CpuMessage {
  MilliCpu cpus;
  friend bool operator==(const CpuMessage&, const CpuMessage&) = default;
};
Result<CpuMessage> decode_cpu_message(std::string_view json);
std::string encode(const CpuMessage& message);
// /v1/console: binary messages both ways, the guest's console bytes.

}  // namespace neonvm::wire
