// The near end of a runner's link against a scripted runner: rest, news, requests.
#include "core/daemon/runner_link.hpp"

#include "core/runtime/channel.hpp"
#include "core/runtime/http.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using namespace std::chrono_literals;

namespace {

// As much of a runner as a link sees.
struct Scripted {
  TempDir folder;
  runtime::Loop& loop;
  std::unique_ptr<runtime::HttpServer> server;
  std::shared_ptr<runtime::Channel> channel;             // the newest
  std::vector<std::uint64_t> held;                       // wishes to rest that are not answered yet
  bool knows_rest = true, hold_rest = false, hold_answers = false;
  int links = 0, rests = 0, requests = 0;
  std::uint64_t sequence = 0;

  explicit Scripted(runtime::Loop& l) : loop(l) { up(); }
  [[nodiscard]] std::string endpoint() const { return "unix:" + (folder.path() / "s").string(); }

  void up() {
    server = std::make_unique<runtime::HttpServer>(loop, runtime::HttpServerOptions{});
    server->channel("/v1/link", [this](const runtime::HttpRequest&, const std::shared_ptr<runtime::Channel>& opened) {
      ++links;
      channel = opened;
      channel->on_message([this](const runtime::ChannelMessage& message) { hear(message.data); });
      tell();
    });
    REQUIRE(server->listen(*runtime::parse_endpoint(endpoint())).ok());
  }
  void tell() {
    wire::RunnerReport report;
    report.sequence = ++sequence;
    report.vm = "web";
    channel->send(wire::encode({0, report}));
  }
  void hear(const std::string& text) {
    const auto message = wire::decode_runner_message(text);
    REQUIRE(message);
    const bool rest = std::holds_alternative<wire::Rest>(message->body);
    ++(rest ? rests : requests);
    if (rest && hold_rest) return held.push_back(message->id);
    if (!rest && hold_answers) return;
    reply(message->id, rest);
  }
  void reply(std::uint64_t id, bool rest) {
    wire::RunnerReply reply;
    reply.ok = !rest || knows_rest;
    channel->send(wire::encode({id, reply}));
    if (rest && knows_rest) channel->rest();
  }
};

struct Near {
  runtime::Loop loop;
  Scripted runner{loop};
  std::shared_ptr<daemon::LinkRest> rule = std::make_shared<daemon::LinkRest>(daemon::LinkRest{60ms, 20ms, 300});
  int reports = 0, losses = 0, answers = 0, refusals = 0;
  std::unique_ptr<daemon::RunnerLink> link;

  explicit Near(bool subscribe = false) {
    daemon::RunnerLinkOptions options;
    options.subscribe = subscribe;
    options.rest = rule;
    daemon::RunnerLink::Callbacks callbacks;
    callbacks.report = [this](const wire::RunnerReport&) { ++reports; };
    callbacks.lost = [this](const Error&) { ++losses; };
    link = std::make_unique<daemon::RunnerLink>(loop, runner.endpoint(), options, std::move(callbacks));
    link->start();
  }
  void ask() {
    link->request(wire::GetReport{}, 5s, [this](const Result<wire::RunnerReply>& reply) { ++(reply && reply->ok ? answers : refusals); });
  }
  bool until(const std::function<bool()>& holds) { return loop.run_until(holds); }
  bool at_rest() { return until([this] { return reports > 0 && rule->awake == 0; }); }
};

}  // namespace

TEST_CASE("a link over which nothing goes rests, and carries what is asked all the same") {
  Near near;
  REQUIRE(near.until([&] { return near.reports == 1; }));
  CHECK(near.rule->awake == 1);
  REQUIRE(near.at_rest());
  CHECK(near.link->is_connected());
  near.ask();
  near.ask();
  REQUIRE(near.until([&] { return near.answers == 2; }));
  CHECK(near.runner.requests == 2);
  CHECK(near.runner.links == 2);
  REQUIRE(near.at_rest());
  CHECK(near.losses == 0);
}

TEST_CASE("news wake a link that rests") {
  Near near;
  REQUIRE(near.at_rest());
  near.runner.channel->close();
  REQUIRE(near.until([&] { return near.reports == 2; }));
  CHECK(near.link->last_report()->sequence == 2);
  CHECK(near.losses == 0);
}

TEST_CASE("a link that rests is woken to see whether its runner is there") {
  Near near;
  REQUIRE(near.at_rest());
  near.link->look();
  REQUIRE(near.until([&] { return near.reports == 2; }));
  CHECK(near.losses == 0);
}

TEST_CASE("a runner that ends while its link rests is lost at once") {
  Near near;
  REQUIRE(near.at_rest());
  near.runner.channel.reset();
  near.runner.server.reset();
  REQUIRE(near.until([&] { return near.losses == 1; }));
  CHECK_FALSE(near.link->is_connected());
  near.ask();
  REQUIRE(near.until([&] { return near.refusals == 1; }));
  near.runner.up();
  REQUIRE(near.until([&] { return near.reports == 2; }));
}

TEST_CASE("what is asked just before a link rests is answered") {
  Near near;
  near.runner.hold_rest = true;
  REQUIRE(near.until([&] { return !near.runner.held.empty(); }));
  near.ask();
  near.runner.reply(near.runner.held.front(), true);
  REQUIRE(near.until([&] { return near.answers == 1; }));
  CHECK(near.runner.links == 2);
  CHECK(near.losses == 0);
}

