#include "model/random/lua54.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <lua.hpp>
#include <nlohmann/json.hpp>

#include "base/printable.h"

namespace wq::test::random {
namespace {

using internal::Reply;
using RawReply = std::unique_ptr<redisReply, decltype(&freeReplyObject)>;

// What one call of a script needs, for the functions that it calls.
struct Run {
  redisContext* redis;
  std::set<std::string, std::less<>> keys;
};

Run& run_of(lua_State* lua) { return **static_cast<Run**>(lua_getextraspace(lua)); }

// What else comes with 5.4 only for scripts of 5.1, and what a global is that does not exist.
constexpr const char* kStrict = R"(
for _, name in ipairs({'cosh', 'frexp', 'ldexp', 'log10', 'pow', 'sinh', 'tanh'}) do
  math[name] = nil
end
setmetatable(_G, {
  __index = function(_, name) error("there is no global '" .. name .. "'", 2) end,
  __newindex = function(_, name) error("a script sets the global '" .. name .. "'", 2) end})
)";

RawReply ask(redisContext* redis, std::span<const std::string> words) {
  std::vector<const char*> starts;
  std::vector<std::size_t> sizes;
  for (const std::string& word : words) {
    starts.push_back(word.data());
    sizes.push_back(word.size());
  }
  void* const reply =
      redisCommandArgv(redis, static_cast<int>(words.size()), starts.data(), sizes.data());
  if (reply == nullptr) throw std::runtime_error(redis->errstr);
  return {static_cast<redisReply*>(reply), &freeReplyObject};
}

// A part of an answer of Redis, as a script sees it.
void push_value(lua_State* lua, const redisReply& value) {
  luaL_checkstack(lua, 4, "an answer");
  switch (value.type) {
    case REDIS_REPLY_ERROR:
    case REDIS_REPLY_STATUS:
      lua_createtable(lua, 0, 1);
      lua_pushlstring(lua, value.str, value.len);
      return lua_setfield(lua, -2, value.type == REDIS_REPLY_ERROR ? "err" : "ok");
    case REDIS_REPLY_STRING:
      lua_pushlstring(lua, value.str, value.len);
      return;
    case REDIS_REPLY_INTEGER:
      return lua_pushinteger(lua, value.integer);
    case REDIS_REPLY_ARRAY:
      lua_createtable(lua, static_cast<int>(value.elements), 0);
      for (std::size_t i = 0; i < value.elements; ++i) {
        push_value(lua, *value.element[i]);
        lua_rawseti(lua, -2, static_cast<lua_Integer>(i + 1));
      }
      return;
    default:
      return lua_pushboolean(lua, 0);
  }
}

std::string text_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* const bytes = lua_tolstring(lua, index, &size);
  return {bytes, size};
}

// Empty if the words are those of a command that a script may send.
std::string wrong_with(const std::vector<std::string>& words, Run& run) {
  if (words.size() == 1) return "";  // TIME
  std::vector<std::string> get_keys{"COMMAND", "GETKEYS"};
  get_keys.insert(get_keys.end(), words.begin(), words.end());
  const RawReply keys = ask(run.redis, get_keys);
  if (keys->type == REDIS_REPLY_ERROR) {
    const std::string said(keys->str, keys->len);
    return said.find("has no key arguments") != std::string::npos ? "" : said;
  }
  for (std::size_t i = 0; i < keys->elements; ++i) {
    const std::string_view key(keys->element[i]->str, keys->element[i]->len);
    if (!run.keys.contains(key)) {
      return fmt::format("{} is called with the key '{}', which is not in KEYS", words[0],
                         internal::printable(key));
    }
  }
  return "";
}

// The words on the stack; empty with an error on top of it.
std::vector<std::string> words_on(lua_State* lua) {
  std::vector<std::string> words;
  for (int i = 1; i <= lua_gettop(lua); ++i) {
    if (lua_type(lua, i) == LUA_TNUMBER && !lua_isinteger(lua, i)) {
      lua_pushfstring(lua, "a command gets the float %f, which is no integer in Lua 5.4",
                      lua_tonumber(lua, i));
      return {};
    }
    if (!lua_isstring(lua, i)) {
      lua_pushfstring(lua, "a command gets a %s", luaL_typename(lua, i));
      return {};
    }
    lua_pushvalue(lua, i);  // a conversion in place would change what the script has
    words.push_back(text_at(lua, -1));
    lua_pop(lua, 1);
  }
  return words;
}

