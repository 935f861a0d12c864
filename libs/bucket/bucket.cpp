#include "bucket/bucket.h"

#include <algorithm>
#include <atomic>
#include <map>

#include "os/parallel.h"
#include "os/publish.h"
#include "os/random.h"
#include "os/temporary.h"

namespace kachery {
namespace {

// No zone's folder begins with a dot, because no zone's name does.
constexpr const char* kTemporaries = ".tmp";

// Appends of this size or more are worth a second thread: it has to be started, and to get a processor.
constexpr std::size_t kTwoThreadsMin = 1 << 20;

constexpr std::size_t kPieceBytes = 1 << 20;

// How often a place is looked at again because somebody else changed it at the same moment.
constexpr int kTriesMax = 100;

// Upper-case letters are written as %4a, so that two zones are two folders also where the case of file names
// does not count.
std::string folder_of(const ZoneName& zone) {
  std::string folder;
  for (const char letter : zone.str()) {
    const bool is_upper = letter >= 'A' && letter <= 'Z';
    folder += is_upper ? "%" + to_hex(as_bytes({&letter, 1})) : std::string(1, letter);
  }
  return folder;
}

std::string chunks_of(const ZoneName& zone) {
  return folder_of(zone) + "/chunks";
}

std::string chunk_path(const ZoneName& zone, const Digest& sha256) {
  KACHERY_ASSERT(sha256.algorithm() == Algorithm::sha256);
  const std::string hex = sha256.hex();
  return chunks_of(zone) + "/" + hex.substr(0, 2) + "/" + hex;
}

std::string manifests_of(const ZoneName& zone, const Digest& file) {
  const std::string hex = file.hex();
  return folder_of(zone) + "/manifests/" + hex.substr(0, 2) + "/" +
         std::string(algorithm_name(file.algorithm())) + "-" + hex;
}

std::string manifest_path(const ZoneName& zone, const Digest& file, const Digest& manifest) {
  KACHERY_ASSERT(manifest.algorithm() == Algorithm::sha256);
  return manifests_of(zone, file) + "/" + manifest.hex();
}

// Whether what is in a file is what is to be stored there.
using Same = std::function<Result<bool>(const File&)>;

Result<bool> same_bytes(const File& file, ByteView bytes) {
  KACHERY_TRY(stamp, file.stamp());
  if (stamp.size != bytes.size()) return false;
  std::vector<std::byte> other(bytes.size());
  KACHERY_TRY(got, file.read_at(0, other));
  return got == bytes.size() && std::ranges::equal(other, bytes);
}

Result<Digest> sha256_of_file(const File& file) {
  Hasher hasher(Algorithm::sha256);
  std::vector<std::byte> piece(kPieceBytes);
  for (ByteCount offset = 0;;) {
    KACHERY_TRY(got, file.read_at(offset, piece));
    hasher.update(std::span(piece).first(got));
    if (got < piece.size()) return hasher.finish();
    offset += got;
  }
}

// The file whose manifests are in a folder of this name.
std::optional<Digest> file_of_folder(const std::string& name) {
  for (const Algorithm algorithm : {Algorithm::sha1, Algorithm::sha256}) {
    const std::string prefix = std::string(algorithm_name(algorithm)) + "-";
    const auto digest = Digest::parse(algorithm, name.substr(std::min(prefix.size(), name.size())));
    if (name.starts_with(prefix) && digest) return *digest;
  }
  return std::nullopt;
}

Result<> make_if_missing(Directory& root, const std::string& path) {
  Result<> made = root.make_directory(path);
  if (!made && made.error().code == Code::exists) return {};
  return made;
}

Result<> ignore_missing(Result<> done) {
  if (!done && done.error().code == Code::not_found) return {};
  return done;
}

// Empty where there is no such directory.
Result<std::vector<Entry>> list_if_there(const Directory& root, const std::string& path) {
  Result<std::vector<Entry>> entries = root.list(path);
  if (!entries && entries.error().code == Code::not_found) return std::vector<Entry>();
  return entries;
}

Result<> remove_tree(Directory& root, const std::string& path) {
  KACHERY_TRY(entries, list_if_there(root, path));
  for (const Entry& entry : entries) {
    const std::string inside = path + "/" + entry.name;
    if (entry.kind == EntryKind::directory) KACHERY_TRY(remove_tree(root, inside));
    if (entry.kind != EntryKind::directory) KACHERY_TRY(ignore_missing(root.remove(inside)));
  }
  return ignore_missing(root.remove_directory(path));
}

// The zone and the digest stand in the message, never where the bucket lies: strangers may read it.
std::unexpected<Error> fail_absent(const char* what, const ZoneName& zone, const Digest& digest) {
  return fail(Code::not_found,
              "the bucket has no " + std::string(what) + " " + digest.hex() + " in the zone " + zone.str());
}

Result<std::unique_ptr<File>> open_object(const Directory& root, const std::string& path, const char* what,
                                          const ZoneName& zone, const Digest& digest) {
  Result<std::unique_ptr<File>> file = root.open(path);
  if (!file && file.error().code == Code::not_found) return fail_absent(what, zone, digest);
  return file;
}

// Reads it whole; what is damaged goes to the zone's quarantine.
Result<> check_object(Directory& root, const std::string& path, const char* what, const ZoneName& zone,
                      const Digest& sha256) {
  KACHERY_TRY(file, open_object(root, path, what, zone, sha256));
  KACHERY_TRY(seen, file->stamp());
  KACHERY_TRY(actual, sha256_of_file(*file));
  if (actual == sha256) return {};

  const std::string quarantine = folder_of(zone) + "/quarantine";
  KACHERY_TRY(make_if_missing(root, quarantine));
  const Result<FileStamp> now = root.stamp(path);
  const bool same_file = now && now->inode == seen.inode && now->device == seen.device;
  // Not if somebody has mended it meanwhile.
  if (same_file)
    KACHERY_TRY(root.rename(path, quarantine + "/" + sha256.hex() + "." + random_hex(4), Replace::no));
  return fail(Code::corrupt, "the " + std::string(what) + " " + sha256.hex() + " in the zone " + zone.str() +
                                 " is damaged: its bytes are other ones than those that were stored. It was "
                                 "put aside; whoever has the file can store it again, which mends it");
}

}  // namespace

struct Bucket::State {
  // What is at a place, compared with what is to be there.
  enum class Found { nothing, whole, damaged };

