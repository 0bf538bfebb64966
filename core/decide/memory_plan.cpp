#include "core/decide/memory_plan.hpp"

#include <algorithm>
#include <cmath>

#include "core/decide/guest_consent.hpp"
#include "core/model/memory_zones.hpp"

namespace neonvm::decide {
namespace {

// More than that is nothing to take in small steps.
constexpr Bytes enough_movable{64 * mib};

Bytes or_none(Bytes amount) { return is_known(amount) ? amount : Bytes{}; }

std::string in_mib(Bytes b) { return to_string(Bytes{(b.value + mib / 2) / mib * mib}); }

// Absent parts are none, and the parts never more than the whole, whatever a guest says.
MemoryZone sane(MemoryZone zone) {
  zone.managed = or_none(zone.managed);
  zone.present = std::max(or_none(zone.present), zone.managed);
  Bytes rest = zone.managed;
  for (Bytes* part : {&zone.free, &zone.anonymous, &zone.unevictable, &zone.file}) {
    *part = std::min(or_none(*part), rest);
    rest = rest - *part;
  }
  return zone;
}

MemoryLayout sane(MemoryLayout layout) {
  layout.kernel = sane(layout.kernel);
  layout.movable = sane(layout.movable);
  return layout;
}

// What lies in the kernel's zones and is its own: movable memory holds nothing of that kind.
struct KernelUse {
  Bytes slab, droppable, page_tables, stacks, page_structs, other;

  [[nodiscard]] Bytes sum() const { return slab + droppable + page_tables + stacks + page_structs + other; }
};

KernelUse kernel_use(const MemoryLayout& layout, const GuestSample& sample, Bytes plugged) {
  const MemoryZone& zone = layout.kernel;
  const Bytes lists = zone.free + zone.file + zone.anonymous + zone.unevictable;
  Bytes rest = zone.managed - lists;
  const auto take = [&rest](Bytes amount) {
    const Bytes taken = std::min(or_none(amount), rest);
    rest = rest - taken;
    return taken;
  };
  KernelUse use;
  use.slab = take(sample.slab_unreclaimable);
  use.droppable = take(sample.slab_reclaimable);
  use.page_tables = take(layout.page_tables);
  use.stacks = take(layout.kernel_stacks);
  use.page_structs = take(Bytes{plugged.value / 64});
  use.other = rest;
  return use;
}

std::vector<Held> parts_of(const KernelUse& use) {
  return {{Holder::slab, use.slab},
          {Holder::page_tables, use.page_tables},
          {Holder::kernel_stacks, use.stacks},
          {Holder::page_structs, use.page_structs},
          {Holder::kernel_other, use.other}};
}

std::vector<Held> sorted(std::vector<Held> held) {
  std::erase_if(held, [](const Held& each) { return each.amount.value == 0; });
  std::stable_sort(held.begin(), held.end(), [](const Held& a, const Held& b) { return a.amount > b.amount; });
  return held;
}

std::vector<Held> held_by(const MemoryLayout& layout, const GuestSample& sample, const KernelUse& use) {
  std::vector<Held> held = parts_of(use);
  const Bytes programs = layout.kernel.anonymous + layout.movable.anonymous;
  // What can be swapped out is not stuck.
  held.push_back({Holder::programs, programs - or_none(sample.swap_free)});
  held.push_back({Holder::locked, layout.kernel.unevictable + layout.movable.unevictable});
  return sorted(std::move(held));
}

// The guest's word, or what its own rule makes of this sample.
Bytes floor_of(const MachineShape& shape, Bytes size, const MemoryLayout& layout, const GuestSample& sample) {
  Bytes floor = layout.floor;
  if (!is_known(floor)) {
    GuestConsent consent;
    consent.sampled(sample);
    consent.size_told(size, sample.at);
    floor = consent.floor(sample.at).value_or(size);
  }
  return std::clamp(floor, std::min(shape.base_memory, size), size);
}

Bytes least_of(const MachineShape& shape, Bytes size, const GuestSample& sample) {
  const Bytes base = std::min(shape.base_memory, size);
  if (!is_known(sample.memory_available)) return base;
  const Bytes spare = std::min(or_none(sample.memory_available), size) + std::min(or_none(sample.swap_free), size) - least_guest_room;
  const Bytes above = size - spare - base;
  return std::min(base + round_up(above, least_step.value), size);
}

// How much more becomes movable before the kernel's rule makes a block its own.
Bytes movable_next(const MachineShape& shape, const MemoryLayout& layout) {
  // From there on a block of the kernel's own cannot describe the movable ones that it lets come.
  constexpr double hopeless = 512.0 / 9 - 2;
  if (shape.movable_ratio > hopeless) return unknown;
  const double allowed = static_cast<double>(layout.kernel.present.value) * shape.movable_ratio;
  return Bytes{static_cast<std::uint64_t>(std::min(allowed, 9.0e18))} - layout.movable.present;
}

class Growth {
 public:
  Growth(const MachineShape& shape, Bytes plugged, const MemoryLayout& layout) : shape_(shape), plugged_(plugged) {
    left_ = shape.pluggable_memory - plugged;
    // A block of the kernel's own brings more room than it takes: only what comes before one can be too much.
    movable_ = std::min(left_, movable_next(shape, layout));
    managed_ = layout.kernel.managed;
    high_ = or_none(layout.kernel.high);
  }

