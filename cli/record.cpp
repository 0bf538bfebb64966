// neonvm record: a running VM's use as a trace, to be replayed by neonvm simulate.
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "core/daemon/runner_link.hpp"
#include "core/simulate/recording.hpp"

namespace neonvm::cli {

namespace {

constexpr Duration patience = std::chrono::seconds(15);   // a guest sends a sample a second

struct RecordOptions {
  std::string name, file, every = "5s", duration;
};

// Lives for one recording; all of it on its own loop.
class RecordRun {
 public:
  RecordRun(const std::string& vm, Duration every, std::ostream& out) : vm_(vm), out_(out), recording_(vm, every) {}

  Status run(const RunnerReach& runner, std::optional<Duration> limit) {
    daemon::RunnerLink::Callbacks callbacks;
    callbacks.report = [this](const wire::RunnerReport& report) { has_ = {report.cpu.actual, report.memory.actual}; };
    callbacks.sample = [this](const wire::SamplePush& push) { sampled(push.sample); };
    daemon::RunnerLinkOptions how;
    how.subscribe = true;
    how.credentials = runner.credentials;
    daemon::RunnerLink link(loop_, runner.endpoint, how, std::move(callbacks));
    loop_.on_signals({SIGINT, SIGTERM}, [this](int) { loop_.stop(); });
    if (limit) end_ = loop_.after(*limit, [this] { loop_.stop(); });
    wait();
    link.start();
    loop_.run();
    link.stop();
    progress_.done();
    return failure_;
  }
  [[nodiscard]] const simulate::Recording& recording() const { return recording_; }

 private:
  // Without a sample for so long the VM has ended, or its guest has no monitor.
  void wait() {
    silence_ = loop_.after(patience, [this] {
      const std::string what = recording_.readings() == 0 ? " has sent no sample" : " has sent no more samples";
      stop({Code::unavailable, "VM " + vm_ + what + " for " + std::to_string(patience / std::chrono::seconds(1)) +
                                   " s: does it run, with `neonvm monitor` in it? See neonvm top"});
    });
  }

  void sampled(const GuestSample& sample) {
    wait();
    if (!has_) return;
    const auto line = recording_.sampled(sample, *has_);
    if (!line) return;
    out_ << *line << std::flush;
    if (!out_) return stop({Code::unavailable, "the recording cannot be written: is the disk full?"});
    if (stderr_is_terminal()) progress_.say(vm_ + ": " + std::to_string(recording_.readings()) + " readings, Ctrl-C ends");
  }

  void stop(Error error) {
    failure_ = std::move(error);
    loop_.stop();
  }

  std::string vm_;
  std::ostream& out_;
  simulate::Recording recording_;
  runtime::Loop loop_;
  runtime::Timer end_, silence_;
  std::optional<Resources> has_;
  Progress progress_;
  Status failure_;
};

// What there is of a recording is worth keeping, however it ended.
Status put_in_place(const std::string& part, const std::string& file, bool holds_something) {
  std::error_code error;
  if (!holds_something) {
    std::filesystem::remove(part, error);
    return {};
  }
  std::filesystem::rename(part, file, error);
  if (error) return Error{Code::unavailable, "--file: " + file + ": " + error.message() + "; the recording is in " + part};
  return {};
}

Result<int> record(Context& context, const RecordOptions& options) {
  const auto every = parse_duration("--every", options.every);
  if (!every) return every.error();
  if (*every < std::chrono::seconds(1) || *every > std::chrono::hours(1))
    return Error{Code::invalid_argument, "--every: " + options.every + " is not within 1s to 1h"};
  std::optional<Duration> limit;
  if (!options.duration.empty()) {
    const auto duration = parse_duration("--duration", options.duration);
    if (!duration) return duration.error();
    limit = *duration;
  }
  const auto vm = find_vm(context, options.name);
  if (!vm) return vm.error();
  const auto endpoint = runner_reach(context, *vm);
  if (!endpoint) return endpoint.error();
  // A recording that was there stays until there is another.
  const std::string part = options.file + ".part";
  std::ofstream file;
  if (!options.file.empty()) {
    file.open(part, std::ios::binary | std::ios::trunc);
    if (!file) return Error{Code::permission_denied, "--file: " + part + " cannot be written"};
  }
  RecordRun recorder(options.name, *every, options.file.empty() ? std::cout : file);
  const Status status = recorder.run(*endpoint, limit);
  const auto& done = recorder.recording();
  std::cerr << options.name << ": " << done.readings() << " readings over " << std::lround(done.length()) << " s\n";
  if (!options.file.empty()) {
    file.close();
    if (auto put = put_in_place(part, options.file, done.readings() > 0); !put) return put.error();
  }
  if (!status) return status.error();
  if (done.readings() == 0) return Error{Code::unavailable, "nothing was recorded: no sample came in that time"};
  return 0;
}

}  // namespace

Command record_command() {
  return {"record", "Why", "Write a VM's use as a trace, for neonvm simulate --replay", [](Options& o) {
            auto options = std::make_shared<RecordOptions>();
            o.positional("name", options->name, "vm", "The VM");
            o.text("-f,--file", options->file, "FILE", "Where to (default: standard output)");
            o.text("--every", options->every, "TIME", "Time between two readings: 1s to 1h");
            o.text("--duration", options->duration, "TIME", "End after so long: 90s, 5m, 24h (default: at Ctrl-C)");
            o.example("neonvm record web -f web.jsonl --duration 1h && neonvm simulate --replay web.jsonl");
            return [options](Context& context) { return record(context, *options); };
          }};
}

}  // namespace neonvm::cli
