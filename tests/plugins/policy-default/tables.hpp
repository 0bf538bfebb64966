// Text tables of test vectors: '#' begins a comment, the first line names the columns, '|' parts the cells.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/metrics.hpp"
#include "core/model/scaling_config.hpp"
#include "core/ports/policy.hpp"

namespace neonvm::policy_default {

using Row = std::map<std::string, std::string>;

std::vector<Row> read_table(const std::string& file);
// NaN for "-".
double number(const Row& row, const std::string& column);
// Numbers with blanks between, "example" for the reference's 20 windows, none for "-" and "".
std::vector<double> series(const Row& row, const std::string& column);

// A sample whose memory in use comes out as `usage`.
GuestSample sample_with(Instant at, double load1, double load5, Bytes usage, Bytes cached);
// At t = 1000 s, unit 250m / 1Gi, wide bounds.
PolicyInput input_with(std::span<const GuestSample> samples, const ScalingConfig& config);
constexpr Instant test_now{std::chrono::seconds(1000)};

const Because* find(const Goal& goal, std::string_view rule);

}  // namespace neonvm::policy_default
