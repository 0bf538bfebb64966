#include "plugins/policy-lua/lua_policy.hpp"


#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::policy_lua;
using namespace std::chrono_literals;

namespace {

struct World {
  std::vector<GuestSample> samples;
  PolicyInput input;
  LuaOptions options;
  std::unique_ptr<LuaPolicy> policy;

  explicit World(const std::string& script = {}) {
    options.script = "/policies/mine.lua";
    input.vm = "vm";
    input.now = Instant(1h);
    input.using_now = {MilliCpu{1000}, Bytes{gib}};
    input.min = {MilliCpu{250}, Bytes{256 * mib}};
    input.max = {MilliCpu{8000}, Bytes{8 * gib}};
    input.compute_unit = default_compute_unit;
    if (!script.empty()) load(script);
  }
  void load(const std::string& script) {
    auto made = LuaPolicy::from_text(options, script);
    if (!made) FAIL(made.error().message);
    policy = std::move(made).value();
  }
  Result<Goal> decide() {
    input.samples = samples;
    return policy->decide(input);
  }
  Goal goal() {
    auto made = decide();
    if (!made) FAIL(made.error().message);
    return *made;
  }
  std::string refusal() {
    const auto made = decide();
    REQUIRE_FALSE(made);
    return made.error().message;
  }
};

std::string load_refusal(const std::string& script, LuaOptions options = {}) {
  options.script = "/policies/mine.lua";
  const auto made = LuaPolicy::from_text(options, script);
  REQUIRE_FALSE(made);
  return made.error().message;
}

GuestSample busy_sample(Instant at) {
  GuestSample sample;
  sample.at = at;
  sample.cpu_used = 0.98;
  sample.runnable = 4;
  sample.online_cpus = 1;
  sample.memory_total = Bytes{gib};
  sample.memory_available = Bytes{gib / 2};
  return sample;
}

// What the script gets when it evaluates `expression`, as text.
std::string value_of(const std::string& expression) {
  World world("function decide(vm) return nil, nil, tostring(" + expression + ") end");
  world.samples = {busy_sample(Instant(1h - 30s)), busy_sample(Instant(1h - 2s))};
  world.input.wall_seconds = 1704067200;
  world.input.request = GuestRequest{Instant(1h - 4s), Bytes{3 * gib}};
  return world.goal().because.at(0).text;
}

}  // namespace

TEST_CASE("lua: what it says is what is wished") {
  World world("function decide(vm) explain('first') return 2.5, 4 * GiB, 'because' end");
  const Goal goal = world.goal();
  CHECK(goal.wish == Resources{MilliCpu{2500}, Bytes{4 * gib}});
  CHECK(goal.because == std::vector<Because>{{"lua", "first"}, {"lua", "because"}});
}

TEST_CASE("lua: nil keeps, bounds hold") {
  CHECK(World("function decide() end").goal().wish == World().input.using_now);
  const Goal goal = World("function decide() return 99 end").goal();
  CHECK(goal.wish.cpu == MilliCpu{8000});
  CHECK(goal.because[0].rule == "lua.bounds");
}

TEST_CASE("lua: it sees all there is") {
  CHECK(value_of("#vm.samples") == "2");
  CHECK(value_of("vm.samples[2].age") == "2.0");
  CHECK(value_of("vm.samples[3]") == "nil");
  CHECK(value_of("vm.samples[1].cpu_used") == "0.98");
  CHECK(value_of("vm.samples[1].cpu_demand") == "4.0");
  CHECK(value_of("vm.samples[1].memory_need / MiB") == "512.0");
  CHECK(value_of("vm.samples[1].cpu_some") == "nil");
  CHECK(value_of("vm.samples[1].memory_free") == "nil");
  CHECK(value_of("vm.name .. vm.has.cpus .. vm.max.memory / GiB") == "vm1.08.0");
  CHECK(value_of("vm.unit.cpus") == "0.25");
  CHECK(value_of("vm.wall") == "1704067200.0");
  CHECK(value_of("vm.request.memory / GiB") == "3.0");
  CHECK(value_of("vm.request.age") == "4.0");
}

TEST_CASE("lua: state is kept for each VM") {
  World world("function decide(vm) vm.state.n = (vm.state.n or 0) + 1 return vm.state.n end");
  world.goal();
  CHECK(world.goal().wish.cpu == MilliCpu{2000});
  world.input.vm = "other";
  CHECK(world.goal().wish.cpu == MilliCpu{1000});
}

TEST_CASE("lua: errors tell file and line, and the next decision works") {
  World world("calls = 0\nfunction decide(vm)\n  calls = calls + 1\n  if calls == 1 then return vm.nothing.x end\n  return 2\nend");
  CHECK(world.refusal() == "mine.lua:4: attempt to index a nil value (field 'nothing')");
  CHECK(world.goal().wish.cpu == MilliCpu{2000});
}

TEST_CASE("lua: bad answers") {
  CHECK(World("function decide() return 'two' end").refusal() ==
        "decide gave a string as CPUs; give a number, or nil to keep it");
  CHECK_THAT(World("function decide() return 0/0 end").refusal(), Catch::Contains("as CPUs; give a number of 0 or more"));
  CHECK_THAT(World("function decide() return 1, -5 end").refusal(), Catch::StartsWith("decide gave -5.0 as memory"));
  CHECK_THAT(World("function decide() return 1, math.huge end").refusal(), Catch::Contains("as memory"));
  CHECK(World("function decide() return 1, 1, {} end").refusal() == "decide gave a table as its reason; give a text");
  CHECK(World("function decide() error({}) end").refusal() == "mine.lua: raised a table, no text");
  CHECK_THAT(World("function decide(vm) return vm.samples.x end").refusal(), Catch::StartsWith("mine.lua:1: bad argument"));
  World unknown("function decide(vm) return vm.samples[1].cpu end");
  unknown.samples = {busy_sample(Instant(1h))};
  CHECK(unknown.refusal() == "mine.lua:1: a sample has no field 'cpu'");
  CHECK_THAT(World("function decide() for i = 1, 20 do explain('x') end end").refusal(), Catch::Contains("more than 12"));
}

