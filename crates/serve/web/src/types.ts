/** The wire types that the page reads; the whole is in `/openapi.json`. */

export type Mode = "observe" | "recommend" | "act";
export type MetricName = "cpu" | "mem" | "disk_read" | "disk_write" | "net_rx" | "net_tx" | "gpu" | "gpu_mem" | "app";
/** A number in the resource's unit, or no limit. */
export type Amount = number | "unlimited";

export interface Status {
  version: string;
  host: string;
  started_at: string;
  mode: Mode;
  kill_switch: boolean;
  targets: number;
  samples_total: number;
  decisions_today: number;
  last_sample_age_seconds: number | null;
  engine_step_ms: number | null;
  capacity: {
    cpu_cores: number;
    cpu_cores_in_use: number;
    cpu_cores_allotted: number;
    memory_bytes: number;
    memory_bytes_in_use: number;
    memory_bytes_allotted: number;
  };
  saved_today: { cpu_core_hours: number; memory_gib_hours: number };
  store: { bytes: number; samples: number };
  degraded: { what: string; why: string; remedy: string }[];
}

export interface Quantiles {
  p10: number;
  p50: number;
  p80: number;
  p90: number;
  p95: number;
  p99: number;
  p999: number;
}

export interface Forecast {
  horizon_seconds: number;
  quantiles: Quantiles;
  member: string;
  coverage: number | null;
}

export interface Metric {
  metric: MetricName;
  unit: string;
  current: number | null;
  forecast: Forecast | null;
  members: { member: string; loss: number | null; weight: number }[];
}

export interface Knob {
  resource: string;
  unit: string;
  in_use: number | null;
  limit: Amount;
  recommended: Amount | null;
  wait: string | null;
  wait_detail: string | null;
  in_flight: number | null;
}

export interface Target {
  id: string;
  kind: string;
  tier: string;
  application: string | null;
  mode: Mode;
  bounds: {
    cpu_cores_min: number | null;
    cpu_cores_max: number | null;
    memory_bytes_min: number | null;
    memory_bytes_max: number | null;
  };
  resources: Knob[];
  metrics: Metric[];
  throttled_share: number | null;
  oom_kills: number;
}

export interface TargetPage {
  targets: Target[];
  total: number;
  next: string | null;
}

export interface Outcome {
  state: string;
  detail: string | null;
}

export interface Decision {
  ticket: number;
  at: string;
  target: string;
  resource: string;
  unit: string;
  before: Amount;
  after: Amount;
  mode: Mode;
  trigger: { kind: string; announcement: number | null; after_ticket: number | null };
  outcome: Outcome;
  because: {
    text: string;
    level: number;
    margin: number;
    in_use: number;
    wanted: number;
    caps: string[];
    figures: {
      chance: number;
      seconds_saved: number;
      make_cost_unit_seconds: number;
      hold_cost_unit_seconds: number;
    };
  };
  undoes: number | null;
  undone_by: number | null;
  undoable: boolean;
}

export interface DecisionPage {
  decisions: Decision[];
  next: number | null;
}

type Column = (number | null)[];

export interface Series {
  unit: string;
  step_seconds: number;
  horizon_seconds: number | null;
  t: number[];
  in_use: Column;
  limit: Column;
  p50: Column;
  p90: Column;
  p99: Column;
  throttled_share: Column;
}

/** Instances that are kept ready and are alike. */
export interface Pool {
  id: string;
  tenant: string;
  image: string;
  runtime: string;
  imports: string[];
  waiting: number;
  frozen: number;
  wanted_waiting: number;
  wanted_frozen: number;
  at_least: number;
  at_most: number;
  running: number;
  hits_warm: number;
  hits_thawed: number;
  misses: number;
  failed: number;
  evicted: number;
  idle_gb_hours: number;
  idle_bytes: number;
  instance_bytes: number;
  cold_ms: number;
  chance: number | null;
  keep_alive_seconds: number | null;
  why: string | null;
}

export interface PoolPage {
  lambda: number;
  memory_bytes: number;
  memory_max_bytes: number;
  pools: Pool[];
}

export interface CurvePoint {
  lambda: number;
  hit_percent: number;
  idle_gb_hours: number;
  current: boolean;
}

export interface PoolCurve {
  pool: string;
  uses: number;
  steps: number;
  points: CurvePoint[];
}

export interface RunOutput {
  stdout_base64: string;
  stderr_base64: string;
  truncated: boolean;
}

export interface Run {
  id: number;
  pool: string;
  runtime: string;
  name: string;
  state: "running" | "finished" | "failed";
  start: { path: string; why: string | null } | null;
  stages: { stage: string; ms: number }[];
  exit: { kind: string; code: number | null } | null;
  error: string | null;
  peak_memory_bytes: number | null;
  cpu_seconds: number | null;
  began_at: string;
  ended_at: string | null;
  /** Only where one run is asked for. */
  output: RunOutput | null;
}

/** An event of `/v1/events`. */
export type Event =
  | { name: "status"; data: Status }
  | { name: "sampled"; data: { at: string; targets: number } }
  | { name: "target"; data: Target }
  | { name: "target_gone"; data: { id: string } }
  | { name: "decision"; data: Decision }
  | { name: "done"; data: { ticket: number; outcome: Outcome; undone_by: number | null } }
  | { name: "mode"; data: { mode: Mode; planner?: string; target?: string } }
  | { name: "kill_switch"; data: { engaged: boolean } }
  | { name: "announced"; data: unknown }
  | { name: "lagged"; data: { missed: number } };
