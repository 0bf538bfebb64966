// The QMP client against a monitor that does what a QEMU should not, and what it may.
#include "plugins/hypervisor-qemu/qmp_client.hpp"

#include <atomic>
#include <future>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/qmp_commands.hpp"
#include "tests/plugins/hypervisor-qemu/scripted_monitor.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

Deadline soon() { return clock_now() + std::chrono::seconds(30); }
Deadline shortly() { return clock_now() + std::chrono::milliseconds(50); }

// What the handlers heard; shared, because they outlive a failed test's stack.
struct Heard {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<QmpEvent> events;
  bool lost = false;

  QmpClient::Handlers handlers() {
    return {[this](const QmpEvent& event) {
              const std::lock_guard lock(mutex);
              events.push_back(event);
              changed.notify_all();
            },
            [this] {
              const std::lock_guard lock(mutex);
              lost = true;
              changed.notify_all();
            }};
  }
  bool await(const std::function<bool()>& done) {
    std::unique_lock lock(mutex);
    return wait_until(changed, lock, soon(), done);
  }
};

std::unique_ptr<QmpClient> connect(ScriptedMonitor& monitor, Heard& heard) {
  auto client = QmpClient::begin(monitor.client_end(), heard.handlers(), soon());
  INFO((client ? std::string() : client.error().message));
  REQUIRE(client.ok());
  return std::move(*client);
}

TEST_CASE("the greeting tells version and capabilities, in whatever pieces it comes") {
  Heard heard;
  ScriptedMonitor monitor([](ScriptedMonitor& m) {
    const std::string text = R"({"QMP":{"version":{"qemu":{"micro":1,"minor":2,"major":10}},"capabilities":["oob"]}})" "\n";
    for (const char c : text) m.say(std::string(1, c));
    const std::string first = m.hear();
    const bool asked = first.find("qmp_capabilities") != std::string::npos && first.find("oob") != std::string::npos;
    m.say(asked ? R"({"return":{},"id":1})" "\n" : "{}\n");
    m.hear();
  });
  const auto client = connect(monitor, heard);
  CHECK(client->greeting().major == 10);
  CHECK(client->greeting().minor == 2);
  CHECK(client->greeting().out_of_band);
}

TEST_CASE("answers find their commands, out of order and between events") {
  Heard heard;
  ScriptedMonitor monitor([](ScriptedMonitor& m) {
    m.greet();
    const auto a = m.hear_id(), b = m.hear_id(), c = m.hear_id();
    m.answer(c, R"("third")");
    m.say(R"({"event":"STOP","timestamp":{"seconds":1,"microseconds":2}})" "\n");
    m.say(R"({"error":{"class":"GenericError","desc":"no"},"id":)" + std::to_string(a) + "}\n");
    m.answer(999, R"("nobody asked")");
    m.say(R"({"error":{"class":"GenericError","desc":"JSON parse error"}})" "\n");
    m.answer(b, R"("second")");
    m.hear();
  });
  const auto client = connect(monitor, heard);
  const std::vector<QmpCommand> commands{plain("one"), plain("two"), plain("three")};
  const auto answers = client->execute_all(commands, soon());
  REQUIRE(answers.size() == 3);
  REQUIRE_FALSE(answers[0].ok());
  CHECK(answers[0].error().code == Code::refused);
  CHECK(answers[0].error().message == "QEMU refused one: no");
  CHECK(*answers[1] == R"("second")");
  CHECK(*answers[2] == R"("third")");
  CHECK(heard.await([&] { return heard.events.size() == 1; }));
  CHECK(heard.events[0].name == "STOP");
  CHECK(heard.events[0].data == "{}");
}

TEST_CASE("several threads ask at once and each gets its own answer") {
  Heard heard;
  constexpr int threads = 8, rounds = 50;
  ScriptedMonitor monitor([](ScriptedMonitor& m) {
    m.greet();
    for (std::uint64_t id = m.hear_id(); id != 0; id = m.hear_id()) m.answer(id, "[\"" + std::to_string(id) + "\"]");
  });
  const auto client = connect(monitor, heard);
  std::vector<std::future<int>> good;
  for (int i = 0; i < threads; ++i) {
    good.push_back(std::async(std::launch::async, [&] {
      int count = 0;
      for (int round = 0; round < rounds; ++round) {
        const std::vector<QmpCommand> two{plain("a"), plain("b")};
        const auto answers = client->execute_all(two, soon());
        // Sent together, so numbered one after the other.
        if (!answers[0] || !answers[1]) continue;
        count += std::stoi(answers[0]->substr(2)) + 1 == std::stoi(answers[1]->substr(2));
      }
      return count;
    }));
  }
  for (auto& one : good) CHECK(one.get() == rounds);
}

