// neonvm explain: why a VM has the size that it has.
#include <unistd.h>

#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "cli/vm_view.hpp"
#include "core/daemon/agent.hpp"
#include "core/runtime/http.hpp"
#include "core/wire/explanation.hpp"
#include "core/wire/placement_protocol.hpp"

namespace neonvm::cli {

namespace {

struct ExplainOptions {
  std::string name, output = "text";
  std::int64_t last = 5;
  bool follow = false;
};

// Longer than the agent keeps a question open.
constexpr Duration ask_limit = std::chrono::seconds(40);

using Asked = std::pair<std::string, wire::Explanation>;

// Whoever decides over the VM's size holds a link to its runner, and is asked over that.
Result<Asked> ask_runner(Context& context, const std::string& name, const std::string& query) {
  const auto vm = find_vm(context, name);
  if (!vm) return vm.error();
  if (!vm->spec.scaling.enabled || !is_alive(vm->status.phase)) {
    wire::Explanation all = daemon::explanation_by_hand(vm->object, vm->spec, vm->status);
    return Asked(wire::encode(all), std::move(all));
  }
  const auto reach = runner_reach(context, *vm);
  if (!reach) return reach.error();
  auto response = reach->get("/v1/explain" + query, std::chrono::steady_clock::now() + ask_limit);
  if (!response) return response.error();
  if (response->status != 200) return wire::decode_error(response->body);
  auto all = wire::decode_explanation(response->body);
  if (!all) return all.error();
  return Asked(std::move(response->body), std::move(*all));
}

Result<Asked> ask(Context& context, const std::string& vm, std::optional<std::uint64_t> newer) {
  const std::string query = newer ? "?newer=" + std::to_string(*newer) : "";
  if (context.remote_control_plane()) return ask_runner(context, vm, query);
  runtime::HttpRequest request;
  request.method = "GET";
  request.target = "/v1/explain/" + vm + query;
  const runtime::Endpoint endpoint{runtime::Endpoint::Scheme::unix_socket, context.serve_socket(), 0};
  auto response = runtime::http_call(endpoint, request, std::chrono::steady_clock::now() + ask_limit);
  if (!response) return response.error();
  if (response->status != 200) return wire::decode_error(response->body);
  auto all = wire::decode_explanation(response->body);
  if (!all) return all.error();
  return Asked(std::move(response->body), std::move(*all));
}

std::string size(const Resources& r) { return cpus_text(r.cpu) + " CPU, " + human(r.memory); }

void line(const std::string& name, const std::string& value) {
  constexpr std::size_t width = 14;
  if (!value.empty()) std::cout << name << ":" << std::string(width - name.size() - 1, ' ') << value << "\n";
}

std::string inputs_of(const GuestSample& s) {
  std::string text;
  char part[64];
  const auto add = [&](const char* format, double value) {
    if (!is_known(value)) return;
    std::snprintf(part, sizeof part, format, value);
    text += (text.empty() ? "" : ", ") + std::string(part);
  };
  add("%.2f CPUs busy", s.cpu_used);
  add("%.0f runnable", s.runnable);
  add("load1 %.2f", s.load1);
  add("cpu waits %.0f%%", s.cpu.some * 100);
  add("memory stalls %.0f%%", s.memory.some * 100);
  if (is_known(s.memory_total) && is_known(s.memory_available))
    text += (text.empty() ? "" : ", ") + human(s.memory_total - s.memory_available) + " of " + human(s.memory_total) + " used";
  return text;
}

void print_decision(const wire::ExplainedDecision& d, bool with_inputs) {
  std::cout << time_text(d.at) << "  wants " << paint(Colour::strong, size(d.wish)) << " (had " << size(d.actual) << ")"
            << (d.revision != 0 ? "  rev=" + std::to_string(d.revision) : "") << "  on " << d.trigger << "\n";
  if (with_inputs && d.sample) std::cout << "    in:  " << inputs_of(*d.sample) << "\n";
  for (const Because& because : d.because) std::cout << "    why: " << because.rule << ": " << because.text << "\n";
  for (const wire::ExplainedStage& stage : d.stages) {
    char after[32];
    std::snprintf(after, sizeof after, "+%.0f ms", seconds(stage.after) * 1000);
    std::cout << "    " << paint(Colour::dim, after) << " " << stage.name << (stage.note.empty() ? "" : ": " + stage.note) << "\n";
  }
}

std::string share(double part, double whole) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f%%", whole > 0 ? part / whole * 100 : 0);
  return text;
}

void print_policies(const std::vector<wire::ExplainedShadow>& policies) {
  if (policies.empty()) return;
  Table table({"POLICY", "WANTS", "MEAN CPU", "MEAN MEMORY", "CPU SHORT", "MEMORY SHORT", "TURNS", "WATCHED"});
  for (const wire::ExplainedShadow& p : policies) {
    char cpus[16], watched[16];
    std::snprintf(cpus, sizeof cpus, "%.2f", p.mean_cpus);
    std::snprintf(watched, sizeof watched, "%.0f s", p.seconds);
    table.row({p.policy + (p.has_effect ? " (in effect)" : ""), p.problem.empty() ? size(p.wish) : p.problem, cpus, human(p.mean_memory),
               share(p.short_cpu_seconds, p.seconds), share(p.short_memory_seconds, p.seconds), std::to_string(p.turns), watched});
  }
  table.print();
}

void print_all(const wire::Explanation& all, std::int64_t last) {
  line("VM", all.vm + (all.node.empty() ? "" : " on " + all.node));
  line("Has", size(all.actual));
  line("Asked", size(all.asked));
  line("Wants", size(all.wish));
  line("Limits", size(all.min) + " to " + size(all.max));
  if (all.permit) line("Permit", size(*all.permit) + " from the scheduler");
  if (all.consent) line("Guest", "counts on " + size(*all.consent));
  else line("Guest", all.guest_connected ? "its monitor answers" : "no monitor answers");
  line("Policy", all.policy.empty() ? "none: sized by hand" : all.policy);
  line("Problem", all.problem);
  for (const Because& because : all.because) line("Because", because.rule + ": " + because.text);
  if (all.looks_again) {
    char text[32];
    std::snprintf(text, sizeof text, "in %.1f s", seconds(*all.looks_again));
    line("Looks again", std::string(text) + ", or at the next event");
  }
  print_policies(all.policies);
  const std::size_t count = all.decisions.size(), wanted = static_cast<std::size_t>(last);
  if (count != 0 && wanted != 0) std::cout << "Decisions:\n";
  for (std::size_t i = count > wanted ? count - wanted : 0; i < count; ++i) print_decision(all.decisions[i], true);
}

Result<int> follow(Context& context, const ExplainOptions& options) {
  std::optional<std::uint64_t> seen;
  // Nobody there would keep the question open.
  if (context.remote_control_plane()) {
    const auto vm = find_vm(context, options.name);
    if (!vm) return vm.error();
    if (!vm->spec.scaling.enabled) return Error{Code::failed_precondition, options.name + " does not scale by itself, so there are no decisions to follow"};
  }
  while (true) {
    auto asked = ask(context, options.name, seen);
    if (!asked) return asked.error();
    for (const wire::ExplainedDecision& d : asked->second.decisions)
      if (d.number > seen.value_or(0)) print_decision(d, false);
    std::cout << std::flush;
    if (!std::cout) return 0;  // its reader has left
    seen = asked->second.decisions.empty() ? seen.value_or(0) : asked->second.decisions.back().number;
  }
}

Result<int> explain_vm(Context& context, const ExplainOptions& options) {
  if (auto vm = context.find(Kind::virtual_machine, options.name); !vm) return vm.error();
  if (auto serving = context.need_serve(); !serving) return serving.error();
  if (options.follow) return follow(context, options);
  auto asked = ask(context, options.name, std::nullopt);
  if (!asked) return asked.error();
  if (options.output == "json") std::cout << asked->first << "\n";
  else print_all(asked->second, options.last);
  return 0;
}

}  // namespace

Command explain_command() {
  return {"explain", "Why", "Tell why a VM has the size that it has", [](Options& o) {
            auto options = std::make_shared<ExplainOptions>();
            o.positional("name", options->name, "vm", "Name of the VM");
            o.flag("-f,--follow", options->follow, "Print each decision as it is made");
            o.number("-n,--last", options->last, 0, 50, "N", "How many of the last decisions");
            o.choice("-o,--output", options->output, {"text", "json"}, "How to print");
            o.example("neonvm explain web");
            o.example("neonvm explain web --follow");
            return [options](Context& context) { return explain_vm(context, *options); };
          }};
}

}  // namespace neonvm::cli
