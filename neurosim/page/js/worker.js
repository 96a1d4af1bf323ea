// The worker: trains a network and reports. It gets "start", "pause" and "drawn", and sends "progress", "done" and
// "error". It is a part of the page's own script: the part that runs without a document.

import { messagesTo } from "./training.js";

// A message to this channel returns behind the waiting messages, so that a pause takes effect between two slices. A
// timer does the same for certain, but browsers delay repeated timers by milliseconds. So the two take turns.
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
