#include "plugins/orchestrator-local/store.hpp"

#include <sys/random.h>

#include <array>
#include <cstdio>
#include <utility>

namespace neonvm::local {
namespace {

std::string title(Kind kind, const std::string& name) { return std::string(to_string(kind)) + " \"" + name + "\""; }

// A random UUID (RFC 4122, version 4).
std::string new_uid() {
  std::array<unsigned char, 16> b{};
  if (::getrandom(b.data(), b.size(), 0) != static_cast<ssize_t>(b.size())) return {};
  b[6] = static_cast<unsigned char>((b[6] & 0x0F) | 0x40);
  b[8] = static_cast<unsigned char>((b[8] & 0x3F) | 0x80);
  char text[37];
  std::snprintf(text, sizeof text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
  return text;
}

std::optional<std::int64_t> milliseconds(const std::optional<WallTime>& time) {
  if (!time) return std::nullopt;
  return time->time_since_epoch().count();
}

bool same(const Object& a, const Object& b) {
  return a.spec == b.spec && a.status == b.status && a.labels == b.labels && a.annotations == b.annotations &&
         a.finalizer == b.finalizer && a.deleting == b.deleting;
}

}  // namespace

Store::Store(Home home, Clock clock, OpenedStore opened, std::unique_ptr<Bell> bell)
    : home_(std::move(home)),
      clock_(std::move(clock)),
      lock_file_(std::move(opened.lock)),
      reader_(std::move(opened.connection)),
      bell_(std::move(bell)) {}

Result<std::unique_ptr<Store>> Store::open(const Home& home, const Clock& clock, Deadline deadline) {
  auto opened = open_store(home, deadline);
  if (!opened) return opened.error();
  auto bell = Bell::open(home.bell());
  if (!bell) return bell.error();
  return std::unique_ptr<Store>(new Store(home, clock, std::move(*opened), std::move(*bell)));
}

Result<std::unique_lock<std::timed_mutex>> Store::lock(std::timed_mutex& mutex, Deadline deadline) const {
  std::unique_lock<std::timed_mutex> held(mutex, std::defer_lock);
  if (!held.try_lock() && !held.try_lock_until(deadline)) {
    return Error{Code::deadline_exceeded, home_.store() + " is held by another call for too long"};
  }
  return held;
}

Status Store::begin_write(Durability durability, Deadline deadline) {
  if (!writer_) {
    auto opened = connect(home_, deadline);
    if (!opened) return opened.error();
    writer_ = std::move(*opened);
  }
  writer_->set_deadline(deadline);
  return writer_->tell(durability == Durability::power ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
}

Result<Object> Store::read(Connection& connection, Kind kind, const std::string& name) {
  auto query = connection.ask("SELECT " NEONVM_OBJECT_COLUMNS " FROM objects WHERE kind = ? AND name = ?",
                              std::string_view(to_string(kind)), name);
  if (!query) return query.error();
  const auto found = query->step();
  if (!found) return found.error();
  if (!*found) return Error{Code::not_found, title(kind, name) + " does not exist"};
  return read_row(*query).object;
}

Result<Object> Store::read_for_write(const Object& wish) {
  auto stored = read(*writer_, wish.kind, wish.name);
  if (stored && stored->version != wish.version) {
    return Error{Code::conflict, title(wish.kind, wish.name) + " was written by somebody else: version " +
                                     std::to_string(wish.version) + " was read, " + std::to_string(stored->version) +
                                     " is stored"};
  }
  return stored;
}

Result<std::uint64_t> Store::next_revision() {
  const auto value = writer_->number("UPDATE counters SET value = value + 1 WHERE name = 'revision' RETURNING value");
  if (!value) return value.error();
  if (!*value) return Error{Code::data_loss, home_.store() + " has lost its revision counter"};
  return static_cast<std::uint64_t>(**value);
}

Status Store::insert(Object& object) {
  const auto revision = next_revision();
  if (!revision) return revision.error();
  object.version = *revision;
  return writer_->tell("INSERT INTO objects(" NEONVM_OBJECT_COLUMNS
                       ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       std::string_view(to_string(object.kind)), object.name, object.ns, object.uid, object.version,
                       object.version, object.generation, std::int64_t{object.created.time_since_epoch().count()},
                       milliseconds(object.deleting), object.finalizer, encode_map(object.labels),
                       encode_map(object.annotations), object.owner_uid, object.spec, object.status);
}

Result<Object> Store::replace(const Object& before, Object after) {
  if (same(before, after)) return before;
  if (after.spec != before.spec) after.generation = before.generation + 1;
  // A runner's object goes when its processes are gone (erase_runner), whatever else would let it.
  if (after.deleting && !after.finalizer && after.kind != Kind::runner) {
    if (auto ended = end(after); !ended) return ended.error();
    return after;
  }
  const auto revision = next_revision();
  if (!revision) return revision.error();
  after.version = *revision;
  const Status written = writer_->tell(
      "UPDATE objects SET version = ?, generation = ?, deleting = ?, finalizer = ?, labels = ?, annotations = ?, spec "
      "= ?, "
      "status = ? WHERE kind = ? AND name = ?",
      after.version, after.generation, milliseconds(after.deleting), after.finalizer, encode_map(after.labels),
      encode_map(after.annotations), after.spec, after.status, std::string_view(to_string(after.kind)), after.name);
  if (!written) return written.error();
  return after;
}

// Keeps the last state among the deletions, for the watches.
Status Store::end(Object& object) {
  const auto revision = next_revision();
  if (!revision) return revision.error();
  const std::string_view kind = to_string(object.kind);
  const auto born =
      writer_->number("DELETE FROM objects WHERE kind = ? AND name = ? RETURNING born", kind, object.name);
  if (!born) return born.error();
  object.version = *revision;
  if (auto kept = writer_->tell(
          "INSERT INTO deletions(" NEONVM_OBJECT_COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", kind,
          object.name, object.ns, object.uid, object.version, born->value_or(0), object.generation,
          std::int64_t{object.created.time_since_epoch().count()}, milliseconds(object.deleting), object.finalizer,
          encode_map(object.labels), encode_map(object.annotations), object.owner_uid, object.spec, object.status);
      !kept) {
    return kept;
  }
  return forget_deletions();
}

// Now and then, so that most deletions cost nothing for it.
Status Store::forget_deletions() {
  const auto count = writer_->number("UPDATE counters SET value = value + 1 WHERE name = 'deletions' RETURNING value");
  if (!count) return count.error();
  if (count->value_or(0) < kept_deletions + kept_deletions / 4) return {};
  for (const Status& done :
       {writer_->tell("UPDATE counters SET value = (SELECT version FROM deletions ORDER BY version DESC LIMIT 1 "
                      "OFFSET ?) WHERE name = 'horizon'",
                      kept_deletions),
        writer_->tell("DELETE FROM deletions WHERE version <= (SELECT value FROM counters WHERE name = 'horizon')"),
        writer_->tell("UPDATE counters SET value = (SELECT count(*) FROM deletions) WHERE name = 'deletions'")}) {
    if (!done) return done;
  }
  return {};
}

Result<Object> Store::create(Object object, Deadline deadline) {
  if (auto named = check_name(object.kind, object.name); !named) return named.error();
  object.uid = new_uid();
  if (object.uid.empty()) return Error{Code::unavailable, "the kernel gave no random bytes for a uid"};
  object.generation = 1;
  object.created = clock_.wall();
  object.deleting.reset();
  const auto durability = object.kind == Kind::virtual_machine ? Durability::power : Durability::process;
  return write(Bell::topic_of(object.kind), durability, deadline, [&]() -> Result<Object> {
    const auto taken = read(*writer_, object.kind, object.name);
    if (taken) return Error{Code::already_exists, title(object.kind, object.name) + " exists already"};
    if (taken.error().code != Code::not_found) return taken.error();
    if (auto inserted = insert(object); !inserted) return inserted.error();
    return object;
  });
}

Result<Object> Store::update(const Object& object, Deadline deadline) {
  return write(Bell::topic_of(object.kind), Durability::process, deadline, [&]() -> Result<Object> {
    const auto before = read_for_write(object);
    if (!before) return before;
    Object after = *before;
    after.spec = object.spec;
    after.labels = object.labels;
    after.annotations = object.annotations;
    after.finalizer = object.finalizer;
    return replace(*before, std::move(after));
  });
}

Result<Object> Store::update_status(const Object& object, Deadline deadline) {
  return write(Bell::topic_of(object.kind), Durability::process, deadline, [&]() -> Result<Object> {
    const auto before = read_for_write(object);
    if (!before) return before;
    Object after = *before;
    after.status = object.status;
    return replace(*before, std::move(after));
  });
}

Result<Object> Store::modify(Kind kind, const std::string& name, const std::function<Status(Object&)>& change,
                             Deadline deadline) {
  return write(Bell::topic_of(kind), Durability::process, deadline, [&]() -> Result<Object> {
    const auto before = read(*writer_, kind, name);
    if (!before) return before;
    Object after = *before;
    if (auto changed = change(after); !changed) return changed.error();
    return replace(*before, std::move(after));
  });
}

Status Store::remove(Kind kind, const std::string& name, Deadline deadline) {
  const auto durability = kind == Kind::virtual_machine ? Durability::power : Durability::process;
  return write(Bell::topic_of(kind), durability, deadline, [&]() -> Status {
    const auto before = read(*writer_, kind, name);
    if (!before) return before.error().code == Code::not_found ? Status{} : before.error();
    if (before->deleting) return {};
    Object after = *before;
    after.deleting = clock_.wall();
    const auto written = replace(*before, std::move(after));
    return written ? Status{} : written.error();
  });
}

Result<bool> Store::erase_runner(const std::string& name, Deadline deadline) {
  return write(Bell::Topic::runner, Durability::process, deadline, [&]() -> Result<bool> {
    auto runner = read(*writer_, Kind::runner, name);
    if (!runner && runner.error().code == Code::not_found) return true;
    if (!runner) return runner.error();
    if (!runner->deleting || runner->finalizer) return false;
    if (auto ended = end(*runner); !ended) return ended.error();
    return true;
  });
}

Status Store::forget(Kind kind, const std::string& name, Deadline deadline) {
  return write(Bell::topic_of(kind), Durability::process, deadline, [&]() -> Status {
    auto object = read(*writer_, kind, name);
    if (!object) return object.error().code == Code::not_found ? Status{} : object.error();
    return end(*object);
  });
}

}  // namespace neonvm::local
