/** Instances that are kept ready: the pools, what holding them costs and saves, and what ran in them. */

import { useCallback, useEffect, useState } from "preact/hooks";
import { api, Problem } from "./api";
import { bytes, count, memoryHours, percent } from "./format";
import type { Act } from "./header";
import { Lambda } from "./lambda";
import { Pools } from "./pools";
import { Runs } from "./runs";
import type { Pool, PoolPage, Run } from "./types";

const REFRESH_MS = 2_000;
const RUNS = 30;

interface Props {
  now: number;
  act: Act;
  fail: (error: unknown) => void;
}

export function Warm({ now, act, fail }: Props) {
  const [page, setPage] = useState<PoolPage | null>(null);
  const [runs, setRuns] = useState<Run[] | null>(null);
  const [absent, setAbsent] = useState<Problem | null>(null);
  const [chosen, setChosen] = useState<string | null>(null);

  const read = useCallback(async () => {
    try {
      const [pools, list] = await Promise.all([api.pools(), api.runs(RUNS)]);
      setPage(pools);
      setRuns(list.runs);
      setAbsent(null);
    } catch (error) {
      // That a host cannot keep instances is a state of the page, not a fault to report every two seconds.
      if (error instanceof Problem && error.status === 503) setAbsent(error);
      else fail(error);
    }
  }, [fail]);
  useEffect(() => {
    document.title = "Warm · forerun";
    void read();
    const timer = setInterval(read, REFRESH_MS);
    return () => {
      document.title = "forerun";
      clearInterval(timer);
    };
  }, [read]);

  if (absent) return <Absent problem={absent} />;
  const pool = page?.pools.find((one) => one.id === chosen) ?? busiest(page?.pools ?? []);
  return (
    <>
      <h1 class="unseen">Warm instances</h1>
      {page?.pools.length === 0 ? (
        <Nothing />
      ) : (
        <>
          <Figures page={page} />
          <div class="columns warm">
            <Pools pools={page?.pools ?? null} chosen={pool?.id ?? null} onChoose={setChosen} />
            {page && pool && (
              <Lambda
                key={pool.id}
                pool={pool}
                lambda={page.lambda}
                fail={fail}
                onApply={(lambda) =>
                  act(
                    () => api.setLambda(lambda).then(read),
                    `Lambda is ${lambda} now: it holds for all pools, from the next step on.`,
                  )
                }
              />
            )}
          </div>
        </>
      )}
      {(runs === null || runs.length > 0 || (page !== null && page.pools.length > 0)) && <Runs runs={runs} now={now} act={act} />}
    </>
  );
}

function busiest(pools: Pool[]): Pool | undefined {
  const uses = (pool: Pool) => pool.hits_warm + pool.hits_thawed + pool.misses;
  return pools.reduce<Pool | undefined>((best, pool) => (best && uses(best) >= uses(pool) ? best : pool), undefined);
}

function Absent({ problem }: { problem: Problem }) {
  return (
    <div class="card empty warm-empty">
      <h1>Warm instances</h1>
      <p>
        <strong>Nothing is kept ready: {problem.message}.</strong>
      </p>
      <p>
        To keep code ready before it is asked for, forerun needs namespaces and control groups of this host;{" "}
        <code>forerun doctor</code> says which of them are missing and how to allow them.
      </p>
    </div>
  );
}

function Nothing() {
  return (
    <div class="card empty warm-empty">
      <h2>Nothing has run yet</h2>
      <p>
        forerun runs code in a sandbox that was ready before it was asked for. The first run makes a pool; from then on
        forerun learns when the next is due, and keeps as many instances ready as are worth their memory.
      </p>
      <pre>
        <code>forerun run hello.py</code>
        <code>forerun run --runtime node job.js</code>
        <code>forerun pool ls</code>
      </pre>
      <p>
        Or over HTTP: <code>POST /v1/runs</code>, described in <code>/openapi.json</code>.
      </p>
    </div>
  );
}

function Figures({ page }: { page: PoolPage | null }) {
  if (!page) {
    return (
      <section class="figures warm-figures" aria-label="All pools" aria-busy="true">
        {[0, 1, 2, 3].map((index) => (
          <div key={index} class="figure card ghost" />
        ))}
      </section>
    );
  }
  const sum = (of: (pool: Pool) => number) => page.pools.reduce((total, pool) => total + of(pool), 0);
  const hits = sum((pool) => pool.hits_warm + pool.hits_thawed);
  const starts = hits + sum((pool) => pool.misses);
  const share = page.memory_max_bytes > 0 ? Math.min(1, page.memory_bytes / page.memory_max_bytes) : 0;
  const waiting = sum((pool) => pool.waiting);
  const frozen = sum((pool) => pool.frozen);
  const [held, unit] = memoryHours(sum((pool) => pool.idle_gb_hours)).split("\u00a0");
  return (
    <section class="figures warm-figures" aria-label="All pools">
      <div class="figure card">
        <h2>Ready now</h2>
        <p class="value">
          {count(waiting + frozen)} <span class="of">{waiting + frozen === 1 ? "instance" : "instances"}</span>
        </p>
        <p class="small muted">
          {count(waiting)} warm, {count(frozen)} frozen; {count(sum((pool) => pool.running))} at work
        </p>
      </div>
      <div class="figure card">
        <h2>Starts that found one ready</h2>
        <p class="value">{starts === 0 ? "–" : percent(hits / starts)}</p>
        <p class="small muted">{starts === 0 ? "no start yet" : `${count(hits)} of ${count(starts)} starts`}</p>
      </div>
      <div class="figure card">
        <h2>Memory they hold</h2>
        <p class="value">
          {bytes(page.memory_bytes)}{" "}
          {page.memory_max_bytes > 0 && <span class="of">of {bytes(page.memory_max_bytes)}</span>}
        </p>
        <svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
          <rect class="whole" width="100" height="6" />
          <rect class="used" width={share * 100} height="6" />
        </svg>
        <p class="small muted">{share > 0 && share < 0.001 ? "< 0.1\u00a0%" : percent(share)} of what all pools may hold</p>
      </div>
      <div class="figure card">
        <h2>Held in vain so far</h2>
        <p class="value">
          {held} <span class="of">{unit}</span>
        </p>
        <p class="small muted">memory of instances while none was used</p>
      </div>
    </section>
  );
}
