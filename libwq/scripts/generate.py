#!/usr/bin/env python3
"""usage: generate.py SOURCE OUTPUT VERSION

Reads the scripts in SOURCE/scripts, each with the head that declares it, and writes
  OUTPUT/script/scripts.h   the C++ names of the scripts
  OUTPUT/scripts.cc         their keys, roles, commands, text, and the SHA-1 by which Redis knows them
  OUTPUT/failure_kind.cc    the texts of FailureKind
  OUTPUT/commands.md        their heads for people: docs/commands.md is a copy
  OUTPUT/protocol.json      the same for clients in other languages, with arguments and answers
CONTRIBUTING.md describes a head. A wrong head ends the run with one line that names file, line and reason.
"""

import hashlib
import json
import pathlib
import re
import sys

ROLES = ("worker", "producer", "viewer", "admin")
TYPES = ("integer", "flag", "text", "bytes", "json", "pattern", "sha224")
UNITS = ("ms", "items", "tries", "crashes")
# A queue has one of these for each item, or session, or call. The registry is one key of the database.
OTHER_KEYS = ("lease", "replay", "pushing", "any", "registry")
QUEUE = "queue:"  # of each further queue, the keys behind it, as in queue:ready,stats...
SECTIONS = ("ROLES", "KEYS", "ARGV", "ANSWERS", "ERRORS")


class Wrong(Exception):
    """What the line that is being read has wrong."""


def quoted(words):
    """Words as strings with commas between them, of JSON and of C++."""
    return ", ".join(f'"{word}"' for word in words)


def read(path):
    return path.read_text(encoding="utf-8")


def in_json(value):
    return json.dumps(value, ensure_ascii=False)


class Group:
    """What the head says on one level of ARGV."""

    def __init__(self, kind, arguments):
        self.kind = kind
        self.arguments = arguments
        self.has_group = False


