#include "core/wire/headroom_protocol.hpp"

#include "core/wire/common_fields.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<HeadroomSpend> auto& s) {
  v.need("holder", s.holder);
  v.need("amount", s.amount);
  v.need("to", s.to);
  v.field_or("life", s.asked.life, 0);
  v.field_or("question", s.asked.number, 0);
}

void describe(auto& v, Like<HeldLease> auto& l) {
  v.need("number", l.number);
  v.need("open", l.open);
  v.millis("leftMs", l.left);
  v.field("spent", l.spent);
}

void describe(auto& v, Like<HeadroomRequest> auto& r) {
  v.need("node", r.node);
  v.need("agent", r.agent);
  v.millis("ageMs", r.age);
  v.need("number", r.number);
  v.need("epoch", r.epoch);
  v.need("wanted", r.wanted);
  v.field("held", r.held);
}

void describe(auto& v, Like<HeadroomAnswer> auto& a) {
  v.need("agent", a.agent);
  v.need("number", a.number);
  v.need("epoch", a.epoch);
  v.need("lent", a.lent);
  v.field_or("extended", a.extended, false);
  v.millis("lengthMs", a.length);
  v.field("why", a.why);
}

Result<HeadroomRequest> decode_headroom_request(std::string_view json) { return read_text<HeadroomRequest>(json, Keys::lenient); }
std::string encode(const HeadroomRequest& request) { return dump_json(Writer::value(request)); }
Result<HeadroomAnswer> decode_headroom_answer(std::string_view json) { return read_text<HeadroomAnswer>(json, Keys::lenient); }
std::string encode(const HeadroomAnswer& answer) { return dump_json(Writer::value(answer)); }

}  // namespace neonvm::wire
