// Settings of one simulated world: its clock, the delays and rates of its models, what the policy is asked with.
//
// Made by cli/simulate and tests, constant afterwards. The defaults of Delays and Guest are medians measured with QEMU 7.2
// and a 6.1 guest kernel: CPU on 58..80 ms and off 72..82 ms seen from the host; virtio-mem plug of 1/2/4 GiB in
// 40..80/60..90/90..310 ms; unplug of 1/2/4 GiB idle in 0.10/0.17/0.31 s and with a full page cache in 1.0/2.5/4.6 s.
#pragma once

#include <cstdint>
#include <cstddef>
#include <optional>

#include "core/decide/guest_consent.hpp"
#include "core/decide/placement.hpp"
#include "core/decide/scaling.hpp"
#include "core/model/instant.hpp"
#include "core/model/resources.hpp"
#include "core/model/scaling_config.hpp"

namespace neonvm::simulate {

// Trace second 0. Not the clock's zero, so that "before the beginning" can be said.
constexpr Instant beginning{std::chrono::hours(24)};

struct Delays {
  Duration permit = std::chrono::milliseconds(2);       // agent to scheduler and back
  Duration write = std::chrono::milliseconds(20);       // wish written, seen by the controller, told to the runner
  Duration consent = std::chrono::milliseconds(8);      // agent to guest and back
  Duration tell = std::chrono::milliseconds(5);
  Duration cpu_online = std::chrono::milliseconds(69);  // each CPU
  Duration cpu_offline = std::chrono::milliseconds(77);
  Duration memory_least = std::chrono::milliseconds(30);  // any change of virtio-mem
  double plug_per_gib = 0.035;                          // seconds
  double unplug_free_per_gib = 0.07;
  double unplug_file_per_gib = 1.1;                     // pages of files: dropped or moved first
  double unplug_anon_per_gib = 4.0;                     // anonymous pages: moved
};

struct GuestRates {
  double allocation = 256.0 * static_cast<double>(mib);  // bytes/s that a workload can touch anew
  double reread = 60;           // seconds in which a workload reads all of its file working set once
  double refault_cost = 100e-6; // seconds that a task waits for one page
  double backlog = 30;          // seconds of demand that wait for a CPU before clients give up
  double restart = 10;          // seconds without work after an OOM kill
  double wake_interval = 0.25;  // seconds between samples while memory runs short
};

struct Network {
  double bandwidth = 1.25e9;      // bytes/s of a node's link, shared by its migrations
  double dirty_per_cpu = 40e6;    // bytes/s made dirty by one busy CPU
  double downtime_limit = 0.3;    // seconds: the copy ends when the rest fits in it
  std::uint32_t rounds = 30;      // then the guest is throttled until it converges
  double give_up = 600;           // seconds of copying after which a migration fails
};

// Stating a permit again, and letting it lapse, matter only where permits get lost: with faults, which have both.
inline decide::ScalingSettings without_refresh() {
  decide::ScalingSettings settings;
  settings.permit_refresh = settings.permit_valid = std::chrono::hours(24 * 3650);
  return settings;
}

struct Settings {
  std::uint64_t seed = 1;
  Duration step = std::chrono::seconds(5);           // a guest's sampling period
  Duration scheduling = std::chrono::seconds(30);    // how often VMs are placed and moved
  std::size_t window = 16;                           // samples shown to the policy
  Resources compute_unit = default_compute_unit;
  ScalingConfig config = default_scaling_config();   // complete
  decide::ScalingSettings scaling = without_refresh();
  decide::ConsentSettings consent;
  decide::ScoreSettings score;
  decide::MoveSettings moves;
  Delays delays;
  GuestRates guest;
  Network network;
  // How long a new scheduler waits, after losing its books, for permits to be restated; none: as long as one may be used.
  // Shorter breaks a law: for the tests that see it break.
  std::optional<Duration> restating;
  std::int64_t epoch_seconds = 0;                    // wall clock at trace second 0; 0: unknown
  unsigned threads = 1;
  // Do not go through code whose answer cannot differ from the last one. Never changes a result; off only in the test
  // that proves it.
  bool skip_quiet = true;
};

constexpr double trace_seconds(Instant at) { return seconds(at - beginning); }
constexpr Instant at_trace_second(double s) { return beginning + from_seconds(s); }

}  // namespace neonvm::simulate
