// Demand: what a workload would use if nothing held it back, and DemandSource: that over time.
//
// Implemented by traces and generators, asked by simulate's VMs. A source belongs to one VM; the thread that runs the
// VM asks it. It allocates nothing per piece and keeps no more of a trace than is open.
#pragma once

#include <limits>
#include <memory>

namespace neonvm::simulate {

struct Demand {
  double cpu = 0;       // CPUs
  double anonymous = 0; // bytes of memory that cannot be dropped
  double file = 0;      // bytes of files that are read again and again: the true working set
  double scan = 0;      // bytes/s read once and never again
  // `cpu` counts tasks that run or would: what finds no CPU is not made up for later. Else it is work that piles up.
  bool closed = false;

  friend bool operator==(const Demand&, const Demand&) = default;
};

struct Piece {
  Demand demand;
  double until = std::numeric_limits<double>::infinity();  // trace second at which it ends
  bool gone = false;                                       // the VM is gone from here on
};

class DemandSource {
 public:
  virtual ~DemandSource() = default;
  // The piece that holds at trace second `at`. `at` never goes back. The piece's end is after `at`.
  virtual Piece piece(double at) = 0;
};

}  // namespace neonvm::simulate
