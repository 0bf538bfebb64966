#include "guest/workload_news.hpp"

#include "tests/guest/support.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;

TEST_CASE("news of the workload survive their file") {
  const wire::WorkloadEnded news{137, "was killed by signal 9", 3, true};
  CHECK(*parse_news(news_text(news)) == news);
  CHECK(exit_code_of(7 << 8) == 7);
  CHECK(exit_code_of(9) == 137);
  for (const char* bad : {"", "exit\nstarts 1\n", "exit x\nstarts 1\n", "exit 1\n", "exit 1\nstarts -1\n", "\n\n"}) {
    INFO(bad);
    CHECK_FALSE(parse_news(bad));
  }
}

TEST_CASE("each end is noticed") {
  const TempDir run;
  runtime::Loop loop;
  int changes = 0;
  NewsWatch watch([&] { ++changes; });
  REQUIRE(watch.open(loop, run.path("neonvm")));
  CHECK_FALSE(read_news(run.path("neonvm")));
  REQUIRE(write_news({1, "ended with code 1", 1, true}, run.path("neonvm")));
  REQUIRE(loop.run_until([&] { return changes == 1; }));
  REQUIRE(write_news({0, "ended with code 0", 2, false}, run.path("neonvm")));
  REQUIRE(loop.run_until([&] { return changes == 2; }));
  CHECK(read_news(run.path("neonvm"))->starts == 2);
  CHECK_FALSE(write_news({}, run.path("no/such/folder")));
}

TEST_CASE("that everything is there is said once, and heard of") {
  const TempDir folder;
  runtime::Loop loop;
  int heard = 0;
  NewsWatch watch([&heard] { ++heard; });
  REQUIRE(watch.open(loop, folder.path("neonvm")));
  CHECK_FALSE(is_prepared(folder.path("neonvm")));
  REQUIRE(write_prepared(folder.path("neonvm")));
  CHECK(is_prepared(folder.path("neonvm")));
  loop.run_until([&heard] { return heard > 0; }, std::chrono::seconds(10));
  CHECK(heard == 1);
  CHECK_FALSE(read_news(folder.path("neonvm")));
}
