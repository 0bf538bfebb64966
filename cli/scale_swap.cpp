#include "cli/scale_swap.hpp"

#include <iostream>

#include "cli/runner_request.hpp"
#include "cli/vm_view.hpp"

namespace neonvm::cli {

namespace {

std::string has_swap(const VmView& vm, Bytes wanted) {
  if (!is_alive(vm.status.phase) || !vm.status.swap) return "";
  const MemoryState& swap = *vm.status.swap;
  if (swap.asked != wanted) return "asking for " + human(wanted) + " of swap";
  if (swap.settled) return "";
  return "has " + human(swap.actual) + " of swap so far";
}

}  // namespace

Result<int> scale_swap(Context& context, const SwapWish& wish) {
  auto wanted = parse_bytes(wish.size);
  if (!wanted) return wanted.error().at("--swap");
  auto vm = edit_vm(context, wish.vm, [&](VmSpec& spec) -> Status {
    spec.swap = wanted->value == 0 ? std::nullopt : std::optional<Bytes>(*wanted);
    const auto wrong = violations(spec);
    if (wrong.empty()) return {};
    return Error{Code::invalid_argument, wrong.front()};
  });
  if (!vm) return vm.error();
  const bool runs = is_alive(vm->status.phase) && !vm->status.endpoint.empty();
  if (!runs || wish.no_wait) {
    std::cout << wish.vm << " is to have " << human(*wanted) << " of swap\n";
    return 0;
  }
  // Said to the runner at once, so that a size that it has refused before is tried again.
  const auto ordered = runner_request(reach_of(context, *vm), wire::Swap{*wanted}, call_limit);
  if (!ordered && ordered.error().code == Code::failed_precondition) {
    if (wanted->value == 0) {
      std::cout << wish.vm << " has no swap\n";
      return 0;
    }
    std::cout << wish.vm << " is to have " << human(*wanted) << " of swap: " << ordered.error().message << "\n";
    return 0;
  }
  if (!ordered) return ordered.error();
  const auto began = std::chrono::steady_clock::now();
  auto there = wait_for(context, wish.vm, wish.limit, [&](const VmView& now) { return has_swap(now, *wanted); });
  if (!there) return there.error();
  const MemoryState swap = there->status.swap.value_or(MemoryState{});
  if (swap.actual != *wanted) {
    return Error{Code::refused, wish.vm + ": swap stays at " + human(swap.actual) + (swap.why.empty() ? "" : ": " + swap.why)};
  }
  std::cout << wish.vm << " has " << human(swap.actual) << " of swap after "
            << (std::chrono::steady_clock::now() - began) / std::chrono::milliseconds(1) << " ms\n";
  return 0;
}

}  // namespace neonvm::cli
