#include "core/wire/placement_protocol.hpp"

#include "core/wire/model_json.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {
namespace {

// One text under one key.
Result<std::string> text_under(const char* key, std::string_view json) {
  const auto parsed = parse_json(json);
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return Error{Code::invalid_argument, std::string("expected an object with ") + key};
  const auto found = parsed->find(key);
  if (found == parsed->end() || !found->is_string())
    return Error{Code::invalid_argument, std::string(key) + ": expected a text"};
  return found->get<std::string>();
}

std::string with_text(const char* key, const std::string& text) { return dump_json(Json{{key, text}}); }

}  // namespace

struct PlacementWords {
  std::string runner, node, away_from;
};

void describe(auto& v, Like<PlacementWords> auto& w) {
  v.need("runner", w.runner);
  v.field("node", w.node);
  v.field("awayFrom", w.away_from);
}

struct ErrorWords {
  Code code = Code::internal;
  std::string error;
};

void describe(auto& v, Like<ErrorWords> auto& e) {
  v.need("code", e.code);
  v.need("error", e.error);
}

Result<PlacementRequest> decode_placement_request(std::string_view json) {
  const auto parsed = parse_json(json);
  if (!parsed) return parsed.error();
  if (!parsed->is_object() || !parsed->contains("vm")) return Error{Code::invalid_argument, "vm: missing"};
  auto vm = decode_object(dump_json((*parsed)["vm"]));
  if (!vm) return vm.error().at("vm");
  const auto words = read_document<PlacementWords>(*parsed, "", Keys::lenient);
  if (!words) return words.error();
  return PlacementRequest{std::move(*vm), words->runner, words->node, words->away_from};
}

std::string encode(const PlacementRequest& request) {
  Json json = Writer::value(PlacementWords{request.runner, request.node, request.away_from});
  // Our own text, so it can be read again.
  json["vm"] = parse_json(encode_object(request.vm)).value_or(Json::object());
  return dump_json(json);
}

Result<std::string> decode_placed(std::string_view json) { return text_under("node", json); }
std::string encode_placed(const std::string& node) { return with_text("node", node); }

std::string encode_release(const std::string& runner) { return with_text("runner", runner); }
Result<std::string> decode_release(std::string_view json) { return text_under("runner", json); }

std::string encode_error(const Error& error) { return write_text(ErrorWords{error.code, error.message}); }

Error decode_error(std::string_view json) {
  const auto words = read_text<ErrorWords>(json, Keys::lenient);
  if (!words) return Error{Code::internal, "an answer that cannot be read: " + printable(json)};
  return Error{words->code, words->error};
}

}  // namespace neonvm::wire
