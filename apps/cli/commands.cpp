#include "commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "console.h"
#include "core/uri.h"
#include "json/json.h"
#include "store/pump.h"

namespace kachery::cli {
namespace {

constexpr int kPartlyFailed = 3;

// What every command gets.
struct Context {
  const Arguments& arguments;
  Session& session;
  Progress& progress;

  Result<> write(ByteView bytes) const { return write_output(bytes, progress); }
  Result<> print(std::string_view line) const { return write(as_bytes(std::string(line) + "\n")); }
};

Result<std::string> read_list(const std::string& list, Progress& progress) {
  std::unique_ptr<ByteSource> source;
  std::unique_ptr<File> file;
  if (list == "-") {
    source = stream_of_descriptor(STDIN_FILENO, progress.cancel);
  } else if (is_stream(list)) {
    KACHERY_TRY(stream, open_stream(list, progress.cancel));
    source = std::move(stream);
  } else {
    KACHERY_TRY(opened, open_user_file(list));
    file = std::move(opened);
    source = stream_of(*file);
  }
  std::string text;
  for (std::string piece(kPieceBytes, '\0');;) {
    KACHERY_TRY(got, source->read(std::as_writable_bytes(std::span(piece))));
    text.append(piece, 0, got);
    if (got < piece.size()) return text;
  }
}

// The paths of the command line, then those of --from.
Result<std::vector<std::filesystem::path>> paths_of(const StoreCommand& command, Progress& progress) {
  std::vector<std::filesystem::path> paths(command.paths.begin(), command.paths.end());
  if (!command.list.empty()) {
    KACHERY_TRY(text, read_list(command.list, progress));
    const char separator = command.null_separated ? '\0' : '\n';
    for (std::string_view left = text; !left.empty();) {
      const std::size_t end = std::min(left.find(separator), left.size());
      if (end > 0) paths.emplace_back(left.substr(0, end));
      left.remove_prefix(std::min(end + 1, left.size()));
    }
  } else if (paths.empty()) {
    return fail(Code::invalid, "no file was named; give paths, \"-\" for standard input, or --from FILE");
  }
  if (command.label && paths.size() != 1) return fail(Code::invalid, "--label is for one file");
  return paths;
}

// So that progress can be shown in parts of the whole. Files that cannot be looked at are complained of
// later.
void count_sizes(std::span<const std::filesystem::path> paths, Progress& progress) {
  progress.items_total = paths.size();
  ByteCount total = 0;
  std::error_code error;
  for (const auto& path : paths) {
    const auto size = std::filesystem::file_size(path, error);
    if (!error) total += size;
  }
  progress.bytes_total = total;
}

Result<> print_stored(const Context& context, const StoreCommand& command,
                      std::span<const std::filesystem::path> paths, std::span<const Stored> stored) {
  json::Array items;
  std::string lines;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const std::string name = paths[i] == "-" ? "" : label_of(paths[i]);
    const Uri uri{stored[i].digest, command.label.value_or(name)};
    lines += uri.str() + "\n";
    items.emplace_back(
        json::Object{{"path", paths[i].native()}, {"uri", uri.str()}, {"size", stored[i].size}});
  }
  if (context.arguments.json)
    return context.print(json::Value(json::Object{{"files", std::move(items)}}).str());
  return context.write(as_bytes(lines));
}

Result<int> run_command(const Context& context, const StoreCommand& command) {
  KACHERY_TRY(paths, paths_of(command, context.progress));
  count_sizes(paths, context.progress);
  std::vector<Stored> stored;
  {
    const ProgressPrinter printer(context.progress, "storing", context.arguments.quiet);
    if (paths.size() == 1 && paths[0] == "-") {
      KACHERY_TRY(store, context.session.writing_store());
      const auto source = stream_of_descriptor(STDIN_FILENO, context.progress.cancel);
      KACHERY_TRY(one, store->put(*source, command.algorithm, context.progress));
      stored.push_back(one);
    } else if (std::ranges::find(paths, "-") != paths.end()) {
      return fail(Code::invalid, "standard input (\"-\") is stored alone, without other files");
    } else {
      KACHERY_TRY(batch, context.session.store_many(paths, command.algorithm, context.progress));
      stored = std::move(batch);
    }
  }
  KACHERY_TRY(print_stored(context, command, paths, stored));
  return 0;
}

Result<int> run_command(const Context& context, const LinkCommand& command) {
  KACHERY_TRY(paths, paths_of(command.what, context.progress));
  count_sizes(paths, context.progress);
  KACHERY_TRY(store, context.session.writing_store());
  std::vector<Stored> linked;
  {
    const ProgressPrinter printer(context.progress, "hashing", context.arguments.quiet);
    KACHERY_TRY(batch, store->link_files(paths, command.what.algorithm, context.progress));
    linked = std::move(batch);
  }
  KACHERY_TRY(print_stored(context, command.what, paths, linked));
  return 0;
}

Result<int> run_command(const Context& context, const LoadCommand& command) {
  Located located;
  {
    const ProgressPrinter printer(context.progress, "checking", context.arguments.quiet);
    KACHERY_TRY(found, context.session.locate(command.name, Location::ignore, context.progress));
    located = std::move(found);
    if (!command.destination.empty()) {
      KACHERY_TRY(
          context.session.copy_to(command.name, command.destination, Location::ignore, context.progress));
      located.path = command.destination;
    }
  }
  if (context.arguments.json) {
    KACHERY_TRY(context.print(json::Value(json::Object{{"name", command.name},
                                                       {"path", located.path.native()},
                                                       {"size", located.size},
                                                       {"kind", located.kind}})
                                  .str()));
  } else {
    KACHERY_TRY(context.print(located.path.native()));
  }
  return 0;
}

Result<int> run_command(const Context& context, const CatCommand& command) {
  if (context.arguments.json)
    return fail(Code::invalid, "cat writes the content itself; --json has no meaning here");
  KACHERY_TRY(located, context.session.open(command.name, Location::ignore, context.progress));
  const ByteRange range{static_cast<ByteCount>(command.start.value_or(0)),
                        command.end ? static_cast<ByteCount>(*command.end) : located.size};
  if (range.start > range.end || range.end > located.size)
    return fail(Code::invalid, fmt::format("the bytes {} to {} are not within the {} bytes of {}",
                                           range.start, range.end, located.size, command.name));
  std::vector<std::byte> piece(std::min<ByteCount>(kPieceBytes, range.size()));
  for (ByteCount offset = range.start; offset < range.end;) {
    const auto part = std::span(piece).first(std::min<ByteCount>(piece.size(), range.end - offset));
    KACHERY_TRY(read_exactly(*located.file, offset, part));
    KACHERY_TRY(context.write(part));
    offset += part.size();
    if (context.progress.cancel) return fail_cancelled();
  }
  return 0;
}

Result<> print_fields(const Context& context, const json::Object& fields) {
  if (context.arguments.json) return context.print(json::Value(fields).str());
  std::string lines;
  for (const auto& [key, value] : fields) {
    const std::string* text = value.if_string();
    lines += fmt::format("{:<16} {}\n", key + ":", text != nullptr ? *text : value.str());
  }
  return context.write(as_bytes(lines));
}

Result<int> run_command(const Context& context, const InfoCommand& command) {
  if (command.name.empty()) {
    const Configuration& configuration = context.session.configuration();
    KACHERY_TRY(store, context.session.reading_store());
    KACHERY_TRY(print_fields(context, {{"version", KACHERY_VERSION},
                                       {"directory", configuration.directory.native()},
                                       {"directory_origin", configuration.directory_origin},
                                       {"directory_exists", store != nullptr}}));
    return 0;
  }
  KACHERY_TRY(located, context.session.locate(command.name, Location::ignore, context.progress));
  json::Object fields{{"name", command.name},
                      {"kind", located.kind},
                      {"path", located.path.native()},
                      {"size", located.size},
                      {"label", nullptr}};
  if (const Result<Uri> uri = Uri::parse(command.name); uri && !uri->label.empty())
    fields.back().second = uri->label;
  KACHERY_TRY(print_fields(context, fields));
  return 0;
}

json::Array findings_as_json(std::span<const Finding> faults) {
  json::Array items;
  for (const Finding& finding : faults)
    items.emplace_back(json::Object{{"uri", Uri{finding.digest, ""}.str()}, {"what", finding.what}});
  return items;
}

Result<int> run_command(const Context& context, const VerifyCommand& command) {
  std::vector<Digest> digests;
  for (const std::string& name : command.names) {
    KACHERY_TRY(uri, Uri::parse(name));
    digests.push_back(uri.digest);
  }
  KACHERY_TRY(store, context.session.reading_store());
  ScrubReport report;
  if (store != nullptr) {
    const ProgressPrinter printer(context.progress, "verifying", context.arguments.quiet);
    KACHERY_TRY(scrubbed, store->scrub(digests, context.progress));
    report = std::move(scrubbed);
  } else {
    for (const Digest& digest : digests) report.missing.push_back({digest, "there is no store"});
  }
  if (context.arguments.json) {
    KACHERY_TRY(context.print(json::Value(json::Object{{"objects", report.objects},
                                                       {"links", report.links},
                                                       {"bytes", report.bytes},
                                                       {"damaged", findings_as_json(report.damaged)},
                                                       {"stale_links", findings_as_json(report.stale_links)},
                                                       {"missing", findings_as_json(report.missing)}})
                                  .str()));
  } else {
    KACHERY_TRY(
        context.print(fmt::format("{} objects, {} links, {} checked: {} damaged, {} links stale, {} missing",
                                  report.objects, report.links, human_size(report.bytes),
                                  report.damaged.size(), report.stale_links.size(), report.missing.size())));
    for (const Finding& finding : report.damaged)
      say(fmt::format("damaged, moved to quarantine/: {}: {}", Uri{finding.digest, ""}.str(), finding.what));
    for (const Finding& finding : report.stale_links)
      say(fmt::format("stale link: {}: {}", Uri{finding.digest, ""}.str(), finding.what));
    for (const Finding& finding : report.missing)
      say(fmt::format("missing: {}: {}", Uri{finding.digest, ""}.str(), finding.what));
  }
  if (!report.damaged.empty()) return exit_status(Code::corrupt);
  if (!report.missing.empty()) return exit_status(Code::not_found);
  return report.stale_links.empty() ? 0 : kPartlyFailed;
}

}  // namespace

int run(const Arguments& arguments, Session& session, Progress& progress) {
  const Context context{arguments, session, progress};
  const Result<int> status =
      std::visit([&](const auto& command) { return run_command(context, command); }, arguments.command);
  if (status) return *status;
  say(status.error().message);
  return exit_status(status.error().code);
}

}  // namespace kachery::cli
