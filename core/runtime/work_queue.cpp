#include "core/runtime/work_queue.hpp"

#include <algorithm>
#include <deque>

namespace neonvm::runtime {

struct WorkQueue::Impl : std::enable_shared_from_this<WorkQueue::Impl> {
  enum class State { idle, queued, delayed, working };
  struct Key {
    State state = State::idle;
    bool again = false;         // added while it was worked on
    bool forgotten = false;     // forgotten while it was worked on: its outcome no longer counts
    unsigned failures = 0;
    Timer delay;
  };

  Impl(Loop& on, Work with, WorkQueueOptions how) : loop(on), work(std::move(with)), options(how) {}

  void add(const std::string& name);
  void forget(const std::string& name);
  void enqueue(const std::string& name, Key& key);
  void pump();
  void start(const std::string& name);
  void finished(const std::string& name, const WorkOutcome& outcome);
  void delay(const std::string& name, Key& key, Duration by);
  [[nodiscard]] Duration backoff(unsigned failures) const;

  Loop& loop;
  Work work;
  WorkQueueOptions options;
  std::map<std::string, Key> keys;
  std::deque<std::string> queue;
  unsigned busy = 0;
  bool pumping = false;
  bool closed = false;          // destroyed by the work that runs now
};

void WorkQueue::Impl::add(const std::string& name) {
  Key& key = keys[name];
  switch (key.state) {
    case State::idle:
    case State::delayed: enqueue(name, key); return;
    case State::queued: return;
    case State::working: key.again = true; return;
  }
}

void WorkQueue::Impl::forget(const std::string& name) {
  const auto found = keys.find(name);
  if (found == keys.end()) return;
  if (found->second.state == State::working) {
    found->second.again = false;
    found->second.forgotten = true;
    return;
  }
  if (found->second.state == State::queued) std::erase(queue, name);
  keys.erase(found);
}

void WorkQueue::Impl::enqueue(const std::string& name, Key& key) {
  key.delay.cancel();
  key.state = State::queued;
  queue.push_back(name);
  if (pumping) return;
  pumping = true;
  loop.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->pump();
  });
}

void WorkQueue::Impl::pump() {
  pumping = false;
  const auto self = shared_from_this();
  while (!closed && !queue.empty() && busy < options.parallel) {
    const std::string name = std::move(queue.front());
    queue.pop_front();
    start(name);
  }
}

void WorkQueue::Impl::start(const std::string& name) {
  Key& key = keys.at(name);
  key.state = State::working;
  key.again = false;
  ++busy;
  // `done` may be called at once, later, or, by mistake, twice: only the first counts.
  work(name, [weak = weak_from_this(), name, answered = std::make_shared<bool>(false)](WorkOutcome outcome) {
    if (std::exchange(*answered, true)) return;
    if (const auto queue = weak.lock()) queue->finished(name, outcome);
  });
}

void WorkQueue::Impl::finished(const std::string& name, const WorkOutcome& outcome) {
  --busy;
  Key& key = keys.at(name);
  const bool failed = outcome.kind == WorkOutcome::Kind::retry && !key.forgotten;
  key.failures = failed ? key.failures + 1 : 0;
  if (key.again) {
    key.forgotten = false;
    enqueue(name, key);
  } else if (key.forgotten || outcome.kind == WorkOutcome::Kind::success) {
    keys.erase(name);
  } else if (outcome.kind == WorkOutcome::Kind::retry) {
    delay(name, key, backoff(key.failures));
  } else {
    delay(name, key, outcome.delay);
  }
  // A place became free.
  if (!pumping && !queue.empty()) {
    pumping = true;
    loop.post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->pump();
    });
  }
}

void WorkQueue::Impl::delay(const std::string& name, Key& key, Duration by) {
  key.state = State::delayed;
  key.delay = loop.after(by, [this, name] { enqueue(name, keys.at(name)); });
}

Duration WorkQueue::Impl::backoff(unsigned failures) const {
  Duration delay = options.first_delay;
  for (unsigned i = 1; i < failures && delay < options.max_delay; ++i) delay *= 2;
  return std::min(delay, options.max_delay);
}

WorkQueue::WorkQueue(Loop& loop, Work work, WorkQueueOptions options)
    : impl_(std::make_shared<Impl>(loop, std::move(work), options)) {}

WorkQueue::~WorkQueue() { impl_->closed = true; }

void WorkQueue::add(const std::string& key) { impl_->add(key); }

void WorkQueue::forget(const std::string& key) { impl_->forget(key); }

std::size_t WorkQueue::waiting() const {
  return static_cast<std::size_t>(std::ranges::count_if(impl_->keys, [](const auto& entry) {
    return entry.second.state == Impl::State::queued || entry.second.state == Impl::State::delayed || entry.second.again;
  }));
}

}  // namespace neonvm::runtime
