// Private to wire: the part of a VmSpec that lives in labels and annotations (autoscaling.md 1) and in our own.
#pragma once

#include "core/model/object.hpp"
#include "core/model/vm.hpp"
#include "core/wire/json.hpp"

namespace neonvm::wire {

void read_annotations(const Object& object, VmSpec& spec, Faults& faults);
// `before`: what object says now, if it can be read: what means the same stays as it came.
void write_annotations(const VmSpec& spec, const VmSpec* before, Object& object);

}  // namespace neonvm::wire
