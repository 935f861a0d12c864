// The only file of this room that includes yaml-cpp.
#include "daemon/resource_file.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "core/text.h"
#include "os/file.h"
#include "os/replacement.h"

namespace kachery::daemon {
namespace {

constexpr ByteCount kFileBytesMax = 64 << 10;

constexpr std::array kKeys{ResourceFile::kName, ResourceFile::kZone, ResourceFile::kUploads,
                           ResourceFile::kProxyUrl, ResourceFile::kProxySecret};

bool is_key(const std::string& text) {
  return std::ranges::any_of(kKeys, [&](const char* key) { return text == key; });
}

int line_of(const YAML::Mark& mark) {
  return mark.line + 1;
}

std::unexpected<Error> fail_line(const std::string& where, int line, const std::string& what) {
  return fail(Code::invalid, fmt::format("{}, line {}: {}", printable(where), line, what));
}

}  // namespace

Result<ResourceFile> ResourceFile::parse(const std::string& text, std::string where) {
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (const YAML::Exception& error) {
    return fail_line(where, line_of(error.mark), "this is no YAML: " + error.msg);
  }
  if (!root.IsMap()) return fail_line(where, 1, "the file has no lines of the form \"name: value\"");
  ResourceFile file(std::move(where));
  for (const auto& entry : root) {
    const int line = line_of(entry.first.Mark());
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "?";
    if (!is_key(key))
      return fail_line(
          file.where_, line,
          fmt::format("\"{}\" means nothing here; there are {}", printable(key), fmt::join(kKeys, ", ")));
    if (!entry.second.IsScalar() && !entry.second.IsNull())
      return fail_line(file.where_, line, key + " must be one text or number");
    const std::string value = entry.second.IsNull() ? "" : entry.second.Scalar();
    if (!file.entries_.emplace(key, Entry{value, line}).second)
      return fail_line(file.where_, line, key + " is there twice");
  }
  return file;
}

Result<ResourceFile> ResourceFile::read(const std::filesystem::path& path) {
  KACHERY_TRY(file, open_user_file(path));
  KACHERY_TRY(stamp, file->stamp());
  if (stamp.size > kFileBytesMax)
    return fail(Code::invalid, fmt::format("{}: {} bytes are too many for the settings of a resource",
                                           path.native(), stamp.size));
  std::string text(stamp.size, '\0');
  KACHERY_TRY(read_exactly(*file, 0, std::as_writable_bytes(std::span(text))));
  return parse(text, path.native());
}

std::string ResourceFile::value(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? "" : found->second.value;
}

void ResourceFile::set(const std::string& key, std::string value) {
  KACHERY_ASSERT(is_key(key));
  entries_.insert_or_assign(key, Entry{std::move(value), 0});
}

std::unexpected<Error> ResourceFile::fail_at(const std::string& key, const std::string& what) const {
  const auto found = entries_.find(key);
  if (found == entries_.end())
    return fail(Code::invalid, fmt::format("{}: {} is missing: {}", printable(where_), key, what));
  if (found->second.line == 0) return fail(Code::invalid, fmt::format("{}: {}", key, what));
  return fail_line(where_, found->second.line, fmt::format("{}: {}", key, what));
}

Result<ResourceSettings> ResourceFile::settings() const {
  const auto name = ResourceName::parse(value(kName));
  if (!name) return fail_at(kName, name.error().message);
  const auto zone = ZoneName::parse(value(kZone));
  if (!zone) return fail_at(kZone, zone.error().message);
  const std::string number = value(kUploads);
  std::size_t uploads_max = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), uploads_max);
  const bool is_whole = error == std::errc() && end == number.data() + number.size();
  if (!is_whole || uploads_max < 1 || uploads_max > kConcurrentUploadsMax)
    return fail_at(kUploads,
                   fmt::format("it must be a number from 1 to {}, how many files are sent at a time; "
                               "with 0 nothing would ever be sent",
                               kConcurrentUploadsMax));
  const auto url = Url::parse(value(kProxyUrl));
  if (!url) return fail_at(kProxyUrl, url.error().message);
  return ResourceSettings{*name, *zone, uploads_max, *url, Secret(as_bytes(value(kProxySecret)))};
}

std::string ResourceFile::str() const {
  YAML::Emitter out;
  out << YAML::BeginMap;
  for (const char* key : kKeys) {
    out << YAML::Key << key << YAML::Value;
    if (key != kUploads) out << YAML::DoubleQuoted;
    out << value(key);
  }
  out << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

Result<> ResourceFile::write(const std::filesystem::path& path) const {
  KACHERY_TRY(replacement, replace_secret_file(std::filesystem::absolute(path)));
  KACHERY_TRY(replacement->append(as_bytes(str())));
  return replacement->commit();
}

}  // namespace kachery::daemon
