#include "cli/vm_view.hpp"

#include "core/daemon/runner_link.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::cli {

Result<VmView> view_of(Object object) {
  VmView view;
  auto spec = wire::decode_vm_spec(object);
  if (!spec) return spec.error().at(object.name);
  view.spec = std::move(*spec);
  auto status = wire::decode_vm_status(object.status);
  if (!status) return status.error().at(object.name + ": status");
  view.status = std::move(*status);
  view.object = std::move(object);
  return view;
}

Result<VmView> find_vm(Context& context, const std::string& name) {
  auto object = context.find(Kind::virtual_machine, name);
  if (!object) return object.error();
  return view_of(std::move(*object));
}

Result<std::vector<VmView>> all_vms(Context& context) {
  auto orchestrator = context.orchestrator();
  if (!orchestrator) return orchestrator.error();
  auto objects = (*orchestrator)->list(Kind::virtual_machine, soon());
  if (!objects) return objects.error();
  std::vector<VmView> views;
  for (Object& object : *objects) {
    auto view = view_of(std::move(object));
    // One object that cannot be read must not hide the others.
    if (!view) std::fprintf(stderr, "neonvm: %s\n", view.error().message.c_str());
    else views.push_back(std::move(*view));
  }
  return views;
}

std::string status_text(const VmView& vm) {
  std::string text = to_string(vm.status.phase);
  if (text.empty()) text = vm.spec.stopped ? "Stopped" : "New";
  if (vm.object.deleting) text = "Deleting";
  const bool bad = vm.status.phase == Phase::failed;
  const bool good = vm.status.phase == Phase::running || vm.status.phase == Phase::succeeded;
  const Health health = vm.status.health.state;
  if (health == Health::unhealthy || health == Health::starting) {
    return paint(health == Health::unhealthy ? Colour::bad : Colour::warn, text + " (" + to_string(health) + ")");
  }
  return paint(bad ? Colour::bad : good ? Colour::good : Colour::warn, text);
}

namespace {

std::string of_range(const std::string& now, const std::string& least, const std::string& most) {
  return least == most ? now : now + " (" + least + ".." + most + ")";
}

}  // namespace

std::string size_text(const VmView& vm) {
  const MilliCpu now = is_alive(vm.status.phase) ? vm.status.cpu.actual : MilliCpu{0};
  return of_range(cpus_text(now), cpus_text(vm.spec.cpu.min), cpus_text(vm.spec.cpu.max));
}

std::string memory_text(const VmView& vm) {
  const Bytes now = is_alive(vm.status.phase) ? vm.status.memory.actual : Bytes{0};
  return of_range(human(now), human(vm.spec.memory.min), human(vm.spec.memory.max));
}

Result<VmView> edit_vm(Context& context, const std::string& name, const std::function<Status(VmSpec&)>& change) {
  auto orchestrator = context.orchestrator();
  if (!orchestrator) return orchestrator.error();
  const Deadline deadline = soon();
  while (true) {
    auto vm = find_vm(context, name);
    if (!vm) return vm.error();
    const VmSpec before = vm->spec;
    if (auto changed = change(vm->spec); !changed) return changed.error();
    auto wrong = violations(vm->spec);
    const auto forbidden = forbidden_changes(before, vm->spec);
    wrong.insert(wrong.end(), forbidden.begin(), forbidden.end());
    if (!wrong.empty()) {
      std::string text;
      for (const auto& line : wrong) text += (text.empty() ? "" : "\n  ") + line;
      return Error{Code::invalid_argument, text};
    }
    wire::encode_vm_spec(vm->spec, vm->object);
    auto written = (*orchestrator)->update(vm->object, deadline);
    if (written) return view_of(std::move(*written));
    if (written.error().code != Code::conflict || std::chrono::steady_clock::now() > deadline) return written.error();
  }
}

namespace {

Result<VmView> wait_step(const Change& change, const std::string& name,
                         const std::function<std::string(const VmView&)>& arrived, std::string& missing) {
  if (change.kind == ChangeKind::deleted) return Error{Code::not_found, name + " was deleted meanwhile"};
  auto view = view_of(change.object);
  if (!view) return view.error();
  missing = arrived(*view);
  if (!missing.empty() && view->status.phase == Phase::failed) {
    return Error{Code::failed_precondition, name + " failed: " + view->status.why +
                                                "\nSee: neonvm logs " + name + ", neonvm events " + name};
  }
  return view;
}

}  // namespace

