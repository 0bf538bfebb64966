// WatchState: what a watch has seen, and what it has to say: lists and events go in, Changes come out. Pure.
//
// It keeps the promises of core/ports/orchestrator.hpp whatever the server does in between: everything as `added`, then
// `synced`; versions of one object never go back; a deletion and a new object of the same name are two changes; after a
// lost place the difference, deletions included, and `synced` again. An object that vanished while nobody looked is told
// by its name, uid and last version. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>

#include "core/ports/orchestrator.hpp"
#include "plugins/orchestrator-k8s/object_json.hpp"

namespace neonvm::k8s {

class WatchState {
 public:
  explicit WatchState(Kind kind) : kind_(kind) {}

  // A list, page by page; begun again when its place was forgotten in the middle.
  void begin_list();
  void listed(Object object);
  // It is there, but cannot be read: what was known of it stays.
  void listed_unreadable(const Unreadable& unreadable);
  void end_list(std::uint64_t version);

  // An event. One that is not newer than the place was seen before.
  void saw(EventType type, Object object);
  void saw_unreadable(const Unreadable& unreadable) { move_to(unreadable.version); }
  void bookmark(std::uint64_t version) { move_to(version); }
  // The server has forgotten the place (410), or it cannot be trusted any more.
  void lose_place() { must_list_ = true; }

  [[nodiscard]] bool must_list() const { return must_list_; }
  [[nodiscard]] std::uint64_t place() const { return place_; }
  std::optional<Change> take();

 private:
  struct Known {
    std::string ns, uid, owner_uid;
    std::uint64_t version = 0;
  };
  // By name, so that the same list tells the same story.
  using Places = std::map<std::string, Known>;
  void put(Object object);
  void forget(Places::iterator known);
  void move_to(std::uint64_t version);

  Kind kind_;
  bool must_list_ = true;
  std::uint64_t place_ = 0;
  Places known_;
  std::unordered_set<std::string> listed_;  // uids, while a list is read
  std::deque<Change> queue_;
};

}  // namespace neonvm::k8s
