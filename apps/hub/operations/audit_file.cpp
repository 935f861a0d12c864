#include "hub/operations/audit_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "crypto/hasher.h"
#include "hub/operations/day.h"
#include "json/json.h"
#include "os/directory.h"

namespace kachery::hub {
namespace {

constexpr std::string_view kSuffix = ".jsonl";
constexpr std::string_view kCutOff = "audit line was cut off";
// Far more than an entry has: its longest part is a path, and those have 16 KiB at most.
constexpr ByteCount kLineBytesMax = 1 << 20;

Digest sha256(std::string_view text) {
  return Hasher::of(Algorithm::sha256, as_bytes(text));
}

// What stands where there is no line before.
Digest nothing_before() {
  return Digest(Algorithm::sha256, std::array<std::byte, 32>{});
}

std::string line_of(const AuditEntry& entry, const Digest& previous) {
  return json::Value(json::Object{{"time_ms", entry.time_ms},
                                  {"request", entry.request},
                                  {"peer", entry.peer},
                                  {"actor", entry.actor},
                                  {"action", entry.action},
                                  {"zone", entry.zone},
                                  {"object", entry.object},
                                  {"allowed", entry.allowed},
                                  {"why", entry.why},
                                  {"previous", previous.hex()}})
      .str();
}

std::filesystem::path file_of(const std::filesystem::path& directory, const std::string& day) {
  return directory / (day + std::string(kSuffix));
}

// The days that have a file, oldest first.
Result<std::vector<std::string>> days_in(const std::filesystem::path& directory) {
  KACHERY_TRY(root, open_directory(directory, Missing::fail));
  KACHERY_TRY(entries, root->list(""));
  std::vector<std::string> days;
  for (const Entry& entry : entries) {
    if (!entry.name.ends_with(kSuffix)) continue;
    std::string day = entry.name.substr(0, entry.name.size() - kSuffix.size());
    if (check_day(day)) days.push_back(std::move(day));
  }
  std::ranges::sort(days);
  return days;
}

struct Line {
  std::string text;  // Without its end.
  bool complete;     // It has one.
};

// What an entry, or a note, says; none for a line that is neither.
struct Said {
  std::string previous;
  bool cut_off;  // That the line before was cut off.
};

std::optional<Said> read_line(const std::string& text) {
  const auto value = json::parse(text, json::EscapedBytes::yes);
  const json::Value* previous = value ? value->find("previous") : nullptr;
  const json::Value* action = value ? value->find("action") : nullptr;
  if (previous == nullptr || action == nullptr || previous->if_string() == nullptr) return std::nullopt;
  return Said{*previous->if_string(), *action == json::Value(kCutOff)};
}

// None in an empty file.
Result<std::optional<Line>> last_line_of(const std::filesystem::path& path) {
  KACHERY_TRY(file, open_user_file(path));
  KACHERY_TRY(stamp, file->stamp());
  if (stamp.size == 0) return std::nullopt;
  std::string tail(std::min(stamp.size, kLineBytesMax), '\0');
  KACHERY_TRY(read_exactly(*file, stamp.size - tail.size(), std::as_writable_bytes(std::span(tail))));
  const bool complete = tail.ends_with('\n');
  if (complete) tail.pop_back();
  const std::size_t before = tail.rfind('\n');
  if (before == std::string::npos && stamp.size > kLineBytesMax)
    return fail(Code::corrupt,
                fmt::format("the last line of {} has no beginning within {} bytes; move the file "
                            "elsewhere and start again",
                            path.native(), kLineBytesMax));
  return Line{before == std::string::npos ? tail : tail.substr(before + 1), complete};
}

Result<> each_line(const std::filesystem::path& path, const std::function<Result<>(const Line&)>& visit) {
  KACHERY_TRY(file, open_user_file(path));
  Line line{"", true};
  std::string piece(64 << 10, '\0');
  for (ByteCount offset = 0;;) {
    KACHERY_TRY(got, file->read_at(offset, std::as_writable_bytes(std::span(piece))));
    if (got == 0) break;
    offset += got;
    for (std::string_view left = std::string_view(piece).substr(0, got); !left.empty();) {
      const std::size_t end = left.find('\n');
      line.text += left.substr(0, end);
      if (line.text.size() > kLineBytesMax)
        return fail(Code::corrupt,
                    fmt::format("{} has a line of more than {} bytes", path.native(), kLineBytesMax));
      if (end == std::string_view::npos) break;
      KACHERY_TRY(visit(line));
      line.text.clear();
      left.remove_prefix(end + 1);
    }
  }
  line.complete = false;
  if (!line.text.empty()) KACHERY_TRY(visit(line));
  return {};
}

// Follows the chain, line by line.
class Chain {
 public:
  Result<> take(const Line& line, const std::string& place) {
    const std::optional<Said> said = read_line(line.text);
    if (broken_at_ && said && !said->cut_off) return fail_broken();
    if (said && summary_.lines > 0 && said->previous != summary_.last)
      return fail(Code::corrupt, place +
                                     ": the line before is not the one that was there when this one was "
                                     "written; one of them was altered, or lines between them are missing");
    if (!said) broken_at_ = place;
    if (said) broken_at_.reset();
    if (summary_.lines == 0) summary_.before = said ? said->previous : nothing_before().hex();
    summary_.last = sha256(line.text).hex();
    ++summary_.lines;
    if (said && said->cut_off) ++summary_.cut_off;
    ends_complete_ = line.complete;
    return {};
  }

