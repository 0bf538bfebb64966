#include "plugins/policy-pressure/memory_wish.hpp"

#include <algorithm>

#include "core/policy/figures.hpp"

namespace neonvm::policy_pressure {
namespace {

using policy::in_mib;
using policy::in_seconds;
using policy::Line;

constexpr double lead = 2.0;              // seconds
constexpr double more = 1.25, much_more = 1.5;
constexpr Duration request_valid = std::chrono::seconds(10);

void raise_to(Wish& wish, double amount, const char* rule, const Line& text) {
  if (amount > wish.amount) wish = {true, amount, rule, text};
}

void by_stall(Wish& wish, const Stall& stall, double have) {
  if (stall.killed) {
    raise_to(wish, have * much_more, "memory.oom",
             Line() << "the guest's kernel killed for want of memory: half as much again as " << in_mib(have) << " MiB");
  }
  if (!stall.waits) return;
  raise_to(wish, have * more, "memory.pressure",
           Line() << "the guest waits for memory (" << stall.some * 100 << "% of the time, " << stall.refaults
                  << " refaults/s, " << stall.swapped_in << " from swap/s): a quarter more than " << in_mib(have)
                  << " MiB");
}

void by_request(Wish& wish, const PolicyInput& input, double have) {
  if (!input.request || !policy::is_fresh(input.request->at, input.now, request_valid)) return;
  const Bytes memory = input.request->memory;
  if (!policy::is_sane(memory)) return;
  const double asked = memory.value == 0 ? have * more : static_cast<double>(memory.value);
  raise_to(wish, asked, "memory.request",
           Line() << "the guest asks for " << in_mib(asked) << " MiB; has " << in_mib(have) << " MiB");
}

// It has all that it wants: may it be less?
Wish shrunk(const VmWatch& watch, Instant now, double have, double kernel, const PressureOptions& options) {
  const auto calm = in_seconds(options.calm);
  if (!watch.memory.covers(now, options.calm)) {
    return {true, have, "memory.wait", Line() << "not watched for " << calm << " s yet (has " << in_mib(have) << " MiB)"};
  }
  if (watch.hot(now, options.calm)) {
    return {true, have, "memory.hot", Line() << "memory was waited for within " << calm << " s: keeping "
                                             << in_mib(have) << " MiB"};
  }
  const double peak = watch.memory.peak(now, options.calm) + kernel;
  const double kept = watch.cache * (1 - options.cache_step);
  const double enough = std::max(peak / options.memory_target, peak + kept);
  Line text;
  text << in_mib(peak) << " MiB at the most in " << calm << " s, and " << in_mib(watch.cache) << " MiB of file cache";
  if (enough >= have * (1 - options.step_down)) {
    return {true, have, "memory.keep", text << ": worth keeping " << in_mib(have) << " MiB"};
  }
  return {true, enough, "memory.calm", text << ": enough are " << in_mib(enough) << " MiB"};
}

}  // namespace

Wish memory_wish(const VmWatch& watch, const PolicyInput& input, double have, const PressureOptions& options) {
  const auto need = watch.memory.now(input.now);
  if (!need) return {false, have, "memory.unknown", Line() << "no fresh sample tells the memory in use"};
  // The kernel's own part of the VM is not in MemTotal: page structs and the image. It stays in use at every size.
  const double kernel = std::clamp(have - watch.total, 0.0, have * 0.1);
  const double soon = *need + kernel + watch.growth(input.now) * lead;
  Wish wish{true, soon / options.memory_target, "memory.use",
            Line() << in_mib(*need + kernel) << " MiB in use, " << in_mib(soon) << " MiB soon; has " << in_mib(have)
                   << " MiB"};
  by_stall(wish, watch.stall, have);
  by_request(wish, input, have);
  return wish.amount > have ? wish : shrunk(watch, input.now, have, kernel, options);
}

}  // namespace neonvm::policy_pressure
