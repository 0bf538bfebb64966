// For every policy and any input: an answer or an error, an answer within the bounds and with reasons, the same answer to
// the same question, and the same answers to the same history. More sequences: RC_PARAMS=max_success=100000.
#include <rapidcheck.h>

#include "tests/plugins/policy-laws/all_policies.hpp"
#include "tests/plugins/policy-laws/hostile_input.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::test;

namespace {

bool same(const Result<Goal>& a, const Result<Goal>& b) {
  if (a.ok() != b.ok()) return false;
  if (!a) return a.error().code == b.error().code && a.error().message == b.error().message;
  return a->wish == b->wish && a->complete == b->complete && a->compute_units == b->compute_units &&
         a->because == b->because && a->ask_again == b->ask_again;
}

// The broken law, or "".
std::string broken(const PolicyCase& policy, const Question& question, const Goal& goal) {
  const PolicyInput& input = question.input;
  if (!policy.clamps) {
    return goal.wish == input.compute_unit * goal.compute_units ? "" : "the wish is no whole number of units";
  }
  if (field_max(field_min(goal.wish, input.max), input.min) != goal.wish) return "the wish lies outside the bounds";
  const Resources kept = field_max(field_min(input.using_now, input.max), input.min);
  if (!goal.complete && exceeds_somewhere(kept, goal.wish)) return "an incomplete goal shrinks";
  return "";
}

std::string badly_told(const Goal& goal) {
  if (goal.because.empty() || goal.because.size() > NEONVM_MAX_REASONS) return "not 1 to 16 reasons";
  for (const Because& because : goal.because) {
    if (because.rule.empty() || because.text.empty()) return "a reason without a rule or a text";
  }
  if (goal.ask_again && *goal.ask_again <= Duration{}) return "asks again in the past";
  return "";
}

void check_sequence(const PolicyCase& policy, std::uint64_t seed, int length) {
  HostileHost host(seed);
  const auto first = open(policy), second = open(policy);
  for (int i = 0; i < length; ++i) {
    Question question = host.next();
    question.input.samples = question.samples;
    question.input.config = &question.config;
    const Result<Goal> goal = first->decide(question.input);
    RC_ASSERT(same(goal, first->decide(question.input)));
    RC_ASSERT(same(goal, second->decide(question.input)));
    if (!goal) {
      RC_ASSERT(!goal.error().message.empty());
      continue;
    }
    const std::string fault = broken(policy, question, *goal) + badly_told(*goal);
    if (!fault.empty()) RC_LOG() << policy.name << ", question " << i << ": " << fault << "\n";
    RC_ASSERT(fault == "");
  }
}

}  // namespace

TEST_CASE("law: every policy bears any input") {
  int number = 0;
  for (const PolicyCase& policy : all_policies()) {
    DYNAMIC_SECTION(++number << " " << policy.name) {
      REQUIRE(rc::check(policy.name, [&] { check_sequence(policy, *rc::gen::arbitrary<std::uint64_t>(), 40); }));
    }
  }
}
