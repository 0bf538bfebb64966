#include "core/runtime/metrics_registry.hpp"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <charconv>
#include <cmath>
#include <mutex>

namespace neonvm::runtime {

class MetricSeries {
 public:
  virtual ~MetricSeries() = default;
  virtual void print(std::string& out, const std::string& name, const std::string& labels) const = 0;
};

namespace {

using Kind = MetricKind;

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

struct Family {
  Kind kind = Kind::counter;
  std::string help;
  std::map<Labels, std::shared_ptr<MetricSeries>> series;
};

Labels labels_of(const MetricFamily& family, const std::vector<std::string>& values) {
  assert(family.labels.size() == values.size());
  Labels labels;
  for (std::size_t i = 0; i < values.size(); ++i) labels[family.labels[i]] = values[i];
  return labels;
}

void print_head(std::string& out, const std::string& name, const std::string& help, Kind kind) {
  out += "# HELP " + name + ' ' + escaped(help, false) + '\n';
  out += "# TYPE " + name + ' ' + to_string(kind) + '\n';
}

}  // namespace

class CounterSeries : public MetricSeries {
 public:
  void add(double amount) {
    assert(amount >= 0);
    value_.fetch_add(amount, std::memory_order_relaxed);
  }
  void print(std::string& out, const std::string& name, const std::string& labels) const override {
    out += name + in_braces(labels) + ' ' + number(value_.load(std::memory_order_relaxed)) + '\n';
  }

 private:
  std::atomic<double> value_{0};
};

class GaugeSeries : public MetricSeries {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void print(std::string& out, const std::string& name, const std::string& labels) const override {
    out += name + in_braces(labels) + ' ' + number(value_.load(std::memory_order_relaxed)) + '\n';
  }

 private:
  std::atomic<double> value_{0};
};

class HistogramSeries : public MetricSeries {
 public:
  explicit HistogramSeries(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {
    assert(std::ranges::is_sorted(bounds_));
  }
  void observe(double value) {
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

void Counter::add(double amount) const { series_->add(amount); }
void Gauge::set(double value) const { series_->set(value); }
void Histogram::observe(double value) const { series_->observe(value); }

const char* to_string(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter: return "counter";
    case MetricKind::gauge: return "gauge";
    case MetricKind::histogram: return "histogram";
  }
  return "untyped";
}

struct MetricsRegistry::Impl {
  // The series of that name and labels, made by `make` when there is none.
  template <typename Made, typename Make>
  std::shared_ptr<Made> series(Kind kind, const std::string& name, const std::string& help, const Labels& labels, Make make) {
    assert(is_name(name, true));
    assert(std::ranges::all_of(labels, [](const auto& label) { return is_name(label.first, false); }));
    const std::lock_guard lock(mutex);
    Family& family = families.try_emplace(name, Family{kind, help, {}}).first->second;
    assert(family.kind == kind);
    std::shared_ptr<MetricSeries>& slot = family.series[labels];
    if (!slot) slot = make();
    return std::static_pointer_cast<Made>(slot);
  }

  // By the name of their family; collectors may themselves count, so without the lock.
  std::map<std::string, std::pair<const MetricFamily*, std::map<Labels, double>>> collected() {
    std::vector<std::shared_ptr<Collector>> asked;
    {
      const std::lock_guard lock(mutex);
      std::erase_if(collectors, [](const auto& weak) { return weak.expired(); });
      for (const auto& weak : collectors)
        if (auto collector = weak.lock()) asked.push_back(std::move(collector));
    }
    std::vector<MetricSample> samples;
    for (const auto& collector : asked) (*collector)(samples);
    std::map<std::string, std::pair<const MetricFamily*, std::map<Labels, double>>> found;
    for (const MetricSample& sample : samples) {
      auto& [family, series] = found[sample.family->name];
      family = sample.family;
      series[labels_of(*family, sample.values)] = sample.value;
    }
    return found;
  }

  mutable std::mutex mutex;
  std::map<std::string, Family> families;
  std::vector<std::weak_ptr<Collector>> collectors;
};

MetricsRegistry::MetricsRegistry() : impl_(std::make_unique<Impl>()) {}
MetricsRegistry::~MetricsRegistry() = default;

Counter MetricsRegistry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return Counter(impl_->series<CounterSeries>(Kind::counter, name, help, labels, [] { return std::make_shared<CounterSeries>(); }));
}

Gauge MetricsRegistry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return Gauge(impl_->series<GaugeSeries>(Kind::gauge, name, help, labels, [] { return std::make_shared<GaugeSeries>(); }));
}

Histogram MetricsRegistry::histogram(const std::string& name, const std::string& help,
                                     const std::vector<double>& bounds, const Labels& labels) {
  return Histogram(impl_->series<HistogramSeries>(Kind::histogram, name, help, labels,
                                                  [&bounds] { return std::make_shared<HistogramSeries>(bounds); }));
}

Counter MetricsRegistry::counter(const MetricFamily& family, const std::vector<std::string>& values) {
  assert(family.kind == Kind::counter);
  return counter(family.name, family.help, labels_of(family, values));
}

Gauge MetricsRegistry::gauge(const MetricFamily& family, const std::vector<std::string>& values) {
  assert(family.kind == Kind::gauge);
  return gauge(family.name, family.help, labels_of(family, values));
}

Histogram MetricsRegistry::histogram(const MetricFamily& family, const std::vector<std::string>& values) {
  assert(family.kind == Kind::histogram);
  return histogram(family.name, family.help, family.bounds, labels_of(family, values));
}

std::shared_ptr<void> MetricsRegistry::at_scrape(Collector collector) {
  auto kept = std::make_shared<Collector>(std::move(collector));
  const std::lock_guard lock(impl_->mutex);
  impl_->collectors.push_back(kept);
  return kept;
}

void MetricsRegistry::forget(const std::string& label, const std::string& value) {
  const std::lock_guard lock(impl_->mutex);
  for (auto& [name, family] : impl_->families) {
    std::erase_if(family.series, [&](const auto& series) {
      const auto found = series.first.find(label);
      return found != series.first.end() && found->second == value;
    });
  }
}

std::string MetricsRegistry::text() const {
  const auto collected = impl_->collected();
  const std::lock_guard lock(impl_->mutex);
  std::string out;
  for (const auto& [name, family] : impl_->families) {
    if (family.series.empty() || collected.count(name) != 0) continue;
    print_head(out, name, family.help, family.kind);
    for (const auto& [labels, series] : family.series) series->print(out, name, label_text(labels));
  }
  for (const auto& [name, family] : collected) {
    print_head(out, name, family.first->help, family.first->kind);
    for (const auto& [labels, value] : family.second) out += name + in_braces(label_text(labels)) + ' ' + number(value) + '\n';
  }
  return out;
}

}  // namespace neonvm::runtime
