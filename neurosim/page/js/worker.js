// The worker: trains a network and reports. In come "start", "pause" and "drawn", out go "progress", "done" and "error".
// It is a part of the page's own script, and what that does where there is no document.

import { messagesTo } from "./training.js";

// What is sent to this channel comes back behind the messages that wait, so that a pause is heard between two slices.
// A timer does the same and hands over for certain, but browsers let one timer after another wait for milliseconds:
// they take turns.
const channel = new MessageChannel();
let next = null;
let byTimer = false;
channel.port1.onmessage = () => next();

function later(slice) {
  next = slice;
  byTimer = !byTimer;
  if (byTimer) setTimeout(slice, 0);
  else channel.port2.postMessage(null);
}

const take = messagesTo((message, transferred) => self.postMessage(message, transferred), later);

self.onmessage = (event) => take(event.data);
