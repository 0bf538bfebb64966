#include "core/daemon/world.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "core/runtime/log.hpp"

namespace neonvm::daemon {
namespace {

constexpr Duration first_wait = std::chrono::milliseconds(100);
constexpr Duration longest_wait = std::chrono::seconds(2);
constexpr std::size_t remembered_dead = 256;
// How long one pull may block; the destructor does not wait for it, it wakes the watch.
constexpr Duration pull = std::chrono::seconds(60);

// Lets the loop's thread end a watch thread that may be blocked in the watch or in a pause between two.
class Stopper {
 public:
  bool stopped() {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (watch_) watch_->wake();
    wake_.notify_all();
  }
  void watching(Watch* watch) {
    const std::lock_guard lock(mutex_);
    watch_ = watch;
    if (watch_ && stopped_) watch_->wake();
  }
  void pause(Duration d) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, d, [this] { return stopped_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;
  Watch* watch_ = nullptr;
};

}  // namespace

Deadline call_deadline(Duration limit) { return std::chrono::steady_clock::now() + limit; }

struct World::Impl : std::enable_shared_from_this<World::Impl> {
  struct Known {
    std::map<std::string, Object> objects;
    std::set<std::string> seen;        // since the present watch was opened
    std::deque<std::string> dead;      // uids: the answer of a write must not bring one back
    bool reading_anew = true;
    bool synced = false;
    std::vector<std::weak_ptr<Listener>> listeners;
  };

  Impl(runtime::Loop& l, Orchestrator& o) : loop(l), orchestrator(o) {}

  runtime::Loop& loop;
  Orchestrator& orchestrator;
  std::map<Kind, Known> kinds;
  std::vector<std::weak_ptr<Whole>> when_whole;
  std::map<Kind, WatchCounts> counts;
  Stopper stoppers[static_cast<std::size_t>(Kind::neighbour) + 1];
  std::vector<std::thread> threads;

  // They may come and go while they are told.
  template <typename Call, typename... Told>
  static void tell_all(std::vector<std::weak_ptr<Call>>& all, const Told&... told) {
    std::erase_if(all, [](const auto& each) { return each.expired(); });
    const auto listeners = all;
    for (const auto& weak : listeners)
      if (const auto listener = weak.lock()) (*listener)(told...);
  }

  void tell(Known& known, const Change& change) { tell_all(known.listeners, change); }

  [[nodiscard]] bool is_whole() const {
    return std::all_of(kinds.begin(), kinds.end(), [](const auto& each) { return each.second.synced; });
  }

  // A write of our own may be newer than what the watch has come to.
  void put(Known& known, const Change& change) {
    const auto it = known.objects.find(change.object.name);
    const bool same_life = it != known.objects.end() && it->second.uid == change.object.uid;
    if (same_life && change.object.version < it->second.version) return;
    const bool news = !same_life || change.object.version != it->second.version;
    if (it != known.objects.end() && !same_life) drop(known, it->second.name, it->second);
    // A fresh copy: texts that are assigned to keep twice the room that they had.
    known.objects[change.object.name] = Object(change.object);
    if (news) tell(known, {same_life ? ChangeKind::changed : ChangeKind::added, change.object});
  }

  void drop(Known& known, const std::string& name, const Object& last) {
    const auto it = known.objects.find(name);
    if (it == known.objects.end() || it->second.uid != last.uid) return;
    const Object gone = last;
    known.objects.erase(it);
    known.dead.push_back(gone.uid);
    if (known.dead.size() > remembered_dead) known.dead.pop_front();
    tell(known, {ChangeKind::deleted, gone});
  }

  void opened(Kind kind) {
    Known& known = kinds[kind];
    known.seen.clear();
    known.reading_anew = true;
    ++counts[kind].opened;
    counts[kind].watching = true;
  }

  // Has ended, or could not begin.
  void failed(Kind kind) {
    WatchCounts& count = counts[kind];
    ++(count.watching ? count.broken : count.not_opened);
    count.watching = false;
  }

  void take(Kind kind, const Change& change) {
    Known& known = kinds[kind];
    WatchCounts& count = counts[kind];
    if (change.kind != ChangeKind::synced)
      ++(change.kind == ChangeKind::added ? count.added : change.kind == ChangeKind::changed ? count.changed : count.deleted);
    switch (change.kind) {
      case ChangeKind::added:
      case ChangeKind::changed:
        if (known.reading_anew) known.seen.insert(change.object.name);
        put(known, change);
        break;
      case ChangeKind::deleted:
        drop(known, change.object.name, change.object);
        break;
      case ChangeKind::synced:
        synced(known);
        break;
    }
  }

