#include "core/decide/resize_order.hpp"

#include <algorithm>

namespace neonvm::decide {
namespace {

class Orderer {
 public:
  explicit Orderer(const OrderFacts& facts) : facts_(facts) {}

  OrderDecision decide() {
    if (facts_.migrating) {
      if (!(facts_.wish == facts_.asked)) decision_.why = "waits for the end of the migration";
      return std::move(decision_);
    }
    Resources next = facts_.wish;
    if (!facts_.scales_itself) {
      next = permitted();
      next = consented(next);
      give_back();
    }
    order(next);
    return std::move(decision_);
  }

 private:
  void say(const std::string& why) { decision_.why += (decision_.why.empty() ? "" : "; ") + why; }
  void look_again(Instant when) {
    if (!decision_.look_again || when < *decision_.look_again) decision_.look_again = when;
  }
  bool may_ask(const Asked& asked, const Resources& question, const Revision& revision = {}) {
    if (asked.open) return false;
    if (asked.question != question || !(asked.revision == revision)) return true;
    const Instant due = asked.at + ask_again_after;
    if (due > facts_.now) look_again(due);
    return due <= facts_.now;
  }

  // The wish, field by field no larger than what is allowed.
  Resources permitted() {
    const Resources allowed = facts_.permit ? field_max(facts_.asked, *facts_.permit) : facts_.asked;
    if (!exceeds_somewhere(facts_.wish, allowed)) return facts_.wish;
    const Resources question = field_max(facts_.wish, field_max(facts_.asked, facts_.has));
    if (may_ask(facts_.permit_asked, question)) decision_.ask_permit = question;
    if (facts_.permit_asked.open || decision_.ask_permit) {
      say("asks the scheduler for " + to_string(facts_.wish));
    } else {
      say(facts_.permit_asked.why.empty() ? "the scheduler allows " + to_string(allowed) : facts_.permit_asked.why);
    }
    return field_min(facts_.wish, allowed);
  }

  // `size`, shrinking only in what the guest agreed to.
  Resources consented(const Resources& size) {
    if (!exceeds_somewhere(facts_.asked, size) || facts_.forced) return size;
    if (!facts_.guest_connected) {
      decision_.note = "shrunk without asking: no monitor answers in the guest";
      return size;
    }
    const Asked& asked = facts_.consent_asked;
    const bool answered = !asked.open && asked.question == size;
    if (answered && asked.ok) return size;
    if (may_ask(asked, size)) decision_.ask_consent = size;
    say(answered && !asked.why.empty() ? "the guest does not give: " + asked.why : "asks the guest to shrink");
    return field_max(size, facts_.asked);
  }

  // After a shrink has come to its end, what is permitted beyond it is somebody else's.
  void give_back() {
    if (decision_.ask_permit || facts_.resizing || !(facts_.asked == facts_.wish)) return;
    const Resources need = field_max(facts_.wish, facts_.has);
    const Resources held = facts_.permit.value_or(need);
    if (!exceeds_somewhere(held, need) || facts_.permit_asked.open) return;
    if (may_ask(facts_.permit_asked, need)) decision_.ask_permit = need;
  }

  void order(const Resources& next) {
    const bool whole = next == facts_.wish;
    const bool same_size = next == facts_.asked;
    const bool same_revision = !whole || facts_.revision.value == 0 || facts_.revision == facts_.asked_revision;
    if (same_size && same_revision) {
      decision_.note.clear();
      return;
    }
    const Asked& last = facts_.order_asked;
    if (!last.open && last.question == next && !last.ok && !last.why.empty()) say(last.why);
    if (may_ask(last, next, whole ? facts_.revision : Revision{})) {
      decision_.order = next;
    } else {
      decision_.note.clear();
    }
  }

  const OrderFacts& facts_;
  OrderDecision decision_;
};

}  // namespace

OrderDecision decide_order(const OrderFacts& facts) { return Orderer(facts).decide(); }

}  // namespace neonvm::decide
