#include "core/runtime/ssh_key.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace neonvm::runtime {
namespace {

constexpr std::string_view key_type = "ssh-ed25519";
constexpr std::size_t half = 32;         // of a key, private and public (RFC 8032)
constexpr std::size_t cipher_block = 8;  // of "none"
constexpr std::size_t line = 70;         // characters

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

// What is secret leaves nothing in memory that is given back.
struct Wiped {
  std::string bytes;
  Wiped() = default;
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

// RFC 4251 section 5.
void put_number(std::string& to, std::uint32_t number) {
  for (const int shift : {24, 16, 8, 0}) to += static_cast<char>(number >> shift & 0xff);
}
void put(std::string& to, std::string_view text) {
  put_number(to, static_cast<std::uint32_t>(text.size()));
  to += text;
}

std::string base64_of(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // OpenSSL ends it with a zero
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

// The part that would be encrypted if there were a passphrase.
Status put_secrets(std::string& to, std::string_view seed, std::string_view open, const std::string& comment) {
  std::array<unsigned char, 4> check{};
  if (RAND_bytes(check.data(), check.size()) != 1) return Error{Code::internal, "making an SSH key: OpenSSL gives no random bytes"};
  const std::string_view twice(reinterpret_cast<const char*>(check.data()), check.size());
  Wiped part, both;
  part.bytes.reserve(512 + comment.size());
  part.bytes.append(twice).append(twice);
  put(part.bytes, key_type);
  put(part.bytes, open);
  both.bytes.reserve(2 * half);
  both.bytes.append(seed).append(open);
  put(part.bytes, both.bytes);
  put(part.bytes, comment);
  for (char next = 1; part.bytes.size() % cipher_block != 0; ++next) part.bytes += next;
  put(to, part.bytes);
  return {};
}

}  // namespace

Result<SshKeyPair> make_ssh_key(const std::string& comment) {
  if (std::any_of(comment.begin(), comment.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }))
    return Error{Code::invalid_argument, "the comment of an SSH key is one line"};
  const std::unique_ptr<EVP_PKEY, FreeKey> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  Wiped seed;
  seed.bytes.resize(half);
  std::string open(half, '\0');
  std::size_t seed_size = half, open_size = half;
  const bool good = key != nullptr && EVP_PKEY_get_raw_private_key(key.get(), reinterpret_cast<unsigned char*>(seed.bytes.data()), &seed_size) == 1 &&
                    EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(open.data()), &open_size) == 1;
  if (!good || seed_size != half || open_size != half) return Error{Code::internal, "making an SSH key: OpenSSL refused"};

  std::string public_blob;
  put(public_blob, key_type);
  put(public_blob, open);
  Wiped whole;
  whole.bytes.reserve(1024 + comment.size());
  whole.bytes.append(std::string_view("openssh-key-v1\0", 15));
  put(whole.bytes, "none");
  put(whole.bytes, "none");
  put(whole.bytes, "");
  put_number(whole.bytes, 1);
  put(whole.bytes, public_blob);
  if (const Status put_in = put_secrets(whole.bytes, seed.bytes, open, comment); !put_in) return put_in.error();

  SshKeyPair pair;
  Wiped text;
  text.bytes = base64_of(whole.bytes);
  pair.private_key = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  for (std::size_t at = 0; at < text.bytes.size(); at += line) pair.private_key.append(text.bytes, at, line).append("\n");
  pair.private_key += "-----END OPENSSH PRIVATE KEY-----\n";
  pair.public_key = std::string(key_type) + " " + base64_of(public_blob) + (comment.empty() ? "" : " " + comment) + "\n";
  return pair;
}

}  // namespace neonvm::runtime
