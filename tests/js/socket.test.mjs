/** Runs the socket's cases: `node --test tests/js/`. */

import test from "node:test";

import { cases } from "./socket.cases.mjs";

for (const [name, run] of Object.entries(cases)) test(name, run);
