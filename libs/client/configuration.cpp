#include "client/configuration.h"

#include "client/settings.h"
#include "core/text.h"
#include "crypto/hasher.h"
#include "os/directory.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

fs::path absolute(const std::string& path) {
  std::error_code error;
  const fs::path full = fs::absolute(path, error);
  return error ? fs::path(path) : full;
}

// `variable`, else a folder "kachery" in the directory that `xdg_variable` names, else `otherwise` in the
// home.
Sourced<fs::path> place_of_user(const char* variable, const char* xdg_variable, const char* otherwise) {
  if (const auto value = environment(variable)) return {absolute(*value), variable};
  // The XDG specification: a relative path there counts as unset.
  if (const auto value = environment(xdg_variable); value && value->starts_with('/'))
    return {fs::path(*value) / "kachery", xdg_variable};
  const auto home = home_directory();
  return {home ? fs::path(*home) / otherwise : fs::path()};
}

Sourced<fs::path> user_directory() {
  return place_of_user("KACHERY_CONFIG_DIR", "XDG_CONFIG_HOME", ".config/kachery");
}

fs::path settings_path(const fs::path& directory) {
  return directory.empty() ? fs::path() : directory / "config.yaml";
}

Result<std::shared_ptr<const Settings>> settings_in(const fs::path& directory) {
  if (directory.empty()) return std::make_shared<const Settings>();
  return read_settings(settings_path(directory));
}

// The context in use, and whether a flag named it.
struct Chosen {
  Sourced<std::string> name = {};
  bool by_flag = false;
  Whereabouts whereabouts = {};

  std::string origin() const { return "context " + name.value; }
};

Result<Chosen> choose_context(const Flags& flags, const Settings& user, const fs::path& file) {
  Chosen chosen;
  if (!flags.context.empty()) {
    chosen = {{flags.context, "--context"}, true};
  } else if (const auto value = environment("KACHERY_CONTEXT")) {
    chosen = {{*value, "KACHERY_CONTEXT"}};
  } else if (user.context) {
    chosen = {{*user.context, file.native()}};
  } else {
    return chosen;
  }
  const auto found = user.contexts.find(chosen.name.value);
  if (found == user.contexts.end())
    return fail(Code::invalid, "there is no context " + printable(chosen.name.value) + " (" +
                                   chosen.name.origin + ") in " + file.native() +
                                   "; kachery context list shows those that there are");
  chosen.whereabouts = found->second;
  return chosen;
}

// gen2's sandbox: another directory for content, nothing else to read, and the keys where they always are.
Result<std::optional<fs::path>> sandbox_directory() {
  if (environment("KACHERY_CLOUD_USE_SANDBOX") != "1") return std::nullopt;
  if (const auto value = environment("KACHERY_CLOUD_SANDBOX_DIR")) return absolute(*value);
  return fail(Code::invalid,
              "KACHERY_CLOUD_USE_SANDBOX is set, but not KACHERY_CLOUD_SANDBOX_DIR, the directory to use "
              "(kachery_cloud.use_sandbox() in Python makes one and sets both)");
}

struct Layers {
  const Flags& flags;
  const Chosen& context;
  const Settings& user;
  fs::path user_file;
};

Result<> set_directory(const Layers& layers, Configuration& into) {
  const auto set = [&into](const fs::path& path, std::string origin) {
    into.directory = path;
    into.directory_origin = std::move(origin);
    return Result<>();
  };
  if (!layers.flags.directory.empty()) return set(absolute(layers.flags.directory), "--dir");
  const auto& of_context = layers.context.whereabouts.directory;
  if (layers.context.by_flag && of_context) return set(*of_context, layers.context.origin());
  for (const char* name :
       {"KACHERY_DIR", "KACHERY_OFFLINE_STORAGE_DIR", "KACHERY_CLOUD_DIR", "KACHERY_STORAGE_DIR"})
    if (const auto value = environment(name)) return set(absolute(*value), name);
  if (of_context) return set(*of_context, layers.context.origin());
  if (const auto& of_user = layers.user.whereabouts.directory)
    return set(*of_user, layers.user_file.native());
  const auto home = home_directory();
  if (!home) return fail(Code::invalid, "there is no home directory to keep a store in; set KACHERY_DIR");
  std::error_code error;
  for (const char* older : {".kachery-cloud", "kachery-storage"})
    if (fs::is_directory(fs::path(*home) / older, error)) into.also_read.push_back(fs::path(*home) / older);
  return set(fs::path(*home) / ".kachery", "default");
}

Result<> enter_sandbox(const Flags& flags, Configuration& into) {
  if (!flags.directory.empty()) return {};
  KACHERY_TRY(sandbox, sandbox_directory());
  if (!sandbox) return {};
  into.keys_in = {into.directory};
  into.keys_in.insert(into.keys_in.end(), into.also_read.begin(), into.also_read.end());
  into.also_read.clear();
  into.directory = *sandbox;
  into.directory_origin = "KACHERY_CLOUD_SANDBOX_DIR";
  return {};
}

using Member = std::optional<std::string> Whereabouts::*;

