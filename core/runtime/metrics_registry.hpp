// Counters, gauges, histograms, and their Prometheus text (exposition format 0.0.4).
//
// Thread-safe. Instruments live as long as the registry; the same name and labels give the same instrument. Names and
// label names are checked (assert): they are ours. Series with a label value that is gone are removed with forget().
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace neonvm::runtime {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(double amount = 1) = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                       const Labels& labels = {});
  // Drops every series that has this label value. References to them stay valid but count for nothing.
  void forget(const std::string& label, const std::string& value);
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace neonvm::runtime