class Script:
    """A script, from its file."""

    def __init__(self, folder, name, key_names):
        self.folder = folder
        self.name = name
        self.key_names = key_names
        self.line = 0
        self.purpose = self.notes = ""
        self.roles, self.keys, self.others, self.rest = [], [], [], []
        self.arguments, self.answers, self.errors = [], [], []
        self.levels = [Group("", self.arguments)]
        self.argument_names = []
        self.countable = ["key"]
        self.fixed_arguments, self.has_group = 0, False
        self.markdown = {section: "" for section in SECTIONS}
        try:
            self.text = self.assemble()
            self.read_head()
            self.check_body()
        except Wrong as wrong:
            sys.exit(f"libwq/scripts/{name}.lua:{self.line}: {wrong}")

    def assemble(self):
        """What Redis gets, with the parts that `--@include PART` names."""
        text = ""
        included = set()
        for self.line, line in enumerate(read(self.folder / f"{self.name}.lua").splitlines(True), 1):
            include = re.match(r" *--@include (.*)", line)
            if not include:
                text += line
                continue
            part = include[1]
            path = self.folder / "include" / f"{part}.lua"
            if part in included:
                raise Wrong(f"{part} is included twice")
            if not path.exists():
                raise Wrong(f"there is no libwq/scripts/include/{part}.lua")
            included.add(part)
            inside = read(path)
            if "--@include" in inside:
                raise Wrong(f"{part}.lua has an --@include of its own; name both parts here")
            text += inside
        return text

    def read_head(self):
        lines = self.text.split("\n")
        self.line = 1
        first = re.match(f"-- {self.name}: (.+)", lines[0])
        if not first:
            raise Wrong(f"the first line is not '-- {self.name}: ' and the purpose")
        self.purpose = first[1]
        due = list(SECTIONS)
        section = None
        while lines[self.line].startswith("--"):
            line = lines[self.line]
            self.line += 1
            begin = re.match("-- ([A-Z]+):(.*)", line)
            if begin:
                section = due.pop(0) if due else ""
                if begin[1] != section:
                    raise Wrong(f"'{begin[1]}:' where '{section}:' is due")
                line = f"--  {begin[2]}"
            elif not section:
                self.notes += line[3:] + "\n"
                continue
            if re.fullmatch("-- *( none)?", line):
                continue
            part = re.match("--   ?( *)([^ ].*)", line)
            if not part:
                raise Wrong(f"'{line}' is not indented as part of '{section}:'")
            said = part[2]
            while more := re.match("-- +-- (.*)", lines[self.line]):  # the line goes on
                said += (" " if " -- " in said else " -- ") + more[1]
                self.line += 1
            shape, _, meaning = said.partition(" -- ")
            self.read_line(section, len(part[1]) // 2, shape.strip(), meaning)
        if due and due != ["ERRORS"]:
            raise Wrong(f"the head has no '{due[0]}:'")
        self.notes = self.notes.strip()
        self.body = "\n".join(lines[self.line:])

    def read_line(self, section, depth, shape, meaning):
        words = shape.split()
        if section == "ROLES":
            self.read_roles(words)
        elif section == "KEYS":
            self.read_keys(words)
        elif section == "ARGV":
            self.read_argument(depth, words, meaning)
        elif not meaning:
            raise Wrong(f"'{shape}' has no ' -- ' and meaning")
        elif section == "ANSWERS":
            self.answers.append({"answer": shape, "meaning": meaning})
        else:
            self.errors.append({"error": shape, "meaning": meaning})
        self.markdown[section] += "  " * depth + f"- `{shape}`" + (f": {meaning}" if meaning else "") + "\n"

    def read_roles(self, words):
        for word in words:
            if word not in ROLES:
                raise Wrong(f"'{word}' is no role; use some of: {' '.join(ROLES)}")
        self.roles += words

    def read_keys(self, words):
        for word in words:
            if word.endswith("...") and word[:-3] in OTHER_KEYS:
                self.rest.append({"name": word[:-3]})
                self.countable.append(word[:-3])
            elif word.endswith("...") and word.startswith(QUEUE):
                of_queue = word[len(QUEUE):-3].split(",")
                for key in of_queue:
                    if key not in self.key_names:
                        raise Wrong(f"'{key}' in '{word}' is no key; use those of base/keys.h")
                self.rest.append({"name": "queue", "keys": of_queue})
            elif self.rest:
                raise Wrong(f"'{word}' stands behind '{self.rest[-1]['name']}...', which has no end")
            elif word in OTHER_KEYS:
                self.others.append(word)
            elif self.others:
                raise Wrong(f"'{word}' stands behind '{' '.join(self.others)}'; keys that exist once come first")
            elif word in self.key_names:
                self.keys.append(word)
            else:
                raise Wrong(f"'{word}' is no key; use those of base/keys.h, or of: {' '.join(OTHER_KEYS)}")

    def read_argument(self, depth, words, meaning):
        """One line of ARGV. `each NAME`, `repeated` or `optional`, with further indented lines, is a group."""
        del self.levels[depth + 1:]
        if depth >= len(self.levels):
            raise Wrong("this is indented like part of a group, but no group begins above")
        level = self.levels[-1]
        name, *words = words
        if name not in ("each", "repeated", "optional"):
            level.arguments.append(self.one_argument(level, name, words, meaning))
            return
        of = True
        if name == "each":
            of = words.pop(0) if words else ""
            if of not in self.countable:
                raise Wrong(f"nothing says how many '{of}' are: not 'key', '...' in KEYS, an integer or a "
                            "repeated argument above")
        if words:
            raise Wrong(f"'{' '.join(words)}' is too much behind '{name}'")
        inner = []
        level.arguments.append({name: of, "meaning": meaning, "arguments": inner})
        level.has_group = True
        self.levels.append(Group(name, inner))
        self.has_group = self.has_group or name != "optional"

    def one_argument(self, level, name, words, meaning):
        if name in self.argument_names:
            raise Wrong(f"two arguments are called '{name}'")
        if not meaning:
            raise Wrong(f"'{name}' has no ' -- ' and meaning")
        kind = words.pop(0) if words else ""
        if kind not in TYPES:
            raise Wrong(f"'{kind}' is no type; use one of: {' '.join(TYPES)}")
        argument = {"name": name, "type": kind}
        for word in words:
            if word in UNITS:
                argument["unit"] = word
            elif word == "or_empty":
                argument["or_empty"] = True
            elif limits := re.fullmatch("(-?[0-9]+)[.][.]([0-9]*)", word):
                argument["min"] = int(limits[1])
                if limits[2]:
                    argument["max"] = int(limits[2])
            elif re.fullmatch("[a-z]+([|][a-z]+)+", word):
                argument["choices"] = word.split("|")
            else:
                raise Wrong(f"'{word}' is no unit ({' '.join(UNITS)}) and no limit (MIN..MAX, MIN.., a|b, or_empty)")
        argument["meaning"] = meaning
        self.argument_names.append(name)
        if kind == "integer" or level.kind == "repeated":
            self.countable.append(name)
        if level.has_group:
            raise Wrong(f"'{name}' follows a group, which leaves open where it stands")
        if not self.has_group:
            self.fixed_arguments += 1
        return argument

    def check_body(self):
        """Holds what the script does behind its head to the head."""
        keys = len(self.keys) + len(self.others)
        fixed = re.search("local FIXED[A-Z_, ]* = ([0-9]+)", self.body)
        if self.rest and fixed and int(fixed[1]) != keys:
            raise Wrong(f"FIXED is {fixed[1]}, and {keys} keys stand in front of '{self.rest[0]['name']}...'")
        for number in re.findall("unpack.KEYS, [0-9]+, ([0-9]+)", self.body):
            if int(number) > keys:
                raise Wrong(f"the script unpacks {number} keys; the head declares {keys}")
        for what, most in (("KEYS", keys + bool(self.rest)), ("ARGV", self.fixed_arguments + self.has_group)):
            for number in re.findall(rf"{what}\[([0-9]+)\]", self.body):
                if int(number) > most:
                    raise Wrong(f"the script reads {what}[{number}]; the head declares {most}")
        declared = [answer["answer"] for answer in self.answers] + [error["error"] for error in self.errors]
        for word in re.findall("return ('[a-z]+')", self.body) + re.findall("error_reply.'([A-Z]+)", self.body):
            if word not in declared:
                raise Wrong(f"the script answers {word}, which the head does not declare")

    @property
    def commands(self):
        return sorted(set(re.findall("call.'([A-Z]+)'", self.body)))

    @property
    def sha1(self):
        return hashlib.sha1(self.text.encode()).hexdigest()

    def in_cpp(self):
        keys = ", ".join(f"Key::{key}" for key in self.keys)
        return f"""
constexpr std::array<Key, {len(self.keys)}> keys_of_{self.name} = {{{keys}}};
constexpr std::array<std::string_view, {len(self.roles)}> roles_of_{self.name} = {{{quoted(self.roles)}}};
constexpr std::array<std::string_view, {len(self.commands)}> commands_of_{self.name} = {{{quoted(self.commands)}}};
const Script {self.name}{{"{self.name}", "{self.sha1}", keys_of_{self.name}, roles_of_{self.name}, commands_of_{self.name},
R"lua({self.text})lua"}};
"""

    def in_markdown(self):
        keys = self.keys + self.others + [
            rest["name"] + (f"({' '.join(rest['keys'])})" if "keys" in rest else "") + "..." for rest in self.rest]
        text = f"\n## {self.name}\n\n`{self.name}` {self.purpose}.\n\n"
        if self.notes:
            text += f"{self.notes}\n\n"
        text += f"ROLES: {', '.join(self.roles)}\n\nKEYS: `{' '.join(keys)}`\n"
        for section in ("ARGV", "ANSWERS", "ERRORS"):
            if self.markdown[section]:
                text += f"\n{section}:\n\n{self.markdown[section]}"
        return text

    def in_protocol(self):
        return f"""
    {{"name": "{self.name}", "purpose": {in_json(self.purpose)}, "notes": {in_json(self.notes)},
     "roles": [{quoted(self.roles)}], "keys": [{quoted(self.keys + self.others)}], "rest": {in_json(self.rest)},
     "arguments": {in_json(self.arguments)},
     "answers": {in_json(self.answers)}, "errors": {in_json(self.errors)},
     "commands": [{quoted(self.commands)}],
     "sha1": "{self.sha1}",
     "text": {in_json(self.text)}}}"""


def declared(path, start, pattern):
    """What `pattern` captures in the lines below the one with `start`, as long as they match it. Comments that
    go on (`///<`) are one line."""
    text = read(path)
    at = text.find(start)
    lines = re.sub("\n +///< ", " ", text[at:]).splitlines()[1:] if at >= 0 else []
    found = []
    for line in lines:
        match = re.fullmatch(pattern, line)
        if not match:
            break
        found.append(match.groups())
    if not found:
        sys.exit(f"libwq/{path.relative_to(path.parents[2])}:{text[:max(at, 0)].count(chr(10)) + 1}: "
                 f"nothing below '{start}' looks like {pattern}")
    return found


def write_if_new(path, text):
    """Leaves a file alone that has this text, and what is built from it."""
    if not path.exists() or read(path) != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def main(source, output, version):
    source, output = pathlib.Path(source), pathlib.Path(output)
    failures = declared(source / "include/wq/failure_kind.h", "enum class FailureKind", "  ([a-z]+), *///< (.*)")
    keys = [name for (name,) in declared(source / "src/base/keys.h", "enum class Key ", "  ([a-z]+),")]
    kinds = declared(source / "src/base/keys.cc", "kKeyKinds = {{", '    {"([:a-z]*)", "([a-z]+)"},')
    ((registry,),) = declared(source / "src/base/keys.h", "that names its queues", '.* kRegistryKey = "(.*)";')
    scripts = [Script(source / "scripts", path.stem, keys) for path in sorted((source / "scripts").glob("*.lua"))]

    def fill(template, **values):
        text = read(source / "src" / template)
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        return text

    write_if_new(output / "script/scripts.h",
                 fill("script/scripts.h.in", SCRIPT_NAMES=", ".join(script.name for script in scripts)))
    write_if_new(output / "failure_kind.cc",
                 fill("base/failure_kind.cc.in", FAILURE_COUNT=str(len(failures)),
                      FAILURE_TEXTS=quoted(name for name, _ in failures)))
    write_if_new(output / "scripts.cc", f"""\
// Generated from libwq/scripts by its generate.py.
#include <array>

#include "script/script.h"

namespace wq::internal {{
namespace scripts {{
{"".join(script.in_cpp() for script in scripts)}
}}  // namespace scripts

std::span<const Script* const> all_scripts() {{
  static constexpr std::array<const Script*, {len(scripts)}> kAll = {{{
      ", ".join(f"&scripts::{script.name}" for script in scripts)}}};
  return kAll;
}}

}}  // namespace wq::internal
""")
    write_if_new(output / "commands.md", f"""\
<!-- Generated from libwq/scripts by its generate.py. -->
# The commands

Each command is one Lua script, called with EVALSHA. [protocol.md](protocol.md) describes the states of an item, the keys,
and the rules that the commands follow. The same in JSON, with the text of each script and its SHA-1:
`share/wq/protocol.json`. An indented line belongs to the group above it: `each` repeats it as often as the name says,
`repeated` goes on to the end, `optional` may be left out. Limits: `1..9` are numbers, `a|b` words, `or_empty` allows
the empty string.

A command that meets a key of another type answers the error WRONGTYPE and writes nothing.
{"".join(script.in_markdown() for script in scripts)}""")
    key_kinds = [in_json({"name": name, "suffix": suffix, "type": kind})
                 for name, (suffix, kind) in zip(keys, kinds)]
    failure_kinds = [in_json({"name": name, "meaning": meaning}) for name, meaning in failures]
    write_if_new(output / "protocol.json", f"""\
{{
  "version": "{version}",
  "keys": [{",".join(f"{chr(10)}    {kind}" for kind in key_kinds)}],
  "registry": {{"key": "{registry}", "type": "zset"}},
  "failure_kinds": [{",".join(f"{chr(10)}    {kind}" for kind in failure_kinds)}],
  "scripts": [{",".join(script.in_protocol() for script in scripts)}
  ]
}}
""")


main(*sys.argv[1:])
