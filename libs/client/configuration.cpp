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

}  // namespace

Result<Configuration> configuration_from_environment() {
  for (const char* name : {"KACHERY_DIR", "KACHERY_CLOUD_DIR", "KACHERY_STORAGE_DIR"})
    if (const auto value = environment(name)) return Configuration{*value, name};
  const auto home = home_directory();
  if (!home) return fail(Code::invalid, "there is no home directory to keep a store in; set KACHERY_DIR");
  return Configuration{std::filesystem::path(*home) / ".kachery", "default"};
}

}  // namespace kachery