// With the answer on the stack or, if it is true, an error of this class.
bool call_redis(lua_State* lua) {
  const std::vector<std::string> words = words_on(lua);
  if (words.empty()) return true;
  Run& run = run_of(lua);
  if (const std::string wrong = wrong_with(words, run); !wrong.empty()) {
    lua_pushlstring(lua, wrong.data(), wrong.size());
    return true;
  }
  push_value(lua, *ask(run.redis, words));
  return false;
}

// Where C++ objects have been destroyed: lua_error does not return.
int redis_pcall(lua_State* lua) {
  if (call_redis(lua)) return luaL_error(lua, "%s", lua_tostring(lua, -1));
  return 1;
}

int redis_call(lua_State* lua) {
  if (call_redis(lua)) return luaL_error(lua, "%s", lua_tostring(lua, -1));
  if (lua_istable(lua, -1) && lua_getfield(lua, -1, "err") == LUA_TSTRING) {
    lua_pop(lua, 1);
    return lua_error(lua);  // the table
  }
  if (lua_isnil(lua, -1)) lua_pop(lua, 1);
  return 1;
}

int redis_error_reply(lua_State* lua) {
  lua_createtable(lua, 0, 1);
  lua_pushvalue(lua, 1);
  lua_setfield(lua, -2, "err");
  return 1;
}

// A text as JSON, by the server's own cjson: that of another server is the same library.
int cjson_encode(lua_State* lua) {
  if (lua_type(lua, 1) != LUA_TSTRING) return luaL_error(lua, "only texts are encoded here");
  push_value(
      lua, *ask(run_of(lua).redis, std::vector<std::string>{"EVAL", "return cjson.encode(ARGV[1])",
                                                            "0", text_at(lua, 1)}));
  return 1;
}

// The texts of an object. False if it is none.
bool push_texts(lua_State* lua, const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return false;
  lua_createtable(lua, 0, 0);
  for (const auto& [name, value] : json.items()) {
    if (!value.is_string()) continue;
    const std::string member = value;
    lua_pushlstring(lua, name.data(), name.size());
    lua_pushlstring(lua, member.data(), member.size());
    lua_rawset(lua, -3);
  }
  return true;
}

int cjson_decode(lua_State* lua) {
  if (lua_type(lua, 1) == LUA_TSTRING && push_texts(lua, text_at(lua, 1))) return 1;
  return luaL_error(lua, "this is no object of JSON");
}

void append(std::string& out, char kind, std::string_view text) {
  out += kind;
  out += text;
  out += "\r\n";
}

// The value on top of the stack, in the protocol of Redis.
void append_answer(lua_State* lua, std::string& out) {
  luaL_checkstack(lua, 4, "an answer");
  switch (lua_type(lua, -1)) {
    case LUA_TSTRING: {
      const std::string text = text_at(lua, -1);
      append(out, '$', std::to_string(text.size()));
      out += text + "\r\n";
      return;
    }
    case LUA_TNUMBER:
      if (lua_isinteger(lua, -1) == 0) {
        throw std::runtime_error("a script answers a float, which is no integer in Lua 5.4");
      }
      return append(out, ':', std::to_string(lua_tointeger(lua, -1)));
    case LUA_TBOOLEAN:
      if (lua_toboolean(lua, -1) != 0) return append(out, ':', "1");
      return append(out, '$', "-1");
    case LUA_TNIL:
      return append(out, '$', "-1");
    case LUA_TTABLE:
      break;
    default:
      throw std::runtime_error(fmt::format("a script answers a {}", luaL_typename(lua, -1)));
  }
  for (const auto& [field, kind] : {std::pair{"err", '-'}, std::pair{"ok", '+'}}) {
    lua_pushstring(lua, field);
    const bool has = lua_rawget(lua, -2) == LUA_TSTRING;
    if (has) append(out, kind, text_at(lua, -1));
    lua_pop(lua, 1);
    if (has) return;
  }
  const auto size = static_cast<lua_Integer>(lua_rawlen(lua, -1));
  append(out, '*', std::to_string(size));
  for (lua_Integer i = 1; i <= size; ++i) {
    lua_rawgeti(lua, -1, i);
    append_answer(lua, out);
    lua_pop(lua, 1);
  }
}

