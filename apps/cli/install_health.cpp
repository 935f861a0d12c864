// What kachery doctor says of the installed files: whether those under our Python names are ours, by the list
// that pip keeps (RECORD, PEP 376 and 627: path, sha256=URL-safe base64, size), and who else claims them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/bytes.h"
#include "crypto/hasher.h"
#include "health.h"
#include "os/file.h"
#include "store/pump.h"

namespace kachery::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::array kPackages{"kachery", "kachery_client", "kachery_cloud"};

// A RECORD is some kilobytes; what is larger belongs to somebody else's big package, and is read all the
// same.
constexpr ByteCount kRecordBytesMax = 64 << 20;

// RFC 4648 section 5, without padding.
std::string base64_url(ByteView bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr unsigned kDigitBits = 6;
  constexpr unsigned kDigitMask = 63;
  std::string text;
  unsigned held = 0;
  unsigned bits = 0;
  for (const std::byte byte : bytes) {
    held = held << 8U | std::to_integer<unsigned>(byte);
    for (bits += 8; bits >= kDigitBits; bits -= kDigitBits)
      text += kDigits[held >> (bits - kDigitBits) & kDigitMask];
    held &= (1U << bits) - 1;
  }
  if (bits > 0) text += kDigits[held << (kDigitBits - bits) & kDigitMask];
  return text;
}

Result<std::string> read_whole(const fs::path& path) {
  KACHERY_TRY(file, open_user_file(path));
  KACHERY_TRY(stamp, file->stamp());
  if (stamp.size > kRecordBytesMax) return fail(Code::invalid, path.native() + " is too large");
  std::string text(stamp.size, '\0');
  KACHERY_TRY(size, file->read_at(0, std::as_writable_bytes(std::span(text))));
  text.resize(size);
  return text;
}

// What was installed, by its path under site-packages: the hash as RECORD has it, or nothing.
using Record = std::map<std::string, std::string>;

// Lines of "path,hash,size". A path with a comma stands in quotes; ours have none, so those are left out.
Record parse_record(std::string_view text) {
  Record record;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t comma = line.find(',');
    if (comma == std::string_view::npos || line.starts_with('"')) continue;
    const std::string_view rest = line.substr(comma + 1);
    record.emplace(line.substr(0, comma), rest.substr(0, rest.find(',')));
  }
  return record;
}

bool is_cache(const fs::path& path) {
  return std::ranges::any_of(path, [](const fs::path& step) { return step == "__pycache__"; });
}

// Whether a path of a RECORD is under one of our names, or is one of our scripts.
bool is_our_name(const fs::path& path) {
  if (is_cache(path)) return false;
  const std::string first = path.begin()->native();
  if (std::ranges::find(kPackages, first) != kPackages.end()) return true;
  const std::string name = path.filename().native();
  return path.parent_path().filename() == "bin" && (name == "kachery" || name.starts_with("kachery-"));
}

// An installed distribution.
struct Distribution {
  std::string name;  // "kachery"
  fs::path place;    // Its .dist-info.
  Record record;
};

std::vector<Distribution> distributions_in(const fs::path& site) {
  std::vector<Distribution> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(site, error)) {
    const std::string folder = entry.path().filename().native();
    if (!folder.ends_with(".dist-info")) continue;
    const auto text = read_whole(entry.path() / "RECORD");
    if (!text) continue;
    found.push_back({folder.substr(0, folder.find('-')), entry.path(), parse_record(*text)});
  }
  return found;
}

// One site-packages directory, and how people mend it.
struct Site {
  fs::path path;
  fs::path python;

  std::string reinstall() const {
    return fmt::format("{} -m pip install --force-reinstall --no-deps kachery", python.native());
  }
};

