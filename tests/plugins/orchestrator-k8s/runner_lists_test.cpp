// Many ask for runners at once; the server is asked once for all who waited.
#include "plugins/orchestrator-k8s/runner_lists.hpp"

#include <atomic>
#include <future>
#include <thread>

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace std::chrono_literals;

namespace {

Deadline in(Duration limit) { return std::chrono::steady_clock::now() + limit; }

// A server that answers when the test lets it.
struct Server {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::set<std::string>> asked;
  std::size_t allowed = 0;
  std::atomic<int> at_once{0}, most_at_once{0};
  std::optional<Error> fails;

  k8s::RunnerLists::List list() {
    return [this](const std::set<std::string>& vms) -> Result<std::vector<Object>> {
      most_at_once = std::max(most_at_once.load(), ++at_once);
      std::unique_lock lock(mutex);
      asked.push_back(vms);
      const std::size_t mine = asked.size();
      changed.notify_all();
      changed.wait(lock, [&] { return allowed >= mine; });
      --at_once;
      if (fails) return *fails;
      std::vector<Object> all;
      for (const std::string& vm : vms) {
        Object object;
        object.name = vm + "-runner";
        all.push_back(object);
      }
      return all;
    };
  }
  void allow(std::size_t calls) {
    const std::lock_guard lock(mutex);
    allowed = calls;
    changed.notify_all();
  }
  void wait_for_call(std::size_t call) {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, 20s, [&] { return asked.size() >= call; }));
  }
};

void wait_for(const k8s::RunnerLists& lists, std::size_t waiting) {
  const Deadline deadline = in(20s);
  while (lists.waiting() < waiting) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::yield();
  }
}

bool has(const Result<std::vector<Object>>& answer, const std::string& vm) {
  REQUIRE(answer.ok());
  for (const Object& object : *answer)
    if (object.name == vm + "-runner") return true;
  return false;
}

}  // namespace

TEST_CASE("runner lists: who asks while one is under way is not answered by it") {
  Server server;
  k8s::RunnerLists lists;
  auto first = std::async(std::launch::async, [&] { return lists.of("a", in(20s), server.list()); });
  server.wait_for_call(1);
  std::vector<std::future<Result<std::vector<Object>>>> later;
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  for (const std::string& name : names)
    later.push_back(std::async(std::launch::async, [&, name] { return lists.of(name, in(20s), server.list()); }));
  wait_for(lists, names.size());
  server.allow(1);
  CHECK(has(first.get(), "a"));
  server.wait_for_call(2);  // of what was stored after they asked
  server.allow(100);
  for (std::size_t i = 0; i < names.size(); ++i) CHECK(has(later[i].get(), names[i]));
  CHECK(server.most_at_once == 1);
  REQUIRE(server.asked.size() == 2);
  CHECK(server.asked[0] == std::set<std::string>{"a"});
  CHECK(server.asked[1] == std::set<std::string>(names.begin(), names.end()));
}

TEST_CASE("runner lists: nobody waits for another's list longer than to the own deadline") {
  Server server;
  k8s::RunnerLists lists;
  auto first = std::async(std::launch::async, [&] { return lists.of("a", in(20s), server.list()); });
  server.wait_for_call(1);
  CHECK(lists.of("b", in(10ms), server.list()).error().code == Code::deadline_exceeded);
  server.allow(100);
  CHECK(has(first.get(), "a"));
  CHECK(has(lists.of("c", in(20s), server.list()), "c"));
}

TEST_CASE("runner lists: who may wait longest asks for all") {
  Server server;
  k8s::RunnerLists lists;
  auto first = std::async(std::launch::async, [&] { return lists.of("a", in(20s), server.list()); });
  server.wait_for_call(1);
  std::string who;
  const auto told = [&](const std::string& name) -> k8s::RunnerLists::List {
    return [&who, name, list = server.list()](const std::set<std::string>& vms) {
      who = name;
      return list(vms);
    };
  };
  std::vector<std::future<Result<std::vector<Object>>>> later;
  std::size_t waiting = 0;
  for (const auto& [name, limit] : std::vector<std::pair<std::string, Duration>>{{"b", 19s}, {"c", 40s}, {"d", 20s}}) {
    later.push_back(std::async(std::launch::async, [&, name = name, limit = limit] { return lists.of(name, in(limit), told(name)); }));
    wait_for(lists, ++waiting);
  }
  server.allow(100);
  for (auto& each : later) CHECK(each.get().ok());
  CHECK(who == "c");
  CHECK(server.asked.size() == 2);
}

TEST_CASE("runner lists: a list that fails fails for those whom it was for, and not for the next") {
  Server server;
  k8s::RunnerLists lists;
  server.fails = Error{Code::unavailable, "the server is away"};
  server.allow(100);
  CHECK(lists.of("a", in(20s), server.list()).error().code == Code::unavailable);
  server.fails.reset();
  CHECK(has(lists.of("a", in(20s), server.list()), "a"));
}
