// Preloaded into the command line by killed.test.ts: kills the process with SIGKILL right before one of the
// calls by which it changes files, the one with the number that KILL_AT has. Tells on descriptor 3 what it was.

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const KILL_AT = Number(process.env.KILL_AT);
const { writeSync } = fs;
let step = 0;
let writes = 0;

function wrap(name, changes = () => true) {
  const original = fs[name];
  fs[name] = (...args) => {
    if (changes(...args)) {
      step += 1;
      if (step === KILL_AT) {
        writeSync(3, `${name} ${args.filter((arg) => typeof arg === "string").join(" ")}`);
        process.kill(process.pid, "SIGKILL");
        // The signal comes at once or a little later: nothing may be done until then.
        for (;;);
      }
    }
    return original(...args);
  };
}

const isThere = (path) => fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;
const opensNew = (_path, flags) => typeof flags === "string" && /[wa+]/.test(flags);

wrap("copyFileSync");
wrap("linkSync");
wrap("renameSync");
wrap("mkdirSync", (path) => !isThere(path));
wrap("mkdtempSync");
wrap("rmSync", isThere);
wrap("fsyncSync");
wrap("writeFileSync");
wrap("openSync", opensNew);
// Of the chunks of a file that is written in many, the first, and one amidst.
wrap("writeSync", () => [1, 5].includes(++writes));
syncBuiltinESMExports();
