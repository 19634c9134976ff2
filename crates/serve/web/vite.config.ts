/** Builds one script and one style sheet; `npm run dev` passes the API through to a running daemon. */
import { defineConfig } from "vite";

const daemon = process.env.FORERUN_URL ?? "http://127.0.0.1:9180";

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  // The page's policy allows no inlined scripts, styles or fonts.
  build: { assetsInlineLimit: 0, modulePreload: false, target: "es2022", reportCompressedSize: true },
  server: { proxy: { "/v1": daemon, "/openapi.json": daemon } },
});
