// kube-scheduler <-> its HTTP extender, version 1 (k8s.io/kube-scheduler/extender/v1): which nodes may take this pod, which of them
// are liked best, and bind it. Called by daemon/extender_door. Pure: text in, text out, any thread.
//
// Members are called as Go calls them ("PodName"), without tags. Both forms are read: whole nodes (nodeCacheCapable: false), which
// an answer then repeats as they came, and names only. Members that are not known here are left alone; a known one of the wrong
// type is invalid_argument with its path.
// Example: {"Pod":{…},"Nodes":null,"NodeNames":["n1","n2"]} -> {"Nodes":null,"NodeNames":["n2"],"FailedNodes":{"n1":"lacks 2 CPU"},
//           "FailedAndUnresolvableNodes":{},"Error":""}; [{"Host":"n2","Score":8}];
//           {"PodName":"p","PodNamespace":"default","PodUID":"3c68…","Node":"n2"} -> {"Error":""}
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"
#include "core/wire/pod.hpp"

namespace neonvm::wire {

struct ExtenderArgs {
  Pod pod;
  std::vector<std::string> nodes;              // names
  std::vector<std::string> node_objects;       // JSON, beside the names; empty: only names came

  friend bool operator==(const ExtenderArgs&, const ExtenderArgs&) = default;
};

struct ExtenderFilterResult {
  std::vector<std::string> nodes;              // those that may
  std::map<std::string, std::string> failed;   // why the others may not
  std::map<std::string, std::string> unresolvable;  // of these: nothing that is put out of a node would change it
  std::string error;

  friend bool operator==(const ExtenderFilterResult&, const ExtenderFilterResult&) = default;
};

constexpr int highest_host_score = 10;
struct HostScore {
  std::string host;
  int score = 0;                               // 0..highest_host_score

  friend bool operator==(const HostScore&, const HostScore&) = default;
};

struct ExtenderBinding {
  std::string name, ns, uid, node;

  friend bool operator==(const ExtenderBinding&, const ExtenderBinding&) = default;
};

Result<ExtenderArgs> decode_extender_args(std::string_view json);
std::string encode(const ExtenderArgs& args);
// args: what it answers.
std::string encode(const ExtenderFilterResult& result, const ExtenderArgs& args);
Result<ExtenderFilterResult> decode_extender_filter_result(std::string_view json);
std::string encode(const std::vector<HostScore>& scores);
Result<std::vector<HostScore>> decode_host_scores(std::string_view json);
Result<ExtenderBinding> decode_extender_binding(std::string_view json);
std::string encode(const ExtenderBinding& binding);
// error: empty, it is bound.
std::string encode_extender_binding_result(const std::string& error);
Result<std::string> decode_extender_binding_result(std::string_view json);

}  // namespace neonvm::wire
