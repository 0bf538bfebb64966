#include "core/runtime/metrics_registry.hpp"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <charconv>
#include <cmath>
#include <mutex>

namespace neonvm::runtime {

namespace {

enum class Kind { counter, gauge, histogram };

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  return {text, end};
}

std::string escaped(const std::string& text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else if (c == '"' && quotes) out += "\\\"";
    else out += c;
  }
  return out;
}

std::string label_text(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ',';
    out += name + "=\"" + escaped(value, true) + '"';
  }
  return out;
}

std::string in_braces(const std::string& labels) { return labels.empty() ? "" : '{' + labels + '}'; }

[[maybe_unused]] bool is_name(const std::string& name, bool colons) {
  const auto fits = [colons](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (colons && c == ':');
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, fits);
}

class Series {
 public:
  virtual ~Series() = default;
  virtual void print(std::string& out, const std::string& name, const std::string& labels) const = 0;
};

class CounterSeries : public Series, public Counter {
 public:
  void add(double amount) override {
    assert(amount >= 0);
    value_.fetch_add(amount, std::memory_order_relaxed);
  }
  void print(std::string& out, const std::string& name, const std::string& labels) const override {
    out += name + in_braces(labels) + ' ' + number(value_.load(std::memory_order_relaxed)) + '\n';
  }

 private:
  std::atomic<double> value_{0};
};

class GaugeSeries : public Series, public Gauge {
 public:
  void set(double value) override { value_.store(value, std::memory_order_relaxed); }
  void print(std::string& out, const std::string& name, const std::string& labels) const override {
    out += name + in_braces(labels) + ' ' + number(value_.load(std::memory_order_relaxed)) + '\n';
  }

 private:
  std::atomic<double> value_{0};
};

class HistogramSeries : public Series, public Histogram {
 public:
  explicit HistogramSeries(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {
    assert(std::ranges::is_sorted(bounds_));
  }
  void observe(double value) override {
    // NaN is below no bound and so counts in +Inf only.
    const auto first = std::ranges::find_if(bounds_, [value](double bound) { return value <= bound; });
    counts_[static_cast<std::size_t>(first - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }
  void print(std::string& out, const std::string& name, const std::string& labels) const override {
    const std::string before = labels.empty() ? "" : labels + ',';
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      below += counts_[i].load(std::memory_order_relaxed);
      const std::string bound = i < bounds_.size() ? number(bounds_[i]) : "+Inf";
      out += name + "_bucket{" + before + "le=\"" + bound + "\"} " + std::to_string(below) + '\n';
    }
    out += name + "_sum" + in_braces(labels) + ' ' + number(sum_.load(std::memory_order_relaxed)) + '\n';
    out += name + "_count" + in_braces(labels) + ' ' + std::to_string(below) + '\n';
  }

 private:
  std::vector<double> bounds_;
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::atomic<double> sum_{0};
};

const char* to_string(Kind kind) {
  switch (kind) {
    case Kind::counter: return "counter";
    case Kind::gauge: return "gauge";
    case Kind::histogram: return "histogram";
  }
  return "untyped";
}

struct Family {
  Kind kind = Kind::counter;
  std::string help;
  std::map<Labels, std::unique_ptr<Series>> series;
};

}  // namespace

struct MetricsRegistry::Impl {
  // The series of that name and labels, made by `make` when there is none.
  template <typename Made, typename Make>
  Made& series(Kind kind, const std::string& name, const std::string& help, const Labels& labels, Make make) {
    assert(is_name(name, true));
    assert(std::ranges::all_of(labels, [](const auto& label) { return is_name(label.first, false); }));
    const std::lock_guard lock(mutex);
    Family& family = families.try_emplace(name, Family{kind, help, {}}).first->second;
    assert(family.kind == kind);
    std::unique_ptr<Series>& slot = family.series[labels];
    if (!slot) slot = make();
    return static_cast<Made&>(*slot);
  }

  mutable std::mutex mutex;
  std::map<std::string, Family> families;
  // Somebody may still hold a reference, and nobody says when not: kept, without name and labels.
  std::vector<std::unique_ptr<Series>> forgotten;
};

MetricsRegistry::MetricsRegistry() : impl_(std::make_unique<Impl>()) {}
MetricsRegistry::~MetricsRegistry() = default;

Counter& MetricsRegistry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return impl_->series<CounterSeries>(Kind::counter, name, help, labels,
                                      [] { return std::make_unique<CounterSeries>(); });
}

Gauge& MetricsRegistry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return impl_->series<GaugeSeries>(Kind::gauge, name, help, labels, [] { return std::make_unique<GaugeSeries>(); });
}

Histogram& MetricsRegistry::histogram(const std::string& name, const std::string& help,
                                      const std::vector<double>& bounds, const Labels& labels) {
  return impl_->series<HistogramSeries>(Kind::histogram, name, help, labels,
                                        [&bounds] { return std::make_unique<HistogramSeries>(bounds); });
}

void MetricsRegistry::forget(const std::string& label, const std::string& value) {
  const std::lock_guard lock(impl_->mutex);
  for (auto& [name, family] : impl_->families) {
    for (auto it = family.series.begin(); it != family.series.end();) {
      const auto found = it->first.find(label);
      if (found == it->first.end() || found->second != value) {
        ++it;
        continue;
      }
      impl_->forgotten.push_back(std::move(it->second));
      it = family.series.erase(it);
    }
  }
}

std::string MetricsRegistry::text() const {
  const std::lock_guard lock(impl_->mutex);
  std::string out;
  for (const auto& [name, family] : impl_->families) {
    if (family.series.empty()) continue;
    out += "# HELP " + name + ' ' + escaped(family.help, false) + '\n';
    out += "# TYPE " + name + ' ' + to_string(family.kind) + '\n';
    for (const auto& [labels, series] : family.series) series->print(out, name, label_text(labels));
  }
  return out;
}

}  // namespace neonvm::runtime
