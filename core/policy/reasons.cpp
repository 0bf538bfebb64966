#include "core/policy/reasons.hpp"

namespace neonvm::policy {
namespace {

constexpr std::size_t most_spare = 32;
constexpr std::size_t rule_room = 31;   // what the C ABI passes on
constexpr std::size_t text_room = 223;

}  // namespace

Reasons::Reasons() { spare_.reserve(most_spare); }

void Reasons::begin(Goal& goal) {
  for (Because& because : goal.because) {
    if (spare_.size() < most_spare) spare_.push_back(std::move(because));
  }
  goal.because.clear();
  goal.wish = {};
  goal.complete = true;
  goal.compute_units = 0;
  goal.ask_again.reset();
}

void Reasons::say(Goal& goal, std::string_view rule, std::string_view text) {
  if (spare_.empty()) {
    Because& fresh = goal.because.emplace_back();
    fresh.rule.reserve(rule_room);
    fresh.text.reserve(text_room);
  } else {
    goal.because.push_back(std::move(spare_.back()));
    spare_.pop_back();
  }
  goal.because.back().rule.assign(rule);
  goal.because.back().text.assign(text);
}

void Reasons::pass_on(Goal& goal, const Goal& from) {
  for (const Because& because : from.because) say(goal, because.rule, because.text);
}

}  // namespace neonvm::policy
