// What every policy does with its options, asked as a user asks; and that the reference page knows them all.
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/plugins/policy-laws/all_policies.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::test;

namespace {

std::string refusal(PolicyCase policy, const std::string& key, const std::string& value) {
  policy.settings[key] = value;
  const auto opened = try_open(policy);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == Code::invalid_argument);
  return opened.error().message;
}

std::string page() {
  std::ifstream file(POLICIES_PAGE);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("options: each policy refuses what it does not know, and the reference page has what it knows") {
  const std::string text = page();
  for (const PolicyCase& policy : all_policies()) {
    CHECK_THAT(text, Catch::Contains("\n## " + policy.name + "\n"));
    if (policy.name == "default") continue;  // has none
    const std::string message = refusal(policy, "qqqqqqqq", "1");
    CHECK_THAT(message, Catch::StartsWith("policy " + policy.name + ": \"qqqqqqqq\": no option of " + policy.name + "; there is "));
    std::istringstream keys(message.substr(message.find("there is ") + 9));
    for (std::string key; std::getline(keys, key, ',');) {
      key.erase(0, key.find_first_not_of(' '));
      const std::size_t dots = key.find("…");
      INFO(policy.name << " " << key);
      CHECK_THAT(text, Catch::Contains("`" + (dots == std::string::npos ? key + "`" : key.substr(0, dots))));
    }
  }
  CHECK_THAT(refusal(all_policies().front(), "q", "1"), Catch::Contains("unknown setting \"q\""));
}

TEST_CASE("options: a policy that nobody has") {
  CHECK_THAT(try_open({"pressre", {}}).error().message, Catch::EndsWith("; did you mean pressure?"));
}

TEST_CASE("options: those of the other policy are its own") {
  const PolicyCase budget{"budget", {{"cu-hours", "24"}}};
  CHECK_THAT(refusal(budget, "of.clam", "1"),
             Catch::StartsWith("policy budget: of: policy pressure: \"clam\": no option of pressure; did you mean calm?"));
  PolicyCase nobody = budget;
  nobody.settings["of"] = "nobody";
  CHECK_THAT(try_open(nobody).error().message, Catch::StartsWith("policy budget: of: no policy plugin \"nobody\"; there is "));
}
