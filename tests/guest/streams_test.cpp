// Commands and files of the host, with real processes and real files.
#include "guest/streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "guest/file_stream.hpp"
#include "tests/guest/support.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;

namespace {

// Plays the host: keeps what is sent, acknowledges if told to.
struct Desk {
  TempDir dir;
  runtime::Loop loop;
  std::map<std::pair<std::uint64_t, wire::Stream>, std::string> bytes;
  std::map<std::uint64_t, std::vector<wire::Reply>> replies;
  std::vector<std::string> errors;
  std::uint64_t acknowledged = 0, unacknowledged = 0;
  bool acknowledges = true;
  Streams streams{loop, [this](const wire::GuestMessage& message) { take(message); }};

  void take(const wire::GuestMessage& message) {
    if (const auto* data = std::get_if<wire::StreamData>(&message)) {
      bytes[{data->id, data->stream}] += data->bytes;
      unacknowledged += data->bytes.size();
      if (acknowledges) acknowledge(data->id, data->stream, data->bytes.size());
    } else if (const auto* reply = std::get_if<wire::Reply>(&message)) {
      replies[reply->id].push_back(*reply);
    } else if (const auto* ack = std::get_if<wire::Ack>(&message)) {
      acknowledged += ack->bytes;
    } else if (const auto* error = std::get_if<wire::LinkError>(&message)) {
      errors.push_back(error->error);
    }
  }
  void acknowledge(std::uint64_t id, wire::Stream stream, std::uint64_t count) {
    loop.post([this, id, stream, count] { streams.acknowledged({id, stream, count}); });
  }
  wire::Reply reply_to(std::uint64_t id) {
    REQUIRE(loop.run_until([&] { return replies.contains(id); }));
    return replies[id].front();
  }
  void exec(std::uint64_t id, std::vector<std::string> argv, bool tty = false) {
    wire::Exec order;
    order.id = id;
    order.argv = std::move(argv);
    order.tty = tty;
    streams.exec(order);
  }
  std::string out(std::uint64_t id) { return bytes[{id, wire::Stream::stdout_}]; }
};

}  // namespace

TEST_CASE("a command gets its input and gives output, errors and exit code") {
  Desk desk;
  desk.exec(1, {"sh", "-c", "cat; echo oops >&2; exit 7"});
  desk.streams.data({1, wire::Stream::stdin_, "hello", true});
  const wire::Reply reply = desk.reply_to(1);
  CHECK(reply.ok);
  CHECK(reply.exit_code == 7);
  CHECK(desk.out(1) == "hello");
  CHECK(desk.bytes[{1, wire::Stream::stderr_}] == "oops\n");
  CHECK(desk.acknowledged == 5);
  CHECK(desk.streams.open() == 0);
}

TEST_CASE("words reach a command as they are, without a shell") {
  Desk desk;
  desk.exec(1, {"printf", "%s|", "$(id)", "a b", "'; rm -rf /", "\n*"});
  CHECK(desk.reply_to(1).exit_code == 0);
  CHECK(desk.out(1) == "$(id)|a b|'; rm -rf /|\n*|");
}

TEST_CASE("how a command is refused, killed, or ends by a signal") {
  Desk desk;
  desk.exec(1, {"no-such-program"});
  CHECK_FALSE(desk.reply_to(1).ok);
  CHECK(desk.reply_to(1).why == "no-such-program: no such program in the guest's PATH");
  desk.exec(2, {"/dev/null"});
  CHECK(desk.reply_to(2).why == "/dev/null: Permission denied");
  desk.exec(3, {});
  CHECK(desk.reply_to(3).why == "no command was given");
  desk.exec(4, {"sleep", "1000"});
  desk.streams.signal({4, 15});
  CHECK(desk.reply_to(4).exit_code == 143);
  desk.streams.signal({4, 15});  // late, and nobody's
}

TEST_CASE("a terminal") {
  Desk desk;
  desk.exec(1, {"sh", "-c", "test -t 0 && stty size"}, true);
  CHECK(desk.reply_to(1).exit_code == 0);
  CHECK(desk.out(1) == "24 80\r\n");
}

