/** The figures of the whole host. */

import type { ComponentChildren } from "preact";
import { amount, ago, bytes, count, percent, span } from "./format";
import type { Mode, Status } from "./types";

const NOTES: Record<Mode, string> = {
  observe: "none are made in this mode",
  recommend: "shown, not applied",
  act: "applied as they are made",
};

export function Overview({ status, now }: { status: Status | null; now: number }) {
  if (!status) {
    return (
      <section class="figures" aria-label="This host" aria-busy="true">
        {[0, 1, 2, 3, 4].map((index) => (
          <div key={index} class="figure card ghost" />
        ))}
      </section>
    );
  }
  const { capacity, saved_today: saved } = status;
  const age = status.last_sample_age_seconds;
  const fresh = age === null ? "no sample yet" : age < 3 ? "sampled just now" : `last sample ${span(age)} ago`;
  return (
    <>
      <section class="figures" aria-label="This host">
        <Figure name="Targets" value={count(status.targets)} note={fresh} />
        <Meter
          name="CPU"
          used={capacity.cpu_cores_in_use}
          allotted={capacity.cpu_cores_allotted}
          total={capacity.cpu_cores}
          unit="cores"
        />
        <Meter
          name="Memory"
          used={capacity.memory_bytes_in_use}
          allotted={capacity.memory_bytes_allotted}
          total={capacity.memory_bytes}
          unit="bytes"
        />
        <Figure
          name="Decisions today"
          value={count(status.decisions_today)}
          note={status.kill_switch ? "stopped by the kill switch" : NOTES[status.mode]}
        />
        <Figure
          name="Given back today"
          value={`${saved.cpu_core_hours.toFixed(1)} core-hours`}
          note={`and ${saved.memory_gib_hours.toFixed(1)} GiB-hours of memory`}
        />
      </section>
      {status.degraded.length > 0 && (
        <details class="degraded">
          <summary>
            {status.degraded.length === 1 ? "1 part does" : `${status.degraded.length} parts do`} not work on this host:{" "}
            {status.degraded.map((part) => part.what).join(", ")}
          </summary>
          <dl>
            {status.degraded.map((part) => (
              <div key={part.what}>
                <dt>{part.what}</dt>
                <dd>
                  {part.why}. To mend it: {part.remedy}.
                </dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      <p class="small muted running">
        forerun {status.version}, started {ago(status.started_at, now)} · {count(status.samples_total)} samples ·{" "}
        {bytes(status.store.bytes)} kept
        {status.engine_step_ms !== null && <> · last step {status.engine_step_ms.toFixed(1)} ms</>}
      </p>
    </>
  );
}

function Figure({ name, value, note }: { name: string; value: ComponentChildren; note: string }) {
  return (
    <div class="figure card">
      <h2>{name}</h2>
      <p class="value">{value}</p>
      <p class="small muted">{note}</p>
    </div>
  );
}

/** Use and allotment as parts of what the host has. */
function Meter(props: { name: string; used: number; allotted: number; total: number; unit: string }) {
  const share = (value: number) => (props.total > 0 ? Math.min(1, value / props.total) : 0);
  const total = props.unit === "cores" ? String(Math.round(props.total)) : amount(props.total, props.unit).replace(".0 ", " ");
  return (
    <div class="figure card">
      <h2>{props.name} in use</h2>
      <p class="value">
        {amount(props.used, props.unit, true)} <span class="of">of {total}{props.unit === "cores" && " cores"}</span>
      </p>
      <svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="whole" width="100" height="6" />
        <rect class="allotted" width={share(props.allotted) * 100} height="6" />
        <rect class="used" width={share(props.used) * 100} height="6" />
      </svg>
      <p class="small muted">
        {amount(props.allotted, props.unit)} allotted, {percent(share(props.allotted))}
      </p>
    </div>
  );
}