TEST_CASE("lua: scripts that do not load") {
  CHECK_THAT(load_refusal("function decide("), Catch::StartsWith("mine.lua:1: "));
  CHECK(load_refusal("x = 1") == "mine.lua: has no function decide(vm)");
  CHECK_THAT(load_refusal("\x1bLua"), Catch::Contains("attempt to load a binary chunk"));
  CHECK_THAT(load_refusal("while true do end"), Catch::StartsWith("mine.lua:1: more than 100000 instructions"));
}

TEST_CASE("lua: endless loops end, with their line") {
  World world("local n = 0\nfunction decide()\n  n = n + 1\n  if n > 1 then return 2 end\n  while true do\n  end\nend");
  CHECK(world.refusal() == "mine.lua:5: more than 100000 instructions in one decision");
  CHECK(world.goal().wish.cpu == MilliCpu{2000});
  CHECK_THAT(World("function decide() return decide() end").refusal(), Catch::Contains("instructions"));
}

TEST_CASE("lua: memory is bounded, and given back") {
  World world("function decide(vm)\n  if vm.state.n then return 2 end\n  vm.state.n = {}\n  for i = 1, 1e6 do\n"
              "    vm.state.n[i] = i\n  end\nend");
  CHECK(world.refusal() == "mine.lua:5: more than the 256 KiB that it may hold");
  // The state was dropped, so it does the same again.
  CHECK_THAT(world.refusal(), Catch::StartsWith("mine.lua:5: more than"));
  CHECK_THAT(World("local s = 'x'\nfunction decide() while true do s = s .. s end end").refusal(),
             Catch::StartsWith("mine.lua:2: more than"));
  CHECK_THAT(World("function decide() return 1 + decide() end").refusal(), Catch::Contains("more than"));
}

TEST_CASE("lua: long strings are work") {
  World world("local s = string.format('%99d', 1)\nfor i = 1, 9 do s = s .. s end\n"
              "function decide() local t for i = 1, 1e4 do t = s .. i end end");
  CHECK_THAT(world.refusal(), Catch::Contains("instructions in one decision"));
}

TEST_CASE("lua: nothing leads outside") {
  for (const char* name : {"io", "os", "package", "debug", "coroutine", "table", "require", "load", "loadfile", "dofile",
                           "loadstring", "collectgarbage", "pcall", "xpcall", "setmetatable", "getmetatable", "rawset",
                           "rawget", "pairs", "next", "print", "_G", "warn", "math.random", "math.randomseed",
                           "string.rep", "string.find", "string.gsub", "string.match", "string.gmatch", "string.dump",
                           "string.pack", "('x').rep"}) {
    INFO(name);
    CHECK(value_of(name) == "nil");
  }
}

TEST_CASE("lua: samples that a script keeps are dead after their decision") {
  World world("function decide(vm)\n  if vm.state.old then return vm.state.old.cpu_used end\n"
              "  vm.state.old = vm.samples[1]\nend");
  world.samples = {busy_sample(Instant(1h))};
  world.goal();
  CHECK(world.refusal() == "mine.lua:2: samples are gone after their decision: keep numbers");
}

TEST_CASE("lua: options") {
  CHECK_THAT(read_options({}).error().message, Catch::StartsWith("script: must be given"));
  CHECK_THAT(read_options({{"script", "mine.lua"}}).error().message, Catch::Contains("is not an absolute path"));
  CHECK(read_options({{"script", "/a"}, {"memory", "1Ki"}}).error().message ==
        "memory: \"1Ki\" is not a size from 64Ki to 16Mi");
  CHECK_THAT(read_options({{"script", "/a"}, {"instruction", "5000"}}).error().message,
             Catch::Contains("did you mean instructions?"));
  CHECK(read_script("/nowhere/mine.lua").error().code == Code::not_found);
  CHECK_THAT(read_script("/").error().message, Catch::Contains("is a folder"));
  CHECK(read_options({{"script", "/a"}, {"memory", "1Mi"}})->memory == Bytes{mib});
}

TEST_CASE("lua: the example is a policy of thirty lines and works") {
  const std::string path = std::string(EXAMPLES) + "/peak.lua";
  const auto text = read_script(path);
  REQUIRE(text);
  World world(*text);
  world.samples = {busy_sample(Instant(1h))};
  const Goal busy = world.goal();
  CHECK(busy.wish.cpu == MilliCpu{5000});
  CHECK(busy.wish.memory == Bytes{gib});
  world.input.using_now = {MilliCpu{8000}, Bytes{8 * gib}};
  CHECK(world.goal().wish == world.input.using_now);
  for (int second = 60; second >= 0; --second) {
    GuestSample sample = busy_sample(Instant(1h - std::chrono::seconds(second)));
    sample.cpu_used = 0.4;
    world.samples.push_back(sample);
  }
  world.samples.erase(world.samples.begin());
  CHECK(world.goal().wish == Resources{MilliCpu{500}, Bytes{715827883}});
}
