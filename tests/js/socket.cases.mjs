/** How the socket comes back: run by node (socket.test.mjs) and by a real browser. */

import { openSocket } from "../../static/shared/socket.js";

class FakeSocket extends EventTarget {
  static OPEN = 1;
  static all = [];
  readyState = 1;
  isClosed = false;

  constructor() {
    super();
    FakeSocket.all.push(this);
  }

  send() {}

  close() {
    this.isClosed = true;
  }

  hear(frame) {
    const event = new Event("message");
    event.data = JSON.stringify(frame);
    this.dispatchEvent(event);
  }

  end(code) {
    const event = new Event("close");
    Object.assign(event, { code, reason: "" });
    this.dispatchEvent(event);
  }
}

/** Open a socket in a world of fakes and let `play` happen; the delays that were asked of timers. */
function delaysOf(play) {
  const real = {
    WebSocket: globalThis.WebSocket,
    setTimeout: globalThis.setTimeout,
    document: globalThis.document,
    addEventListener: globalThis.addEventListener,
    removeEventListener: globalThis.removeEventListener,
  };
  const delays = [];
  const nothing = () => {};
  const isInBrowser = typeof document !== "undefined";
  globalThis.WebSocket = FakeSocket;
  globalThis.setTimeout = (_work, delay) => delays.push(delay);
  if (!isInBrowser) {
    globalThis.document = { addEventListener: nothing, removeEventListener: nothing };
    globalThis.addEventListener = globalThis.removeEventListener = nothing;
  }
  const statuses = [];
  try {
    FakeSocket.all = [];
    const socket = openSocket({
      url: "ws://server/ws/chat/",
      hello: () => ({}),
      onFrame: nothing,
      onStatus: (status) => statuses.push(status),
    });
    const [line] = FakeSocket.all;
    line.dispatchEvent(new Event("open"));
    play(line);
    const { isClosed } = line;
    const last = delays.at(-1);
    socket.close();
    return { last, status: statuses.at(-1), isClosed, count: FakeSocket.all.length };
  } finally {
    globalThis.WebSocket = real.WebSocket;
    globalThis.setTimeout = real.setTimeout;
    if (!isInBrowser) {
      globalThis.document = real.document;
      globalThis.addEventListener = real.addEventListener;
      globalThis.removeEventListener = real.removeEventListener;
    }
  }
}

function equal(found, wanted) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${a} is not ${b}`);
}

export const cases = {
  "bye: comes back after the time that the server asks for"() {
    const { last, status, isClosed, count } = delaysOf((line) => {
      line.hear({ type: "bye", retry: 4321 });
      // The close that follows is the same goodbye, not another loss.
      line.end(1012);
    });
    equal([last, status, isClosed, count], [4321, "lost", true, 1]);
  },

  "restart without a word: comes back soon, at a moment of its own"() {
    const { last, status } = delaysOf((line) => line.end(1012));
    equal([last >= 100 && last <= 500, status], [true, "lost"]);
  },

  "final code: does not come back"() {
    const { status } = delaysOf((line) => line.end(4404));
    equal(status, "closed");
  },
};
