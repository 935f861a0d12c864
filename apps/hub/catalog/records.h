// What the catalog holds, as values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chunk/manifest.h"
#include "core/digest.h"
#include "core/names.h"
#include "core/node_id.h"
#include "crypto/key_pair.h"
#include "hub/access/access.h"

namespace kachery::hub {

struct UserRecord {
  UserName user;
  bool disabled;
  std::int64_t created_ms;
  std::uint64_t nodes;
};

struct NodeRecord {
  NodeId node;
  UserName user;
  std::string label;
  std::int64_t created_ms;
  std::optional<std::int64_t> revoked_ms;
};

struct InvitationRecord {
  Digest token_hash;  // SHA-256 of the token; its first 12 digits are the invitation's ID.
  UserName user;
  std::uint64_t uses_left;
  std::int64_t expires_ms;
  std::optional<ZoneName> zone;  // Where the user gets these rights.
  UserRights rights;
};

struct PendingRecord {
  std::string code;  // What people type: "K7QF-2MXD".
  NodeId node;
  std::string label;
  std::optional<UserName> user;  // Whose node it is to be, as it says itself.
  std::int64_t expires_ms;
};

struct Quota {
  std::optional<ByteCount> bytes;  // None: no limit.
  std::optional<std::uint64_t> objects;
};

struct QuotaState {
  Quota max;
  ByteCount bytes;  // Stored and reserved.
  std::uint64_t objects;
};

struct ZoneRecord {
  ZoneName zone;
  UserName owner;
  std::int64_t created_ms;
  QuotaState quota;
};

// A name under which a node provides files.
struct ResourceRecord {
  ResourceId id;
  NodeId node;    // Whose key the name belongs to.
  UserName user;  // Its user.
  std::optional<std::string> proxy_url;
  bool older;
  std::int64_t created_ms;
};

struct ChannelRecord {
  ChannelId id;
  UserName owner;
  std::string description;
  std::int64_t created_ms;
};

struct ChannelInvitationRecord {
  std::string name;  // How it is called when it is taken back: 12 random digits.
  Roles roles;
  bool is_passcode;
  std::optional<std::uint64_t> uses_left;  // None: any number.
  std::optional<std::int64_t> expires_ms;  // None: never.
  std::uint64_t members;                   // Who have roles by it.
};

// A list of chunks that a node says, or the hub has found, to be those of a file.
struct ManifestRecord {
  Digest manifest;
  std::optional<NodeId> claimed_by;  // None: the hub has checked the full hash.
};

struct FileRecord {
  Digest digest;
  ByteCount size;
  std::optional<Digest> chunk;              // SHA-256, of a file of one chunk.
  std::vector<ManifestRecord> manifests;    // Of a larger one; the one that was checked first.
  std::optional<ChannelName> channel = {};  // By whose grant the reader may have it; none: the zone's.
};

// Which of some chunks are chunks of a file, as a reader of it may have them.
struct FoundChunks {
  std::vector<bool> known;
  std::optional<ChannelName> channel = {};  // By whose grant; none: the zone's.
};

struct ListedRecord {
  Digest digest;
  ByteCount size;
  std::int64_t stored_ms;
  UserName user;
  NodeId node;
  bool checked;
  bool in_zone;                       // Whether the user stored it to the zone,
  std::vector<ChannelName> channels;  // and to which channels.
};

struct FilePage {
  std::vector<ListedRecord> files;
  std::optional<std::string> next;
};

// Who uploads, and where to.
struct Uploader {
  ZoneName zone;
  NodeId node;
  UserName user;
  // What the uploader could already read, so that a chunk that is there need not be sent again to prove that
  // it is known.
  Reader reads;
  std::optional<ChannelName> channel = {};  // For whose readers it is; none: for those of the zone.
};

struct SizedDigest {
  Digest digest;
  ByteCount size;
};

struct UploadRequest {
  Digest digest;
  ByteCount size;
  std::optional<Digest> manifest;  // None: one chunk.
  std::vector<ChunkEntry> chunks;
};

struct UploadState {
  enum class What { present, open, refused };
  What what;
  std::string id = {};          // Of one that is open: 32 random digits.
  std::vector<bool> here = {};  // For each chunk: it need not be sent.
  std::optional<Error> refusal = {};
};

struct SentChunk {
  Digest sha256;
  Digest sha1;
  ByteCount size;
};

struct Commit {
  std::string upload;
  std::optional<Manifest> manifest;  // Of a file of more than one chunk.
  std::vector<ManifestPage> pages;
  std::optional<Signature> signature;
};

struct CommitState {
  enum class What { stored, present, refused };
  What what;
  std::optional<Error> refusal = {};
};

struct SmallUpload {
  Digest digest;
  SentChunk chunk;
};

// How many times garbage was collected so far.
struct Collections {
  std::uint64_t count;
};

struct ClaimRecord {
  std::int64_t number;  // Claims that were made later have larger ones.
  ZoneName zone;
  Digest digest;
  ByteCount size;
  Digest manifest;
  NodeId node;
};

struct Garbage {
  struct LostManifest {
    ZoneName zone;
    Digest file;
    Digest manifest;
  };
  std::vector<std::pair<ZoneName, Digest>> chunks;
  std::vector<LostManifest> manifests;
};

struct UsageRecord {
  std::string day;  // UTC, "2026-11-22".
  ZoneName zone;
  std::optional<NodeId> node;  // None: nobody known.
  std::uint64_t uploads = 0;
  ByteCount upload_bytes = 0;
  std::uint64_t downloads = 0;
  ByteCount download_bytes = 0;
};

}  // namespace kachery::hub
