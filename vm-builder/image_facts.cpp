#include "vm-builder/image_store.hpp"
#include "vm-builder/json_document.hpp"

namespace neonvm::builder {

std::string encode(const ImageFacts& facts) {
  Json json = {{"schema", 1},
               {"digest", facts.digest},
               {"format", facts.format},
               {"root", facts.root},
               {"architecture", facts.architecture},
               {"source", facts.source},
               {"sourceDigest", facts.source_digest},
               {"virtualSize", facts.virtual_size},
               {"fileSize", facts.file_size},
               {"built", facts.built}};
  Json workload = Json::parse(facts.workload, nullptr, false);
  if (!workload.is_discarded()) json["workload"] = std::move(workload);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<ImageFacts> decode_image_facts(const std::string& name, const std::string& text) {
  auto json = parse_document(name, text);
  if (!json) return json.error();
  ImageFacts facts;
  const std::pair<const char*, std::string*> texts[] = {
      {"digest", &facts.digest},           {"format", &facts.format}, {"root", &facts.root},
      {"architecture", &facts.architecture}, {"source", &facts.source}, {"sourceDigest", &facts.source_digest}};
  for (const auto& [key, into] : texts) {
    auto read = text_member(name, *json, key);
    if (!read) return read.error();
    *into = *read;
  }
  for (const auto& [key, into] : {std::pair{"virtualSize", &facts.virtual_size}, std::pair{"fileSize", &facts.file_size}}) {
    auto read = number_member(name, *json, key);
    if (!read) return read.error();
    *into = static_cast<std::uint64_t>(*read);
  }
  facts.built = number_member(name, *json, "built").value_or(0);
  if (json->contains("workload")) facts.workload = (*json)["workload"].dump(2, ' ', false, Json::error_handler_t::replace);
  return facts;
}

}  // namespace neonvm::builder
