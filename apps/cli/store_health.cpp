// What kachery doctor says of the store's directory and of what lies in it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "client/identity.h"
#include "console.h"
#include "db/database.h"
#include "health.h"
#include "os/directory.h"
#include "os/file.h"
#include "os/path_facts.h"
#include "store/layout.h"

namespace kachery::cli {
namespace {

namespace fs = std::filesystem;

// Less than this will not last for long.
constexpr ByteCount kFreeBytesMin = 1'000'000'000;

Check check_access(const fs::path& root) {
  if (::access(root.c_str(), R_OK | X_OK) != 0)
    return {"directory", Status::error, fmt::format("{} may not be read", root.native()),
            "ask its owner, or name another one with KACHERY_DIR"};
  if (::access(root.c_str(), W_OK) != 0)
    return {"directory", Status::warning,
            fmt::format("{} may be read, but nothing can be stored there", root.native()),
            "ask its owner, or name another one with KACHERY_DIR"};
  return {"directory", Status::ok, root.native()};
}

Check check_mode(const fs::path& root, const PathFacts& facts) {
  constexpr unsigned kOthersWrite = 0002;
  constexpr unsigned kGroupWrites = 0020;
  constexpr unsigned kSetGroup = 02000;
  const std::string mode = fmt::format("mode {:04o}, owner {}", facts.mode, facts.owner);
  if ((facts.mode & kOthersWrite) != 0)
    return {"directory-mode", Status::warning, mode + ": anybody on this machine may write there",
            "chmod o-w " + root.native()};
  if ((facts.mode & kGroupWrites) != 0 && (facts.mode & kSetGroup) == 0)
    return {"directory-mode", Status::warning, mode + ": the group may write, but new files get other groups",
            "chmod g+s " + root.native() + ", or chmod g-w if it is yours alone"};
  return {"directory-mode", Status::ok, mode};
}

Check check_space(const fs::path& root) {
  std::error_code error;
  const fs::space_info space = fs::space(root, error);
  if (error) return {"free-space", Status::warning, "not known: " + error.message()};
  const std::string free = human_size(space.available) + " free";
  if (space.available >= kFreeBytesMin) return {"free-space", Status::ok, free};
  return {"free-space", Status::warning, free, "make room, or move the store"};
}

Check check_file_system(const Configuration& configuration, const PathFacts& facts) {
  const auto databases = database_directory(configuration);
  if (!databases)
    return {"file-system", Status::error, databases.error().message,
            "set KACHERY_STATE_DIR to a local directory"};
  if (*databases == configuration.directory) return {"file-system", Status::ok, facts.file_system};
  return {"file-system", Status::ok,
          fmt::format("{}, over a network: databases and keys lie in {}", facts.file_system,
                      databases->native())};
}

Check check_index(const fs::path& root) {
  const fs::path path = root / "index.db";
  std::error_code error;
  if (!fs::exists(path, error)) return {"index", Status::ok, "there is none yet"};
  const std::string todo = "remove " + path.native() + ": it is made anew, and files are hashed once more";
  auto database = Database::open_read_only(path);
  if (!database) return {"index", Status::warning, database.error().message, todo};
  const auto faults = [&]() -> Result<std::string> {
    KACHERY_TRY(check, database->prepare("PRAGMA quick_check(1)"));
    KACHERY_TRY(row, check.step());
    return row ? std::string(as_text(check.column_bytes(0))) : "no answer";
  }();
  if (!faults) return {"index", Status::warning, faults.error().message, todo};
  if (*faults != "ok") return {"index", Status::warning, path.native() + ": " + *faults, todo};
  return {"index", Status::ok, "index.db is sound"};
}

// What a process that was killed left; a later one clears it away.
Check check_sessions(const fs::path& root) {
  std::size_t left = 0;
  std::error_code error;
  const auto directory = open_directory(root, Missing::fail);
  const auto old = fs::file_time_type::clock::now() - std::chrono::minutes(10);
  for (const auto& entry : fs::directory_iterator(root / "tmp", error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("session-") || !name.ends_with(".lock")) continue;
    if (entry.last_write_time(error) > old || !directory) continue;
    // Held while its process lives.
    if ((*directory)->lock("tmp/" + name, Hold::alone)) ++left;
  }
  if (left == 0) return {"sessions", Status::ok, "no process left anything unfinished"};
  return {"sessions", Status::warning, fmt::format("{} processes left unfinished files in tmp/", left),
          "store something: that clears them away"};
}

struct Counted {
  std::uint64_t files = 0;
  ByteCount bytes = 0;
};

Counted count_files(const fs::path& folder) {
  Counted counted;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->is_regular_file(error)) continue;
    ++counted.files;
    counted.bytes += entry->file_size(error);
  }
  return counted;
}