  // A new watch says nothing of what went away while there was none.
  void synced(Known& known) {
    if (known.reading_anew) {
      std::vector<Object> vanished;
      for (const auto& [name, object] : known.objects)
        if (known.seen.count(name) == 0) vanished.push_back(object);
      for (const Object& object : vanished) drop(known, object.name, object);
    }
    known.seen.clear();
    known.reading_anew = false;
    known.synced = true;
    tell(known, {ChangeKind::synced, {}});
    if (is_whole()) tell_all(when_whole);
  }
};

namespace {

void pull_changes(World::Impl& impl, Watch& watch, Kind kind, Stopper& stopper, Duration& wait) {
  const std::weak_ptr<World::Impl> weak = impl.weak_from_this();
  while (!stopper.stopped()) {
    auto change = watch.next(call_deadline(pull));
    if (!change) {
      runtime::log_warning("world", "a watch failed", {{"kind", to_string(kind)}, {"error", change.error().message}});
      return;
    }
    if (!change.value()) continue;
    wait = first_wait;
    impl.loop.post([weak, kind, c = std::move(**change)] {
      if (const auto alive = weak.lock()) alive->take(kind, c);
    });
  }
}

void watch_kind(World::Impl& impl, Kind kind, Stopper& stopper) {
  const std::weak_ptr<World::Impl> weak = impl.weak_from_this();
  Duration wait = first_wait;
  while (!stopper.stopped()) {
    auto watch = impl.orchestrator.watch(kind, call_deadline());
    if (watch) {
      stopper.watching(watch->get());
      impl.loop.post([weak, kind] {
        if (const auto alive = weak.lock()) alive->opened(kind);
      });
      pull_changes(impl, **watch, kind, stopper, wait);
      stopper.watching(nullptr);
    } else if (wait == first_wait) {
      runtime::log_warning("world", "a watch could not be opened; trying again", {{"kind", to_string(kind)}, {"error", watch.error().message}});
    }
    impl.loop.post([weak, kind] {
      if (const auto alive = weak.lock()) alive->failed(kind);
    });
    stopper.pause(wait);
    wait = std::min(wait * 2, longest_wait);
  }
}

}  // namespace

World::World(runtime::Loop& loop, Orchestrator& orchestrator, std::vector<Kind> kinds)
    : impl_(std::make_shared<Impl>(loop, orchestrator)) {
  for (const Kind kind : kinds) {
    impl_->kinds[kind];
    impl_->counts[kind];
  }
}

World::~World() {
  for (Stopper& stopper : impl_->stoppers) stopper.stop();
  for (std::thread& thread : impl_->threads) thread.join();
}

void World::start() {
  for (const auto& [kind, known] : impl_->kinds) {
    Stopper& stopper = impl_->stoppers[static_cast<std::size_t>(kind)];
    impl_->threads.emplace_back([this, kind = kind, &stopper] { watch_kind(*impl_, kind, stopper); });
  }
}

World::Subscription World::listen(Kind kind, Listener listener) {
  const auto kept = std::make_shared<Listener>(std::move(listener));
  impl_->kinds[kind].listeners.push_back(kept);
  Subscription subscription;
  subscription.listener_ = kept;
  return subscription;
}

World::Subscription World::when_whole(Whole listener) {
  const auto kept = std::make_shared<Whole>(std::move(listener));
  impl_->when_whole.push_back(kept);
  Subscription subscription;
  subscription.listener_ = kept;
  return subscription;
}

bool World::watches(Kind kind) const { return impl_->kinds.count(kind) != 0; }

bool World::synced(Kind kind) const {
  const auto it = impl_->kinds.find(kind);
  return it != impl_->kinds.end() && it->second.synced;
}

bool World::synced() const { return impl_->is_whole(); }

const std::map<std::string, Object>& World::all(Kind kind) const { return impl_->kinds[kind].objects; }

const Object* World::find(Kind kind, const std::string& name) const {
  const auto& objects = all(kind);
  const auto it = objects.find(name);
  return it == objects.end() ? nullptr : &it->second;
}

const std::map<Kind, WatchCounts>& World::watch_counts() const { return impl_->counts; }

void World::wrote(const Object& object) {
  Impl::Known& known = impl_->kinds[object.kind];
  if (std::find(known.dead.begin(), known.dead.end(), object.uid) != known.dead.end()) return;
  impl_->put(known, {ChangeKind::changed, object});
}

}  // namespace neonvm::daemon
