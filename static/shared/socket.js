/**
 * A socket that stays: connects, says hello, notices silence, comes back with back-off.
 * It knows nothing of what the frames mean but `ping`, `error` and `bye`.
 */

import { EVENTS } from "./protocol.js";

/**
 * @typedef {"connecting" | "open" | "lost" | "closed"} Status
 *   lost: will come back by itself; closed: final, `sentence` says why.
 *
 * @typedef {object} Options
 * @property {string} url
 * @property {() => object} hello makes the first frame of every connection
 * @property {(frame: any) => void} onFrame
 * @property {(status: Status, sentence: string) => void} onStatus
 */

const FIRST_DELAY = 500;
const LONGEST_DELAY = 30_000;
const SHORTEST_DELAY = 100;
/** Two and a half of the server's ping periods and a little: then the line is dead. */
const LONGEST_SILENCE = 40_000;
const LONGEST_HANDSHAKE = 15_000;

/** A close code that coming back would only repeat. */
const isFinal = (/** @type {number} */ code) => code >= 4400 && code <= 4499;

/** The address of a path on the page's own host. */
export function socketUrl(/** @type {string} */ path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** @param {Options} options */
export function openSocket({ url, hello, onFrame, onStatus }) {
  /** @type {WebSocket | null} */
  let socket = null;
  /** @type {Status} */
  let status = "connecting";
  let failures = 0;
  let heardAt = 0;
  /** @type {number | undefined} */
  let retryTimer;
  /** @type {number | undefined} */
  let watchTimer;
  /** @type {number | null} */
  let askedDelay = null;
  let lastError = "";

  function tell(/** @type {Status} */ next, sentence = "") {
    if (next === status && next !== "closed") return;
    status = next;
    onStatus(next, sentence);
  }

  function connect() {
    if (socket || status === "closed") return;
    clearTimeout(retryTimer);
    const mine = new WebSocket(url);
    socket = mine;
    lastError = "";
    watch(LONGEST_HANDSHAKE);

    mine.addEventListener("open", () => {
      if (socket !== mine) return;
      mine.send(JSON.stringify(hello()));
      hear();
      tell("open");
    });
    mine.addEventListener("message", ({ data }) => {
      if (socket !== mine) return;
      hear();
      const frame = JSON.parse(data);
      if (frame.type === EVENTS.BYE) {
        askedDelay = frame.retry;
        drop();
        return;
      }
      if (frame.type === EVENTS.ERROR) lastError = frame.message;
      // We are served, so the next loss starts counting anew; a mere refusal proves nothing.
      else failures = 0;
      onFrame(frame);
    });
    mine.addEventListener("close", ({ code, reason }) => {
      if (socket !== mine) return;
      socket = null;
      clearTimeout(watchTimer);
      if (isFinal(code)) tell("closed", reason || lastError);
      else retry();
    });
  }

  function hear() {
    heardAt = Date.now();
    watch(LONGEST_SILENCE);
  }

  function watch(/** @type {number} */ patience) {
    clearTimeout(watchTimer);
    watchTimer = setTimeout(drop, patience);
  }

  /** Leave the present socket, whatever it thinks of its own state, and come back later. */
  function drop() {
    leave();
    if (status !== "closed") retry();
  }

  function leave() {
    clearTimeout(watchTimer);
    const old = socket;
    socket = null;
    old?.close();
  }

  function retry() {
    tell("lost");
    clearTimeout(retryTimer);
    // Full jitter: a thousand clients that lost one server must not come back as one.
    const ceiling = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** failures);
    const delay = askedDelay ?? Math.max(SHORTEST_DELAY, Math.random() * ceiling);
    askedDelay = null;
    failures += 1;
    retryTimer = setTimeout(connect, delay);
  }

  function connectNow() {
    if (status === "closed") return;
    // Timers sleep with the machine, so silence is measured by the clock as well.
    if (socket?.readyState === WebSocket.OPEN && Date.now() - heardAt > LONGEST_SILENCE) leave();
    if (!socket) {
      tell("lost");
      connect();
    }
  }

  function onVisible() {
    if (document.visibilityState === "visible") connectNow();
  }

  function onOnline() {
    // A network that was away has cut the old line, though nobody told the socket.
    leave();
    connectNow();
  }

  function onPageShow(/** @type {PageTransitionEvent} */ event) {
    if (event.persisted) onOnline();
  }

  addEventListener("online", onOnline);
  addEventListener("offline", drop);
  addEventListener("pageshow", onPageShow);
  document.addEventListener("visibilitychange", onVisible);
  connect();

  return {
    /** @returns {boolean} whether the frame was handed to an open socket */
    send(/** @type {object} */ frame) {
      if (socket?.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify(frame));
      return true;
    },

    /** Say hello anew, after a change of who we are or by a person's wish; revives a closed one. */
    restart() {
      status = "lost";
      failures = 0;
      leave();
      connect();
    },

    /** Go for good. */
    close() {
      status = "closed";
      clearTimeout(retryTimer);
      leave();
      removeEventListener("online", onOnline);
      removeEventListener("offline", drop);
      removeEventListener("pageshow", onPageShow);
      document.removeEventListener("visibilitychange", onVisible);
    },
  };
}
