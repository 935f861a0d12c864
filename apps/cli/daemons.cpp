// kachery daemon: provides this node's files to others, in the foreground, in the background, or as a service
// of the user's systemd.
#include <fmt/format.h>

#include <array>

#include "administration.h"
#include "client/identity.h"
#include "client/settings.h"
#include "commands.h"
#include "console.h"
#include "core/text.h"
#include "daemon/daemon.h"
#include "net/retry.h"
#include "older.h"
#include "os/background.h"
#include "os/process.h"
#include "os/replacement.h"
#include "zone_choice.h"

namespace kachery::cli {
namespace {

namespace fs = std::filesystem;
using daemon::DaemonPlace;
using daemon::DaemonStatus;

constexpr std::chrono::milliseconds kStopWait{20'000};
constexpr std::chrono::milliseconds kLookEvery{100};

// Slower than that, a hub takes a sender for one who keeps others from their turn.
constexpr ByteCount kUploadRateMin = 256'000;

json::Object as_json(const DaemonStatus& status) {
  return {{"process", status.process},
          {"program", status.program},
          {"hub", status.hub},
          {"zone", status.zone.str()},
          {"state", status.state},
          {"since", moment(status.since_ms)},
          {"why", status.why ? json::Value(*status.why) : json::Value()},
          {"started", moment(status.started_ms)},
          {"uploads_running", status.uploads_running},
          {"uploads_waiting", status.uploads_waiting},
          {"uploads_completed", status.uploads_completed},
          {"uploads_failed", status.uploads_failed},
          {"bytes_provided", status.bytes_provided}};
}

// How much may be sent at a time, as people type it.
struct UploadLimits {
  std::optional<ByteCount> uploads;
  std::optional<std::string> rate;

  void declare(Options& options) {
    options.option("--uploads", uploads, "So many uploads at a time (4)");
    options.option("--upload-rate", rate, "All uploads together, a second, such as 10M (no limit)");
  }

  Result<daemon::NodeSettings> settings() const {
    daemon::NodeSettings settings;
    if (uploads) {
      if (*uploads < 1 || *uploads > daemon::kConcurrentUploadsMax)
        return fail(Code::invalid, fmt::format("--uploads takes 1 to {}", daemon::kConcurrentUploadsMax));
      settings.uploads_max = *uploads;
    }
    if (rate) {
      KACHERY_TRY(bytes, parse_size(*rate));
      if (bytes < kUploadRateMin)
        return fail(Code::invalid, fmt::format("--upload-rate takes {} or more: hubs cut off slower senders",
                                               human_size(kUploadRateMin)));
      settings.upload_rate_max = bytes;
    }
    return settings;
  }
};

class DaemonStart final : public Command {
 public:
  void declare(Options& options) override {
    options.flag("--background", background_,
                 "Go on when this command has ended; what it says goes to a log");
    limits_.declare(options);
  }

  Result<int> run(Context& context) override {
    keep_memory_small();
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(require_hub(configuration, "kachery daemon"));
    KACHERY_TRY(settings, limits_.settings());
    KACHERY_TRY(place, DaemonPlace::take(configuration));
    if (!background_) {
      if (context.common.json)
        KACHERY_TRY(context.print(json::Object{{"process", process_id()}, {"log", json::Value()}}));
      KACHERY_TRY(serve(context, configuration, settings, place, nullptr));
      return 0;
    }
    const auto work = [&](const SayBegun& say_begun) {
      const Result<> ended = serve(context, configuration, settings, place, say_begun);
      if (ended) return 0;
      say(ended.error().message);
      say_begun(ended);
      return exit_status(ended.error().code);
    };
    KACHERY_TRY(process, run_in_background(place.log(), work));
    KACHERY_TRY(context.print_fields({{"process", process}, {"log", place.log().native()}}));
    return 0;
  }

 private:
  // `say_begun` may be null. It is told when the daemon knows how it is with the hub.
  static Result<> serve(const Context& context, const Configuration& configuration,
                        const daemon::NodeSettings& settings, const DaemonPlace& place,
                        const SayBegun& say_begun) {
    // With --json what it prints is for programs, who ask for its status.
    const bool prints = !context.common.json || say_begun;
    daemon::Output output{.print =
                              [&context, prints](const auto& line) {
                                if (prints) static_cast<void>(context.write(as_bytes(line + "\n")));
                              },
                          .warn = [](const auto& line) { say(line); }};
    const daemon::NoteStatus note = [&](const DaemonStatus& status) {
      const Result<> noted = place.note(status);
      if (!noted) say(noted.error().message);
      if (say_begun && status.state != daemon::kConnecting) say_begun({});
    };
    return daemon::provide_node(configuration, settings, std::move(output), note, context.progress.cancel);
  }

  bool background_ = false;
  UploadLimits limits_;
};

// gen1's: in the foreground, with options that have no meaning any more.
class OlderDaemonStart final : public Command {
 public:
  void declare(Options& options) override {
    options.option("--label", ignored_, "Changes nothing: the hub knows the label of `kachery init --label`");
    options.option("--owner", ignored_,
                   "Changes nothing: a node belongs to the user whom it was registered for");
    options.option("--kachery-hub-url", ignored_, "Changes nothing: the hub is the one that is configured");
    options.option("--bitwooder-url", ignored_, "Changes nothing: the hub has its own bucket");
    options.option("--auth-group", ignored_,
                   "Changes nothing: programs of this machine do not ask the daemon");
    options.option("--verbose", ignored_, "Changes nothing");
    options.option("--method", ignored_, "Changes nothing");
    options.option("--node-arg", ignored_several_, "Changes nothing");
  }

  Result<int> run(Context& context) override { return DaemonStart().run(context); }

 private:
  std::optional<std::string> ignored_;
  std::vector<std::string> ignored_several_;
};

class OlderDaemonInfo final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(key, find_identity(configuration, MissingKey::none));
    const Result<DaemonStatus> status = daemon::daemon_status(configuration);
    KACHERY_TRY(context.print("Node ID: " + (key ? key->node_id().hex() : "none yet (kachery init)")));
    KACHERY_TRY(
        context.print(status ? fmt::format("The daemon runs, process {}: {}", status->process, status->state)
                             : status.error().message));
    return 0;
  }
};

class DaemonStatusCommand final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(status, daemon::daemon_status(configuration));
    KACHERY_TRY(context.print_fields(as_json(status)));
    return 0;
  }
};