  // One object on its way in.
  struct Incoming {
    std::string path;
    Same same;
    std::optional<Temporary> temporary = {};  // None where it was found to be there.
    Found found = Found::nothing;
  };

  Result<Temporary> create_temporary() {
    std::string path = std::string(kTemporaries) + "/" + session + "-" + std::to_string(next++);
    Result<std::unique_ptr<File>> file = root.create(path, Access::read_only);
    if (!file && file.error().code == Code::not_found) {
      KACHERY_TRY(make_if_missing(root, kTemporaries));
      file = root.create(path, Access::read_only);
    }
    if (!file) return std::unexpected(std::move(file).error());
    return Temporary(root, std::move(path), *std::move(file));
  }

  // Who sends the right bytes mends what cannot be read, or is other than its name says.
  Result<Found> look(const std::string& path, const Same& same) const {
    const Result<std::unique_ptr<File>> file = root.open(path);
    if (!file && file.error().code == Code::not_found) return Found::nothing;
    if (!file) return std::unexpected(file.error());
    const Result<bool> equal = same(**file);
    return equal && *equal ? Found::whole : Found::damaged;
  }

  Publication publication_of(const Incoming& item) const {
    const Replace replace = item.found == Found::damaged ? Replace::yes : Replace::no;
    return {item.temporary->path(), item.path, replace};
  }

  // Gives one object its place, durably, whatever others do there at the same time. Its temporary is complete
  // and synced. `found` says what was there.
  Result<> settle(Incoming& item) {
    for (int i = 0; i < kTriesMax; ++i) {
      KACHERY_TRY(found, look(item.path, item.same));
      item.found = found;
      Result<> done = found == Found::whole ? confirm({&item.path, 1}, Sync::each) : take_place(item);
      if (done) return done;
      const bool changed = done.error().code == Code::not_found || done.error().code == Code::exists;
      if (!changed) return done;
    }
    return fail(Code::unavailable,
                item.path + " is being removed and written by others all the time; try again");
  }

