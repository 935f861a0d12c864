// The only file that includes yaml-cpp.
#include "client/settings.h"

#include <pwd.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <mutex>

#include "core/text.h"
#include "os/clock.h"
#include "os/directory.h"
#include "os/file.h"
#include "os/replacement.h"
#include "store/hash_cache.h"

namespace kachery {
namespace {

// Settings are written by hand; what is larger is no such file.
constexpr ByteCount kSettingsBytesMax = 1 << 20;

constexpr double kBytesPerUnit = 1e9;  // gen1's "GiB" was a GB.
constexpr double kCacheSizeMax = 1e9;  // In these units; so that the bytes fit into an integer.

// One file while it is read: where it is, and whose "~" it means.
struct Reading {
  const std::string& where;
  const std::optional<std::string>& home;

  std::unexpected<Error> fail_value(const std::string& key, std::string_view what) const {
    return fail(Code::invalid, printable(where) + ": " + printable(key) + " must be " + std::string(what));
  }
};

// A value that is absent, or null, says nothing.
Result<std::optional<std::string>> text_of(const Reading& reading, const std::string& key,
                                           const YAML::Node& value) {
  if (!value || value.IsNull()) return std::nullopt;
  if (!value.IsScalar() || value.Scalar().empty()) return reading.fail_value(key, "a text");
  return value.Scalar();
}

Result<std::optional<std::filesystem::path>> path_of(const Reading& reading, const std::string& key,
                                                     const YAML::Node& value) {
  KACHERY_TRY(text, text_of(reading, key, value));
  if (!text) return std::nullopt;
  if (text->starts_with("~/") && reading.home) return std::filesystem::path(*reading.home) / text->substr(2);
  if (!text->starts_with('/')) return reading.fail_value(key, "an absolute path, or one that begins with ~/");
  return *text;
}

Result<std::optional<ByteCount>> size_of(const Reading& reading, const std::string& key,
                                         const YAML::Node& value) {
  if (!value || value.IsNull()) return std::nullopt;
  double number = 0;
  if (!value.IsScalar() || !YAML::convert<double>::decode(value, number) || !std::isfinite(number) ||
      number < 0 || number > kCacheSizeMax)
    return reading.fail_value(key, "a number of gigabytes (10^9 bytes), 0 or more");
  return static_cast<ByteCount>(number * kBytesPerUnit);
}

// True if `key` is one of those that say where things are.
Result<bool> take_whereabouts(const Reading& reading, const std::string& key, const YAML::Node& value,
                              Whereabouts& into) {
  if (key == "directory") {
    KACHERY_TRY(path, path_of(reading, key, value));
    into.directory = std::move(path);
  } else if (key == "gatewayUrl") {
    KACHERY_TRY(text, text_of(reading, key, value));
    into.gateway_url = std::move(text);
  } else if (key == "zone") {
    KACHERY_TRY(text, text_of(reading, key, value));
    into.zone = std::move(text);
  } else {
    return false;
  }
  return true;
}

Result<> take_contexts(const Reading& reading, const YAML::Node& contexts, Settings& into) {
  if (contexts.IsNull()) return {};
  if (!contexts.IsMap()) return reading.fail_value("contexts", "names with settings below them");
  for (const auto& entry : contexts) {
    if (!entry.first.IsScalar() || !(entry.second.IsMap() || entry.second.IsNull()))
      return reading.fail_value("contexts", "names with settings below them");
    const std::string& name = entry.first.Scalar();
    Whereabouts& context = into.contexts[name];
    for (const auto& setting : entry.second) {
      const std::string key = setting.first.IsScalar() ? setting.first.Scalar() : "?";
      KACHERY_TRY(known, take_whereabouts(reading, key, setting.second, context));
      if (!known) into.unknown.push_back(std::string("contexts.").append(name).append(".").append(key));
    }
  }
  return {};
}

Result<Settings> settings_of(const YAML::Node& root, const Reading& reading) {
  Settings settings;
  if (!root || root.IsNull()) return settings;
  if (!root.IsMap()) return reading.fail_value("the file", "lines of the form \"name: value\"");
  for (const auto& entry : root) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "?";
    KACHERY_TRY(known, take_whereabouts(reading, key, entry.second, settings.whereabouts));
    if (known) continue;
    if (key == "maxCacheSizeGiB") {
      KACHERY_TRY(size, size_of(reading, key, entry.second));
      settings.cache_limit = size;
    } else if (key == "context") {
      KACHERY_TRY(name, text_of(reading, key, entry.second));
      settings.context = std::move(name);
    } else if (key == "contexts") {
      KACHERY_TRY(take_contexts(reading, entry.second, settings));
    } else {
      settings.unknown.push_back(key);
    }
  }
  return settings;
}

Result<YAML::Node> load_yaml(const std::string& text, const std::string& where) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    return fail(Code::invalid, printable(where) + ": this is no YAML: " + error.msg + " (line " +
                                   std::to_string(error.mark.line + 1) + "); mend it, or move it away");
  }
}

Result<std::string> read_text(const File& file, const std::string& where) {
  KACHERY_TRY(stamp, file.stamp());
  if (stamp.size > kSettingsBytesMax)
    return fail(Code::invalid,
                printable(where) + ": " + std::to_string(stamp.size) + " bytes are too many for settings");
  std::string text(stamp.size, '\0');
  KACHERY_TRY(size, file.read_at(0, std::as_writable_bytes(std::span(text))));
  text.resize(size);
  return text;
}

// What was read, and in which state of the file.
struct Remembered {
  FileStamp stamp;
  std::shared_ptr<const Settings> settings;
};

