// The formats of JSON lines: generic, and Google's instance_usage.
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/simulate/trace_format.hpp"

namespace neonvm::simulate {
namespace {

using Json = nlohmann::json;

struct Fault {
  std::string what;
};

// BigQuery writes 64-bit integers as strings.
double number_of(const Json& object, const char* key, std::optional<double> fallback) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) {
    if (fallback) return *fallback;
    throw Fault{std::string(key) + " is missing"};
  }
  double value = 0;
  if (it->is_number()) {
    value = it->get<double>();
  } else if (it->is_string()) {
    const auto& text = it->get_ref<const std::string&>();
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || end != text.data() + text.size()) throw Fault{std::string(key) + ": is no number"};
  } else {
    throw Fault{std::string(key) + ": must be a number"};
  }
  if (!std::isfinite(value)) throw Fault{std::string(key) + ": is not finite"};
  if (value < 0) throw Fault{std::string(key) + ": " + std::to_string(value) + " is negative"};
  return value;
}

class JsonLines : public TraceFormat {
 public:
  LineFault read(std::string_view line, bool, Reading& out, bool& found) final {
    if (line.empty()) return {};
    try {
      const Json object = Json::parse(line);
      if (!object.is_object()) return {1, "each line must be a JSON object"};
      found = take(object, out);
      return {};
    } catch (const Json::parse_error& error) {
      return {error.byte, "this is no JSON"};
    } catch (const Json::exception& error) {
      return {0, error.what()};
    } catch (const Fault& fault) {
      return {0, fault.what};
    }
  }

 protected:
  virtual bool take(const Json& object, Reading& out) = 0;
};

class Generic final : public JsonLines {
  bool take(const Json& object, Reading& out) override {
    for (const auto& [key, value] : object.items()) {
      if (key != "time" && key != "vm" && key != "cpu" && key != "memory" && key != "file")
        throw Fault{"unknown member \"" + key + "\"; there may be time, vm, cpu, memory, file"};
    }
    out.vm = object.value("vm", "vm");
    if (out.vm.empty()) throw Fault{"vm: the name is empty"};
    out.at = number_of(object, "time", std::nullopt);
    out.cpu = number_of(object, "cpu", std::nullopt);
    out.memory = number_of(object, "memory", 0);
    out.file = number_of(object, "file", 0);
    return true;
  }
};

class Borg final : public JsonLines {
 public:
  explicit Borg(const TraceOptions& o) : cpus_(o.machine_cpus), memory_(o.machine_memory) {}

 private:
  static std::string id(const Json& object, const char* key) {
    const auto it = object.find(key);
    if (it == object.end()) throw Fault{std::string(key) + " is missing"};
    return it->is_string() ? it->get<std::string>() : it->dump();
  }

  bool take(const Json& object, Reading& out) override {
    const auto usage = object.find("average_usage");
    if (usage == object.end() || !usage->is_object()) throw Fault{"average_usage is missing"};
    out.vm = id(object, "collection_id") + "-" + id(object, "instance_index");
    out.at = number_of(object, "start_time", std::nullopt) / 1e6;
    out.cpu = number_of(*usage, "cpus", 0) * cpus_;
    out.memory = number_of(*usage, "memory", 0) * memory_;
    const double cache = number_of(object, "page_cache_memory", 0) * memory_;
    // The page cache is part of the memory that the table counts.
    out.file = std::min(cache, out.memory);
    out.memory -= out.file;
    return true;
  }

  double cpus_, memory_;
};

}  // namespace

std::unique_ptr<TraceFormat> make_jsonl_format() { return std::make_unique<Generic>(); }
std::unique_ptr<TraceFormat> make_borg_format(const TraceOptions& o) { return std::make_unique<Borg>(o); }

}  // namespace neonvm::simulate