void set_global(lua_State* lua, const char* name, std::span<const std::string> values) {
  lua_createtable(lua, static_cast<int>(values.size()), 0);
  for (std::size_t i = 0; i < values.size(); ++i) {
    lua_pushlstring(lua, values[i].data(), values[i].size());
    lua_rawseti(lua, -2, static_cast<lua_Integer>(i + 1));
  }
  lua_pushglobaltable(lua);
  lua_insert(lua, -2);
  lua_pushstring(lua, name);
  lua_insert(lua, -2);
  lua_rawset(lua, -3);
  lua_pop(lua, 1);
}

Reply as_reply(const std::string& bytes) {
  const std::unique_ptr<redisReader, decltype(&redisReaderFree)> reader(redisReaderCreate(),
                                                                        &redisReaderFree);
  void* reply = nullptr;
  if (redisReaderFeed(reader.get(), bytes.data(), bytes.size()) != REDIS_OK ||
      redisReaderGetReply(reader.get(), &reply) != REDIS_OK || reply == nullptr) {
    throw std::runtime_error("an answer that cannot be read: " + internal::printable(bytes));
  }
  return Reply(static_cast<redisReply*>(reply));
}

}  // namespace

Lua54::Lua54(const std::string& socket)
    : lua_(luaL_newstate()), redis_(redisConnectUnix(socket.c_str())) {
  if (redis_ == nullptr || redis_->err != 0)
    throw std::runtime_error("cannot connect to " + socket);
  lua_State* const lua = lua_.get();
  luaL_requiref(lua, "_G", luaopen_base, 1);
  luaL_requiref(lua, LUA_TABLIBNAME, luaopen_table, 1);
  luaL_requiref(lua, LUA_STRLIBNAME, luaopen_string, 1);
  luaL_requiref(lua, LUA_MATHLIBNAME, luaopen_math, 1);
  lua_settop(lua, 0);
  constexpr luaL_Reg kRedis[] = {{"call", redis_call},
                                 {"pcall", redis_pcall},
                                 {"error_reply", redis_error_reply},
                                 {nullptr, nullptr}};
  luaL_newlib(lua, kRedis);
  lua_setglobal(lua, "redis");
  constexpr luaL_Reg kJson[] = {
      {"encode", cjson_encode}, {"decode", cjson_decode}, {nullptr, nullptr}};
  luaL_newlib(lua, kJson);
  lua_setglobal(lua, "cjson");
  if (luaL_dostring(lua, kStrict) != LUA_OK) throw std::runtime_error(text_at(lua, -1));
}

void Lua54::Close::operator()(lua_State* lua) const noexcept { lua_close(lua); }
void Lua54::Close::operator()(redisContext* redis) const noexcept { redisFree(redis); }

Reply Lua54::run(std::string_view text, std::span<const std::string> keys,
                 std::span<const std::string> arguments) {
  lua_State* const lua = lua_.get();
  lua_settop(lua, 0);
  Run run{redis_.get(), {keys.begin(), keys.end()}};
  *static_cast<Run**>(lua_getextraspace(lua)) = &run;
  set_global(lua, "KEYS", keys);
  set_global(lua, "ARGV", arguments);
  std::string answer;
  if (luaL_loadbuffer(lua, text.data(), text.size(), "=script") == LUA_OK &&
      lua_pcall(lua, 0, 1, 0) == LUA_OK) {
    append_answer(lua, answer);
  } else if (lua_istable(lua, -1)) {
    append_answer(lua, answer);  // an error of Redis
  } else {
    throw std::runtime_error(text_at(lua, -1));
  }
  return as_reply(answer);
}

}  // namespace wq::test::random
