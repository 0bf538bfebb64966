#include "core/model/goal.hpp"

namespace neonvm {
namespace {

constexpr std::size_t most_spare = 32;
constexpr std::size_t rule_room = 31;
constexpr std::size_t text_room = 223;
constexpr std::size_t usual = 8;

Because roomy() {
  Because because;
  because.rule.reserve(rule_room);
  because.text.reserve(text_room);
  return because;
}

}  // namespace

SpareReasons::SpareReasons() {
  spare_.reserve(most_spare);
  for (std::size_t i = 0; i < usual; ++i) spare_.push_back(roomy());
}

void SpareReasons::empty(Goal& goal) {
  for (Because& because : goal.because) {
    if (spare_.size() < most_spare) spare_.push_back(std::move(because));
  }
  goal.because.clear();
}

void SpareReasons::add(Goal& goal, std::string_view rule, std::string_view text) {
  if (goal.because.capacity() == 0) goal.because.reserve(16);
  if (spare_.empty()) {
    goal.because.push_back(roomy());
  } else {
    goal.because.push_back(std::move(spare_.back()));
    spare_.pop_back();
  }
  goal.because.back().rule.assign(rule);
  goal.because.back().text.assign(text);
}

}  // namespace neonvm