  Result<AuditSummary> finish(std::uint64_t days) {
    if (broken_at_ && ends_complete_) return fail_broken();
    if (!ends_complete_) ++summary_.cut_off;
    summary_.days = days;
    return std::move(summary_);
  }

 private:
  std::unexpected<Error> fail_broken() const {
    return fail(Code::corrupt,
                *broken_at_ + " is no entry, and no line behind it says that it was cut off by a crash");
  }

  AuditSummary summary_;
  std::optional<std::string> broken_at_;  // The last line was no entry.
  bool ends_complete_ = true;
};

}  // namespace

AuditEntry audit_note(std::int64_t time_ms, std::string action, std::string why) {
  return {time_ms, "", "", "", std::move(action), "", "", false, std::move(why)};
}

Result<AuditFile> AuditFile::open(const std::filesystem::path& directory, std::int64_t now_ms) {
  KACHERY_TRY(make_own_directory(directory, Audience::writers));
  KACHERY_TRY(days, days_in(directory));
  const std::string newest = days.empty() ? day_of(now_ms) : days.back();
  std::optional<Line> last;
  for (auto day = days.rbegin(); day != days.rend() && !last; ++day) {
    KACHERY_TRY(found, last_line_of(file_of(directory, *day)));
    last = std::move(found);
  }
  KACHERY_TRY(file, AppendFile::open(file_of(directory, newest)));
  AuditFile opened(directory, newest, std::move(file), last ? sha256(last->text) : nothing_before());
  if (last && (!last->complete || !read_line(last->text))) {
    const AuditEntry note = audit_note(now_ms, std::string(kCutOff),
                                       "the hub was stopped while it wrote the line before this one");
    const std::string line = line_of(note, opened.last_);
    KACHERY_TRY(opened.file_.append(as_bytes((last->complete ? "" : "\n") + line + "\n")));
    opened.last_ = sha256(line);
  }
  return opened;
}

Result<std::size_t> AuditFile::append(std::span<const AuditEntry> entries) {
  KACHERY_ASSERT(!entries.empty());
  const std::string day = std::max(day_, day_of(entries.front().time_ms));
  if (day != day_) {
    KACHERY_TRY(file, AppendFile::open(file_of(directory_, day)));
    file_ = std::move(file);
    day_ = day;
  }
  std::string text;
  Digest last = last_;
  std::size_t count = 0;
  for (const AuditEntry& entry : entries) {
    if (day_of(entry.time_ms) > day_) break;
    const std::string line = line_of(entry, last);
    last = sha256(line);
    text += line + '\n';
    ++count;
  }
  KACHERY_TRY(file_.append(as_bytes(text)));
  last_ = last;
  return count;
}

Result<AuditSummary> verify_audit(const std::filesystem::path& directory) {
  KACHERY_TRY(days, days_in(directory));
  if (days.empty())
    return fail(Code::not_found, "there are no files of an audit log in " + directory.native() +
                                     "; they are called like 2026-11-22.jsonl");
  Chain chain;
  for (const std::string& day : days) {
    const std::filesystem::path path = file_of(directory, day);
    std::uint64_t number = 0;
    const auto take = [&](const Line& line) {
      return chain.take(line, fmt::format("{}, line {}", path.native(), ++number));
    };
    KACHERY_TRY(each_line(path, take));
  }
  return chain.finish(days.size());
}

}  // namespace kachery::hub
