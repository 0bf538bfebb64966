#include "cli/vm_live.hpp"

#include "core/daemon/runner_link.hpp"

namespace neonvm::cli {

VmLive look_at(const RunnerReach& runner, Duration limit) {
  runtime::Loop loop;
  VmLive live;
  bool lost = false;
  daemon::RunnerLink::Callbacks callbacks;
  callbacks.report = [&live](const wire::RunnerReport& report) { live.report = report; };
  callbacks.sample = [&live](const wire::SamplePush& push) { live.sample = push.sample; };
  callbacks.lost = [&lost](const Error&) { lost = true; };
  daemon::RunnerLinkOptions how;
  how.subscribe = true;
  how.credentials = runner.credentials;
  daemon::RunnerLink link(loop, runner.endpoint, how, std::move(callbacks));
  link.start();
  loop.run_until([&] { return lost || (live.report && (live.sample || !live.report->guest_connected)); }, limit);
  return live;
}

}  // namespace neonvm::cli
