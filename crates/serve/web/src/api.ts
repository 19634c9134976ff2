/** Talks to the daemon: requests with the token, problems as errors, events as a stream. */

import type {
  Decision,
  DecisionPage,
  Event,
  MetricName,
  Mode,
  PoolCurve,
  PoolPage,
  Run,
  Series,
  Status,
  Target,
  TargetPage,
} from "./types";

const TOKEN = "forerun.token";

/**
 * Takes the token from a login link (`/#token=...`), if the address is one, and removes it from the address bar and the
 * history. Says whether there was one.
 */
export function takeTokenFromLink(): boolean {
  const found = /^#token=([\w.-]+)$/.exec(location.hash);
  if (!found?.[1]) return false;
  sessionStorage.setItem(TOKEN, found[1]);
  history.replaceState(null, "", location.pathname);
  return true;
}

export const token = {
  get: () => sessionStorage.getItem(TOKEN),
  set: (text: string) => sessionStorage.setItem(TOKEN, text),
  clear: () => sessionStorage.removeItem(TOKEN),
};

/** A problem document, or that the daemon could not be reached (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

async function send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { Authorization: `Bearer ${token.get() ?? ""}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method === "POST") headers["Idempotency-Key"] = key();
  const init: RequestInit = { method, headers, cache: "no-store" };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (signal) init.signal = signal;
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "The daemon does not answer.", "Is it running? forerun status");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(
    response.status,
    problem.detail ?? `The daemon answered ${response.status}.`,
    problem.remedy ?? "See the daemon's log.",
  );
}

function key(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16)).join("-");
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await send("GET", path, undefined, signal)).json();
}

const at = (id: string) => `/v1/targets/${encodeURIComponent(id)}`;

export const api = {
  status: () => get<Status>("/v1/status"),
  targets: (filter: string, limit: number) => {
    const query = new URLSearchParams({ limit: String(limit) });
    if (filter) query.set("filter", filter);
    return get<TargetPage>(`/v1/targets?${query}`);
  },
  target: (id: string) => get<Target>(at(id)),
  series: (id: string, metric: MetricName, seconds: number, points: number, signal?: AbortSignal) => {
    const step = Math.max(1, Math.round(seconds / points));
    const to = Math.floor(Date.now() / 1000);
    const from = to - seconds;
    return get<Series>(`${at(id)}/series?metric=${metric}&from=${from}&to=${to}&step_seconds=${step}`, signal);
  },
  decisions: (target?: string) => {
    const query = new URLSearchParams({ limit: "50" });
    if (target) query.set("target", target);
    return get<DecisionPage>(`/v1/decisions?${query}`);
  },
  undo: async (ticket: number): Promise<Decision> => (await send("POST", `/v1/decisions/${ticket}/undo`)).json(),
  pools: () => get<PoolPage>("/v1/pools"),
  curve: (pool: string, signal?: AbortSignal) => get<PoolCurve>(`/v1/pools/${encodeURIComponent(pool)}/curve`, signal),
  runs: (limit: number) => get<{ runs: Run[] }>(`/v1/runs?limit=${limit}`),
  run: (id: number) => get<Run>(`/v1/runs/${id}`),
  stopRun: (id: number) => send("DELETE", `/v1/runs/${id}`),
  setLambda: (lambda: number) => send("PUT", "/v1/lambda", { lambda }),
  setMode: (mode: Mode, target?: string) => send("PUT", "/v1/mode", target ? { mode, target } : { mode }),
  setKillSwitch: (engaged: boolean) => send("PUT", "/v1/kill-switch", { engaged }),
};

/**
 * Reads events until `signal` aborts, reconnecting with growing pauses. EventSource cannot send a token, so the stream
 * is read with fetch.
 */
export async function listen(
  signal: AbortSignal,
  onEvent: (event: Event) => void,
  onLive: (live: boolean) => void,
  onRefused: (problem: Problem) => void,
): Promise<void> {
  let pause = 500;
  while (!signal.aborted) {
    try {
      const response = await send("GET", "/v1/events", undefined, signal);
      onLive(true);
      pause = 500;
      await readEvents(response, onEvent);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status === 401) return onRefused(error);
    }
    onLive(false);
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, 15_000);
  }
}

async function readEvents(response: Response, onEvent: (event: Event) => void): Promise<void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const lines = part.split("\n");
      const name = lines.find((line) => line.startsWith("event:"))?.slice(6).trim();
      const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
      if (name && data.length) onEvent({ name, data: JSON.parse(data.join("\n")) } as Event);
    }
  }
}
