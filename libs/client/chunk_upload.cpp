#include "client/chunk_upload.h"

#include <algorithm>

#include "crypto/hasher.h"
#include "os/parallel.h"

namespace kachery {
namespace {

// Chunks whose URLs are asked for at a time: 2 GiB, so that none gets old before its turn.
constexpr std::size_t kOrdersAtOnce = 256;

Result<> check(const wire::Outcome& outcome) {
  if (outcome.state != "refused") return {};
  return fail(outcome.code.value_or(Code::denied),
              "the hub refuses it: " + outcome.message.value_or("it does not say why"));
}

}  // namespace

ChunkUpload::ChunkUpload(const Zone& zone, const Outgoing& outgoing, const File& file,
                         std::size_t connections, Progress& progress)
    : zone_(zone), outgoing_(outgoing), file_(file), connections_(connections), progress_(progress) {
  if (outgoing.chunks.size() > 1) {
    const ManifestTexts texts = make_manifest(outgoing.digest, outgoing.chunks);
    manifest_ = texts.root.str();
    for (const ManifestPage& page : texts.pages) pages_.push_back(page.str());
    for (const std::string& page : pages_)
      parts_.push_back({{Hasher::of(Algorithm::sha256, as_bytes(page)), page.size()}, &page, 0});
  }
  ByteCount offset = 0;
  for (const ChunkEntry& chunk : outgoing.chunks)
    parts_.push_back({{chunk.sha256, chunk.size}, nullptr, std::exchange(offset, offset + chunk.size)});
}

std::vector<wire::Chunk> ChunkUpload::chunks_of(std::span<const Part> parts) const {
  std::vector<wire::Chunk> chunks;
  for (const Part& part : parts) chunks.push_back(part.chunk);
  return chunks;
}

Result<> ChunkUpload::run() {
  const std::span<const Part> parts(parts_);
  const auto first = parts.first(std::min(parts.size(), kOrdersAtOnce));
  wire::UploadFile upload{outgoing_.digest, outgoing_.size, std::nullopt, chunks_of(first)};
  if (manifest_) upload.manifest = Hasher::of(Algorithm::sha256, as_bytes(*manifest_)).hex();
  KACHERY_TRY(begun,
              zone_.hub.call(remote::kBeginUploads, {zone_.name, {upload}, zone_.channel}, progress_.cancel));
  if (begun.uploads.size() != 1) return fail(Code::unavailable, "the hub answers about something else");
  wire::BegunUpload& answer = begun.uploads.front();
  KACHERY_TRY(check(answer.outcome));
  if (answer.outcome.state == "present") {
    progress_.bytes_done += outgoing_.size;
    return {};
  }
  if (!answer.id) return fail(Code::unavailable, "the hub does not say how to upload it");
  id_ = *answer.id;
  KACHERY_TRY(send(first, std::move(answer.puts)));
  for (std::size_t begin = first.size(); begin < parts.size(); begin += kOrdersAtOnce) {
    const auto next = parts.subspan(begin, std::min(kOrdersAtOnce, parts.size() - begin));
    KACHERY_TRY(orders, order(next));
    KACHERY_TRY(send(next, std::move(orders)));
  }
  return commit();
}

Result<ChunkUpload::Orders> ChunkUpload::order(std::span<const Part> parts) {
  KACHERY_TRY(answer, zone_.hub.call(remote::kMoreChunks, {zone_.name, id_, chunks_of(parts), zone_.channel},
                                     progress_.cancel));
  return std::move(answer.puts);
}

Result<> ChunkUpload::send(std::span<const Part> parts, Orders orders) {
  if (orders.size() != parts.size()) return fail(Code::unavailable, "the hub orders something else");
  return parallel_for(parts.size(), connections_,
                      [&](std::size_t i) { return send_one(parts[i], std::move(orders[i])); });
}

Result<> ChunkUpload::send_one(const Part& part, std::optional<wire::PutOrder> order) {
  const auto count = [&](std::int64_t bytes) {
    if (part.page == nullptr) progress_.bytes_done += static_cast<ByteCount>(bytes);
  };
  const remote::ReadAt read = [&](ByteCount offset, std::span<std::byte> out) -> Result<> {
    if (zone_.uploads != nullptr) KACHERY_TRY(zone_.uploads->take(out.size(), progress_.cancel));
    if (part.page == nullptr) return read_exactly(file_, part.offset + offset, out);
    std::ranges::copy(as_bytes(*part.page).subspan(offset, out.size()), out.begin());
    return {};
  };
  for (const bool is_last : {false, true}) {
    if (!order) {  // It need not be sent.
      count(static_cast<std::int64_t>(part.chunk.size));
      return {};
    }
    Result<> sent = zone_.hub.put(*order, part.chunk.size, read, count, progress_.cancel);
    if (sent) return sent;
    if (sent.error().code == Code::corrupt && part.page == nullptr)
      return fail(Code::corrupt, "it changed while it was sent; try again when nobody writes to it");
    if (is_last || sent.error().code != Code::denied) return sent;
    KACHERY_TRY(fresh, this->order({&part, 1}));  // The URL has expired.
    if (fresh.size() != 1) return fail(Code::unavailable, "the hub orders something else");
    order = std::move(fresh.front());
  }
  return {};
}

Result<> ChunkUpload::commit() {
  wire::CommitUpload one{id_, manifest_, std::nullopt};
  if (manifest_) {
    const Digest manifest = Hasher::of(Algorithm::sha256, as_bytes(*manifest_));
    one.signature = to_hex(zone_.hub.sign(claim_text(outgoing_.digest, outgoing_.size, manifest)));
  }
  KACHERY_TRY(answer,
              zone_.hub.call(remote::kCommitUploads, {zone_.name, {one}, zone_.channel}, progress_.cancel));
  if (answer.files.size() != 1) return fail(Code::unavailable, "the hub answers about something else");
  KACHERY_TRY(check(answer.files.front()));
  id_.clear();
  return {};
}

}  // namespace kachery
