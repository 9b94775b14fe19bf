#pragma once

#include <string>

#include "e2e/programs.h"

namespace wq::test {

/// A test of `wq-worker --coprocess` with small programs in Python.
class CoprocessTest : public ProgramTest {
 protected:
  /// A worker whose coprocess is a script. `head` precedes its greeting, `body` is
  /// what it does with `items`, each a line or several of Python.
  [[nodiscard]] Process coprocess(const Words& options, const std::string& body,
                                  const std::string& head = "") {
    return worker(Words{"--coprocess"} + options, {"python3", script(body, head)});
  }

  [[nodiscard]] std::string script(const std::string& body, const std::string& head = "") const {
    std::string text = R"(
import base64, json, os, signal, sys, threading, time

def say(message):
    print(json.dumps(message), flush=True)

def done(item, result=""):
    return {"id": item["id"], "answer": "done", "result": result}

def runs(path, what):  # remembers that it ran
    with open(path, "a") as file:
        file.write(what + "\n")

)" + head + R"(
say({"wq": 1})
hello = json.loads(sys.stdin.buffer.readline())
for line in sys.stdin.buffer:
    items = json.loads(line)["items"]
)";
    for (const std::string& line : lines(body)) text += "    " + line + "\n";
    return file("coprocess.py", text);
  }

  /// What is left to be done when every item is settled.
  void expect_drained(std::uint64_t completed, std::uint64_t dead) {
    EXPECT_EQ(counts().completed, completed);
    EXPECT_EQ(counts().dead, dead);
    EXPECT_EQ(counts().ready + counts().processing + counts().delayed, 0U);
  }
};

}  // namespace wq::test