TEST_CASE("a flood of events is heard whole and does not hide the answer") {
  Heard heard;
  constexpr std::size_t flood = 20'000;
  ScriptedMonitor monitor([](ScriptedMonitor& m) {
    m.greet();
    const auto id = m.hear_id();
    std::string events;
    for (std::size_t i = 0; i < flood; ++i) {
      events += R"({"event":"RTC_CHANGE","data":{"offset":)" + std::to_string(i) + "}}\r\n";
    }
    m.say(events);
    m.answer(id, "{}");
    m.hear();
  });
  const auto client = connect(monitor, heard);
  CHECK(client->execute(plain("query-status"), soon()).ok());
  REQUIRE(heard.events.size() == flood);
  CHECK(heard.events.back().data == R"({"offset":19999})");
}

TEST_CASE("who does not answer in time is given up, and answers late to nobody") {
  Heard heard;
  std::promise<void> late;
  ScriptedMonitor monitor([&](ScriptedMonitor& m) {
    m.greet();
    const auto slow = m.hear_id();
    late.get_future().wait();
    m.answer(slow, R"("late")");
    m.answer(m.hear_id(), R"("in time")");
    m.hear();
  });
  const auto client = connect(monitor, heard);
  const auto slow = client->execute(plain("slow"), shortly());
  REQUIRE_FALSE(slow.ok());
  CHECK(slow.error().code == Code::deadline_exceeded);
  CHECK(slow.error().message.find("slow") != std::string::npos);
  CHECK_FALSE(client->lost());
  late.set_value();
  CHECK(*client->execute(plain("next"), soon()) == R"("in time")");
}

TEST_CASE("a monitor that gives no greeting is somebody else's") {
  Heard heard;
  ScriptedMonitor monitor([](ScriptedMonitor& m) { m.hear(); });
  const auto client = QmpClient::begin(monitor.client_end(), heard.handlers(), shortly());
  REQUIRE_FALSE(client.ok());
  CHECK(client.error().code == Code::deadline_exceeded);
}

TEST_CASE("a client that is closed while a monitor hangs does not wait for it") {
  Heard heard;
  ScriptedMonitor monitor([](ScriptedMonitor& m) {
    m.greet();
    m.hear();
  });
  connect(monitor, heard).reset();
  CHECK_FALSE(heard.lost);  // it was us
}

TEST_CASE("death in the middle of an answer is told to all who wait, then to the handler, once") {
  Heard heard;
  ScriptedMonitor monitor([](ScriptedMonitor& m) {
    m.greet();
    const auto first = m.hear_id();
    m.hear_id();
    m.say(R"({"event":"SHUTDOWN","data":{"guest":true,"reason":"guest-shutdown"}})" "\n");
    m.answer(first, "{}");
    m.say(R"({"return":{"stat)");
  });
  const auto client = connect(monitor, heard);
  const std::vector<QmpCommand> two{plain("quick"), plain("cut")};
  const auto answers = client->execute_all(two, soon());
  CHECK(answers[0].ok());
  REQUIRE_FALSE(answers[1].ok());
  CHECK(answers[1].error().code == Code::unavailable);
  CHECK(heard.await([&] { return heard.lost; }));
  CHECK(heard.events.size() == 1);
  CHECK(client->lost());
  const auto after = client->execute(plain("after"), soon());
  REQUIRE_FALSE(after.ok());
  CHECK(after.error().code == Code::unavailable);
}

TEST_CASE("what is no QMP ends the connection and is shown") {
  const std::vector<std::string> garbage = {"SSH-2.0-OpenSSH\r\n", "[1,2,3]\n", "{\"surprise\":1}\n", "{\"QMP\":7}\n",
                                            "{\"event\":5}\n",     "\xff\xfe\n", "{\"error\":\"text\",\"id\":2}\n"};
  for (const std::string& bytes : garbage) {
    INFO(bytes);
    Heard heard;
    ScriptedMonitor monitor([&](ScriptedMonitor& m) {
      m.greet();
      m.hear();
      m.say(bytes);
      m.hear();
    });
    const auto client = connect(monitor, heard);
    const auto answer = client->execute(plain("query-status"), soon());
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.error().code == Code::unavailable);
    CHECK(answer.error().message.find("not a QMP message") != std::string::npos);
    CHECK(heard.await([&] { return heard.lost; }));
  }
}

TEST_CASE("a monitor that does not read makes the sender wait no longer than its deadline") {
  Heard heard;
  std::promise<void> done;
  ScriptedMonitor monitor([&](ScriptedMonitor& m) {
    m.greet();
    done.get_future().wait();
  });
  const auto client = connect(monitor, heard);
  const QmpCommand large{"human-monitor-command", "{\"command-line\":\"" + std::string(4 * 1024 * 1024, 'x') + "\"}", false};
  const auto answer = client->execute(large, shortly());
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.error().code == Code::deadline_exceeded);
  CHECK(client->lost());  // half a command would spoil the next
  done.set_value();
}

}  // namespace
}  // namespace neonvm::qemu
