#include "cli/simulate_config.hpp"

#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include "cli/meter.hpp"
#include "cli/suggest.hpp"
#include "core/simulate/random.hpp"

namespace neonvm::cli {

namespace {

Result<simulate::Trace> read_shown(const std::vector<std::string>& files, const simulate::TraceOptions& options) {
  const std::string& first = files.front();
  Meter meter("reading " + first.substr(first.find_last_of('/') + 1) + (files.size() > 1 ? " and others" : ""));
  return simulate::read_trace(files, options, [&](double done, double of) { meter.show(done, of); });
}

using simulate::GeneratorSpec;
using simulate::VmPlan;

// "" or what is wrong with the value.
using Field = std::function<std::string(const toml::node&)>;
using Fields = std::map<std::string, Field>;

template <typename Quantity>
Field quantity(Result<Quantity> (*parse)(std::string_view), Quantity& out) {
  return [parse, &out](const toml::node& node) -> std::string {
    std::string text;
    if (const auto string = node.value_exact<std::string>()) text = *string;
    else if (const auto whole = node.value_exact<std::int64_t>()) text = std::to_string(*whole);
    else if (const auto number = node.value_exact<double>()) text = std::to_string(*number);
    auto parsed = parse(text);
    if (!parsed) return parsed.error().message;
    out = *parsed;
    return "";
  };
}

Field words(std::string& out) {
  return [&out](const toml::node& node) -> std::string {
    const auto value = node.value_exact<std::string>();
    if (!value || value->empty()) return "must be a text";
    out = *value;
    return "";
  };
}

template <typename Number>
Field number(Number& out, double least, double most) {
  return [&out, least, most](const toml::node& node) -> std::string {
    const auto value = node.value<double>();
    if (!value || !node.is_number() || !(*value >= least) || *value > most)
      return "must be a number from " + std::to_string(least) + " to " + std::to_string(most);
    out = static_cast<Number>(*value);
    return "";
  };
}

Field duration(double& out) {
  return [&out](const toml::node& node) -> std::string {
    if (const auto whole = node.value<double>(); whole && node.is_number()) {
      out = *whole;
      return *whole >= 0 ? "" : "must not be negative";
    }
    const auto parsed = parse_seconds(node.value_exact<std::string>().value_or("?"));
    if (!parsed) return parsed.error().message;
    out = *parsed;
    return "";
  };
}

Field texts(std::vector<std::string>& out) {
  return [&out](const toml::node& node) -> std::string {
    if (const auto one = node.value_exact<std::string>()) return out.push_back(*one), "";
    if (!node.is_array() || node.as_array()->empty()) return "must be a text or a list of texts";
    for (const toml::node& item : *node.as_array()) {
      const auto text = item.value_exact<std::string>();
      if (!text) return "must be a list of texts";
      out.push_back(*text);
    }
    return "";
  };
}

// [low, high]; `to`: from one of them to a number.
template <typename Read>
Field range(double& low, double& high, Read read) {
  return [&low, &high, read](const toml::node& node) -> std::string {
    if (!node.is_array() || node.as_array()->size() != 2) return "must be two values, [low, high]";
    double* const ends[] = {&low, &high};
    for (std::size_t i = 0; i < 2; ++i)
      if (std::string wrong = read(*node.as_array()->get(i), *ends[i]); !wrong.empty()) return wrong;
    return "";
  };
}

std::string read_bytes(const toml::node& node, double& out) {
  Bytes bytes;
  std::string wrong = quantity(parse_bytes, bytes)(node);
  out = static_cast<double>(bytes.value);
  return wrong;
}

std::string read_cpus(const toml::node& node, double& out) { return number(out, 0, 512)(node); }

class Reader {
 public:
  Reader(SimulateConfig& config, std::string file) : config_(config), file_(std::move(file)) {}

  void read(const toml::table& table) {
    double step = 5, scheduling = 30;
    Fields fields;
    fields["seed"] = number(config_.settings.seed, 0, 9e15);
    fields["duration"] = duration(config_.duration);
    fields["step"] = duration(step);
    fields["scheduling"] = duration(scheduling);
    fields["policies"] = texts(config_.policies);
    fields["compute_unit"] = [&](const toml::node& node) { return size(node, config_.settings.compute_unit); };
    fields["node"] = [&](const toml::node& node) { return each(node, [&](const toml::table& t) { node_table(t); }); };
    fields["vm"] = [&](const toml::node& node) { return each(node, [&](const toml::table& t) { vm_table(t); }); };
    take(table, fields, "");
    if (!(step >= 0.5 && step <= 300)) complain(table.source(), "step: must be 500ms to 5m");
    if (!(scheduling >= 1 && scheduling <= 3600)) complain(table.source(), "scheduling: must be 1s to 1h");
    config_.settings.step = from_seconds(step);
    config_.settings.scheduling = from_seconds(scheduling);
    if (config_.settings.compute_unit.cpu.value == 0 || config_.settings.compute_unit.memory.value == 0)
      complain(table.source(), "compute_unit: needs both cpu and memory above 0");
    if (config_.cluster.nodes.empty()) complain(table.source(), "there is no [[node]]");
    if (config_.cluster.vms.empty() && wrong_.empty()) complain(table.source(), "there is no [[vm]]");
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  void complain(const toml::source_region& at, const std::string& text) {
    wrong_ += (wrong_.empty() ? "" : "\n") + file_ + ":" + std::to_string(at.begin.line) + ":" +
              std::to_string(at.begin.column) + ": " + text;
  }

  void take(const toml::table& table, const Fields& fields, const std::string& prefix) {
    std::vector<std::string> known;
    for (const auto& [name, field] : fields) known.push_back(name);
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const auto field = fields.find(name);
      if (field == fields.end()) {
        complain(key.source(), "unknown key \"" + prefix + name + "\"." + did_you_mean(name, known));
      } else if (const std::string wrong = field->second(node); !wrong.empty()) {
        complain(node.source(), prefix + name + ": " + wrong);
      }
    }
  }

