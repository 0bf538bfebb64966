// neonvm top: every running VM's demand and size, live.
#include <csignal>
#include <iostream>
#include <map>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "core/daemon/runner_link.hpp"

namespace neonvm::cli {

namespace {

struct TopOptions {
  bool once = false;
  std::int64_t seconds = 0;
};

struct Line {
  VmView vm;
  std::unique_ptr<daemon::RunnerLink> link;
  std::optional<GuestSample> sample;
  std::optional<wire::RunnerReport> report;
};

std::string number(double value, const char* format) {
  if (!is_known(value)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string percent(double share) { return is_known(share) ? number(share * 100, "%.0f%%") : "-"; }

std::string used_memory(const GuestSample& sample) {
  if (!is_known(sample.memory_total) || !is_known(sample.memory_available)) return "-";
  return human(sample.memory_total - sample.memory_available);
}

void draw(const std::map<std::string, Line>& lines) {
  if (stdout_is_terminal()) std::cout << "\x1b[H\x1b[J";
  Table table({"NAME", "CPUS", "BUSY", "LOAD1", "RUNNABLE", "WAIT", "MEMORY", "USED", "STALL", "NODE", "STATUS"});
  for (const auto& [name, line] : lines) {
    const GuestSample sample = line.sample.value_or(GuestSample{});
    const bool live = line.report.has_value();
    const MilliCpu cpu = live ? line.report->cpu.actual : line.vm.status.cpu.actual;
    const Bytes memory = live ? line.report->memory.actual : line.vm.status.memory.actual;
    std::string status = status_text(line.vm);
    if (live && line.report->resizing) status += " → " + cpus_text(line.report->cpu.asked) + " CPU, " + human(line.report->memory.asked);
    table.row({name, cpus_text(cpu), number(sample.cpu_used, "%.2f"), number(sample.load1, "%.2f"),
               number(sample.runnable, "%.0f"), percent(sample.cpu.some), human(memory), used_memory(sample),
               percent(sample.memory.some), line.vm.status.node, status});
  }
  table.print();
  std::cout << std::flush;
}

class Top {
 public:
  Top(Context& context, std::vector<VmView> vms, const TopOptions& options) : options_(options) {
    for (VmView& vm : vms) {
      const std::string name = vm.object.name;
      Line& line = lines_[name];
      const std::string endpoint = is_alive(vm.status.phase) ? vm.status.endpoint : "";
      const RunnerReach reach = reach_of(context, vm);
      line.vm = std::move(vm);
      if (endpoint.empty()) continue;
      ++awaited_;
      daemon::RunnerLink::Callbacks callbacks;
      callbacks.report = [&line](const wire::RunnerReport& report) { line.report = report; };
      callbacks.sample = [this, &line](const wire::SamplePush& push) {
        if (!line.sample && awaited_ > 0) --awaited_;
        line.sample = push.sample;
        if (options_.once && awaited_ == 0) loop_.stop();
      };
      daemon::RunnerLinkOptions how;
      how.subscribe = true;
      how.credentials = reach.credentials;
      line.link = std::make_unique<daemon::RunnerLink>(loop_, endpoint, how, std::move(callbacks));
      line.link->start();
    }
  }

  void run() {
    loop_.on_signals({SIGINT, SIGTERM}, [this](int) { loop_.stop(); });
    if (options_.once) {
      // A guest without a monitor sends no samples, and the others send one a second.
      patience_ = loop_.after(std::chrono::milliseconds(2500), [this] { loop_.stop(); });
      if (awaited_ > 0) loop_.run();
      return draw(lines_);
    }
    if (options_.seconds > 0) patience_ = loop_.after(std::chrono::seconds(options_.seconds), [this] { loop_.stop(); });
    redraw();
    loop_.run();
  }

 private:
  void redraw() {
    draw(lines_);
    tick_ = loop_.after(std::chrono::seconds(1), [this] { redraw(); });
  }

  TopOptions options_;
  runtime::Loop loop_;
  std::map<std::string, Line> lines_;
  std::size_t awaited_ = 0;
  runtime::Timer tick_, patience_;
};

}  // namespace

Command top_command() {
  return {"top", "Why", "Watch demand and size of the running VMs", [](Options& o) {
            auto options = std::make_shared<TopOptions>();
            o.flag("--once", options->once, "Print once and end");
            o.number("--seconds", options->seconds, 0, 1000000, "N", "End after so long");
            return [options](Context& context) -> Result<int> {
              auto vms = all_vms(context);
              if (!vms) return vms.error();
              options->once = options->once || !stdout_is_terminal();
              Top(context, std::move(*vms), *options).run();
              return 0;
            };
          }};
}

}  // namespace neonvm::cli
