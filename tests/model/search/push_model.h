#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/search/explorer.h"

/// A producer that sends numbered pushes in a replay session, two at a time (push.lua, open.lua,
/// close.lua and libwq/src/queue/producer.cc).
namespace wq::test::search {

struct PushRules {
  bool answers_are_kept = true;        ///< a push sent again is answered, not carried out
  bool floor_is_kept = true;           ///< and refused when its answer is kept no more
  bool floor_is_what_is_known = true;  ///< broken: it rises to the number of the push itself
  bool session_must_exist = true;      ///< broken: a push makes the session that it needs
  bool open_keeps_the_session = true;  ///< broken: a repeated open begins it anew
  bool doubt_is_reported = true;       ///< broken: after `nosession` everything is sent again
};

struct PushBounds {
  std::uint8_t pushes = 3;  // up to 4
  std::uint8_t breaks = 0;  ///< connections that break
  std::uint8_t late = 0;    ///< of these, how many leave requests behind that are carried out later
  std::uint8_t forgotten = 0;  ///< replay sessions that Redis forgets
  std::uint8_t rollbacks = 0;  ///< restarts of Redis at an earlier state
};

inline constexpr std::size_t kPushes = 4;
inline constexpr std::size_t kSessions = 3;
inline constexpr std::size_t kInFlight = 2;

struct PushState {
  enum class Status : std::uint8_t { unsent, sent, done, unknown };
  enum class Answer : std::uint8_t { none, added, nosession, stale };

  struct Push {
    Status status = Status::unsent;
    bool resent = false;
    std::uint8_t number = 0;
  };
  // A push, or (number 0) the opening of a session.
  struct Request {
    bool exists = false;
    std::uint8_t push = 0;
    std::uint8_t session = 0;
    std::uint8_t number = 0;
    std::uint8_t answered = 0;
  };
  struct Reply {
    Answer answer = Answer::none;
    std::uint8_t push = 0;
  };
  struct Session {
    bool exists = false;
    std::uint8_t floor = 0;
    std::uint8_t answers = 0;  // a bit for each number
  };
  struct Server {
    std::array<Session, kSessions> sessions;
    std::array<std::uint8_t, kPushes> carried_out{};
  };

  std::array<Push, kPushes> pushes;
  std::uint8_t session = 0;
  std::uint8_t next_number = 1;
  std::uint8_t answered = 0;
  std::array<Request, kInFlight> requests;  // on the connection, in order
  std::array<Reply, kInFlight> replies;     // on their way back
  std::array<Request, kInFlight + 1> late;  // on the old connection
  Server server;
  bool has_saved = false;
  Server saved;
  bool lost_data = false;  // Redis forgot something: then pushes may be unknown
  std::uint8_t breaks = 0;
  std::uint8_t late_left = 0;
  std::uint8_t forgotten = 0;
  std::uint8_t rollbacks = 0;
  std::string_view violation;  // of the step that led here; not a part of the code
};

/// For `Explorer`.
class PushModel {
 public:
  using Code = std::array<std::uint64_t, 6>;

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
  void begin_anew(PushState& state) const;
  void break_connection(const PushState& from) const;
  void forget(const PushState& from) const;
  void restart(const PushState& from) const;
  PushState::Answer carry_out(PushState& state, const PushState::Request& request) const;
  void open(PushState& state, std::uint8_t session) const;
  void emit(PushState next, std::string_view text, std::uint8_t push = 0) const;
  void resend(PushState& state) const;

  const PushRules rules_;
  const PushBounds bounds_;
  mutable std::vector<Successor> successors_;  // kept for its memory
};

/// Searches all that `bounds` allow. `largest`: states after which it gives up.
[[nodiscard]] Findings search_push(const PushRules& rules, const PushBounds& bounds,
                                   std::size_t largest);

}  // namespace wq::test::search
