// Runner <-> guest: the push link between `neonvm runner` and `neonvm monitor`.
//
// Carrier: the virtio-serial port "tech.neon.guest.0": a byte stream, no network, survives migration. One JSON object a
// line, UTF-8, at most `max_line` bytes with its newline; a longer or broken line is dropped with an `error` message
// and the link goes on. The port has no connection of its own: after every (re)connect, and after a migration, each
// side may see the tail of an old line; so both discard up to the first newline that is followed by a `hello`, and each
// side sends `hello` first and again whenever it receives one from a session it does not know.
//
// Requests carry an id (> 0, unique in a session); each gets exactly one `reply` with that id, or none when the
// session ends. Streams (exec, files) are numbered by the id of the request that opened them. Unknown message types and
// unknown members are ignored: the guest may be older or newer than the host. Bytes in JSON are base64 (RFC 4648).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/metrics.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "core/model/revision.hpp"
#include "core/model/vm.hpp"

namespace neonvm::wire {

constexpr int guest_protocol_schema = 1;
constexpr std::size_t max_line = 64 * 1024;
constexpr const char* guest_port_name = "tech.neon.guest.0";

// {"type":"hello","schema":1,"session":"5f0c…","version":"0.1.0","cpusPresent":4,"cpusOnline":1,"features":["exec"]}
struct Hello {
  int schema = guest_protocol_schema;
  std::string session;            // random per process start; a new one resets ids and streams
  std::string version;
  std::uint32_t cpus_present = 0; // guest only
  std::uint32_t cpus_online = 0;
  std::vector<std::string> features;

  friend bool operator==(const Hello&, const Hello&) = default;
};

// Guest -> host, at the sampling period and at once with every pressure event.
// {"type":"sample","sample":{…},"event":"memory"}
struct SampleMessage {
  GuestSample sample;             // `at` does not travel: the host stamps it
  std::string event;              // "": periodic; "cpu", "memory", "io": a PSI trigger fired
};

// Guest -> host: more memory, before the OOM killer would act. {"type":"wantMemory","memory":"1536Mi","why":"…"}
struct WantMemory {
  Bytes memory;                   // total
  std::string why;

  friend bool operator==(const WantMemory&, const WantMemory&) = default;
};

// Guest -> host: the command that this guest was started for has ended. Told at each end, and the last one again at the
// beginning of a session, so `starts` tells news from old. {"type":"workloadEnded","exitCode":7,"why":"…","starts":3}
struct WorkloadEnded {
  int exit_code = 0;                    // 128 + signal as in a shell; 127: it could not be run
  std::string why;                      // "ended with code 7", "was killed by signal 9"
  std::uint64_t starts = 0;             // how often it has been started by now
  bool again = false;                   // it will be started again

  friend bool operator==(const WorkloadEnded&, const WorkloadEnded&) = default;
};

// Guest -> host: what the image's check says, at each change and at the beginning of a session.
// {"type":"workloadHealth","state":"unhealthy","why":"exit code 1"}
struct HealthNews {
  WorkloadHealth health;

  friend bool operator==(const HealthNews&, const HealthNews&) = default;
};

// Guest -> host: what people should know of the guest, by its hooks: all of it, at each change and once a session.
// {"type":"notices","notices":["postgres: shared_buffers is small: restart"]}
struct Notices {
  std::vector<std::string> notices;

  friend bool operator==(const Notices&, const Notices&) = default;
};

// Host -> guest, answered by Reply with `cpus_online`. {"type":"setCpus","id":7,"count":3,"revision":12}
struct SetCpus {
  std::uint64_t id = 0;
  std::uint32_t count = 1;
  Revision revision;

  friend bool operator==(const SetCpus&, const SetCpus&) = default;
};

// Host -> guest: may you shrink to that? Answered by Reply: ok, or !ok with why and, if known, the floor.
// insist: it will be done whatever is answered; the hooks are asked even if what is in use now does not fit.
struct AskConsent {
  std::uint64_t id = 0;
  Resources target;
  Revision revision;
  bool insist = false;

  friend bool operator==(const AskConsent&, const AskConsent&) = default;
};

// Host -> guest: you have that now. Answered by Reply.
struct TellGrown {
  std::uint64_t id = 0;
  Resources granted;
  Revision revision;

  friend bool operator==(const TellGrown&, const TellGrown&) = default;
};

// Host -> guest: what does your wall clock say? Answered by Reply with `clock`. {"type":"askClock","id":7}
struct AskClock {
  std::uint64_t id = 0;

  friend bool operator==(const AskClock&, const AskClock&) = default;
};

// Host -> guest: so far is your clock behind the host's (ahead: negative), and so much may be wrong with that. Put it right
// (decide/clock). Answered by Reply: ok, with why for what was done and `told` when people should hear of it.
// {"type":"setClock","id":8,"behindUs":5120000,"errorUs":800}
struct SetClock {
  std::uint64_t id = 0;
  Duration behind{}, error{};

  friend bool operator==(const SetClock&, const SetClock&) = default;
};

enum class Told { news, warning };

// Host -> guest: drop what the kernel caches in slab (dentries, inodes: sysctl vm.drop_caches=2): it is in the way of memory
// that shall be plugged. What is in use stays. Answered by Reply when it is done.
struct DropSlab {
  std::uint64_t id = 0;

