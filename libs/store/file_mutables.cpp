#include "store/file_mutables.h"

#include <algorithm>
#include <set>

#include "core/text.h"
#include "os/publish.h"

namespace kachery {
namespace {

constexpr const char* kRoot = "mutables";
constexpr std::string_view kHashCacheOfOlderPrograms = "@compute_sha1_cache";

// How often `set` begins again because somebody deletes the folder under its feet.
constexpr int kAttempts = 5;

std::string path_of(const std::string& key) {
  return std::string(kRoot) + "/" + key;
}

std::vector<std::string> parts_of(const std::string& key) {
  std::vector<std::string> parts(1);
  for (const char c : key) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool is_folder_name(const std::string& part) {
  return part.starts_with('@') && part != "@." && part != "@..";
}

bool is_key_name(const std::string& part) {
  return !part.empty() && !part.starts_with('@') && part != "." && part != "..";
}

std::unexpected<Error> refuse(Code code, std::string_view why, const std::string& key) {
  return fail(code, std::string(why) + ": " + printable(key));
}

Result<> check_key(const std::string& key) {
  std::vector<std::string> parts = parts_of(key);
  const std::string last = std::move(parts.back());
  parts.pop_back();
  if (!key.contains('\0') && is_key_name(last) && std::ranges::all_of(parts, is_folder_name)) return {};
  return refuse(Code::invalid, "Invalid mutable key", key);
}

Result<> check_folder_key(const std::string& key) {
  const std::vector<std::string> parts = parts_of(key);
  if (!parts.back().starts_with('@')) return refuse(Code::invalid, "Not a mutable folder", key);
  if (!key.contains('\0') && std::ranges::all_of(parts, is_folder_name)) return {};
  return refuse(Code::invalid, "Invalid mutable folder key", key);
}

Result<std::string> read(const File& file) {
  KACHERY_TRY(stamp, file.stamp());
  std::string text(stamp.size, '\0');
  KACHERY_TRY(got, file.read_at(0, std::as_writable_bytes(std::span(text))));
  text.resize(got);  // Older programs change it in place.
  return text;
}

bool is_missing(const Result<>& outcome) {
  return !outcome && outcome.error().code == Code::not_found;
}

// Somebody else may remove some of it at the same time.
Result<> remove_tree(Directory& directory, const std::string& path) {
  Result<std::vector<Entry>> entries = directory.list(path);
  if (!entries && entries.error().code == Code::not_found) return {};
  if (!entries) return std::unexpected(std::move(entries).error());
  for (const Entry& entry : *entries) {
    const std::string inner = path + "/" + entry.name;
    const Result<> removed =
        entry.kind == EntryKind::directory ? remove_tree(directory, inner) : directory.remove(inner);
    if (!removed && !is_missing(removed)) return removed;
  }
  Result<> removed = directory.remove_directory(path);
  if (is_missing(removed)) return {};
  return removed;
}

Result<> collect(const Directory& directory, const std::string& folder, std::set<std::string>& keys) {
  const Result<std::vector<Entry>> entries = directory.list(folder.empty() ? kRoot : path_of(folder));
  if (!entries && entries.error().code == Code::not_found) return {};
  if (!entries) return std::unexpected(entries.error());
  for (const Entry& entry : *entries) {
    const std::string key = folder.empty() ? entry.name : folder + "/" + entry.name;
    if (entry.kind == EntryKind::file && is_key_name(entry.name)) keys.insert(key);
    if (entry.kind == EntryKind::directory && is_folder_name(entry.name) && key != kHashCacheOfOlderPrograms)
      KACHERY_TRY(collect(directory, key, keys));
  }
  return {};
}

// Whether there is anything, a file or a folder.
Result<bool> has(const Directory& directory, const std::string& path) {
  const Result<FileStamp> stamp = directory.stamp(path);
  if (stamp) return true;
  if (stamp.error().code == Code::not_found) return false;
  KACHERY_TRY(directory.list(path));  // A folder is no file.
  return true;
}

}  // namespace

FileMutables::FileMutables(Directory* own, std::vector<const Directory*> older, const Clock& clock)
    : own_(own), older_(std::move(older)) {
  if (own_ != nullptr) area_.emplace(*own_, clock);
}

Result<std::optional<std::string>> FileMutables::get(const std::string& key) const {
  KACHERY_TRY(check_key(key));
  const auto look = [&](const Directory& directory) -> Result<std::optional<std::string>> {
    const Result<std::unique_ptr<File>> file = directory.open(path_of(key));
    if (!file && file.error().code == Code::not_found) return std::nullopt;
    if (!file) return std::unexpected(file.error());
    KACHERY_TRY(text, read(**file));
    return text;
  };
  if (own_ != nullptr) {
    KACHERY_TRY(text, look(*own_));
    if (text) return text;
  }
  for (const Directory* directory : older_) {
    KACHERY_TRY(text, look(*directory));
    if (text) return text;
  }
  return std::nullopt;
}

Result<> FileMutables::set(const std::string& key, const std::string& value) {
  KACHERY_TRY(check_key(key));
  KACHERY_ASSERT(own_ != nullptr);
  for (int attempt = 1;; ++attempt) {
    Result<> written = write(path_of(key), value);
    if (!is_missing(written) || attempt == kAttempts) return written;
  }
}

Result<> FileMutables::write(const std::string& path, const std::string& value) {
  // Writable, because older programs change it in place.
  KACHERY_TRY(temporary, area_->create(Access::writable));
  KACHERY_TRY(temporary.file().append(as_bytes(value)));
  KACHERY_TRY(temporary.file().sync());
  temporary.close();
  const Publication publication{temporary.path(), path, Replace::yes};
  Result<std::vector<Published>> published = publish(*own_, {&publication, 1}, Sync::each, 1);
  if (!published) return std::unexpected(std::move(published).error());
  temporary.keep();
  return {};
}

Result<> FileMutables::refuse_if_older(const std::string& key) const {
  for (const Directory* directory : older_) {
    KACHERY_TRY(there, has(*directory, path_of(key)));
    if (there)
      return fail(Code::denied, "Mutable cannot be deleted: " + printable(key) + " (it lies in " +
                                    directory->name() + "/" + kRoot +
                                    ", which belongs to an older program and is only read; delete it there)");
  }
  return {};
}

Result<> FileMutables::remove(const std::string& key) {
  if (std::ranges::all_of(parts_of(key), is_folder_name))
    return refuse(Code::invalid, "Mutable key is a folder", key);
  KACHERY_TRY(check_key(key));
  KACHERY_TRY(refuse_if_older(key));
  const Result<> removed = own_ == nullptr ? fail(Code::not_found, "") : own_->remove(path_of(key));
  if (is_missing(removed)) return refuse(Code::not_found, "Mutable does not exist", key);
  KACHERY_TRY(removed);
  Result<> synced = own_->sync_directory(parent_of(path_of(key)));
  if (is_missing(synced)) return {};  // Its folder was deleted as well.
  return synced;
}

Result<> FileMutables::remove_folder(const std::string& key) {
  KACHERY_TRY(check_folder_key(key));
  KACHERY_TRY(refuse_if_older(key));
  KACHERY_TRY(there, own_ == nullptr ? Result<bool>(false) : has(*own_, path_of(key)));
  if (!there) return refuse(Code::not_found, "Mutable folder does not exist", key);
  KACHERY_TRY(remove_tree(*own_, path_of(key)));
  Result<> synced = own_->sync_directory(parent_of(path_of(key)));
  if (is_missing(synced)) return {};
  return synced;
}

Result<std::vector<std::string>> FileMutables::list() const {
  std::set<std::string> keys;
  if (own_ != nullptr) KACHERY_TRY(collect(*own_, "", keys));
  for (const Directory* directory : older_) KACHERY_TRY(collect(*directory, "", keys));
  return std::vector<std::string>(keys.begin(), keys.end());
}

}  // namespace kachery
