#include "client/configuration.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <vector>

namespace kachery {
namespace {

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

std::filesystem::path absolute(const std::string& path) {
  std::error_code error;
  const std::filesystem::path full = std::filesystem::absolute(path, error);
  return error ? std::filesystem::path(path) : full;
}

std::filesystem::path state_directory(const std::optional<std::string>& home) {
  if (const auto value = environment("KACHERY_STATE_DIR")) return absolute(*value);
  return home ? std::filesystem::path(*home) / ".local/state/kachery" : std::filesystem::path();
}

Result<Configuration> configuration_outside_sandbox() {
  const auto home = home_directory();
  for (const char* name : {"KACHERY_DIR", "KACHERY_CLOUD_DIR", "KACHERY_STORAGE_DIR"})
    if (const auto value = environment(name))
      return Configuration{absolute(*value), name, {}, state_directory(home)};
  if (!home) return fail(Code::invalid, "there is no home directory to keep a store in; set KACHERY_DIR");
  Configuration configuration{
      std::filesystem::path(*home) / ".kachery", "default", {}, state_directory(home)};
  std::error_code error;
  for (const char* older : {".kachery-cloud", "kachery-storage"})
    if (std::filesystem::is_directory(std::filesystem::path(*home) / older, error))
      configuration.also_read.push_back(std::filesystem::path(*home) / older);
  return configuration;
}

}  // namespace

Result<Configuration> configuration_from_environment() {
  KACHERY_TRY(configuration, configuration_outside_sandbox());
  const auto sandbox = environment("KACHERY_CLOUD_SANDBOX_DIR");
  if (!sandbox || environment("KACHERY_CLOUD_USE_SANDBOX") != "1") return configuration;
  std::vector<std::filesystem::path> outside{configuration.directory};
  outside.insert(outside.end(), configuration.also_read.begin(), configuration.also_read.end());
  return Configuration{
      absolute(*sandbox), "KACHERY_CLOUD_SANDBOX_DIR", {}, configuration.state_directory, outside};
}

Result<std::filesystem::path> database_directory(const Configuration& configuration) {
  return configuration.directory;
}

Result<std::vector<std::filesystem::path>> key_directories(const Configuration& configuration) {
  if (!configuration.sandbox_of.empty()) return configuration.sandbox_of;
  std::vector<std::filesystem::path> directories{configuration.directory};
  directories.insert(directories.end(), configuration.also_read.begin(), configuration.also_read.end());
  return directories;
}

}  // namespace kachery