// The files that are not as they were installed.
Check check_files(const Site& site, const Distribution& ours) {
  std::string wrong;
  for (const auto& [path, hash] : ours.record) {
    if (!is_our_name(path) || hash.empty()) continue;
    Progress progress;
    const auto file = open_user_file(site.path / path);
    const auto digest = [&]() -> Result<Digest> {
      if (!file) return std::unexpected(file.error());
      const auto source = stream_of(**file);
      KACHERY_TRY(pumped, pump(*source, Algorithm::sha256, progress));
      return pumped.digest;
    }();
    if (!digest || "sha256=" + base64_url(digest->bytes()) != hash)
      wrong += (wrong.empty() ? "" : ", ") + path;
  }
  if (wrong.empty()) return {"installed-files", Status::ok, ours.place.native()};
  return {"installed-files", Status::error,
          fmt::format("in {}: missing, or not what kachery installed: {}", site.path.native(), wrong),
          site.reinstall()};
}

// Modules that nobody of ours put there; Python would import them all the same.
Check check_strangers(const Site& site, const Distribution& ours) {
  std::string strangers;
  std::error_code error;
  for (const char* package : kPackages)
    for (fs::recursive_directory_iterator entry(site.path / package, error), end; !error && entry != end;
         entry.increment(error)) {
      const fs::path path = entry->path().lexically_relative(site.path);
      if (is_cache(path) || entry->is_directory(error) || ours.record.contains(path.native())) continue;
      strangers += (strangers.empty() ? "" : ", ") + path.native();
    }
  if (strangers.empty()) return {"foreign-files", Status::ok, "nothing else lies in our packages"};
  return {"foreign-files", Status::error,
          fmt::format("in {}: not of this kachery: {}", site.path.native(), strangers),
          "remove these files, then " + site.reinstall()};
}

// An older package of ours, or anybody's, that installs files under the same names: whichever came last
// counts.
Checks check_claims(const Site& site, std::span<const Distribution> distributions) {
  Checks checks;
  for (const Distribution& other : distributions) {
    if (other.name == "kachery") continue;
    const auto claimed =
        std::ranges::find_if(other.record, [](const auto& item) { return is_our_name(item.first); });
    if (claimed == other.record.end()) continue;
    checks.push_back(
        {"other-packages", Status::error,
         fmt::format("{} claims files of ours, such as {}", other.place.native(), claimed->first),
         fmt::format("{} -m pip uninstall {} && {}", site.python.native(), other.name, site.reinstall())});
  }
  if (checks.empty()) checks.push_back({"other-packages", Status::ok, "no other package claims our names"});
  return checks;
}

Checks check_site(const Site& site) {
  const std::vector<Distribution> distributions = distributions_in(site.path);
  std::vector<Distribution> ours;
  std::ranges::copy_if(distributions, std::back_inserter(ours),
                       [](const Distribution& one) { return one.name == "kachery"; });
  Checks checks = check_claims(site, distributions);
  if (ours.empty()) return checks;
  if (ours.size() > 1) {
    checks.push_back(
        {"installed-files", Status::error,
         fmt::format("kachery is there twice: {} and {}", ours[0].place.native(), ours[1].place.native()),
         fmt::format("remove both folders, then {}", site.reinstall())});
    return checks;
  }
  if (ours[0].place.filename() != "kachery-" KACHERY_VERSION ".dist-info")
    checks.push_back(
        {"installed-version", Status::error,
         fmt::format("{} is another release than this program, " KACHERY_VERSION, ours[0].place.native()),
         site.reinstall()});
  checks.push_back(check_files(site, ours[0]));
  checks.push_back(check_strangers(site, ours[0]));
  return checks;
}

}  // namespace

Checks check_installation(const fs::path& program) {
  const fs::path prefix = program.parent_path().parent_path();
  Checks checks;
  std::error_code error;
  for (const char* lib : {"lib", "local/lib"})
    for (const auto& entry : fs::directory_iterator(prefix / lib, error)) {
      const std::string python = entry.path().filename().native();
      if (!python.starts_with("python3")) continue;
      for (const char* packages : {"site-packages", "dist-packages"}) {
        const Site site{entry.path() / packages, prefix / "bin" / python};
        if (fs::is_directory(site.path, error))
          std::ranges::move(check_site(site), std::back_inserter(checks));
      }
    }
  if (checks.empty())
    checks.push_back({"other-packages", Status::ok, "no Python packages lie beside this program"});
  return checks;
}

}  // namespace kachery::cli
