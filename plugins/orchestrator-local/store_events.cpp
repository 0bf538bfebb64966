#include "plugins/orchestrator-local/store.hpp"

namespace neonvm::local {
namespace {

StoredEvent read_event(const Query& query) {
  StoredEvent stored;
  stored.sequence = static_cast<std::uint64_t>(query.integer(0));
  Event& event = stored.event;
  event.at = WallTime(std::chrono::milliseconds(query.integer(1)));
  event.kind = kind_from(query.text(2)).value_or(Kind::virtual_machine);
  event.ns = query.text(3);
  event.name = query.text(4);
  event.warning = query.integer(5) != 0;
  event.reason = query.text(6);
  event.message = query.text(7);
  event.revision = query.integer(8);
  return stored;
}

}  // namespace

Status Store::record(const Event& event, Deadline deadline) {
  const WallTime at = event.at == WallTime{} ? clock_.wall() : event.at;
  return write(Bell::Topic::events, Durability::process, deadline, [&]() -> Status {
    if (auto inserted = writer_->tell(
            "INSERT INTO events(at, kind, ns, name, warning, reason, message, revision) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            std::int64_t{at.time_since_epoch().count()}, std::string_view(to_string(event.kind)), event.ns, event.name,
            event.warning, event.reason, event.message, std::int64_t{event.revision});
        !inserted) {
      return inserted;
    }
    return writer_->tell("DELETE FROM events WHERE sequence <= last_insert_rowid() - ?", kept_events);
  });
}

Result<std::vector<StoredEvent>> Store::events(std::uint64_t after, Deadline deadline) {
  const auto held = lock(reading_, deadline);
  if (!held) return held.error();
  reader_->set_deadline(deadline);
  auto query = reader_->ask(
      "SELECT sequence, at, kind, ns, name, warning, reason, message, revision FROM events WHERE sequence > ? "
      "ORDER BY sequence",
      after);
  if (!query) return query.error();
  std::vector<StoredEvent> found;
  for (;;) {
    const auto row = query->step();
    if (!row) return row.error();
    if (!*row) return found;
    found.push_back(read_event(*query));
  }
}

}  // namespace neonvm::local
