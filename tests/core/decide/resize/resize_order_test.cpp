#include "core/decide/resize_order.hpp"

#include <rapidcheck.h>

#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

const Instant t0{};

Resources size(std::uint32_t cpus, std::uint64_t mebibytes) { return {MilliCpu{cpus * 1000}, Bytes{mebibytes * mib}}; }

OrderFacts at(const Resources& has, const Resources& wish) {
  OrderFacts facts;
  facts.wish = wish;
  facts.asked = facts.has = has;
  facts.guest_connected = true;
  facts.now = t0;
  return facts;
}

std::string text(const OrderDecision& decision) {
  std::string line;
  const auto add = [&line](const char* what, const std::optional<Resources>& amount) {
    if (amount) line += (line.empty() ? "" : "; ") + std::string(what) + " " + to_string(*amount);
  };
  add("permit", decision.ask_permit);
  add("consent", decision.ask_consent);
  add("order", decision.order);
  return line;
}

Asked answer(const Resources& question, bool ok, const std::string& why = "", Instant when = t0) {
  Asked asked;
  asked.question = question;
  asked.ok = ok;
  asked.why = why;
  asked.at = when;
  return asked;
}

}  // namespace

TEST_CASE("a VM that scales itself has its wish ordered as it stands") {
  OrderFacts facts = at(size(1, 512), size(4, 256));
  facts.scales_itself = true;
  CHECK(text(decide_order(facts)) == "order " + to_string(size(4, 256)));
}

TEST_CASE("growth by hand passes the permit office first") {
  OrderFacts facts = at(size(1, 512), size(4, 1024));
  CHECK(text(decide_order(facts)) == "permit " + to_string(size(4, 1024)));
  facts.permit_asked.open = true;
  facts.permit_asked.question = size(4, 1024);
  CHECK(text(decide_order(facts)).empty());
  facts.permit_asked = answer(size(4, 1024), true);
  facts.permit = size(4, 1024);
  CHECK(text(decide_order(facts)) == "order " + to_string(size(4, 1024)));
}

TEST_CASE("a smaller permit is used, told and asked again") {
  OrderFacts facts = at(size(1, 512), size(4, 1024));
  facts.permit = size(2, 1024);
  facts.permit_asked = answer(size(4, 1024), true);
  const OrderDecision decision = decide_order(facts);
  CHECK(text(decision) == "order " + to_string(size(2, 1024)));
  CHECK(decision.why == "the scheduler allows " + to_string(size(2, 1024)));
  CHECK(decision.look_again == t0 + ask_again_after);
  facts.now = t0 + ask_again_after;
  facts.asked = facts.has = size(2, 1024);
  CHECK(text(decide_order(facts)) == "permit " + to_string(size(4, 1024)));
}

TEST_CASE("a shrink asks the guest, and growth of the other does not wait for its answer") {
  OrderFacts facts = at(size(1, 2048), size(2, 512));
  facts.permit = size(2, 2048);
  facts.permit_asked = answer(size(2, 2048), true);
  CHECK(text(decide_order(facts)) == "consent " + to_string(size(2, 512)) + "; order " + to_string(size(2, 2048)));
  facts.asked = facts.has = size(2, 2048);
  facts.consent_asked = answer(size(2, 512), false, "1Gi is in use");
  CHECK(text(decide_order(facts)).empty());
  CHECK(decide_order(facts).why == "the guest does not give: 1Gi is in use");
  CHECK(decide_order(facts).look_again == t0 + ask_again_after);
  facts.consent_asked = answer(size(2, 512), true);
  CHECK(text(decide_order(facts)) == "order " + to_string(size(2, 512)));
}

TEST_CASE("force asks nobody, and a guest without a monitor cannot be asked") {
  OrderFacts facts = at(size(2, 2048), size(1, 512));
  facts.forced = true;
  CHECK(text(decide_order(facts)) == "order " + to_string(size(1, 512)));
  facts.forced = false;
  facts.guest_connected = false;
  const OrderDecision decision = decide_order(facts);
  CHECK(text(decision) == "order " + to_string(size(1, 512)));
  CHECK(decision.note == "shrunk without asking: no monitor answers in the guest");
}

