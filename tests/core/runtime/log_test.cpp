#include "core/runtime/log.hpp"

#include <regex>

#include "tests/core/runtime/temp_dir.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;

namespace {

// Back to stderr, so that no other test writes into a directory that is gone.
struct LogRestored {
  ~LogRestored() { static_cast<void>(open_log({})); }
};

}  // namespace

TEST_CASE("one line an event, below the level none") {
  const TempDir dir;
  const LogRestored restored;
  REQUIRE(open_log({.level = LogLevel::info, .json = false, .colour = false, .file = dir / "log"}).ok());
  log_debug("agent", "unseen");
  log_info("agent", "asked for more", {{"vm", "web"}, {"rev", "12"}, {"why", "load is \"high\""}, {"empty", ""}});
  log_error("agent", "two\nlines \x1b[31mred", {{"k", "a\nb"}});
  const std::string text = file_text(dir / "log");
  const std::regex expected(R"re(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info    agent: asked for more vm=web rev=12 why="load is \\"high\\"" empty=""
\S+Z error   agent: two\\nlines \\u001b\[31mred k="a\\nb"
)re");
  INFO(text);
  CHECK(std::regex_match(text, expected));
}

TEST_CASE("JSON lines stay JSON whatever the bytes") {
  const TempDir dir;
  const LogRestored restored;
  REQUIRE(open_log({.level = LogLevel::debug, .json = true, .colour = false, .file = dir / "log"}).ok());
  log_warning("guest", "quote \" back \\ bell \x07 bad \xff\xc0\x80 good \xc3\xa4 %v {}", {{"rev", "7"}});
  const std::string text = file_text(dir / "log");
  const std::string after_time = text.substr(text.find(",\"level\""));
  CHECK(text.rfind("{\"time\":\"2", 0) == 0);
  CHECK(after_time ==
        ",\"level\":\"warning\",\"room\":\"guest\",\"message\":\"quote \\\" back \\\\ bell \\u0007 bad "
        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd good \xc3\xa4 %v {}\",\"rev\":\"7\"}\n");
}

TEST_CASE("a log file that cannot be opened is an error that names it, and the old log goes on") {
  const TempDir dir;
  const LogRestored restored;
  REQUIRE(open_log({.level = LogLevel::info, .json = false, .colour = false, .file = dir / "log"}).ok());
  const Status refused = open_log({.level = LogLevel::info, .json = false, .colour = false, .file = dir.path()});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find(dir.path()) != std::string::npos);
  log_info("cli", "still here");
  CHECK(file_text(dir / "log").find("still here") != std::string::npos);
}
