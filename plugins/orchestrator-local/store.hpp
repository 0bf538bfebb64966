// Store: the objects, events and leases of one home, shared by every process that opens it.
//
// Called by the door, its watches and the supervisor. Threads: any; reads and writes go on side by side. Each write is
// one transaction, gets the store's next revision as its version, and rings the bell after its commit. Lifetime:
// closing it leaves the file whole; so does a kill at any point. Failure: what SQLite refuses, as sqlite.hpp says.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/ports/orchestrator.hpp"
#include "plugins/orchestrator-local/bell.hpp"
#include "plugins/orchestrator-local/clock.hpp"
#include "plugins/orchestrator-local/object_row.hpp"
#include "plugins/orchestrator-local/schema.hpp"

namespace neonvm::local {

class Store {
 public:
  static constexpr std::int64_t kept_deletions = 1'000;
  static constexpr std::int64_t kept_events = 10'000;

  static Result<std::unique_ptr<Store>> open(const Home& home, const Clock& clock, Deadline deadline);

  Result<std::vector<Object>> list(Kind kind, Deadline deadline);
  Result<Object> get(Kind kind, const std::string& name, Deadline deadline);
  // Writes object.status too.
  Result<Object> create(Object object, Deadline deadline);
  Result<Object> update(const Object& object, Deadline deadline);
  Result<Object> update_status(const Object& object, Deadline deadline);
  // Reads, lets `change` alter spec, status, labels, annotations or deleting, and writes, all in one transaction.
  Result<Object> modify(Kind kind, const std::string& name, const std::function<Status(Object&)>& change,
                        Deadline deadline);
  Status remove(Kind kind, const std::string& name, Deadline deadline);
  // Ends a runner's object that nothing holds any more: deleting, and no finalizer. True if it is gone.
  Result<bool> erase_runner(const std::string& name, Deadline deadline);
  // Takes an object away that was never really there, whatever holds it.
  Status forget(Kind kind, const std::string& name, Deadline deadline);

  // For watches. `lost`: deletions after `place` were forgotten already; list again.
  struct Entry {
    bool deleted = false;
    Row row;
  };
  struct News {
    bool lost = false;
    std::vector<Entry> entries;  // oldest first; not all: ask again from the last one's version
  };
  struct Snapshot {
    std::uint64_t revision = 0;
    std::vector<Object> objects;
  };
  Result<News> news(Kind kind, std::uint64_t place, Deadline deadline);
  Result<Snapshot> snapshot(Kind kind, Deadline deadline);
  Result<std::vector<Object>> deletions(Kind kind, Deadline deadline);

  Status record(const Event& event, Deadline deadline);
  Result<std::vector<StoredEvent>> events(std::uint64_t after, Deadline deadline);

  Result<bool> hold_lease(const std::string& name, const std::string& holder, Duration ttl, Deadline deadline);
  Status release_lease(const std::string& name, const std::string& holder, Deadline deadline);

  [[nodiscard]] Bell& bell() { return *bell_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }

 private:
  enum class Durability { process, power };

  Store(Home home, Clock clock, OpenedStore opened, std::unique_ptr<Bell> bell);
  Result<std::unique_lock<std::timed_mutex>> lock(std::timed_mutex& mutex, Deadline deadline) const;
  Status begin_write(Durability durability, Deadline deadline);

  // Runs body(writer) in one transaction; commits and rings if it succeeds. Private to the store's own .cpp files.
  template <typename Body>
  auto write(Bell::Topic topic, Durability durability, Deadline deadline, Body body) -> decltype(body()) {
    auto held = lock(writing_, deadline);
    if (!held) return held.error();
    if (auto ready = begin_write(durability, deadline); !ready) return ready.error();
    auto transaction = Transaction::begin(*writer_, Transaction::Kind::write);
    if (!transaction) return transaction.error();
    auto result = body();
    if (!result) return result;
    if (auto done = transaction->commit(); !done) return done.error();
    bell_->ring(topic);
    return result;
  }
  Result<Object> read(Connection& connection, Kind kind, const std::string& name);
  Result<Object> read_for_write(const Object& wish);
  Result<std::uint64_t> next_revision();
  Status insert(Object& object);
  // Writes what differs from `before`; ends the object if nothing holds it any more.
  Result<Object> replace(const Object& before, Object after);
  Status end(Object& object);
  Status forget_deletions();

  const Home home_;
  const Clock clock_;
  UniqueFd lock_file_;  // before the connections: it is given back last
  std::timed_mutex reading_, writing_;
  std::unique_ptr<Connection> reader_;
  std::unique_ptr<Connection> writer_;  // opened at the first write: most commands only look
  std::unique_ptr<Bell> bell_;
};

}  // namespace neonvm::local
