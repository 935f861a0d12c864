// What every command of `kachery hub admin` shares: which hub, with which token, and how its answer is
// printed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "command.h"
#include "remote/hub.h"

namespace kachery::cli {

// Milliseconds since 1970, as people read them: "2026-11-22T03:40:00Z".
std::string moment(std::int64_t time_ms);
// "-" for what is not there.
std::string or_dash(const std::optional<std::string>& text);

class AdminCommand : public Command {
 public:
  void declare(Options& options) final;
  Result<int> run(Context& context) override;

 protected:
  // Beside the options that all have.
  virtual void declare_own(Options& options) = 0;
  virtual Result<> act(Context& context, remote::Hub& hub) = 0;

  // Asks, and prints the answer: with --json as it came, else as `lines` makes it.
  template <class Message, class Reply, class Lines>
  static Result<> ask(const Context& context, remote::Hub& hub, const remote::Call<Message, Reply>& call,
                      const Message& message, const Lines& lines) {
    KACHERY_TRY(reply, hub.call(call, message, context.progress.cancel));
    if (context.common.json) return context.print(wire::print(reply));
    return context.write(as_bytes(lines(reply)));
  }

  // For what has nothing to say.
  template <class Message>
  static Result<> tell(const Context& context, remote::Hub& hub,
                       const remote::Call<Message, wire::Done>& call, const Message& message) {
    return ask(context, hub, call, message, [](const wire::Done&) { return std::string(); });
  }

 private:
  Result<Url> address(const Context& context) const;
  Result<Secret> token(const Context& context) const;

  std::optional<std::string> hub_;
  std::optional<std::string> token_file_;
};

}  // namespace kachery::cli
