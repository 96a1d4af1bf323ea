// A browser's Worker, for Node: what is posted to one side arrives at the other side's onmessage.

import { Worker } from "node:worker_threads";

const blobs = new Map();
globalThis.URL.createObjectURL = (blob) => {
  const name = `blob:${blobs.size}`;
  blobs.set(name, blob);
  return name;
};

const HEAD = `
const { parentPort } = require("node:worker_threads");
globalThis.self = { postMessage: (message, transferred) => parentPort.postMessage(message, transferred) };
parentPort.on("message", (data) => self.onmessage({ data }));
`;

export class WebWorker {
  constructor(url) {
    this.started = blobs.get(url).text().then((code) => {
      this.thread = new Worker(HEAD + code, { eval: true });
      this.thread.on("message", (data) => this.onmessage({ data }));
      this.thread.on("error", (error) => this.onerror({ message: error.message }));
    });
  }

  postMessage(message) {
    this.started.then(() => this.thread.postMessage(message));
  }

  terminate() {
    this.started.then(() => this.thread.terminate());
  }
}
