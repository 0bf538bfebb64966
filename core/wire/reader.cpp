#include "core/wire/reader.hpp"

#include <algorithm>

#include "core/wire/base64.hpp"
#include "core/wire/wall_time.hpp"

namespace neonvm::wire {
namespace {

void expected(const Json& json, const std::string& path, Faults& faults, const std::string& what) {
  faults.add(path, "expected " + what + ", found " + shown(json));
}

// Kubernetes and its tools write numbers and quantities with or without quotes.
std::optional<std::string> quantity_text(const Json& json, const std::string& path, Faults& faults) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_number()) return dump_json(json);
  expected(json, path, faults, "a quantity such as 2, 250m or 1Gi");
  return std::nullopt;
}

// 3.0 and 3e0 are 3: some writers know floating point only.
std::optional<std::int64_t> whole(const Json& json) {
  constexpr double exact = 9007199254740992.0;  // 2^53
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (!json.is_number_float()) return std::nullopt;
  const double number = json.get<double>();
  if (std::abs(number) > exact || std::trunc(number) != number) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::string numbers_to(const std::string& least, const std::string& most) {
  return "a whole number from " + least + " to " + most;
}

}  // namespace

void read_value(const Json& json, const std::string& path, Faults& faults, bool& into) {
  if (!json.is_boolean()) return expected(json, path, faults, "true or false");
  into = json.get<bool>();
}

void read_value(const Json& json, const std::string& path, Faults& faults, double& into) {
  if (!json.is_number()) return expected(json, path, faults, "a number");
  into = json.get<double>();
}

void read_value(const Json& json, const std::string& path, Faults& faults, std::string& into) {
  if (!json.is_string()) return expected(json, path, faults, "a text");
  into = json.get<std::string>();
}

void read_value(const Json& json, const std::string& path, Faults& faults, MilliCpu& into) {
  const auto text = quantity_text(json, path, faults);
  if (!text) return;
  const auto cpu = parse_milli_cpu(*text);
  if (!cpu) return faults.add(path, cpu.error().message);
  into = *cpu;
}

void read_value(const Json& json, const std::string& path, Faults& faults, Bytes& into) {
  if (json.is_number_unsigned()) {
    into = Bytes{json.get<std::uint64_t>()};
    return;
  }
  const auto text = quantity_text(json, path, faults);
  if (!text) return;
  const auto bytes = parse_bytes(*text);
  if (!bytes) return faults.add(path, bytes.error().message);
  into = *bytes;
}

void read_value(const Json& json, const std::string& path, Faults& faults, Revision& into) {
  if (!json.is_object()) {
    const auto value = read_signed(json, path, faults, std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::int64_t>::max());
    if (value) into = Revision{*value, 0};
    return;
  }
  Reader reader(json, path, faults, Keys::strict);
  reader.need("value", into.value);
  reader.need("flags", into.flags);
  reader.close();
}

void read_value(const Json& json, const std::string& path, Faults& faults, WallTime& into) {
  const auto time = json.is_string() ? parse_rfc3339(json.get_ref<const std::string&>()) : std::nullopt;
  if (!time) return expected(json, path, faults, "a time such as 2025-09-23T10:00:00Z");
  into = *time;
}

void read_value(const Json& json, const std::string& path, Faults& faults, std::map<std::string, std::string>& into) {
  into.clear();
  if (!json.is_object()) return expected(json, path, faults, "an object of texts");
  for (const auto& [key, value] : json.items()) {
    read_value(value, path + "." + printable(key), faults, into[key]);
  }
}

std::optional<std::int64_t> read_signed(const Json& json, const std::string& path, Faults& faults, std::int64_t least,
                                        std::int64_t most) {
  const bool beyond = json.is_number_unsigned() && json.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  const auto number = beyond ? std::nullopt : whole(json);
  if (number && *number >= least && *number <= most) return number;
  expected(json, path, faults, numbers_to(std::to_string(least), std::to_string(most)));
  return std::nullopt;
}

std::optional<std::uint64_t> read_unsigned(const Json& json, const std::string& path, Faults& faults,
                                           std::uint64_t most) {
  std::optional<std::uint64_t> number;
  if (json.is_number_unsigned()) {
    number = json.get<std::uint64_t>();
  } else if (const auto other = whole(json); other && *other >= 0) {
    number = static_cast<std::uint64_t>(*other);
  }
  if (number && *number <= most) return number;
  expected(json, path, faults, numbers_to("0", std::to_string(most)));
  return std::nullopt;
}

void complain_of_word(const Json& json, const std::string& path, Faults& faults,
                      const std::vector<std::string>& known) {
  std::string list;
  for (const std::string& each : known) list += (list.empty() ? "" : ", ") + (each.empty() ? "\"\"" : each);
  const std::string near = json.is_string() ? suggestion(json.get_ref<const std::string&>(), known) : "";
  faults.add(path, shown(json) + " is not one of " + list + near);
}

Reader::Reader(const Json& object, std::string path, Faults& faults, Keys keys)
    : object_(object), path_(std::move(path)), faults_(faults), keys_(keys) {
  if (!object.is_object()) expected(object, path_, faults_, "an object");
}

const Json* Reader::find(const char* key) {
  known_.emplace_back(key);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool Reader::require(const char* key) {
  const bool there = find(key) != nullptr;
  if (!there && object_.is_object()) faults_.add(path_of(key), "is missing");
  return there;
}

std::string Reader::path_of(std::string_view key) const {
  if (path_.empty()) return std::string(key);
  if (key.empty()) return path_;
  return path_ + "." + std::string(key);
}

void Reader::duration(const char* key, Duration& into, Duration unit) {
  const Json* json = find(key);
  if (json == nullptr) return;
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const auto count = read_signed(*json, path_of(key), faults_, 0, most / unit.count());
  if (count) into = *count * unit;
}

void Reader::base64(const char* key, std::string& into) {
  std::string text;
  field(key, text);
  auto bytes = from_base64(text);
  if (!bytes) return fault(key, "is not base64");
  into = std::move(*bytes);
}

void Reader::slots(const char* key, Bytes& into, Bytes slot) {
  const Json* json = require(key) ? find(key) : nullptr;
  if (json == nullptr) return;
  const auto count = read_unsigned(*json, path_of(key), faults_, std::numeric_limits<std::int32_t>::max());
  if (!count) return;
  if (*count != 0 && slot.value > std::numeric_limits<std::uint64_t>::max() / *count) {
    return fault(key, std::to_string(*count) + " slots of " + to_string(slot) + " are more than can be counted");
  }
  into = Bytes{*count * slot.value};
}

void Reader::keep(std::initializer_list<const char*> keys) {
  for (const char* key : keys) known_.emplace_back(key);
}

void Reader::close() {
  if (keys_ == Keys::lenient || !object_.is_object()) return;
  for (const auto& [key, value] : object_.items()) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const std::string near = faults_.full() ? "" : suggestion(key, known_);
    if (keys_ == Keys::strict || !near.empty()) faults_.add(path_of(printable(key)), "is not known" + near);
  }
}

}  // namespace neonvm::wire
