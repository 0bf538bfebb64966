// Private to wire: the words by which enums travel. One table each, for reading and for writing.
#pragma once

#include <span>
#include <string_view>

#include "core/model/machine.hpp"
#include "core/model/node.hpp"
#include "core/model/object.hpp"
#include "core/model/vm.hpp"

namespace neonvm::wire {

template <typename E>
struct Word {
  E value;
  std::string_view text;
};

// The argument only picks the table.
std::span<const Word<Phase>> words(Phase);
std::span<const Word<MountKind>> words(MountKind);
std::span<const Word<MigrationPhase>> words(MigrationPhase);
std::span<const Word<RestartPolicy>> words(RestartPolicy);
std::span<const Word<Health>> words(Health);
std::span<const Word<CpuScalingMode>> words(CpuScalingMode);
std::span<const Word<Protocol>> words(Protocol);
std::span<const Word<Accelerator>> words(Accelerator);
std::span<const Word<NetworkKind>> words(NetworkKind);
std::span<const Word<MachinePhase>> words(MachinePhase);
std::span<const Word<MigrationState>> words(MigrationState);
std::span<const Word<MachineEventKind>> words(MachineEventKind);
std::span<const Word<RunnerRole>> words(RunnerRole);
std::span<const Word<RunnerPhase>> words(RunnerPhase);
std::span<const Word<Kind>> words(Kind);
std::span<const Word<Code>> words(Code);

template <typename E>
std::string_view word_of(E value) {
  for (const Word<E>& each : words(value)) {
    if (each.value == value) return each.text;
  }
  return "";
}

}  // namespace neonvm::wire
