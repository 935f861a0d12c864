// kachery-resource: the second generation's program for who provides files under a name.
#include <fmt/format.h>

#include "console.h"
#include "core/text.h"
#include "daemon/daemon.h"
#include "daemon/resource_file.h"
#include "older.h"
#include "os/process.h"
#include "prompt.h"

namespace kachery::cli {
namespace {

using daemon::ResourceFile;

constexpr const char* kFileName = "kachery-resource.yaml";

// How the zone is typed that nobody has named.
constexpr const char* kNoZone = ".";
constexpr const char* kDefaultZone = "default";

class ResourceInit final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    Result<ResourceFile> there = ResourceFile::read(kFileName);
    if (!there && there.error().code != Code::not_found)
      return fail(there.error().code, there.error().message + "; mend the file, or move it away");
    ResourceFile file = there ? *std::move(there) : ResourceFile(kFileName);
    KACHERY_TRY(ask(context, file));
    KACHERY_TRY(file.settings());
    KACHERY_TRY(file.write(kFileName));
    KACHERY_TRY(context.print(fmt::format("Wrote ./{}", kFileName)));
    return 0;
  }

 private:
  static Result<> ask(const Context& context, ResourceFile& file) {
    Prompt prompt(context.progress.cancel);
    const auto answer = [&](const char* key, const char* question, const std::string& preset,
                            Echo echo = Echo::yes) -> Result<> {
      KACHERY_TRY(text, prompt.ask(question, preset, echo));
      file.set(key, std::move(text));
      return {};
    };
    const auto preset = [&](const char* key, const char* otherwise) {
      const std::string value = file.value(key);
      return value.empty() ? std::string(otherwise) : value;
    };
    KACHERY_TRY(answer(ResourceFile::kName, "Resource name", file.value(ResourceFile::kName)));
    const std::string zone = preset(ResourceFile::kZone, kDefaultZone);
    KACHERY_TRY(answer(ResourceFile::kZone, "Kachery zone (use . for default zone)",
                       zone == kDefaultZone ? kNoZone : zone));
    if (file.value(ResourceFile::kZone) == kNoZone) file.set(ResourceFile::kZone, kDefaultZone);
    KACHERY_TRY(
        answer(ResourceFile::kUploads, "Maximum concurrent uploads", preset(ResourceFile::kUploads, "2")));
    KACHERY_TRY(answer(ResourceFile::kProxyUrl, "Proxy URL", file.value(ResourceFile::kProxyUrl)));
    return answer(ResourceFile::kProxySecret, "Proxy secret (a kachery hub needs none)",
                  file.value(ResourceFile::kProxySecret), Echo::no);
  }
};

class ResourceShare final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    keep_memory_small();
    Result<ResourceFile> file = ResourceFile::read(kFileName);
    if (!file && file.error().code == Code::not_found)
      return fail(
          Code::not_found,
          fmt::format("there is no {} in this directory; make it with kachery-resource init", kFileName));
    if (!file) return std::unexpected(file.error());
    KACHERY_TRY(settings, file->settings());
    KACHERY_TRY(configuration, context.configuration());
    if (settings.zone.str() != configuration.zone.value)
      return fail(
          Code::invalid,
          fmt::format("{} names the zone {}, but this shell works in the zone {} ({}); set KACHERY_ZONE={}, "
                      "or mend the file",
                      kFileName, settings.zone.str(), printable(configuration.zone.value),
                      configuration.zone.origin, settings.zone.str()));
    // Whoever reads along may go away; what is shared stays shared.
    daemon::Output output{.print = [&context](const auto& line) { static_cast<void>(context.print(line)); },
                          .warn = [](const auto& line) { say(line); }};
    KACHERY_TRY(
        daemon::provide(configuration, std::move(settings), std::move(output), context.progress.cancel));
    return 0;
  }
};

}  // namespace

CommandList resource_names_commands() {
  return {{"init", "Ask what the resource is called, and write ./kachery-resource.yaml",
           make_command<ResourceInit>},
          {"share", "Provide this store's files under that name, until it is told to stop",
           make_command<ResourceShare>}};
}

}  // namespace kachery::cli
