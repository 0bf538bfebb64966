// Private to wire: members of a GuestPlan.
#pragma once

#include "core/model/guest_plan.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/words.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<GuestMount> auto& m) {
  v.need("kind", m.kind);
  v.need("name", m.name);
  v.need("path", m.path);
  v.field("disk", m.disk);
  v.field_or("readOnly", m.read_only, false);
  v.field_or("discard", m.discard, false);
  v.field_or("quotas", m.quotas, false);
  v.field_or("format", m.format, false);
  v.field_or("secret", m.secret, false);
  v.field_or("size", m.size, Bytes{});
}

void describe(auto& v, Like<GuestPlan> auto& p) {
  v.field("mounts", p.mounts);
  v.field("sysctl", p.sysctl);
  v.field("swapDisk", p.swap_disk);
  v.field_or("swap", p.swap, Bytes{});
}

}  // namespace neonvm::wire
