#include "core/simulate/generators.hpp"

#include <algorithm>
#include <cmath>

#include "core/simulate/random.hpp"

namespace neonvm::simulate {
namespace {

constexpr double slot = 60;          // seconds of a piece of a smooth workload
constexpr double day = 86400;
constexpr double two_pi = 6.283185307179586;

class Generator : public DemandSource {
 public:
  Generator(const GeneratorSpec& spec, std::uint64_t seed) : spec_(spec), random_(seed) {}

  Piece piece(double at) final {
    Piece p = make(at);
    p.demand.cpu = std::max(0.0, p.demand.cpu);
    p.demand.anonymous = std::floor(std::max(0.0, p.demand.anonymous));
    p.until = std::min(std::max(p.until, at + 0.001), spec_.until > at ? spec_.until : p.until);
    p.gone = at >= spec_.until;
    return p;
  }

 protected:
  virtual Piece make(double at) = 0;

  // share 0: low, 1: high.
  [[nodiscard]] Piece at_level(double cpu_share, double memory_share, double until) const {
    const GeneratorSpec& s = spec_;
    return {{s.cpu_low + (s.cpu_high - s.cpu_low) * cpu_share,
             s.memory_low + (s.memory_high - s.memory_low) * memory_share, s.file, 0}, until};
  }
  [[nodiscard]] double noise(double amount) { return 1 + amount * (random_.share() - 0.5); }
  [[nodiscard]] static double next_slot(double at) { return (std::floor(at / slot) + 1) * slot; }

  GeneratorSpec spec_;
  Random random_;
};

class Steady final : public Generator {
 public:
  using Generator::Generator;
  Piece make(double at) override {
    Piece p = at_level(0.5, 0.5, next_slot(at) + slot * 9);
    p.demand.cpu *= noise(0.1);
    return p;
  }
};

class Diurnal final : public Generator {
 public:
  Diurnal(const GeneratorSpec& spec, std::uint64_t seed) : Generator(spec, seed), phase_(random_.share() * spec.period * 0.15) {}
  Piece make(double at) override {
    const double wave = 0.5 - 0.5 * std::cos(two_pi * (at + phase_) / spec_.period);
    Piece p = at_level(wave * wave, wave, next_slot(at) + slot * 4);
    p.demand.cpu *= noise(0.2);
    return p;
  }

 private:
  double phase_;
};

class Bursty final : public Generator {
 public:
  using Generator::Generator;
  Piece make(double at) override {
    on_ = !on_;
    const double mean = on_ ? spec_.period / 1440 * 2 : spec_.period / 1440 * 12;
    const double lasts = random_.exponential(mean);   // drawn by itself: compilers differ in which argument comes first
    return at_level(on_ ? noise(0.4) : 0, on_ ? 0.6 : 0, at + 1 + lasts);
  }

 private:
  bool on_ = true;
};

class HeavyTail final : public Generator {
 public:
  using Generator::Generator;
  Piece make(double at) override {
    const double size = std::min(random_.pareto(0.02, 1.5), 4.0);
    return at_level(size, std::min(1.0, size), at + 1 + random_.exponential(slot));
  }
};

class Nightly final : public Generator {
 public:
  Nightly(const GeneratorSpec& spec, std::uint64_t seed) : Generator(spec, seed), starts_(day * 0.08 + random_.share() * 3600) {}
  Piece make(double at) override {
    const double time = std::fmod(at, day);
    const bool batch = time >= starts_ && time < starts_ + 3600;
    const double midnight = at - time;
    const double next = batch ? midnight + starts_ + 3600 : (time < starts_ ? midnight + starts_ : midnight + day);
    Piece p = at_level(batch ? 1 : 0, batch ? 1 : 0, std::min(next, at + slot * 10));
    p.demand.cpu *= noise(0.1);
    return p;
  }

