#include "client/session.h"

#include "core/text.h"
#include "os/parallel.h"
#include "os/replacement.h"
#include "store/pump.h"

namespace kachery {

struct Session::Opened {
  std::unique_ptr<Directory> root;
  std::unique_ptr<HashCache> cache;
  std::unique_ptr<Store> store;
  std::unique_ptr<FileMutables> mutables;
};

namespace {

// Those of older programs that are there, for reading.
Result<std::vector<std::unique_ptr<Directory>>> open_older(const Configuration& configuration) {
  std::vector<std::unique_ptr<Directory>> directories;
  for (const auto& path : configuration.also_read) {
    Result<std::unique_ptr<Directory>> directory = open_directory(path, Missing::fail);
    if (!directory && directory.error().code == Code::not_found) continue;
    if (!directory) return std::unexpected(std::move(directory).error());
    directories.push_back(*std::move(directory));
  }
  return directories;
}

}  // namespace

Session::Session(Configuration configuration) : configuration_(std::move(configuration)) {}
Session::~Session() = default;

Result<Session::Opened*> Session::open(Missing missing) {
  const std::scoped_lock lock(mutex_);
  if (opened_) return opened_.get();
  KACHERY_TRY(root, open_directory(configuration_.directory, missing));
  auto opened = std::make_unique<Opened>();
  opened->root = std::move(root);
  std::error_code error;
  const std::filesystem::path path = std::filesystem::canonical(opened->root->name(), error);

  if (!error && !is_network_file_system(path)) opened->cache = HashCache::open(path / "index.db");
  opened->store = std::make_unique<Store>(
      StoreParts{*opened->root, opened->cache.get(), system_clock(), processor_count()});
  opened_ = std::move(opened);
  return opened_.get();
}

Result<Store*> Session::writing_store() {
  KACHERY_TRY(opened, open(Missing::create));
  return opened->store.get();
}

Result<Store*> Session::reading_store() {
  Result<Opened*> opened = open(Missing::fail);
  if (opened) return (*opened)->store.get();
  if (opened.error().code == Code::not_found) return nullptr;
  return std::unexpected(std::move(opened).error());
}

Result<Mutables*> Session::mutables() {
  KACHERY_TRY(directory, database_directory(configuration_));
  const std::scoped_lock lock(mutex_);
  if (!mutables_) mutables_ = std::make_unique<Mutables>(directory, configuration_.also_read);
  return mutables_.get();
}

Result<FileMutables*> Session::file_mutables(Missing missing) {
  Result<Opened*> opened = open(missing);
  if (!opened && (missing == Missing::create || opened.error().code != Code::not_found))
    return std::unexpected(std::move(opened).error());
  const std::scoped_lock lock(mutex_);
  std::unique_ptr<FileMutables>& mutables = opened ? (*opened)->mutables : older_mutables_;
  if (!mutables) {
    KACHERY_TRY(older, open_older(configuration_));
    Directory* own = opened ? (*opened)->root.get() : nullptr;
    mutables = std::make_unique<FileMutables>(own, std::move(older), system_clock());
  }
  return mutables.get();
}

std::unexpected<Error> Session::fail_no_directory(const std::string& name) const {
  return fail(Code::not_found, printable(name) + ": not found: there is no store yet at " +
                                   configuration_.directory.native() + " (" +
                                   configuration_.directory_origin + ")");
}

Result<Located> Session::locate(const std::string& name, Progress& progress) {
  if (!has_scheme(name)) {
    KACHERY_TRY(file, open_user_file(name));
    KACHERY_TRY(stamp, file->stamp());
    return Located{std::move(file), name, stamp.size, "path"};
  }
  KACHERY_TRY(uri, Uri::parse(name));
  KACHERY_TRY(store, reading_store());
  if (store == nullptr) return fail_no_directory(name);
  KACHERY_TRY(found, store->open(uri.digest, progress));
  KACHERY_TRY(stamp, found.file->stamp());
  return Located{std::move(found.file), std::move(found.path), stamp.size, found.linked ? "link" : "object"};
}

Result<> Session::copy_to(const std::string& name, const std::filesystem::path& destination,
                          Progress& progress) {
  KACHERY_TRY(located, locate(name, progress));
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

Result<> Session::read(const std::string& name, const Store::Allocate& allocate, Progress& progress) {
  if (has_scheme(name)) {
    KACHERY_TRY(uri, Uri::parse(name));
    KACHERY_TRY(store, reading_store());
    if (store == nullptr) return fail_no_directory(name);
    return store->read(uri.digest, allocate, progress);
  }
  KACHERY_TRY(located, locate(name, progress));
  return read_exactly(*located.file, 0, allocate(located.size));
}

Result<std::vector<Stored>> Session::store_many(std::span<const std::filesystem::path> paths,
                                                Algorithm algorithm, Progress& progress) {
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
    KACHERY_TRY(one, store->put(*stream, algorithm, progress));
    ++progress.items_done;
    stored[i] = one;
  }
  KACHERY_TRY(batch, store->put_files(files, algorithm, progress));
  for (std::size_t i = 0; i < batch.size(); ++i) stored[places[i]] = batch[i];
  return stored;
}

std::string label_of(const std::filesystem::path& path) {
  return path.filename().native();
}

}  // namespace kachery
