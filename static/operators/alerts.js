/** Sound, the tab's title and the system's notifications for those who ask for a person. */

const KEY = "console-sound";

/** @param {{sound: string, title: string}} options */
export function openAlerts({ sound, title }) {
  const audio = new Audio(sound);
  audio.preload = "auto";
  let isOn = localStorage.getItem(KEY) !== "off";
  let isArmed = false;

  // Browsers let a page make a sound only after it was touched once.
  const arm = () => {
    if (isArmed) return;
    isArmed = true;
    audio.muted = true;
    audio.play().then(
      () => {
        audio.pause();
        audio.currentTime = 0;
        audio.muted = false;
      },
      () => {
        isArmed = false;
        audio.muted = false;
      },
    );
  };
  addEventListener("pointerdown", arm);
  addEventListener("keydown", arm);

  return {
    get isOn() {
      return isOn;
    },

    toggle() {
      isOn = !isOn;
      localStorage.setItem(KEY, isOn ? "on" : "off");
      if (isOn) this.ring();
    },

    ring() {
      if (!isOn) return;
      audio.currentTime = 0;
      // Refused before the first touch; the queue and the title say it too.
      audio.play().catch(() => document.documentElement.classList.add("sound-refused"));
    },

    count(/** @type {number} */ waiting) {
      document.title = waiting ? `(${waiting}) ${title}` : title;
    },

    get mayAsk() {
      return "Notification" in window && Notification.permission === "default";
    },

    ask: () => Notification.requestPermission(),

    notify(/** @type {string} */ text, /** @type {() => void} */ onClick) {
      if (!("Notification" in window) || Notification.permission !== "granted" || !document.hidden) return;
      const notification = new Notification(text, { tag: "support-request" });
      notification.addEventListener("click", () => {
        focus();
        onClick();
        notification.close();
      });
    },
  };
}
