// The commands that look after a store.
#include <fmt/format.h>

#include "commands.h"
#include "console.h"
#include "core/uri.h"
#include "json/json.h"

namespace kachery::cli {
namespace {

json::Array findings_as_json(std::span<const Finding> faults) {
  json::Array items;
  for (const Finding& finding : faults)
    items.emplace_back(json::Object{{"uri", Uri{finding.digest, ""}.str()}, {"what", finding.what}});
  return items;
}

void say_findings(std::string_view what, std::span<const Finding> findings) {
  for (const Finding& finding : findings)
    say(fmt::format("{}: {}: {}", what, Uri{finding.digest, ""}.str(), finding.what));
}

class VerifyCommand final : public Command {
 public:
  void declare(Options& options) override { options.argument("uri", names_, "sha1://HASH or sha256://HASH"); }

  Result<int> run(Context& context) override {
    std::vector<Digest> digests;
    for (const std::string& name : names_) {
      KACHERY_TRY(uri, Uri::parse(name));
      digests.push_back(uri.digest);
    }
    KACHERY_TRY(report, scrub(context, digests));
    KACHERY_TRY(print(context, report));
    if (!report.damaged.empty()) return exit_status(Code::corrupt);
    if (!report.missing.empty()) return exit_status(Code::not_found);
    return report.stale_links.empty() ? 0 : kPartlyFailed;
  }

 private:
  static Result<ScrubReport> scrub(Context& context, std::span<const Digest> digests) {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(store, session->reading_store());
    if (store == nullptr) {
      ScrubReport report;
      for (const Digest& digest : digests) report.missing.push_back({digest, "there is no store"});
      return report;
    }
    const ProgressPrinter printer(context.progress, "verifying", context.common.quiet);
    return store->scrub(digests, context.progress);
  }

  static Result<> print(const Context& context, const ScrubReport& report) {
    if (context.common.json)
      return context.print(json::Object{{"objects", report.objects},
                                        {"links", report.links},
                                        {"bytes", report.bytes},
                                        {"damaged", findings_as_json(report.damaged)},
                                        {"repaired", findings_as_json(report.repaired)},
                                        {"stale_links", findings_as_json(report.stale_links)},
                                        {"missing", findings_as_json(report.missing)}});
    KACHERY_TRY(
        context.print(fmt::format("{} objects, {} links, {} checked: {} damaged, {} links stale, {} missing",
                                  report.objects, report.links, human_size(report.bytes),
                                  report.damaged.size(), report.stale_links.size(), report.missing.size())));
    say_findings("damaged, and made again", report.repaired);
    say_findings("damaged, moved to quarantine/", report.damaged);
    say_findings("stale link", report.stale_links);
    say_findings("missing", report.missing);
    return {};
  }

  std::vector<std::string> names_;  // Empty: everything.
};

}  // namespace

CommandList care_commands() {
  return {
      {"verify", "Read everything, or what is named, and check its hash; damaged objects go to quarantine/",
       make_command<VerifyCommand>},
  };
}

}  // namespace kachery::cli
