// The commands: each takes what the user asked for and a session, prints the result, and returns the exit
// status.
#pragma once

#include "arguments.h"
#include "client/session.h"
#include "core/progress.h"

namespace kachery::cli {

// Failures are printed on standard error, once, here.
int run(const Arguments& arguments, Session& session, Progress& progress);

}  // namespace kachery::cli
