#include "plugins/orchestrator-k8s/watch_state.hpp"

#include <map>
#include <rapidcheck.h>

#include "plugins/orchestrator-k8s/watch_stream.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

namespace neonvm::k8s {
namespace {

// A server with a history, as etcd has one.
struct Server {
  struct Entry {
    EventType type;
    Object object;
  };
  std::map<std::string, Object> objects;
  std::vector<Entry> history;
  std::uint64_t version = 1, forgotten = 0;
  std::uint64_t lives = 0;

  void write(const std::string& name) {
    const bool fresh = objects.count(name) == 0;
    Object& object = objects[name];
    object.name = name;
    if (fresh) object.uid = "uid" + std::to_string(++lives);
    object.version = ++version;
    history.push_back({fresh ? EventType::added : EventType::modified, object});
  }
  void remove(const std::string& name) {
    const auto found = objects.find(name);
    if (found == objects.end()) return;
    Object last = found->second;
    last.version = ++version;
    objects.erase(found);
    history.push_back({EventType::deleted, last});
  }
};

// What somebody believes who only hears the changes; it checks the door's promises on the way.
struct Listener {
  std::map<std::string, Object> known;
  std::map<std::string, std::uint64_t> newest;  // by uid
  std::size_t synced = 0;

  void hear(WatchState& state) {
    while (const auto change = state.take()) {
      if (change->kind == ChangeKind::synced) {
        ++synced;
        continue;
      }
      const Object& object = change->object;
      const auto before = known.find(object.name);
      RC_ASSERT(object.version >= newest[object.uid]);
      newest[object.uid] = object.version;
      if (change->kind == ChangeKind::added) {
        RC_ASSERT(before == known.end());
      } else {
        RC_ASSERT(before != known.end());
        RC_ASSERT(before->second.uid == object.uid);
      }
      if (change->kind == ChangeKind::deleted) known.erase(object.name);
      else known[object.name] = object;
    }
  }
};

// The client's side: a list in pages of two, or events from its place on, as far as it comes.
void pull(Server& server, WatchState& state, std::size_t most, bool cut_the_list) {
  if (state.must_list()) {
    state.begin_list();
    std::size_t given = 0;
    const std::uint64_t at = server.version;
    for (const auto& [name, object] : server.objects) {
      if (cut_the_list && ++given > 2) return;
      state.listed(object);
    }
    return state.end_list(at);
  }
  if (state.place() < server.forgotten) return state.lose_place();
  for (const auto& entry : server.history) {
    if (entry.object.version <= state.place()) continue;
    if (most-- == 0) return;
    state.saw(entry.type, entry.object);
  }
}

void step(Server& server, WatchState& state, Listener& listener) {
  const std::string name(1, static_cast<char>(*rc::gen::inRange<int>('a', 'e')));
  switch (*rc::gen::inRange(0, 9)) {
    case 0:
    case 1: return server.write(name);
    case 2: return server.remove(name);
    case 3:
      server.remove(name);
      return server.write(name);
    case 4: server.forgotten = server.version; return;  // compaction
    case 5:  // events that were delivered before come again
      for (const auto& entry : server.history) state.saw(entry.type, entry.object.version <= state.place() ? entry.object : Object{});
      return;
    case 6:
      if (!state.must_list() && state.place() >= server.forgotten) {
        pull(server, state, 1000, false);
        state.bookmark(++server.version);
      }
      return;
    case 7: return pull(server, state, 1, true);
    default:
      pull(server, state, static_cast<std::size_t>(*rc::gen::inRange(1, 4)), false);
      listener.hear(state);
  }
}

TEST_CASE("whatever cuts, compactions, bookmarks and doubles come, a watch keeps the door's promises") {
  tests::sequences(2000);
  rc::check([] {
    Server server;
    WatchState state(Kind::virtual_machine);
    Listener listener;
    const int steps = *rc::gen::inRange(1, 60);
    for (int i = 0; i < steps; ++i) step(server, state, listener);
    for (int i = 0; i < 3; ++i) pull(server, state, 1000, false);
    listener.hear(state);
    RC_ASSERT(listener.synced > 0u);
    RC_ASSERT(listener.known.size() == server.objects.size());
    for (const auto& [name, object] : server.objects) RC_ASSERT(listener.known[name].version == object.version);
  });
}

TEST_CASE("an object that cannot be read is not taken for a deleted one") {
  WatchState state(Kind::virtual_machine);
  Object object;
  object.name = "web";
  object.uid = "u";
  object.version = 3;
  state.begin_list();
  state.listed(object);
  state.end_list(3);
  while (state.take()) {
  }
  state.lose_place();
  state.begin_list();
  state.listed_unreadable({"u", 5, "why"});
  state.end_list(5);
  CHECK(state.take()->kind == ChangeKind::synced);
  CHECK_FALSE(state.take());
}

TEST_CASE("a watch's bytes are cut into events wherever they are torn") {
  const std::string whole = "{\"a\":1}\n{\"b\":2}\r\n\n{\"c\":3}\n";
  for (std::size_t size = 1; size <= whole.size(); ++size) {
    WatchStream stream;
    std::vector<std::string> all;
    for (std::size_t at = 0; at < whole.size(); at += size) {
      const auto events = stream.feed(std::string_view(whole).substr(at, size));
      REQUIRE(events.ok());
      all.insert(all.end(), events->begin(), events->end());
    }
    REQUIRE(all.size() == 3);
    CHECK(all[0] == "{\"a\":1}");
    CHECK(all[2] == "{\"c\":3}");
  }
}

TEST_CASE("watch events are read, and what cannot be is named") {
  const auto added = decode_event(Kind::virtual_machine,
      R"({"type":"ADDED","object":{"metadata":{"name":"web","uid":"u","resourceVersion":"7","finalizers":["other/one"],"newer":1},"spec":{"a":1}}})");
  REQUIRE(added.ok());
  CHECK(added->object.name == "web");
  CHECK(added->object.version == 7);
  CHECK_FALSE(added->object.finalizer);
  const auto broken = decode_event(Kind::virtual_machine,
      R"({"type":"MODIFIED","object":{"metadata":{"name":"web","uid":"u","resourceVersion":"9","labels":{"a":7}}}})");
  REQUIRE(broken.ok());
  REQUIRE(broken->unreadable);
  CHECK(broken->unreadable->version == 9);
  CHECK(broken->unreadable->why.find("VirtualMachine web") == 0);
  CHECK(decode_event(Kind::virtual_machine, R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"12"}}})")->version == 12);
  CHECK_FALSE(decode_event(Kind::virtual_machine, "{\"type\":").ok());
  CHECK_FALSE(decode_event(Kind::virtual_machine, R"({"type":"NEW","object":{}})").ok());
}

}  // namespace
}  // namespace neonvm::k8s
