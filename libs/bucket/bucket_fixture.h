// What the bucket's tests share.
#pragma once

#include <gtest/gtest.h>

#include "bucket/bucket.h"

namespace kachery {

inline const ZoneName& default_zone() {
  static const ZoneName kZone = *ZoneName::parse("default");
  return kZone;
}

inline Digest sha256_of(std::string_view text) {
  return Hasher::of(Algorithm::sha256, as_bytes(text));
}

// Bytes that differ from one another, and by size.
inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 131 + size * 7 + i / 251) & 0xff);
  return bytes;
}

inline std::string content_of(const File& file) {
  std::string bytes(file.stamp()->size, '\0');
  EXPECT_TRUE(read_exactly(file, 0, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

inline Result<KeptChunk> put_in_parts(Bucket& bucket, std::string_view bytes,
                                      const ZoneName& zone = default_zone()) {
  KACHERY_TRY(writer, bucket.create(zone, bytes.size()));
  KACHERY_TRY(writer.append(as_bytes(bytes.substr(0, bytes.size() / 2))));
  KACHERY_TRY(writer.append(as_bytes(bytes.substr(bytes.size() / 2))));
  return writer.commit(sha256_of(bytes));
}

inline Result<std::vector<KeptChunk>> put_batch(Bucket& bucket, const std::vector<std::string>& contents,
                                                const ZoneName& zone = default_zone()) {
  std::vector<HashedBytes> hashed;
  hashed.reserve(contents.size());
  for (const std::string& bytes : contents) hashed.emplace_back(as_bytes(bytes));
  return bucket.put_many(zone, hashed);
}

// What is kept under the name of these bytes.
inline std::optional<std::string> fetch(const Bucket& bucket, std::string_view bytes,
                                        const ZoneName& zone = default_zone()) {
  const auto file = bucket.open_chunk(zone, sha256_of(bytes));
  if (!file) {
    EXPECT_EQ(file.error().code, Code::not_found) << file.error().message;
    EXPECT_FALSE(*bucket.has_chunk(zone, sha256_of(bytes)));
    return std::nullopt;
  }
  return content_of(**file);
}

inline std::size_t count_temporaries(const Directory& disk) {
  const auto left = disk.list(".tmp");
  return left ? left->size() : 0;
}

}  // namespace kachery
