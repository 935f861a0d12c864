// What kachery doctor says of settings files, variables, and stores that nobody reads.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>

#include "client/settings.h"
#include "health.h"

namespace kachery::cli {
namespace {

namespace fs = std::filesystem;

// Those that mean something here, those of the older programs, and those of our tests.
constexpr std::array<std::string_view, 34> kVariables{"KACHERY_DIR",
                                                      "KACHERY_CLOUD_DIR",
                                                      "KACHERY_STORAGE_DIR",
                                                      "KACHERY_OFFLINE_STORAGE_DIR",
                                                      "KACHERY_CONFIG_DIR",
                                                      "KACHERY_STATE_DIR",
                                                      "KACHERY_CONTEXT",
                                                      "KACHERY_GATEWAY_URL",
                                                      "KACHERY_INSECURE_HTTP",
                                                      "KACHERY_ZONE",
                                                      "KACHERY_RESOURCE_URL",
                                                      "KACHERY_STORE_FILE_DIR",
                                                      "KACHERY_STORE_FILE_PREFIX",
                                                      "KACHERY_TEMP_DIR",
                                                      "KACHERY_KEEP_TEMP_FILES",
                                                      "KACHERY_CLOUD_CLIENT_ID",
                                                      "KACHERY_CLOUD_PRIVATE_KEY",
                                                      "KACHERY_CLOUD_USE_SANDBOX",
                                                      "KACHERY_CLOUD_SANDBOX_DIR",
                                                      "KACHERY_CLOUD_MULTI_USER",
                                                      "KACHERY_CLOUD_KEEP_TEMP_FILES",
                                                      "KACHERY_CLOUD_EPHEMERAL",
                                                      "KACHERY_CLOUD_API_URL",
                                                      "KACHERY_CLOUD_PROJECT",
                                                      "KACHERY_CLOUD_PROJECT_ID",
                                                      "KACHERY_DAEMON_PORT",
                                                      "KACHERY_DAEMON_HOST",
                                                      "KACHERY_HUB_API_URI",
                                                      "KACHERY_TEST_SPEEDUP_FACTOR",
                                                      "KACHERY_P2P_API_PORT",
                                                      "KACHERY_P2P_API_HOST",
                                                      "KACHERY_P2P_CONFIG_DIR",
                                                      "KACHERY_PROGRAM",
                                                      "KACHERY_API_KEY"};

Check check_file(const fs::path& path) {
  const auto settings = read_settings(path);
  if (!settings)
    return {"settings", Status::error, settings.error().message, "mend the file, or move it away"};
  std::string unknown;
  for (const std::string& key : (*settings)->unknown) unknown += (unknown.empty() ? "" : ", ") + key;
  if (unknown.empty()) return {"settings", Status::ok, path.native()};
  return {"settings", Status::warning, fmt::format("{}: these mean nothing: {}", path.native(), unknown),
          "see docs/guide/configuration.md for what may stand there; remove the rest, or leave it"};
}

Check check_variables() {
  std::string unknown;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view line = *entry;
    const std::string_view name = line.substr(0, line.find('='));
    if (!name.starts_with("KACHERY_") || std::ranges::find(kVariables, name) != kVariables.end()) continue;
    unknown += (unknown.empty() ? "" : ", ") + std::string(name);
  }
  if (unknown.empty()) return {"variables", Status::ok, "every KACHERY_ variable that is set is known"};
  return {"variables", Status::warning, "nothing reads these: " + unknown,
          "look for a slip of the pen in their names, or unset them"};
}

Check check_other_stores(const Configuration& configuration) {
  const auto home = home_directory();
  std::string unread;
  std::error_code error;
  for (const char* name : {".kachery", ".kachery-cloud", "kachery-storage"}) {
    if (!home) break;
    const fs::path path = fs::path(*home) / name;
    const auto is_this = [&](const fs::path& used) { return fs::equivalent(used, path, error); };
    if (!fs::is_directory(path, error) || is_this(configuration.directory) ||
        std::ranges::any_of(configuration.also_read, is_this))
      continue;
    unread += (unread.empty() ? "" : ", ") + path.native();
  }
  if (unread.empty()) return {"other-stores", Status::ok, "no store of yours is left out"};
  return {"other-stores", Status::warning,
          fmt::format("not read, because {} ({}) is the store: {}", configuration.directory.native(),
                      configuration.directory_origin, unread),
          "name another one with KACHERY_DIR when you need what is there"};
}

}  // namespace

Checks check_settings(const Result<Configuration>& configuration) {
  Checks checks;
  if (!configuration) {
    checks.push_back({"configuration", Status::error, configuration.error().message,
                      "until this is mended no command works"});
  } else {
    checks.push_back({"configuration", Status::ok,
                      fmt::format("the store is {} ({})", configuration->directory.native(),
                                  configuration->directory_origin)});
  }
  std::error_code error;
  std::vector<fs::path> files;
  if (const auto user = user_settings_path()) files.push_back(*user);
  if (configuration)
    for (const char* name : {"config.yaml", "kachery.yaml"}) files.push_back(configuration->directory / name);
  for (const fs::path& file : files)
    if (fs::exists(file, error)) checks.push_back(check_file(file));
  checks.push_back(check_variables());
  if (configuration) checks.push_back(check_other_stores(*configuration));
  return checks;
}

}  // namespace kachery::cli
