/** The list of pools: how ready each is, how often that was right, and why. */

import { bytes, count, memoryHours, milliseconds, percent, span } from "./format";
import type { Pool } from "./types";

/** Less than this is not worth a word. */
const CHANCE_MIN = 0.01;

interface Props {
  pools: Pool[] | null;
  chosen: string | null;
  onChoose: (id: string) => void;
}

export function Pools({ pools, chosen, onChoose }: Props) {
  return (
    <section class="pools" aria-labelledby="pools-title">
      <div class="title">
        <h2 id="pools-title">Pools</h2>
        <ul class="legend steps-legend" aria-hidden="true">
          <li class="thawed">thawed</li>
          <li class="warm">warm</li>
          <li class="missed">missed</li>
        </ul>
      </div>
      <ul class="card list" aria-busy={pools === null}>
        {pools?.map((pool) => (
          <One key={pool.id} pool={pool} chosen={pool.id === chosen} onChoose={() => onChoose(pool.id)} />
        ))}
      </ul>
    </section>
  );
}

function One({ pool, chosen, onChoose }: { pool: Pool; chosen: boolean; onChoose: () => void }) {
  return (
    <li class={chosen ? "pool chosen" : "pool"} onClick={onChoose}>
      <div class="who">
        <button class="plain" aria-pressed={chosen} onClick={onChoose} title={pool.id}>
          {pool.runtime}
          {pool.imports.length > 0 && <span class="imports"> + {pool.imports.join(", ")}</span>}
        </button>
        <span class="place">
          {pool.tenant} · {pool.image}
        </span>
        <span class="chips">
          {pool.at_least > 0 && <span class="chip">at least {pool.at_least}</span>}
          {(pool.chance ?? 0) >= CHANCE_MIN && (
            <span class="chip" title="The chance of a use within the planner's coming step">
              {percent(pool.chance ?? 0)} likely soon
            </span>
          )}
          {pool.failed > 0 && <span class="chip bad">{count(pool.failed)} could not be made</span>}
        </span>
      </div>
      <Ladder pool={pool} />
      <Hits pool={pool} />
      <dl class="costs">
        <Cost name="Idle" value={memoryHours(pool.idle_gb_hours)} note={`${bytes(pool.instance_bytes)} each`} />
        <Cost
          name="Kept for"
          value={pool.keep_alive_seconds ? span(pool.keep_alive_seconds) : "–"}
          note={pool.cold_ms > 0 ? `cold takes ${milliseconds(pool.cold_ms)}` : ""}
        />
      </dl>
      {pool.why && (
        <p class="why small muted">
          {pool.why}
        </p>
      )}
    </li>
  );
}

function Cost({ name, value, note }: { name: string; value: string; note: string }) {
  return (
    <div>
      <dt class="small muted">{name}</dt>
      <dd>
        {value} <small class="muted">{note}</small>
      </dd>
    </div>
  );
}

/** From nothing to running: each step is readier than the one before, and dearer to hold. */
function Ladder({ pool }: { pool: Pool }) {
  const { waiting, frozen, running } = pool;
  const nothing = Math.max(0, pool.at_most - waiting - frozen);
  const steps = [
    { name: "nothing", has: nothing, wanted: null, about: "room for more" },
    { name: "frozen", has: frozen, wanted: pool.wanted_frozen, about: "ready, but frozen" },
    { name: "warm", has: waiting, wanted: pool.wanted_waiting, about: "ready at once" },
    { name: "running", has: running, wanted: null, about: "at work" },
  ];
  return (
    <ol class="ladder" aria-label="Instances by readiness">
      {steps.map(({ name, has, wanted, about }) => {
        const differs = wanted !== null && wanted !== has;
        return (
          <li key={name} class={has > 0 ? `at-${name}` : `at-${name} none`} title={`${has} ${about}${differs ? `; ${wanted} wanted` : ""}`}>
            <span class="count">
              {count(has)}
              {differs && (
                <small class="wanted">
                  <span aria-hidden="true">→</span>
                  <span class="unseen"> now, wanted: </span>
                  {count(wanted)}
                </small>
              )}
            </span>
            <span class="step" aria-hidden="true" />
            <span class="small muted">{name}</span>
          </li>
        );
      })}
    </ol>
  );
}

function Hits({ pool }: { pool: Pool }) {
  const hits = pool.hits_warm + pool.hits_thawed;
  const starts = hits + pool.misses;
  if (starts === 0) return <p class="hits small muted">no start yet</p>;
  const part = (of: number) => (of / starts) * 100;
  const label = `${count(pool.hits_warm)} warm, ${count(pool.hits_thawed)} thawed, ${count(pool.misses)} missed`;
  return (
    <div class="hits">
      <p>
        <strong>{percent(hits / starts)}</strong> <span class="small muted">of {count(starts)} starts</span>
      </p>
      <svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={label}>
        <rect class="warm" width={part(pool.hits_warm)} height="6" />
        <rect class="thawed" x={part(pool.hits_warm)} width={part(pool.hits_thawed)} height="6" />
        <rect class="missed" x={part(hits)} width={part(pool.misses)} height="6" />
      </svg>
      <p class="small muted" aria-hidden="true">
        {label}
      </p>
    </div>
  );
}
