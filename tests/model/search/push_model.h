#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/search/explorer.h"

/// A producer that sends numbered pushes in a replay session, two at a time, sends again what Redis
/// no longer has, and closes the session (push.lua, touch.lua, replayed.lua, open.lua, close.lua
/// and libwq/src/queue/producer.cc).
namespace wq::test::search {

struct PushRules {
  bool answers_are_kept = true;         ///< a push sent again is answered, not carried out
  bool floor_is_kept = true;            ///< and refused when its answer is kept no more
  bool floor_is_what_is_known = true;   ///< broken: it rises to the number of the push itself
  bool session_must_exist = true;       ///< broken: a push makes the session that it needs
  bool open_keeps_the_session = true;   ///< broken: a repeated open begins it anew
  bool open_spares_the_evicted = true;  ///< broken: a repeated open makes an evicted one again
  bool doubt_is_reported = true;  ///< broken: what is in doubt in an evicted session is resent
  bool push_names_the_one_before = true;  ///< broken: a push is carried out without it
  bool answered_falls = true;  ///< broken: after a rollback the producer still names the last
  bool answered_is_heard_here = true;   ///< broken: it is named before this connection has answered
  bool resent_name_the_last = true;     ///< broken: the first one still names the one before it
  bool gone_is_not_evicted = true;      ///< broken: a session that is gone is taken for evicted
  bool touch_needs_the_session = true;  ///< broken: it renews one whose pushes are gone
  bool close_follows_a_touch = true;    ///< broken: nobody asks for the last pushes
  bool lost_close_is_checked = true;    ///< broken: a close without an answer is only repeated
  bool each_close_is_checked = true;    ///< broken: only the first one is
  bool executed_counts_once = true;     ///< broken: and again when the answer comes
  bool lost_is_not_pushed = true;  ///< broken: what workers count as lost counts for the producer
};

struct PushBounds {
  std::uint8_t pushes = 3;  // up to 4
  std::uint8_t breaks = 0;  ///< connections that break
  std::uint8_t late = 0;  ///< how many connections leave requests behind that are carried out later
  std::uint8_t forgotten = 0;  ///< replay sessions that Redis evicts
  std::uint8_t rollbacks = 0;  ///< restarts of Redis at an earlier state
  std::uint8_t outlived = 0;   ///< confirmed pushes that the producer remembers no longer
  bool counts_lost = false;    ///< after these, a worker may count what is missing as lost
  bool exact_lost = false;     ///< in the end, nothing may be counted as lost
};

inline constexpr std::size_t kPushes = 4;
inline constexpr std::size_t kSessions = 3;
inline constexpr std::size_t kInFlight = 2;  // but for pushes that are sent again

struct PushState {
  enum class Status : std::uint8_t { unsent, sent, done, unknown };
  enum class Answer : std::uint8_t { none, added, nosession, stale, behind };
  enum class Phase : std::uint8_t {
    pushing,
    asking,     // how far Redis is
    reopening,  // the session, to send again
    closing,    // the answer to a touch was good
    checking,   // the answer to the close was lost
    insisting,  // that it is closed; only if it is not checked again
    finished
  };

  struct Push {
    Status status = Status::unsent;
    bool resent = false;
    bool again = false;       // Redis had confirmed it
    bool counted = false;     // as executed, before its answer
    std::uint8_t number = 0;  // done, and 0: not remembered
    std::uint8_t after = 0;
  };
  // A push, or (number 0) the opening of a session.
  struct Request {
    bool exists = false;
    bool again = false;
    std::uint8_t push = 0;
    std::uint8_t session = 0;
    std::uint8_t number = 0;
    std::uint8_t after = 0;
    std::uint8_t answered = 0;
  };
  struct Reply {
    Answer answer = Answer::none;
    std::uint8_t push = 0;
  };
  struct Session {
    bool exists = false;  // its answers
    bool known = false;   // its name
    std::uint8_t floor = 0;
    std::uint8_t answers = 0;  // a bit for each number
    std::uint8_t added = 0;
  };
  struct Server {
    std::array<Session, kSessions> sessions;
    std::array<std::uint8_t, kPushes> carried_out{};
    std::uint8_t lost = 0;  // counted by a worker, in `pushed` too
  };

