// The Node driver: loads what jobs need, then waits on descriptor 4 for one job. Node cannot fork, so every instance has its own.
"use strict";
const fs = require("fs");
const path = require("path");
const Module = require("module");

const LINE = 4, PING = 11, START = 12, PONG = 13;

function exactly(length) {
  const buffer = Buffer.allocUnsafe(length);
  for (let at = 0; at < length;) {
    const count = fs.readSync(LINE, buffer, at, length - at, null);
    if (count === 0) process.exit(0);
    at += count;
  }
  return buffer;
}

function reader(buffer) {
  let at = 1;
  const number = () => { at += 4; return buffer.readUInt32LE(at - 4); };
  const bytes = () => { const length = number(); at += length; return buffer.subarray(at - length, at); };
  const list = () => Array.from({ length: number() }, () => bytes().toString());
  return { number, bytes, list };
}

function run(message) {
  const name = message.bytes().toString(), code = message.bytes().toString();
  const given = message.list(), environment = message.list();
  for (let count = message.number(); count > 0; count--) {
    const file = path.join("/job", message.bytes().toString()), mode = message.number();
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, message.bytes(), { mode });
  }
  for (const key of Object.keys(process.env)) delete process.env[key];
  for (const entry of environment) {
    const at = entry.indexOf("=");
    process.env[entry.slice(0, at)] = entry.slice(at + 1);
  }
  const filename = path.join("/job", name);
  process.argv = [process.execPath, filename, ...given];
  const main = new Module(filename, null);
  main.id = ".";
  main.filename = filename;
  main.paths = Module._nodeModulePaths("/job");
  process.mainModule = main;
  Module._cache[filename] = main;
  fs.closeSync(LINE);
  main._compile(code, filename);
}

for (const name of process.argv.slice(1)) require(name);
for (;;) {
  const frame = exactly(exactly(4).readUInt32LE(0));
  if (frame[0] === PING) {
    frame[0] = PONG;
    fs.writeSync(LINE, frame);
  } else if (frame[0] === START) {
    run(reader(frame));
    break;
  }
}
