// RoomNews: when it is told on a node what is free there, and to whom it matters at once.
//
// Called by daemon/scheduler. Two readers have two needs. Who looks at nodes now and then (people, autoscalers) wants a figure that is about
// right and costs little: told every half minute at most, when it has changed by a twentieth of the node, or by anything at all since
// five minutes; for the first time half a minute after it is known, for books that have just begun keep back what may have been promised.
// Who was refused for lack of room waits for news of the nodes that he was refused on: told within a second of his fitting on
// one of them that he did not fit on before. And who has no node although he would fit on one is looked for every few seconds: a
// kube-scheduler tells nobody that it has laid a pod aside, as it does for a minute and more with one that it could not ask about or bind,
// which was refused by a scheduler that is no more, or which has shrunk since. Pure, a value, any thread; it cannot fail.
//
// Laws: of a node one note is open at a time; room that came for somebody is told once; whatever fails is told later; a node that nothing
// happens on, and on which nobody fits who has none, is silent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"

namespace neonvm::decide {

struct RoomNewsSettings {
  Duration every = std::chrono::seconds(30);
  double step = 0.05;                               // of the node's capacity
  Duration exactly_every = std::chrono::minutes(5);
  Duration came_every = std::chrono::seconds(1);    // of a node, for those who wait
  Duration patience = std::chrono::minutes(10);     // longer than a kube-scheduler leaves a pod alone; then who was refused is forgotten
  Duration after_failure = std::chrono::seconds(2);
  Duration look_every = std::chrono::seconds(5);    // at who has no node; doubled for him with each note that did not help
  Duration look_at_most = std::chrono::seconds(60);
  std::size_t tries = 3;                            // nodes that a look makes notes of: he may not be allowed on all
  std::size_t open = 8;                             // notes at a time
};

struct RoomNote {
  std::string node;
  Resources free;
  bool came = false;

  friend bool operator==(const RoomNote&, const RoomNote&) = default;
};

class RoomNews {
 public:
  explicit RoomNews(RoomNewsSettings settings = {}) : settings_(settings) {}

  // Of a pod by its name: it found no room on these nodes.
  void refused(const std::string& pod, const Resources& size, const std::vector<std::string>& nodes, Instant now);
  // It has no node, whoever was asked about it. Idempotent.
  void unbound(const std::string& pod, Instant now);
  // Of those: who is to be looked at.
  [[nodiscard]] std::vector<std::string> overdue(Instant now) const;
  // size: none: it wants nothing now. place: the node on which that is kept for it already; empty: none is.
  void look(const std::string& pod, const std::optional<Resources>& size, const std::string& place, Instant now);
  // A place is kept for it.
  void booked(const std::string& pod, Instant now);
  // It has a node, or is gone.
  void placed(const std::string& pod);
  void room_is(const std::string& node, const Resources& free, const Resources& capacity, Instant now);
  void node_gone(const std::string& node);
  // A note of next() is on its way; then one of these.
  void telling(const RoomNote& note, Instant now);
  void told(const std::string& node);
  void failed(const RoomNote& note, Instant now);

  [[nodiscard]] std::vector<RoomNote> next(Instant now) const;
  // When there is something to tell again, if nothing happens.
  [[nodiscard]] std::optional<Instant> look_again() const;

 private:
  struct Node {
    std::uint32_t id = 0;
    Resources free, capacity;
    std::optional<Resources> shown;
    Instant known{}, seen{}, shown_at{}, not_before{};
    bool came = false, open = false;
  };
  struct Waiting {
    Resources size;
    std::vector<std::uint32_t> nodes;               // ids, ascending
    Instant since;
  };
  struct Unbound {
    Instant look_at;
    Duration wait;
    std::size_t notes = 0;
  };
  [[nodiscard]] std::optional<Instant> due(const Node& node) const;
  [[nodiscard]] bool came_for_somebody(const Node& before, const Resources& free, Instant now) const;

  RoomNewsSettings settings_;
  std::map<std::string, Node> nodes_;
  std::map<std::string, Waiting> waiting_;
  std::map<std::string, Unbound> unbound_;
  std::set<std::string> changed_;                   // nodes with something to tell
  std::size_t open_ = 0;
  std::uint32_t next_id_ = 0;
};

}  // namespace neonvm::decide
