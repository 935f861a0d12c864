#include "client/session.h"

#include "client/zone.h"
#include "core/text.h"
#include "feed/feeds.h"
#include "os/parallel.h"
#include "os/replacement.h"
#include "store/manifests.h"
#include "store/pump.h"

namespace kachery {
namespace {

// Looking elsewhere would not help, or is not wanted.
bool is_final(const Error& error) {
  return error.code == Code::cancelled || error.code == Code::exhausted;
}

// The zone may have what is not here, or is damaged here.
bool may_be_elsewhere(const Error& error) {
  return error.code == Code::not_found || error.code == Code::corrupt;
}

// Asks one store after the other. A failure tells of all of them; damage weighs more than absence.
template <class T>
Result<T> first_of(std::span<Store* const> stores, const std::function<Result<T>(Store&)>& use) {
  Error failure{Code::not_found, ""};
  for (Store* store : stores) {
    Result<T> result = use(*store);
    if (result || is_final(result.error())) return result;
    if (failure.code == Code::not_found) failure.code = result.error().code;
    failure.message += (failure.message.empty() ? "" : "; ") + result.error().message;
  }
  return std::unexpected(std::move(failure));
}

}  // namespace

struct Session::Opened {
  std::unique_ptr<Directory> root;
  std::unique_ptr<HashCache> cache;
  std::unique_ptr<ObjectNotes> notes;
  std::unique_ptr<Store> store;
  std::unique_ptr<FileMutables> mutables;
};

Session::Session(Configuration configuration) : configuration_(std::move(configuration)) {}
Session::~Session() = default;

Result<Session::Opened*> Session::open_own(Missing missing) {
  const std::scoped_lock lock(mutex_);
  if (own_) return own_.get();
  KACHERY_TRY(root, open_directory(configuration_.directory, missing));
  auto opened = std::make_unique<Opened>();
  opened->root = std::move(root);
  open_index(*opened, missing);
  opened->store = std::make_unique<Store>(
      StoreParts{*opened->root, opened->cache.get(), opened->notes.get(), system_clock(), processor_count()});
  own_ = std::move(opened);
  return own_.get();
}

// What was hashed is remembered on local file systems only: elsewhere the times of files cannot be relied on.
void Session::open_index(Opened& opened, Missing missing) const {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::canonical(opened.root->name(), error);
  if (!error && !is_network_file_system(path)) opened.cache = HashCache::open(path / "index.db");
  const Result<std::filesystem::path> directory = database_directory(configuration_);
  if (!directory) return;  // Everything is the user's own, then.
  if (missing == Missing::create && *directory != configuration_.directory)
    static_cast<void>(make_own_directory(*directory, Audience::writers));
  const std::filesystem::path database = std::filesystem::canonical(*directory, error);
  if (!error) opened.notes = ObjectNotes::open(database / "index.db");
}

Result<Store*> Session::writing_store() {
  KACHERY_TRY(opened, open_own(Missing::create));
  return opened->store.get();
}

Result<Store*> Session::reading_store() {
  Result<Opened*> opened = open_own(Missing::fail);
  if (opened) return (*opened)->store.get();
  if (opened.error().code == Code::not_found) return nullptr;
  return std::unexpected(std::move(opened).error());
}

// With the lock held. What was hashed of their files is remembered in our index; nothing is written to
// theirs.
std::span<const std::unique_ptr<Session::Opened>> Session::older() {
  if (older_) return *older_;
  older_.emplace();
  for (const std::filesystem::path& directory : configuration_.also_read) {
    Result<std::unique_ptr<Directory>> root = open_directory(directory, Missing::fail);
    if (!root) continue;  // It went away, or is not for us to read.
    auto opened = std::make_unique<Opened>();
    opened->root = *std::move(root);
    opened->store = std::make_unique<Store>(StoreParts{*opened->root, own_ ? own_->cache.get() : nullptr,
                                                       nullptr, system_clock(), processor_count()});
    older_->push_back(std::move(opened));
  }
  return *older_;
}

// Our own, where there is one, then those of older programs.
Result<std::vector<Store*>> Session::readable_stores() {
  std::vector<Store*> stores;
  KACHERY_TRY(own, reading_store());
  if (own != nullptr) stores.push_back(own);
  const std::scoped_lock lock(mutex_);
  for (const auto& opened : older()) stores.push_back(opened->store.get());
  return stores;
}

Result<Mutables*> Session::mutables() {
  KACHERY_TRY(directory, database_directory(configuration_));
  const std::scoped_lock lock(mutex_);
  const Audience audience = directory == configuration_.directory ? Audience::readers : Audience::writers;
  if (!mutables_) mutables_ = std::make_unique<Mutables>(directory, audience, configuration_.also_read);
  return mutables_.get();
}

Result<FileMutables*> Session::file_mutables(Missing missing) {
  Result<Opened*> own = open_own(missing);
  if (!own && (missing == Missing::create || own.error().code != Code::not_found))
    return std::unexpected(std::move(own).error());
  const std::scoped_lock lock(mutex_);
  std::unique_ptr<FileMutables>& mutables = own ? (*own)->mutables : older_mutables_;
  if (mutables) return mutables.get();
  std::vector<const Directory*> older_roots;
  for (const auto& opened : older()) older_roots.push_back(opened->root.get());
  Directory* own_root = own ? (*own)->root.get() : nullptr;
  mutables = std::make_unique<FileMutables>(own_root, std::move(older_roots), system_clock());
  return mutables.get();
}

std::unexpected<Error> Session::fail_no_directory(const std::string& name) const {
  return fail(Code::not_found, printable(name) + ": not found: there is no store yet at " +
                                   configuration_.directory.native() + " (" +
                                   configuration_.directory_origin + ")");
}

// The file at the URI's ?location=, if it has the content.
Result<Located> Session::at_location(const Uri& uri, Progress& progress) {
  if (!uri.location.starts_with('/'))
    return fail(Code::invalid, "the location is no absolute path: " + printable(uri.location));
  KACHERY_TRY(file, open_user_file(uri.location));
  KACHERY_TRY(stamp, file->stamp());
  KACHERY_TRY(store, reading_store());
  bool right = false;
  if (store != nullptr) {
    KACHERY_TRY(holds, store->holds(*file, uri.digest, progress));
    right = holds;
  } else {
    const auto source = stream_of(*file);
    KACHERY_TRY(pumped, pump(*source, uri.digest.algorithm(), progress));
    right = pumped.digest == uri.digest;
  }
  if (!right) return fail(Code::not_found, "the file at its location has other content: " + uri.location);
  return Located{std::move(file), uri.location, stamp.size, "location"};
}

Result<Located> Session::open(const std::string& name, const Sources& sources, Progress& progress) {
  if (!has_scheme(name)) {
    KACHERY_TRY(file, open_user_file(name));
    KACHERY_TRY(stamp, file->stamp());
    return Located{std::move(file), name, stamp.size, "path"};
  }
  KACHERY_TRY(uri, Uri::parse(name));
  Result<Located> here = open_here(uri, sources.location, progress);
  if (here || !may_be_elsewhere(here.error())) return here;
  return from_zone(uri, sources, std::move(here).error(), progress);
}

// Without the network.
Result<Located> Session::open_here(const Uri& uri, Location location, Progress& progress) {
  KACHERY_TRY(stores, readable_stores());
  const FindContent find = [stores, &progress](const Digest& digest) {
    return first_of<Found>(stores, [&](Store& store) { return store.open(digest, progress); });
  };
  Result<Found> found = stores.empty() ? fail_no_directory(uri.str()) : find(uri.digest);
  if (found) {
    KACHERY_TRY(stamp, found->file->stamp());
    return Located{std::move(found->file), std::move(found->path), stamp.size,
                   found->linked ? "link" : "object"};
  }
  Error failure = std::move(found).error();
  if (is_final(failure)) return std::unexpected(std::move(failure));
  if (location == Location::use && !uri.location.empty()) {
    Result<Located> located = at_location(uri, progress);
    if (located || is_final(located.error())) return located;
    failure.message += "; " + located.error().message;
  }
  if (!uri.manifest) return std::unexpected(std::move(failure));

  Result<std::unique_ptr<File>> chunked =
      open_chunked(uri.digest, *uri.manifest, [this](const Digest& digest) {
        Progress unwatched;
        Result<std::vector<Store*>> now = readable_stores();
        if (!now) return Result<Found>(std::unexpected(now.error()));
        return first_of<Found>(*now, [&](Store& store) { return store.open(digest, unwatched); });
      });
  if (!chunked && chunked.error().code == Code::not_found) return std::unexpected(std::move(failure));
  if (!chunked) return std::unexpected(std::move(chunked).error());
  KACHERY_TRY(stamp, (*chunked)->stamp());
  return Located{*std::move(chunked), {}, stamp.size, "chunks"};
}

Result<Located> Session::locate(const std::string& name, const Sources& sources, Progress& progress) {
  Result<Located> located = open(name, sources, progress);
  if (!located || located->kind != "chunks") return located;
  KACHERY_TRY(uri, Uri::parse(name));
  Result<Located> whole = put_together(uri, *located->file, progress);
  if (whole || !may_be_elsewhere(whole.error())) return whole;
  return from_zone(uri, sources, std::move(whole).error(), progress);
}

Result<Located> Session::put_together(const Uri& uri, const File& chunks, Progress& progress) {
  KACHERY_TRY(store, writing_store());
  StoreWriter writer = store->create(uri.digest.algorithm());
  const auto source = stream_of(chunks);
  std::vector<std::byte> piece(kPieceBytes);
  for (std::size_t got = piece.size(); got == piece.size();) {
    if (progress.cancel) return fail_cancelled();
    KACHERY_TRY(count, source->read(piece));
    KACHERY_TRY(writer.append(std::span(piece).first(count)));
    progress.bytes_done += count;
    got = count;
  }
  KACHERY_TRY(stored, writer.commit(&uri.digest));
  return open_here({stored.digest, ""}, Location::ignore, progress);
}

Result<> Session::copy_to(const std::string& name, const std::filesystem::path& destination,
                          const Sources& sources, Progress& progress) {
  KACHERY_TRY(located, open(name, sources, progress));
  std::error_code error;
  const std::filesystem::path target = std::filesystem::absolute(destination, error);
  if (!target.has_filename() || std::filesystem::is_directory(target, error))
    return fail(Code::invalid,
                "cannot write to " + destination.native() + ": it is a directory; give a file name");
  KACHERY_TRY(replacement, replace_user_file(target));
  const auto source = stream_of(*located.file);
  // Hashed once more as it is copied, so that what lies at the destination is what was asked for.
  const auto uri = has_scheme(name) ? Uri::parse(name) : Result<Uri>(fail(Code::invalid, ""));
  const Algorithm algorithm = uri ? uri->digest.algorithm() : Algorithm::sha1;
  const Sink into_replacement = [&](ByteView piece) { return replacement->append(piece); };
  KACHERY_TRY(pumped, pump(*source, algorithm, progress, into_replacement));
  if (uri && pumped.digest != uri->digest)
    return fail(Code::corrupt,
                printable(name) + ": " + located.path.native() + " changed while it was copied");
  return replacement->commit();
}

Result<ByteCount> Session::look_for(const Digest& digest) {
  KACHERY_TRY(stores, readable_stores());
  if (stores.empty()) return fail_no_directory(name_of(digest));
  return first_of<ByteCount>(stores, [&](Store& store) { return store.look_for(digest); });
}

Result<> Session::read(const std::string& name, const Store::Allocate& allocate, const Sources& sources,
                       Progress& progress) {
  const Result<Uri> uri = has_scheme(name) ? Uri::parse(name) : fail(Code::invalid, "");
  KACHERY_TRY(stores, readable_stores());
  if (uri && !stores.empty()) {
    const Result<> got =
        first_of<void>(stores, [&](Store& store) { return store.read(uri->digest, allocate, progress); });
    const bool elsewhere = uri->manifest || (sources.location == Location::use && !uri->location.empty()) ||
                           (has_hub() && !sources.local_only);
    if (got || is_final(got.error()) || !elsewhere) return got;
  }
  KACHERY_TRY(located, locate(name, sources, progress));
  const std::span<std::byte> space = allocate(located.size);
  if (space.size() != located.size)
    return fail(Code::exhausted,
                "not enough memory for " + std::to_string(located.size) + " bytes; load_file gives a path");
  KACHERY_TRY(read_exactly(*located.file, 0, space));
  if (!uri) return {};
  KACHERY_TRY(actual, hash_bytes(space, uri->digest.algorithm(), progress));
  if (actual != uri->digest)
    return fail(Code::corrupt, printable(name) + ": " + located.path.native() + " changed while it was read");
  return {};
}

Result<std::optional<Digest>> Session::gen1_manifest(const Digest& sha1, Progress& progress) {
  KACHERY_TRY(store, writing_store());
  return keep_gen1_manifest(*store, sha1, processor_count(), progress);
}

Result<std::vector<Stored>> Session::store_many(std::span<const std::filesystem::path> paths,
                                                Algorithm algorithm, Progress& progress, Origin origin) {
  KACHERY_TRY(store, writing_store());
  std::vector<Stored> stored(paths.size(),
                             Stored{Digest(algorithm, std::vector<std::byte>(digest_size(algorithm))), 0});
  std::vector<std::filesystem::path> files;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (!is_stream(paths[i])) {
      files.push_back(paths[i]);
      places.push_back(i);
      continue;
    }
    KACHERY_TRY(stream, open_stream(paths[i], progress.cancel));
    KACHERY_TRY(one, store->put(*stream, algorithm, progress, origin));
    ++progress.items_done;
    stored[i] = one;
  }
  KACHERY_TRY(batch, store->put_files(files, algorithm, progress, origin));
  for (std::size_t i = 0; i < batch.size(); ++i) stored[places[i]] = batch[i];
  return stored;
}

std::string label_of(const std::filesystem::path& path) {
  return path.filename().native();
}

}  // namespace kachery
