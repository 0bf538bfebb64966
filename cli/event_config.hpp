// event_config: the settings of billing and scaling events: [billing], [scaling_events], and the clients of each.
#pragma once

#include <cstdint>
#include <string>

#include "core/model/resources.hpp"

namespace neonvm::cli {

// To whom a stream of events goes: each that is set.
struct EventClients {
  std::string http_url, http_token_file, http_ca_file;
  std::string s3_bucket, s3_region, s3_endpoint, s3_prefix, s3_credentials_file, s3_ca_file;
  std::string azure_endpoint, azure_container, azure_prefix, azure_key_file, azure_sas_file, azure_ca_file;

  [[nodiscard]] bool any() const { return !http_url.empty() || !s3_bucket.empty() || !azure_container.empty(); }
};

struct EventConfig {
  EventClients billing, scaling;
  std::string cpu_metric = "effective_compute_seconds", active_metric = "active_time_seconds", memory_metric;
  bool bill_everybody = false;
  std::int64_t accumulate_seconds = 24;
  std::string region = "local";
  double cu_multiplier = 1;
  std::int64_t push_every_seconds = 30;
  std::int64_t timeout_seconds = 20, most_events = 500;  // of one sending; events of one HTTP request
  Bytes spool_limit{256 * mib};            // of each stream
  std::string spool;                       // folder; empty: in the home
};

}  // namespace neonvm::cli