  // Code::exists if somebody else was faster.
  Result<> take_place(Incoming& item) {
    const Publication publication = publication_of(item);
    KACHERY_TRY(outcomes, publish(root, {&publication, 1}, Sync::each, 1));
    if (outcomes.front() == Published::existed) return fail(Code::exists, item.path + " is there already");
    item.temporary->keep();
    return {};
  }

  // Objects of others, which may not be durable yet. Code::not_found if one is gone again.
  Result<> confirm(std::span<const std::string> paths, Sync sync) const {
    KACHERY_TRY(make_durable(root, paths, sync));
    for (const std::string& path : paths) KACHERY_TRY(root.stamp(path));
    return {};
  }

  // Writes what is not there yet to a temporary. With Sync::together the bytes are not on the disk yet.
  Result<> stage(Incoming& item, ByteView bytes, Sync sync) {
    KACHERY_TRY(found, look(item.path, item.same));
    item.found = found;
    if (found == Found::whole) return {};
    return write_temporary(item, bytes, sync);
  }

  Result<> write_temporary(Incoming& item, ByteView bytes, Sync sync) {
    KACHERY_TRY(temporary, create_temporary());
    KACHERY_TRY(temporary.file().append(bytes));
    if (sync == Sync::each) KACHERY_TRY(temporary.file().sync());
    temporary.close();
    item.temporary = std::move(temporary);
    return {};
  }

  // Stages and admits `contents[i]` at `items[i].path`, each of another path.
  Result<> put_all(std::span<Incoming> items, std::span<const ByteView> contents);
  Result<> admit(std::span<Incoming> items, std::span<const ByteView> contents, Sync sync);

  Directory& root;
  const std::string session = random_hex(8);
  std::atomic<std::uint64_t> next = 0;
};

Result<> Bucket::State::put_all(std::span<Incoming> items, std::span<const ByteView> contents) {
  const Sync sync = sync_for(root, items.size());
  KACHERY_TRY(parallel_for(items.size(), processor_count(),
                           [&](std::size_t i) { return stage(items[i], contents[i], sync); }));
  return admit(items, contents, sync);
}

// Makes all that was staged visible and durable.
Result<> Bucket::State::admit(std::span<Incoming> items, std::span<const ByteView> contents, Sync sync) {
  std::vector<Publication> publications;
  std::vector<std::size_t> published;
  std::vector<std::string> whole;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].temporary) {
      publications.push_back(publication_of(items[i]));
      published.push_back(i);
    } else {
      whole.push_back(items[i].path);
    }
  }
  KACHERY_TRY(outcomes, publish(root, publications, sync, processor_count()));
  for (std::size_t k = 0; k < outcomes.size(); ++k)
    if (outcomes[k] == Published::created) items[published[k]].temporary->keep();
  Result<> confirmed = confirm(whole, sync);
  if (!confirmed && confirmed.error().code != Code::not_found) return confirmed;

  // What others wrote, or removed, at the same time.
  for (std::size_t i = 0; i < items.size(); ++i) {
    const bool is_there = items[i].temporary ? items[i].temporary->path().empty() : confirmed.has_value();
    if (is_there) continue;
    if (!items[i].temporary) KACHERY_TRY(write_temporary(items[i], contents[i], Sync::each));
    KACHERY_TRY(settle(items[i]));
  }
  return {};
}

Bucket::Bucket(Directory& root) : state_(std::make_unique<State>(root)) {}
Bucket::~Bucket() = default;

Result<> Bucket::clear_temporaries() {
  KACHERY_TRY(entries, list_if_there(state_->root, kTemporaries));
  for (const Entry& entry : entries)
    KACHERY_TRY(ignore_missing(state_->root.remove(std::string(kTemporaries) + "/" + entry.name)));
  state_->root.remove_leftovers();
  return {};
}

