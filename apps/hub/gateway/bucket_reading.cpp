#include "hub/gateway/bucket_reading.h"

#include <algorithm>

#include "hub/operations/log.h"

namespace kachery::hub {

Result<std::string> read_chunk(const Bucket& bucket, const ZoneName& zone, const Digest& sha256,
                               ByteCount size_max) {
  KACHERY_TRY(file, bucket.open_chunk(zone, sha256));
  KACHERY_TRY(stamp, file->stamp());
  if (stamp.size > size_max)
    return fail(Code::corrupt, "chunk " + sha256.hex() + " has " + std::to_string(stamp.size) +
                                   " bytes, not " + std::to_string(size_max));
  std::string bytes(stamp.size, '\0');
  KACHERY_TRY(read_exactly(*file, 0, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

Result<> check_object(Services& services, const BucketObject& object) {
  Result<> checked = object.manifest_of
                         ? services.bucket.check_manifest(object.zone, *object.manifest_of, object.name)
                         : services.bucket.check_chunk(object.zone, object.name);
  if (checked) return {};
  const Error& error = checked.error();
  if (error.code != Code::corrupt && error.code != Code::not_found) return checked;
  KACHERY_TRY(services.catalog.upkeep().note_lost(object.zone, object.name, object.manifest_of));
  log(Severity::error, "object_lost",
      {{"zone", object.zone.str()}, {"object", object.name.hex()}, {"error", error.message}});
  return checked;
}

void log_if_mended(const KeptChunk& kept, const ZoneName& zone) {
  if (kept.mended)
    log(Severity::warning, "chunk_mended", {{"zone", zone.str()}, {"chunk", kept.sha256.hex()}});
}

Download::Download(Shared& shared, ZoneName zone, std::optional<NodeId> node)
    : shared_(shared), zone_(std::move(zone)), node_(node) {
  const std::size_t share = kPiecesBytesMax / ++shared_.downloads;
  piece_bytes_ = std::clamp(share, kPieceBytesMin, kPieceBytes);
}

Download::~Download() {
  --shared_.downloads;
  if (transfer_.downloads == 0) return;
  shared_.services.usage.add(zone_, node_, transfer_, shared_.services.clock.now_ns() / 1'000'000);
}

void Download::add(std::uint64_t files, ByteCount bytes) {
  transfer_.downloads += files;
  transfer_.download_bytes += bytes;
  shared_.services.metrics.sent(bytes);
}

}  // namespace kachery::hub
