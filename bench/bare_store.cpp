// The floor under storing small files: bare loops of system calls that make the same files, the same folders
// and the same syncs as the program, hash, and do nothing else. One thread, no checks of what is there, no
// clean-up.
//   bare_store batch DIRECTORY LIST   what `kachery store --from LIST -0` makes: all temporaries, one sync of
//   the file
//                                     system, all renames to sha1/ab/cd/ef/HASH, one more sync
//   bare_store each DIRECTORY LIST    the same files and folders, but each durable before the next begins:
//   fsync of the
//                                     file, rename, fsync of every folder that has a new entry
//   bare_store flat DIRECTORY LIST    the least that a durable write takes: write, fsync, rename into one
//   folder, fsync
//                                     of that folder
// DIRECTORY is empty, or from an earlier run with other files; the files of the list are at most 1 MiB.
#include <cerrno>
#include <cstdio>
#include <string>
#include <unordered_set>
#include <vector>

#include "bare.h"

namespace {

using bare::die;

void sync_file_system() {
  const bare::Descriptor root(".", O_RDONLY | O_DIRECTORY);
  if (::syncfs(root.get()) != 0) die("syncfs");
}

void sync_folder(const std::string& path) {
  const bare::Descriptor folder(path, O_RDONLY | O_DIRECTORY);
  if (::fsync(folder.get()) != 0) die("fsync " + path);
}

void move(const std::string& from, const std::string& to) {
  // What the program calls: an object that is there already is never replaced.
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0)
    die("rename to " + to);
}

// Reads, hashes and writes a copy. Returns the hash.
class Copier {
 public:
  std::string copy(const std::string& from, const std::string& to, bool durable) {
    std::size_t size = 0;
    {
      const bare::Descriptor in(from, O_RDONLY);
      size = bare::read_piece(in, buffer_);
    }
    sha1_.update(buffer_.data(), size);
    const bare::Descriptor out(to, O_WRONLY | O_CREAT | O_EXCL, 0444);
    if (::write(out.get(), buffer_.data(), size) != static_cast<ssize_t>(size)) die("write " + to);
    if (durable && ::fsync(out.get()) != 0) die("fsync " + to);
    return sha1_.finish();
  }

 private:
  bare::Sha1 sha1_;
  std::vector<char> buffer_ = std::vector<char>(bare::kPieceBytes);
};

// sha1/ab/cd/ef, made as needed; a folder that this run made before is not tried again.
class Folders {
 public:
  // `grown`, if there, gets the folders that have a new folder in them.
  std::string make_for(const std::string& hash, std::vector<std::string>* grown) {
    std::string path = "sha1";
    for (const std::size_t begin : {0U, 2U, 4U}) {
      const std::string above = path;
      path += "/" + hash.substr(begin, 2);
      if (!made_.insert(path).second) continue;
      const bool made = ::mkdir(path.c_str(), 0755) == 0;
      if (!made && errno != EEXIST) die("mkdir " + path);
      if (made && grown != nullptr) grown->push_back(above);
    }
    return path;
  }

 private:
  std::unordered_set<std::string> made_;
};

void store_batch(const std::vector<std::string>& names) {
  Copier copier;
  std::vector<std::string> hashes;
  for (std::size_t i = 0; i < names.size(); ++i)
    hashes.push_back(copier.copy(names[i], "tmp/" + std::to_string(i), false));
  sync_file_system();
  Folders folders;
  for (std::size_t i = 0; i < names.size(); ++i)
    move("tmp/" + std::to_string(i), folders.make_for(hashes[i], nullptr) + "/" + hashes[i]);
  sync_file_system();
}

void store_each(const std::vector<std::string>& names) {
  Copier copier;
  Folders folders;
  for (const std::string& name : names) {
    const std::string hash = copier.copy(name, "tmp/0", true);
    std::vector<std::string> grown;
    const std::string folder = folders.make_for(hash, &grown);
    move("tmp/0", folder + "/" + hash);
    grown.push_back(folder);
    for (const std::string& path : grown) sync_folder(path);
  }
}

void store_flat(const std::vector<std::string>& names) {
  Copier copier;
  for (const std::string& name : names) {
    const std::string hash = copier.copy(name, "tmp/0", true);
    move("tmp/0", "sha1/" + hash);
    sync_folder("sha1");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const std::string mode = words.empty() ? "" : words[0];
  const auto store = mode == "batch"  ? store_batch
                     : mode == "each" ? store_each
                     : mode == "flat" ? store_flat
                                      : nullptr;
  if (words.size() != 3 || store == nullptr) {
    std::fputs("usage: bare_store batch|each|flat DIRECTORY LIST\n", stderr);
    return 2;
  }
  const std::vector<std::string> names = bare::read_names(words[2]);
  if (::chdir(words[1].c_str()) != 0) die(words[1]);
  for (const char* folder : {"tmp", "sha1"})
    if (::mkdir(folder, 0755) != 0 && errno != EEXIST) die(folder);
  store(names);
  return 0;
}