// All that this process has read. Never waited for: a thread that holds it may be in another process since a
// fork, and reading once more costs little.
struct Memory {
  std::mutex mutex;
  std::map<std::filesystem::path, Remembered> files;
};

Memory& memory() {
  static Memory all;
  return all;
}

// As it stands in the file; a text that was quoted stays a text ("123"), which yaml-cpp alone would not see
// to.
void emit(YAML::Emitter& out, const YAML::Node& node) {
  if (node.IsMap()) {
    out << YAML::BeginMap;
    for (const auto& entry : node) {
      out << YAML::Key;
      emit(out, entry.first);
      out << YAML::Value;
      emit(out, entry.second);
    }
    out << YAML::EndMap;
  } else if (node.IsSequence()) {
    out << YAML::BeginSeq;
    for (const auto& item : node) emit(out, item);
    out << YAML::EndSeq;
  } else if (node.IsScalar() && node.Tag() == "!") {
    out << YAML::DoubleQuoted << node.Scalar();
  } else {
    out << node;
  }
}

YAML::Node text_node(const std::string& text) {
  YAML::Node node(text);
  node.SetTag("!");
  return node;
}

void put(YAML::Node map, const char* key, const std::optional<std::string>& value) {
  if (value) {
    map[key] = text_node(*value);
  } else {
    map.remove(key);
  }
}

// Where a file is to be replaced, so that a link, such as one to a file under version control, stays one.
std::filesystem::path behind_links(std::filesystem::path path) {
  std::error_code error;
  constexpr int kLinksMax = 40;  // As the kernel's.
  for (int step = 0; step < kLinksMax && std::filesystem::is_symlink(path, error); ++step)
    path = path.parent_path() / std::filesystem::read_symlink(path, error);
  return path;
}

// Puts the contexts into the file's own tree, so that whatever else is in it stays.
void put_contexts(YAML::Node& root, const Settings& settings) {
  // Of an empty file, which is nothing that a copy of the node could share.
  if (!root.IsMap()) root = YAML::Node(YAML::NodeType::Map);
  put(root, "context", settings.context);
  YAML::Node contexts(YAML::NodeType::Map);
  for (const auto& [name, context] : settings.contexts) {
    YAML::Node node = root["contexts"] && root["contexts"].IsMap() && root["contexts"][name].IsMap()
                          ? YAML::Clone(root["contexts"][name])
                          : YAML::Node(YAML::NodeType::Map);
    put(node, "directory", context.directory ? std::optional(context.directory->native()) : std::nullopt);
    put(node, "gatewayUrl", context.gateway_url);
    put(node, "zone", context.zone);
    contexts[name] = node;
  }
  root["contexts"] = contexts;
}

}  // namespace

std::optional<std::string> environment(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): we never change the environment.
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::optional<std::string> home_directory() {
  if (auto home = environment("HOME")) return home;
  std::vector<char> buffer(16 << 10);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return found->pw_dir;
}

Result<Settings> parse_settings(const std::string& text, const std::string& where,
                                const std::optional<std::string>& home) {
  KACHERY_TRY(root, load_yaml(text, where));
  try {
    return settings_of(root, Reading{where, home});
  } catch (const YAML::Exception& error) {
    return fail(Code::invalid, printable(where) + ": cannot be read as settings: " + error.msg);
  }
}

Result<std::shared_ptr<const Settings>> read_settings(const std::filesystem::path& path) {
  static const auto kNothing = std::make_shared<const Settings>();
  const auto file = open_user_file(path);
  std::error_code error;
  // Where the directory is none, whoever uses it says so.
  if (!file &&
      (file.error().code == Code::not_found || !std::filesystem::is_directory(path.parent_path(), error)))
    return kNothing;
  if (!file) return std::unexpected(file.error());
  KACHERY_TRY(stamp, (*file)->stamp());
  const std::unique_lock lock(memory().mutex, std::try_to_lock);
  if (lock.owns_lock()) {
    const auto known = memory().files.find(path);
    if (known != memory().files.end() && known->second.stamp == stamp) return known->second.settings;
  }
  KACHERY_TRY(text, read_text(**file, path.native()));
  KACHERY_TRY(parsed, parse_settings(text, path.native(), home_directory()));
  auto settings = std::make_shared<const Settings>(std::move(parsed));
  if (lock.owns_lock() && is_settled(stamp, system_clock().now_ns()))
    memory().files.insert_or_assign(path, Remembered{stamp, settings});
  return settings;
}

Result<> change_contexts(const std::filesystem::path& path,
                         const std::function<Result<>(Settings&)>& change) {
  KACHERY_TRY(directory, open_directory(path.parent_path(), Missing::create));
  KACHERY_TRY(lock, directory->lock(path.filename().native() + ".lock", Hold::alone));
  std::string text;
  const auto file = open_user_file(path);
  if (file) {
    KACHERY_TRY(whole, read_text(**file, path.native()));
    text = std::move(whole);
  } else if (file.error().code != Code::not_found) {
    return std::unexpected(file.error());
  }
  KACHERY_TRY(settings, parse_settings(text, path.native(), home_directory()));
  KACHERY_TRY(change(settings));
  KACHERY_TRY(root, load_yaml(text, path.native()));
  std::string changed;
  try {
    put_contexts(root, settings);
    YAML::Emitter out;
    emit(out, root);
    changed = std::string(out.c_str()) + "\n";
  } catch (const YAML::Exception& failure) {
    return fail(Code::internal, "cannot write " + path.native() + ": " + failure.msg);
  }
  KACHERY_TRY(replacement, replace_user_file(behind_links(path)));
  KACHERY_TRY(replacement->append(as_bytes(changed)));
  return replacement->commit();
}

}  // namespace kachery