Result<std::vector<KeptChunk>> Bucket::put_many(const ZoneName& zone, std::span<const HashedBytes> contents) {
  KACHERY_ASSERT(contents.size() <= kPutManyMax);
  // The same bytes twice are one object.
  std::map<Digest, std::size_t> first;
  std::vector<State::Incoming> items;
  std::vector<ByteView> items_bytes;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const HashedBytes& content = contents[i];
    if (!first.emplace(content.sha256(), i).second) continue;
    const Same same = [bytes = content.bytes()](const File& file) { return same_bytes(file, bytes); };
    items.push_back({chunk_path(zone, content.sha256()), same});
    items_bytes.push_back(content.bytes());
  }
  KACHERY_TRY(state_->put_all(items, items_bytes));

  std::vector<KeptChunk> kept;
  kept.reserve(contents.size());
  for (std::size_t i = 0, next = 0; i < contents.size(); ++i) {
    const HashedBytes& content = contents[i];
    kept.push_back({content.sha256(), content.sha1(), content.bytes().size(), true});
    if (first.at(content.sha256()) != i) continue;
    const State::Found found = items[next++].found;
    kept.back().existed = found == State::Found::whole;
    kept.back().mended = found == State::Found::damaged;
  }
  return kept;
}

Result<> Bucket::put_manifest(const ZoneName& zone, const Digest& file, const Digest& manifest,
                              std::string_view text) {
  const ByteView bytes = as_bytes(text);
  if (Hasher::of(Algorithm::sha256, bytes) != manifest)
    return fail(Code::corrupt, "refused a manifest whose SHA-256 is not " + manifest.hex() + ", as was said");
  State::Incoming item{manifest_path(zone, file, manifest),
                       [&](const File& there) { return same_bytes(there, bytes); }};
  return state_->put_all({&item, 1}, {&bytes, 1});
}

Result<std::unique_ptr<File>> Bucket::open_chunk(const ZoneName& zone, const Digest& sha256) const {
  return open_object(state_->root, chunk_path(zone, sha256), "chunk", zone, sha256);
}

Result<std::unique_ptr<File>> Bucket::open_manifest(const ZoneName& zone, const Digest& file,
                                                    const Digest& manifest) const {
  return open_object(state_->root, manifest_path(zone, file, manifest), "manifest", zone, manifest);
}

Result<bool> Bucket::has_chunk(const ZoneName& zone, const Digest& sha256) const {
  const Result<FileStamp> stamp = state_->root.stamp(chunk_path(zone, sha256));
  if (!stamp && stamp.error().code == Code::not_found) return false;
  if (!stamp) return std::unexpected(stamp.error());
  return true;
}

Result<> Bucket::check_chunk(const ZoneName& zone, const Digest& sha256) {
  return check_object(state_->root, chunk_path(zone, sha256), "chunk", zone, sha256);
}

Result<> Bucket::check_manifest(const ZoneName& zone, const Digest& file, const Digest& manifest) {
  return check_object(state_->root, manifest_path(zone, file, manifest), "manifest", zone, manifest);
}

Result<> Bucket::remove_chunk(const ZoneName& zone, const Digest& sha256) {
  return ignore_missing(state_->root.remove(chunk_path(zone, sha256)));
}

Result<> Bucket::remove_manifest(const ZoneName& zone, const Digest& file, const Digest& manifest) {
  KACHERY_TRY(ignore_missing(state_->root.remove(manifest_path(zone, file, manifest))));
  // Where the file has other manifests this does nothing.
  static_cast<void>(state_->root.remove_directory(manifests_of(zone, file)));
  return {};
}

Result<> Bucket::remove_zone(const ZoneName& zone) {
  KACHERY_TRY(remove_tree(state_->root, folder_of(zone)));
  return state_->root.sync_directory("");
}

