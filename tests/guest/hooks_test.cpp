// Hooks are real programs here, because it is real programs that hang, crash and answer garbage.
#include "guest/hooks.hpp"

#include <csignal>

#include "core/runtime/manual_clock.hpp"
#include "guest/consent_desk.hpp"
#include "tests/guest/support.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;
using namespace std::chrono_literals;

namespace {

const wire::HookQuestion shrink{wire::hook_schema, wire::HookEvent::shrink, {MilliCpu{1000}, Bytes{600 * mib}}};
const wire::HookQuestion look{wire::hook_schema, wire::HookEvent::look, {MilliCpu{1000}, Bytes{1024 * mib}}};

struct Desk {
  TempDir dir;
  runtime::Loop loop;
  Hooks hooks;

  explicit Desk(Duration limit = 10s) : hooks(loop, dir.path("hooks"), limit) { ::signal(SIGPIPE, SIG_IGN); }
  void hook(const std::string& name, const std::string& script) const {
    dir.write("hooks/" + name, "#!/bin/sh\n" + script + "\n");
    std::filesystem::permissions(dir.path("hooks/" + name), std::filesystem::perms(0755));
  }
  HookVerdict ask(const wire::HookQuestion& question) {
    std::optional<HookVerdict> verdict;
    hooks.ask(question, [&](const HookVerdict& made) { verdict = made; });
    REQUIRE(loop.run_until([&] { return verdict.has_value(); }));
    return *verdict;
  }
};

}  // namespace

TEST_CASE("without hooks everybody agrees") {
  Desk desk;
  CHECK_FALSE(desk.hooks.any());
  CHECK(desk.ask(shrink).ok);
  desk.dir.write("hooks/readme", "not a program");
  CHECK_FALSE(desk.hooks.any());
}

TEST_CASE("a hook gets the question on its input and agrees by saying nothing") {
  Desk desk;
  desk.hook("one", "cat >" + desk.dir.path("question"));
  CHECK(desk.hooks.any());
  CHECK(desk.ask(shrink).ok);
  CHECK(*wire::decode_hook_question(desk.dir.read("question")) == shrink);
}

TEST_CASE("all are asked; what they refuse for is told with their names") {
  Desk desk;
  desk.hook("a", R"(echo '{"ok":false,"why":"a backup runs","floor":"700Mi"}')");
  desk.hook("b", "exit 0");
  desk.hook("c", R"(echo '{"ok":false,"floor":"800Mi"}')");
  const HookVerdict verdict = desk.ask(shrink);
  CHECK_FALSE(verdict.ok);
  CHECK(verdict.why.find("a: a backup runs") != std::string::npos);
  CHECK(verdict.why.find("c: refuses") != std::string::npos);
  CHECK(verdict.floor == Bytes{800 * mib});
}

TEST_CASE("a hook that fails refuses a shrink, and nothing else") {
  struct Fault {
    const char *script, *why;
  };
  const auto fault = GENERATE(Fault{"echo no such table >&2; exit 3", "bad: exit code 3: no such table"},
                              Fault{"kill -9 $$", "bad: exit code 137"}, Fault{"echo what", "bad: its answer: not valid JSON"},
                              Fault{"head -c 100000 /dev/zero | tr '\\0' ' '", "bad: has answered more than 64 KiB"},
                              Fault{"echo '{\"ok\":7}'", "bad: its answer"});
  Desk desk;
  desk.hook("bad", fault.script);
  const HookVerdict verdict = desk.ask(shrink);
  INFO(verdict.why);
  CHECK_FALSE(verdict.ok);
  CHECK(verdict.why.starts_with(fault.why));
  CHECK_FALSE(verdict.floor);
  CHECK(desk.ask(look).ok);
}

