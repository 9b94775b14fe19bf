#include "model/search/push_model.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/search/bits.h"

namespace wq::test::search {
namespace {

using Answer = PushState::Answer;
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
    field(session.floor, 3);
    field(session.answers, 5);
  }
  for (auto& times : server.carried_out) field(times, 2);
}

template <typename Field, typename AnyRequest>
void code_request(Field& field, AnyRequest& request) {
  field(request.exists, 1);
  if (!request.exists) return;
  field(request.push, 2);
  field(request.session, 2);
  field(request.number, 3);
  field(request.answered, 3);
}

template <typename Field, typename AnyState>
void code_state(Field& field, AnyState& state) {
  for (auto& push : state.pushes) {
    field(push.status, 2);
    field(push.resent, 1);
    field(push.number, 3);
  }
  field(state.session, 2);
  field(state.next_number, 3);
  field(state.answered, 3);
  for (auto& request : state.requests) code_request(field, request);
  for (auto& reply : state.replies) {
    field(reply.answer, 2);
    field(reply.push, 2);
  }
  for (auto& request : state.late) code_request(field, request);
  code_server(field, state.server);
  field(state.has_saved, 1);
  if (state.has_saved) code_server(field, state.saved);
  field(state.lost_data, 1);
  field(state.breaks, 3);
  field(state.late_left, 2);
  field(state.forgotten, 2);
  field(state.rollbacks, 2);
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
  state.breaks = bounds_.breaks;
  state.late_left = bounds_.late;
  state.forgotten = bounds_.forgotten;
  state.rollbacks = bounds_.rollbacks;
  return encode(state);
}

bool PushModel::is_end(const Code& code) const {
  const PushState state = decode(code);
  return std::all_of(state.pushes.begin(), state.pushes.begin() + bounds_.pushes,
                     [](const PushState::Push& push) { return push.status > Status::sent; });
}

const std::vector<PushModel::Successor>& PushModel::successors(const Code& code) const {
  successors_.clear();
  const PushState from = decode(code);
  send(from);
  serve(from);
  serve_late(from);
  hear(from);
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
    if (each.status == Status::done && times == 0 && !next.lost_data) {
      next.violation = "a push is reported done and was not carried out";
    }
    if (each.status == Status::unknown && !next.lost_data) {
      next.violation = "a push is reported unknown though Redis forgot nothing";
    }
  }
  successors_.push_back({text, push, next});
}

void PushModel::send(const PushState& from) const {
  const auto end = from.pushes.begin() + bounds_.pushes;
  const auto under_way = std::count_if(from.pushes.begin(), end, [](const PushState::Push& push) {
    return push.status == Status::sent;
  });
  if (under_way == static_cast<std::ptrdiff_t>(kInFlight)) return;
  const auto push = std::find_if(from.pushes.begin(), end, [](const PushState::Push& each) {
    return each.status == Status::unsent;
  });
  if (push == end) return;
  const auto index = static_cast<std::uint8_t>(push - from.pushes.begin());
  PushState next = from;
  next.pushes[index] = {Status::sent, false, next.next_number++};
  append(next.requests,
         Request{true, index, next.session, next.pushes[index].number, next.answered},
         is_free_request);
  emit(next, "the producer sends push {}", index);
}

// push.lua
Answer PushModel::carry_out(PushState& state, const Request& request) const {
  Session& session = state.server.sessions[request.session];
  if (!session.exists) {
    if (rules_.session_must_exist) return Answer::nosession;
    session = Session{true, 0, 0};
  }
  if ((session.answers & bit(request.number)) != 0) return Answer::added;
  if (request.number <= session.floor && rules_.floor_is_kept) return Answer::stale;
  ++state.server.carried_out[request.push];
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
  if (!opened.exists || !rules_.open_keeps_the_session) opened = Session{true, 0, 0};
}

