// Files: find, fetch, list, remove. The batch is the API: one file is a list of one. docs/protocol/files.md.
#pragma once

#include "wire/codec.h"

namespace kachery::wire {

// POST /v1/files/find; unsigned where the zone's downloads are public.
struct Find {
  ZoneName zone;
  std::vector<Digest> digests;  // Up to kFindMax.
  std::optional<ChannelName> channel =
      {};  // Of that one only; null: of the zone and all channels of the node.
  static constexpr auto kFields =
      fields("zone", &Find::zone, "digests", &Find::digests, "channel", &Find::channel);
};

// A list of chunks by which a file may be had; docs/formats/manifests.md.
struct ManifestOffer {
  std::string sha256;       // Of the manifest's text: its name, 64 digits.
  std::string url;          // For a GET, until FoundFiles::expires_ms.
  std::string attested_by;  // "hub": its full hash was checked; else the ID of the node that claims it.
  static constexpr auto kFields = fields("sha256", &ManifestOffer::sha256, "url", &ManifestOffer::url,
                                         "attested_by", &ManifestOffer::attested_by);
};

struct FoundFile {
  Digest digest;
  std::uint64_t size;
  // A file of one chunk: the chunk's name, which is the content's SHA-256, and where to GET it.
  std::optional<Digest> sha256;
  std::optional<std::string> url;
  std::vector<ManifestOffer>
      manifests;  // Of a file of more chunks; the one that the hub checked comes first.
  static constexpr auto kFields =
      fields("digest", &FoundFile::digest, "size", &FoundFile::size, "sha256", &FoundFile::sha256, "url",
             &FoundFile::url, "manifests", &FoundFile::manifests);
};

struct FoundFiles {
  std::vector<std::optional<FoundFile>>
      files;                // In the order of the question; null: none that this node may have.
  std::int64_t expires_ms;  // Of every URL here.
  static constexpr auto kFields = fields("files", &FoundFiles::files, "expires_ms", &FoundFiles::expires_ms);
};

// POST /v1/files/chunks: where to GET chunks of a file that was found.
struct AskChunks {
  ZoneName zone;
  Digest file;
  std::vector<Digest> chunks;  // Up to kChunksMax.
  std::optional<ChannelName> channel = {};
  static constexpr auto kFields = fields("zone", &AskChunks::zone, "file", &AskChunks::file, "chunks",
                                         &AskChunks::chunks, "channel", &AskChunks::channel);
};

struct ChunkUrls {
  std::vector<std::optional<std::string>> urls;  // In the order of the question; null: no chunk of this file.
  std::int64_t expires_ms;
  static constexpr auto kFields = fields("urls", &ChunkUrls::urls, "expires_ms", &ChunkUrls::expires_ms);
};

// POST /v1/files/get: many small files in one answer (application/x-kachery-files): for each, in the order of
// the question, a SmallFile on a line of its own, then its bytes. Those above kSmallFileBytes come without
// bytes.
struct GetSmall {
  ZoneName zone;
  std::vector<Digest> digests;  // Up to kSmallFilesMax.
  std::optional<ChannelName> channel = {};
  static constexpr auto kFields =
      fields("zone", &GetSmall::zone, "digests", &GetSmall::digests, "channel", &GetSmall::channel);
};

// POST /v1/files/put, the other way: a PutSmall on the first line of the body, then the bytes of all files.
struct SmallFile {
  Digest digest;
  std::optional<std::uint64_t> size;  // Null: no bytes follow.
  static constexpr auto kFields = fields("digest", &SmallFile::digest, "size", &SmallFile::size);
};

struct PutSmall {
  ZoneName zone;
  std::vector<SmallFile> files;
  std::optional<ChannelName> channel = {};  // Null: to the zone.
  static constexpr auto kFields =
      fields("zone", &PutSmall::zone, "files", &PutSmall::files, "channel", &PutSmall::channel);
};

// What became of one file of a batch. A batch may be refused in part.
struct Outcome {
  std::string state;  // "stored", "present" (it was there, and is now this user's, too), "refused".
  std::optional<Code> code;
  std::optional<std::string> message;  // Why it was refused.
  static constexpr auto kFields =
      fields("state", &Outcome::state, "code", &Outcome::code, "message", &Outcome::message);
};

struct Outcomes {
  std::vector<Outcome> files;  // In the order of the question.
  static constexpr auto kFields = fields("files", &Outcomes::files);
};

// POST /v1/files/list
struct ListFiles {
  ZoneName zone;
  bool mine;  // Only what this node's user stored; otherwise all, which takes an admin.
  std::optional<std::string> after;  // `next` of the answer before.
  static constexpr auto kFields =
      fields("zone", &ListFiles::zone, "mine", &ListFiles::mine, "after", &ListFiles::after);
};

struct ListedFile {
  Digest digest;
  std::uint64_t size;
  std::int64_t stored_ms;
  UserName user;                      // Who stored it.
  NodeId node;                        // From where, first.
  bool checked;                       // Whether the hub has checked its full hash.
  bool in_zone;                       // Whether it was stored to the zone,
  std::vector<ChannelName> channels;  // and to which channels.
  static constexpr auto kFields =
      fields("digest", &ListedFile::digest, "size", &ListedFile::size, "stored_ms", &ListedFile::stored_ms,
             "user", &ListedFile::user, "node", &ListedFile::node, "checked", &ListedFile::checked, "in_zone",
             &ListedFile::in_zone, "channels", &ListedFile::channels);
};

struct FileList {
  std::vector<ListedFile> files;
  std::optional<std::string> next;  // Null: that was all.
  static constexpr auto kFields = fields("files", &FileList::files, "next", &FileList::next);
};

// POST /v1/files/remove: takes back what this node's user stored, to the zone and to channels; others who
// stored it still have it. `everybody`, which takes an admin, removes it for all.
struct RemoveFiles {
  ZoneName zone;
  std::vector<Digest> digests;
  bool everybody;
  static constexpr auto kFields = fields("zone", &RemoveFiles::zone, "digests", &RemoveFiles::digests,
                                         "everybody", &RemoveFiles::everybody);
};

struct Removals {
  std::vector<bool> removed;  // In the order of the question; false: there was nothing to remove.
  static constexpr auto kFields = fields("removed", &Removals::removed);
};

}  // namespace kachery::wire