Result<> Bucket::each_chunk(const ZoneName& zone, const std::function<Result<>(const Digest&)>& visit) const {
  KACHERY_TRY(folders, list_if_there(state_->root, chunks_of(zone)));
  for (const Entry& folder : folders) {
    KACHERY_TRY(entries, list_if_there(state_->root, chunks_of(zone) + "/" + folder.name));
    for (const Entry& entry : entries) {
      const Result<Digest> sha256 = Digest::parse(Algorithm::sha256, entry.name);
      if (sha256 && entry.name.starts_with(folder.name)) KACHERY_TRY(visit(*sha256));
    }
  }
  return {};
}

Result<> Bucket::each_manifest(const ZoneName& zone,
                               const std::function<Result<>(const Digest&, const Digest&)>& visit) const {
  const std::string all = folder_of(zone) + "/manifests";
  KACHERY_TRY(folders, list_if_there(state_->root, all));
  for (const Entry& folder : folders) {
    KACHERY_TRY(files, list_if_there(state_->root, all + "/" + folder.name));
    for (const Entry& entry : files) {
      const std::optional<Digest> file = file_of_folder(entry.name);
      if (!file) continue;
      KACHERY_TRY(manifests, list_if_there(state_->root, manifests_of(zone, *file)));
      for (const Entry& manifest : manifests) {
        const Result<Digest> sha256 = Digest::parse(Algorithm::sha256, manifest.name);
        if (sha256) KACHERY_TRY(visit(*file, *sha256));
      }
    }
  }
  return {};
}

struct ChunkWriter::State {
  Result<> append(ByteView bytes) {
    const auto write = [&]() -> Result<> {
      sha1.update(bytes);
      return temporary.file().append(bytes);
    };
    size += bytes.size();
    if (bytes.size() < kTwoThreadsMin) {
      sha256.update(bytes);
      return write();
    }
    return parallel_for(2, 2, [&](std::size_t part) -> Result<> {
      if (part == 0) return write();
      sha256.update(bytes);
      return {};
    });
  }

  Bucket::State& bucket;
  ZoneName zone;
  Temporary temporary;
  Hasher sha256{Algorithm::sha256};
  Hasher sha1{Algorithm::sha1};
  ByteCount size = 0;
  std::optional<Error> failure = {};
};

Result<ChunkWriter> Bucket::create(const ZoneName& zone, ByteCount size) {
  KACHERY_TRY(temporary, state_->create_temporary());
  KACHERY_TRY(temporary.file().reserve(size));
  return ChunkWriter(
      std::unique_ptr<ChunkWriter::State>(new ChunkWriter::State{*state_, zone, std::move(temporary)}));
}

ChunkWriter::ChunkWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChunkWriter::ChunkWriter(ChunkWriter&&) noexcept = default;
ChunkWriter& ChunkWriter::operator=(ChunkWriter&&) noexcept = default;
ChunkWriter::~ChunkWriter() = default;

Result<> ChunkWriter::append(ByteView bytes) {
  Result<> appended = state_->append(bytes);
  if (!appended) state_->failure = appended.error();
  return appended;
}

Result<KeptChunk> ChunkWriter::commit(const Digest& expected) {
  if (state_->failure) return std::unexpected(*state_->failure);
  Bucket::State& bucket = state_->bucket;
  KeptChunk kept{state_->sha256.finish(), state_->sha1.finish(), state_->size, false};
  if (kept.sha256 != expected)
    return fail(Code::corrupt, "refused " + std::to_string(kept.size) + " bytes whose SHA-256 is " +
                                   kept.sha256.hex() + ", not " + expected.hex() + ", as was said");
  KACHERY_TRY(state_->temporary.file().sync());
  state_->temporary.close();
  const Same same = [&bucket, path = state_->temporary.path()](const File& there) -> Result<bool> {
    KACHERY_TRY(mine, bucket.root.open(path));
    return same_content(there, *mine);
  };
  Bucket::State::Incoming item{chunk_path(state_->zone, expected), same, std::move(state_->temporary)};
  KACHERY_TRY(bucket.settle(item));
  kept.existed = item.found == Bucket::State::Found::whole;
  kept.mended = item.found == Bucket::State::Found::damaged;
  return kept;
}

}  // namespace kachery