TEST_CASE("a command that prints without end waits for the host") {
  Desk desk;
  desk.acknowledges = false;
  desk.exec(1, {"sh", "-c", "head -c 1000000 /dev/zero"});
  REQUIRE(desk.loop.run_until([&] { return desk.unacknowledged == wire::stream_window; }));
  desk.acknowledges = true;
  desk.acknowledge(1, wire::Stream::stdout_, wire::stream_window);
  CHECK(desk.reply_to(1).exit_code == 0);
  CHECK(desk.out(1).size() == 1000000);
}

TEST_CASE("a host that does not wait is stopped") {
  Desk desk;
  desk.exec(1, {"sleep", "1000"});
  for (int i = 0; i < 20; ++i) desk.streams.data({1, wire::Stream::stdin_, std::string(32 * 1024, 'x'), false});
  REQUIRE(desk.errors.size() == 1);
  CHECK(desk.errors[0] == "stream 1: more than a window of input was sent");
}

TEST_CASE("ids and numbers of streams") {
  Desk desk;
  for (std::uint64_t id = 1; id <= Streams::most; ++id) desk.exec(id, {"sleep", "1000"});
  CHECK(desk.streams.open() == Streams::most);
  desk.exec(1000, {"true"});
  CHECK(desk.reply_to(1000).why.find("64 commands and files are open") != std::string::npos);
  desk.streams.end_all();
  CHECK(desk.streams.open() == 0);
  desk.exec(1001, {"sleep", "1000"});
  desk.exec(1001, {"true"});
  CHECK(desk.errors.back() == "request 1001 is still open; its id cannot be used again");
}

TEST_CASE("a file is put whole, with its mode, or not at all") {
  Desk desk;
  const std::string goal = desk.dir.path("goal");
  SECTION("whole") {
    desk.streams.put({1, goal, 0640});
    desk.streams.data({1, wire::Stream::file, "one,", false});
    CHECK_FALSE(desk.dir.has("goal"));
    desk.streams.data({1, wire::Stream::file, "two", true});
    CHECK(desk.reply_to(1).ok);
    CHECK(desk.dir.read("goal") == "one,two");
    CHECK((std::filesystem::status(goal).permissions() & std::filesystem::perms::mask) == std::filesystem::perms(0640));
  }
  SECTION("the session ends in the middle") {
    desk.dir.write("goal", "old");
    desk.streams.put({1, goal, 0600});
    desk.streams.data({1, wire::Stream::file, "new", false});
    REQUIRE(desk.loop.run_until([&] { return desk.acknowledged == 3; }));
    desk.streams.end_all();
    // The worker that has written may hold the part for a moment longer.
    CHECK(desk.loop.run_until([&] { return std::distance(std::filesystem::directory_iterator(desk.dir.path()), {}) == 1; }));
    CHECK(desk.dir.read("goal") == "old");
  }
  SECTION("through a link, which stays one") {
    desk.dir.write("real", "old");
    std::filesystem::create_symlink("real", goal);
    desk.streams.put({1, goal, 0600});
    desk.streams.data({1, wire::Stream::file, "new", true});
    CHECK(desk.reply_to(1).ok);
    CHECK(desk.dir.read("real") == "new");
    CHECK(std::filesystem::is_symlink(goal));
  }
  SECTION("not onto a folder") {
    desk.streams.put({1, desk.dir.path(), 0600});
    CHECK(desk.reply_to(1).why.find("is not a regular file") != std::string::npos);
  }
}

TEST_CASE("a full disk is told") {
  Desk desk;
  if (::access("/dev/full", W_OK) != 0) return;
  // A put goes to a file of its own beside the goal, and /dev is not a place for that: so by PartFile itself.
  PartFile file(Fd(::open("/dev/full", O_WRONLY | O_CLOEXEC)), "", "/dev/full");
  const Status written = file.write("x");
  REQUIRE_FALSE(written);
  CHECK(written.error().code == Code::out_of_capacity);
  CHECK(written.error().message == "/dev/full: No space left on device");
}

TEST_CASE("a file is got whole; what is not a file is refused") {
  Desk desk;
  std::string content(700'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 + i / 997);
  desk.dir.write("file", content);
  desk.streams.get({1, desk.dir.path("file")});
  CHECK(desk.reply_to(1).ok);
  CHECK((desk.bytes[{1, wire::Stream::file}] == content));
  desk.streams.get({2, desk.dir.path("none")});
  CHECK(desk.reply_to(2).why.find("No such file") != std::string::npos);
  desk.streams.get({3, "/dev/zero"});
  CHECK(desk.reply_to(3).why == "/dev/zero is not a regular file");
}
