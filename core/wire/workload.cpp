#include "core/wire/workload.hpp"

#include <csignal>
#include <utility>

#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {
namespace {

constexpr std::pair<const char*, int> signals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"KILL", SIGKILL}, {"USR1", SIGUSR1},   {"USR2", SIGUSR2},
    {"TERM", SIGTERM}, {"ALRM", SIGALRM}, {"PIPE", SIGPIPE}, {"WINCH", SIGWINCH}, {"CONT", SIGCONT}, {"STOP", SIGSTOP},
    {"ABRT", SIGABRT}, {"PWR", SIGPWR},   {"IO", SIGIO}};
constexpr int first_real_time = 34, last_real_time = 64;  // as glibc counts them for programs

}  // namespace

void describe(auto& v, Like<WorkloadCheck> auto& check) {
  v.need("argv", check.argv);
  v.millis("intervalMs", check.interval);
  v.millis("timeoutMs", check.timeout);
  v.millis("startPeriodMs", check.start_period);
  v.field("retries", check.retries);
}

void describe(auto& v, Like<WorkloadCommand> auto& command) {
  v.need("name", command.name);
  v.need("user", command.user);
  v.need("action", command.action);
  v.need("shell", command.shell);
  v.field("uid", command.uid);
  v.field("gid", command.gid);
  v.field("groups", command.groups);
}

void describe(auto& v, Like<Workload> auto& w) {
  v.need("schema", w.schema);
  v.field("entrypoint", w.entrypoint);
  v.field("cmd", w.cmd);
  v.field("env", w.env);
  v.field("user", w.user);
  v.field("home", w.home);
  v.field("workdir", w.workdir);
  v.field("uid", w.uid);
  v.field("gid", w.gid);
  v.field("groups", w.groups);
  v.field("stopSignal", w.stop_signal);
  v.field("ports", w.ports);
  v.field("healthcheck", w.healthcheck);
  v.field("commands", w.commands);
  v.field("shutdownHook", w.shutdown_hook);
}

std::string encode(const Workload& workload) { return write_text(workload, 2) + "\n"; }

Result<Workload> decode_workload(std::string_view json) {
  auto workload = read_text<Workload>(json, Keys::lenient);
  if (workload && workload->schema != 1) {
    return Error{Code::unsupported, "schema: is " + std::to_string(workload->schema) + "; this program knows 1"};
  }
  return workload;
}

Result<int> signal_number(std::string_view name) {
  const std::string_view shown = name;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  for (const auto& [known, number] : signals) {
    if (name == known) return number;
  }
  const bool digits = !name.empty() && name.size() <= 2 && name.find_first_not_of("0123456789") == std::string_view::npos;
  const int number = digits ? std::stoi(std::string(name)) : 0;
  if (number >= 1 && number <= 64) return number;
  if (name.starts_with("RTMIN+") && name.size() <= 8) {
    const std::string_view more = name.substr(6);
    if (!more.empty() && more.find_first_not_of("0123456789") == std::string_view::npos) {
      const int real_time = first_real_time + std::stoi(std::string(more));
      if (real_time <= last_real_time) return real_time;
    }
  }
  return Error{Code::invalid_argument, "\"" + std::string(shown) + "\" is no signal; give a name like SIGTERM, or a number from 1 to 64"};
}

}  // namespace neonvm::wire
