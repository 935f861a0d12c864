// Secret: bytes that are wiped when they go.
#pragma once

#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bytes.h"

namespace kachery {

// Moved, never copied. Its size is fixed, so that no growing leaves a copy behind.
class Secret {
 public:
  explicit Secret(std::size_t size) : bytes_(size) {}
  explicit Secret(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
  Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Secret& operator=(Secret&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Secret() {
    if (!bytes_.empty()) ::explicit_bzero(bytes_.data(), bytes_.size());
  }

  std::span<std::byte> bytes() { return bytes_; }
  ByteView bytes() const { return bytes_; }
  std::string_view text() const { return as_text(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace kachery
