// What the commands for feeds have in common.
#pragma once

namespace kachery::cli {

constexpr const char* kSubfeedHelp =
    "The subfeed: feed://ID/SUBFEED, or NAME/SUBFEED with the name of a feed";

}  // namespace kachery::cli
