#include "core/decide/room_news.hpp"

#include <rapidcheck.h>

#include <set>

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::decide;
using namespace std::chrono_literals;

namespace {

constexpr Resources unit{MilliCpu{1000}, Bytes{gib}};
const Resources node = unit * 40;
Resources u(std::uint32_t n) { return unit * n; }
using Notes = std::vector<RoomNote>;

struct Teller {
  RoomNews news;
  Instant now{1h};

  void is(const std::string& name, const Resources& free) { news.room_is(name, free, node, now); }
  // What is told now, and it works.
  Notes tell() {
    Notes notes = news.next(now);
    for (const RoomNote& note : notes) {
      news.telling(note, now);
      news.told(note.node);
    }
    return notes;
  }
  // A node that has been told of.
  void known(const std::string& name, const Resources& free) {
    is(name, free);
    now += 30s;
    tell();
  }
  // How much later something is told, if nothing happens.
  std::optional<Duration> later() const {
    const auto at = news.look_again();
    return at ? std::optional<Duration>(*at - now) : std::nullopt;
  }
};

}  // namespace

TEST_CASE("a node is told of every half minute, when a twentieth has changed") {
  Teller t;
  t.is("n", u(0));
  t.now += 10s;
  t.is("n", u(10));
  CHECK(t.tell().empty());
  t.now += 20s;
  CHECK(t.tell() == Notes{{"n", u(10), false}});
  CHECK_FALSE(t.later());
  t.now += 1s;
  t.is("n", u(8));
  t.now += 1s;
  t.is("n", u(7));
  CHECK(t.tell().empty());
  CHECK(t.later() == 28s);
  t.now += 28s;
  CHECK(t.tell() == Notes{{"n", u(7), false}});
  // A fortieth: not before five minutes are over, but then.
  t.is("n", u(6));
  CHECK(t.later() == 5min);
  t.now += 5min;
  CHECK(t.tell() == Notes{{"n", u(6), false}});
}

TEST_CASE("what has changed back is no news") {
  Teller t;
  t.known("n", u(10));
  t.is("n", u(2));
  t.is("n", u(10));
  CHECK_FALSE(t.later());
  t.now += 1h;
  CHECK(t.tell().empty());
}

TEST_CASE("who was refused is told within a second that he fits on a node of his") {
  Teller t;
  t.is("other", u(1));
  t.known("n", u(1));
  t.news.refused("pod", u(4), {"n"}, t.now);
  t.now += 10s;
  t.is("n", u(3));
  t.is("other", u(30));
  CHECK(t.tell().empty());
  t.now += 1s;
  t.is("n", u(4));
  CHECK(t.tell() == Notes{{"n", u(4), true}});
  // Once: more room is nothing new to him.
  t.now += 1s;
  t.is("n", u(5));
  CHECK(t.tell().empty());
  // Gone again and back: again.
  t.is("n", u(2));
  t.now += 1s;
  t.is("n", u(4));
  CHECK(t.tell() == Notes{{"n", u(4), true}});
}

TEST_CASE("room that went and came between two looks is told all the same") {
  Teller t;
  t.known("n", u(4));
  t.now += 2s;
  t.news.refused("pod", u(4), {"n"}, t.now);  // it was taken for a moment, which nobody saw here
  t.is("n", u(4));
  CHECK(t.tell() == Notes{{"n", u(4), true}});
  t.is("n", u(4));
  CHECK(t.tell().empty());
  CHECK_FALSE(t.later());
}

TEST_CASE("nobody is woken who is placed, or has not asked for long") {
  Teller t;
  t.known("n", u(1));
  t.news.refused("placed", u(4), {"n"}, t.now);
  t.news.refused("gone", u(4), {"n"}, t.now);
  t.news.placed("placed");
  t.now += 11min;
  t.is("n", u(1));
  t.is("n", u(4));
  CHECK(t.tell() == Notes{{"n", u(4), false}});
}

TEST_CASE("who has no node although he would fit is looked for, less and less often") {
  Teller t;
  t.known("n", u(4));
  t.news.unbound("pod", t.now);
  t.news.unbound("pod", t.now + 3s);  // told again
  CHECK(t.later() == 5s);
  CHECK(t.news.overdue(t.now + 4s).empty());
  const auto look = [&t](const std::optional<Resources>& size, const std::string& place = "") {
    REQUIRE(t.news.overdue(t.now) == std::vector<std::string>{"pod"});
    t.news.look("pod", size, place, t.now);
    return t.tell();
  };
  t.now += 5s;
  CHECK(look(u(5)).empty());       // too large
  CHECK(t.later() == 5s);
  t.now += 5s;
  CHECK(look(std::nullopt).empty());
  t.now += 5s;
  CHECK(look(u(3)) == Notes{{"n", u(4), true}});
  CHECK(t.later() == 5s);
  t.now += 5s;
  CHECK(look(u(3)).size() == 1);
  CHECK(t.later() == 10s);
  t.now += 10s;
  CHECK(look(u(40), "n") == Notes{{"n", u(4), true}});  // its own place takes what is not free
  CHECK(t.later() == 20s);
  SECTION("but not once he has one") {
    t.news.placed("pod");
    CHECK_FALSE(t.later());
  }
  SECTION("and not soon after a place is kept for him") {
    t.now += 19s;
    t.news.booked("pod", t.now);
    CHECK(t.later() == 5s);
  }
}

