// The formats of JSON lines: generic, and Google's instance_usage.
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/simulate/trace_format.hpp"

namespace neonvm::simulate {
namespace {

using Json = nlohmann::json;

// At a member of the object; "": at the whole line.
struct Fault {
  std::string member, what;
};

// Where a member's name stands, 0: nowhere. A text that holds the same letters may be found instead: it is for people.
std::size_t column_of(std::string_view line, std::string_view member) {
  if (member.empty()) return 0;
  const std::size_t at = line.find("\"" + std::string(member) + "\"");
  return at == std::string_view::npos ? 0 : at + 1;
}

// BigQuery writes 64-bit integers as strings.
double number_of(const Json& object, const char* key, std::optional<double> fallback) {
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) {
    if (fallback) return *fallback;
    throw Fault{"", std::string(key) + " is missing"};
  }
  double value = 0;
  if (it->is_number()) {
    value = it->get<double>();
  } else if (it->is_string()) {
    const auto& text = it->get_ref<const std::string&>();
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{} || end != text.data() + text.size()) throw Fault{key, std::string(key) + ": is no number"};
  } else {
    throw Fault{key, std::string(key) + ": must be a number"};
  }
  if (!std::isfinite(value)) throw Fault{key, std::string(key) + ": is not finite"};
  if (value < 0) throw Fault{key, std::string(key) + ": " + std::to_string(value) + " is negative"};
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
      const Members m = members();
      out.columns = {column_of(line, m.at), column_of(line, m.cpu), column_of(line, m.memory), column_of(line, m.file)};
      return {};
    } catch (const Json::parse_error& error) {
      return {error.byte, "this is no JSON"};
    } catch (const Json::exception& error) {
      return {0, error.what()};
    } catch (const Fault& fault) {
      return {column_of(line, fault.member), fault.what};
    }
  }

 protected:
  struct Members {
    const char *at, *cpu, *memory, *file;
  };
  virtual bool take(const Json& object, Reading& out) = 0;
  [[nodiscard]] virtual Members members() const = 0;
};

class Generic final : public JsonLines {
  [[nodiscard]] Members members() const override { return {"time", "cpu", "memory", "file"}; }
  bool take(const Json& object, Reading& out) override {
    for (const auto& [key, value] : object.items()) {
      if (key != "time" && key != "vm" && key != "cpu" && key != "memory" && key != "file" && key != "cpus" && key != "size")
        throw Fault{key, "unknown member \"" + key + "\"; there may be time, vm, cpu, memory, file, cpus, size"};
    }
    const auto vm = object.find("vm");
    if (vm != object.end() && !vm->is_string()) throw Fault{"vm", "vm: must be a text"};
    out.vm = vm == object.end() ? "vm" : vm->get<std::string>();
    if (out.vm.empty()) throw Fault{"vm", "vm: the name is empty"};
    out.at = number_of(object, "time", std::nullopt);
    out.cpu = number_of(object, "cpu", std::nullopt);
    out.memory = number_of(object, "memory", 0);
    out.file = number_of(object, "file", 0);
    out.closed = object.contains("cpus");
    return true;
  }
};

class Borg final : public JsonLines {
 public:
  explicit Borg(const TraceOptions& o) : cpus_(o.machine_cpus), memory_(o.machine_memory) {}

 private:
  static std::string id(const Json& object, const char* key) {
    const auto it = object.find(key);
    if (it == object.end()) throw Fault{"", std::string(key) + " is missing"};
    if (it->is_string()) return it->get<std::string>();
    // Not for anything else: writing what is nested deeply needs a stack as deep.
    if (!it->is_number_integer()) throw Fault{key, std::string(key) + ": must be a whole number"};
    return it->dump();
  }
  [[nodiscard]] Members members() const override { return {"start_time", "cpus", "memory", "page_cache_memory"}; }

  bool take(const Json& object, Reading& out) override {
    const auto usage = object.find("average_usage");
    if (usage == object.end() || !usage->is_object()) throw Fault{"", "average_usage is missing"};
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