Sourced<std::string> pick(const Layers& layers, const Settings& store, const fs::path& store_file,
                          const char* variable, Member member, const char* otherwise) {
  const auto& of_context = layers.context.whereabouts.*member;
  if (layers.context.by_flag && of_context) return {*of_context, layers.context.origin()};
  if (const auto value = environment(variable)) return {*value, variable};
  if (of_context) return {*of_context, layers.context.origin()};
  if (const auto& value = store.whereabouts.*member) return {*value, store_file.native()};
  if (const auto& value = layers.user.whereabouts.*member) return {*value, layers.user_file.native()};
  return {otherwise};
}

// Of a directory that may not exist yet: what its place says.
bool is_remote(fs::path path) {
  std::error_code error;
  while (!fs::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  return is_network_file_system(path);
}

bool others_may_write(const fs::path& directory) {
  std::error_code error;
  const fs::file_status status = fs::status(directory, error);
  constexpr auto kOthers = fs::perms::group_write | fs::perms::others_write;
  return !error && fs::exists(status) && (status.permissions() & kOthers) != fs::perms::none;
}

}  // namespace

Result<Configuration> configure(const Flags& flags) {
  Configuration configuration;
  configuration.user_directory = user_directory();
  const auto state = place_of_user("KACHERY_STATE_DIR", "XDG_STATE_HOME", ".local/state/kachery");
  configuration.state_directory = state.value;
  configuration.state_origin = state.origin;

  KACHERY_TRY(user, settings_in(configuration.user_directory.value));
  const fs::path user_file = settings_path(configuration.user_directory.value);
  KACHERY_TRY(context, choose_context(flags, *user, user_file));
  configuration.context = context.name;
  const Layers layers{flags, context, *user, user_file};
  KACHERY_TRY(set_directory(layers, configuration));
  KACHERY_TRY(enter_sandbox(flags, configuration));
  configuration.offline = configuration.directory_origin == "KACHERY_OFFLINE_STORAGE_DIR";

  KACHERY_TRY(store, settings_in(configuration.directory));
  const fs::path store_file = settings_path(configuration.directory);
  configuration.zone = pick(layers, *store, store_file, "KACHERY_ZONE", &Whereabouts::zone, "default");
  configuration.gateway_url =
      pick(layers, *store, store_file, "KACHERY_GATEWAY_URL", &Whereabouts::gateway_url, "");
  std::string& url = configuration.gateway_url.value;
  url.erase(url.find_last_not_of('/') + 1);
  return configuration;
}

Result<fs::path> user_settings_path() {
  fs::path path = settings_path(user_directory().value);
  if (path.empty())
    return fail(Code::invalid, "there is no home directory for settings; set KACHERY_CONFIG_DIR");
  return path;
}

Result<Configuration> configuration_from_environment() {
  return configure({});
}

Result<Sourced<std::optional<ByteCount>>> cache_limit(const Configuration& configuration) {
  const fs::path& store = configuration.directory;
  for (const fs::path& path : {settings_path(store), store.empty() ? store : store / "kachery.yaml",
                               settings_path(configuration.user_directory.value)}) {
    if (path.empty()) continue;
    KACHERY_TRY(settings, read_settings(path));
    if (settings->cache_limit) return Sourced{settings->cache_limit, path.native()};
  }
  return Sourced<std::optional<ByteCount>>{std::nullopt};
}

Result<fs::path> choose_place(const Place& directory, const Place& state) {
  if (directory.serves) return directory.path;
  const std::string tried = "this store's databases and keys cannot lie in " + directory.path.native() +
                            " (on a network file system, or writable by others)";
  if (state.path.empty())
    return fail(Code::invalid,
                tried + ", and there is no home directory; set KACHERY_STATE_DIR to a local one");
  if (!state.serves)
    return fail(Code::invalid,
                tried + ", nor in " + state.path.native() +
                    ", which is on a network file system too; set KACHERY_STATE_DIR to a local "
                    "directory");
  std::error_code error;
  const fs::path canonical = fs::weakly_canonical(directory.path, error);
  const std::string name = error ? directory.path.native() : canonical.native();
  return state.path / Hasher::of(Algorithm::sha256, as_bytes(name)).hex().substr(0, 32);
}

Result<fs::path> database_directory(const Configuration& configuration) {
  return choose_place({configuration.directory, !is_remote(configuration.directory)},
                      {configuration.state_directory, !is_remote(configuration.state_directory)});
}

Result<std::vector<fs::path>> key_directories(const Configuration& configuration) {
  std::vector<fs::path> places = configuration.keys_in;
  if (places.empty()) {
    places = {configuration.directory};
    places.insert(places.end(), configuration.also_read.begin(), configuration.also_read.end());
  }
  const fs::path ordinary = places.front();
  const bool serves = !is_remote(ordinary) && !others_may_write(ordinary);
  KACHERY_TRY(first, choose_place({ordinary, serves}, {configuration.state_directory,
                                                       !is_remote(configuration.state_directory)}));
  if (first != ordinary) places.insert(places.begin(), first);
  return places;
}

}  // namespace kachery
