#include "older.h"

#include <algorithm>
#include <array>

#include "zone_choice.h"

namespace kachery::cli {
namespace {

constexpr std::array kPrograms{
    OlderProgram{"kachery-client", "Files by content, under the names of kachery_client", client_commands},
    OlderProgram{"kachery-cloud", "Files by content, under the names of kachery_cloud", cloud_commands},
    OlderProgram{"kachery-daemon", "Provide this node's files to others", daemon_names_commands},
    OlderProgram{"kachery-resource", "Provide the files of this machine under a name",
                 resource_names_commands},
};

constexpr std::array kScripts{
    OlderScript{"kachery-store", "kachery-client", "store-file"},
    OlderScript{"kachery-link", "kachery-client", "link-file"},
    OlderScript{"kachery-load", "kachery-client", "load-file"},
    OlderScript{"kachery-cat", "kachery-client", "cat-file"},
    OlderScript{"kachery-info", "kachery-client", "info"},
    OlderScript{"kachery-generate-node-id", "kachery-client", "generate-node-id"},
    OlderScript{"kachery-daemon-start", "kachery-daemon", "start"},
    OlderScript{"kachery-daemon-info", "kachery-daemon", "info"},
    OlderScript{"kachery-cloud-init", "kachery-cloud", "init"},
    OlderScript{"kachery-cloud-store", "kachery-cloud", "store-file"},
    OlderScript{"kachery-cloud-store-local", "kachery-cloud", "store-file-local"},
    OlderScript{"kachery-cloud-link", "kachery-cloud", "link-file"},
    OlderScript{"kachery-cloud-load", "kachery-cloud", "load-file"},
    OlderScript{"kachery-cloud-load-info", "kachery-cloud", "load-file-info"},
    OlderScript{"kachery-cloud-cat", "kachery-cloud", "cat-file"},
    OlderScript{"kachery-cloud-admin-delete-file", "kachery-cloud", "admin-delete-file"},
};

}  // namespace

const OlderProgram* find_older_program(std::string_view name) {
  const auto* found = std::ranges::find(kPrograms, name, [](const auto& program) { return program.name; });
  return found == kPrograms.end() ? nullptr : found;
}

const OlderScript* find_older_script(std::string_view name) {
  const auto* found = std::ranges::find(kScripts, name, [](const auto& script) { return script.name; });
  return found == kScripts.end() ? nullptr : found;
}

}  // namespace kachery::cli
