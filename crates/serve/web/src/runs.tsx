/** The newest runs: how each came by its instance, how long every stage of its start took, how it ended. */

import { useState } from "preact/hooks";
import { api } from "./api";
import { ago, bytes, milliseconds, word } from "./format";
import type { Act } from "./header";
import { Output } from "./output";
import type { Run } from "./types";

export function Runs({ runs, now, act }: { runs: Run[] | null; now: number; act: Act }) {
  const [open, setOpen] = useState<number | null>(null);
  return (
    <section class="runs" aria-labelledby="runs-title">
      <div class="title">
        <h2 id="runs-title">Runs</h2>
        {runs && runs.length > 0 && <span class="small muted">newest first</span>}
      </div>
      {runs?.length === 0 ? (
        <p class="card empty">
          Nothing runs, and nothing ran lately. <code>forerun run FILE</code> runs a program or a script in one of these
          pools.
        </p>
      ) : (
        <div class="card scroll" aria-busy={runs === null}>
          <table>
            <thead>
              <tr>
                <th scope="col">Run</th>
                <th scope="col">Start</th>
                <th scope="col" class="number">Ready in</th>
                <th scope="col">Stages</th>
                <th scope="col" class="number">Ran</th>
                <th scope="col">End</th>
                <th scope="col" class="number">Memory</th>
                <th scope="col" class="number">When</th>
              </tr>
            </thead>
            <tbody>
              {runs?.map((run) => (
                <One
                  key={run.id}
                  run={run}
                  now={now}
                  act={act}
                  open={open === run.id}
                  onOpen={(opened) => setOpen(opened ? run.id : null)}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

/** What comes after the code has begun: no part of the start. */
const AFTER = ["run", "collect"];

interface OneProps {
  run: Run;
  now: number;
  act: Act;
  open: boolean;
  onOpen: (open: boolean) => void;
}

function One(props: OneProps) {
  const { run, open } = props;
  return (
    <>
      <Row {...props} />
      {open && (
        <tr class="wrote">
          <td colSpan={8}>
            <Output run={run} />
          </td>
        </tr>
      )}
    </>
  );
}

function Row({ run, now, act, open, onOpen }: OneProps) {
  const before = run.stages.filter(({ stage }) => !AFTER.includes(stage));
  const total = before.reduce((sum, { ms }) => sum + ms, 0);
  const ran = run.stages.find(({ stage }) => stage === "run");
  return (
    <tr>
      <th scope="row">
        <button
          class="plain run-name"
          aria-expanded={open}
          onClick={() => onOpen(!open)}
          title={`${open ? "Hide" : "Show"} what ${run.name || run.runtime} wrote`}
        >
          {run.name || run.runtime}
        </button>
        <span class="place" title={run.pool}>
          {run.id} · {run.pool}
        </span>
      </th>
      <td>
        {run.start ? (
          <span class={`chip path-${run.start.path}`} title={run.start.why ?? undefined}>
            {run.start.path}
          </span>
        ) : (
          "–"
        )}
      </td>
      <td class="number">{before.length > 0 ? milliseconds(total) : "–"}</td>
      <td>
        <Stages stages={before} total={total} why={run.start?.why ?? null} />
      </td>
      <td class="number">{ran ? milliseconds(ran.ms) : "–"}</td>
      <td>
        <End run={run} act={act} />
      </td>
      <td class="number">{run.peak_memory_bytes === null ? "–" : bytes(run.peak_memory_bytes)}</td>
      <td class="number">
        <time class="small muted" dateTime={run.began_at} title={new Date(run.began_at).toLocaleString()}>
          {ago(run.began_at, now)}
        </time>
      </td>
    </tr>
  );
}

/** A bar of the stages until the code began, and their names with their times. */
function Stages({ stages, total, why }: { stages: Run["stages"]; total: number; why: string | null }) {
  if (stages.length === 0) return <span class="muted">–</span>;
  let from = 0;
  return (
    <div class="stages">
      <svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        {stages.map(({ stage, ms }, index) => {
          const width = total > 0 ? (ms / total) * 100 : 0;
          const x = from;
          from += width;
          return <rect key={`${index} ${stage}`} class={`stage stage-${stage}`} x={x} width={width} height="6" />;
        })}
      </svg>
      <span class="small muted">{stages.map(({ stage, ms }) => `${word(stage)} ${milliseconds(ms)}`).join(" · ")}</span>
      {why && <span class="small why-cold">{why}</span>}
    </div>
  );
}

const ENDS: Record<string, string> = {
  deadline: "out of time",
  out_of_memory: "out of memory",
  output_cap: "wrote too much",
  stopped: "stopped",
};

function End({ run, act }: { run: Run; act: Act }) {
  if (run.state === "running") {
    return (
      <span class="ended">
        <span class="chip">running</span>
        <button class="stop" onClick={() => act(() => api.stopRun(run.id), `Run ${run.id} is stopped.`)}>
          Stop
        </button>
      </span>
    );
  }
  if (run.state === "failed") {
    return (
      <span class="ended">
        <span class="chip bad">failed</span>
        {run.error && <span class="small muted">{run.error}</span>}
      </span>
    );
  }
  const { kind, code } = run.exit ?? { kind: "code", code: null };
  if (kind === "code") return <span class={code === 0 ? "chip good" : "chip bad"}>exit {code ?? "?"}</span>;
  if (kind === "signal") return <span class="chip bad">signal {code ?? "?"}</span>;
  return <span class={kind === "stopped" ? "chip" : "chip bad"}>{ENDS[kind] ?? word(kind)}</span>;
}
