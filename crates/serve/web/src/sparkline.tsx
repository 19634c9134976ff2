/** The last hour of one metric in small (the last minutes while there is no more): use as an area, the limit as a step, the forecast p99 as a dashed line. */

import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "./api";
import type { MetricName, Series } from "./types";

const WIDTH = 200;
const HEIGHT = 44;
const REACH_SECONDS = 3_600;
/** What is shown while the hour would be almost empty. */
const SHORT_SECONDS = 300;
const POINTS = 60;
const POINTS_MIN = 8;
const REFRESH_MS = 30_000;

/** Whether the element is on the screen: what nobody sees is not read. */
function useSeen(): [RefObject<HTMLDivElement | null>, boolean] {
  const element = useRef<HTMLDivElement>(null);
  const [seen, set] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => set(entry?.isIntersecting ?? false), { rootMargin: "200px" });
    if (element.current) observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, seen];
}

export function Sparkline({ id, metric, label }: { id: string; metric: MetricName; label: string }) {
  const [element, seen] = useSeen();
  const [series, set] = useState<Series | null>(null);
  useEffect(() => {
    if (!seen) return;
    const abort = new AbortController();
    // One that fails is left as it was: the list says what is wrong.
    const read = async () => {
      const hour = await api.series(id, metric, REACH_SECONDS, POINTS, abort.signal);
      set(known(hour) < POINTS_MIN ? await api.series(id, metric, SHORT_SECONDS, POINTS, abort.signal) : hour);
    };
    const attempt = () => void read().catch(() => undefined);
    attempt();
    const timer = setInterval(attempt, REFRESH_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [id, metric, seen]);
  return (
    <div ref={element} class="spark">
      {series && series.t.length > 1 && <Drawn series={series} label={label} />}
    </div>
  );
}

/** How many steps have a value. */
export function known(series: Series): number {
  return series.in_use.filter((value) => value !== null).length;
}

function Drawn({ series, label }: { series: Series; label: string }) {
  const end = series.t[series.t.length - 1]!;
  const reach = Math.max(end - series.t[0]!, 1);
  const x = (t: number) => WIDTH - ((end - t) / reach) * WIDTH;
  const used = series.in_use.filter((value) => value !== null);
  const p99 = series.p99.filter((value) => value !== null);
  const limits = series.limit.filter((value) => value !== null);
  // A limit far above all use would press the use flat: it is left out of the scale then.
  const high = Math.max(...used, ...p99, Number.MIN_VALUE);
  const limit = Math.max(0, ...limits);
  const top = (limit > high * 4 ? high : Math.max(high, limit)) * 1.06;
  const y = (value: number) => HEIGHT - 1 - (Math.min(value, top * 1.2) / top) * (HEIGHT - 3);
  const line = (column: (number | null)[], stepped: boolean) => {
    let path = "";
    let last: number | null = null;
    series.t.forEach((t, index) => {
      const value = column[index] ?? null;
      if (value !== null) {
        if (last === null) path += `M${x(t).toFixed(1)} ${y(value).toFixed(1)}`;
        else if (stepped) path += `H${x(t).toFixed(1)}V${y(value).toFixed(1)}`;
        else path += `L${x(t).toFixed(1)} ${y(value).toFixed(1)}`;
      }
      last = value;
    });
    return path;
  };
  const usePath = line(series.in_use, false);
  const start = series.t.find((_, index) => series.in_use[index] !== null) ?? end;
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path class="area" d={`${usePath}V${HEIGHT}H${x(start).toFixed(1)}Z`} />
      <path class="p99" d={line(series.p99, false)} />
      <path class="limit" d={line(series.limit, true)} />
      <path class="use" d={usePath} />
    </svg>
  );
}
