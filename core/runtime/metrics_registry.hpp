// Counters, gauges, histograms, and their Prometheus text (exposition format 0.0.4).
//
// A family is described once (MetricFamily) and counted by its labels' values; what can be read off when somebody asks, such as
// the length of a queue, is not kept at all but collected then (at_scrape).
//
// Thread-safe; collectors run on the thread that calls text(). What counter(), gauge() and histogram() give is a handle, to be copied
// and kept as one likes: the same name and labels give the same series, which lives as long as the registry knows it or somebody has
// a handle, even after the registry's end. Series with a label value that is gone are dropped with forget(): without a handle their
// memory is free then. Names and label names are checked (assert): they are ours.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace neonvm::runtime {

using Labels = std::map<std::string, std::string>;

enum class MetricKind { counter, gauge, histogram };
const char* to_string(MetricKind kind);

struct MetricFamily {
  MetricKind kind = MetricKind::gauge;
  std::string name, help;
  std::vector<std::string> labels{};       // their names, in the order in which values are given
  std::vector<double> bounds{};            // of a histogram, ascending
};
// Of a gauge or a counter that is only read off: its value now.
struct MetricSample {
  const MetricFamily* family = nullptr;    // outlives the registry
  std::vector<std::string> values;
  double value = 0;
};

class CounterSeries;
class GaugeSeries;
class HistogramSeries;

class Counter {
 public:
  explicit Counter(std::shared_ptr<CounterSeries> series) : series_(std::move(series)) {}
  void add(double amount = 1) const;       // REQUIRES amount >= 0
  friend bool operator==(const Counter&, const Counter&) = default;   // the same series

 private:
  std::shared_ptr<CounterSeries> series_;
};
class Gauge {
 public:
  explicit Gauge(std::shared_ptr<GaugeSeries> series) : series_(std::move(series)) {}
  void set(double value) const;

 private:
  std::shared_ptr<GaugeSeries> series_;
};
class Histogram {
 public:
  explicit Histogram(std::shared_ptr<HistogramSeries> series) : series_(std::move(series)) {}
  void observe(double value) const;

 private:
  std::shared_ptr<HistogramSeries> series_;
};

class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                      const Labels& labels = {});
  // By the family; REQUIRES as many values as it has labels.
  Counter counter(const MetricFamily& family, const std::vector<std::string>& values = {});
  Gauge gauge(const MetricFamily& family, const std::vector<std::string>& values = {});
  Histogram histogram(const MetricFamily& family, const std::vector<std::string>& values = {});

  using Collector = std::function<void(std::vector<MetricSample>& out)>;
  // Asked by every text(), until what is returned is destroyed, which must be on the thread of text(). A family is either
  // collected or kept; a series that two collectors tell counts once, the last.
  [[nodiscard]] std::shared_ptr<void> at_scrape(Collector collector);

  // Drops every series that has this label value. What is still counted with a handle of one shows nowhere.
  void forget(const std::string& label, const std::string& value);
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace neonvm::runtime
