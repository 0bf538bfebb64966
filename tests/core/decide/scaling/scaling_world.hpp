// ScalingWorld: one VM, its scheduler, its spec, its runner and its guest as they really are, with answers that get
// lost, come twice, come late, or say "failed" although the deed was done. It drives a Scaling by numbers that a
// property test draws, and throws std::logic_error with the law that was broken.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/decide/scaling.hpp"

namespace neonvm::tests {

class ScalingWorld {
 public:
  explicit ScalingWorld(std::uint32_t seed);

  // One random happening; afterwards the laws that hold at every moment are checked.
  void step(std::uint32_t choice);
  // No more faults: runs until nothing is left to do, and checks that the VM has what it may have.
  void settle();

 private:
  enum class Kind { permit, resize, look, consent, tell };
  struct Open {
    Kind kind = Kind::permit;
    std::uint64_t id = 0;
    Resources to;
    Revision revision;
    std::uint64_t version = 0;   // resize: written only if the spec still has it
    bool done = false;           // its effect has come to be
    Instant at{};
    bool of_former_guest = false;  // a session that is gone agreed to it
    bool agreed = false;           // consent: what the guest said
  };

  void law(bool holds, const std::string& what) const;
  void note(const std::string& what);
  void check() const;
  void start(std::uint32_t choice);
  void start_all();
  void take_effect(Open& open);
  void answer(const Open& open, bool truthful, std::uint32_t how);
  void end_one(std::uint32_t choice);
  void answer_again(std::uint32_t choice);
  void move_vm(std::uint32_t choice);
  void show_spec(std::uint32_t choice);
  void report();
  void report_news();
  void follow();                       // the VM gets to where its runner was told to take it
  void show_actual(std::uint32_t choice);
  void change_wishes(std::uint32_t choice);
  void guest_comes_or_goes();
  void pass(Duration d);
  void forget_timed_out();
  void take_headroom(const decide::Actions& actions);
  [[nodiscard]] Resources promised() const;
  [[nodiscard]] Resources has() const;
  [[nodiscard]] bool guest_lives_with(const Resources& size) const;
  [[nodiscard]] Resources units(std::uint32_t n) const;

  Instant now_{};
  decide::ScalingSettings settings_;
  decide::ScalingBounds bounds_;
  std::optional<decide::Scaling> scaling_;

  // The truth.
  Resources capacity_, reserved_;
  bool asked_permit_ = false;    // from then on the books count
  Resources lent_;               // by the agent's headroom, in total, until lent_until_
  Instant lent_until_{};
  Resources spec_;
  Revision spec_revision_;
  std::uint64_t spec_version_ = 1, seen_version_ = 1;
  Resources actual_, following_;
  Revision following_revision_;
  std::tuple<Resources, Revision, bool> told_;   // by the runner, last
  bool quick_ = false;
  bool guest_ = true;
  Resources believes_;           // the guest counts on so much
  Bytes needs_;                  // and refuses to go below
  Resources goal_;
  bool names_floor_ = true;

  std::map<Kind, Open> open_;
  std::vector<Open> past_;
  std::vector<std::pair<Resources, Revision>> specs_;
  std::vector<std::string> story_;
};

}  // namespace neonvm::tests
