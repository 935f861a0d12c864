#include "store/links.h"

#include "store/layout.h"

namespace kachery {
namespace {

// A record is a path, at most 4 KiB escaped to six bytes each, and some numbers.
constexpr ByteCount kRecordBytesMax = 64 << 10;

}  // namespace

Result<LinkRecord> Links::read_record(const Digest& digest, bool gen1) const {
  KACHERY_TRY(file, root_.open(gen1 ? gen1_link_path(digest) : link_path(digest)));
  KACHERY_TRY(stamp, file->stamp());
  if (stamp.size > kRecordBytesMax) return fail(Code::corrupt, "damaged link record: it is too large");
  std::string text(stamp.size, '\0');
  KACHERY_TRY(read_exactly(*file, 0, std::as_writable_bytes(std::span(text))));
  return gen1 ? LinkRecord::parse_gen1(text, digest) : LinkRecord::parse(text, digest);
}

std::vector<OpenLink> Links::open(const Digest& digest, std::vector<std::string>& misses) const {
  std::vector<OpenLink> links;
  std::optional<LinkRecord> first;
  for (const bool gen1 : {false, true}) {
    if (gen1 && digest.algorithm() != Algorithm::sha1) continue;
    Result<LinkRecord> record = read_record(digest, gen1);
    if (!record) {
      if (record.error().code != Code::not_found) misses.push_back(record.error().message);
      continue;
    }
    if (first && first->path == record->path && first->size == record->size) continue;  // Both say the same.
    first = *record;
    Result<std::unique_ptr<File>> file = open_user_file(record->path);
    if (!file) {
      misses.push_back("it was linked, but: " + file.error().message);
      continue;
    }
    const Result<FileStamp> stamp = (*file)->stamp();
    if (!stamp) continue;
    if (stamp->size != record->size) {
      misses.push_back("the linked file " + record->path.native() + " has changed: it has " +
                       std::to_string(stamp->size) + " bytes instead of " + std::to_string(record->size));
      continue;
    }
    links.push_back({*std::move(record), *std::move(file), *stamp});
  }
  return links;
}

Result<bool> Links::holds(const OpenLink& link, Progress& progress) const {
  if (link.record.vouches_for(link.stamp)) return true;
  return known_.holds(*link.file, link.record.digest, progress);
}

}  // namespace kachery