class DaemonStop final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(status, daemon::daemon_status(configuration));
    KACHERY_TRY(ask_to_end(status.process));
    const auto deadline = std::chrono::steady_clock::now() + kStopWait;
    for (;;) {
      const Result<DaemonStatus> now = daemon::daemon_status(configuration);
      if (!now && now.error().code == Code::not_found) break;
      if (std::chrono::steady_clock::now() >= deadline)
        return fail(Code::timed_out, fmt::format("the daemon, process {}, has not ended within {} s",
                                                 status.process, kStopWait.count() / 1000));
      if (!sleep_unless(context.progress.cancel, kLookEvery))
        return fail(Code::cancelled, "stopped waiting at the user's request; the daemon ends soon");
    }
    KACHERY_TRY(context.print_fields({{"stopped", status.process}}));
    return 0;
  }
};

// --- As a service

// What the unit has to repeat of the environment of whoever installs it. No secrets: those stay in files.
constexpr std::array kVariables{"KACHERY_DIR",
                                "KACHERY_CLOUD_DIR",
                                "KACHERY_STORAGE_DIR",
                                "KACHERY_GATEWAY_URL",
                                "KACHERY_ZONE",
                                "KACHERY_CONTEXT",
                                "KACHERY_CONFIG_DIR",
                                "KACHERY_STATE_DIR",
                                "KACHERY_INSECURE_HTTP",
                                "HTTPS_PROXY",
                                "https_proxy",
                                "NO_PROXY",
                                "no_proxy"};

// systemd.syntax(7), systemd.service(5): in quotes, where each of `expanded` means itself.
std::string quoted(std::string_view text, std::string_view expanded) {
  std::string out = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ') {
      out += fmt::format("\\x{:02x}", c);
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    if (expanded.contains(c)) out += c;
    out += c;
  }
  return out + '"';
}
constexpr std::string_view kExpandedInCommands = "%$";
constexpr std::string_view kExpandedElsewhere = "%";

