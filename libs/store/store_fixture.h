// A store in memory for the tests of this room.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "crypto/hasher.h"
#include "os/memory_directory.h"
#include "store/layout.h"
#include "store/store.h"

namespace kachery {

// A source that gives `size` bytes of a pattern, and may fail after some of them.
class PatternSource final : public ByteSource {
 public:
  explicit PatternSource(std::string bytes, ByteCount fail_after = ~ByteCount{0})
      : bytes_(std::move(bytes)), fail_after_(fail_after) {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t count = std::min(out.size(), bytes_.size() - offset_);
    if (offset_ + count > fail_after_) return fail(Code::internal, "the source broke");
    if (count > 0) std::memcpy(out.data(), bytes_.data() + offset_, count);
    offset_ += count;
    return count;
  }

 private:
  std::string bytes_;
  ByteCount fail_after_;
  std::size_t offset_ = 0;
};

inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
  return bytes;
}

inline Store make_store(Directory& root, HashCache* cache = nullptr) {
  return Store(StoreParts{root, cache, nullptr, system_clock(), 1});
}

inline Result<Stored> put(Store& store, const std::string& bytes, Algorithm algorithm = Algorithm::sha1) {
  Progress progress;
  PatternSource source(bytes);
  return store.put(source, algorithm, progress);
}

// The content as the store gives it, or the error's message in brackets.
inline std::string get(Store& store, const Digest& digest) {
  Progress progress;
  std::string bytes;
  const auto allocate = [&](ByteCount size) {
    bytes.resize(size);
    return std::as_writable_bytes(std::span(bytes));
  };
  const Result<> got = store.read(digest, allocate, progress);
  return got ? bytes : "[" + got.error().message + "]";
}

inline Digest sha1_of(std::string_view bytes) {
  return Hasher::of(Algorithm::sha1, as_bytes(bytes));
}

}  // namespace kachery
