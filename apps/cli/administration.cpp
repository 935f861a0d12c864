#include "administration.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "client/settings.h"
#include "hub/hub_directory.h"
#include "os/secret_file.h"

namespace kachery::cli {
namespace {

constexpr std::size_t kTokenFileMax = 256;
constexpr const char* kTokenVariable = "KACHERY_ADMIN_TOKEN";

Secret trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return Secret(as_bytes(text));
}

}  // namespace

std::string moment(std::int64_t time_ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(time_ms / 1000)));
}

std::string or_dash(const std::optional<std::string>& text) {
  return text.value_or("-");
}

void AdminCommand::declare(Options& options) {
  declare_own(options);
  options.option("--hub", hub_, "The address of the hub, instead of the one in the settings or in --dir");
  options.option("--token-file", token_file_,
                 "A file with the administrator's token, instead of KACHERY_ADMIN_TOKEN or --dir");
}

Result<int> AdminCommand::run(Context& context) {
  KACHERY_TRY(url, address(context));
  KACHERY_TRY(secret, token(context));
  remote::Hub hub({.url = std::move(url),
                   .token = std::move(secret),
                   .insecure_http = environment("KACHERY_INSECURE_HTTP") == "1"});
  KACHERY_TRY(act(context, hub));
  return 0;
}

Result<Url> AdminCommand::address(const Context& context) const {
  if (hub_) return Url::parse(*hub_);
  if (!context.common.directory.empty()) return hub::read_local_address(context.common.directory);
  KACHERY_TRY(found, context.configuration());
  if (found.gateway_url.value.empty())
    return fail(Code::invalid,
                "which hub? Name it with --hub URL, or, on its own machine, its directory with --dir");
  return Url::parse(found.gateway_url.value);
}

Result<Secret> AdminCommand::token(const Context& context) const {
  if (token_file_) {
    KACHERY_TRY(text, read_secret_file(*token_file_, kTokenFileMax));
    return trimmed(text.text());
  }
  if (!context.common.directory.empty()) return hub::read_administrator_token(context.common.directory);
  const auto variable = environment(kTokenVariable);
  if (variable) return trimmed(*variable);
  return fail(Code::denied,
              "this takes the administrator's token: --token-file FILE, KACHERY_ADMIN_TOKEN, or, on the "
              "hub's own machine, --dir with the hub's directory");
}

}  // namespace kachery::cli
