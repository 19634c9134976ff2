/** What one run wrote, as text and nothing else: code that nobody vouches for wrote it. */

import { useEffect, useState } from "preact/hooks";
import { api, Problem } from "./api";
import { count } from "./format";
import type { Run, RunOutput } from "./types";

const REFRESH_MS = 2_000;
/** How much of each stream is shown, from its end. */
const SHOWN_BYTES = 65_536;

export function Output({ run }: { run: Run }) {
  const [output, setOutput] = useState<RunOutput | null>(null);
  const [gone, setGone] = useState<string | null>(null);
  useEffect(() => {
    const read = () =>
      api.run(run.id).then(
        (whole) => setOutput(whole.output),
        (error) => setGone(error instanceof Problem ? error.message : String(error)),
      );
    void read();
    if (run.state !== "running") return;
    const timer = setInterval(read, REFRESH_MS);
    return () => clearInterval(timer);
  }, [run.id, run.state]);

  if (gone) return <p class="small muted">What it wrote cannot be shown: {gone}.</p>;
  if (!output) return <p class="small muted" aria-busy="true">Reading what it wrote…</p>;
  const nothing = output.stdout_base64 === "" && output.stderr_base64 === "";
  return (
    <>
      {nothing && <p class="small muted">It wrote nothing{run.state === "running" && " yet"}.</p>}
      <Stream name="Standard output" base64={output.stdout_base64} />
      <Stream name="Standard error" base64={output.stderr_base64} />
      {output.truncated && <p class="small muted">It wrote more than it may: the rest was not kept.</p>}
    </>
  );
}

function Stream({ name, base64 }: { name: string; base64: string }) {
  if (base64 === "") return null;
  const bytes = Uint8Array.from(atob(base64), (digit) => digit.charCodeAt(0));
  const hidden = Math.max(0, bytes.length - SHOWN_BYTES);
  const text = new TextDecoder().decode(bytes.subarray(hidden));
  return (
    <figure>
      <figcaption class="small muted">
        {name}
        {hidden > 0 && `, without its first ${count(hidden)} bytes`}
      </figcaption>
      <pre tabIndex={0}>{text}</pre>
    </figure>
  );
}