class DaemonInstall final : public Command {
 public:
  void declare(Options& options) override { limits_.declare(options); }

  Result<int> run(Context& context) override {
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(require_hub(configuration, "kachery daemon"));
    if (environment("KACHERY_CLOUD_PRIVATE_KEY"))
      return fail(Code::invalid,
                  "the key of this shell is in KACHERY_CLOUD_PRIVATE_KEY, which a service must not have; run "
                  "this where the key is in its file");
    KACHERY_TRY(limits_.settings());  // So that the unit names nothing that would be refused.
    KACHERY_TRY(unit, unit_of(context));
    KACHERY_TRY(path, unit_path());
    KACHERY_TRY(make_own_directory(path.parent_path(), Audience::readers));
    KACHERY_TRY(file, replace_user_file(path));
    KACHERY_TRY(file->append(as_bytes(unit)));
    KACHERY_TRY(file->commit());
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{{"unit", path.native()}}));
      return 0;
    }
    for (const std::string& line :
         {"Wrote " + path.native() + ". To start it now and at each login:",
          std::string("  systemctl --user daemon-reload && systemctl --user enable --now kachery-daemon"),
          std::string("Also when you are not logged in: loginctl enable-linger")})
      KACHERY_TRY(context.print(line));
    return 0;
  }

 private:
  static Result<fs::path> unit_path() {
    constexpr const char* kUnit = "systemd/user/kachery-daemon.service";
    const std::optional<std::string> given = environment("XDG_CONFIG_HOME");
    if (given && given->starts_with('/')) return fs::path(*given) / kUnit;
    const auto home = home_directory();
    if (!home) return fail(Code::invalid, "there is no home directory for the unit; set XDG_CONFIG_HOME");
    return fs::path(*home) / ".config" / kUnit;
  }

  Result<std::string> unit_of(const Context& context) const {
    KACHERY_TRY(program, program_path());
    std::string command = quoted(program.native(), kExpandedInCommands) + " daemon start";
    const auto add = [&command](std::string_view name, const std::string& value) {
      if (!value.empty()) command += fmt::format(" {} {}", name, quoted(value, kExpandedInCommands));
    };
    add("--dir", context.common.directory.empty() ? "" : fs::absolute(context.common.directory).native());
    add("--context", context.common.context);
    add("--uploads", limits_.uploads ? std::to_string(*limits_.uploads) : "");
    add("--upload-rate", limits_.rate.value_or(""));
    std::string variables;
    for (const char* name : kVariables)
      if (const auto value = environment(name))
        variables += "Environment=" + quoted(std::string(name) + "=" + *value, kExpandedElsewhere) + "\n";
    return fmt::format(
        "[Unit]\n"
        "Description=kachery: provides the files of this node\n"
        "Wants=network-online.target\n"
        "After=network-online.target\n"
        "\n"
        "[Service]\n"
        "ExecStart={}\n"
        "{}"
        "Restart=on-failure\n"
        "RestartSec=10\n"
        "\n"
        "[Install]\n"
        "WantedBy=default.target\n",
        command, variables);
  }

  UploadLimits limits_;
};

}  // namespace

CommandList daemon_commands() {
  return {
      {"daemon", "Provide this node's files to others", nullptr},
      {"daemon start", "Connect to the hub and provide, until it is told to stop", make_command<DaemonStart>},
      {"daemon status", "Say how it is with the daemon of this store", make_command<DaemonStatusCommand>},
      {"daemon stop", "End the daemon of this store", make_command<DaemonStop>},
      {"daemon install", "Write a unit for the user's systemd, which keeps a daemon running",
       make_command<DaemonInstall>}};
}

CommandList daemon_names_commands() {
  return {
      {"start", "Connect to the hub and provide, until it is told to stop", make_command<OlderDaemonStart>},
      {"info", "Print who this node is, and whether its daemon runs", make_command<OlderDaemonInfo>}};
}

}  // namespace kachery::cli