  Phase phase = Phase::pushing;
  std::array<Push, kPushes> pushes;
  std::uint8_t session = 0;
  std::uint8_t next_number = 1;
  std::uint8_t answered = 0;
  bool heard = false;  // this connection has answered a push
  std::uint8_t executed = 0;
  std::uint8_t pushed_before = 0;
  std::array<Request, kPushes> requests;  // on the connection, in order
  std::array<Reply, kPushes> replies;     // on their way back
  std::array<Request, kPushes + 1> late;  // on the old connection
  Server server;
  bool has_saved = false;
  Server saved;
  bool evicted = false;  // then pushes may be unknown
  bool went_back = false;
  std::uint8_t told = 0;  // the most pushed items that the worker was told of
  std::uint8_t breaks = 0;
  std::uint8_t late_left = 0;
  std::uint8_t forgotten = 0;
  std::uint8_t rollbacks = 0;
  std::uint8_t outlived = 0;
  std::string_view violation;  // of the step that led here; not a part of the code
};

/// For `Explorer`.
class PushModel {
 public:
  using Code = std::array<std::uint64_t, 8>;

  PushModel(const PushRules& rules, const PushBounds& bounds) : rules_(rules), bounds_(bounds) {}

  [[nodiscard]] Code first() const;
  template <typename Visit>
  void expand(const Code& code, Visit visit) const {
    for (const Successor& each : successors(code)) visit(encode(each.state), each.state.violation);
  }
  [[nodiscard]] bool is_end(const Code& code) const;
  [[nodiscard]] std::string describe(const Code& from, std::size_t step) const;
  [[nodiscard]] std::string show(const Code& code) const;

 private:
  struct Successor {
    std::string_view text;
    std::uint8_t push = 0;
    PushState state;
  };

  static Code encode(const PushState& state);
  static PushState decode(const Code& code);

  [[nodiscard]] const std::vector<Successor>& successors(const Code& code) const;
  void send(const PushState& from) const;
  void serve(const PushState& from) const;
  void serve_late(const PushState& from) const;
  void hear(const PushState& from) const;
  void be_refused(const PushState& from, const PushState& heard, std::string_view text,
                  std::uint8_t push) const;
  void ask(const PushState& from) const;
  void reopen(const PushState& from) const;
  void finish(const PushState& from) const;
  void count_lost(const PushState& from) const;
  void outlive(const PushState& from) const;
  void begin_anew(PushState& state) const;
  void push_again(PushState& state) const;
  void leave_behind(PushState& state, const PushState& from) const;
  void break_connection(const PushState& from) const;
  void forget(const PushState& from) const;
  void restart(const PushState& from) const;
  PushState::Answer carry_out(PushState& state, const PushState::Request& request) const;
  void open(PushState& state, std::uint8_t session) const;
  void open_here(PushState& state) const;
  [[nodiscard]] std::uint8_t count_pushed(const PushState& state) const;
  void emit_with_touch(const PushState& next, std::string_view text) const;
  void emit(PushState next, std::string_view text, std::uint8_t push = 0) const;
  void resend(PushState& state) const;
  [[nodiscard]] PushState::Request request_for(const PushState& state, std::uint8_t index) const;

  const PushRules rules_;
  const PushBounds bounds_;
  mutable std::vector<Successor> successors_;  // kept for its memory
};

/// Searches all that `bounds` allow. `largest`: states after which it gives up.
[[nodiscard]] Findings search_push(const PushRules& rules, const PushBounds& bounds,
                                   std::size_t largest);

}  // namespace wq::test::search