void PushModel::serve(const PushState& from) const {
  if (!from.requests.front().exists) return;
  PushState next = from;
  const Request request = take_first(next.requests);
  const Answer answer = carry_out(next, request);
  append(next.replies, {answer, request.push}, is_free_reply);
  constexpr std::string_view kTexts[] = {"", "Redis carries out push {}, or knows it",
                                         "Redis does not know the session of push {}",
                                         "Redis finds push {} stale"};
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
      emit(next, "the producer hears that push {} is in", reply.push);
      return;
    case Answer::stale:
      next.violation = "a push that waits for its answer is told that it is stale";
      emit(next, "the producer hears that push {} is stale", reply.push);
      return;
    case Answer::nosession:
      if (next.session + 1U == kSessions) {
        for (PushState::Push& each : next.pushes) {
          if (each.status <= Status::sent) each.status = Status::unknown;
        }
        emit(next, "the producer hears that the session of push {} is forgotten, and gives up",
             reply.push);
        return;
      }
      begin_anew(next);
      emit(next, "the producer hears that the session of push {} is forgotten, and opens another",
           reply.push);
      return;
  }
}

void PushModel::begin_anew(PushState& state) const {
  const std::uint8_t forgotten = state.session++;
  state.requests = {};
  state.replies = {};
  state.answered = 0;
  state.next_number = 1;
  open(state, state.session);
  if (state.late_left > 0 && is_free_request(state.late.back())) {
    // The answer to the first request was lost; it may have been carried out, or will be.
    --state.late_left;
    append(state.late, Request{true, 0, state.session, 0, 0}, is_free_request);
  }
  state.server.sessions[forgotten] = {};
  for (PushState::Push& push : state.pushes) {
    if (push.status != Status::sent) continue;
    if (push.resent && rules_.doubt_is_reported) {
      push.status = Status::unknown;
    } else {
      push.number = state.next_number++;
      push.resent = false;
    }
  }
  resend(state);
}

// On a new connection, all that is under way, in order.
void PushModel::resend(PushState& state) const {
  state.requests = {};
  state.replies = {};
  for (std::uint8_t i = 0; i < bounds_.pushes; ++i) {
    const PushState::Push& push = state.pushes[i];
    if (push.status != Status::sent) continue;
    append(state.requests, Request{true, i, state.session, push.number, state.answered},
           is_free_request);
  }
}

void PushModel::break_connection(const PushState& from) const {
  if (from.breaks == 0) return;
  PushState next = from;
  --next.breaks;
  for (PushState::Push& push : next.pushes) {
    if (push.status == Status::sent) push.resent = true;
  }
  resend(next);
  emit(next, "the connection breaks; what was not carried out is lost, and all is sent again");
  if (from.late_left == 0 || !from.requests.front().exists || from.late.front().exists) return;
  --next.late_left;
  std::copy(from.requests.begin(), from.requests.end(), next.late.begin());
  emit(next, "the connection breaks; what was not carried out waits in it, and all is sent again");
}

void PushModel::forget(const PushState& from) const {
  if (from.forgotten == 0 || !from.server.sessions[from.session].exists) return;
  PushState next = from;
  --next.forgotten;
  next.server.sessions[from.session] = {};
  next.lost_data = true;
  emit(next, "Redis forgets the session");
}

void PushModel::restart(const PushState& from) const {
  if (from.rollbacks == 0) return;
  PushState next = from;
  if (!from.has_saved) {
    next.has_saved = true;
    next.saved = from.server;
    emit(next, "(what Redis holds now is what reached the disk)");
    return;
  }
  --next.rollbacks;
  next.server = from.saved;
  next.saved = {};
  next.has_saved = false;
  next.lost_data = true;
  next.late = {};  // they were waiting in the process that is gone
  for (PushState::Push& push : next.pushes) {
    if (push.status == Status::sent) push.resent = true;
  }
  resend(next);
  emit(next, "Redis restarts with what was on the disk, and all is sent again");
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