TEST_CASE("after a shrink the rest of the permit is given back, once it has settled") {
  OrderFacts facts = at(size(1, 512), size(1, 512));
  facts.permit = size(2, 2048);
  facts.resizing = true;
  facts.has = size(2, 1024);
  CHECK(text(decide_order(facts)).empty());
  facts.resizing = false;
  CHECK(text(decide_order(facts)) == "permit " + to_string(size(2, 1024)));
  facts.has = size(1, 512);
  CHECK(text(decide_order(facts)) == "permit " + to_string(size(1, 512)));
  facts.permit = size(1, 512);
  CHECK(text(decide_order(facts)).empty());
}

TEST_CASE("a new revision is passed on even when the size stays, once") {
  OrderFacts facts = at(size(1, 512), size(1, 512));
  facts.revision = {7, 0};
  CHECK(text(decide_order(facts)) == "order " + to_string(size(1, 512)));
  facts.order_asked = answer(size(1, 512), true);
  facts.order_asked.revision = {7, 0};
  CHECK(text(decide_order(facts)).empty());
  facts.revision = {8, 0};
  CHECK(text(decide_order(facts)) == "order " + to_string(size(1, 512)));
}

TEST_CASE("nothing is asked or ordered during a migration") {
  OrderFacts facts = at(size(1, 512), size(4, 1024));
  facts.migrating = true;
  CHECK(text(decide_order(facts)).empty());
  CHECK(decide_order(facts).why == "waits for the end of the migration");
}

TEST_CASE("an order that the runner refused is told and repeated later") {
  OrderFacts facts = at(size(1, 512), size(2, 512));
  facts.permit = size(2, 512);
  facts.order_asked = answer(size(2, 512), false, "outside of what it was started with");
  const OrderDecision decision = decide_order(facts);
  CHECK(text(decision).empty());
  CHECK(decision.why == "outside of what it was started with");
  CHECK(decision.look_again == t0 + ask_again_after);
}

TEST_CASE("never above the permit, never below consent, and always an end") {
  neonvm::tests::sequences(5000);
  const bool held = rc::check("orders keep to what was allowed", [] {
    const auto some = [] { return size(*rc::gen::inRange(1U, 9U), *rc::gen::inRange<std::uint64_t>(1, 17) * 128); };
    OrderFacts facts = at(some(), some());
    const Resources before = facts.asked;
    const Resources limit = field_max(some(), before);
    facts.permit = before;
    int refusals = *rc::gen::inRange(0, 4);
    std::optional<Resources> consented;
    for (int round = 0;; ++round) {
      RC_ASSERT(round < 40);
      facts.now += std::chrono::seconds(1);
      const OrderDecision decision = decide_order(facts);
      if (decision.ask_permit) {
        facts.permit = field_max(field_min(*decision.ask_permit, limit), facts.has);
        facts.permit_asked = answer(*decision.ask_permit, true, "", facts.now);
        facts.permit_asked.granted = *facts.permit;
      }
      if (decision.ask_consent) {
        const bool agrees = refusals-- <= 0;
        if (agrees) consented = *decision.ask_consent;
        facts.consent_asked = answer(*decision.ask_consent, agrees, agrees ? "" : "in use", facts.now);
      }
      if (decision.order) {
        RC_ASSERT(fits_in(*decision.order, field_max(*facts.permit, facts.asked)));
        const bool shrinks = exceeds_somewhere(facts.asked, *decision.order);
        if (shrinks) RC_ASSERT(consented == *decision.order);
        facts.asked = facts.has = *decision.order;
        facts.order_asked = answer(*decision.order, true, "", facts.now);
      }
      if (facts.asked == field_min(facts.wish, limit) && round > 30) break;
    }
    RC_ASSERT(*facts.permit == field_min(facts.wish, limit));
  });
  CHECK(held);
}
