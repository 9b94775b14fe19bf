#include "model/search/push_model.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>

#include "model/search/bits.h"

namespace wq::test::search {
namespace {

using Answer = PushState::Answer;
using Phase = PushState::Phase;
using Request = PushState::Request;
using Session = PushState::Session;
using Status = PushState::Status;

template <typename Queue, typename Entry>
void append(Queue& queue, const Entry& entry, bool (*is_free)(const Entry&)) {
  const auto place = std::find_if(queue.begin(), queue.end(), is_free);
  if (place == queue.end()) throw std::length_error("too many requests under way");
  *place = entry;
}

bool is_free_request(const Request& request) { return !request.exists; }
bool is_free_reply(const PushState::Reply& reply) { return reply.answer == Answer::none; }

template <typename Queue>
auto take_first(Queue& queue) {
  const auto first = queue.front();
  std::move(queue.begin() + 1, queue.end(), queue.begin());
  queue.back() = {};
  return first;
}

std::uint8_t bit(std::uint8_t number) { return static_cast<std::uint8_t>(1U << number); }

template <typename Field, typename AnyServer>
void code_server(Field& field, AnyServer& server) {
  for (auto& session : server.sessions) {
    field(session.exists, 1);
    field(session.known, 1);
    field(session.floor, 3);
    field(session.answers, 5);
    field(session.added, 3);
  }
  for (auto& times : server.carried_out) field(times, 2);
  field(server.lost, 3);
}

template <typename Field, typename AnyRequest>
void code_request(Field& field, AnyRequest& request) {
  field(request.exists, 1);
  if (!request.exists) return;
  field(request.again, 1);
  field(request.push, 2);
  field(request.session, 2);
  field(request.number, 3);
  field(request.after, 3);
  field(request.answered, 3);
}

template <typename Field, typename AnyState>
void code_state(Field& field, AnyState& state) {
  field(state.phase, 3);
  for (auto& push : state.pushes) {
    field(push.status, 2);
    field(push.resent, 1);
    field(push.again, 1);
    field(push.counted, 1);
    field(push.number, 3);
    field(push.after, 3);
  }
  field(state.session, 2);
  field(state.next_number, 3);
  field(state.answered, 3);
  field(state.heard, 1);
  field(state.executed, 3);
  field(state.pushed_before, 3);
  for (auto& request : state.requests) code_request(field, request);
  for (auto& reply : state.replies) {
    field(reply.answer, 3);
    field(reply.push, 2);
  }
  for (auto& request : state.late) code_request(field, request);
  code_server(field, state.server);
  field(state.has_saved, 1);
  if (state.has_saved) code_server(field, state.saved);
  field(state.evicted, 1);
  field(state.went_back, 1);
  field(state.told, 3);
  field(state.breaks, 3);
  field(state.late_left, 2);
  field(state.forgotten, 2);
  field(state.rollbacks, 2);
  field(state.outlived, 2);
}

}  // namespace

PushModel::Code PushModel::encode(const PushState& state) {
  BitWriter<Code> writer;
  code_state(writer, state);
  return writer.code;
}

PushState PushModel::decode(const Code& code) {
  PushState state;
  BitReader<Code> reader(code);
  code_state(reader, state);
  return state;
}

PushModel::Code PushModel::first() const {
  PushState state;
  state.server.sessions[0].exists = true;
  state.server.sessions[0].known = true;
  state.breaks = bounds_.breaks;
  state.late_left = bounds_.late;
  state.forgotten = bounds_.forgotten;
  state.rollbacks = bounds_.rollbacks;
  state.outlived = bounds_.outlived;
  return encode(state);
}

bool PushModel::is_end(const Code& code) const { return decode(code).phase == Phase::finished; }

const std::vector<PushModel::Successor>& PushModel::successors(const Code& code) const {
  successors_.clear();
  const PushState from = decode(code);
  serve_late(from);
  if (from.phase == Phase::finished) return successors_;
  send(from);
  serve(from);
  hear(from);
  ask(from);
  reopen(from);
  finish(from);
  count_lost(from);
  outlive(from);
  break_connection(from);
  forget(from);
  restart(from);
  return successors_;
}

void PushModel::emit(PushState next, std::string_view text, std::uint8_t push) const {
  for (std::size_t i = 0; i < bounds_.pushes && next.violation.empty(); ++i) {
    const PushState::Push& each = next.pushes[i];
    const std::uint8_t times = next.server.carried_out[i];
    if (times > 1) next.violation = "a push is carried out twice";
    if (each.status == Status::done && times == 0 && !next.evicted && !next.went_back) {
      next.violation = "a push is reported done and was not carried out";
    }
    if (each.status == Status::unknown && !next.evicted) {
      next.violation = "a push is reported unknown though Redis evicted nothing";
    }
    const bool remembered = each.status != Status::done || each.number > 0;
    if (next.phase == Phase::finished && times == 0 && remembered && !next.evicted) {
      next.violation = "the producer finishes, and a push is not in the queue";
    }
  }
  if (bounds_.exact_lost && next.violation.empty() && next.phase == Phase::finished &&
      next.server.lost > 0 && !next.evicted) {
    next.violation = "all pushes are in the queue, and one is counted as lost";
  }
  successors_.push_back({text, push, next});
}

void PushModel::send(const PushState& from) const {
  if (from.phase != Phase::pushing) return;
  const auto end = from.pushes.begin() + bounds_.pushes;
  const auto under_way = std::count_if(from.pushes.begin(), end, [](const PushState::Push& push) {
    return push.status == Status::sent;
  });
  if (under_way >= static_cast<std::ptrdiff_t>(kInFlight)) return;
  const auto push = std::find_if(from.pushes.begin(), end, [](const PushState::Push& each) {
    return each.status == Status::unsent;
  });
  if (push == end) return;
  const auto index = static_cast<std::uint8_t>(push - from.pushes.begin());
  PushState next = from;
  const auto number = next.next_number++;
  next.pushes[index] = {Status::sent, false,  false,
                        false,        number, static_cast<std::uint8_t>(number - 1)};
  append(next.requests, request_for(next, index), is_free_request);
  emit(next, "the producer sends push {}", index);
}

PushState::Request PushModel::request_for(const PushState& state, std::uint8_t index) const {
  const PushState::Push& push = state.pushes[index];
  const bool known = state.heard || !rules_.answered_is_heard_here;
  return {true,
          push.again,
          index,
          state.session,
          push.number,
          push.after,
          known ? state.answered : std::uint8_t{0}};
}

// push.lua
Answer PushModel::carry_out(PushState& state, const Request& request) const {
  Session& session = state.server.sessions[request.session];
  if (!session.exists) {
    if (rules_.session_must_exist) return Answer::nosession;
    session = Session{true, true, 0, 0};
  }
  if ((session.answers & bit(request.number)) != 0) return Answer::added;
  if (request.number <= session.floor && rules_.floor_is_kept) return Answer::stale;
  if (request.after > session.floor && (session.answers & bit(request.after)) == 0 &&
      rules_.push_names_the_one_before) {
    return Answer::behind;
  }
  ++state.server.carried_out[request.push];
  ++session.added;
  if (request.again && state.server.lost > 0) --state.server.lost;
  const std::uint8_t known = rules_.floor_is_what_is_known ? request.answered : request.number;
  if (rules_.answers_are_kept) session.answers |= bit(request.number);
  session.floor = std::max(session.floor, known);
  for (std::uint8_t old = 1; old <= session.floor; ++old) {
    session.answers = static_cast<std::uint8_t>(session.answers & ~bit(old));
  }
  return Answer::added;
}

// open.lua
void PushModel::open(PushState& state, std::uint8_t session) const {
  Session& opened = state.server.sessions[session];
  if (!opened.exists && opened.known && rules_.open_spares_the_evicted) return;
  if (!opened.exists || !rules_.open_keeps_the_session) opened = Session{true, true, 0, 0};
}

// The session of the producer, which then asks how much was pushed before.
void PushModel::open_here(PushState& state) const {
  open(state, state.session);
  const std::uint8_t pushed = count_pushed(state);
  state.pushed_before =
      static_cast<std::uint8_t>(pushed - std::min<std::uint8_t>(pushed, state.executed));
  if (state.late_left > 0 && is_free_request(state.late.back())) {
    // The answer to the first request was lost; it may have been carried out, or will be.
    --state.late_left;
    append(state.late, Request{true, false, 0, state.session, 0, 0, 0}, is_free_request);
  }
}

std::uint8_t PushModel::count_pushed(const PushState& state) const {
  const auto& times = state.server.carried_out;
  const auto pushed = std::accumulate(times.begin(), times.end(), 0U);
  return static_cast<std::uint8_t>(pushed + (rules_.lost_is_not_pushed ? 0 : state.server.lost));
}

void PushModel::serve(const PushState& from) const {
  if (!from.requests.front().exists) return;
  PushState next = from;
  const Request request = take_first(next.requests);
  const Answer answer = carry_out(next, request);
  append(next.replies, {answer, request.push}, is_free_reply);
  constexpr std::string_view kTexts[] = {
      "", "Redis carries out push {}, or knows it", "Redis does not know the session of push {}",
      "Redis finds push {} stale", "Redis lacks the push before push {}"};
  emit(next, kTexts[static_cast<std::size_t>(answer)], request.push);
}

void PushModel::serve_late(const PushState& from) const {
  if (!from.late.front().exists) return;
  PushState next = from;
  const Request request = take_first(next.late);
  if (request.number == 0) {
    open(next, request.session);
    emit(next, "a late request to open a session arrives");
  } else {
    carry_out(next, request);
    emit(next, "the late request with push {} arrives", request.push);
  }
}

void PushModel::hear(const PushState& from) const {
  if (from.replies.front().answer == Answer::none) return;
  PushState next = from;
  const PushState::Reply reply = take_first(next.replies);
  PushState::Push& push = next.pushes[reply.push];
  switch (reply.answer) {
    case Answer::none:
      return;
    case Answer::added:
      push.status = Status::done;
      next.answered = push.number;
      next.heard = true;
      if (!push.counted || !rules_.executed_counts_once) ++next.executed;
      emit(next, "the producer hears that push {} is in", reply.push);
      return;
    case Answer::stale:
      next.violation = "a push that waits for its answer is told that it is stale";
      emit(next, "the producer hears that push {} is stale", reply.push);
      return;
    case Answer::nosession:
      be_refused(from, next, "the producer hears that there is no session for push {}", reply.push);
      return;
    case Answer::behind:
      be_refused(from, next, "the producer hears that the push before push {} is missing",
                 reply.push);
      return;
  }
}

void PushModel::be_refused(const PushState& from, const PushState& heard, std::string_view text,
                           std::uint8_t push) const {
  PushState next = heard;
  next.phase = Phase::asking;
  next.requests = {};
  next.replies = {};
  emit(next, text, push);
  if (from.late_left == 0 || !from.requests.front().exists || from.late.front().exists) return;
  leave_behind(next, from);
  emit(next, text, push);
}

// replayed.lua
void PushModel::ask(const PushState& from) const {
  if (from.phase != Phase::asking) return;
  PushState next = from;
  const Session& session = from.server.sessions[from.session];
  const bool evicted = !session.exists && (session.known || !rules_.gone_is_not_evicted);
  if (!evicted) {
    push_again(next);
    emit(next, "the producer asks how far Redis is");
  } else if (next.session + 1U == kSessions) {
    for (PushState::Push& each : next.pushes) {
      if (each.status <= Status::sent) each.status = Status::unknown;
    }
    next.phase = Phase::finished;
    emit(next, "the producer hears that its session was evicted, and gives up");
  } else {
    begin_anew(next);
    emit(next, "the producer hears that its session was evicted, and opens another");
  }
}

void PushModel::begin_anew(PushState& state) const {
  const std::uint8_t forgotten = state.session++;
  state.phase = Phase::pushing;
  state.answered = 0;
  state.executed = 0;
  state.next_number = 1;
  open_here(state);
  state.server.sessions[forgotten] = {};
  for (PushState::Push& push : state.pushes) {
    if (push.status == Status::done) push.number = 0;
    if (push.status != Status::sent) continue;
    if (push.resent && rules_.doubt_is_reported) {
      push.status = Status::unknown;
      push.number = 0;
    } else {
      push.number = state.next_number++;
      push.after = static_cast<std::uint8_t>(push.number - 1);
      push.resent = false;
      push.counted = false;
    }
  }
  resend(state);
}

void PushModel::push_again(PushState& state) const {
  const Session& session = state.server.sessions[state.session];
  std::uint8_t last = session.floor;
  for (std::uint8_t number = 1; number <= kPushes; ++number) {
    if ((session.answers & bit(number)) != 0) last = std::max(last, number);
  }
  state.phase = Phase::reopening;
  state.executed = session.added;
  if (rules_.answered_falls) state.answered = std::min(state.answered, last);
  for (PushState::Push& push : state.pushes) {
    push.counted = push.number <= last;
    if (push.status == Status::sent) push.resent = true;
    if (push.status != Status::done || push.number <= last) continue;
    push.status = Status::sent;
    push.resent = false;
    push.again = true;
  }
  const auto end = state.pushes.begin() + bounds_.pushes;
  const auto first = std::find_if(state.pushes.begin(), end, [last](const PushState::Push& each) {
    return each.status == Status::sent && each.number > last;
  });
  if (first != end) {
    if (rules_.resent_name_the_last) first->after = last;
  } else if (std::none_of(state.pushes.begin(), end, [](const PushState::Push& each) {
               return each.status == Status::sent;
             })) {
    state.next_number = static_cast<std::uint8_t>(last + 1);
  }
}

// The session may be gone, or go until then.
void PushModel::reopen(const PushState& from) const {
  if (from.phase != Phase::reopening) return;
  PushState next = from;
  next.phase = Phase::pushing;
  open_here(next);
  resend(next);
  emit(next, "the producer opens its session, and sends what is missing");
}

// On a new connection, all that is under way, in order.
void PushModel::resend(PushState& state) const {
  state.requests = {};
  state.replies = {};
  state.heard = false;
  for (std::uint8_t i = 0; i < bounds_.pushes; ++i) {
    if (state.pushes[i].status != Status::sent) continue;
    append(state.requests, request_for(state, i), is_free_request);
  }
}

// touch.lua, close.lua. What a late close could do after the check, the repeated one has done.
void PushModel::finish(const PushState& from) const {
  PushState next = from;
  Session& session = next.server.sessions[next.session];
  switch (from.phase) {
    case Phase::pushing: {
      const auto end = from.pushes.begin() + bounds_.pushes;
      const auto is = [](Status status) {
        return [status](const PushState::Push& each) { return each.status == status; };
      };
      if (std::any_of(from.pushes.begin(), end, is(Status::sent))) return;
      const bool ends = std::none_of(from.pushes.begin(), end, is(Status::unsent));
      const bool executed =
          from.answered <= session.floor || (session.answers & bit(from.answered)) != 0;
      const bool behind =
          session.exists || from.answered > 0 ? !executed : rules_.touch_needs_the_session;
      if (!ends && !behind) return;  // a sign of life
      next.phase =
          behind && (!ends || rules_.close_follows_a_touch) ? Phase::asking : Phase::closing;
      emit(next, behind ? "a touch finds that pushes are missing" : "a touch finds all there");
      return;
    }
    case Phase::closing:
    case Phase::insisting:
      session = {};
      next.phase = Phase::finished;
      emit(next, "the producer closes the session");
      return;
    case Phase::checking:
      if (count_pushed(from) < from.pushed_before + from.executed) {
        next.phase = Phase::asking;
        emit(next, "the producer finds that too little was pushed");
      } else {
        next.phase = rules_.each_close_is_checked ? Phase::closing : Phase::insisting;
        emit(next, "the producer finds that enough was pushed");
      }
      return;
    default:
      return;
  }
}

// lost.lua
void PushModel::count_lost(const PushState& from) const {
  const auto& times = from.server.carried_out;
  const auto pushed = std::accumulate(times.begin(), times.end(), 0U) + from.server.lost;
  if (!bounds_.counts_lost || from.told <= pushed) return;
  PushState next = from;
  next.server.lost = static_cast<std::uint8_t>(from.server.lost + from.told - pushed);
  emit(next, "a worker counts what is missing as lost");
}

// The oldest of the confirmed pushes.
void PushModel::outlive(const PushState& from) const {
  if (from.outlived == 0) return;
  PushState next = from;
  for (std::uint8_t i = 0; i < bounds_.pushes; ++i) {
    PushState::Push& push = next.pushes[i];
    if (push.status != Status::done || push.number == 0) continue;
    --next.outlived;
    push.number = 0;
    emit(next, "the producer remembers push {} no longer", i);
    return;
  }
}

void PushModel::leave_behind(PushState& state, const PushState& from) const {
  --state.late_left;
  std::copy(from.requests.begin(), from.requests.end(), state.late.begin());
}

// A touch that is due comes first on a new connection; nobody looks at its answer.
void PushModel::emit_with_touch(const PushState& next, std::string_view text) const {
  emit(next, text);
  Session touched = next.server.sessions[next.session];
  if (rules_.touch_needs_the_session || touched.exists || touched.known || next.answered > 0)
    return;
  PushState other = next;
  other.server.sessions[next.session].known = true;
  emit(other, text);
}

void PushModel::break_connection(const PushState& from) const {
  if (from.breaks == 0) return;
  PushState next = from;
  --next.breaks;
  if (from.phase == Phase::closing) {
    next.phase = rules_.lost_close_is_checked ? Phase::checking : Phase::insisting;
    emit(next, "the connection breaks before Redis closes the session");
    next.server.sessions[next.session] = {};
    emit(next, "the connection breaks after Redis has closed the session");
    return;
  }
  if (from.phase != Phase::pushing) return;  // the step under way is repeated
  for (PushState::Push& push : next.pushes) {
    if (push.status == Status::sent) push.resent = true;
  }
  resend(next);
  emit_with_touch(next,
                  "the connection breaks; what was not carried out is lost, and all is sent again");
  if (from.late_left == 0 || !from.requests.front().exists || from.late.front().exists) return;
  leave_behind(next, from);
  emit(next, "the connection breaks; what was not carried out waits in it, and all is sent again");
}

void PushModel::forget(const PushState& from) const {
  if (from.forgotten == 0 || !from.server.sessions[from.session].exists) return;
  PushState next = from;
  --next.forgotten;
  next.server.sessions[from.session] = {};
  next.server.sessions[from.session].known = true;
  next.evicted = true;
  emit(next, "Redis evicts the answers of the session");
}

void PushModel::restart(const PushState& from) const {
  if (from.rollbacks == 0) return;
  PushState next = from;
  if (!from.has_saved) {
    next.has_saved = true;
    next.saved = from.server;
    emit(next, "(what Redis holds now is what reached the disk)");
    next.saved = {};
    emit(next, "(nothing of this has reached the disk)");
    return;
  }
  --next.rollbacks;
  const auto& times = from.server.carried_out;
  const auto pushed = std::accumulate(times.begin(), times.end(), 0U) + from.server.lost;
  if (bounds_.counts_lost) {
    next.told = std::max(from.told, static_cast<std::uint8_t>(pushed));
  }
  next.server = from.saved;
  next.saved = {};
  next.has_saved = false;
  next.went_back = true;
  // They were waiting in the process that is gone: no request to it can reach the one that takes
  // its place.
  next.late = {};
  if (from.phase == Phase::closing) {
    next.phase = rules_.lost_close_is_checked ? Phase::checking : Phase::insisting;
  }
  if (from.phase != Phase::pushing) {
    emit(next, "Redis restarts with what was on the disk");
    return;
  }
  for (PushState::Push& push : next.pushes) {
    if (push.status == Status::sent) push.resent = true;
  }
  resend(next);
  emit_with_touch(next, "Redis restarts with what was on the disk, and all is sent again");
}

std::string PushModel::describe(const Code& from, std::size_t step) const {
  const Successor& taken = successors(from).at(step);
  return fmt::format(fmt::runtime(taken.text), taken.push + 1);
}

std::string PushModel::show(const Code& code) const {
  static constexpr std::string_view kStatus[] = {"unsent", "sent", "done", "unknown"};
  const PushState state = decode(code);
  std::string text;
  for (std::size_t i = 0; i < bounds_.pushes; ++i) {
    text += fmt::format("{}{}: {}, carried out {} times", i > 0 ? "; " : "", i + 1,
                        kStatus[static_cast<std::size_t>(state.pushes[i].status)],
                        state.server.carried_out[i]);
  }
  return text;
}

Findings search_push(const PushRules& rules, const PushBounds& bounds, std::size_t largest) {
  const PushModel model(rules, bounds);
  return Explorer<PushModel>(model, largest).run();
}

}  // namespace wq::test::search
