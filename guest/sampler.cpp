#include "guest/sampler.hpp"

namespace neonvm::guest {

Sampler::Sampler(runtime::Loop& loop, Taken taken, SamplerSettings settings, const std::string& proc)
    : loop_(loop), taken_(std::move(taken)), settings_(settings), reader_(proc) {}

void Sampler::take(const std::string& event) {
  waiting_.clear();
  last_ = reader_.sample(loop_.now());
  timer_ = loop_.after(settings_.period, [this] { take(""); });
  taken_(last_, event);
}

void Sampler::event(const std::string& name) {
  const Duration rest = last_.at + settings_.least_gap - loop_.now();
  if (rest <= Duration{}) return take(name);
  if (!waiting_.empty()) return;
  waiting_ = name;
  timer_ = loop_.after(rest, [this] { take(std::string(waiting_)); });
}

}  // namespace neonvm::guest