TEST_CASE("a hook that hangs is killed with what it has started, and the others are heard") {
  Desk desk(200ms);
  desk.hook("slow", "echo $$ >" + desk.dir.path("pid") + "; sleep 1000 & wait");
  desk.hook("quick", R"(echo '{"workingSet":"64Mi"}')");
  const HookVerdict verdict = desk.ask(shrink);
  CHECK(verdict.why == "slow: has not answered within 200 ms");
  CHECK(verdict.working_set == Bytes{64 * mib});
  const int pid = std::stoi(desk.dir.read("pid"));
  CHECK(desk.loop.run_until([&] { return ::kill(-pid, 0) != 0; }));
}

TEST_CASE("a question waits for the hook that still answers another, but not for ever") {
  Desk desk;
  desk.hook("one", "read -r q; echo $q >>" + desk.dir.path("asked") + "; while [ ! -e " + desk.dir.path("go") + " ]; do sleep 0.01; done");
  std::optional<HookVerdict> looked, shrunk;
  desk.hooks.ask(look, [&](const HookVerdict& verdict) { looked = verdict; });
  REQUIRE(desk.loop.run_until([&] { return std::filesystem::exists(desk.dir.path("asked")); }));
  desk.hooks.ask(shrink, [&](const HookVerdict& verdict) { shrunk = verdict; });
  CHECK(desk.ask(look).ok);  // left out: the one before says the same
  CHECK_FALSE(shrunk);
  desk.dir.write("go", "");
  REQUIRE(desk.loop.run_until([&] { return shrunk.has_value(); }));
  CHECK(looked->ok);
  CHECK(shrunk->ok);
  CHECK(desk.dir.read("asked") == wire::encode(look) + wire::encode(shrink));

  Desk hasty(200ms);
  hasty.hook("stuck", "trap '' TERM; sleep 1000");
  std::optional<HookVerdict> first, second;
  hasty.hooks.ask(shrink, [&](const HookVerdict& verdict) { first = verdict; });
  hasty.hooks.ask(shrink, [&](const HookVerdict& verdict) { second = verdict; });
  REQUIRE(hasty.loop.run_until([&] { return first && second; }));
  CHECK_FALSE(first->ok);
  CHECK_FALSE(second->ok);
}

TEST_CASE("what a hook leaves in the background is not waited for") {
  Desk desk;
  desk.hook("daemon", R"(sleep 30 & echo '{"workingSet":1048576}')");
  CHECK(desk.ask(look).working_set == Bytes{mib});
}

TEST_CASE("a working set holds until another is said or the hook is gone") {
  Desk desk;
  desk.hook("a", R"(echo '{"workingSet":"10Mi"}')");
  desk.hook("b", R"(echo '{"workingSet":"20Mi"}')");
  CHECK(desk.ask(look).working_set == Bytes{30 * mib});
  desk.hook("a", "exit 0");
  CHECK(desk.ask(look).working_set == Bytes{30 * mib});
  desk.hook("a", R"(echo '{"workingSet":0}')");
  CHECK(desk.ask(look).working_set == Bytes{20 * mib});
  std::filesystem::remove(desk.dir.path("hooks/b"));
  CHECK(desk.ask(look).working_set == Bytes{0});
}

TEST_CASE("what a hook tells beside holds until it is told anew") {
  Desk desk;
  int told = 0;
  desk.hooks.on_told([&] { ++told; });
  CHECK_FALSE(desk.hooks.notices());
  desk.hook("a", R"(echo '{"notices":["restart me"],"workingSetPages":[1,2],"metrics":[{"name":"x","value":1}]}')");
  desk.hook("b", R"(echo '{"metrics":[{"name":"y","value":2}]}')");
  CHECK(desk.ask(look).ok);
  CHECK(told == 2);
  CHECK(desk.hooks.notices() == std::vector<std::string>{"a: restart me"});
  CHECK(desk.hooks.working_set_pages() == std::vector<double>{1, 2});
  CHECK(desk.hooks.metrics().size() == 2);
  desk.hook("a", "exit 0");
  desk.ask(look);
  CHECK(desk.hooks.notices()->size() == 1);
  desk.hook("a", R"(echo '{"notices":[]}')");
  std::filesystem::remove(desk.dir.path("hooks/b"));
  desk.ask(look);
  CHECK(desk.hooks.notices()->empty());
  CHECK(desk.hooks.metrics().size() == 1);
}

