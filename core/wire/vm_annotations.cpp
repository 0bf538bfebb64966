#include "core/wire/vm_annotations.hpp"

#include "core/wire/policy_text.hpp"
#include "core/wire/scaling_fields.hpp"

namespace neonvm::wire {
namespace {

constexpr const char* enabled_label = "autoscaling.neon.tech/enabled";
constexpr const char* may_migrate_label = "autoscaling.neon.tech/auto-migration-enabled";
constexpr const char* bounds_key = "autoscaling.neon.tech/bounds";
constexpr const char* config_key = "autoscaling.neon.tech/config";
constexpr const char* policy_key = "neonvm.dev/policy";
constexpr const char* host_ports_key = "neonvm.dev/host-ports";
constexpr const char* stopped_key = "neonvm.dev/stopped";

using Texts = std::map<std::string, std::string>;

struct Bounds {
  Resources min, max;
};

// "mem" here, "memory" elsewhere: upstream's spelling.
void bound(auto& v, const char* key, auto& r) {
  v.need_group(key, [&r](auto& side) {
    side.need("cpu", r.cpu);
    side.need("mem", r.memory);
  });
}

void describe(auto& v, Like<Bounds> auto& b) {
  bound(v, "min", b.min);
  bound(v, "max", b.max);
}

const std::string* find(const Texts& texts, const char* key) {
  const auto found = texts.find(key);
  return found == texts.end() ? nullptr : &found->second;
}

std::string annotation(const char* key) { return std::string("annotation ") + key; }

// Upstream: on if the value is exactly "true", off for anything else.
bool is_true(const Texts& labels, const char* key) {
  const std::string* value = find(labels, key);
  return value != nullptr && *value == "true";
}

template <typename T>
std::optional<T> read_json(const Texts& annotations, const char* key, Faults& faults) {
  const std::string* text = find(annotations, key);
  if (text == nullptr) return std::nullopt;
  const auto json = parse_json(*text);
  auto value = json ? read_document<T>(*json, annotation(key), Keys::typos) : json.error().at(annotation(key));
  if (value) return std::move(*value);
  faults.add("", value.error().message);
  return std::nullopt;
}

void read_policy(const Texts& annotations, Scaling& scaling, Faults& faults) {
  const std::string* text = find(annotations, policy_key);
  if (text == nullptr) return;
  auto policy = parse_policy_text(*text);
  if (!policy) return faults.add(annotation(policy_key), policy.error().message);
  scaling.policy = std::move(policy->name);
  scaling.policy_options = std::move(policy->options);
}

// A forward of a port that the manifest does not list makes that port known.
void read_host_ports(const Texts& annotations, std::vector<Port>& ports, Faults& faults) {
  const std::string* text = find(annotations, host_ports_key);
  if (text == nullptr) return;
  const auto forwards = parse_host_ports(*text);
  if (!forwards) return faults.add(annotation(host_ports_key), forwards.error().message);
  for (const Port& forward : *forwards) {
    Port* port = nullptr;
    for (Port& each : ports) {
      const bool same = each.guest == forward.guest && each.protocol == forward.protocol && each.host == 0;
      if (same && port == nullptr) port = &each;
    }
    if (port == nullptr) {
      ports.push_back(forward);
    } else {
      port->host = forward.host;
    }
  }
}

void read_stopped(const Texts& annotations, bool& stopped, Faults& faults) {
  const std::string* text = find(annotations, stopped_key);
  if (text == nullptr) return;
  if (*text != "true" && *text != "false") {
    return faults.add(annotation(stopped_key), "\"" + printable(*text) + "\" is neither true nor false");
  }
  stopped = *text == "true";
}

void set_or_erase(Texts& texts, const char* key, const std::string& value) {
  if (value.empty()) {
    texts.erase(key);
  } else {
    texts[key] = value;
  }
}

std::string policy_text(const Scaling& scaling) {
  if (scaling.policy == "default" && scaling.policy_options.empty()) return "";
  return to_text(PolicyText{scaling.policy, scaling.policy_options});
}

// Upstream wants all four numbers: a side that is not bounded is bounded by the VM itself.
std::string bounds_text(const VmSpec& spec) {
  const Scaling& scaling = spec.scaling;
  if (!scaling.bound_min && !scaling.bound_max) return "";
  return write_text(Bounds{scaling.bound_min.value_or(spec.min()), scaling.bound_max.value_or(spec.max())});
}

bool same_bounds(const VmSpec& a, const VmSpec& b) {
  return a.scaling.bound_min == b.scaling.bound_min && a.scaling.bound_max == b.scaling.bound_max;
}

}  // namespace

void read_annotations(const Object& object, VmSpec& spec, Faults& faults) {
  const Texts& annotations = object.annotations;
  Scaling& scaling = spec.scaling;
  scaling.enabled = is_true(object.labels, enabled_label);
  scaling.may_migrate = is_true(object.labels, may_migrate_label);
  if (const auto bounds = read_json<Bounds>(annotations, bounds_key, faults)) {
    scaling.bound_min = bounds->min;
    scaling.bound_max = bounds->max;
  }
  if (const auto config = read_json<ScalingConfig>(annotations, config_key, faults)) scaling.config = *config;
  read_policy(annotations, scaling, faults);
  read_host_ports(annotations, spec.ports, faults);
  read_stopped(annotations, spec.stopped, faults);
}

void write_annotations(const VmSpec& spec, const VmSpec* before, Object& object) {
  Texts& annotations = object.annotations;
  const Scaling& scaling = spec.scaling;
  if (before == nullptr || before->scaling.enabled != scaling.enabled) {
    set_or_erase(object.labels, enabled_label, scaling.enabled ? "true" : "");
  }
  if (before == nullptr || before->scaling.may_migrate != scaling.may_migrate) {
    set_or_erase(object.labels, may_migrate_label, scaling.may_migrate ? "true" : "");
  }
  if (before == nullptr || !same_bounds(*before, spec)) set_or_erase(annotations, bounds_key, bounds_text(spec));
  if (before == nullptr || before->scaling.config != scaling.config) {
    const bool unset = scaling.config == ScalingConfig{};
    set_or_erase(annotations, config_key, unset ? "" : write_text(scaling.config));
  }
  if (before == nullptr || policy_text(before->scaling) != policy_text(scaling)) {
    set_or_erase(annotations, policy_key, policy_text(scaling));
  }
  if (before == nullptr || before->ports != spec.ports) {
    set_or_erase(annotations, host_ports_key, host_ports_text(spec.ports));
  }
  if (before == nullptr || before->stopped != spec.stopped) {
    set_or_erase(annotations, stopped_key, spec.stopped ? "true" : "");
  }
}

}  // namespace neonvm::wire
