#include "zone_command.h"

namespace kachery::cli {

Result<int> ZoneCommand::run(Context& context) {
  KACHERY_TRY(session, context.session());
  KACHERY_TRY(require_hub(session->configuration(), family_));
  KACHERY_TRY(named, choice_.name(session->configuration()));
  KACHERY_TRY(zone, session->zone_or_default(named));
  KACHERY_TRY(hub, session->hub(missing_));
  KACHERY_TRY(act(context, *hub, zone));
  return 0;
}

void ZoneCommand::declare_zone(Options& options) {
  options.option("--zone", choice_.zone, "The zone of the hub, instead of the one that is configured");
}

}  // namespace kachery::cli
