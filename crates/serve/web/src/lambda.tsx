/** The lambda slider: what a pool's own history would have come to under another price of waiting, before it is set. */

import { useEffect, useState } from "preact/hooks";
import { api, Problem } from "./api";
import { Curve } from "./curve";
import { count, memoryHours } from "./format";
import type { CurvePoint, Pool, PoolCurve } from "./types";

const REFRESH_MS = 15_000;
/** The largest that the daemon takes. */
const LAMBDA_MAX = 1_000_000;

interface Props {
  pool: Pool;
  lambda: number;
  fail: (error: unknown) => void;
  onApply: (lambda: number) => Promise<void>;
}

export function Lambda({ pool, lambda, fail, onApply }: Props) {
  const [curve, setCurve] = useState<PoolCurve | null>(null);
  const [chosen, setChosen] = useState<number | null>(null);
  const [applying, setApplying] = useState(false);

  useEffect(() => {
    const abort = new AbortController();
    const read = () =>
      api.curve(pool.id, abort.signal).then(setCurve, (error) => {
        if (!abort.signal.aborted && !(error instanceof Problem && error.status === 404)) fail(error);
      });
    void read();
    const timer = setInterval(read, REFRESH_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [pool.id, lambda]);

  const takeable = curve?.points.filter((point) => point.lambda <= LAMBDA_MAX) ?? [];
  const points = takeable.sort((one, other) => one.lambda - other.lambda);
  const current = currentOf(points, lambda);
  const at = points.find((point) => point.lambda === chosen) ?? current;
  const apply = async (wanted: number) => {
    setApplying(true);
    // As it is shown: a figure to read, to remember and to type.
    await onApply(Number(wanted.toPrecision(3)));
    setApplying(false);
  };
  return (
    <section class="lambda" aria-labelledby="lambda-title">
      <div class="title">
        <h2 id="lambda-title">What waiting is worth</h2>
        <span class="small muted">lambda {figure(lambda)} now, for all pools</span>
      </div>
      <div class="card plot">
        <p class="lead small muted">
          <strong class="ink">
            {pool.runtime}
            {pool.imports.length > 0 && ` + ${pool.imports.join(", ")}`}
          </strong>{" "}
          of {pool.tenant}
          {curve && curve.uses > 0 && `: ${count(curve.uses)} uses in ${count(curve.steps)} steps, replayed`}
        </p>
        {!curve && <div class="chart curve ghost" aria-busy="true" />}
        {curve && (curve.uses === 0 || !at || !current) && (
          <p class="empty">
            <strong>It has no history yet.</strong> A few minutes after the first runs this shows what every lambda would
            have come to; until then nobody can know.
          </p>
        )}
        {curve && curve.uses > 0 && at && current && (
          <>
            {differ(points) ? (
              <Curve points={points} current={current} at={at} onPoint={(point) => setChosen(point.lambda)} />
            ) : (
              <p class="empty">
                <strong>So far every lambda would have come to the same.</strong> The history is too short, or the uses too
                rare, to tell them apart.
              </p>
            )}
            <Slider points={points} at={at} onPoint={(point) => setChosen(point.lambda)} />
            <p class="outcome" aria-live="polite">
              <span>
                At lambda {figure(at.lambda)}: <strong>{hits(at)}</strong> hits,{" "}
                <strong>{memoryHours(at.idle_gb_hours)}</strong> idle
              </span>
              <span class="muted">
                now {hits(current)}, {memoryHours(current.idle_gb_hours)}
              </span>
            </p>
            <div class="apply">
              {at !== current && (
                <button class="quiet" onClick={() => setChosen(null)}>
                  Back to now
                </button>
              )}
              <button class="primary" disabled={at === current || applying} onClick={() => apply(at.lambda)}>
                {applying ? "Applying…" : "Apply"}
              </button>
            </div>
          </>
        )}
      </div>
    </section>
  );
}

/** The point in force: the one that says so, or else the one whose lambda is nearest. */
function currentOf(points: CurvePoint[], lambda: number): CurvePoint | undefined {
  const distance = (point: CurvePoint) => Math.abs(Math.log(point.lambda / lambda));
  const nearest = () =>
    points.reduce<CurvePoint | undefined>(
      (best, point) => (best && distance(best) <= distance(point) ? best : point),
      undefined,
    );
  return points.find((point) => point.current) ?? nearest();
}

/** Whether there is a curve at all. */
function differ(points: CurvePoint[]): boolean {
  const [first] = points;
  return points.some((point) => point.hit_percent !== first?.hit_percent || point.idle_gb_hours !== first.idle_gb_hours);
}

function Slider(props: { points: CurvePoint[]; at: CurvePoint; onPoint: (point: CurvePoint) => void }) {
  const { points, at, onPoint } = props;
  return (
    <label class="slider">
      <span class="unseen">Lambda</span>
      <input
        type="range"
        min={0}
        max={points.length - 1}
        step={1}
        value={points.indexOf(at)}
        aria-valuetext={`lambda ${figure(at.lambda)}: ${hits(at)} hits, ${memoryHours(at.idle_gb_hours)} idle`}
        onInput={(event) => {
          const point = points[event.currentTarget.valueAsNumber];
          if (point) onPoint(point);
        }}
      />
      <span class="ends small muted" aria-hidden="true">
        <span>hold less</span>
        <span>lambda {figure(at.lambda)}</span>
        <span>wait less</span>
      </span>
    </label>
  );
}

function hits(point: CurvePoint): string {
  // Two nines differ where two whole percents do not.
  return `${point.hit_percent.toFixed(point.hit_percent >= 99.5 && point.hit_percent < 100 ? 2 : 1)}\u00a0%`;
}

function figure(lambda: number): string {
  return lambda >= 1_000 ? count(lambda) : String(Number(lambda.toPrecision(3)));
}
