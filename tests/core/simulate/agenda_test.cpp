#include "core/simulate/agenda.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "core/simulate/random.hpp"

using namespace neonvm;
using namespace neonvm::simulate;

TEST_CASE("the first of an agenda is the earliest, of equals the lowest place") {
  for (const std::size_t places : {1U, 2U, 3U, 8U, 50U, 65U}) {
    INFO(places << " places");
    Agenda agenda(places);
    CHECK(agenda.empty());
    std::map<std::size_t, Instant> expected;
    Random random(places);
    for (int i = 0; i < 2000; ++i) {
      const std::size_t place = random.below(places);
      if (random.chance(0.4)) {
        agenda.remove(place);
        expected.erase(place);
      } else {
        const Instant at{Duration(static_cast<std::int64_t>(random.below(20)))};
        agenda.put(place, at);
        expected[place] = at;
      }
      REQUIRE(agenda.empty() == expected.empty());
      if (expected.empty()) continue;
      const auto first = std::min_element(expected.begin(), expected.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
      REQUIRE(agenda.first() == first->first);
      REQUIRE(agenda.at(agenda.first()) == first->second);
    }
  }
}

TEST_CASE("an agenda without places is empty") { CHECK(Agenda(0).empty()); }
