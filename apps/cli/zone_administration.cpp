// kachery hub admin, for zones: their settings, quotas, usage; and the audit log.
#include <fmt/format.h>

#include "administration.h"
#include "commands.h"
#include "hub/operations/audit_file.h"
#include "hub/operations/day.h"
#include "os/clock.h"
#include "os/file.h"

namespace kachery::cli {
namespace {

constexpr ByteCount kSettingsFileMax = 1 << 20;
constexpr std::int64_t kMsPerDay = 86'400'000;
constexpr std::int64_t kUsageDays = 30;

std::int64_t now_ms() {
  return system_clock().now_ns() / 1'000'000;
}

std::string allowance(const wire::Allowance& allowance) {
  return fmt::format("{} of {}", allowance.used, allowance.max ? std::to_string(*allowance.max) : "any");
}

class ZoneListCommand final : public AdminCommand {
  void declare_own(Options&) override {}

  Result<> act(Context& context, remote::Hub& hub) override {
    return ask(context, hub, remote::kListZones, wire::ListZones{}, [](const wire::ZoneList& list) {
      std::string lines;
      for (const wire::Zone& zone : list.zones)
        lines += fmt::format("{}\t{}\t{}\t{} B\t{} files\n", zone.zone.str(), zone.owner.str(),
                             moment(zone.created_ms), allowance(zone.bytes), allowance(zone.objects));
      return lines;
    });
  }
};

class ZoneCreateCommand final : public AdminCommand {
  void declare_own(Options& options) override {
    options.argument("zone", zone_, "The zone's name");
    options.option("--owner", owner_,
                   "The user who is always an admin of it; made if there is none yet (admin)");
  }

  Result<> act(Context& context, remote::Hub& hub) override {
    KACHERY_TRY(zone, ZoneName::parse(zone_));
    KACHERY_TRY(owner, UserName::parse(owner_));
    return tell(context, hub, remote::kCreateZone, {zone, owner});
  }

  std::string zone_;
  std::string owner_ = "admin";
};

class ZoneDeleteCommand final : public AdminCommand {
  void declare_own(Options& options) override { options.argument("zone", zone_, "The zone's name"); }

  Result<> act(Context& context, remote::Hub& hub) override {
    KACHERY_TRY(zone, ZoneName::parse(zone_));
    return tell(context, hub, remote::kDeleteZone, {zone});
  }

  std::string zone_;
};

class ZoneSettingsCommand final : public AdminCommand {
  void declare_own(Options& options) override {
    options.argument("zone", zone_, "The zone's name");
    options.flag("--export", export_, "Print them as YAML; so it does without --import");
    options.option("--import", import_, "Replace them by those in this file, if they are valid");
  }

  Result<> act(Context& context, remote::Hub& hub) override {
    if (export_ && import_) return fail(Code::invalid, "--export and --import contradict each other");
    KACHERY_TRY(zone, ZoneName::parse(zone_));
    wire::ZoneSettings message{std::move(zone), std::nullopt};
    if (import_) {
      KACHERY_TRY(text, read_file(*import_));
      message.yaml = std::move(text);
    }
    return ask(context, hub, remote::kZoneSettings, message, [&](const wire::ZoneSettings& settings) {
      return import_ ? std::string() : settings.yaml.value_or("");
    });
  }

  static Result<std::string> read_file(const std::string& path) {
    KACHERY_TRY(file, open_user_file(path));
    KACHERY_TRY(stamp, file->stamp());
    if (stamp.size > kSettingsFileMax)
      return fail(Code::invalid, path + " is too long for settings of a zone");
    std::string text(stamp.size, '\0');
    KACHERY_TRY(read_exactly(*file, 0, std::as_writable_bytes(std::span(text))));
    return text;
  }

  std::string zone_;
  bool export_ = false;
  std::optional<std::string> import_;
};

class QuotaSetCommand final : public AdminCommand {
  void declare_own(Options& options) override {
    options.argument("zone", zone_, "The zone's name");
    options.option("--user", user_, "Of this user in it, instead of all together");
    options.option("--bytes", bytes_, "How many bytes at most; without it, no limit");
    options.option("--objects", objects_, "How many files at most; without it, no limit");
  }

  Result<> act(Context& context, remote::Hub& hub) override {
    KACHERY_TRY(zone, ZoneName::parse(zone_));
    wire::SetQuota message{std::move(zone), std::nullopt, bytes_, objects_};
    if (user_) {
      KACHERY_TRY(user, UserName::parse(*user_));
      message.user = std::move(user);
    }
    return tell(context, hub, remote::kSetQuota, message);
  }