  template <typename Each>
  static std::string each(const toml::node& node, Each call) {
    if (!node.is_array_of_tables()) return "must be written as [[…]]";
    for (const toml::node& item : *node.as_array()) call(*item.as_table());
    return "";
  }

  std::string size(const toml::node& node, Resources& out) {
    if (!node.is_table()) return "must be {cpu = \"250m\", memory = \"1Gi\"}";
    take(*node.as_table(), {{"cpu", quantity(parse_milli_cpu, out.cpu)}, {"memory", quantity(parse_bytes, out.memory)}}, "");
    return "";
  }

  void node_table(const toml::table& table) {
    Node node;
    std::size_t count = 1;
    take(table,
         {{"name", words(node.name)},
          {"count", number(count, 1, 10000)},
          {"cpu", quantity(parse_milli_cpu, node.capacity.cpu)},
          {"memory", quantity(parse_bytes, node.capacity.memory)},
          {"watermark", number(node.watermark, 0.01, 1)}},
         "node.");
    if (node.name.empty() || node.capacity.cpu.value == 0 || node.capacity.memory.value == 0)
      complain(table.source(), "node: needs name, cpu and memory");
    for (std::size_t i = 0; i < count; ++i) {
      Node one = node;
      if (count > 1) one.name += "-" + std::to_string(i);
      if (!names_.insert("node " + one.name).second) complain(table.source(), "node: the name \"" + one.name + "\" is there twice");
      config_.cluster.nodes.push_back(std::move(one));
    }
  }

  void vm_table(const toml::table& table) {
    VmPlan vm;
    vm.min = {MilliCpu{250}, Bytes{gib}};
    vm.max = {MilliCpu{4000}, Bytes{16 * gib}};
    Workload work;
    std::size_t count = 1;
    GeneratorSpec& g = work.generator;
    simulate::TraceOptions& t = work.trace_options;
    t.format = "";
    bool start_given = false;
    const std::string before = wrong_;
    Fields fields{{"name", words(vm.name)},
                  {"count", number(count, 1, 1e6)},
                  {"min", [&](const toml::node& n) { return size(n, vm.min); }},
                  {"max", [&](const toml::node& n) { return size(n, vm.max); }},
                  {"start", [&](const toml::node& n) { return start_given = true, size(n, vm.start); }},
                  {"memory_step", quantity(parse_bytes, vm.memory_step)},
                  {"arrives", duration(vm.arrives)},
                  {"leaves", duration(g.until)},
                  {"generator", words(g.kind)},
                  {"cpu", range(g.cpu_low, g.cpu_high, read_cpus)},
                  {"memory", range(g.memory_low, g.memory_high, read_bytes)},
                  {"file", [&](const toml::node& n) { return read_bytes(n, g.file); }},
                  {"period", duration(g.period)},
                  {"trace", texts(work.traces)},
                  {"format", words(t.format)},
                  {"cores", number(t.cores, 0.01, 512)},
                  {"trace_memory", [&](const toml::node& n) { return read_bytes(n, t.memory); }},
                  {"machine_cpus", number(t.machine_cpus, 0.01, 4096)},
                  {"machine_memory", [&](const toml::node& n) { return read_bytes(n, t.machine_memory); }},
                  {"may_migrate", [&](const toml::node& n) -> std::string {
                     vm.may_migrate = n.value<bool>().value_or(true);
                     return n.is_boolean() ? "" : "must be true or false";
                   }}};
    take(table, fields, "vm.");
    if (wrong_ != before) return;
    if (!start_given) vm.start = vm.min;
    if (vm.name.empty()) return complain(table.source(), "vm: needs a name");
    if (!fits_in(vm.min, vm.max) || !fits_in(vm.min, vm.start) || !fits_in(vm.start, vm.max) || vm.min.cpu.value == 0 || vm.min.memory.value < 256 * mib)
      return complain(table.source(), "vm " + vm.name + ": min, start and max must rise in this order, min with some CPU and at least 256Mi");
    if (vm.memory_step.value == 0 || vm.max.memory.value % vm.memory_step.value != 0)
      return complain(table.source(), "vm " + vm.name + ": max.memory must be a multiple of memory_step, " + to_string(vm.memory_step));
    if (work.traces.empty()) {
      if (const Status status = check(g); !status) return complain(table.source(), "vm " + vm.name + ": " + status.error().message);
      add_vms(table, vm, std::move(work), count);
    } else {
      trace(table, vm, std::move(work), count);
    }
  }

