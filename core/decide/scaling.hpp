// Scaling: for one VM, what to do next so that it gets the size that its policy wants, and why.
//
// Called by daemon/vm_scaler and simulate; tests drive it with scripts and with random events. Pure: events go in by
// past-tense names with their Instant, next(now) const says which deeds to start. The caller starts a deed, says so
// (permit_asked, resize_started, …), and later brings the answer with the deed's id. Threads: a value. It cannot fail.
//
// Words: asked is what the spec says, actual what the VM has, held the larger of both and of everything that may have
// been written; permit is what the scheduler allowed last, consent what the guest may count on, told what it surely
// knows that it has.
//
// Laws:
//  1. The wish lies in [min, max], its memory on a multiple of the step.
//  2. A field is never raised above the permit. A permit that may have been given back counts as given back.
//  3. With a guest, a field is never lowered below the guest's consent. Without one it is lowered only by an explicit
//     wish: a maximum that somebody set below it. (`force_shrink_after` breaks this law on purpose; off by default.)
//  4. grow = permit, resize, tell; shrink = consent, resize, and when the VM is smaller, give the permit back.
//  5. At most one permit, one resize, one guest deed and one look at a time. Every resize has a revision of its own.
//  6. Answers are matched by id: a late or doubled one changes nothing. A deed without an answer counts as failed
//     after `deed_timeout`; one that may have happened all the same counts as done wherever that is the safe side.
//  7. What of a permit is not used lapses `permit_valid` after its asking, so that a scheduler that lost its books can
//     know when nobody counts on them any more.
//  8. After any finite run of failures next() has a deed to start or an Instant at which it will have one, until the
//     VM has what it wants or what it may have.
// Input that cannot be true (a clock that goes back, bounds upside down, a permit above what was asked, an older
// revision) is put right or passed over, and counted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/decide/corrections.hpp"
#include "core/model/goal.hpp"
#include "core/model/instant.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "core/model/revision.hpp"
#include "core/model/scaling_config.hpp"

namespace neonvm::decide {

struct ScalingSettings {
  Resources compute_unit = default_compute_unit;
  bool coupled = false;                       // CPU and memory only in whole compute units together
  std::uint32_t units_per_consent = 0;        // at most so many given up at once; 0: all that is wanted
  Duration permit_refresh = std::chrono::seconds(15);       // asked again at least so often
  Duration permit_retry = std::chrono::seconds(1);          // after a failure
  // What of a permit is not used yet holds for so long from its asking. A scheduler that lost its books must wait longer
  // than this and `deed_timeout` together for permits to be restated.
  Duration permit_valid = std::chrono::seconds(18);
  Duration permit_denied_retry = std::chrono::seconds(2);   // after less than wanted, from the asking
  Duration resize_retry = std::chrono::seconds(1);
  Duration guest_retry = std::chrono::seconds(1);           // after a failed consent or tell
  Duration consent_cooldown = std::chrono::seconds(5);      // after a refusal that leaves nothing else to try
  Duration request_valid = std::chrono::seconds(10);        // a guest's wish for memory
  Duration deed_timeout = std::chrono::seconds(15);         // longer than the deadline of any deed
  std::optional<Duration> force_shrink_after;               // shrink although the guest refused for so long
};

struct ScalingBounds {
  Resources min, max;
  Bytes memory_step{1};                       // every memory size is a multiple of it
};

struct ScalingStart {
  Resources asked, actual;
  Revision last;                              // the highest that the VM has seen
};

// A guest's wish for more memory than its samples show; 0: "more", no amount.
struct MemoryWanted {
  Bytes memory;
};

struct AskPermit {
  std::uint64_t id = 0;
  Resources wanted;
  std::optional<Resources> last_permit;
  Revision revision;
};
// Resize: write `to` as the VM's wish. AskConsent, TellGrown: say `to` to the guest.
struct SizeDeed {
  std::uint64_t id = 0;
  Resources from, to;
  Revision revision;
};

struct Actions {
  std::optional<AskPermit> permit;
  std::optional<SizeDeed> resize;
  std::optional<SizeDeed> consent;
  std::optional<SizeDeed> tell;
  std::optional<Resources> headroom;          // would be taken from the agent's headroom: the permit falls short of it
  std::optional<std::uint64_t> look;          // read the VM again: a write may or may not have happened
  std::optional<Instant> wake_at;             // ask next() again then, if nothing comes before
  std::optional<Instant> wake_besides;        // the same, but for asking once more for a permit that fell short
  Resources wish;
  std::vector<Because> because;
};

class Scaling {
 public:
  Scaling(ScalingSettings settings, ScalingBounds bounds, ScalingStart start, Instant now);

  // What the world says.
  void bounds_changed(const ScalingBounds& bounds, Instant at);
  // The spec, as a watch showed it; `target` is the spec's revision. Older than our last write: passed over.
  void asked_observed(const Resources& asked, Revision target, Instant at);
  // What the VM has; `of` is the revision of the size that it follows. Older than one seen before: passed over.
  void actual_observed(const Resources& actual, Revision of, bool settled, Instant at);
  void guest_connected(Instant at);           // also for a new session of a guest that was there
  void guest_lost(Instant at);
  void held_back(std::string why, Instant at);  // no resize and no consent: a migration is under way
  void let_go(Instant at);

  // What is wanted.
  void goal_changed(Goal goal, Instant at);
  void memory_wanted(const MemoryWanted& wanted, Instant at);