  void limit(const KernelUse& use, MemoryPlan& plan) const {
    plan.most = total(left_);
    const Bytes fits_ever = kept_by(managed_ - use.sum() - least_kernel_room);
    const Bytes fits_now = std::max(kept_by(plan.kernel_room - high_), plan.movable_free < enough_movable ? memory_step : Bytes{});
    const Bytes more = std::min(fits_ever, fits_now);
    if (more >= movable_) return;
    plan.most = total(more);
    plan.most_why = fits_ever <= fits_now ? held_by_kernel(use, plan) : no_room_now(plan);
  }

 private:
  [[nodiscard]] std::string held_by_kernel(const KernelUse& use, const MemoryPlan& plan) const {
    KernelUse all = use;
    all.slab = use.slab + use.droppable;
    return "the kernel holds " + in_mib(use.sum()) + " of its own " + in_mib(managed_) + " (" + in_words(sorted(parts_of(all))) +
           "): page structs for more than " + to_string(plan.most) + " do not fit; give the VM a larger min";
  }

  [[nodiscard]] std::string no_room_now(const MemoryPlan& plan) const {
    return "only " + in_mib(plan.kernel_room) + " of the kernel's own " + in_mib(managed_) + " are free: page structs for more than " +
           to_string(plan.most) + " wait for room";
  }

  [[nodiscard]] Bytes total(Bytes more) const {
    const std::uint64_t block = std::max<std::uint64_t>(shape_.memory_block.value, 1);
    return total_for(shape_, more == left_ ? plugged_ + left_ : std::max(round_down(plugged_ + more, block), plugged_));
  }

  const MachineShape& shape_;
  Bytes plugged_, left_, movable_, managed_, high_;
};

}  // namespace

MachineShape memory_shape_of(const VmSpec& spec) {
  MachineShape shape;
  shape.base_memory = spec.memory.min;
  shape.pluggable_memory = round_up(spec.memory.max - spec.memory.min, shape.memory_block.value);
  shape.movable_ratio = onlining_of(spec).movable_ratio;
  return shape;
}

std::string in_words(const std::vector<Held>& held) {
  constexpr std::size_t most = 3;
  std::string text;
  std::size_t said = 0;
  for (const Held& each : held) {
    if (each.amount < Bytes{mib} || said++ == most) break;
    text += (text.empty() ? "" : ", ") + in_mib(each.amount) + " " + to_string(each.holder);
  }
  return text;
}

bool worth_dropping(const MemoryPlan& plan, Bytes kept) {
  return !plan.most_why.empty() && plan.droppable >= kept + least_drop;
}

std::optional<MemoryPlan> plan_memory(const MachineShape& shape, Bytes plugged, const GuestSample& sample) {
  if (!sample.layout || !is_known(sample.layout->kernel.managed)) return std::nullopt;
  const MemoryLayout layout = sane(*sample.layout);
  plugged = std::min(plugged, shape.pluggable_memory);
  MemoryPlan plan;
  plan.size = total_for(shape, plugged);
  plan.floor = floor_of(shape, plan.size, layout, sample);
  plan.reclaimable = plan.size - plan.floor;
  plan.least = least_of(shape, plan.size, sample);
  plan.in_kernel_zone = plugged - layout.movable.managed;
  plan.kernel_size = layout.kernel.managed;
  plan.kernel_room = std::min(plan.kernel_size, layout.kernel.free + layout.kernel.file);
  plan.movable_size = layout.movable.managed;
  plan.movable_free = layout.movable.free + layout.movable.file;
  const KernelUse use = kernel_use(layout, sample, plugged);
  plan.held = held_by(layout, sample, use);
  plan.droppable = use.droppable;
  Growth(shape, plugged, layout).limit(use, plan);
  return plan;
}

}  // namespace neonvm::decide
