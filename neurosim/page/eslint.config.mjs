// The rules for the page's JavaScript: npx eslint --config neurosim/page/eslint.config.mjs neurosim/page/js

const browser = [
  "Blob", "DecompressionStream", "Event", "FileReader", "Image", "ImageData", "MessageChannel", "Path2D", "ResizeObserver",
  "Response", "URL", "Worker", "atob", "btoa", "clearTimeout", "console", "createImageBitmap", "document", "getComputedStyle",
  "history", "localStorage", "location", "matchMedia", "navigator", "performance", "requestAnimationFrame", "requestIdleCallback", "self",
  "setTimeout", "window",
];

export default [
  {
    files: ["**/*.js", "**/*.mjs"],
    languageOptions: {
      ecmaVersion: 2023,
      sourceType: "module",
      globals: Object.fromEntries(browser.map((name) => [name, "readonly"])),
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      // errors
      "no-undef": "error",
      "no-unused-vars": ["error", { args: "after-used", ignoreRestSiblings: true }],
      "no-const-assign": "error",
      "no-dupe-keys": "error",
      "no-dupe-class-members": "error",
      "no-redeclare": "error",
      "no-shadow": "error",
      "no-unreachable": "error",
      "no-fallthrough": "error",
      "no-loss-of-precision": "error",
      "array-callback-return": "error",
      "consistent-return": "error",
      "prefer-const": "error",
      "no-var": "error",
      eqeqeq: "error",
      // forbidden or unwanted in a page with a strict policy
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Text goes in by textContent." },
        { property: "insertAdjacentHTML", message: "Text goes in by textContent." },
        { object: "document", property: "write", message: "Text goes in by textContent." },
      ],
      "no-restricted-globals": ["error", "fetch", "XMLHttpRequest", "WebSocket", "EventSource", "importScripts"],
      "max-lines": ["error", { max: 400 }],
      "max-lines-per-function": ["error", { max: 80, skipComments: true }],
    },
  },
];
