// Uploads: say what is coming, send the chunks that are missing, commit. docs/protocol/uploads.md.
#pragma once

#include "wire/files.h"

namespace kachery::wire {

struct Chunk {
  Digest sha256;
  std::uint64_t size;
  static constexpr auto kFields = fields("sha256", &Chunk::sha256, "size", &Chunk::size);
  bool operator==(const Chunk&) const = default;
};

// A file that is to be uploaded. One of one chunk has no manifest; of a larger one this names the manifest
// that will be committed, and the first chunks: the pages of the manifest, which are sent like chunks, and
// those of the content.
struct UploadFile {
  Digest digest;
  std::uint64_t size;
  std::optional<std::string> manifest;  // Its SHA-256, 64 digits.
  std::vector<Chunk> chunks;            // Up to kChunksMax; the rest by MoreChunks.
  static constexpr auto kFields = fields("digest", &UploadFile::digest, "size", &UploadFile::size, "manifest",
                                         &UploadFile::manifest, "chunks", &UploadFile::chunks);
};

// POST /v1/uploads/begin: reserves the space, until it is committed, abandoned, or the upload expires. The
// same upload may be begun again, and then goes on where it was.
struct BeginUploads {
  ZoneName zone;
  std::vector<UploadFile> files;
  std::optional<ChannelName> channel = {};  // Null: to the zone. All messages about an upload say the same.
  static constexpr auto kFields =
      fields("zone", &BeginUploads::zone, "files", &BeginUploads::files, "channel", &BeginUploads::channel);
};

struct Header {
  std::string name;
  std::string value;
  static constexpr auto kFields = fields("name", &Header::name, "value", &Header::value);
};

// How one chunk is sent: a PUT of its bytes, with exactly these headers. 201: it is there; 412: it was there.
struct PutOrder {
  std::string url;
  std::vector<Header> headers;
  static constexpr auto kFields = fields("url", &PutOrder::url, "headers", &PutOrder::headers);
};

struct BegunUpload {
  Outcome outcome;  // "present", "refused", or "open": go on.
  std::optional<std::string> id;
  std::vector<std::optional<PutOrder>> puts;  // For each chunk; null: it need not be sent.
  static constexpr auto kFields =
      fields("outcome", &BegunUpload::outcome, "id", &BegunUpload::id, "puts", &BegunUpload::puts);
};

struct BegunUploads {
  std::vector<BegunUpload> uploads;  // In the order of the question.
  std::int64_t expires_ms;           // Of every URL here.
  static constexpr auto kFields =
      fields("uploads", &BegunUploads::uploads, "expires_ms", &BegunUploads::expires_ms);
};

// POST /v1/uploads/present: which of many files need not be sent, because the zone has them, this node may
// know of it, and they are this user's from now on, too.
struct AskPresent {
  struct File {
    Digest digest;
    std::uint64_t size;
    static constexpr auto kFields = fields("digest", &File::digest, "size", &File::size);
  };
  ZoneName zone;
  std::vector<File> files;  // Up to kFindMax.
  std::optional<ChannelName> channel = {};
  static constexpr auto kFields =
      fields("zone", &AskPresent::zone, "files", &AskPresent::files, "channel", &AskPresent::channel);
};

struct Present {
  std::vector<bool> present;  // In the order of the question; false: begin it, or put it.
  static constexpr auto kFields = fields("present", &Present::present);
};

// POST /v1/uploads/chunks: more chunks of one upload, or the same ones again, for fresh URLs.
struct MoreChunks {
  ZoneName zone;
  std::string id;
  std::vector<Chunk> chunks;
  std::optional<ChannelName> channel = {};
  static constexpr auto kFields = fields("zone", &MoreChunks::zone, "id", &MoreChunks::id, "chunks",
                                         &MoreChunks::chunks, "channel", &MoreChunks::channel);
};

struct PutOrders {
  std::vector<std::optional<PutOrder>> puts;
  std::int64_t expires_ms;
  static constexpr auto kFields = fields("puts", &PutOrders::puts, "expires_ms", &PutOrders::expires_ms);
};

struct CommitUpload {
  std::string id;
  std::optional<std::string> manifest;  // The text of the manifest's root, for a file of more than one chunk.
  std::optional<std::string> signature;  // Of the claim (docs/formats/manifests.md), 128 digits.
  static constexpr auto kFields = fields("id", &CommitUpload::id, "manifest", &CommitUpload::manifest,
                                         "signature", &CommitUpload::signature);
};

// POST /v1/uploads/commit: checks that every chunk is there, and makes the files visible. Answers with
// Outcomes. Twice is the same as once.
struct CommitUploads {
  ZoneName zone;
  std::vector<CommitUpload> uploads;
  std::optional<ChannelName> channel = {};
  static constexpr auto kFields = fields("zone", &CommitUploads::zone, "uploads", &CommitUploads::uploads,
                                         "channel", &CommitUploads::channel);
};

// POST /v1/uploads/abandon: gives the reserved space back at once. Answers with Done.
struct AbandonUploads {
  ZoneName zone;
  std::vector<std::string> ids;
  std::optional<ChannelName> channel = {};
  static constexpr auto kFields =
      fields("zone", &AbandonUploads::zone, "ids", &AbandonUploads::ids, "channel", &AbandonUploads::channel);
};

}  // namespace kachery::wire
