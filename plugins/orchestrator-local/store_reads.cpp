#include <utility>

#include "plugins/orchestrator-local/store.hpp"

namespace neonvm::local {
namespace {

constexpr int page = 64;  // entries of one news(); small, so that what changes meanwhile is left out

Result<std::vector<Store::Entry>> entries(Result<Query> query, bool deleted) {
  if (!query) return query.error();
  std::vector<Store::Entry> found;
  for (;;) {
    const auto row = query->step();
    if (!row) return row.error();
    if (!*row) return found;
    found.push_back({deleted, read_row(*query)});
  }
}

Result<std::vector<Object>> objects(Result<Query> query) {
  if (!query) return query.error();
  std::vector<Object> found;
  for (;;) {
    const auto row = query->step();
    if (!row) return row.error();
    if (!*row) return found;
    found.push_back(read_row(*query).object);
  }
}

}  // namespace

Result<std::vector<Object>> Store::list(Kind kind, Deadline deadline) {
  const auto held = lock(reading_, deadline);
  if (!held) return held.error();
  reader_->set_deadline(deadline);
  return objects(reader_->ask("SELECT " NEONVM_OBJECT_COLUMNS " FROM objects WHERE kind = ? ORDER BY name",
                              std::string_view(to_string(kind))));
}

Result<Object> Store::get(Kind kind, const std::string& name, Deadline deadline) {
  const auto held = lock(reading_, deadline);
  if (!held) return held.error();
  reader_->set_deadline(deadline);
  return read(*reader_, kind, name);
}

Result<Store::News> Store::news(Kind kind, std::uint64_t place, Deadline deadline) {
  const auto held = lock(reading_, deadline);
  if (!held) return held.error();
  reader_->set_deadline(deadline);
  // One transaction: what moves from objects to deletions between the two looks would otherwise be missed.
  const auto transaction = Transaction::begin(*reader_, Transaction::Kind::read);
  if (!transaction) return transaction.error();
  const auto horizon = reader_->number("SELECT value FROM counters WHERE name = 'horizon'");
  if (!horizon) return horizon.error();
  if (place < static_cast<std::uint64_t>(horizon->value_or(0))) return News{true, {}};
  const std::string_view kind_text = to_string(kind);
  auto live = entries(reader_->ask("SELECT " NEONVM_OBJECT_COLUMNS
                                   " FROM objects WHERE kind = ? AND version > ? ORDER BY version LIMIT ?",
                                   kind_text, place, page),
                      false);
  if (!live) return live.error();
  auto gone = entries(reader_->ask("SELECT " NEONVM_OBJECT_COLUMNS
                                   " FROM deletions WHERE version > ? AND kind = ? ORDER BY version LIMIT ?",
                                   place, kind_text, page),
                      true);
  if (!gone) return gone.error();
  News news;
  for (std::size_t l = 0, g = 0; news.entries.size() < page && (l < live->size() || g < gone->size());) {
    const bool take_live =
        g == gone->size() || (l < live->size() && (*live)[l].row.object.version < (*gone)[g].row.object.version);
    news.entries.push_back(std::move(take_live ? (*live)[l++] : (*gone)[g++]));
  }
  return news;
}

Result<Store::Snapshot> Store::snapshot(Kind kind, Deadline deadline) {
  const auto held = lock(reading_, deadline);
  if (!held) return held.error();
  reader_->set_deadline(deadline);
  const auto transaction = Transaction::begin(*reader_, Transaction::Kind::read);
  if (!transaction) return transaction.error();
  const auto revision = reader_->number("SELECT value FROM counters WHERE name = 'revision'");
  if (!revision) return revision.error();
  auto found = objects(reader_->ask("SELECT " NEONVM_OBJECT_COLUMNS " FROM objects WHERE kind = ? ORDER BY version",
                                    std::string_view(to_string(kind))));
  if (!found) return found.error();
  return Snapshot{static_cast<std::uint64_t>(revision->value_or(0)), std::move(*found)};
}

Result<std::vector<Object>> Store::deletions(Kind kind, Deadline deadline) {
  const auto held = lock(reading_, deadline);
  if (!held) return held.error();
  reader_->set_deadline(deadline);
  return objects(reader_->ask("SELECT " NEONVM_OBJECT_COLUMNS " FROM deletions WHERE kind = ?",
                              std::string_view(to_string(kind))));
}

}  // namespace neonvm::local
