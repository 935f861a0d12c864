#include "chunk/gen1_manifest.h"

#include <algorithm>

#include "json/json.h"

namespace kachery {
namespace {

std::unexpected<Error> damaged(std::string_view why) {
  return fail(Code::corrupt, "damaged manifest: " + std::string(why));
}

Result<Digest> sha1_member(const json::Value& object) {
  const json::Value* value = object.find("sha1");
  if (value == nullptr || value->if_string() == nullptr) return damaged("a SHA-1 is missing");
  auto digest = Digest::parse(Algorithm::sha1, *value->if_string());
  if (!digest) return damaged(digest.error().message);
  return *digest;
}

bool has_number(const json::Value& object, const char* key, ByteCount expected) {
  const json::Value* value = object.find(key);
  return value != nullptr && value->as_uint64() == expected;
}

}  // namespace

std::size_t gen1_chunk_count(ByteCount size) {
  return size / kGen1ChunkBytes + (size % kGen1ChunkBytes != 0 ? 1 : 0);
}

ByteCount gen1_chunk_size(ByteCount size, std::size_t i) {
  return std::min(kGen1ChunkBytes, size - i * kGen1ChunkBytes);
}

std::string Gen1Manifest::str() const {
  json::Array list;
  ByteCount start = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const ByteCount end = start + gen1_chunk_size(size, i);
    list.emplace_back(json::Object{{"start", start}, {"end", end}, {"sha1", chunks[i].hex()}});
    start = end;
  }
  return json::Value(json::Object{{"size", size}, {"sha1", sha1.hex()}, {"chunks", std::move(list)}}).str();
}

Result<Gen1Manifest> Gen1Manifest::parse(std::string_view text) {
  Result<json::Value> value = json::parse(text);
  if (!value) return damaged(value.error().message);
  KACHERY_TRY(sha1, sha1_member(*value));
  const json::Value* size_value = value->find("size");
  const auto size = size_value == nullptr ? std::nullopt : size_value->as_uint64();
  const json::Value* list = value->find("chunks");
  if (!size || list == nullptr || list->if_array() == nullptr) return damaged("it has no size or no chunks");
  if (list->if_array()->size() != gen1_chunk_count(*size))
    return damaged("it has not the chunks of its size");

  Gen1Manifest manifest{*size, sha1, {}};
  ByteCount start = 0;
  for (const json::Value& chunk : *list->if_array()) {
    const ByteCount end = start + gen1_chunk_size(*size, manifest.chunks.size());
    if (!has_number(chunk, "start", start) || !has_number(chunk, "end", end))
      return damaged("its chunks do not follow each other");
    KACHERY_TRY(chunk_sha1, sha1_member(chunk));
    manifest.chunks.push_back(chunk_sha1);
    start = end;
  }
  return manifest;
}

}  // namespace kachery