  void trace(const toml::table& table, const VmPlan& vm, Workload work, std::size_t count) {
    if (work.trace_options.format.empty()) work.trace_options.format = simulate::guessed_format(work.traces.front());
    const auto& formats = simulate::trace_formats();
    if (std::find(formats.begin(), formats.end(), work.trace_options.format) == formats.end())
      return complain(table.source(), "vm.format: \"" + work.trace_options.format + "\" is no format." + did_you_mean(work.trace_options.format, formats));
    const std::size_t slash = file_.find_last_of('/');
    for (std::string& path : work.traces)
      if (path.front() != '/' && slash != std::string::npos) path = file_.substr(0, slash + 1) + path;
    work.trace_options.most_vms = count == 1 ? work.trace_options.most_vms : count;
    auto trace = read_shown(work.traces, work.trace_options);
    if (!trace) return complain(table.source(), "vm.trace: " + trace.error().message);
    work.trace = std::make_shared<const simulate::Trace>(std::move(*trace));
    const std::size_t tracks = work.trace->tracks.size();
    add_vms(table, vm, std::move(work), tracks);
  }

  void add_vms(const toml::table& table, const VmPlan& vm, Workload work, std::size_t count) {
    const std::size_t place = config_.workloads.size();
    for (std::size_t i = 0; i < count; ++i) {
      VmPlan one = vm;
      if (work.trace) one.name += "-" + work.trace->tracks[i].vm;
      else if (count > 1) one.name += "-" + std::to_string(i);
      if (!names_.insert("vm " + one.name).second) return complain(table.source(), "vm: the name \"" + one.name + "\" is there twice");
      config_.cluster.vms.push_back(std::move(one));
      config_.origins.push_back({place, i});
    }
    config_.workloads.push_back(std::move(work));
  }

  SimulateConfig& config_;
  std::string file_, wrong_;
  std::set<std::string> names_;
};

void default_duration(SimulateConfig& config) {
  if (config.duration > 0) return;
  for (const Workload& work : config.workloads)
    if (work.trace) config.duration = std::max(config.duration, work.trace->length);
  if (config.duration == 0) config.duration = 86400;
}

}  // namespace

Result<double> parse_seconds(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, code] = std::from_chars(text.data(), end, value);
  const std::string unit(stopped, end);
  const std::map<std::string, double> units{{"", 1}, {"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
  const auto found = units.find(unit);
  if (code != std::errc{} || found == units.end() || !(value >= 0) || value * found->second > 1e9)
    return Error{Code::invalid_argument, "\"" + text + "\" is no duration; write 90s, 5m, 24h or 7d"};
  return value * found->second;
}

Result<SimulateConfig> load_simulate_config(const std::string& path) {
  SimulateConfig config;
  try {
    const toml::table table = toml::parse_file(path);
    Reader reader(config, path);
    reader.read(table);
    if (!reader.wrong().empty()) return Error{Code::invalid_argument, reader.wrong()};
  } catch (const toml::parse_error& wrong) {
    const auto at = wrong.source().begin;
    const std::string place = at.line == 0 ? path : path + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
    return Error{Code::invalid_argument, std::string(wrong.description())}.at(place);
  }
  default_duration(config);
  return config;
}

Result<SimulateConfig> cluster_for_traces(const std::vector<std::string>& files, const simulate::TraceOptions& options,
                                          const Resources& min, const Resources& max) {
  SimulateConfig config;
  auto trace = read_shown(files, options);
  if (!trace) return trace.error();
  Workload work{{}, files, options, std::make_shared<const simulate::Trace>(std::move(*trace))};
  const std::size_t count = work.trace->tracks.size();
  for (std::size_t i = 0; i < count; ++i) {
    VmPlan vm;
    vm.name = work.trace->tracks[i].vm;
    vm.min = vm.start = min;
    vm.max = max;
    config.cluster.vms.push_back(std::move(vm));
    config.origins.push_back({0, i});
  }
  config.workloads.push_back(std::move(work));
  // One node for each 50 VMs, large enough that nobody is ever denied.
  for (std::size_t i = 0; i * 50 < count; ++i)
    config.cluster.nodes.push_back({"node-" + std::to_string(i), max * 60, 1.0, true, {}});
  default_duration(config);
  return config;
}

simulate::SourceFactory sources_of(const SimulateConfig& config) {
  return [&config](std::size_t vm) -> std::unique_ptr<simulate::DemandSource> {
    const SimulateConfig::Origin origin = config.origins[vm];
    const Workload& work = config.workloads[origin.workload];
    if (work.trace) return simulate::replay(work.trace->tracks[origin.track], work.trace->length);
    const std::uint64_t name = simulate::hashed(config.cluster.vms[vm].name);
    return simulate::make_generator(work.generator, simulate::mixed(config.settings.seed) ^ name);
  };
}

}  // namespace neonvm::cli
