// Hooks: what programs in a guest are asked when their VM's size is about to change, and what they may answer.
//
// A hook is an executable file in /etc/neonvm/hooks. It gets one JSON object on its standard input and writes one to its
// standard output, or nothing, which agrees. Exit code 0 within 2 s; anything else refuses a shrink. Unknown members are
// ignored: the guest may be older or newer than the hook.
//   {"schema":1,"event":"shrink","target":{"cpu":"500m","memory":"1Gi"},"cpus":1,"memoryBytes":1073741824}
//                                                                         ->  {"ok":false,"why":"…","floor":"1536Mi"}
//   {"schema":1,"event":"grown","target":{"cpu":2,"memory":"4Gi"}}        ->  {"workingSet":"900Mi"}
//   {"schema":1,"event":"look","target":{…what the VM has…}}              ->  {"workingSet":"900Mi"}
// Any answer may also tell, until it is told anew or the hook is gone:
//   "notices":["shared_buffers is small: restart"]   what a person should know; shown with the VM, an event when it is new
//   "metrics":[{"name":"redis_hits","type":"counter","help":"…","labels":{"db":"0"},"value":7}]     for Prometheus
//   "workingSetPages":[100,180,…]                    8 KiB pages used in the last 1, 2, … minutes: for the policy
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

enum class MetricType { gauge, counter };

struct HookMetric {
  std::string name;                   // as Prometheus allows it; none of ours: not host_… and not neonvm_…
  MetricType type = MetricType::gauge;
  std::string help;
  std::map<std::string, std::string> labels;
  double value = 0;

  friend bool operator==(const HookMetric&, const HookMetric&) = default;
};

constexpr std::size_t most_hook_metrics = 512, most_hook_notices = 8, most_hook_windows = 60;
struct HookAnswer {
  bool ok = true;                     // of shrink
  std::string why;                    // of !ok
  std::optional<Bytes> floor;         // of !ok: memory of the VM that would do
  std::optional<Bytes> working_set;   // cache that is worth its memory: counts as used from now on; 0 forgets it
  std::optional<std::vector<double>> working_set_pages;
  std::optional<std::vector<std::string>> notices;
  std::optional<std::vector<HookMetric>> metrics;

  friend bool operator==(const HookAnswer&, const HookAnswer&) = default;
};

std::string encode(const HookQuestion& question);   // one line, newline included
Result<HookQuestion> decode_hook_question(std::string_view json);
std::string encode(const HookAnswer& answer);
// Blanks alone agree. Refused as a whole: more of a list than the most above, a name that Prometheus would not read.
Result<HookAnswer> decode_hook_answer(std::string_view json);

}  // namespace neonvm::wire