  // Deeds: started, and how they ended.
  void permit_asked(const AskPermit& deed, Instant at);
  void permit_granted(std::uint64_t id, const Resources& permit, Instant at);
  void permit_failed(std::uint64_t id, const Error& error, Instant at);
  // The agent's headroom gave so much in total, to be written before `until` (decide/headroom).
  void headroom_taken(const Resources& to, Instant until, Instant at);
  void resize_started(const SizeDeed& deed, Instant at);
  void resize_written(std::uint64_t id, Instant at);
  void resize_failed(std::uint64_t id, const Error& error, Instant at);
  void look_started(std::uint64_t id, Instant at);
  void looked(std::uint64_t id, const Resources& asked, Revision target, Instant at);
  void look_failed(std::uint64_t id, const Error& error, Instant at);
  void consent_asked(const SizeDeed& deed, Instant at);
  void consent_given(std::uint64_t id, Instant at);
  void consent_refused(std::uint64_t id, const std::string& why, std::optional<Bytes> floor, Instant at);
  void consent_failed(std::uint64_t id, const Error& error, Instant at);
  void grown_started(const SizeDeed& deed, Instant at);
  void grown_told(std::uint64_t id, Instant at);
  void grown_failed(std::uint64_t id, const Error& error, Instant at);

  // explains: false leaves `because` out, for who asks a hundred million times and shows it to nobody.
  [[nodiscard]] Actions next(Instant now, bool explains = true) const;

  [[nodiscard]] Resources wish(Instant now) const;
  [[nodiscard]] Resources held() const;
  [[nodiscard]] const Resources& asked() const { return asked_; }
  [[nodiscard]] const Resources& actual() const { return actual_; }
  [[nodiscard]] bool settled() const { return settled_; }
  [[nodiscard]] const std::optional<Resources>& permit() const { return permit_; }
  // What may be written now: the permit, less what may have been given back or has lapsed; before the first: what is asked.
  [[nodiscard]] Resources allowed(Instant now) const;
  [[nodiscard]] const Corrections& corrections() const { return corrections_; }
  [[nodiscard]] const std::optional<Resources>& consent() const { return consent_; }
  [[nodiscard]] const ScalingBounds& bounds() const { return bounds_; }

 private:
  struct Deed {
    std::uint64_t id = 0;
    Resources from, to;
    Revision revision;
    Instant at{};
    bool of_former_guest = false;   // started before this guest's session: it knows nothing of it
  };
  struct Failure {
    Instant until{};          // nothing of the kind is started before
    std::string why;
    unsigned in_a_row = 0;
  };
  struct Request {
    Instant at{};
    Bytes memory;             // what the guest shall have
  };
  struct Refusal {
    Instant at{};
    Resources target;
    std::optional<Bytes> floor;
    std::string why;
  };
  struct Draft;               // Actions in the making

  [[nodiscard]] Resources wish(Instant now, Draft* draft) const;
  [[nodiscard]] Resources in_units(Resources r) const;
  [[nodiscard]] std::optional<Resources> sure_permit(Instant now) const;
  [[nodiscard]] std::optional<Resources> claimed_permit(Instant now) const;
  [[nodiscard]] bool under_way(const std::optional<Deed>& deed, Instant now) const;
  [[nodiscard]] Revision revision_for(const Resources& wish) const;
  [[nodiscard]] Revision fresh_revision(const Resources& wish) const;
  [[nodiscard]] bool forced(Instant now) const;
  [[nodiscard]] Resources lowest(const Resources& wish, Instant now, Draft& draft) const;
  [[nodiscard]] std::optional<Resources> consent_target(const Resources& wish, Instant now, Draft& draft) const;
  void next_permit(Draft& draft) const;
  void next_resize(Draft& draft) const;
  void next_guest(Draft& draft) const;
  void next_look(Draft& draft) const;
  [[nodiscard]] std::optional<Resources> tell_target(const Resources& wish) const;
  [[nodiscard]] Resources has() const;

  void begin(std::optional<Deed>& slot, Deed deed);
  Instant clock(Instant at);
  [[nodiscard]] ScalingBounds sane(ScalingBounds bounds);
  void next_headroom(Draft& draft) const;
  static bool ended(std::optional<Deed>& slot, std::uint64_t id);
  static void fail(std::optional<Failure>& failure, const Error& error, Instant until);
  void adopt(Revision revision, Instant at);
  void now_asked(const Resources& asked, Revision revision);
  void saw_revision(Revision revision);
  void new_guest(std::optional<Resources> consent);

  ScalingSettings settings_;
  ScalingBounds bounds_;
  std::uint64_t last_id_ = 0;

  Resources asked_, actual_;
  Resources peak_;                            // asked since the VM was last seen to follow the present wish
  Revision asked_revision_, actual_revision_;
  bool settled_ = true;
  std::string held_back_;

  std::optional<Goal> goal_;
  std::optional<Request> request_;
  std::optional<Resources> target_;           // the wish that target_revision_ was drawn for
  Revision target_revision_;
  std::int64_t last_revision_ = 0;

  std::optional<Resources> permit_;
  Instant permit_until_{};                    // afterwards it holds for what is used
  std::optional<Resources> last_wanted_;
  Instant last_asked_{};
  std::optional<Deed> permit_deed_;
  std::optional<Failure> permit_failure_;

  std::optional<Deed> resize_deed_;
  std::optional<Failure> resize_failure_;
  std::optional<Deed> maybe_written_;         // failed, and may have happened all the same
  bool must_look_ = false;
  std::optional<Deed> look_deed_;

  std::optional<Resources> consent_;          // set while a guest is connected
  Resources told_;                            // at most consent_
  std::optional<Deed> consent_deed_, tell_deed_;
  std::optional<Failure> guest_failure_;
  std::optional<Refusal> refusal_;
  std::uint32_t cautious_units_ = 0;          // after refusals without a floor: smaller steps
  std::optional<Instant> refused_since_;

  Instant now_{};
  Corrections corrections_;
};

}  // namespace neonvm::decide
