// neonvm simulate: the same decisions in virtual time, to compare policies.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <thread>
#include <unistd.h>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "cli/simulate_config.hpp"
#include "cli/simulate_run.hpp"
#include "core/simulate/report.hpp"

namespace neonvm::cli {

namespace {

struct SimulateOptions {
  std::string cluster, output = "table", html, duration, format, min = "250m,1Gi", max = "8,64Gi";
  std::vector<std::string> policies, what_if, traces, replay;
  std::int64_t seed = -1, threads_wanted = 0, faults = -1, cluster_days = 0;
};

Result<Resources> parse_size(const std::string& option, const std::string& text) {
  const auto comma = text.find(',');
  if (comma == std::string::npos) return Error{Code::invalid_argument, option + ": \"" + text + "\" is no size; write CPUS,MEMORY: 8,64Gi"};
  const auto cpu = parse_milli_cpu(text.substr(0, comma));
  const auto memory = parse_bytes(text.substr(comma + 1));
  if (!cpu) return cpu.error().at(option);
  if (!memory) return memory.error().at(option);
  if (cpu->value == 0 || memory->value < 256 * mib)
    return Error{Code::invalid_argument, option + ": \"" + text + "\" is too little; a VM has some CPU and at least 256Mi"};
  return Resources{*cpu, *memory};
}

Result<SimulateConfig> load(const SimulateOptions& o) {
  std::vector<std::string> traces = o.traces;
  traces.insert(traces.end(), o.replay.begin(), o.replay.end());
  if (o.cluster.empty() == traces.empty())
    return Error{Code::invalid_argument, "give a cluster file, or --trace FILE, or --replay FILE; see neonvm simulate --help"};
  if (!o.cluster.empty()) return load_simulate_config(o.cluster);
  simulate::TraceOptions options;
  options.format = !o.replay.empty() ? "jsonl" : o.format.empty() ? simulate::guessed_format(traces.front()) : o.format;
  const auto min = parse_size("--min", o.min);
  if (!min) return min.error();
  const auto max = parse_size("--max", o.max);
  if (!max) return max.error();
  if (!fits_in(*min, *max)) return Error{Code::invalid_argument, "--min: " + o.min + " is above --max, " + o.max};
  return cluster_for_traces(traces, options, *min, *max);
}

Result<SimulateConfig> configured(const SimulateOptions& o) {
  auto config = load(o);
  if (!config) return config;
  if (!o.duration.empty()) {
    const auto seconds = parse_seconds(o.duration);
    if (!seconds) return seconds.error().at("--duration");
    config->duration = *seconds;
  }
  if (o.cluster_days > 0) config->duration = static_cast<double>(o.cluster_days) * 86400;
  if (o.seed >= 0) config->settings.seed = static_cast<std::uint64_t>(o.seed);
  if (!o.policies.empty()) config->policies = o.policies;
  if (config->policies.empty()) config->policies = {"default"};
  config->settings.threads = o.threads_wanted > 0 ? static_cast<unsigned>(o.threads_wanted)
                                                  : std::max(1u, std::thread::hardware_concurrency());
  return config;
}

void print_table(const std::vector<simulate::NamedResult>& worlds) {
  std::vector<std::string> header{""};
  std::vector<simulate::ReportFigures> figures;
  for (const auto& world : worlds) {
    header.push_back(world.name);
    figures.push_back(figures_of(world.result));
  }
  Table table(header);
  const auto row = [&](const std::string& name, const auto& write) {
    std::vector<std::string> cells{name};
    for (std::size_t i = 0; i < worlds.size(); ++i) cells.push_back(write(figures[i], worlds[i].result));
    table.row(std::move(cells));
  };
  using F = simulate::ReportFigures;
  using R = simulate::RunResult;
  row("VM-hours", [](const F&, const R& r) { return figure(r.total.alive / 3600); });
  row("CU-hours", [](const F& f, const R&) { return figure(f.unit_hours); });
  row("  of fixed P99.5 + 20 %", [](const F& f, const R&) { return figure(f.cost_of_fixed * 100) + " %"; });
  row("  of an oracle", [](const F& f, const R&) { return figure(f.cost_of_oracle * 100) + " %"; });
  row("CPU slack", [](const F& f, const R&) { return figure(f.cpu_slack * 100) + " %"; });
  row("memory slack", [](const F& f, const R&) { return figure(f.memory_slack * 100) + " %"; });
  row("throttled core-seconds", [](const F& f, const R&) { return figure(f.throttled_core_seconds); });
  row("OOM kills", [](const F& f, const R&) { return figure(f.oom_kills); });
  row("time to satisfy p50", [](const F& f, const R&) { return figure(f.wait_p50) + " s"; });
  row("time to satisfy p99", [](const F& f, const R&) { return figure(f.wait_p99) + " s"; });
  row("resizes a VM-hour", [](const F& f, const R&) { return figure(f.resizes_per_hour); });
  row("turns a VM-hour", [](const F& f, const R&) { return figure(f.turns_per_hour); });
  row("migrations", [](const F& f, const R&) { return figure(f.migrations); });
  row("grown in place", [](const F& f, const R&) { return figure(f.in_place_share * 100) + " %"; });
  row("policy errors", [](const F&, const R& r) { return figure(static_cast<double>(r.total.policy_errors)); });
  table.print();
}

// A gap is no mistake of the user's, but the figures are the worse for it.
void tell_gaps(const SimulateConfig& config) {
  for (const Workload& work : config.workloads) {
    if (!work.trace || work.trace->gaps == 0) continue;
    std::cerr << work.traces.front() << ": " << work.trace->gaps << (work.trace->gaps == 1 ? " gap above " : " gaps above ") << figure(work.trace_options.largest_gap)
              << " s; the reading before a gap holds until its end\n";
  }
}

// Before hours of work, not after them.
Status check_writable(const std::string& path) {
  if (path.empty()) return {};
  const bool was_there = access(path.c_str(), F_OK) == 0;
  const bool opens = std::ofstream(path, std::ios::binary | std::ios::app).is_open();
  if (!opens) return Error{Code::permission_denied, "--html: " + path + " cannot be written"};
  if (!was_there) unlink(path.c_str());
  return {};
}

Status write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return Error{Code::permission_denied, "--html: " + path + " cannot be written"};
  return {};
}

Result<int> simulate_worlds(Context& context, const SimulateOptions& o) {
  auto config = configured(o);
  if (!config) return config.error();
  tell_gaps(*config);
  if (o.faults >= 0) {
    int worst = 0;
    for (const std::string& policy : config->policies) {
      const auto code = simulate_faults(context, *config, policy, static_cast<std::uint64_t>(o.faults));
      if (!code || *code == 130) return code;
      worst = std::max(worst, *code);
    }
    return worst;
  }
  if (Status writable = check_writable(o.html); !writable) return writable.error();
  auto changes = parse_what_if(o.what_if);
  if (!changes) return changes.error();
  auto worlds = run_worlds(context, *config, *changes);
  if (!worlds) return worlds.error();
  if (o.output == "json") std::cout << simulate::report_json(*worlds) << "\n";
  else print_table(*worlds);
  for (const auto& world : *worlds) {
    if (!world.result.complete) std::cerr << "stopped after " << figure(world.result.simulated / 3600) << " h; the figures are of that part\n";
    if (!world.result.policy_error.empty()) std::cerr << world.name << ": the policy failed " << world.result.total.policy_errors << " times, first: " << world.result.policy_error << "\n";
  }
  if (!o.html.empty()) {
    const std::string name = o.cluster.empty() ? (o.traces.empty() ? o.replay : o.traces).front() : o.cluster;
    if (Status s = write_file(o.html, simulate::report_html(*worlds, "Policies compared on " + name.substr(name.find_last_of('/') + 1))); !s) return s.error();
  }
  const bool complete = std::all_of(worlds->begin(), worlds->end(), [](const auto& w) { return w.result.complete; });
  return complete ? 0 : 130;
}

}  // namespace