Check check_leavings(const fs::path& root, const char* name, const std::string& folder, const char* what,
                     const char* todo) {
  const auto [files, bytes] = count_files(root / folder);
  if (files == 0) return {name, Status::ok, folder + "/ is empty"};
  return {name, Status::warning,
          fmt::format("{}/ has {} files, {}: {}", folder, files, human_size(bytes), what), todo};
}

Check check_key(const Configuration& configuration) {
  if (const auto places = key_directories(configuration); !places)
    return {"key", Status::error, places.error().message, "set KACHERY_STATE_DIR to a local directory"};
  // Looks at modes and pairs, and makes nothing.
  const auto identity = find_identity(configuration, MissingKey::none);
  if (!identity)
    return {"key", Status::error, identity.error().message,
            "until this is mended this node can sign nothing"};
  if (!*identity) return {"key", Status::ok, "there is none yet"};
  return {"key", Status::ok, "this node is " + (*identity)->node_id().hex()};
}

// gen1's daemon wrote down whose the directory is.
std::optional<Check> check_node_id(const Configuration& configuration) {
  const fs::path path = configuration.directory / "kachery-node-id";
  const auto file = open_user_file(path);
  if (!file) return std::nullopt;
  std::string text(2 * NodeId::kSize + 1, '\0');
  const auto size = (*file)->read_at(0, std::as_writable_bytes(std::span(text)));
  text.resize(size.value_or(0));
  while (text.ends_with('\n')) text.pop_back();
  const auto identity = find_identity(configuration, MissingKey::none);
  if (!identity || !*identity || (*identity)->node_id().hex() == text)
    return Check{"node-id", Status::ok, "kachery-node-id fits"};
  return Check{"node-id", Status::warning,
               fmt::format("{} names another node than this one's key", path.native()),
               "the keys come from somewhere else than the directory: see keyDirectories in kachery config"};
}

}  // namespace

Checks check_store(const Configuration& configuration) {
  const fs::path& root = configuration.directory;
  std::error_code error;
  const fs::file_status status = fs::status(root, error);
  if (!fs::exists(status))
    return {{"directory", Status::ok, root.native() + " is made when something is stored"},
            check_key(configuration)};
  if (!fs::is_directory(status))
    return {{"directory", Status::error, root.native() + " is no directory",
             "move it away, or name another one with KACHERY_DIR"}};
  Checks checks{check_access(root)};
  const auto facts = path_facts(root);
  if (checks.front().status == Status::error || !facts) return checks;
  checks.push_back(check_mode(root, *facts));
  checks.push_back(check_file_system(configuration, *facts));
  checks.push_back(check_space(root));
  checks.push_back(check_index(root));
  checks.push_back(check_key(configuration));
  if (auto check = check_node_id(configuration)) checks.push_back(std::move(*check));
  checks.push_back(check_sessions(root));
  checks.push_back(check_leavings(root, "quarantine", std::string(kQuarantine), "damaged objects",
                                  "look at them, store the originals again, then remove them"));
  checks.push_back(check_leavings(root, "trash", "sha1-trash",
                                  "an older daemon moved them there and never came back",
                                  "remove the folder, unless something there is still wanted"));
  return checks;
}

}  // namespace kachery::cli
