#include "vm-builder/image_config.hpp"

#include "vm-builder/json_document.hpp"

namespace neonvm::builder {
namespace {

// Reads members one after another and keeps the first fault.
class Fields {
 public:
  Fields(std::string name, const Json& object) : name_(std::move(name)), object_(object) {}

  void text(const char* key, std::string& into) { take(text_member(name_, object_, key), into); }
  void list(const char* key, std::vector<std::string>& into) { take(list_member(name_, object_, key), into); }
  void number(const char* key, std::int64_t& into) { take(number_member(name_, object_, key), into); }
  void nanoseconds(const char* key, Duration& into) {
    std::int64_t value = 0;
    number(key, value);
    if (value < 0 && !fault_) fault_ = Error{Code::invalid_argument, name_ + ": " + key + " is negative"};
    into = Duration(value);
  }
  // A set, written as an object with empty objects.
  void keys(const char* key, std::vector<std::string>& into) {
    for (const auto& [name, ignored] : object_member(object_, key).items()) into.push_back(name);
  }
  void texts(const char* key, std::map<std::string, std::string>& into) {
    for (const auto& [name, value] : object_member(object_, key).items()) {
      if (value.is_string()) into[name] = value.get<std::string>();
    }
  }
  [[nodiscard]] const std::optional<Error>& fault() const { return fault_; }

 private:
  template <typename T>
  void take(Result<T> read, T& into) {
    if (read) {
      into = std::move(*read);
    } else if (!fault_) {
      fault_ = read.error();
    }
  }

  std::string name_;
  const Json& object_;
  std::optional<Error> fault_;
};

Result<std::optional<Healthcheck>> read_healthcheck(const std::string& name, const Json& config) {
  const Json& json = object_member(config, "Healthcheck");
  if (json.empty()) return std::optional<Healthcheck>();
  Healthcheck check;
  Fields members(name + ": Healthcheck", json);
  members.list("Test", check.test);
  members.nanoseconds("Interval", check.interval);
  members.nanoseconds("Timeout", check.timeout);
  members.nanoseconds("StartPeriod", check.start_period);
  members.number("Retries", check.retries);
  if (members.fault()) return *members.fault();
  if (check.test.empty() || check.test.front() == "NONE") return std::optional<Healthcheck>();
  return std::optional<Healthcheck>(check);
}

Status check_env(const std::string& name, const ImageConfig& config) {
  for (const std::string& variable : config.env) {
    const std::size_t equals = variable.find('=');
    if (equals != std::string::npos && equals > 0 && variable.find('\0') == std::string::npos) continue;
    return Error{Code::invalid_argument, name + ": Env has \"" + variable + "\", which is not NAME=value"};
  }
  return {};
}

}  // namespace

Result<ImageConfig> read_image_config(const std::string& name, std::string_view text) {
  auto json = parse_document(name, text);
  if (!json) return json.error();
  ImageConfig config;
  Fields top(name, *json);
  top.text("os", config.os);
  top.text("architecture", config.architecture);
  Fields rootfs(name + ": rootfs", object_member(*json, "rootfs"));
  rootfs.list("diff_ids", config.diff_ids);
  const Json& inner = object_member(*json, "config");
  Fields members(name + ": config", inner);
  members.list("Env", config.env);
  members.list("Entrypoint", config.entrypoint);
  members.list("Cmd", config.cmd);
  members.text("User", config.user);
  members.text("WorkingDir", config.workdir);
  members.text("StopSignal", config.stop_signal);
  members.keys("ExposedPorts", config.ports);
  members.keys("Volumes", config.volumes);
  members.texts("Labels", config.labels);
  for (const Fields* each : {&top, &rootfs, &members}) {
    if (each->fault()) return *each->fault();
  }
  if (auto checked = check_env(name, config); !checked) return checked.error();
  auto healthcheck = read_healthcheck(name, inner);
  if (!healthcheck) return healthcheck.error();
  config.healthcheck = *healthcheck;
  return config;
}

}  // namespace neonvm::builder
