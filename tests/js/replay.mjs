/** Folds recorded frames with the reducer; called by tests/test_delivery_replay.py. */

import { readFileSync } from "node:fs";

import { emptyTranscript, reduce } from "../../static/shared/transcript.js";

const logs = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(logs.map((log) => log.reduce(reduce, emptyTranscript()))));