  std::string zone_;
  std::optional<std::string> user_;
  std::optional<ByteCount> bytes_;
  std::optional<ByteCount> objects_;
};

class UsageCommand final : public AdminCommand {
  void declare_own(Options& options) override {
    options.option("--zone", zone_, "The zone's name (default)");
    options.option("--from", first_, "The first day, such as 2026-11-22, in UTC (30 days ago)");
    options.option("--to", last_, "The last day (today)");
  }

  Result<> act(Context& context, remote::Hub& hub) override {
    KACHERY_TRY(zone, ZoneName::parse(zone_));
    const wire::AskUsage message{std::move(zone),
                                 first_.value_or(hub::day_of(now_ms() - kUsageDays * kMsPerDay)),
                                 last_.value_or(hub::day_of(now_ms()))};
    return ask(context, hub, remote::kAskUsage, message, [](const wire::Usage& usage) {
      std::string lines;
      for (const wire::UsageEntry& entry : usage.entries)
        lines += fmt::format("{}\t{}\t{}\t{} uploads\t{} B\t{} downloads\t{} B\n", entry.day,
                             entry.node ? entry.node->hex() : "-", entry.user ? entry.user->str() : "-",
                             entry.uploads, entry.upload_bytes, entry.downloads, entry.download_bytes);
      return lines;
    });
  }

  std::string zone_ = "default";
  std::optional<std::string> first_;
  std::optional<std::string> last_;
};

class AuditCommand final : public AdminCommand {
 public:
  Result<int> run(Context& context) override {
    if (!verify_) return AdminCommand::run(context);
    if (day_) return fail(Code::invalid, "--day and --verify contradict each other: all days are checked");
    KACHERY_TRY(check(context));
    return 0;
  }

 private:
  void declare_own(Options& options) override {
    options.option("--day", day_, "Such as 2026-11-22, in UTC (today)");
    options.option(
        "--verify", verify_,
        "Check that nothing was altered in this folder: audit in a hub's directory, or a copy; no hub "
        "needs to run");
  }

  Result<> check(const Context& context) const {
    KACHERY_TRY(found, hub::verify_audit(*verify_));
    return context.print_fields({{"days", found.days},
                                 {"lines", found.lines},
                                 {"cut_off", found.cut_off},
                                 {"before", found.before},
                                 {"last", found.last}});
  }

  // The lines as they are, so that their hashes can be checked.
  Result<> act(Context& context, remote::Hub& hub) override {
    const std::string day = day_.value_or(hub::day_of(now_ms()));
    std::string lines;
    const std::function<Result<>(ByteView)> sink = [&](ByteView piece) -> Result<> {
      if (!context.common.json) return context.write(piece);
      lines += as_text(piece);
      return {};
    };
    KACHERY_TRY(hub.read_audit(day, sink, context.progress.cancel));
    if (!context.common.json) return {};
    json::Array array;
    for (std::string_view left = lines; !left.empty();) {
      const std::size_t end = std::min(left.find('\n'), left.size());
      array.emplace_back(left.substr(0, end));
      left.remove_prefix(std::min(end + 1, left.size()));
    }
    return context.print(json::Object{{"day", day}, {"lines", std::move(array)}});
  }

  std::optional<std::string> day_;
  std::optional<std::string> verify_;
};

}  // namespace

CommandList hub_zone_commands() {
  return {
      {"hub admin zone", "Zones", nullptr},
      {"hub admin zone list", "Print all", make_command<ZoneListCommand>, Place::hub},
      {"hub admin zone create", "Create one", make_command<ZoneCreateCommand>, Place::hub},
      {"hub admin zone delete", "Delete one, with all that is in it", make_command<ZoneDeleteCommand>,
       Place::hub},
      {"hub admin zone settings", "Print or replace who may do what in one",
       make_command<ZoneSettingsCommand>, Place::hub},
      {"hub admin quota", "Quotas", nullptr},
      {"hub admin quota set", "Limit what a zone, or a user in it, may store", make_command<QuotaSetCommand>,
       Place::hub},
      {"hub admin usage", "Print who sent and got how much", make_command<UsageCommand>, Place::hub},
      {"hub admin audit", "Print who was allowed or denied what on a day, or check the whole log",
       make_command<AuditCommand>, Place::hub},
  };
}

}  // namespace kachery::cli
