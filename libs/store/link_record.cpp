#include "store/link_record.h"

#include "json/json.h"
#include "store/hash_cache.h"

namespace kachery {
namespace {

// Python's os.stat().st_mtime, which older programs compare with what stands in the record: seconds as a
// double, put together exactly like this (CPython, posixmodule.c, fill_time).
double python_mtime(const FileStamp& stamp) {
  std::int64_t seconds = stamp.mtime_ns / 1'000'000'000;
  std::int64_t rest = stamp.mtime_ns % 1'000'000'000;
  if (rest < 0) {
    rest += 1'000'000'000;
    --seconds;
  }
  return static_cast<double>(seconds) + 1e-9 * static_cast<double>(rest);
}

std::unexpected<Error> damaged(const std::string& why) {
  return fail(Code::corrupt, "damaged link record: " + why);
}

template <class T>
T required(std::optional<T> value, bool& complete) {
  if (!value) complete = false;
  return value.value_or(T{});
}

std::optional<FileStamp> parse_stamp(const json::Value& record) {
  const auto unsigned_field = [&](const char* key) {
    const json::Value* value = record.find(key);
    return value == nullptr ? std::nullopt : value->as_uint64();
  };
  const auto signed_field = [&](const char* key) {
    const json::Value* value = record.find(key);
    return value == nullptr ? std::nullopt : value->as_int64();
  };
  bool complete = true;
  const FileStamp stamp{
      required(unsigned_field("device"), complete), required(unsigned_field("inode"), complete),
      required(unsigned_field("size"), complete), required(signed_field("mtime_ns"), complete),
      required(signed_field("ctime_ns"), complete)};
  if (!complete) return std::nullopt;
  return stamp;
}

Result<json::Value> parse_text(std::string_view text) {
  Result<json::Value> value = json::parse(text, json::EscapedBytes::yes);
  if (!value) return damaged(value.error().message);
  return value;
}

// The two fields that all records have, the size from `size_holder`.
Result<LinkRecord> parse_common(const json::Value& record, const json::Value* size_holder,
                                const Digest& digest) {
  const json::Value* path = record.find("path");
  const json::Value* size = size_holder == nullptr ? nullptr : size_holder->find("size");
  const auto byte_count = size == nullptr ? std::nullopt : size->as_uint64();
  if (path == nullptr || path->if_string() == nullptr) return damaged("it has no path");
  if (!path->if_string()->starts_with('/') || path->if_string()->contains('\0'))
    return damaged("its path is not absolute");
  if (!byte_count) return damaged("it has no size");
  return LinkRecord{*path->if_string(), digest, *byte_count};
}

}  // namespace

std::string LinkRecord::str() const {
  KACHERY_ASSERT(stamp.has_value());
  return json::Value(json::Object{{"path", path.native()},
                                  {"size", size},
                                  {"mtime", python_mtime(*stamp)},
                                  {std::string(algorithm_name(digest.algorithm())), digest.hex()},
                                  {"mtime_ns", stamp->mtime_ns},
                                  {"ctime_ns", stamp->ctime_ns},
                                  {"device", stamp->device},
                                  {"inode", stamp->inode},
                                  {"hashed_at_ns", hashed_at_ns}})
      .str();
}

std::string LinkRecord::gen1_str() const {
  KACHERY_ASSERT(stamp.has_value());
  return json::Value(json::Object{{"path", path.native()},
                                  {"manifestSha1", nullptr},
                                  {"stat", json::Object{{"size", size}, {"mtime", python_mtime(*stamp)}}}})
      .str();
}

Result<LinkRecord> LinkRecord::parse(std::string_view text, const Digest& digest) {
  KACHERY_TRY(value, parse_text(text));
  KACHERY_TRY(record, parse_common(value, &value, digest));
  const json::Value* hash = value.find(algorithm_name(digest.algorithm()));
  if (hash == nullptr || hash->if_string() == nullptr || *hash->if_string() != digest.hex())
    return damaged("it names other content than its place");
  record.stamp = parse_stamp(value);
  const json::Value* hashed_at = value.find("hashed_at_ns");
  if (hashed_at != nullptr) record.hashed_at_ns = hashed_at->as_int64().value_or(0);
  return record;
}

Result<LinkRecord> LinkRecord::parse_gen1(std::string_view text, const Digest& digest) {
  KACHERY_TRY(value, parse_text(text));
  return parse_common(value, value.find("stat"), digest);
}

bool LinkRecord::vouches_for(const FileStamp& now) const {
  return stamp == now && is_settled(now, hashed_at_ns);
}

}  // namespace kachery
