#include "plugins/orchestrator-local/supervisor.hpp"

#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "plugins/orchestrator-local/text_file.hpp"

namespace neonvm::local {
namespace {

void drain(int fd) {
  char bytes[4096];
  while (::read(fd, bytes, sizeof bytes) > 0) {
  }
}

}  // namespace

Result<std::unique_ptr<Supervisor>> Supervisor::start(std::shared_ptr<Store> store, StopMargins margins,
                                                      Deadline deadline) {
  UniqueFd kick(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!kick) return system_error("cannot make", "an eventfd", errno);
  UniqueFd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify) {
    return system_error("cannot watch run directories (raise fs.inotify.max_user_instances):", "inotify", errno);
  }
  auto watch = LocalWatch::open(store, Kind::runner, deadline);
  if (!watch) return watch.error();
  return std::unique_ptr<Supervisor>(
      new Supervisor(std::move(store), margins, std::move(*watch), std::move(kick), std::move(inotify)));
}

Supervisor::Supervisor(std::shared_ptr<Store> store, StopMargins margins, std::unique_ptr<LocalWatch> watch,
                       UniqueFd kick, UniqueFd inotify)
    : store_(std::move(store)),
      margins_(margins),
      watch_(std::move(watch)),
      kick_(std::move(kick)),
      inotify_(std::move(inotify)),
      listener_([this] { listen(); }),
      thread_([this] { run(); }) {}

Supervisor::~Supervisor() {
  {
    const std::lock_guard held(mutex_);
    ending_ = true;
  }
  ended_.notify_all();
  watch_->wake();
  kick();
  listener_.join();
  thread_.join();
}

void Supervisor::kick() const { (void)::eventfd_write(kick_.get(), 1); }

void Supervisor::listen() {
  while (!ending_) {
    auto change = watch_->next(std::chrono::steady_clock::now() + std::chrono::hours(1));
    std::unique_lock held(mutex_);
    if (!change) {
      ended_.wait_for(held, std::chrono::seconds(1), [&] { return ending_.load(); });
    } else if (*change) {
      changes_.push_back(std::move(**change));
      kick();
    }
  }
}

void Supervisor::run() {
  while (!ending_) {
    take_changes();
    wait(step_all());
  }
}

void Supervisor::take_changes() {
  std::vector<Change> changes;
  {
    const std::lock_guard held(mutex_);
    changes.swap(changes_);
  }
  for (const Change& change : changes) take(change);
}

void Supervisor::take(const Change& change) {
  const Object& runner = change.object;
  if (change.kind == ChangeKind::synced) return;
  if (change.kind == ChangeKind::deleted) {
    lives_.erase(runner.uid);
    return;
  }
  const auto known = lives_.find(runner.uid);
  if (known != lives_.end()) return known->second.changed(runner);
  const auto& life = lives_.try_emplace(runner.uid, *store_, margins_, runner).first->second;
  // Told when the runner's socket appears; the watch ends with the directory.
  ::inotify_add_watch(inotify_.get(), life.run_dir().c_str(), IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

Instant Supervisor::step_all() {
  Instant next = Instant::max();
  for (auto life = lives_.begin(); life != lives_.end();) {
    next = std::min(next, life->second.step(std::chrono::steady_clock::now()));
    life = life->second.over() ? lives_.erase(life) : std::next(life);
  }
  return next;
}

void Supervisor::wait(Instant until) {
  std::vector<pollfd> fds{{kick_.get(), POLLIN, 0}, {inotify_.get(), POLLIN, 0}};
  for (const auto& [uid, life] : lives_) life.fds(fds);
  int timeout = -1;
  if (until != Instant::max()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
  }
  ::poll(fds.data(), fds.size(), timeout);
  drain(kick_.get());
  drain(inotify_.get());
}

}  // namespace neonvm::local
