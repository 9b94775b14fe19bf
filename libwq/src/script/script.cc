#include "script/script.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include <wq/error.h>

namespace wq::internal {
namespace scripts {

// All of them; the fence comes first because attach raises it.
const Script attach{
    embedded::k_attach,
    {Key::fence, Key::ready, Key::processing, Key::delayed, Key::dead, Key::attempts, Key::crashes,
     Key::failures, Key::results, Key::stats, Key::producers, Key::workers, Key::replays,
     Key::reclaimer, Key::paused, Key::seen, Key::history}};
const Script claim{embedded::k_claim,
                   {Key::processing, Key::fence, Key::stats, Key::attempts, Key::crashes}};
const Script close{embedded::k_close, {Key::producers, Key::replays}};
const Script counts{embedded::k_counts,
                    {Key::ready, Key::processing, Key::delayed, Key::dead, Key::producers,
                     Key::paused, Key::stats}};
const Script drop{
    embedded::k_drop,
    {Key::ready, Key::delayed, Key::dead, Key::attempts, Key::crashes, Key::failures, Key::stats}};
const Script drop_ready{embedded::k_drop_ready, {Key::ready, Key::stats}};
const Script end_strays{embedded::k_end_strays, {}};
const Script find{embedded::k_find,
                  {Key::ready, Key::processing, Key::delayed, Key::dead, Key::attempts,
                   Key::crashes, Key::failures}};
const Script forget{embedded::k_forget, {Key::attempts, Key::crashes, Key::failures}};
const Script isolate{embedded::k_isolate, {Key::fence}};
const Script last_due{embedded::k_last_due, {Key::delayed}};
const Script open{
    embedded::k_open,
    {Key::ready, Key::processing, Key::delayed, Key::stats, Key::producers, Key::replays}};
const Script page{embedded::k_page,
                  {Key::ready, Key::processing, Key::delayed, Key::dead, Key::stats}};
const Script write_at_maxmemory{embedded::k_write_at_maxmemory, {Key::fence}};
const Script pop{embedded::k_pop,
                 {Key::ready, Key::processing, Key::fence, Key::stats, Key::paused, Key::attempts,
                  Key::crashes}};
const Script promote{embedded::k_promote, {Key::delayed, Key::ready}};
const Script purge{
    embedded::k_purge,
    {Key::fence, Key::ready, Key::processing, Key::delayed, Key::dead, Key::attempts, Key::crashes,
     Key::failures, Key::results, Key::stats, Key::producers, Key::workers, Key::replays,
     Key::reclaimer, Key::paused, Key::seen, Key::history}};
const Script purge_leases{embedded::k_purge_leases, {Key::stats}};
const Script push{embedded::k_push,
                  {Key::ready, Key::processing, Key::delayed, Key::stats, Key::producers,
                   Key::replays, Key::seen}};
const Script reclaim{embedded::k_reclaim,
                     {Key::processing, Key::ready, Key::dead, Key::crashes, Key::failures,
                      Key::stats, Key::workers}};
const Script renew{embedded::k_renew, {}};
const Script requeue{embedded::k_requeue, {Key::processing, Key::ready, Key::stats}};
const Script retry{embedded::k_retry,
                   {Key::dead, Key::delayed, Key::ready, Key::attempts, Key::crashes}};
const Script settle{
    embedded::k_settle,
    {Key::processing, Key::stats, Key::fence, Key::attempts, Key::crashes, Key::failures,
     Key::results, Key::ready, Key::delayed, Key::dead, Key::seen, Key::history}};
const Script sweep{embedded::k_sweep, {Key::producers, Key::replays}};
const Script touch{
    embedded::k_touch,
    {Key::ready, Key::processing, Key::delayed, Key::stats, Key::producers, Key::replays}};

}  // namespace scripts

namespace {

/// What the line calls that an error of Redis names, in the words of ACL SETUSER; empty if that
/// cannot be told.
std::string called_at(const Script& script, std::string_view error) {
  constexpr std::string_view kPlace = "@user_script:";
  constexpr std::string_view kCall = "call('";
  const std::size_t place = error.find(kPlace);
  if (place == std::string_view::npos) return "";
  int number = 0;
  const char* const digits = error.data() + place + kPlace.size();
  std::from_chars(digits, error.data() + error.size(), number);
  std::string_view rest = script.source.text;
  for (int line = 1; line < number && !rest.empty(); ++line) {
    rest.remove_prefix(std::min(rest.size(), rest.find('\n') + 1));
  }
  rest = rest.substr(0, rest.find('\n'));
  const std::size_t call = rest.find(kCall);
  if (call == std::string_view::npos) return "";
  rest.remove_prefix(call + kCall.size());
  std::string name(rest.substr(0, rest.find('\'')));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

// Redis names the right itself only where the command was not called by a script.
[[noreturn]] void refuse(const Script& script, std::string_view error) {
  const std::string name = called_at(script, error);
  if (name.empty()) throw RefusedError(std::string(error));
  throw RefusedError(fmt::format(
      "NOPERM our user may not run '{}', or not on the queue's keys; wqctl doctor lists all rights "
      "that are missing ({})",
      name, error));
}

void append_load(CommandBuffer& out, const Script& script) {
  out.command({"SCRIPT", "LOAD", script.source.text});
}

}  // namespace

std::span<const Script* const> all_scripts() {
  using namespace scripts;
  static constexpr std::array kAll = {
      &attach,  &claim,   &close,   &counts,       &drop, &drop_ready, &end_strays,
      &find,    &forget,  &isolate, &last_due,     &open, &page,       &write_at_maxmemory,
      &pop,     &promote, &purge,   &purge_leases, &push, &reclaim,    &renew,
      &requeue, &retry,   &settle,  &sweep,        &touch};
  return kAll;
}

void begin_call(CommandBuffer& out, const Script& script, const Keys& keys, std::size_t more_keys,
                std::size_t arguments) {
  const std::size_t count = script.keys.size() + more_keys;
  out.begin(3 + count + arguments);
  out.arg("EVALSHA");
  out.arg(script.source.sha1);
  out.arg(count);
  for (const Key key : script.keys) out.arg(keys[key]);
}

Reply run_script(Connection& connection, const Script& script, const CommandBuffer& call) {
  connection.send(call);
  Reply reply = connection.receive();
  if (reply.has_error("NOSCRIPT")) {
    load_scripts(connection, {&script});
    connection.send(call);
    reply = connection.receive();
  }
  if (reply.has_error("NOPERM")) refuse(script, reply.value().text());
  reply.checked();
  return reply;
}

void load_scripts(Connection& connection, std::initializer_list<const Script*> which) {
  CommandBuffer load;
  for (const Script* script : which) append_load(load, *script);
  connection.call(load);
}

}  // namespace wq::internal
