// What the bare loops share: system calls that end the program when they fail, a list of names, and SHA-1 by
// OpenSSL.
#pragma once

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace bare {

constexpr std::size_t kPieceBytes = 1 << 20;

[[noreturn]] inline void die(const std::string& what) {
  std::perror(what.c_str());
  std::exit(1);
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0)
      : number_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (number_ < 0) die(path);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(number_); }

  int get() const { return number_; }

 private:
  int number_;
};

// The bytes that one read(2) gives, 0 at the end.
inline std::size_t read_piece(const Descriptor& file, std::vector<char>& buffer) {
  const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
  if (got < 0) die("read");
  return static_cast<std::size_t>(got);
}

// The names in a file, each ended by a NUL byte, as `kachery store --from LIST -0` takes them.
inline std::vector<std::string> read_names(const std::string& list) {
  const Descriptor file(list, O_RDONLY);
  std::vector<char> buffer(kPieceBytes);
  std::vector<std::string> names;
  std::string name;
  while (const std::size_t size = read_piece(file, buffer)) {
    for (std::size_t i = 0; i < size; ++i) {
      if (buffer[i] != '\0') {
        name += buffer[i];
      } else {
        names.push_back(std::exchange(name, {}));
      }
    }
  }
  return names;
}

// One hash after the other; the method is looked up once, which costs more than hashing 4 KiB.
class Sha1 {
 public:
  Sha1() : method_(EVP_MD_fetch(nullptr, "SHA1", nullptr)), context_(EVP_MD_CTX_new()) { begin(); }
  Sha1(const Sha1&) = delete;
  Sha1& operator=(const Sha1&) = delete;
  ~Sha1() {
    EVP_MD_CTX_free(context_);
    EVP_MD_free(method_);
  }

  void update(const char* bytes, std::size_t size) { check(EVP_DigestUpdate(context_, bytes, size)); }

  // In hexadecimal. The next hash begins.
  std::string finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    check(EVP_DigestFinal_ex(context_, digest.data(), &size));
    begin();
    std::string hex;
    for (unsigned i = 0; i < size; ++i) {
      hex += "0123456789abcdef"[digest[i] >> 4U];
      hex += "0123456789abcdef"[digest[i] & 15U];
    }
    return hex;
  }

 private:
  void begin() { check(EVP_DigestInit_ex2(context_, method_, nullptr)); }
  static void check(int succeeded) {
    if (succeeded != 1) die("libcrypto");
  }

  EVP_MD* method_;
  EVP_MD_CTX* context_;
};

}  // namespace bare
