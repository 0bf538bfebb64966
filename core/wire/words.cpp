#include "core/wire/words.hpp"

namespace neonvm::wire {
namespace {

// By the model's own names.
template <typename E, E... values>
std::span<const Word<E>> named() {
  static const Word<E> table[] = {{values, to_string(values)}...};
  return table;
}

}  // namespace

std::span<const Word<Phase>> words(Phase) {
  using enum Phase;
  return named<Phase, none, pending, running, scaling, pre_migrating, migrating, succeeded, failed, stopped>();
}

std::span<const Word<MigrationPhase>> words(MigrationPhase) {
  using enum MigrationPhase;
  return named<MigrationPhase, none, pending, running, succeeded, failed, cancelled>();
}

std::span<const Word<Health>> words(Health) {
  using enum Health;
  return named<Health, none, starting, healthy, unhealthy>();
}

std::span<const Word<RestartPolicy>> words(RestartPolicy) {
  static constexpr Word<RestartPolicy> table[] = {
      {RestartPolicy::always, "Always"}, {RestartPolicy::on_failure, "OnFailure"}, {RestartPolicy::never, "Never"}};
  return table;
}

std::span<const Word<CpuScalingMode>> words(CpuScalingMode) {
  static constexpr Word<CpuScalingMode> table[] = {{CpuScalingMode::sysfs, "SysfsScaling"},
                                                   {CpuScalingMode::qmp, "QmpScaling"}};
  return table;
}

std::span<const Word<Protocol>> words(Protocol) {
  static constexpr Word<Protocol> table[] = {{Protocol::tcp, "TCP"}, {Protocol::udp, "UDP"}};
  return table;
}

std::span<const Word<Accelerator>> words(Accelerator) {
  static constexpr Word<Accelerator> table[] = {
      {Accelerator::automatic, "automatic"}, {Accelerator::kvm, "kvm"}, {Accelerator::tcg, "tcg"}};
  return table;
}

std::span<const Word<NetworkKind>> words(NetworkKind) {
  static constexpr Word<NetworkKind> table[] = {
      {NetworkKind::none, "none"}, {NetworkKind::user, "user"}, {NetworkKind::tap, "tap"}};
  return table;
}

std::span<const Word<MountKind>> words(MountKind) {
  static constexpr Word<MountKind> table[] = {{MountKind::disk, "disk"}, {MountKind::tmpfs, "tmpfs"}, {MountKind::files, "files"}};
  return table;
}

std::span<const Word<MachinePhase>> words(MachinePhase) {
  using enum MachinePhase;
  return named<MachinePhase, starting, running, paused, incoming, migrated_away, shut_down, panicked, gone>();
}

std::span<const Word<MigrationState>> words(MigrationState) {
  using enum MigrationState;
  return named<MigrationState, none, setup, active, switching, completed, failed, cancelled>();
}

std::span<const Word<MachineEventKind>> words(MachineEventKind) {
  using enum MachineEventKind;
  static constexpr Word<MachineEventKind> table[] = {
      {memory_changed, "memory-changed"}, {cpus_changed, "cpus-changed"}, {shutdown_requested, "shutdown-requested"},
      {powered_off, "powered-off"},       {reset, "reset"},               {panicked, "panicked"},
      {paused, "paused"},                 {resumed, "resumed"},           {migration, "migration"},
      {gone, "gone"}};
  return table;
}

std::span<const Word<RunnerRole>> words(RunnerRole) {
  return named<RunnerRole, RunnerRole::source, RunnerRole::target>();
}

std::span<const Word<RunnerPhase>> words(RunnerPhase) {
  using enum RunnerPhase;
  return named<RunnerPhase, starting, running, succeeded, failed>();
}

std::span<const Word<Kind>> words(Kind) {
  using enum Kind;
  return named<Kind, virtual_machine, neonvm::Kind::migration, node, runner, neighbour, ip_pool>();
}

std::span<const Word<Code>> words(Code) {
  using enum Code;
  return named<Code, invalid_argument, not_found, already_exists, conflict, out_of_capacity, unavailable,
               deadline_exceeded, cancelled, refused, unsupported, permission_denied, data_loss, internal,
               failed_precondition>();
}

}  // namespace neonvm::wire
