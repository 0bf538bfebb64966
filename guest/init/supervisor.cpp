#include "guest/init/supervisor.hpp"

#include <poll.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>

#include "guest/init/say.hpp"
#include "guest/workload_news.hpp"

namespace neonvm::guest {
namespace {

Instant now() { return std::chrono::steady_clock::now(); }

// For what is asked to end after the workload has; all of it if there was none.
constexpr Duration least_grace = std::chrono::seconds(1);

int milliseconds_until(Instant when) {
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(when - now()).count();
  return static_cast<int>(std::clamp<long long>(rest, 0, 60'000));
}

}  // namespace

Supervisor::Supervisor() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  signals_.reset(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (::getpid() == 1) ::reboot(RB_DISABLE_CAD);  // Ctrl-Alt-Del becomes SIGINT to PID 1
}

void Supervisor::add(ServicePlan plan) { services_.emplace_back(std::move(plan)); }

void Supervisor::add_workload(ServicePlan plan, AfterWorkload after) {
  plan.restart = after == AfterWorkload::restart;
  after_workload_ = after;
  workload_ = services_.size();
  add(std::move(plan));
}

void Supervisor::tend() {
  for (Service& service : services_) service.tend(now());
}

PowerEnd Supervisor::run() {
  while (!end_) {
    tend();
    wait();
  }
  return *end_;
}

int Supervisor::pause_ms() const {
  int pause = -1;
  for (const Service& service : services_) {
    if (!service.due()) continue;
    const int rest = milliseconds_until(*service.due());
    pause = pause < 0 ? rest : std::min(pause, rest);
  }
  return pause;
}

void Supervisor::wait() {
  std::vector<pollfd> watched = {{signals_.get(), POLLIN, 0}};
  for (const Fd& device : button_.devices()) watched.push_back({device.get(), POLLIN, 0});
  ::poll(watched.data(), watched.size(), pause_ms());
  take_signals();
  if (button_.pressed()) {
    say("power button");
    end_ = PowerEnd::off;
  }
}

void Supervisor::take_signals() {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal)) {
    const int number = static_cast<int>(signal.ssi_signo);
    if (number == SIGUSR2 || number == SIGTERM || number == SIGUSR1 || number == SIGPWR) end_ = PowerEnd::off;
    if (number == SIGINT) end_ = PowerEnd::reboot;
  }
  reap();
}

void Supervisor::reap() {
  int status = 0;
  for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0; pid = ::waitpid(-1, &status, WNOHANG)) {
    for (std::size_t i = 0; i < services_.size(); ++i) {
      if (!services_[i].ended(pid, status, now())) continue;
      if (i == workload_) workload_ended(status);
    }
  }
}

void Supervisor::workload_ended(int wait_status) {
  if (after_workload_ == AfterWorkload::power_off) end_ = PowerEnd::off;
  wire::WorkloadEnded news;
  news.exit_code = exit_code_of(wait_status);
  news.why = text_of_end(wait_status);
  news.starts = ++workload_ends_;
  news.again = !end_ && after_workload_ == AfterWorkload::restart;
  if (const Status written = write_news(news); !written) say(written.error().message);
}

// True when no process is left. Signals wake us; SIGCHLD is among them.
bool Supervisor::wait_for_all(Duration limit) {
  const Instant end = now() + limit;
  for (;;) {
    const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
    if (pid < 0) return true;
    if (pid > 0) continue;
    if (now() >= end) return false;
    pollfd watched{signals_.get(), POLLIN, 0};
    ::poll(&watched, 1, milliseconds_until(end));
    signalfd_siginfo signal{};
    while (::read(signals_.get(), &signal, sizeof signal) > 0) {
    }
  }
}

void Supervisor::stop_services() {
  for (Service& service : services_) service.stop();
}

// Whatever else ends meanwhile is reaped, and stays ended.
void Supervisor::stop_workload(Instant until) {
  if (!workload_) return;
  services_[*workload_].stop();
  while (services_[*workload_].running() && now() < until) {
    pollfd watched{signals_.get(), POLLIN, 0};
    ::poll(&watched, 1, milliseconds_until(until));
    take_signals();
  }
}

void Supervisor::stop_all(Duration grace) {
  const Instant until = now() + grace;
  end_ = end_.value_or(PowerEnd::off);
  stop_workload(until);
  const bool late = workload_ && services_[*workload_].running();
  stop_services();
  ::kill(-1, SIGTERM);
  ::kill(-1, SIGCONT);
  if (wait_for_all(std::max<Duration>(until - now(), least_grace)) && !late) return;
  say("killing what has not ended in time");
  ::kill(-1, SIGKILL);
  if (!wait_for_all(std::chrono::seconds(1))) say("some processes do not end");
}

}  // namespace neonvm::guest
