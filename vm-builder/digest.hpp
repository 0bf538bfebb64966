// Sha256: a running digest, and its text "sha256:…" as OCI images write it (image-spec, descriptor.md).
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace neonvm::builder {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept = default;
  Sha256& operator=(Sha256&&) noexcept = default;

  void add(const void* data, std::size_t size);
  void add(std::string_view text) { add(text.data(), text.size()); }
  // "sha256:" and 64 hexadecimal digits. Once, at the end.
  [[nodiscard]] std::string digest();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string sha256_of(std::string_view text);
// "sha256:" and 64 lower-case hexadecimal digits.
bool is_sha256(std::string_view digest);

}  // namespace neonvm::builder