  friend bool operator==(const DropSlab&, const DropSlab&) = default;
};

// Host -> guest: have so much swap, on the disk that the guest plan names. Answered by Reply with `swap` when it is so: what
// is in use has to move before, which takes its time.
struct SetSwap {
  std::uint64_t id = 0;
  Bytes size;

  friend bool operator==(const SetSwap&, const SetSwap&) = default;
};

// Host -> guest: what the disk of that name may hold at most; 0: no limit. Answered by Reply.
struct SetQuota {
  std::uint64_t id = 0;
  std::string disk;
  Bytes limit;

  friend bool operator==(const SetQuota&, const SetQuota&) = default;
};

// Host -> guest: does the mount of that name (guest plan) hold just these files, or without a checksum: any that were sent?
// Answered by Reply, !ok: no.
struct CheckFiles {
  std::uint64_t id = 0;
  std::string name, checksum;     // as wire/file_bundle makes it

  friend bool operator==(const CheckFiles&, const CheckFiles&) = default;
};
// Host -> guest: opens a stream host -> guest of a whole file_bundle, which takes the place of what was there in one step.
struct PutFiles {
  std::uint64_t id = 0;
  std::string name, checksum;

  friend bool operator==(const PutFiles&, const PutFiles&) = default;
};

struct Reply {
  std::uint64_t id = 0;
  bool ok = false;
  std::string why;
  std::optional<Bytes> floor;           // of a refused consent: memory it could shrink to
  std::optional<std::uint32_t> cpus_online;
  std::optional<int> exit_code;         // of exec, 128 + signal as in a shell
  std::optional<Duration> clock;        // of askClock: since 1970; microseconds on the wire
  std::optional<Told> told;             // of setClock
  std::optional<Bytes> swap;            // of setSwap, refused or not: what there is now

  friend bool operator==(const Reply&, const Reply&) = default;
};

// Host -> guest: run a command. Output comes as StreamData, the end as Reply with exit_code.
struct Exec {
  std::uint64_t id = 0;
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  bool tty = false;
  std::uint16_t rows = 24, columns = 80;

  friend bool operator==(const Exec&, const Exec&) = default;
};

enum class Stream { stdin_, stdout_, stderr_, file };

// Either way. `end` closes the stream. {"type":"data","id":7,"stream":"stdout","data":"aGk=","end":false}
// Flow control: a sender has at most `stream_window` bytes of a stream unacknowledged (Ack).
constexpr std::size_t stream_window = 256 * 1024;
constexpr std::size_t stream_chunk = 32 * 1024;
struct StreamData {
  std::uint64_t id = 0;
  Stream stream = Stream::stdout_;
  std::string bytes;                    // raw here, base64 on the wire
  bool end = false;

  friend bool operator==(const StreamData&, const StreamData&) = default;
};

// {"type":"ack","id":7,"stream":"stdout","bytes":32768}: so many more bytes were consumed.
struct Ack {
  std::uint64_t id = 0;
  Stream stream = Stream::stdout_;
  std::uint64_t bytes = 0;

  friend bool operator==(const Ack&, const Ack&) = default;
};

// {"type":"signal","id":7,"signal":2}
struct Signal {
  std::uint64_t id = 0;
  int signal = 0;

  friend bool operator==(const Signal&, const Signal&) = default;
};

// Files: put opens a stream host -> guest (written to a temporary name, renamed at `end`), get guest -> host.
struct PutFile {
  std::uint64_t id = 0;
  std::string path;
  std::uint32_t mode = 0600;

  friend bool operator==(const PutFile&, const PutFile&) = default;
};
struct GetFile {
  std::uint64_t id = 0;
  std::string path;

  friend bool operator==(const GetFile&, const GetFile&) = default;
};

// Host -> guest: power off in order. Answered by Reply before it starts.
struct Shutdown {
  std::uint64_t id = 0;

  friend bool operator==(const Shutdown&, const Shutdown&) = default;
};

struct Ping {
  std::uint64_t id = 0;

  friend bool operator==(const Ping&, const Ping&) = default;
};

// Either way, about a line that could not be read. {"type":"error","error":"…"}
struct LinkError {
  std::string error;

  friend bool operator==(const LinkError&, const LinkError&) = default;
};

// A known envelope with an unknown type: to be ignored, logged once.
struct UnknownMessage {
  std::string type;

  friend bool operator==(const UnknownMessage&, const UnknownMessage&) = default;
};

using GuestMessage = std::variant<Hello, SampleMessage, WantMemory, WorkloadEnded, HealthNews, Notices, SetCpus, AskConsent, TellGrown, AskClock,
                                  SetClock, DropSlab, Reply, Exec, StreamData, Ack, Signal, PutFile, GetFile, SetSwap, SetQuota,
                                  CheckFiles, PutFiles, Shutdown, Ping, LinkError, UnknownMessage>;

Result<GuestMessage> decode_guest_message(std::string_view line);
std::string encode(const GuestMessage& message);  // one line, newline included

// A sample alone, as traces and the runner protocol carry it.
std::string encode(const GuestSample& sample);
Result<GuestSample> decode_guest_sample(std::string_view json);

}  // namespace neonvm::wire
