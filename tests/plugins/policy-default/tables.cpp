#include "tests/plugins/policy-default/tables.hpp"

#include <fstream>
#include <sstream>

#include "tests/support/catch.hpp"

namespace neonvm::policy_default {
namespace {

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream parts(line + "|");
  for (std::string cell; std::getline(parts, cell, '|');) cells.push_back(trimmed(cell));
  return cells;
}

}  // namespace

std::vector<Row> read_table(const std::string& file) {
  std::ifstream in(std::string(POLICY_TABLES) + "/" + file);
  REQUIRE(in);
  std::vector<std::string> columns;
  std::vector<Row> rows;
  for (std::string line; std::getline(in, line);) {
    if (trimmed(line).empty() || line.front() == '#') continue;
    const std::vector<std::string> cells = cells_of(line);
    if (columns.empty()) {
      columns = cells;
      continue;
    }
    REQUIRE(cells.size() == columns.size());
    Row& row = rows.emplace_back();
    for (std::size_t i = 0; i < cells.size(); ++i) row[columns[i]] = cells[i];
  }
  REQUIRE_FALSE(rows.empty());
  return rows;
}

double number(const Row& row, const std::string& column) {
  const std::string& cell = row.at(column);
  return cell == "-" ? absent : std::stod(cell);
}

std::vector<double> series(const Row& row, const std::string& column) {
  std::string cell = row.at(column);
  if (cell == "-") return {};
  if (cell == "example") {
    cell = "0 15000 30000 40000 50000 150000 175000 180000 185000 190000 250000 300000 350000 375000 400000 415000 "
           "425000 430000 435000 435000";
  }
  std::istringstream in(cell);
  std::vector<double> numbers;
  for (double x = 0; in >> x;) numbers.push_back(x);
  return numbers;
}

GuestSample sample_with(Instant at, double load1, double load5, Bytes usage, Bytes cached) {
  GuestSample sample;
  sample.at = at;
  sample.load1 = load1;
  sample.load5 = load5;
  sample.memory_total = Bytes{64 * gib};
  sample.memory_available = sample.memory_total - (usage - Bytes{100 * mib});
  sample.memory_cached = cached;
  return sample;
}

PolicyInput input_with(std::span<const GuestSample> samples, const ScalingConfig& config) {
  PolicyInput input;
  input.vm = "vm";
  input.now = test_now;
  input.samples = samples;
  input.using_now = default_compute_unit;
  input.min = default_compute_unit;
  input.max = default_compute_unit * 64;
  input.compute_unit = default_compute_unit;
  input.config = &config;
  return input;
}

const Because* find(const Goal& goal, std::string_view rule) {
  for (const Because& because : goal.because) {
    if (because.rule == rule) return &because;
  }
  return nullptr;
}

}  // namespace neonvm::policy_default
