#include "guest/pressure.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

#include "guest/procfs.hpp"

namespace neonvm::guest {
namespace {

// Polling only where the kernel refuses triggers: from Linux 6.5 on it does so for the unprivileged, before for all but root.
constexpr Duration polling_period = std::chrono::milliseconds(200);

std::string trigger_text(std::chrono::microseconds stall, std::chrono::microseconds window) {
  return "some " + std::to_string(stall.count()) + " " + std::to_string(window.count());
}

}  // namespace

const char* to_string(Pressured what) {
  switch (what) {
    case Pressured::cpu: return "cpu";
    case Pressured::memory: return "memory";
    case Pressured::io: return "io";
  }
  return "unknown";
}

PressureWatch::PressureWatch(runtime::Loop& loop, std::function<void(Pressured)> fired, const std::string& root,
                             const PressureTriggers& triggers)
    : loop_(loop), fired_(std::move(fired)) {
  const std::pair<Pressured, PressureTrigger> wanted[] = {
      {Pressured::cpu, triggers.cpu}, {Pressured::memory, triggers.memory}, {Pressured::io, triggers.io}};
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    sources_[i].what = wanted[i].first;
    sources_[i].trigger = wanted[i].second;
    sources_[i].path = root + "/" + to_string(wanted[i].first);
  }
  Status armed;
  for (std::size_t i = 0; i < sources_.size() && armed; ++i) armed = arm(sources_[i]);
  if (armed) {
    watch_all();
    return;
  }
  for (Source& source : sources_) source.fd.reset();
  const Code code = armed.error().code;
  means_ = code == Code::not_found || code == Code::unsupported ? Means::none : Means::polled;
  word_ = (means_ == Means::none ? "none: " : "polled: ") + armed.error().message;
  if (means_ == Means::polled) poll();
}

// In a container these may be plain files that look like the kernel's.
Status PressureWatch::can_be_polled(const Source& source) {
  const Fd probe(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event interest{};
  interest.events = EPOLLPRI;
  if (::epoll_ctl(probe.get(), EPOLL_CTL_ADD, source.fd.get(), &interest) == 0) return {};
  return errno_error(source.path, errno);
}

Status PressureWatch::arm(Source& source) {
  source.fd.reset(::open(source.path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!source.fd.valid()) {
    // psi=0 on the command line leaves the files there and answers EOPNOTSUPP.
    if (errno == EOPNOTSUPP) return Error{Code::unsupported, source.path + ": switched off"};
    return errno_error(source.path, errno);
  }
  if (const Status pollable = can_be_polled(source); !pollable) return pollable;
  const std::string text = trigger_text(source.trigger.stall, source.trigger.window);
  if (::write(source.fd.get(), text.c_str(), text.size() + 1) >= 0) return {};
  const int refused = errno;
  // The unprivileged get windows of whole 2 s only: slower, but still the kernel's own word.
  const auto longer = source.trigger.window < std::chrono::seconds(2) ? 2'000'000 / source.trigger.window.count() : 1;
  const std::string slow = trigger_text(source.trigger.stall * longer, std::chrono::seconds(2));
  if (::write(source.fd.get(), slow.c_str(), slow.size() + 1) >= 0) return {};
  return errno_error(source.path, refused);
}

void PressureWatch::watch_all() {
  for (Source& source : sources_) {
    source.watch = loop_.watch_priority(source.fd.get(), [this, what = source.what] { fired_(what); });
  }
}

void PressureWatch::poll() {
  for (Source& source : sources_) {
    const auto text = read_text(source.path);
    if (!text) continue;
    const auto total = read_pressure(*text).some_us;
    const auto stall = static_cast<std::uint64_t>(source.trigger.stall.count());
    const bool waited = total && source.total_us && *total >= *source.total_us + stall;
    source.total_us = total;
    if (waited) fired_(source.what);
  }
  timer_ = loop_.after(polling_period, [this] { poll(); });
}

}  // namespace neonvm::guest