TEST_CASE("a runner that does not know how to rest is asked once") {
  Near near;
  near.runner.knows_rest = false;
  near.runner.hold_rest = true;
  REQUIRE(near.until([&] { return !near.runner.held.empty(); }));
  near.ask();
  near.runner.reply(near.runner.held.front(), true);
  REQUIRE(near.until([&] { return near.answers == 1; }));
  near.loop.run_until([] { return false; }, 200ms);
  CHECK(near.runner.rests == 1);
  CHECK(near.runner.links == 1);
  CHECK(near.rule->awake == 1);
}

TEST_CASE("who wants samples does not rest") {
  Near near(true);
  REQUIRE(near.until([&] { return near.reports == 1; }));
  near.loop.run_until([] { return false; }, 200ms);
  CHECK(near.runner.rests == 0);
}

TEST_CASE("a link that is stopped at rest is not woken, and does not count") {
  Near near;
  REQUIRE(near.at_rest());
  near.link->stop();
  near.runner.channel->close();
  near.loop.run_until([] { return false; }, 100ms);
  CHECK(near.runner.links == 1);
  CHECK(near.rule->awake == 0);
}

TEST_CASE("who asked over a link that is stopped is answered all the same, once and not from inside") {
  Near near;
  REQUIRE(near.until([&] { return near.reports == 1; }));
  near.runner.hold_answers = true;
  near.ask();
  REQUIRE(near.until([&] { return near.runner.requests == 1; }));
  SECTION("stopped") { near.link->stop(); }
  SECTION("destroyed") { near.link.reset(); }
  CHECK(near.refusals == 0);
  REQUIRE(near.until([&] { return near.refusals == 1; }));
  near.loop.run_until([] { return false; }, 50ms);
  CHECK(near.refusals == 1);
  CHECK(near.answers == 0);
}

namespace {

// Links that share a rule with room for two, to runners that let them rest when they are told to.
struct Crowd {
  runtime::Loop loop;
  std::shared_ptr<daemon::LinkRest> rule = std::make_shared<daemon::LinkRest>();
  std::vector<std::unique_ptr<Scripted>> runners;
  std::vector<std::unique_ptr<daemon::RunnerLink>> links;

  explicit Crowd(std::size_t count) {
    rule->many = 2;
    rule->hurry = 1ms;
    rule->longest_turn = 1min;
    for (std::size_t i = 0; i < count; ++i) {
      runners.push_back(std::make_unique<Scripted>(loop));
      runners.back()->hold_rest = true;
    }
  }
  void link_all() {
    daemon::RunnerLinkOptions options;
    options.rest = rule;
    for (const auto& runner : runners) {
      links.push_back(std::make_unique<daemon::RunnerLink>(loop, runner->endpoint(), options, daemon::RunnerLink::Callbacks{}));
      links.back()->start();
    }
  }
  // Once for each: 1 for a link that was made, 0 for one that was not.
  [[nodiscard]] std::vector<int> made() const {
    std::vector<int> all;
    for (const auto& runner : runners) all.push_back(runner->links);
    return all;
  }
  bool becomes(const std::vector<int>& wanted) {
    return loop.run_until([&] { return made() == wanted; });
  }
  void settle() {
    loop.run_until([] { return false; }, 50ms);
  }
  void let_rest(std::size_t which) {
    REQUIRE(loop.run_until([&] { return !runners[which]->held.empty(); }));
    runners[which]->reply(runners[which]->held.front(), true);
  }
};

}  // namespace

TEST_CASE("of many links only so many connect at once, and the others follow when those rest") {
  Crowd crowd(4);
  crowd.link_all();
  REQUIRE(crowd.becomes({1, 1, 0, 0}));
  crowd.settle();
  CHECK(crowd.made() == std::vector<int>{1, 1, 0, 0});
  CHECK_FALSE(crowd.links[2]->is_connected());
  crowd.let_rest(1);
  REQUIRE(crowd.becomes({1, 1, 1, 0}));
  crowd.let_rest(2);
  REQUIRE(crowd.becomes({1, 1, 1, 1}));
  CHECK(crowd.rule->waiting.empty());
}

TEST_CASE("a link over which something is to be asked does not wait for its turn") {
  Crowd crowd(4);
  crowd.link_all();
  crowd.links[3]->hurry();
  REQUIRE(crowd.becomes({1, 1, 0, 1}));
  REQUIRE(crowd.loop.run_until([&] { return crowd.links[3]->last_report().has_value(); }));
  crowd.let_rest(0);
  REQUIRE(crowd.becomes({1, 1, 1, 1}));
  SECTION("and keeps nobody's, once it was made to hurry while it waited") {
    crowd.let_rest(1);
    crowd.let_rest(2);
    crowd.settle();
    CHECK(crowd.rule->turns == 0);
    CHECK(crowd.made() == std::vector<int>{1, 1, 1, 1});
  }
}

TEST_CASE("a turn ends with its link, and when it has lasted long enough") {
  Crowd crowd(4);
  SECTION("nobody is at the door") {
    crowd.runners[0]->server.reset();
    crowd.runners[1]->server.reset();
    crowd.link_all();
    REQUIRE(crowd.becomes({0, 0, 1, 1}));
  }
  SECTION("it was stopped") {
    crowd.link_all();
    REQUIRE(crowd.becomes({1, 1, 0, 0}));
    crowd.links[0]->stop();
    crowd.links[2].reset();
    REQUIRE(crowd.becomes({1, 1, 0, 1}));
  }
  SECTION("the runners do not rest") {
    crowd.rule->longest_turn = 20ms;
    crowd.link_all();
    REQUIRE(crowd.becomes({1, 1, 1, 1}));
  }
  crowd.links.clear();
  CHECK(crowd.rule->turns == 0);
}