TEST_CASE("who may not be allowed on every node is looked for on others next time") {
  Teller t;
  for (int i = 0; i < 5; ++i) t.known("n" + std::to_string(i), u(4));
  t.news.unbound("pod", t.now);
  std::set<std::string> seen;
  for (int i = 0; i < 2; ++i) {
    t.now += 5s;
    t.news.look("pod", u(1), "", t.now);
    const Notes notes = t.tell();
    CHECK(notes.size() == 3);
    for (const RoomNote& note : notes) seen.insert(note.node);
  }
  CHECK(seen.size() == 5);
}

TEST_CASE("who has shrunk since he was refused is woken by what he needs now") {
  Teller t;
  t.known("n", u(1));
  t.news.unbound("pod", t.now);
  t.news.refused("pod", u(9), {"n"}, t.now);
  t.now += 5s;
  t.news.look("pod", u(4), "", t.now);
  CHECK(t.tell().empty());
  t.is("n", u(4));
  CHECK(t.tell() == Notes{{"n", u(4), true}});
}

TEST_CASE("what failed is told later, and nothing of it is lost") {
  Teller t;
  t.known("n", u(1));
  t.news.refused("pod", u(4), {"n"}, t.now);
  t.now += 5s;
  t.is("n", u(4));
  const Notes notes = t.news.next(t.now);
  REQUIRE(notes == Notes{{"n", u(4), true}});
  t.news.telling(notes[0], t.now);
  CHECK(t.news.next(t.now).empty());
  t.news.failed(notes[0], t.now);
  CHECK(t.tell().empty());
  CHECK(t.later() == 2s);
  t.now += 2s;
  CHECK(t.tell() == notes);
  CHECK_FALSE(t.later());
}

TEST_CASE("eight notes at a time, and those that somebody waits for first") {
  Teller t;
  for (int i = 0; i < 20; ++i) t.is("n" + std::to_string(i), u(1));
  t.now += 30s;
  t.news.refused("pod", u(4), {"n9"}, t.now);
  t.is("n9", u(4));
  const Notes first = t.news.next(t.now);
  REQUIRE(first.size() == 8);
  CHECK(first[0] == RoomNote{"n9", u(4), true});
  for (const RoomNote& note : first) t.news.telling(note, t.now);
  CHECK(t.news.next(t.now).empty());
  t.news.node_gone("n9");
  CHECK(t.news.next(t.now).size() == 1);
  t.news.told("n9");  // the answer that came too late
  CHECK(t.news.next(t.now).size() == 1);
}

TEST_CASE("whatever happens, the last word is right, nothing is told too often, and silence follows") {
  const bool held = rc::check("laws of decide/room_news", [] {
    Teller t;
    std::map<std::string, Resources> truth, shown;
    std::map<std::string, Instant> told_at;
    const auto step = [&](bool may_fail) {
      for (const RoomNote& note : t.news.next(t.now)) {
        t.news.telling(note, t.now);
        const bool before = told_at.count(note.node) != 0;
        const Duration since = before ? t.now - told_at[note.node] : Duration{1h};
        RC_ASSERT(since >= (note.came ? Duration{1s} : Duration{2s}));
        if (may_fail && *rc::gen::inRange(0, 4) == 0) {
          t.news.failed(note, t.now);
          continue;
        }
        t.news.told(note.node);
        told_at[note.node] = t.now;
        shown[note.node] = note.free;
      }
    };
    for (const int choice : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1000))) {
      const std::string name = "n" + std::to_string(choice % 3);
      if (choice % 7 == 0) t.news.refused("p" + std::to_string(choice % 5), u(static_cast<std::uint32_t>(choice % 9)), {"n0", "n1", "n2"}, t.now);
      else t.is(name, truth[name] = u(static_cast<std::uint32_t>(choice % 41)));
      t.now += std::chrono::milliseconds(choice);
      step(true);
    }
    for (int i = 0; i < 100; ++i) {
      step(false);
      const auto next = t.news.look_again();
      if (!next) break;
      t.now = std::max(t.now, *next);
    }
    RC_ASSERT(!t.news.look_again());
    RC_ASSERT(shown == truth);
  });
  REQUIRE(held);
}