 private:
  double starts_;
};

class FlashCrowd final : public Generator {
 public:
  FlashCrowd(const GeneratorSpec& spec, std::uint64_t seed) : Generator(spec, seed), comes_(random_.share() * day) {}
  Piece make(double at) override {
    double since = std::fmod(at, day) - comes_;
    if (since < 0) return at_level(0, 0.1, std::min(at - since, at + slot * 10));
    const double level = std::exp(-since / 900);
    return at_level(level, std::max(0.1, level * 0.7), next_slot(at));
  }

 private:
  double comes_;
};

class Ramp final : public Generator {
 public:
  Ramp(const GeneratorSpec& spec, std::uint64_t seed) : Generator(spec, seed), phase_(random_.share() * spec.period) {}
  Piece make(double at) override {
    const double share = std::fmod(at + phase_, spec_.period) / spec_.period;
    return at_level(0.3, share, at + std::max(5.0, spec_.period / 720));
  }

 private:
  double phase_;
};

class Scan final : public Generator {
 public:
  using Generator::Generator;
  Piece make(double at) override {
    scanning_ = !scanning_;
    Piece p = at_level(scanning_ ? 0.5 : 0.2, 0.2, at + (scanning_ ? 120 : 600 + random_.exponential(spec_.period / 24)));
    if (scanning_) p.demand.scan = spec_.memory_high / 60;
    return p;
  }

 private:
  bool scanning_ = true;
};

template <typename G>
std::unique_ptr<DemandSource> make(const GeneratorSpec& spec, std::uint64_t seed) {
  return std::make_unique<G>(spec, seed);
}

struct Entry {
  const char* kind;
  std::unique_ptr<DemandSource> (*make)(const GeneratorSpec&, std::uint64_t);
};

constexpr Entry entries[] = {
    {"steady", make<Steady>},      {"diurnal", make<Diurnal>}, {"bursty", make<Bursty>},
    {"heavy_tail", make<HeavyTail>}, {"nightly", make<Nightly>}, {"flash_crowd", make<FlashCrowd>},
    {"ramp", make<Ramp>},          {"scan", make<Scan>},
};

Status in_range(const char* field, double value, double low, double high) {
  if (value >= low && value <= high) return {};
  return Error{Code::invalid_argument, std::string(field) + ": " + std::to_string(value) + " is not within " +
                                           std::to_string(low) + " to " + std::to_string(high)};
}

}  // namespace

const std::vector<std::string>& generator_kinds() {
  static const std::vector<std::string> kinds = [] {
    std::vector<std::string> all;
    for (const Entry& entry : entries) all.emplace_back(entry.kind);
    return all;
  }();
  return kinds;
}

Status check(const GeneratorSpec& s) {
  const auto& kinds = generator_kinds();
  if (std::find(kinds.begin(), kinds.end(), s.kind) == kinds.end()) {
    std::string all;
    for (const std::string& kind : kinds) all += (all.empty() ? "" : ", ") + kind;
    return Error{Code::invalid_argument, "generator: \"" + s.kind + "\" is none of " + all};
  }
  constexpr double most_cpus = 512, most_memory = 16e12;
  const Status checks[] = {in_range("cpu, low", s.cpu_low, 0, most_cpus),
                           in_range("cpu, high", s.cpu_high, s.cpu_low, most_cpus),
                           in_range("memory, low", s.memory_low, 0, most_memory),
                           in_range("memory, high", s.memory_high, s.memory_low, most_memory),
                           in_range("file", s.file, 0, most_memory), in_range("period", s.period, 60, 400 * day)};
  for (const Status& status : checks)
    if (!status) return status;
  return {};
}

std::unique_ptr<DemandSource> make_generator(const GeneratorSpec& spec, std::uint64_t seed) {
  for (const Entry& entry : entries)
    if (spec.kind == entry.kind) return entry.make(spec, seed);
  return nullptr;
}

}  // namespace neonvm::simulate