TEST_CASE("a hook that fails again and again is told of until it works again") {
  Desk desk;
  desk.hook("bad", "exit 3");
  for (int i = 0; i < 2; ++i) desk.ask(look);
  CHECK(desk.hooks.notices()->empty());
  desk.ask(look);
  CHECK(desk.hooks.notices() == std::vector<std::string>{"hook bad fails: exit code 3"});
  desk.hook("bad", "exit 0");
  desk.ask(look);
  CHECK(desk.hooks.notices()->empty());
}

namespace {

// A guest of 1000 MiB with so many available.
struct ShrinkDesk : Desk {
  decide::GuestConsent consent;
  ConsentDesk desk{loop, consent, hooks};

  explicit ShrinkDesk(std::uint64_t available) {
    GuestSample sample;
    sample.at = loop.now();
    sample.memory_total = Bytes{1000 * mib};
    sample.memory_available = Bytes{available * mib};
    consent.sampled(sample);
  }
  decide::ConsentAnswer ask_shrink(std::uint64_t mebibytes) { return answer_to(mebibytes, &ConsentDesk::ask); }
  decide::ConsentAnswer insist(std::uint64_t mebibytes) { return answer_to(mebibytes, &ConsentDesk::insist); }

 private:
  template <typename Question>
  decide::ConsentAnswer answer_to(std::uint64_t mebibytes, Question question) {
    std::optional<decide::ConsentAnswer> answer;
    (desk.*question)({MilliCpu{1000}, Bytes{mebibytes * mib}}, [&](const decide::ConsentAnswer& made) { answer = made; });
    REQUIRE(loop.run_until([&] { return answer.has_value(); }));
    return *answer;
  }
};

}  // namespace

TEST_CASE("memory in use refuses before any hook is asked") {
  ShrinkDesk desk(300);
  desk.hook("never", "touch " + desk.dir.path("asked"));
  const auto answer = desk.ask_shrink(600);
  CHECK_FALSE(answer.ok);
  CHECK(answer.floor);
  CHECK_FALSE(desk.dir.has("asked"));
  CHECK(desk.ask_shrink(900).ok);
  CHECK(desk.dir.has("asked"));
}

TEST_CASE("one who insists has the hooks asked though memory in use does not fit, and hears what they say") {
  ShrinkDesk desk(300);
  desk.hook("cache", "cat >" + desk.dir.path("question"));
  CHECK(desk.insist(600).ok);
  const auto question = wire::decode_hook_question(desk.dir.read("question"));
  REQUIRE(question);
  CHECK(question->event == wire::HookEvent::shrink);
  CHECK(question->target.memory == Bytes{600 * mib});
  desk.hook("cache", R"(echo '{"ok":false,"why":"warming up","floor":"900Mi"}')");
  const auto answer = desk.insist(600);
  CHECK_FALSE(answer.ok);
  CHECK(answer.why == "cache: warming up");
  CHECK(answer.floor == Bytes{900 * mib});
}

TEST_CASE("a hook gives its cache up, or keeps it") {
  ShrinkDesk desk(800);
  desk.consent.working_set_reported(Bytes{500 * mib});
  SECTION("gives up") {
    desk.hook("cache", R"(echo '{"workingSet":"100Mi"}')");
    CHECK(desk.ask_shrink(500).ok);
  }
  SECTION("keeps, and memory says no") {
    desk.hook("cache", R"(echo '{"workingSet":"500Mi"}')");
    const auto answer = desk.ask_shrink(500);
    CHECK_FALSE(answer.ok);
    CHECK(answer.why.find("500 MiB of cache to keep") != std::string::npos);
  }
  SECTION("refuses") {
    desk.hook("cache", R"(echo '{"ok":false,"why":"warming up","floor":"900Mi"}')");
    const auto answer = desk.ask_shrink(500);
    CHECK(answer.why == "cache: warming up");
    CHECK(answer.floor == Bytes{900 * mib});
  }
}