Result<VmView> wait_for(Context& context, const std::string& name, Duration limit,
                        const std::function<std::string(const VmView&)>& arrived) {
  auto orchestrator = context.orchestrator();
  if (!orchestrator) return orchestrator.error();
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  auto watch = (*orchestrator)->watch(Kind::virtual_machine, deadline);
  if (!watch) return watch.error();
  Progress progress;
  std::string missing = "waiting";
  bool seen = false;
  while (std::chrono::steady_clock::now() < deadline) {
    // The short deadline only moves the clock on a terminal.
    const Deadline tick = std::min<Deadline>(deadline, std::chrono::steady_clock::now() + std::chrono::milliseconds(200));
    auto change = (*watch)->next(stderr_is_terminal() ? tick : deadline);
    if (!change) return change.error();
    if (!*change) {
      if (stderr_is_terminal()) progress.say(name + ": " + missing);
      continue;
    }
    if ((*change)->kind == ChangeKind::synced && !seen) return Error{Code::not_found, "there is no VM " + name};
    if ((*change)->object.name != name || (*change)->kind == ChangeKind::synced) continue;
    seen = true;
    auto view = wait_step(**change, name, arrived, missing);
    if (!view || missing.empty()) return view;
    progress.say(name + ": " + missing);
  }
  return Error{Code::deadline_exceeded,
               name + ": still " + missing + " after " + std::to_string(limit / std::chrono::seconds(1)) +
                   " s; it goes on. See: neonvm describe " + name};
}

Status wait_gone(Context& context, Kind kind, const std::string& name, Duration limit) {
  auto orchestrator = context.orchestrator();
  if (!orchestrator) return orchestrator.error();
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  auto watch = (*orchestrator)->watch(kind, deadline);
  if (!watch) return watch.error();
  Progress progress;
  bool seen = false;
  while (std::chrono::steady_clock::now() < deadline) {
    auto change = (*watch)->next(deadline);
    if (!change) return change.error();
    if (!*change) break;
    if ((*change)->kind == ChangeKind::synced && !seen) return {};
    if ((*change)->object.name != name) continue;
    seen = true;
    if ((*change)->kind == ChangeKind::deleted) return {};
    progress.say(name + ": deleting");
  }
  return Error{Code::deadline_exceeded, name + " is still being deleted; it goes on. See: neonvm describe " + name};
}

RunnerReach reach_of(Context& context, const VmView& vm) {
  RunnerReach reach{vm.status.endpoint, nullptr};
  auto orchestrator = context.remote_control_plane() ? context.orchestrator() : Result<Orchestrator*>(Error{});
  if (orchestrator) reach.credentials = daemon::credentials_from(**orchestrator, vm.object.name, call_limit);
  return reach;
}

Result<RunnerReach> runner_reach(Context& context, const VmView& vm) {
  if (!vm.status.endpoint.empty() && is_alive(vm.status.phase)) return reach_of(context, vm);
  std::string phase = to_string(vm.status.phase);
  if (phase.empty()) phase = "not started yet";
  return Error{Code::failed_precondition, vm.object.name + " is " + phase +
                                              (vm.status.why.empty() ? "" : " (" + vm.status.why + ")") +
                                              (vm.spec.stopped ? "; start it: neonvm start " + vm.object.name : "")};
}

namespace {

template <typename T>
Result<Range<T>> parse_range(const std::string& option, const std::string& text, Result<T> (*parse)(std::string_view)) {
  const std::size_t dots = text.find("..");
  auto least = parse(text.substr(0, dots));
  if (!least) return least.error().at(option);
  if (dots == std::string::npos) return Range<T>{*least, *least};
  auto most = parse(text.substr(dots + 2));
  if (!most) return most.error().at(option);
  if (*most < *least) {
    return Error{Code::invalid_argument, option + ": " + text + ": the first number is the smaller one; write " +
                                             to_string(*most) + ".." + to_string(*least)};
  }
  return Range<T>{*least, *most};
}

}  // namespace

Result<Range<MilliCpu>> parse_cpu_range(const std::string& option, const std::string& text) {
  return parse_range<MilliCpu>(option, text, parse_milli_cpu);
}

Result<Range<Bytes>> parse_memory_range(const std::string& option, const std::string& text) {
  return parse_range<Bytes>(option, text, parse_bytes);
}

Result<Duration> parse_duration(const std::string& option, const std::string& text) {
  std::size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const std::string unit = text.substr(std::min(used, text.size()));
  double scale = 0;
  if (unit.empty() || unit == "s") scale = 1;
  else if (unit == "ms") scale = 0.001;
  else if (unit == "m") scale = 60;
  else if (unit == "h") scale = 3600;
  if (used == 0 || scale == 0 || !(value >= 0) || value * scale > 1e7) {
    return Error{Code::invalid_argument, option + ": \"" + text + "\" is no time; write 500ms, 10s, 2m or 1h"};
  }
  return from_seconds(value * scale);
}

}  // namespace neonvm::cli
