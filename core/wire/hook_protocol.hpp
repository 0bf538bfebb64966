// Hooks: what programs in a guest are asked when their VM's size is about to change, and what they may answer.
//
// A hook is an executable file in /etc/neonvm/hooks. It gets one JSON object on its standard input and writes one to its
// standard output, or nothing, which agrees. Exit code 0 within 2 s; anything else refuses a shrink. Unknown members are
// ignored: the guest may be older or newer than the hook.
//   {"schema":1,"event":"shrink","target":{"cpu":"500m","memory":"1Gi"}}  ->  {"ok":false,"why":"…","floor":"1536Mi"}
//   {"schema":1,"event":"grown","target":{"cpu":2,"memory":"4Gi"}}        ->  {"workingSet":"900Mi"}
//   {"schema":1,"event":"look","target":{…what the VM has…}}              ->  {"workingSet":"900Mi"}
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

enum class HookEvent {
  shrink,  // may the VM become as small as `target`? Make room, or refuse
  grown,   // the VM has become as large as `target`: use it
  look,    // now and then
};

constexpr int hook_schema = 1;
struct HookQuestion {
  int schema = hook_schema;
  HookEvent event = HookEvent::look;
  Resources target;

  friend bool operator==(const HookQuestion&, const HookQuestion&) = default;
};

struct HookAnswer {
  bool ok = true;                     // of shrink
  std::string why;                    // of !ok
  std::optional<Bytes> floor;         // of !ok: memory of the VM that would do
  std::optional<Bytes> working_set;   // cache that is worth its memory: counts as used from now on; 0 forgets it

  friend bool operator==(const HookAnswer&, const HookAnswer&) = default;
};

std::string encode(const HookQuestion& question);   // one line, newline included
Result<HookQuestion> decode_hook_question(std::string_view json);
std::string encode(const HookAnswer& answer);
// Blanks alone agree.
Result<HookAnswer> decode_hook_answer(std::string_view json);

}  // namespace neonvm::wire