Command simulate_command() {
  return {"simulate", "Setup", "Compare scaling policies over traces, in virtual time", [](Options& o) {
            auto options = std::make_shared<SimulateOptions>();
            SimulateOptions& s = *options;
            o.positional("cluster", s.cluster, "file", "Cluster file in TOML", false);
            o.list("--policy", s.policies, "NAME[,KEY=VALUE]", "Policy to run, by name or path; several are compared");
            o.list("--trace", s.traces, "FILE", "Without a cluster file: the use of VMs to replay");
            o.text("--format", s.format, "FORMAT", "Of --trace: csv, jsonl, azure, borg, alibaba, bitbrains");
            o.list("--replay", s.replay, "FILE", "A run written by neonvm record");
            o.text("--min", s.min, "CPUS,MEMORY", "Without a cluster file: the least that a VM has, and what it begins with");
            o.text("--max", s.max, "CPUS,MEMORY", "Without a cluster file: the most that a VM may have");
            o.text("--duration", s.duration, "TIME", "How long: 90s, 5m, 24h, 7d");
            o.number("--seed", s.seed, 0, 9'000'000'000'000'000, "N", "Of the generators");
            o.number("--threads", s.threads_wanted, 1, 1024, "N", "Nodes run side by side; changes no result");
            o.list("--what-if", s.what_if, "KEY=VALUE", "Compare with a world in which max_cpus, max_memory, min_cpus, min_memory or nodes differ");
            o.number("--faults", s.faults, 0, 9'000'000'000'000'000, "SEED", "Let things go wrong and check every law at every event");
            o.number("--cluster-days", s.cluster_days, 1, 100'000, "N", "How long, in days");
            o.choice("-o,--output", s.output, {"table", "json"}, "How to print");
            o.text("--html", s.html, "FILE", "Also write a page to look at");
            o.example("neonvm simulate cluster.toml --policy default --policy pressure --html report.html");
            o.example("neonvm simulate --trace vm_cpu_readings-file-1-of-195.csv.gz --policy default");
            o.example("neonvm simulate cluster.toml --what-if max_cpus=8");
            return [options](Context& context) { return simulate_worlds(context, *options); };
          }};
}

}  // namespace neonvm::cli
